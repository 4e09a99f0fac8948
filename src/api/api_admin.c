/* POST /admin on the admin socket: registry/admin.h over HTTP. */
#include "api/internal.h"
#include "registry/admin.h"

static void on_done(void *ctx, const struct err *e, struct str result)
{
    struct call *c = ctx;
    if (e->kind == ERR_NONE)
        reply_json(c, result);
    else
        problem_reply(c, e);
}

static void run(struct call *c, struct str body)
{
    admin_run(c->api->registry, body, on_done, c);
}

void api_admin(struct call *c)
{
    body_collect(c, ADMIN_REQUEST_MAX, run);
}
