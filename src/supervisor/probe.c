/* A try runs exactly while `limit` is armed: whatever ends it stops the timer first, and what comes
 * later (the end of a command that was killed) finds it stopped and is ignored; a try that is due
 * before that end waits for it, so that one hung command counts as one failure. `next` begins the
 * next try: for `live` it is armed when a try begins, so that the period is what the file says, for
 * `ready` when one has failed. result() is the last thing that happens in a call, since it may stop
 * the prober or begin with another probe. */
#include "supervisor/probe_private.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define TEXT_SHOWN 64 /* bytes of a log probe's text in `why` */

static bool is_told(const struct prober *p) /* rather than asked */
{
    return p->probe->kind == PROBE_NOTIFY || p->probe->kind == PROBE_LOG;
}

static void finish(struct prober *p, bool ok)
{
    prober_stop(p);
    p->result(p, ok, p->why);
}

static void why_clipped(struct prober *p, const char *text)
{
    struct str s = utf8_clip(str_from(text), sizeof(p->why) - 1);
    memcpy(p->why, s.p, s.n);
    p->why[s.n] = '\0';
}

void prober_why_errno(struct prober *p, int error)
{
    why_clipped(p, strerror(error));
    p->why[0] = ascii_lower(p->why[0]);
}

/* "within 5 s" in why, after `what`. */
static void why_within(struct prober *p, const char *what, int64_t ms)
{
    bool whole = ms % 1000 == 0;
    (void)snprintf(p->why, sizeof(p->why), "%s within %lld %s", what,
        (long long)(whole ? ms / 1000 : ms), whole ? "s" : "ms");
}

static int64_t try_ms(const struct prober *p)
{
    bool less = p->use == PROBE_FOR_LIVE && p->probe->every_ms < PROBE_TRY_MS;
    return less ? p->probe->every_ms : PROBE_TRY_MS;
}

static void failed_once(struct prober *p)
{
    if (p->use == PROBE_FOR_READY)
        timer_arm(p->ev, &p->next, PROBE_READY_MS);
    else if (++p->failed >= p->probe->failures)
        finish(p, false);
}

void prober_tried(struct prober *p, bool ok)
{
    prober_net_stop(p);
    if (!p->limit.armed)
        return;
    timer_stop(&p->limit);
    if (!ok) {
        failed_once(p);
        return;
    }
    p->failed = 0;
    if (p->use == PROBE_FOR_READY)
        finish(p, true);
}

static void took_too_long(struct prober *p)
{
    bool exec = p->probe->kind == PROBE_EXEC;
    p->again = false;
    if (exec)
        job_signal_group(&p->job, SIGKILL);
    else
        prober_net_stop(p);
    why_within(p, exec ? "did not end" : "no answer", try_ms(p));
    failed_once(p);
}

static void limit_fired(struct timer *t)
{
    took_too_long(CONTAINER_OF(t, struct prober, limit));
}

static void exec_started(struct job *j)
{
    (void)j;
}

/* It was the command of an earlier try whose end the current one waited for. */
static bool made_room(struct prober *p)
{
    bool waited = p->again;
    p->again = false;
    if (waited)
        job_start(&p->job);
    return waited;
}

static void exec_failed(struct job *j, const char *text)
{
    struct prober *p = j->owner;
    if (made_room(p) || !p->limit.armed)
        return;
    why_clipped(p, text);
    prober_tried(p, false);
}

static void exec_ended(struct job *j, int status)
{
    struct prober *p = j->owner;
    /* What it left behind would be one more with every try. */
    if (job_group_left(j->group))
        (void)kill(-j->group, SIGKILL);
    if (made_room(p) || !p->limit.armed)
        return;
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        (void)snprintf(p->why, sizeof(p->why), "killed by signal %d (%s%s)", WTERMSIG(status),
            name ? "SIG" : "unknown", name ? name : "");
    } else {
        (void)snprintf(p->why, sizeof(p->why), "exit status %d", WEXITSTATUS(status));
    }
    prober_tried(p, WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void exec_try(struct prober *p)
{
    p->again = job_busy(&p->job);
    if (!p->again)
        job_start(&p->job);
}

/* The end of a period in which the process should have told. */
static void period_over(struct prober *p)
{
    char text[TEXT_SHOWN + 64];
    bool seen = p->seen;
    p->seen = false;
    if (seen) {
        p->failed = 0;
        return;
    }
    if (p->probe->kind == PROBE_NOTIFY) {
        why_within(p, "no WATCHDOG=1", p->probe->every_ms);
    } else {
        struct str shown = utf8_clip(str_from(p->probe->text), TEXT_SHOWN);
        (void)snprintf(text, sizeof(text), "no line with \"%" STR_FMT "\"", STR_ARG(shown));
        why_within(p, text, p->probe->every_ms);
    }
    failed_once(p);
}

static void next_fired(struct timer *t)
{
    struct prober *p = CONTAINER_OF(t, struct prober, next);
    /* With `every` as the limit both are due in the same millisecond, and this may come first. */
    if (p->limit.armed) {
        timer_stop(&p->limit);
        took_too_long(p);
        if (!p->active || p->next.armed) /* result() was called, and may have begun anew */
            return;
    }
    if (p->use == PROBE_FOR_LIVE)
        timer_arm(p->ev, &p->next, p->probe->every_ms);
    if (is_told(p)) {
        period_over(p);
        return;
    }
    timer_arm(p->ev, &p->limit, try_ms(p));
    if (p->probe->kind == PROBE_EXEC)
        exec_try(p);
    else
        prober_net_try(p);
}

void prober_init(struct prober *p, struct jobs *jobs, void *owner,
    void (*result)(struct prober *p, bool ok, const char *why))
{
    *p = (struct prober){ .jobs = jobs, .ev = jobs->ev, .owner = owner, .result = result };
    p->next.fire = next_fired;
    p->limit.fire = limit_fired;
    p->socket.fd = -1;
    job_init(&p->job, jobs, p);
    p->job.started = exec_started;
    p->job.failed = exec_failed;
    p->job.ended = exec_ended;
}

void prober_begin(
    struct prober *p, const struct probe *probe, enum probe_use use, const struct launch *launch)
{
    assert(probe->kind != PROBE_NONE);
    prober_stop(p);
    p->probe = probe;
    p->use = use;
    p->active = true;
    p->seen = false;
    p->failed = 0;
    why_clipped(p, probe->kind == PROBE_NOTIFY ? "no READY=1 yet" : "no answer yet");
    if (probe->kind == PROBE_LOG)
        why_clipped(p, "no line with its text yet");
    /* A job that still goes on has been killed, and is not forked anew: it needs the old no more.
     */
    p->job.launch = *launch;
    p->job.launch.command = &probe->exec;
    p->job.launch.notify_socket = NULL;
    p->job.launch.watchdog_ms = 0;
    p->job.launch.inherit_from_run = true;
    if (use == PROBE_FOR_LIVE)
        timer_arm(p->ev, &p->next, probe->every_ms);
    else if (!is_told(p))
        timer_arm(p->ev, &p->next, 0);
}

void prober_stop(struct prober *p)
{
    p->active = p->again = false;
    timer_stop(&p->next);
    prober_net_stop(p);
    if (!p->limit.armed)
        return;
    timer_stop(&p->limit);
    if (p->probe->kind == PROBE_EXEC)
        job_signal_group(&p->job, SIGKILL);
}

void prober_saw(struct prober *p)
{
    if (!p->active || !is_told(p))
        return;
    p->seen = true;
    if (p->use == PROBE_FOR_READY)
        finish(p, true);
}

void prober_line(struct prober *p, struct str text)
{
    if (p->active && p->probe->kind == PROBE_LOG &&
        str_find_str(text, str_from(p->probe->text)) != STR_NPOS)
        prober_saw(p);
}
