/* The sparse index: finished answers from memory. No lock, no query, no JSON. */
#include "api/internal.h"
#include "base/mem.h"
#include "index/index_file.h"

void api_config(struct call *c)
{
    struct caller nobody = { .kind = CALLER_ANONYMOUS, .door = c->door->access };
    bool open = access_may(c->api->registry->access, &nobody, RIGHT_READ, STR_NONE, NULL) == 0;
    request_reply(c->req, open ? c->api->config_open : c->api->config_closed);
}

/* A client that takes no gzip, for a file that is kept packed: a worker unpacks it. */
struct unpack_job {
    struct worker_job job;
    struct call *call;
    struct answer *packed;
    struct answer *plain;
    struct err err;
};

static void run_unpack(struct worker_job *j)
{
    struct unpack_job *u = CONTAINER_OF(j, struct unpack_job, job);
    if (index_file_unpack(u->packed, &u->plain, &u->err) < 0)
        u->plain = NULL; /* unpack_done answers with u->err */
}

static void unpack_done(struct worker_job *j)
{
    struct unpack_job *u = CONTAINER_OF(j, struct unpack_job, job);
    if (u->plain)
        request_reply(u->call->req, u->plain);
    else
        problem_reply(u->call, &u->err);
    answer_unref(u->plain);
    answer_unref(u->packed);
    free(u);
}

static void reply_unpacked(struct call *c, struct answer *packed)
{
    struct unpack_job *u = MEM_NEW(struct unpack_job);
    u->job.run = run_unpack;
    u->job.done = unpack_done;
    u->call = c;
    u->packed = answer_ref(packed);
    if (worker_submit(c->api->registry->pool, &u->job, &u->err) < 0)
        unpack_done(&u->job);
}

void api_index(struct call *c)
{
    struct answer *a = sparse_find(c->api->registry->sparse, c->params[0]);
    if (!a) {
        struct err e = ERR_INIT;
        (void)err_set(&e, ERR_NOT_FOUND, "there is no such crate here");
        problem_reply(c, &e);
    } else if (index_file_is_packed(a) && !request_accepts_gzip(c->req)) {
        reply_unpacked(c, a);
    } else {
        request_reply(c->req, a);
    }
}
