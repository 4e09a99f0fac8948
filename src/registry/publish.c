/* One job of a publish runs at a time, so its state needs no lock: the loop touches it only between
 * jobs (but for `spool.fill`, which no job touches). step() looks at what has come and starts the
 * next thing to do. */
#include "registry/publish.h"

#include "base/mem.h"
#include "crate/name.h"
#include "registry/publish_check.h"
#include "registry/publish_store.h"

#include <assert.h>

#define CHECKS_AT_ONCE 2
#define EARLY_CHECK_LEFT                                                                           \
    (128u << 10) /* with less than this to come, the early check saves nothing */

struct publish_gate {
    unsigned running;
    struct publish *first, *last; /* waiting, in order */
};

enum stage { STAGE_BODY, STAGE_WAITING, STAGE_CHECKING, STAGE_SYNCING, STAGE_STORING, STAGE_OVER };

struct publish {
    struct registry *registry;
    struct arena *arena;
    struct caller caller;
    struct publish_events events;
    void *ctx;

    struct publish_frame frame;
    uint64_t body_left;
    struct spool spool;
    uint8_t sum[SHA256_LEN];
    struct publish_meta meta;
    struct draft draft;

    struct worker_job job;
    bool busy; /* a job or the writer has it */
    enum stage stage;
    bool paused, ended, aborted;
    bool early_wanted, meta_known, is_new;
    struct err err;      /* of the job that ran */
    struct err feed_err; /* of the body, found on the loop while a job may be running */
    struct publish *gate_next;
};

static void step(struct publish *p);

uint64_t publish_body_max(const struct config *c)
{
    return 8 + c->json_max + c->crate_max;
}

struct publish_gate *publish_gate_new(void)
{
    return MEM_NEW(struct publish_gate);
}

void publish_gate_free(struct publish_gate *g)
{
    free(g);
}

static void start_job(
    struct publish *p, void (*run)(struct worker_job *), void (*done)(struct worker_job *))
{
    p->busy = true;
    p->job.run = run;
    p->job.done = done;
    if (worker_submit(p->registry->pool, &p->job, &p->err) < 0)
        worker_post(p->registry->pool, &p->job); /* done alone; p->err says why */
}

static struct publish *of_job(struct worker_job *j)
{
    return CONTAINER_OF(j, struct publish, job);
}

static void job_done(struct worker_job *j)
{
    struct publish *p = of_job(j);
    p->busy = false;
    step(p);
}

/* ---- the end: temp files go on a worker, then p itself ---- */

static void run_drop(struct worker_job *j)
{
    spool_drop(&of_job(j)->spool);
}

static void drop_done(struct worker_job *j)
{
    struct publish *p = of_job(j);
    if (p->spool.hash) /* the queue was full: unlink here after all */
        spool_drop(&p->spool);
    arena_free(p->arena);
    free(p);
}

static void finish(struct publish *p)
{
    p->stage = STAGE_OVER;
    if (!p->aborted) {
        struct publish_result r = { p->draft.warnings, p->draft.n_warnings };
        p->events.done(p->ctx, &p->err, &r);
    }
    start_job(p, run_drop, drop_done);
}

/* ---- storing: blob first, then the row ---- */

static void stored(void *ctx, const struct err *e)
{
    struct publish *p = ctx;
    p->busy = false;
    p->err = *e;
    finish(p);
}

static void run_sync(struct worker_job *j)
{
    struct publish *p = of_job(j);
    if (blob_commit(p->registry->data, &p->spool.crate_temp, p->sum, &p->err) < 0 &&
        p->err.kind == ERR_NOT_FOUND)
        p->err.kind = ERR_IO; /* a folder of ours is gone, not something the client asked for */
}

static void sync_done(struct worker_job *j)
{
    struct publish *p = of_job(j);
    p->busy = false;
    if (p->err.kind == ERR_IO)
        registry_note_disk_failure(p->registry);
    if (p->err.kind != ERR_NONE) {
        finish(p);
        return;
    }
    p->stage = STAGE_STORING;
    p->busy = true;
    publish_store(p->registry, &p->caller, &p->draft, stored, p);
}

/* ---- checking: two at a time ---- */

static int check(struct publish *p)
{
    if (spool_write(&p->spool, &p->err) < 0 || spool_finish(&p->spool, p->sum, &p->err) < 0)
        return -1;
    if (!p->meta_known && publish_check_meta(p->registry, p->arena, buf_str(&p->spool.json),
                              &p->meta, &p->is_new, &p->err) < 0)
        return -1;
    return publish_check_archive(
        p->registry, p->arena, &p->spool, &p->meta, p->sum, &p->draft, &p->err);
}

static void run_check(struct worker_job *j)
{
    (void)check(of_job(j));
}

static void check_done(struct worker_job *j);

static void gate_enter(struct publish *p)
{
    struct publish_gate *g = p->registry->gate;
    if (g->running < CHECKS_AT_ONCE) {
        g->running++;
        p->stage = STAGE_CHECKING;
        start_job(p, run_check, check_done);
        return;
    }
    p->stage = STAGE_WAITING;
    p->gate_next = NULL;
    if (g->last)
        g->last->gate_next = p;
    else
        g->first = p;
    g->last = p;
}

static void gate_leave(struct publish_gate *g)
{
    g->running--;
    struct publish *next = g->first;
    if (!next)
        return;
    g->first = next->gate_next;
    if (!g->first)
        g->last = NULL;
    gate_enter(next);
}

/* The right that this very crate needs, before a sync is spent on it; the writer decides again. */
static void check_right(struct publish *p)
{
    const struct access *a = p->registry->access;
    struct str canonical = crate_name_canonical(p->arena, p->meta.name);
    struct err e = ERR_INIT;
    bool known = access_has_crate(a, canonical);
    if (p->err.kind != ERR_NONE || (!known && !p->is_new))
        return; /* committed a moment ago, and not handed over yet: the writer knows it */
    enum right right = known ? RIGHT_PUBLISH_UPDATE : RIGHT_PUBLISH_NEW;
    if (access_may_named(a, &p->caller, right, canonical, p->meta.name, &e) < 0)
        p->err = e;
}

static void check_done(struct worker_job *j)
{
    struct publish *p = of_job(j);
    p->busy = false;
    gate_leave(p->registry->gate);
    check_right(p);
    if (p->err.kind != ERR_NONE) {
        finish(p);
        return;
    }
    p->stage = STAGE_SYNCING;
    start_job(p, run_sync, sync_done);
}

/* ---- the body ---- */

static void run_write(struct worker_job *j)
{
    struct publish *p = of_job(j);
    if (spool_write(&p->spool, &p->err) < 0)
        return; /* job_done sees p->err */
}

static void run_early(struct worker_job *j)
{
    struct publish *p = of_job(j);
    if (publish_check_meta(
            p->registry, p->arena, buf_str(&p->spool.json), &p->meta, &p->is_new, &p->err) == 0)
        p->meta_known = true;
}

static void early_done(struct worker_job *j)
{
    struct publish *p = of_job(j);
    if (p->meta_known)
        check_right(p);
    job_done(j);
}

static void set_paused(struct publish *p, bool paused)
{
    if (p->paused == paused || p->ended || p->aborted)
        return;
    p->paused = paused;
    (paused ? p->events.pause : p->events.resume)(p->ctx);
}

static void step_body(struct publish *p)
{
    if (p->ended) {
        spool_swap(&p->spool);
        gate_enter(p);
    } else if (spool_wants_flush(&p->spool)) {
        spool_swap(&p->spool);
        start_job(p, run_write, job_done);
        set_paused(p, false);
    } else if (p->early_wanted) {
        p->early_wanted = false;
        start_job(p, run_early, early_done);
    }
}

static void step(struct publish *p)
{
    if (p->stage != STAGE_BODY)
        return;
    if (p->busy) {
        if (spool_wants_flush(&p->spool))
            set_paused(p, true);
        return;
    }
    if (p->err.kind == ERR_NONE)
        p->err = p->feed_err;
    if (p->aborted || p->err.kind != ERR_NONE)
        finish(p);
    else
        step_body(p);
}

struct publish *publish_begin(struct registry *r, const struct caller *c, uint64_t body_len,
    const struct publish_events *events, void *ctx)
{
    struct publish *p = MEM_NEW(struct publish);
    p->registry = r;
    p->arena = arena_new();
    p->caller = caller_keep(p->arena, c);
    p->events = *events;
    p->ctx = ctx;
    p->body_left = body_len;
    struct publish_limits limits = { .json_max = r->config->json_max,
        .crate_max = r->config->crate_max };
    publish_frame_init(&p->frame, limits, body_len);
    spool_init(&p->spool, r->data);
    if (registry_check_writable(r, &p->err) < 0)
        assert(p->err.kind != ERR_NONE); /* the first step sees it: no upload for nothing */
    return p;
}

static int take(struct publish *p, struct str bytes)
{
    enum publish_part part;
    struct str run;
    int rc;
    while ((rc = publish_frame_next(&p->frame, &bytes, &part, &run, &p->feed_err)) == 1) {
        if (!spool_add(&p->spool, part, run, p->frame.json_len))
            return err_set(&p->feed_err, ERR_TOO_LARGE,
                "the upload came faster than it could be stored; try again");
    }
    return rc;
}

void publish_feed(struct publish *p, struct str bytes)
{
    if (p->feed_err.kind != ERR_NONE)
        return;
    bool json_was_done = publish_frame_json_done(&p->frame);
    p->body_left -= bytes.n < p->body_left ? bytes.n : p->body_left;
    int rc = take(p, bytes);
    if (rc == 0 && !json_was_done && publish_frame_json_done(&p->frame))
        p->early_wanted = p->spool.json.n > 0 && p->body_left > EARLY_CHECK_LEFT;
    step(p);
}

void publish_end(struct publish *p)
{
    p->ended = true;
    if (p->feed_err.kind == ERR_NONE && publish_frame_end(&p->frame, &p->feed_err) < 0)
        assert(p->feed_err.kind != ERR_NONE); /* step sees it */
    step(p);
}

void publish_abort(struct publish *p)
{
    p->aborted = true;
    step(p);
}
