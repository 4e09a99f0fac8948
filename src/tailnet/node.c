#include "tailnet/node.h"

#include "base/clock.h"
#include "base/num.h"
#include "tailnet/said.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define HEALTH_MAX 32 /* sentences, and bytes of each: */
#define HEALTH_TEXT_MAX 500
#define CONTROL_DEFAULT STR("https://controlplane.tailscale.com")

static int unclear(struct err *e, const char *what)
{
    return err_set(e, ERR_INVALID, "tailscaled does not say clearly how this node is: %s", what);
}

/* ---- time ---- */

static bool two_digits(struct str s, size_t at, int64_t *ret)
{
    uint32_t v;
    bool ok = num_parse_u32(str_from_to(s, at, at + 2), &v) && s.n >= at + 2;
    *ret = ok ? (int64_t)v : 0;
    return ok;
}

/* "Z", "+02:00" */
static bool parse_zone(struct str s, int64_t *ret_s)
{
    int64_t hours, minutes;
    *ret_s = 0;
    if (str_eq(s, STR("Z")))
        return true;
    if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':' ||
        !two_digits(s, 1, &hours) || !two_digits(s, 4, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_s = (hours * 60 + minutes) * 60 * (s.p[0] == '-' ? -1 : 1);
    return true;
}

/* RFC 3339 as Go writes it: with a fraction when there is one, and any zone. */
static bool parse_time(struct str s, int64_t *ret)
{
    char whole[CLOCK_RFC3339_LEN];
    int64_t zone;
    if (s.n < sizeof(whole))
        return false;
    memcpy(whole, s.p, sizeof(whole) - 1);
    whole[sizeof(whole) - 1] = 'Z';
    struct str rest = str_skip(s, sizeof(whole) - 1);
    if (!clock_parse_rfc3339((struct str){ whole, sizeof(whole) }, ret))
        return false;
    if (rest.p[0] == '.') {
        size_t n = 1;
        while (n < rest.n && ascii_is_digit(rest.p[n]))
            n++;
        if (n == 1)
            return false;
        rest = str_skip(rest, n);
    }
    if (!parse_zone(rest, &zone))
        return false;
    *ret -= zone;
    return true;
}

static int read_expiry(struct arena *a, const json_t *self, struct tailnet_node *ret, struct err *e)
{
    struct str text;
    if (said_text(a, self, "KeyExpiry", &text, e) < 0)
        return -1;
    if (text.n == 0 || str_eq(text, STR("0001-01-01T00:00:00Z")))
        return 0;
    if (!parse_time(text, &ret->key_expiry))
        return unclear(e, "KeyExpiry is no time");
    if (ret->key_expiry <= 0)
        ret->key_expiry = 1; /* long ago, where 0 would be never */
    return 0;
}

/* ---- parts of the status ---- */

/* IPv4 first, each once. */
static int read_addresses(
    struct arena *a, const json_t *root, struct tailnet_node *ret, struct err *e)
{
    struct said_texts list;
    if (said_texts(a, root, "TailscaleIPs", &list, e) < 0)
        return -1;
    ret->addresses = arena_array(a, list.n + 1, sizeof(struct str));
    for (size_t i = 0; i < list.n; i++) {
        if (!said_address(a, list.items[i], &list.items[i]))
            return unclear(e, "it has an address that is none");
    }
    for (int v6 = 0; v6 <= 1; v6++) {
        for (size_t i = 0; i < list.n; i++) {
            if (str_has(list.items[i], ':') == (v6 == 1))
                ret->addresses[ret->n_addresses++] = list.items[i];
        }
    }
    return 0;
}

/* It becomes part of URLs. */
static bool is_host_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!ascii_is_alnum(c) && c != '-' && c != '_' && (c != '.' || i == 0))
            return false;
    }
    return s.n <= 253;
}

static int read_login(struct arena *a, const json_t *root, const json_t *self,
    struct tailnet_node *ret, struct err *e)
{
    const json_t *users, *user;
    int64_t id;
    char key[24];
    if (said_int(self, "UserID", &id, e) < 0 || said_object(root, "User", &users, e) < 0)
        return -1;
    (void)snprintf(key, sizeof(key), "%lld", (long long)id);
    if (!users || ret->n_tags > 0)
        return 0;
    if (said_object(users, key, &user, e) < 0)
        return -1;
    return user ? said_text(a, user, "LoginName", &ret->login, e) : 0;
}

static int read_self(struct arena *a, const json_t *root, struct tailnet_node *ret, struct err *e)
{
    const json_t *self;
    struct said_texts tags;
    if (said_object(root, "Self", &self, e) < 0)
        return -1;
    if (!self)
        return 0;
    if (said_text(a, self, "ID", &ret->stable_id, e) < 0 ||
        said_text(a, self, "DNSName", &ret->name, e) < 0 || said_tags(a, self, &tags, e) < 0 ||
        said_bool(self, "Expired", &ret->key_expired, e) < 0 || read_expiry(a, self, ret, e) < 0)
        return -1;
    ret->tags = tags.items;
    ret->n_tags = tags.n;
    ret->name = said_name(ret->name);
    if (!is_host_name(ret->name))
        return unclear(e, "DNSName is no host name");
    return read_login(a, root, self, ret, e);
}

static int read_tailnet(
    struct arena *a, const json_t *root, struct tailnet_node *ret, struct err *e)
{
    const json_t *tailnet;
    if (said_object(root, "CurrentTailnet", &tailnet, e) < 0)
        return -1;
    if (!tailnet)
        return 0;
    return said_text(a, tailnet, "Name", &ret->tailnet, e) < 0
               ? -1
               : said_bool(tailnet, "MagicDNSEnabled", &ret->magic_dns, e);
}

/* Prose, which may quote an error of the system: what would break a line is made a blank. */
static int read_health(struct arena *a, const json_t *root, struct tailnet_node *ret, struct err *e)
{
    const json_t *list;
    if (said_array(root, "Health", &list, e) < 0)
        return -1;
    size_t n = json_array_size(list);
    n = n < HEALTH_MAX ? n : HEALTH_MAX;
    ret->health = arena_array(a, n + 1, sizeof(struct str));
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_string(item))
            return unclear(e, "Health has what is no text");
        struct str s = utf8_clip(json_str(item), HEALTH_TEXT_MAX);
        char *text = str_cstr(a, s);
        for (size_t k = 0; k < s.n; k++) {
            if ((unsigned char)text[k] < 0x20 || text[k] == 0x7f)
                text[k] = ' ';
        }
        ret->health[ret->n_health++] = (struct str){ text, s.n };
    }
    return 0;
}

int tailnet_node_parse(struct arena *a, struct str body, struct tailnet_node *ret, struct err *e)
{
    AUTO_JSON json_t *root = NULL;
    *ret = (struct tailnet_node){
        .state = STR(""),
        .auth_url = STR(""),
        .stable_id = STR(""),
        .name = STR(""),
        .tailnet = STR(""),
        .login = STR(""),
        .version = STR(""),
        .control = STR(""),
    };
    if (said_root(body, &root, e) < 0 || said_text(a, root, "BackendState", &ret->state, e) < 0 ||
        said_text(a, root, "AuthURL", &ret->auth_url, e) < 0 ||
        said_text(a, root, "Version", &ret->version, e) < 0 ||
        said_bool(root, "TUN", &ret->tun, e) < 0 || read_addresses(a, root, ret, e) < 0 ||
        read_self(a, root, ret, e) < 0 || read_tailnet(a, root, ret, e) < 0 ||
        read_health(a, root, ret, e) < 0)
        return -1;
    if (ret->state.n == 0)
        return unclear(e, "there is no BackendState");
    bool is_up = str_eq(ret->state, STR("Running"));
    if (is_up && ret->stable_id.n == 0)
        return unclear(e, "a running node has no id");
    ret->running = is_up && ret->n_addresses > 0;
    return 0;
}

/* Part of the key of every person (design: control server, id and login), so it must not change
 * with the way it was written: no URL is Tailscale's own, and that has two names (tailscale's
 * ControlURLOrDefault). */
int tailnet_control_parse(struct arena *a, struct str body, struct str *ret_control, struct err *e)
{
    AUTO_JSON json_t *root = NULL;
    struct str url;
    if (said_root(body, &root, e) < 0)
        return -1;
    if (!json_object_get(root, "ControlURL"))
        return unclear(e, "its settings name no ControlURL");
    if (said_text(a, root, "ControlURL", &url, e) < 0)
        return -1;
    while (str_ends(url, STR("/")))
        url = str_from_to(url, 0, url.n - 1);
    if (url.n == 0 || str_eq(url, STR("https://login.tailscale.com")))
        url = CONTROL_DEFAULT;
    *ret_control = url;
    return 0;
}

/* ---- comparing ---- */

static bool same_list(const struct str *x, size_t n_x, const struct str *y, size_t n_y)
{
    if (n_x != n_y)
        return false;
    for (size_t i = 0; i < n_x; i++) {
        if (!str_eq(x[i], y[i]))
            return false;
    }
    return true;
}

bool tailnet_node_eq(const struct tailnet_node *x, const struct tailnet_node *y)
{
    return x->running == y->running && x->tun == y->tun && x->magic_dns == y->magic_dns &&
           x->key_expiry == y->key_expiry && x->key_expired == y->key_expired &&
           str_eq(x->state, y->state) && str_eq(x->auth_url, y->auth_url) &&
           str_eq(x->stable_id, y->stable_id) && str_eq(x->name, y->name) &&
           str_eq(x->tailnet, y->tailnet) && str_eq(x->login, y->login) &&
           str_eq(x->version, y->version) && str_eq(x->control, y->control) &&
           same_list(x->addresses, x->n_addresses, y->addresses, y->n_addresses) &&
           same_list(x->tags, x->n_tags, y->tags, y->n_tags) &&
           same_list(x->health, x->n_health, y->health, y->n_health);
}

bool tailnet_has_address(struct str ip)
{
    static const unsigned char prefix6[6] = { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 };
    unsigned char bytes[sizeof(struct in6_addr)];
    char text[INET6_ADDRSTRLEN];
    if (ip.n == 0 || ip.n >= sizeof(text) || str_has(ip, '\0'))
        return false;
    memcpy(text, ip.p, ip.n);
    text[ip.n] = '\0';
    if (str_has(ip, ':'))
        return inet_pton(AF_INET6, text, bytes) == 1 &&
               memcmp(bytes, prefix6, sizeof(prefix6)) == 0;
    return inet_pton(AF_INET, text, bytes) == 1 && bytes[0] == 100 && (bytes[1] & 0xc0) == 0x40;
}
