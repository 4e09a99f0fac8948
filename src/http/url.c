/* A path has one spelling after this: what two programs might resolve in two ways (encoded slashes,
 * dot segments, backslashes, bytes that are not UTF-8) is refused instead of repaired. */
#include "http/url.h"

#include "base/num.h"

#include <string.h>

#define AUTHORITY_MAX 262 /* 255 of a DNS name, ':' and a port */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of "%XX" at s, or -1. */
static int percent_byte(struct str s)
{
    if (s.n < 3)
        return -1;
    int hi = hex_value(s.p[1]), lo = hex_value(s.p[2]);
    return hi < 0 || lo < 0 ? -1 : hi * 16 + lo;
}

static bool is_visible(char c)
{
    return c > 0x20 && c < 0x7f;
}

static bool all_visible(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_visible(s.p[i]))
            return false;
    return true;
}

/* True when the path stands as it is: no escape, no empty segment, none that begins with a dot. */
static bool is_plain(struct str path)
{
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];
        if (c == '%' || c == '\\' || c == '#' || !is_visible(c))
            return false;
        if (c == '/' && i + 1 < path.n && (path.p[i + 1] == '/' || path.p[i + 1] == '.'))
            return false;
    }
    return true;
}

static bool has_dot_segment(struct str path)
{
    struct str rest = str_skip(path, 1);
    while (rest.p) {
        struct str segment = str_cut(&rest, '/');
        if (str_eq(segment, STR(".")) || str_eq(segment, STR("..")))
            return true;
    }
    return false;
}

static int decode_path(struct arena *a, struct str raw, struct str *ret, struct err *e)
{
    char *out = arena_alloc(a, raw.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        int c = (unsigned char)raw.p[i];
        if (c == '%') {
            c = percent_byte(str_skip(raw, i));
            if (c < 0)
                return err_set(e, ERR_INVALID, "the path has a %% without two hex digits");
            if (c == '/' || c == '\\' || c < 0x20 || c == 0x7f)
                return err_set(e, ERR_INVALID, "the path has an escaped slash or control byte");
            i += 2;
        } else if (c == '\\' || c == '#' || !is_visible((char)c)) {
            return err_set(e, ERR_INVALID, "the path has a byte that must be escaped");
        } else if (c == '/' && n > 0 && out[n - 1] == '/') {
            continue;
        }
        out[n++] = (char)c;
    }
    out[n] = 0;
    struct str path = { out, n };
    if (!utf8_valid(path))
        return err_set(e, ERR_INVALID, "the path is not UTF-8");
    if (has_dot_segment(path))
        return err_set(e, ERR_INVALID, "the path has a \".\" or \"..\" segment");
    *ret = path;
    return 0;
}

/* Cuts "http://authority" off the front of an absolute-form target. */
static int cut_authority(struct arena *a, struct str *target, struct str *ret, struct err *e)
{
    size_t scheme = str_starts_nocase(*target, STR("http://"))    ? 7
                    : str_starts_nocase(*target, STR("https://")) ? 8
                                                                  : 0;
    if (scheme == 0)
        return err_set(e, ERR_INVALID, "the request target must begin with a slash");
    struct str rest = str_skip(*target, scheme);
    size_t end = 0;
    while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
        end++;
    if (url_check_authority(a, str_from_to(rest, 0, end), ret, e) < 0)
        return -1;
    *target = str_skip(rest, end);
    return 0;
}

int url_parse_target(struct arena *a, struct str target, struct str *ret_authority,
    struct str *ret_path, struct str *ret_query, struct err *e)
{
    struct str authority = STR_NONE, path = target, query = STR_NONE, decoded;
    if (target.n == 0)
        return err_set(e, ERR_INVALID, "the request target is empty");
    if (target.p[0] != '/' && cut_authority(a, &path, &authority, e) < 0)
        return -1;
    size_t mark = str_find(path, '?');
    if (mark != STR_NPOS) {
        query = str_skip(path, mark + 1);
        if (query.n == 0)
            query.p = "";
        path = str_from_to(path, 0, mark);
        if (!all_visible(query) || str_has(query, '#'))
            return err_set(e, ERR_INVALID, "the query has a byte that must be escaped");
    }
    if (path.n == 0)
        decoded = STR("/");
    else if (is_plain(path))
        decoded = path;
    else if (decode_path(a, path, &decoded, e) < 0)
        return -1;
    *ret_authority = authority;
    *ret_path = decoded;
    *ret_query = query;
    return 0;
}

static int decode_query_part(struct arena *a, struct str raw, struct str *ret, struct err *e)
{
    if (raw.n == 0 || (!str_has(raw, '%') && !str_has(raw, '+'))) {
        *ret = raw.p ? raw : STR("");
        return 0;
    }
    char *out = arena_alloc(a, raw.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        int c = raw.p[i] == '+' ? ' ' : (unsigned char)raw.p[i];
        if (c == '%') {
            c = percent_byte(str_skip(raw, i));
            i += 2;
            if (c < 0)
                return err_set(e, ERR_INVALID, "the query has a %% without two hex digits");
            if (c == 0)
                return err_set(e, ERR_INVALID, "the query has an escaped NUL byte");
        }
        out[n++] = (char)c;
    }
    out[n] = 0;
    if (!utf8_valid((struct str){ out, n }))
        return err_set(e, ERR_INVALID, "the query is not UTF-8");
    *ret = (struct str){ out, n };
    return 0;
}

int url_query_get(
    struct arena *a, struct str query, struct str key, struct str *ret_value, struct err *e)
{
    while (query.n > 0) {
        struct str value = str_cut(&query, '&');
        struct str name = str_cut(&value, '=');
        struct str decoded;
        if (decode_query_part(a, name, &decoded, e) < 0)
            return -1;
        if (str_eq(decoded, key))
            return decode_query_part(a, value, ret_value, e) < 0 ? -1 : 1;
    }
    return 0;
}

static bool is_host_byte(char c, bool bracket)
{
    if (bracket)
        return ascii_is_xdigit(c) || c == ':' || c == '.';
    return ascii_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

int url_check_authority(struct arena *a, struct str authority, struct str *ret_lower, struct err *e)
{
    const char *wrong = "the host must be a name or an address, with a port or without";
    bool bracket = authority.n > 0 && authority.p[0] == '[', upper = false;
    size_t i = bracket, from = i;
    for (; i < authority.n && is_host_byte(authority.p[i], bracket); i++)
        upper = upper || (authority.p[i] >= 'A' && authority.p[i] <= 'Z');
    if (i == from || authority.n > AUTHORITY_MAX)
        return err_set(e, ERR_INVALID, "%s", wrong);
    if (bracket && (i == authority.n || authority.p[i++] != ']'))
        return err_set(e, ERR_INVALID, "%s", wrong);
    if (i < authority.n) {
        uint32_t port = 0;
        struct str digits = str_skip(authority, i + 1);
        if (authority.p[i] != ':' || digits.n > 5 || !num_parse_u32(digits, &port) || port > 65535)
            return err_set(e, ERR_INVALID, "%s", wrong);
    }
    if (upper) {
        char *out = arena_alloc(a, authority.n);
        for (size_t k = 0; k < authority.n; k++)
            out[k] = ascii_lower(authority.p[k]);
        authority.p = out;
    }
    *ret_lower = authority;
    return 0;
}
