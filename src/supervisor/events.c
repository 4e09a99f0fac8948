/* Events of one round are copied to a batch first. A watch that is removed while the round is
 * handled is struck from the rest of the batch, so a callback may close any descriptor and free
 * nothing twice. Timers are few (some for each process) and mostly idle: a list in order of time is
 * enough. */
#include "supervisor/events.h"

#include "base/attr.h"
#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

int events_open(struct events *ev, struct err *e)
{
    memset(ev, 0, sizeof *ev);
    ev->timers.prev = ev->timers.next = &ev->timers;
    ev->now_ms = clock_mono_ms;
    ev->epoll = epoll_create1(EPOLL_CLOEXEC);
    return ev->epoll < 0 ? err_sys(e, "open the event queue") : 0;
}

void events_close(struct events *ev)
{
    attr_close(&ev->epoll);
    ev->epoll = -1;
}

static int wait_ms(const struct events *ev, int at_most_ms)
{
    const struct timer *first = ev->timers.next;
    if (first == &ev->timers)
        return at_most_ms;
    int64_t left = first->due_ms - ev->now_ms();
    if (left < 0)
        left = 0;
    if (left > INT_MAX)
        left = INT_MAX;
    return at_most_ms >= 0 && at_most_ms < left ? at_most_ms : (int)left;
}

/* A timer that is armed anew while others fire waits for the next round. */
static void fire_due(struct events *ev)
{
    int64_t now = ev->now_ms();
    for (struct timer *t = ev->timers.next; t != &ev->timers && t->due_ms <= now;
         t = ev->timers.next) {
        timer_stop(t);
        t->fire(t);
        if (t->armed && t->due_ms <= now)
            break;
    }
}

void events_round(struct events *ev, int at_most_ms)
{
    int n = epoll_wait(ev->epoll, ev->batch, EVENTS_BATCH, wait_ms(ev, at_most_ms));
    assert(n >= 0 || errno == EINTR);
    ev->batch_n = n < 0 ? 0 : n;
    for (ev->batch_at = 0; ev->batch_at < ev->batch_n; ev->batch_at++) {
        const struct epoll_event *event = &ev->batch[ev->batch_at];
        struct watch *w = event->data.ptr;
        if (w)
            w->ready(w, event->events);
    }
    ev->batch_n = 0;
    fire_due(ev);
}

int watch_add(struct events *ev, struct watch *w, uint32_t what, struct err *e)
{
    struct epoll_event event = { .events = what, .data.ptr = w };
    assert(!w->on);
    if (epoll_ctl(ev->epoll, EPOLL_CTL_ADD, w->fd, &event) < 0)
        return err_sys(e, "watch a descriptor");
    w->on = true;
    return 0;
}

void watch_change(struct events *ev, struct watch *w, uint32_t what)
{
    struct epoll_event event = { .events = what, .data.ptr = w };
    int rc = w->on ? epoll_ctl(ev->epoll, EPOLL_CTL_MOD, w->fd, &event) : 0;
    assert(rc == 0);
    (void)rc;
}

void watch_remove(struct events *ev, struct watch *w)
{
    if (!w->on)
        return;
    w->on = false;
    (void)epoll_ctl(ev->epoll, EPOLL_CTL_DEL, w->fd, NULL);
    for (int i = ev->batch_at; i < ev->batch_n; i++)
        if (ev->batch[i].data.ptr == w)
            ev->batch[i].data.ptr = NULL;
}

void timer_arm(struct events *ev, struct timer *t, int64_t in_ms)
{
    timer_stop(t);
    if (in_ms < 0)
        return;
    t->due_ms = ev->now_ms() + in_ms;
    struct timer *after = ev->timers.prev;
    while (after != &ev->timers && after->due_ms > t->due_ms)
        after = after->prev;
    t->prev = after;
    t->next = after->next;
    after->next->prev = t;
    after->next = t;
    t->armed = true;
}

void timer_stop(struct timer *t)
{
    if (!t->armed)
        return;
    t->prev->next = t->next;
    t->next->prev = t->prev;
    t->prev = t->next = NULL;
    t->armed = false;
}
