#include "base/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Holds jobs back until the test opens it, so that a full queue needs no sleep. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    int waiting;
};
#define GATE_INIT                                                                                  \
    ((struct gate){ .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER })

struct test_job {
    struct worker_job job; /* first */
    struct gate *gate;
    atomic_int *n_run;
    int *n_done; /* the collecting thread's alone */
    pthread_t collector;
    struct worker_pool *post_to; /* to post itself once more */
};

static void gate_pass(struct gate *g)
{
    (void)pthread_mutex_lock(&g->lock);
    g->waiting++;
    (void)pthread_cond_broadcast(&g->changed);
    while (!g->open)
        (void)pthread_cond_wait(&g->changed, &g->lock);
    (void)pthread_mutex_unlock(&g->lock);
}

static void gate_await(struct gate *g, int waiting)
{
    (void)pthread_mutex_lock(&g->lock);
    while (g->waiting < waiting)
        (void)pthread_cond_wait(&g->changed, &g->lock);
    (void)pthread_mutex_unlock(&g->lock);
}

static void gate_open(struct gate *g)
{
    (void)pthread_mutex_lock(&g->lock);
    g->open = true;
    (void)pthread_cond_broadcast(&g->changed);
    (void)pthread_mutex_unlock(&g->lock);
}

static void run_job(struct worker_job *job)
{
    struct test_job *t = (struct test_job *)job;
    if (t->gate)
        gate_pass(t->gate);
    atomic_fetch_add(t->n_run, 1);
}

static void finish_job(struct worker_job *job)
{
    struct test_job *t = (struct test_job *)job;
    assert_true(pthread_equal(pthread_self(), t->collector));
    ++*t->n_done;
    if (t->post_to) {
        worker_post(TAKE(t->post_to), job);
        return;
    }
    free(t);
}

static struct worker_job *new_job(struct gate *gate, atomic_int *n_run, int *n_done)
{
    struct test_job *t = MEM_NEW(struct test_job);
    *t = (struct test_job){
        .job = { .run = run_job, .done = finish_job },
        .gate = gate,
        .n_run = n_run,
        .n_done = n_done,
        .collector = pthread_self(),
    };
    return &t->job;
}

static struct worker_pool *new_pool(unsigned n_threads, size_t max_queued)
{
    struct worker_pool *p = NULL;
    struct err e;
    assert_int_equal(worker_pool_new(n_threads, max_queued, &p, &e), 0);
    return p;
}

static bool readable(const struct worker_pool *p, int timeout_ms)
{
    struct pollfd fd = { .fd = worker_fd(p), .events = POLLIN };
    return poll(&fd, 1, timeout_ms) == 1;
}

static void collect_until_idle(struct worker_pool *p)
{
    while (worker_pending(p)) {
        assert_true(readable(p, 20000));
        worker_collect(p);
    }
}

static void jobs_run_and_are_done_on_the_collecting_thread(void **state)
{
    (void)state;
    enum { N = 2000 };
    struct worker_pool *p = new_pool(4, N);
    atomic_int n_run = 0;
    int n_done = 0;
    struct err e;
    for (int i = 0; i < N; i++)
        assert_int_equal(worker_submit(p, new_job(NULL, &n_run, &n_done), &e), 0);
    collect_until_idle(p);
    assert_int_equal(atomic_load(&n_run), N);
    assert_int_equal(n_done, N);
    worker_pool_free(p);
}

static void the_descriptor_is_readable_while_there_are_results(void **state)
{
    (void)state;
    struct worker_pool *p = new_pool(1, 10);
    atomic_int n_run = 0;
    int n_done = 0;
    assert_false(readable(p, 0));
    worker_collect(p);
    worker_post(p, new_job(NULL, &n_run, &n_done));
    worker_post(p, new_job(NULL, &n_run, &n_done));
    assert_true(readable(p, 0));
    worker_collect(p);
    assert_false(readable(p, 0));
    assert_int_equal(n_done, 2);
    assert_int_equal(atomic_load(&n_run), 0);
    worker_pool_free(p);
}

static void a_full_queue_is_busy_and_leaves_the_job(void **state)
{
    (void)state;
    struct worker_pool *p = new_pool(1, 2);
    struct gate gate = GATE_INIT;
    atomic_int n_run = 0;
    int n_done = 0;
    struct err e = ERR_INIT;
    assert_int_equal(worker_submit(p, new_job(&gate, &n_run, &n_done), &e), 0);
    gate_await(&gate, 1); /* it runs, and waits in the queue no more */
    assert_int_equal(worker_submit(p, new_job(&gate, &n_run, &n_done), &e), 0);
    assert_int_equal(worker_submit(p, new_job(&gate, &n_run, &n_done), &e), 0);
    struct worker_job *left = new_job(&gate, &n_run, &n_done);
    assert_int_equal(worker_submit(p, left, &e), -1);
    assert_int_equal(e.kind, ERR_BUSY);
    assert_int_equal(worker_pending(p), 3);
    gate_open(&gate);
    collect_until_idle(p);
    assert_int_equal(worker_submit(p, left, &e), 0);
    collect_until_idle(p);
    assert_int_equal(n_done, 4);
    worker_pool_free(p);
}

static void a_pool_runs_and_collects_the_rest_before_it_goes(void **state)
{
    (void)state;
    struct worker_pool *p = new_pool(2, 100);
    struct gate gate = GATE_INIT;
    atomic_int n_run = 0;
    int n_done = 0;
    struct err e;
    for (int i = 0; i < 50; i++)
        assert_int_equal(worker_submit(p, new_job(&gate, &n_run, &n_done), &e), 0);
    gate_await(&gate, 2);
    gate_open(&gate);
    worker_pool_free(p);
    assert_int_equal(atomic_load(&n_run), 50);
    assert_int_equal(n_done, 50);
    worker_pool_free(NULL);
}

static void what_is_posted_while_collecting_is_not_lost(void **state)
{
    (void)state;
    struct worker_pool *p = new_pool(1, 10);
    atomic_int n_run = 0;
    int n_done = 0;
    for (int i = 0; i < 2; i++) {
        struct worker_job *job = new_job(NULL, &n_run, &n_done);
        ((struct test_job *)job)->post_to = p;
        worker_post(p, job);
        if (i == 1)
            break; /* the second time the pool's end has to do it */
        worker_collect(p);
        assert_int_equal(n_done, 1);
        assert_true(readable(p, 0));
        worker_collect(p);
        assert_int_equal(n_done, 2);
    }
    worker_pool_free(p);
    assert_int_equal(n_done, 4);
}

struct poster {
    struct worker_pool *pool;
    struct worker_job *jobs[200];
};

static void *post_all(void *arg)
{
    struct poster *poster = arg;
    for (size_t i = 0; i < ARRAY_LEN(poster->jobs); i++)
        worker_post(poster->pool, poster->jobs[i]);
    return NULL;
}

static void any_thread_may_post(void **state)
{
    (void)state;
    enum { N = 4 };
    struct worker_pool *p = new_pool(1, 10);
    struct poster posters[N];
    pthread_t threads[N];
    atomic_int n_run = 0;
    int n_done = 0, all = N * (int)ARRAY_LEN(posters[0].jobs);
    for (int i = 0; i < N; i++) {
        posters[i].pool = p;
        for (size_t k = 0; k < ARRAY_LEN(posters[i].jobs); k++)
            posters[i].jobs[k] = new_job(NULL, &n_run, &n_done);
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
    }
    while (n_done < all) {
        assert_true(readable(p, 20000));
        worker_collect(p);
    }
    for (int i = 0; i < N; i++)
        (void)pthread_join(threads[i], NULL);
    worker_pool_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_run_and_are_done_on_the_collecting_thread),
        cmocka_unit_test(the_descriptor_is_readable_while_there_are_results),
        cmocka_unit_test(a_full_queue_is_busy_and_leaves_the_job),
        cmocka_unit_test(a_pool_runs_and_collects_the_rest_before_it_goes),
        cmocka_unit_test(what_is_posted_while_collecting_is_not_lost),
        cmocka_unit_test(any_thread_may_post),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
