/* Addresses are left to inet_pton, which takes no abbreviation: "127.1" and "0x7f000001" would mean
 * loopback to one reader and a name to the next. For the same reason a name must not look like a
 * number: its last label may not start with a digit (as in the URL standard of WHATWG). */
#include "config/authority.h"

#include "base/num.h"

#include <arpa/inet.h>
#include <string.h>

#define NAME_MAX_BYTES 253
#define LABEL_MAX_BYTES 63

static bool parse_address(int family, struct str s, void *ret)
{
    char text[INET6_ADDRSTRLEN];
    if (s.n == 0 || s.n >= sizeof(text) || str_has(s, '\0'))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(family, text, ret) == 1;
}

static bool is_label(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
            return false;
    }
    return s.n > 0 && s.n <= LABEL_MAX_BYTES && s.p[0] != '-' && s.p[s.n - 1] != '-';
}

static bool is_name(struct str s)
{
    if (s.n == 0 || s.n > NAME_MAX_BYTES)
        return false;
    struct str rest = s, label;
    do {
        label = str_cut(&rest, '.');
        if (!is_label(label))
            return false;
    } while (rest.p);
    return !ascii_is_digit(label.p[0]);
}

static bool parse_port(struct str s, struct authority *au, const char **ret_wrong)
{
    uint32_t port;
    if (s.n > 5 || !num_parse_u32(s, &port) || port > UINT16_MAX) {
        *ret_wrong = "has a port that is not a number from 0 to 65535";
        return false;
    }
    au->has_port = true;
    au->port = (uint16_t)port;
    return true;
}

/* Cuts the host off *rest and says in au->kind what it looks like. */
static bool cut_host(struct str *rest, struct authority *au, const char **ret_wrong)
{
    au->kind = AUTHORITY_NAME;
    if (str_starts(*rest, STR("["))) {
        au->kind = AUTHORITY_IPV6;
        size_t end = str_find(*rest, ']');
        if (end == STR_NPOS) {
            *ret_wrong = "has a [ without its ]";
            return false;
        }
        au->host = str_from_to(*rest, 1, end);
        *rest = str_skip(*rest, end + 1);
        return true;
    }
    size_t end = str_find(*rest, ':');
    au->host = str_from_to(*rest, 0, end == STR_NPOS ? rest->n : end);
    *rest = str_skip(*rest, au->host.n);
    if (rest->n > 0 && str_has(str_skip(*rest, 1), ':')) {
        *ret_wrong = "has too many colons; an IPv6 address stands in brackets, such as [::1]:8000";
        return false;
    }
    return true;
}

bool authority_parse(struct str s, struct authority *ret, const char **ret_wrong)
{
    struct authority au = { .has_port = false };
    uint8_t address[sizeof(struct in6_addr)];
    struct str rest = s;
    if (!cut_host(&rest, &au, ret_wrong))
        return false;
    if (au.kind == AUTHORITY_IPV6) {
        *ret_wrong = "has brackets around what is no IPv6 address";
        if (!parse_address(AF_INET6, au.host, address))
            return false;
    } else if (au.host.n == 0) {
        *ret_wrong = "has no host";
        return false;
    } else if (parse_address(AF_INET, au.host, address)) {
        au.kind = AUTHORITY_IPV4;
    } else if (!is_name(au.host)) {
        *ret_wrong = "has a host that is neither an IP address nor a name";
        return false;
    }
    if (rest.n > 0) {
        *ret_wrong = "has something behind its ] that is no port";
        if (rest.p[0] != ':' || !parse_port(str_skip(rest, 1), &au, ret_wrong))
            return false;
    }
    *ret = au;
    return true;
}

bool authority_is_loopback(const struct authority *au)
{
    uint8_t address[sizeof(struct in6_addr)];
    switch (au->kind) {
    case AUTHORITY_IPV4:
        return parse_address(AF_INET, au->host, address) && address[0] == 127;
    case AUTHORITY_IPV6:
        return parse_address(AF_INET6, au->host, address) &&
               memcmp(address, &in6addr_loopback, sizeof(address)) == 0;
    case AUTHORITY_NAME:
        return str_eq_nocase(au->host, STR("localhost"));
    }
    return false;
}

bool authority_is_any(const struct authority *au)
{
    static const uint8_t v4_mapped[sizeof(struct in6_addr)] = { [10] = 0xff, [11] = 0xff };
    uint8_t address[sizeof(struct in6_addr)];
    switch (au->kind) {
    case AUTHORITY_IPV4:
        return parse_address(AF_INET, au->host, address) &&
               memcmp(address, &in6addr_any, sizeof(struct in_addr)) == 0;
    case AUTHORITY_IPV6:
        return parse_address(AF_INET6, au->host, address) &&
               (memcmp(address, &in6addr_any, sizeof(address)) == 0 ||
                   memcmp(address, v4_mapped, sizeof(address)) == 0);
    case AUTHORITY_NAME:
        return false;
    }
    return false;
}
