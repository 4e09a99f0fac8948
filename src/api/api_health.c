/* /healthz: the process lives and its loop turns. /readyz: it takes work; degraded is still ready.
 */
#include "api/internal.h"

static void reply_word(struct call *c, unsigned status, const char *word)
{
    struct buf b AUTO_BUF = BUF_INIT(256);
    buf_addf(&b, "%s\n", word);
    reply_text(c, status, &b);
}

void api_healthz(struct call *c)
{
    reply_word(
        c, 200, c->api->registry->read_only ? "degraded: read-only after a disk failure" : "ok");
}

void api_readyz(struct call *c)
{
    if (c->api->stopping)
        reply_word(c, 503, "stopping");
    else if (c->api->tailnet && !api_tailnet_node(c->api, NULL))
        reply_word(c, 503, "waiting for the tailnet"); /* no more: no one is asked who they are */
    else
        reply_word(c, 200,
            c->api->registry->read_only ? "degraded: read-only after a disk failure" : "ready");
}
