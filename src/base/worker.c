/* One mutex guards both lists; jobs run and `done` is called outside it. The eventfd is written and
 * read under the lock as well, so it is readable exactly while there are results: a loop that
 * sleeps on it misses none and is not woken for nothing. */
#include "base/worker.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/eventfd.h>

struct job_list {
    struct worker_job *first, **last;
};

struct worker_pool {
    pthread_mutex_t lock;  /* guards all to the blank line */
    pthread_cond_t more;   /* a job was queued, or stopping was set */
    struct job_list queue; /* to run */
    struct job_list results;
    size_t n_queued;
    size_t n_pending; /* queued, running and results */
    bool stopping;

    size_t max_queued;
    int event_fd;
    unsigned n_threads;
    pthread_t threads[];
};

static void list_init(struct job_list *list)
{
    list->first = NULL;
    list->last = &list->first;
}

static void list_add(struct job_list *list, struct worker_job *job)
{
    job->next = NULL;
    *list->last = job;
    list->last = &job->next;
}

static struct worker_job *list_take(struct job_list *list)
{
    struct worker_job *job = list->first;
    list->first = job->next;
    if (!list->first)
        list->last = &list->first;
    return job;
}

static void lock(struct worker_pool *p)
{
    int rc = pthread_mutex_lock(&p->lock);
    assert(rc == 0);
}

static void unlock(struct worker_pool *p)
{
    int rc = pthread_mutex_unlock(&p->lock);
    assert(rc == 0);
}

/* The lock is held. */
static void add_result(struct worker_pool *p, struct worker_job *job)
{
    if (!p->results.first) {
        int rc = eventfd_write(p->event_fd, 1);
        assert(rc == 0);
    }
    list_add(&p->results, job);
}

static void *worker_main(void *arg)
{
    struct worker_pool *p = arg;
    lock(p);
    for (;;) {
        while (!p->queue.first && !p->stopping)
            (void)pthread_cond_wait(&p->more, &p->lock);
        if (!p->queue.first)
            break;
        struct worker_job *job = list_take(&p->queue);
        p->n_queued--;
        unlock(p);
        job->run(job);
        lock(p);
        add_result(p, job);
    }
    unlock(p);
    return NULL;
}

static void stop_threads(struct worker_pool *p)
{
    lock(p);
    p->stopping = true;
    (void)pthread_cond_broadcast(&p->more);
    unlock(p);
    for (unsigned i = 0; i < p->n_threads; i++)
        (void)pthread_join(p->threads[i], NULL);
    p->n_threads = 0;
}

/* Workers take no signals: those are for the thread that made the pool. */
static int start_threads(struct worker_pool *p, unsigned n_threads, struct err *e)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = 0;
    while (rc == 0 && p->n_threads < n_threads) {
        rc = pthread_create(&p->threads[p->n_threads], NULL, worker_main, p);
        if (rc == 0)
            p->n_threads++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        return 0;
    errno = rc;
    return err_sys(e, "start worker thread");
}

int worker_pool_new(unsigned n_threads, size_t max_queued, struct worker_pool **ret, struct err *e)
{
    assert(n_threads > 0);
    struct worker_pool *p = mem_zalloc(sizeof(*p) + n_threads * sizeof(p->threads[0]));
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->more, NULL);
    list_init(&p->queue);
    list_init(&p->results);
    p->max_queued = max_queued;
    p->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = p->event_fd < 0 ? err_sys(e, "make eventfd") : start_threads(p, n_threads, e);
    if (rc < 0) {
        worker_pool_free(p);
        return -1;
    }
    *ret = p;
    return 0;
}

void worker_pool_free(struct worker_pool *p)
{
    if (!p)
        return;
    stop_threads(p);
    while (worker_pending(p))
        worker_collect(p); /* a `done` may post again */
    if (p->event_fd >= 0)
        (void)close(p->event_fd);
    (void)pthread_cond_destroy(&p->more);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

int worker_submit(struct worker_pool *p, struct worker_job *job, struct err *e)
{
    lock(p);
    bool stopping = p->stopping, taken = !stopping && p->n_queued < p->max_queued;
    if (taken) {
        list_add(&p->queue, job);
        p->n_queued++;
        p->n_pending++;
        (void)pthread_cond_signal(&p->more);
    }
    unlock(p);
    if (taken)
        return 0;
    return err_set(e, ERR_BUSY,
        stopping ? "the server is stopping; try again in a moment"
                 : "the server is busy; try again in a moment");
}

int worker_fd(const struct worker_pool *p)
{
    return p->event_fd;
}

void worker_collect(struct worker_pool *p)
{
    lock(p);
    struct worker_job *job = p->results.first;
    if (job) {
        eventfd_t count;
        (void)eventfd_read(p->event_fd, &count);
        list_init(&p->results);
    }
    unlock(p);
    while (job) {
        struct worker_job *next = job->next;
        job->done(job);
        lock(p);
        p->n_pending--;
        unlock(p);
        job = next;
    }
}

size_t worker_pending(const struct worker_pool *p)
{
    /* The lock is no part of what the caller sees as const. */
    struct worker_pool *mutable_p = (struct worker_pool *)(uintptr_t)p;
    lock(mutable_p);
    size_t n = p->n_pending;
    unlock(mutable_p);
    return n;
}

void worker_post(struct worker_pool *p, struct worker_job *job)
{
    lock(p);
    p->n_pending++;
    add_result(p, job);
    unlock(p);
}
