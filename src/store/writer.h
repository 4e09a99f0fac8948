/* The one writer: a thread that owns the only writing connection. It takes all changes that wait
 * into one IMMEDIATE transaction, a savepoint each, commits, then hands them back in commit order.
 * On a slow disk that is group commit; for callers it is read-your-writes. */
#pragma once
#include "base/worker.h"
#include "store/db.h"

struct change {
    /* Writer thread, inside a savepoint. -1 undoes this change alone. May run only once. */
    int (*apply)(struct change *c, struct db *d, struct err *e);
    /* Writer thread, after the savepoint was released and before later changes of the batch: what
     * the writer's own memory must know for them. May be NULL. */
    void (*applied)(struct change *c);
    /* Collecting (loop) thread, in commit order, with err.kind ERR_NONE only if the change is on
     * stable storage. Frees c. */
    void (*done)(struct change *c);
    struct err err;
    struct worker_job job; /* private */
    struct change *next;   /* private */
};

struct writer;

/* commit_failed runs on the writer thread when a commit failed after `applied` calls: the owner
 * reads its memory anew from d. Changes come back through pool's collecting thread. */
int writer_new(struct db *d, struct worker_pool *pool,
    void (*commit_failed)(void *ctx, struct db *d), void *ctx, struct writer **ret,
    struct err *e) MUST_CHECK;
/* Runs what waits, then stops. d stays the caller's. */
void writer_free(struct writer *w);
/* Never blocks. ERR_BUSY when too many wait (10,000); then c stays the caller's. */
int writer_submit(struct writer *w, struct change *c, struct err *e) MUST_CHECK;
size_t writer_pending(const struct writer *w);
