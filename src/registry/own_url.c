#include "registry/own_url.h"

#define LISTENER_NAMES 3 /* that one listener has at most by itself */

struct own_urls {
    const struct config *config;
    struct config_list hosts; /* lower-case authorities; one without a port stands for any port */
};

static bool has_port(struct str authority)
{
    size_t colon = str_rfind(authority, ':');
    size_t bracket = str_rfind(authority, ']');
    return colon != STR_NPOS && (bracket == STR_NPOS || colon > bracket);
}

static struct str without_port(struct str authority)
{
    return has_port(authority) ? str_from_to(authority, 0, str_rfind(authority, ':')) : authority;
}

static struct str url_authority(struct str url)
{
    size_t at = str_find_str(url, STR("://"));
    struct str rest = at == STR_NPOS ? STR_NONE : str_skip(url, at + 3);
    return str_cut(&rest, '/');
}

/* Clients leave the scheme's own port out of Host and of index URLs, whatever was configured. */
static struct str url_host(struct str url)
{
    struct str authority = url_authority(url);
    struct str own = str_starts(url, STR("https://")) ? STR(":443") : STR(":80");
    return str_ends(authority, own) ? without_port(authority) : authority;
}

static void add_host(struct own_urls *o, struct arena *a, struct str host)
{
    if (host.n > 0)
        o->hosts.items[o->hosts.n++] = arena_lower(a, host);
}

/* Clients leave port 80 out. */
static void add_host_port(struct own_urls *o, struct arena *a, struct str host, uint16_t port)
{
    if (host.n == 0)
        return;
    if (str_has(host, ':'))
        host = arena_printf(a, "[%" STR_FMT "]", STR_ARG(host));
    add_host(o, a, port == 80 ? host : arena_printf(a, "%" STR_FMT ":%u", STR_ARG(host), port));
}

static void add_listener(
    struct own_urls *o, struct arena *a, const struct listen_url *l, uint16_t port)
{
    if (l->is_tailnet) /* its names are the node's; health is answered under any */
        return;
    add_host_port(o, a, l->host, port);
    if (l->is_loopback) {
        add_host_port(o, a, STR("localhost"), port);
        add_host_port(o, a, STR("127.0.0.1"), port);
    }
}

struct own_urls *own_urls_new(struct arena *a, const struct config *c, struct str base_url,
    const uint16_t *ports, const struct own_names *tailnet)
{
    struct own_urls *o = ARENA_NEW(a, struct own_urls);
    size_t n_tailnet = tailnet ? tailnet->n : 0;
    o->config = c;
    o->hosts.items = arena_array(
        a, 1 + c->hosts.n + (LISTENER_NAMES + n_tailnet) * c->n_listeners, sizeof(struct str));
    add_host(o, a, url_host(base_url));
    for (size_t i = 0; i < c->hosts.n; i++)
        add_host(o, a, c->hosts.items[i]);
    for (size_t i = 0; i < c->n_listeners; i++) {
        const struct listen_url *l = &c->listeners[i];
        if (l->scheme != LISTEN_HTTP)
            continue;
        add_listener(o, a, l, ports[i]);
        for (size_t k = 0; l->identity == LISTEN_TAILSCALE && k < n_tailnet; k++)
            add_host_port(o, a, tailnet->names[k], ports[i]);
    }
    return o;
}

bool own_urls_has_host(const struct own_urls *o, struct str authority)
{
    for (size_t i = 0; i < o->hosts.n; i++) {
        struct str h = o->hosts.items[i];
        if (str_eq(h, authority) || (!has_port(h) && str_eq_nocase(h, without_port(authority))))
            return true;
    }
    return false;
}

static struct str drop_slash(struct str url)
{
    return str_ends(url, STR("/")) ? str_from_to(url, 0, url.n - 1) : url;
}

static bool is_listed(const struct config_list *list, struct str url)
{
    for (size_t i = 0; i < list->n; i++) {
        if (str_eq(drop_slash(list->items[i]), drop_slash(url)))
            return true;
    }
    return false;
}

/* cargo compares index URLs as text but for one slash at the end, so the paths are exact. */
static bool is_own(const struct own_urls *o, struct str url)
{
    struct str rest = url;
    bool sparse = str_starts(url, STR("sparse+"));
    if (sparse)
        rest = str_skip(rest, 7);
    if (!str_starts(rest, STR("http://")) && !str_starts(rest, STR("https://")))
        return false;
    struct str authority = url_authority(rest);
    char lower[256];
    if (authority.n > sizeof(lower))
        return false;
    for (size_t i = 0; i < authority.n; i++)
        lower[i] = ascii_lower(authority.p[i]);
    if (!own_urls_has_host(o, (struct str){ lower, authority.n }))
        return false;
    struct str path = str_skip(rest, (size_t)(authority.p - rest.p) + authority.n);
    return str_eq(drop_slash(path), sparse ? STR("/index") : STR("/git/index"));
}

int own_urls_resolve(
    const struct own_urls *o, struct str index_url, struct str *ret_stored, struct err *e)
{
    if (is_own(o, index_url) || is_listed(&o->config->aliases, index_url)) {
        *ret_stored = STR_NONE;
        return 0;
    }
    if (is_listed(&o->config->registries, index_url)) {
        *ret_stored = index_url;
        return 0;
    }
    struct str shown = utf8_clip(index_url, 200);
    return err_set(e, ERR_INVALID,
        "a dependency names the registry %" STR_FMT ", which this registry does not allow; "
        "an admin can list it in server.registries (or in server.aliases if it is this one)",
        STR_ARG(shown));
}
