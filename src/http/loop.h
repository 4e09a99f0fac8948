/* The event loop: epoll, timers, deferred calls. One thread; passed, never global. */
#pragma once
#include "base/clock.h"
#include "base/err.h"

#include <stdint.h>

struct loop;

int loop_new(struct loop **ret, struct err *e) MUST_CHECK;
void loop_free(struct loop *l);
/* Runs until loop_stop; each turn: events, due timers, deferred calls. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

struct loop_io { /* embedded in its owner */
    int fd;
    void (*ready)(struct loop_io *io, uint32_t epoll_events);
};
int loop_add(struct loop *l, struct loop_io *io, uint32_t epoll_events, struct err *e) MUST_CHECK;
void loop_watch(struct loop *l, struct loop_io *io, uint32_t epoll_events); /* of an added one */
void loop_remove(
    struct loop *l, struct loop_io *io); /* before its fd is closed; no event comes after */

struct loop_timer { /* embedded; zero bytes are a timer that is not set */
    void (*fire)(struct loop_timer *t);
    int64_t due_ms;
    size_t slot; /* private: place in the heap + 1, 0 when not set */
};
void loop_timer_set(
    struct loop *l, struct loop_timer *t, int64_t due_mono_ms); /* moves a set one */
void loop_timer_cancel(struct loop *l, struct loop_timer *t);

struct loop_task { /* embedded; runs once at the end of the turn in which it was deferred */
    void (*run)(struct loop_task *t);
    struct loop_task *next;
    bool queued;
};
void loop_defer(struct loop *l, struct loop_task *t); /* again while queued: no effect */

int64_t loop_now_ms(const struct loop *l);        /* monotonic, read once a turn */
int64_t loop_wall_s(const struct loop *l);        /* Unix time, read once a turn */
const char *loop_http_date(const struct loop *l); /* CLOCK_HTTP_LEN bytes, remade each second */
