/* The sparse index: finished answers from memory. No lock, no query, no JSON. */
#include "api/internal.h"
#include "index/index_file.h"

void api_config(struct call *c)
{
    struct caller nobody = { .kind = CALLER_ANONYMOUS, .door = c->door->access };
    bool open = access_may(c->api->registry->access, &nobody, RIGHT_READ, STR_NONE, NULL) == 0;
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
