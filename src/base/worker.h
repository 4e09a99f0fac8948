/* A pool of threads for work that blocks. A job runs on a worker; then its `done` runs on the
 * thread that calls worker_collect (the loop, woken through worker_fd). A job never touches a
 * connection: it owns what it needs, and `done` finds its connection again by itself. */
#pragma once
#include "base/err.h"

struct worker_pool;

struct worker_job {
    void (*run)(struct worker_job *job);  /* worker thread */
    void (*done)(struct worker_job *job); /* collecting thread; frees the job */
    struct worker_job *next;              /* the pool's */
};

int worker_pool_new(
    unsigned n_threads, size_t max_queued, struct worker_pool **ret, struct err *e) MUST_CHECK;
/* Waits for running jobs, runs the rest of the queue, then stops. Their done is called by the
 * last worker_collect inside. */
void worker_pool_free(struct worker_pool *p);
/* Takes the job unless max_queued wait already: then ERR_BUSY and the job stays the caller's. */
int worker_submit(struct worker_pool *p, struct worker_job *job, struct err *e) MUST_CHECK;
int worker_fd(const struct worker_pool *p); /* readable when worker_collect has something to do */
void worker_collect(struct worker_pool *p);
size_t worker_pending(const struct worker_pool *p); /* queued, running or not yet collected */
/* From any thread: have job->done called by the collecting thread, without a run. */
void worker_post(struct worker_pool *p, struct worker_job *job);
