#include "api/guide.h"
#include "api/me.h"
#include "base/clock.h"

static void add_tokens(const struct me *m, struct buf *out)
{
    if (m->made.n > 0)
        buf_addf(out, "\nYour new token, shown this once:\n\n%" STR_FMT "\n", STR_ARG(m->made));
    if (!m->may_have_tokens)
        return;
    buf_add(out, STR("\nYour tokens:\n"));
    for (size_t i = 0; i < m->n_tokens; i++) {
        const struct token_row *t = &m->tokens[i];
        struct buf scopes AUTO_BUF = BUF_INIT(256);
        char ends[CLOCK_RFC3339_LEN + 1];
        me_scopes(t->scopes, &scopes);
        clock_format_rfc3339(t->expires, ends);
        buf_addf(out,
            "  %lld %" STR_FMT ": %" STR_FMT "; crates %" STR_FMT "; from %" STR_FMT
            "; until %.10s\n",
            (long long)t->id, STR_ARG(t->name), STR_ARG(buf_str(&scopes)), STR_ARG(t->patterns),
            STR_ARG(t->from), ends);
    }
    buf_addf(out, "  %s%s\n", m->n_tokens ? "" : "none; ",
        m->may_make_tokens ? "open this page in a browser to make or revoke one"
                           : "an admin makes them here; a browser revokes them on this page");
}

void me_text(const struct me *m, struct buf *out)
{
    const struct call *c = m->call;
    const struct access *a = c->api->registry->access;
    struct str base = c->api->site.base_url;
    bool network = c->door->access.identity != LISTEN_NO_IDENTITY;
    buf_addf(out, "You are %" STR_FMT " to this registry.\n\n",
        STR_ARG(access_caller_name(a, &c->caller)));
    me_facts(m, false, out);
    buf_add(out, STR("\nYou may:\n"));
    me_rights(m, out);
    if (c->caller.kind == CALLER_ANONYMOUS && access_door_takes_tokens(&c->door->access))
        buf_add(
            out, STR("\nTo do more you need a token. Whoever runs this registry makes one with\n"
                     "`superguppy token new NAME`; `cargo login --registry guppy` takes it.\n"));
    add_tokens(m, out);
    buf_add(out, STR("\n"));
    if (network)
        guide_tailnet_steps(out, base);
    else
        guide_steps(out, base);
    buf_add(out, STR("\n"));
    guide_keep_private(out, network);
}
