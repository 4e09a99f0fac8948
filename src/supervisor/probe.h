/* One watch over a process's health. As ready: tries every PROBE_READY_MS until it succeeds, then
 * calls result(ok) once and rests. As live: tries every probe->every_ms and calls result(not ok)
 * when `failures` tries in a row have failed, then rests. One try at a time; a try that takes
 * longer than PROBE_TRY_MS (or every_ms, if that is less) has failed. No allocation. */
#pragma once
#include "supervisor/job.h"

#define PROBE_READY_MS 200
#define PROBE_TRY_MS 5000

enum probe_use { PROBE_FOR_READY, PROBE_FOR_LIVE };

struct prober {
    struct jobs *jobs;
    struct events *ev;
    const struct probe *probe;
    enum probe_use use;
    bool active, seen; /* seen: notify or log text since the last try */
    bool again;        /* the try waits for the command of the last one, which was killed */
    int failed;        /* in a row */
    struct timer next, limit;
    struct watch socket; /* tcp, http */
    size_t sent;
    char answer[16]; /* the start of the status line */
    size_t answer_n;
    struct job job; /* exec */
    char why[160];  /* of the last failure, for the log */
    void *owner;
    void (*result)(struct prober *p, bool ok, const char *why);
};

void prober_init(struct prober *p, struct jobs *jobs, void *owner,
    void (*result)(struct prober *p, bool ok, const char *why));
/* launch: process and environ_ for exec (its command is filled from the probe). */
void prober_begin(
    struct prober *p, const struct probe *probe, enum probe_use use, const struct launch *launch);
void prober_stop(struct prober *p); /* any time; kills the group of a running exec */
/* The process said READY=1 (ready) or WATCHDOG=1 (live), or printed the text of a log probe. */
void prober_saw(struct prober *p);
/* For a log probe: looks for its text in a line. */
void prober_line(struct prober *p, struct str text);
