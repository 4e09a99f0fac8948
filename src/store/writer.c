/* The thread takes all that waits (up to BATCH_MAX), because one commit costs one fsync whatever is
 * in it. A batch of one needs no savepoint: undoing it is undoing all.
 * SQLite may undo a whole transaction by itself when the disk is full or fails. Then what was
 * applied before fails with it, and what comes behind begins anew. */
#include "store/writer.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#define WAITING_MAX 10000
#define BATCH_MAX 256

struct change_list {
    struct change *first, **last;
};

struct writer {
    pthread_mutex_t lock; /* guards all to the blank line */
    pthread_cond_t more;
    struct change_list queue;
    size_t n_waiting;
    size_t n_pending; /* waiting and running */
    bool stopping;

    struct db *db;
    struct worker_pool *pool;
    void (*commit_failed)(void *ctx, struct db *d);
    void *ctx;
    pthread_t thread;
};

static void list_init(struct change_list *list)
{
    list->first = NULL;
    list->last = &list->first;
}

static void list_add(struct change_list *list, struct change *c)
{
    c->next = NULL;
    *list->last = c;
    list->last = &c->next;
}

/* ---- one transaction ---- */

/* What the last of them ran into. */
static struct err last_error(const struct change *first, const struct change *end)
{
    const struct change *c = first;
    while (c->next != end)
        c = c->next;
    struct err e = c->err;
    if (e.kind == ERR_NONE)
        (void)err_set(&e, ERR_IO, "the disk failed while this was stored; nothing was kept");
    return e;
}

static void fail_all(struct change *first, const struct change *end, const struct err *why)
{
    for (struct change *c = first; c != end; c = c->next) {
        if (c->err.kind == ERR_NONE)
            c->err = *why;
    }
}

static bool any_applied(const struct change *first, const struct change *end)
{
    for (const struct change *c = first; c != end; c = c->next) {
        if (c->err.kind == ERR_NONE)
            return true;
    }
    return false;
}

/* An apply that fails without saying why would otherwise pass for a success. */
static void note_failure(struct change *c)
{
    if (c->err.kind == ERR_NONE)
        (void)err_set(&c->err, ERR_IO, "the change failed");
}

static void apply_alone(struct db *d, struct change *c)
{
    if (c->apply(c, d, &c->err) < 0)
        note_failure(c);
    else if (c->applied)
        c->applied(c);
}

static void apply_in_savepoint(struct db *d, struct change *c)
{
    if (db_savepoint(d, &c->err) < 0) {
        note_failure(c);
        return;
    }
    if (c->apply(c, d, &c->err) < 0) {
        note_failure(c);
        if (db_in_transaction(d) && db_rollback_savepoint(d, NULL) < 0)
            db_rollback(d);
    } else if (db_release(d, &c->err) < 0) {
        note_failure(c);
        db_rollback(d);
    } else if (c->applied) {
        c->applied(c);
    }
}

/* Applies from first on; returns the first change that is not part of the transaction: NULL, or
 * where it was lost. */
static struct change *apply_batch(struct db *d, struct change *first)
{
    bool alone = first->next == NULL;
    for (struct change *c = first; c; c = c->next) {
        if (alone)
            apply_alone(d, c);
        else
            apply_in_savepoint(d, c);
        if (!db_in_transaction(d))
            return c->next;
    }
    return NULL;
}

/* Runs a transaction from first on and returns the change at which the next one begins.
 * *ret_undone: changes were undone after their `applied` ran. */
static struct change *run_transaction(struct db *d, struct change *first, bool *ret_undone)
{
    struct err e = ERR_INIT;
    *ret_undone = false;
    if (db_begin(d, &e) < 0) {
        fail_all(first, NULL, &e);
        return NULL;
    }
    struct change *next = apply_batch(d, first);
    bool applied = any_applied(first, next);
    if (!db_in_transaction(d))
        e = last_error(first, next);
    else if (!applied || db_commit(d, &e) == 0) {
        db_rollback(d);
        return next;
    }
    db_rollback(d);
    fail_all(first, next, &e);
    *ret_undone = applied;
    return next;
}

/* ---- the thread ---- */

static void job_done(struct worker_job *job)
{
    struct change *c = CONTAINER_OF(job, struct change, job);
    c->done(c);
}

static void run_batch(struct writer *w, struct change *first)
{
    for (struct change *c = first; c;) {
        bool undone;
        c = run_transaction(w->db, c, &undone);
        if (undone && w->commit_failed)
            w->commit_failed(w->ctx, w->db);
    }
    for (struct change *c = first, *next; c; c = next) {
        next = c->next;
        c->job.done = job_done;
        worker_post(w->pool, &c->job);
    }
}

/* The lock is held. */
static struct change *take_batch(struct writer *w, size_t *ret_n)
{
    struct change_list batch;
    size_t n = 0;
    list_init(&batch);
    while (w->queue.first && n < BATCH_MAX) {
        struct change *c = w->queue.first;
        w->queue.first = c->next;
        list_add(&batch, c);
        n++;
    }
    if (!w->queue.first)
        w->queue.last = &w->queue.first;
    w->n_waiting -= n;
    *ret_n = n;
    return batch.first;
}

static void *writer_main(void *arg)
{
    struct writer *w = arg;
    (void)pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->queue.first && !w->stopping)
            (void)pthread_cond_wait(&w->more, &w->lock);
        if (!w->queue.first)
            break;
        size_t n;
        struct change *batch = take_batch(w, &n);
        (void)pthread_mutex_unlock(&w->lock);
        run_batch(w, batch);
        (void)pthread_mutex_lock(&w->lock);
        w->n_pending -= n;
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Signals are for the thread that made the writer. */
static int start(struct writer *w, struct err *e)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&w->thread, NULL, writer_main, w);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        return 0;
    errno = rc;
    return err_sys(e, "start writer thread");
}

static void destroy(struct writer *w)
{
    (void)pthread_cond_destroy(&w->more);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}

int writer_new(struct db *d, struct worker_pool *pool,
    void (*commit_failed)(void *ctx, struct db *d), void *ctx, struct writer **ret, struct err *e)
{
    struct writer *w = MEM_NEW(struct writer);
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->more, NULL);
    list_init(&w->queue);
    w->db = d;
    w->pool = pool;
    w->commit_failed = commit_failed;
    w->ctx = ctx;
    if (start(w, e) < 0) {
        destroy(w);
        return -1;
    }
    *ret = w;
    return 0;
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->stopping = true;
    (void)pthread_cond_signal(&w->more);
    (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_join(w->thread, NULL);
    destroy(w);
}

int writer_submit(struct writer *w, struct change *c, struct err *e)
{
    (void)pthread_mutex_lock(&w->lock);
    bool taken = w->n_waiting < WAITING_MAX;
    if (taken) {
        list_add(&w->queue, c);
        w->n_waiting++;
        w->n_pending++;
        (void)pthread_cond_signal(&w->more);
    }
    (void)pthread_mutex_unlock(&w->lock);
    if (taken)
        return 0;
    return err_set(e, ERR_BUSY, "too many changes wait to be stored; try again in a moment");
}

size_t writer_pending(const struct writer *w)
{
    /* The lock is no part of what the caller sees as const. */
    struct writer *mutable_w = (struct writer *)(uintptr_t)w;
    (void)pthread_mutex_lock(&mutable_w->lock);
    size_t n = w->n_pending;
    (void)pthread_mutex_unlock(&mutable_w->lock);
    return n;
}
