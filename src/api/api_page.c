/* / and /me, as plain text: what this is, who you are to it, what you may do, the lines to paste.
 */
#include "api/guide.h"
#include "api/internal.h"

#define PAGE_MAX_BYTES (64u << 10)

void api_root(struct call *c)
{
    struct buf b AUTO_BUF = BUF_INIT(PAGE_MAX_BYTES);
    buf_addf(&b,
        "Super Guppy %s: a private registry of Rust crates.\n"
        "\n"
        "Sparse index:  sparse+%" STR_FMT "/index/\n"
        "Who you are:   %" STR_FMT "/me\n",
        c->api->site.version, STR_ARG(c->api->site.base_url), STR_ARG(c->api->site.base_url));
    if (call_may_read(c))
        buf_addf(&b, "Crates:        %zu\n", sparse_count(c->api->registry->sparse));
    buf_add(&b, STR("\n"));
    guide_steps(&b, c->api->site.base_url);
    reply_text(c, 200, &b);
}

void api_me(struct call *c)
{
    const struct access *a = c->api->registry->access;
    struct buf b AUTO_BUF = BUF_INIT(PAGE_MAX_BYTES);
    buf_addf(
        &b, "You are %" STR_FMT " to this registry", STR_ARG(access_caller_name(a, &c->caller)));
    if (c->caller.token != 0)
        buf_addf(&b, " (token %u)", c->caller.token);
    buf_addf(&b, ", from %" STR_FMT " over HTTP/%s.\n\nYou may:\n", STR_ARG(request_peer(c->req)),
        http_version_name(c->req->version));
    access_describe(a, &c->caller, &b);
    if (c->caller.kind == CALLER_ANONYMOUS)
        buf_add(&b, STR("\nTo do more you need a token. Whoever runs this registry makes one with\n"
                        "`superguppy token new NAME`; `cargo login --registry guppy` takes it.\n"));
    if (access_void_grants(a) > 0)
        buf_addf(&b,
            "\n%zu [[access.grant]] of the configuration are void; `superguppy config check` says "
            "why.\n",
            access_void_grants(a));
    buf_add(&b, STR("\n"));
    guide_steps(&b, c->api->site.base_url);
    buf_add(&b, STR("\n"));
    guide_keep_private(&b);
    reply_text(c, 200, &b);
}
