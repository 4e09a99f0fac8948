/* What parses must say the same again when its parts are written down anew. */
#include "base/buf.h"
#include "config/listen_url.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void format(const struct listen_url *u, struct buf *out)
{
    const char *v6 = str_has(u->host, ':') ? "[" : "";
    if (u->scheme == LISTEN_HTTP)
        buf_addf(out, "http://%s%" STR_FMT "%s:%u?", v6, STR_ARG(u->host), *v6 ? "]" : "", u->port);
    else
        buf_addf(out, "unix:%" STR_FMT "?mode=%03o&", STR_ARG(u->path), u->mode);
    if (u->identity == LISTEN_TAILSCALE)
        buf_add(out, STR("identity=tailscale&"));
    if (u->identity == LISTEN_HEADER)
        buf_addf(out, "identity=header&header=%" STR_FMT "&", STR_ARG(u->header));
    for (size_t i = 0; i < u->n_peers; i++)
        buf_addf(out, "peer=%" STR_FMT "&", STR_ARG(u->peers[i]));
    buf_addf(out, "anonymous=%s&token_reads=%s%s", u->anonymous_read ? "read" : "none",
        u->token_reads ? "true" : "false", u->only_health ? "&only=health" : "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    AUTO_BUF struct buf again = BUF_INIT(1 << 20);
    struct listen_url u, v;
    struct err e = ERR_INIT;
    if (listen_url_parse(a, (struct str){ (const char *)data, size }, &u, &e) < 0) {
        assert(e.kind == ERR_USAGE && e.text[0]);
    } else {
        format(&u, &again);
        assert(listen_url_parse(a, buf_str(&again), &v, &e) == 0);
        assert(u.scheme == v.scheme && str_eq(u.host, v.host) && str_eq(u.path, v.path));
        assert(u.port == v.port && u.mode == v.mode && u.is_loopback == v.is_loopback);
        assert(u.anonymous_read == v.anonymous_read && u.token_reads == v.token_reads);
        assert(u.identity == v.identity && u.is_tailnet == v.is_tailnet);
        assert(str_eq(u.header, v.header) && u.n_peers == v.n_peers);
        assert((u.identity == LISTEN_HEADER) == (u.n_peers > 0 && u.header.n > 0));
        assert(u.only_health == v.only_health && !u.is_builtin && !v.is_builtin);
    }
    arena_free(a);
    return 0;
}
