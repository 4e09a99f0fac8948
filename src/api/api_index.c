/* The sparse index: finished answers from memory. No lock, no query, no JSON. */
#include "api/internal.h"
#include "index/index_file.h"

/* auth-required: whether this very peer could read without a token (cargo >= 1.68 then sends one
 * with every request). */
void api_config(struct call *c)
{
    const struct access *a = c->api->registry->access;
    struct access_peer peer = { c->peer, NULL };
    struct caller bare;
    bool open = access_identify(a, &c->door->access, &peer, STR_NONE, loop_wall_s(c->api->loop),
                    &bare, NULL) == 0 &&
                access_may(a, &bare, RIGHT_READ, STR_NONE, NULL) == 0;
    request_reply(c->req, open ? c->api->config_open : c->api->config_closed);
}

void api_index(struct call *c)
{
    struct answer *a = sparse_find(c->api->registry->sparse, c->params[0]);
    if (!a) {
        struct err e = ERR_INIT;
        (void)err_set(&e, ERR_NOT_FOUND, "there is no such crate here");
        problem_reply(c, &e);
    } else if (index_file_is_packed(a) && !request_accepts_gzip(c->req)) {
        unpacked_reply(c, a);
    } else {
        request_reply(c->req, a);
    }
}
