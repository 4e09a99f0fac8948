#include "api/me.h"

static void fact(struct buf *out, bool html, const char *name, struct str value)
{
    if (value.n == 0)
        return;
    if (!html) {
        buf_addf(out, "  %-12s %" STR_FMT "\n", name, STR_ARG(value));
        return;
    }
    buf_addf(out, "<dt>%s</dt><dd>", name);
    me_escape(out, value);
    buf_add(out, STR("</dd>\n"));
}

void me_scopes(unsigned scopes, struct buf *out)
{
    for (unsigned i = 0; i < RIGHTS; i++) {
        if (scopes >> i & 1)
            buf_addf(out, "%s%s", out->n ? " " : "", right_name((enum right)i));
    }
}

static const char *kind_name(enum identity_kind kind)
{
    static const char *const names[] = {
        [IDENTITY_PERSON] = "user",
        [IDENTITY_TAGGED] = "tags",
        [IDENTITY_SHARED] = "shared user",
        [IDENTITY_SELF] = "node",
        [IDENTITY_HEADER] = "user",
    };
    return names[kind];
}

static void peer_facts(const struct identity *id, bool html, struct buf *out)
{
    struct buf name AUTO_BUF = BUF_INIT(4096);
    if (id->kind == IDENTITY_SELF)
        buf_add(&name, STR("the registry's own"));
    else
        identity_name(id, &name);
    fact(out, html, kind_name(id->kind), buf_str(&name));
    fact(out, html, id->kind == IDENTITY_SELF ? "named" : "node", id->node);
    fact(out, html, "node id", id->stable_id);
    fact(out, html, "address", id->address);
}

/* In userspace mode the kernel sees tailscaled next to us, not the peer. */
static void connection_facts(const struct call *c, bool html, struct buf *out)
{
    const struct tailnet_node *node = api_tailnet_node(c->api, NULL);
    bool relayed = c->door->access.identity == LISTEN_TAILSCALE && node && !node->tun;
    int64_t us = request_round_trip_us(c->req);
    struct arena *a = c->req->arena;
    fact(out, html, "protocol", arena_printf(a, "HTTP/%s", http_version_name(c->req->version)));
    if (relayed)
        fact(out, html, "round trip", STR("not known: tailscaled is in between (userspace mode)"));
    else if (us >= 0)
        fact(out, html, "round trip",
            arena_printf(a, "%lld.%02lld ms", (long long)(us / 1000), (long long)(us % 1000 / 10)));
}

void me_facts(const struct me *m, bool html, struct buf *out)
{
    const struct call *c = m->call;
    if (c->caller.token != 0)
        fact(out, html, "token", arena_printf(c->req->arena, "%u", c->caller.token));
    if (c->peer)
        peer_facts(c->peer, html, out);
    else
        fact(out, html, "address", request_peer(c->req));
    connection_facts(c, html, out);
}

void me_rights(const struct me *m, struct buf *out)
{
    const struct access *a = m->call->api->registry->access;
    size_t n_void = access_void_grants(a);
    access_describe(a, &m->call->caller, out);
    if (n_void > 0)
        buf_addf(out,
            "(%zu [[access.grant]] of the configuration count for nothing; `superguppy config "
            "check` "
            "says why)\n",
            n_void);
}
