/* The one loop: epoll for descriptors, a list of timers on the monotonic clock. One thread, no
 * allocation: watches and timers live in the structs that use them. With no timer armed it sleeps
 * until a descriptor stirs. */
#pragma once
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define EVENTS_BATCH 64

struct timer {
    void (*fire)(struct timer *t);
    int64_t due_ms;
    struct timer *prev, *next; /* NULL when not armed */
    bool armed;
};

struct watch {
    void (*ready)(struct watch *w, uint32_t what); /* EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP */
    int fd;
    bool on;
};

struct events {
    int epoll;
    struct timer timers; /* head of a ring in order of due_ms */
    struct epoll_event batch[EVENTS_BATCH];
    int batch_n, batch_at;
    int64_t (*now_ms)(void); /* clock_mono_ms; a test puts its own here */
};

int events_open(struct events *ev, struct err *e) MUST_CHECK;
void events_close(struct events *ev);
/* Waits for the next descriptor or timer and calls who is due. at_most_ms: -1 for ever. */
void events_round(struct events *ev, int at_most_ms);

/* w->fd and w->ready are set; level-triggered. -1 with errno in e (a regular file: EPERM). */
int watch_add(struct events *ev, struct watch *w, uint32_t what, struct err *e) MUST_CHECK;
void watch_change(struct events *ev, struct watch *w, uint32_t what);
/* Also forgets what waits for it in the current round; does not close. Not watched: nothing. */
void watch_remove(struct events *ev, struct watch *w);

/* Arms it anew; TIME_FOREVER or any negative time disarms. */
void timer_arm(struct events *ev, struct timer *t, int64_t in_ms);
void timer_stop(struct timer *t);
