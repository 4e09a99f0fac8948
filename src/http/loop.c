/* Level-triggered epoll and a binary heap of timers. Removing an io also strikes it from the batch
 * of events at hand, so an owner may free itself, or a neighbour, in any callback. */
#include "http/loop.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#define BATCH 128
#define WAIT_MAX_MS 60000

struct loop {
    int epoll_fd;
    bool stopping;
    int64_t now_ms;
    int64_t wall_s;
    int64_t date_s;
    char date[CLOCK_HTTP_LEN + 1];
    struct loop_timer **heap;
    size_t n_heap, cap_heap;
    struct loop_task *first_task, *last_task;
    int n_events, at_event;
    struct epoll_event events[BATCH];
};

static void refresh_time(struct loop *l)
{
    l->now_ms = clock_mono_ms();
    l->wall_s = clock_wall_s();
    if (l->wall_s != l->date_s) {
        l->date_s = l->wall_s;
        clock_format_http(l->wall_s, l->date);
    }
}

int loop_new(struct loop **ret, struct err *e)
{
    struct loop *l = MEM_NEW(struct loop);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0) {
        int r = err_sys(e, "make an epoll descriptor");
        free(l);
        return r;
    }
    l->date_s = -1;
    refresh_time(l);
    *ret = l;
    return 0;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    (void)close(l->epoll_fd);
    free(l->heap);
    free(l);
}

int loop_add(struct loop *l, struct loop_io *io, uint32_t epoll_events, struct err *e)
{
    struct epoll_event ev = { .events = epoll_events, .data.ptr = io };
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, io->fd, &ev) < 0)
        return err_sys(e, "watch a descriptor");
    return 0;
}

void loop_watch(struct loop *l, struct loop_io *io, uint32_t epoll_events)
{
    struct epoll_event ev = { .events = epoll_events, .data.ptr = io };
    int r = epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, io->fd, &ev);
    assert(r == 0);
    (void)r;
}

void loop_remove(struct loop *l, struct loop_io *io)
{
    (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
    for (int i = l->at_event + 1; i < l->n_events; i++)
        if (l->events[i].data.ptr == io)
            l->events[i].data.ptr = NULL;
}

static void heap_place(struct loop *l, size_t i, struct loop_timer *t)
{
    l->heap[i] = t;
    t->slot = i + 1;
}

static void heap_up(struct loop *l, size_t i, struct loop_timer *t)
{
    while (i > 0 && l->heap[(i - 1) / 2]->due_ms > t->due_ms) {
        heap_place(l, i, l->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_place(l, i, t);
}

static void heap_down(struct loop *l, size_t i, struct loop_timer *t)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= l->n_heap)
            break;
        if (child + 1 < l->n_heap && l->heap[child + 1]->due_ms < l->heap[child]->due_ms)
            child++;
        if (l->heap[child]->due_ms >= t->due_ms)
            break;
        heap_place(l, i, l->heap[child]);
        i = child;
    }
    heap_place(l, i, t);
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t due_mono_ms)
{
    if (t->slot != 0) {
        int64_t before = t->due_ms;
        t->due_ms = due_mono_ms;
        if (due_mono_ms < before)
            heap_up(l, t->slot - 1, t);
        else
            heap_down(l, t->slot - 1, t);
        return;
    }
    if (l->n_heap == l->cap_heap) {
        l->cap_heap = l->cap_heap ? 2 * l->cap_heap : 64;
        l->heap = mem_realloc(l->heap, l->cap_heap * sizeof(struct loop_timer *));
    }
    t->due_ms = due_mono_ms;
    l->n_heap++;
    heap_up(l, l->n_heap - 1, t);
}

void loop_timer_cancel(struct loop *l, struct loop_timer *t)
{
    if (t->slot == 0)
        return;
    size_t i = t->slot - 1;
    t->slot = 0;
    struct loop_timer *last = l->heap[--l->n_heap];
    if (last == t)
        return;
    if (i > 0 && l->heap[(i - 1) / 2]->due_ms > last->due_ms)
        heap_up(l, i, last);
    else
        heap_down(l, i, last);
}

/* A timer set again for now by its own callback waits for the next turn: at most as many fire as
 * were set at the start. */
static void fire_timers(struct loop *l)
{
    for (size_t budget = l->n_heap; budget > 0 && l->n_heap > 0; budget--) {
        struct loop_timer *t = l->heap[0];
        if (t->due_ms > l->now_ms)
            return;
        loop_timer_cancel(l, t);
        t->fire(t);
    }
}

void loop_defer(struct loop *l, struct loop_task *t)
{
    if (t->queued)
        return;
    t->queued = true;
    t->next = NULL;
    if (l->last_task)
        l->last_task->next = t;
    else
        l->first_task = t;
    l->last_task = t;
}

static void run_tasks(struct loop *l)
{
    struct loop_task *t = l->first_task;
    l->first_task = l->last_task = NULL;
    while (t) {
        struct loop_task *next = t->next;
        t->queued = false;
        t->run(t);
        t = next;
    }
}

static int wait_ms(const struct loop *l)
{
    if (l->first_task)
        return 0;
    if (l->n_heap == 0)
        return -1;
    int64_t left = l->heap[0]->due_ms - clock_mono_ms();
    if (left <= 0)
        return 0;
    return left > WAIT_MAX_MS ? WAIT_MAX_MS : (int)left;
}

void loop_run(struct loop *l)
{
    l->stopping = false;
    while (!l->stopping) {
        int n = epoll_wait(l->epoll_fd, l->events, BATCH, wait_ms(l));
        assert(n >= 0 || errno == EINTR);
        refresh_time(l);
        l->n_events = n < 0 ? 0 : n;
        for (l->at_event = 0; l->at_event < l->n_events; l->at_event++) {
            struct loop_io *io = l->events[l->at_event].data.ptr;
            if (io)
                io->ready(io, l->events[l->at_event].events);
        }
        l->n_events = 0;
        fire_timers(l);
        run_tasks(l);
    }
}

void loop_stop(struct loop *l)
{
    l->stopping = true;
}

int64_t loop_now_ms(const struct loop *l)
{
    return l->now_ms;
}

int64_t loop_wall_s(const struct loop *l)
{
    return l->wall_s;
}

const char *loop_http_date(const struct loop *l)
{
    return l->date;
}
