/* Index files unpacked for clients that take no gzip. One copy serves all who ask for it at a time:
 * a hundred streams that do not read must not hold a hundred copies. A copy that nobody is being
 * sent any more is let go of by the next request or by the timer. */
#include "api/internal.h"
#include "base/mem.h"
#include "index/index_file.h"

#define SWEEP_EVERY_MS 1000

struct waiting {
    struct waiting *next;
    struct call *call;
};

struct unpacked {
    struct worker_job job;
    struct api *api;
    struct unpacked *next;
    struct answer *packed;
    struct answer *plain; /* NULL: the job is under way */
    struct waiting *first;
    struct err err;
};

static void free_one(struct unpacked *u)
{
    answer_unref(u->plain);
    answer_unref(u->packed);
    free(u);
}

static void sweep(struct api *a)
{
    for (struct unpacked **at = &a->unpacked; *at;) {
        struct unpacked *u = *at;
        if (u->first || !u->plain || answer_is_shared(u->plain)) {
            at = &u->next;
            continue;
        }
        *at = u->next;
        free_one(u);
    }
    if (a->unpacked)
        loop_timer_set(a->loop, &a->unpacked_sweep, loop_now_ms(a->loop) + SWEEP_EVERY_MS);
}

static void on_timer(struct loop_timer *t)
{
    sweep(CONTAINER_OF(t, struct api, unpacked_sweep));
}

static void take_off(struct unpacked *u)
{
    struct unpacked **at = &u->api->unpacked;
    while (*at != u)
        at = &(*at)->next;
    *at = u->next;
}

static void run(struct worker_job *j)
{
    struct unpacked *u = CONTAINER_OF(j, struct unpacked, job);
    if (index_file_unpack(u->packed, &u->plain, &u->err) < 0)
        u->plain = NULL; /* done answers with u->err */
}

static void done(struct worker_job *j)
{
    struct unpacked *u = CONTAINER_OF(j, struct unpacked, job);
    struct waiting *w = TAKE(u->first);
    bool failed = u->plain == NULL;
    if (failed)
        take_off(u);
    for (struct waiting *next; w; w = next) {
        next = w->next; /* w lives in its request's arena */
        if (failed)
            problem_reply(w->call, &u->err);
        else
            request_reply(w->call->req, u->plain);
    }
    if (failed)
        free_one(u);
    else
        sweep(u->api);
}

static struct unpacked *start(struct api *a, struct answer *packed)
{
    struct unpacked *u = MEM_NEW(struct unpacked);
    u->job.run = run;
    u->job.done = done;
    u->api = a;
    u->packed = answer_ref(packed);
    u->next = a->unpacked;
    a->unpacked = u;
    return u;
}

void unpacked_reply(struct call *c, struct answer *packed)
{
    struct api *a = c->api;
    struct unpacked *u = a->unpacked;
    while (u && u->packed != packed)
        u = u->next;
    if (u && u->plain) {
        request_reply(c->req, u->plain);
        return;
    }
    struct waiting *w = ARENA_NEW(c->req->arena, struct waiting);
    bool fresh = u == NULL;
    if (fresh)
        u = start(a, packed);
    w->call = c;
    w->next = u->first;
    u->first = w;
    if (fresh && worker_submit(a->registry->pool, &u->job, &u->err) < 0)
        done(&u->job);
}

void unpacked_init(struct api *a)
{
    a->unpacked_sweep.fire = on_timer;
}

void unpacked_free(struct api *a)
{
    loop_timer_cancel(a->loop, &a->unpacked_sweep);
    while (a->unpacked) {
        struct unpacked *u = a->unpacked;
        a->unpacked = u->next;
        free_one(u);
    }
}
