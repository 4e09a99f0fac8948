/* DELETE …/yank and PUT …/unyank */
#include "api/internal.h"
#include "registry/yank.h"

static void on_done(void *ctx, const struct err *e)
{
    struct call *c = ctx;
    if (e->kind == ERR_NONE)
        request_reply(c->req, c->api->yes);
    else
        problem_reply(c, e);
}

static void set_yanked(struct call *c, bool yanked)
{
    struct yank_request q = { c->params[0], c->params[1], yanked };
    yank_set(c->api->registry, &c->caller, &q, on_done, c);
}

void api_yank(struct call *c)
{
    set_yanked(c, true);
}

void api_unyank(struct call *c)
{
    set_yanked(c, false);
}
