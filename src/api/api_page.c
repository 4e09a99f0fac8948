/* /, as plain text: what this is and the lines to paste. */
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
    if (c->door->access.identity != LISTEN_NO_IDENTITY)
        guide_tailnet_steps(&b, c->api->site.base_url);
    else
        guide_steps(&b, c->api->site.base_url);
    reply_text(c, 200, &b);
}
