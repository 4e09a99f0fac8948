/* What the loop tells a process, turned into events; and what is asked from outside. */
#include "supervisor/unit_private.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

const struct process *unit_process(const struct unit *u)
{
    return &u->conf->processes[u->index];
}

static int status_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void describe_status(int status, char *out, size_t n)
{
    if (WIFSIGNALED(status))
        (void)snprintf(out, n, "killed by signal %d%s", WTERMSIG(status),
            WCOREDUMP(status) ? " (core dumped)" : "");
    else
        (void)snprintf(out, n, "exit status %d", WEXITSTATUS(status));
}

void unit_event(struct unit *u, enum unit_event event)
{
    u->raised = (int)event;
    while (u->raised >= 0) {
        const struct unit_edge *edge = &unit_table[u->state][u->raised];
        u->raised = -1;
        if (!edge->here)
            return;
        if (edge->next != u->state && edge->action != ACTION_NONE)
            timer_stop(&u->timer);
        u->state = edge->next;
        u->host->changed = true;
        unit_actions[edge->action](u);
    }
}

/* ---- what the loop tells ---- */

static void timer_fired(struct timer *t)
{
    struct unit *u = CONTAINER_OF(t, struct unit, timer);
    const struct process *p = unit_process(u);
    if (u->state == UNIT_BACKOFF && !u->host->others_up(u)) {
        u->waits_for_others = true;
        return;
    }
    if (u->state == UNIT_READYING) {
        u->outcome = OUTCOME_NOT_READY;
        (void)snprintf(u->why, sizeof u->why, "not ready within %lld.%lld s: %s",
            (long long)(p->ready_timeout_ms / 1000), (long long)(p->ready_timeout_ms % 1000 / 100),
            u->prober.why);
        say(u->host->out, SAY_ERROR, "process \"%s\": %s", p->name, u->why);
    } else if (u->state == UNIT_STOPPING) {
        say(u->host->out, SAY_WARN, "process \"%s\" did not stop in time, killing it", p->name);
    }
    unit_event(u, EVENT_TIMEOUT);
}

static void poll_fired(struct timer *t)
{
    unit_look(CONTAINER_OF(t, struct unit, poll));
}

/* That it ended by the very signal we sent is no news. */
static enum say_level level_of_end(const struct unit *u, int status)
{
    const struct process *p = unit_process(u);
    bool obeyed = WIFSIGNALED(status) && !p->stop_command && WTERMSIG(status) == p->stop_signal;
    if (status == 0 || (u->asked && obeyed))
        return SAY_INFO;
    return u->asked || u->host->shutting_down ? SAY_WARN : SAY_ERROR;
}

static void note_end(struct unit *u, int status)
{
    char how[64];
    describe_status(status, how, sizeof how);
    say(u->host->out, level_of_end(u, status), "process \"%s\" ended: %s", unit_process(u)->name,
        how);
    if (u->outcome == OUTCOME_NOT_READY) {
        u->code = 1;
        return;
    }
    u->code = status_code(status);
    u->outcome = OUTCOME_ENDED;
    (void)snprintf(u->why, sizeof u->why, "ended: %s", how);
}

static void run_started(struct job *j)
{
    unit_event(j->owner, EVENT_SPAWNED);
}

static void run_failed(struct job *j, const char *text)
{
    struct unit *u = j->owner;
    (void)snprintf(u->why, sizeof u->why, "run: %.900s", text);
    unit_event(u, u->state == UNIT_SPAWNING ? EVENT_SPAWN_FAILED : EVENT_ENDED);
}

static void run_ended(struct job *j, int status)
{
    struct unit *u = j->owner;
    bool was_left = u->state == UNIT_LEFT || u->state == UNIT_LEFT_POST;
    u->group = was_left ? 0 : j->group;
    if (was_left && job_group_left(j->group))
        (void)kill(-j->group, SIGKILL);
    note_end(u, status);
    unit_event(u, EVENT_ENDED);
}

static void side_started(struct job *j)
{
    (void)j;
}

/* `pre` or `post` came to this; ok when text is NULL. */
static void side_done(struct unit *u, const char *text)
{
    bool post = u->state == UNIT_POST || u->state == UNIT_LEFT_POST;
    if (!text) {
        unit_event(u, post ? EVENT_POST_ENDED : EVENT_PRE_OK);
        return;
    }
    (void)snprintf(u->why, sizeof u->why, "%s: %.900s", post ? "post" : "pre", text);
    if (post)
        say(u->host->out, SAY_WARN, "process \"%s\": %s", unit_process(u)->name, u->why);
    unit_event(u, post ? EVENT_POST_ENDED : EVENT_PRE_FAILED);
}

static void side_failed(struct job *j, const char *text)
{
    side_done(j->owner, text);
}

static void side_ended(struct job *j, int status)
{
    char how[64];
    describe_status(status, how, sizeof how);
    side_done(j->owner, status == 0 ? NULL : how);
}

/* Ground Control leaves a process whose stop failed, runs its `post` and goes on with the shutdown.
 * Where one process alone is to stop there is no sweep to follow: it is killed. */
static void stop_failed(struct unit *u, const char *why)
{
    say(u->host->out, SAY_WARN, "process \"%s\": stop: %s", unit_process(u)->name, why);
    if (u->state == UNIT_STOPPING)
        unit_event(u, u->host->shutting_down ? EVENT_STOP_FAILED : EVENT_TIMEOUT);
}

static void stop_command_failed(struct job *j, const char *text)
{
    stop_failed(j->owner, text);
    unit_look(j->owner);
}

static void stop_command_ended(struct job *j, int status)
{
    char how[64];
    describe_status(status, how, sizeof how);
    if (status != 0)
        stop_failed(j->owner, how);
    unit_look(j->owner);
}

static void probed(struct prober *p, bool ok, const char *why)
{
    struct unit *u = p->owner;
    if (ok) {
        unit_event(u, EVENT_READY);
        return;
    }
    say(u->host->out, SAY_ERROR, "process \"%s\" is not alive: %s; killing it",
        unit_process(u)->name, why);
    unit_event(u, EVENT_SICK);
}

/* READY=1 counts while we wait for it, WATCHDOG=1 afterwards. */
static bool awaited(const struct unit *u, enum notify_message what)
{
    const struct process *p = unit_process(u);
    if (u->state == UNIT_READYING)
        return what == NOTIFY_READY && p->ready.kind == PROBE_NOTIFY;
    return what == NOTIFY_WATCHDOG && p->live.kind == PROBE_NOTIFY;
}

static void notified(struct notify *n, enum notify_message what, struct str status)
{
    struct unit *u = n->owner;
    if (what == NOTIFY_STATUS)
        (void)snprintf(
            u->note, sizeof u->note, "%" STR_FMT, STR_ARG(utf8_clip(status, sizeof u->note - 1)));
    else if (awaited(u, what))
        prober_saw(&u->prober);
}

/* ---- from outside ---- */

static void set_calls(struct job *j, void (*started)(struct job *),
    void (*failed)(struct job *, const char *), void (*ended)(struct job *, int))
{
    j->started = started;
    j->failed = failed;
    j->ended = ended;
}

void unit_init(
    struct unit *u, struct host *host, const struct conf *conf, size_t index, struct source *source)
{
    *u =
        (struct unit){ .host = host, .conf = conf, .index = index, .source = source, .raised = -1 };
    job_init(&u->run, host->jobs, u);
    job_init(&u->side, host->jobs, u);
    job_init(&u->stop, host->jobs, u);
    set_calls(&u->run, run_started, run_failed, run_ended);
    set_calls(&u->side, side_started, side_failed, side_ended);
    set_calls(&u->stop, side_started, stop_command_failed, stop_command_ended);
    prober_init(&u->prober, host->jobs, u, probed);
    u->notify = (struct notify){ .watch.fd = -1, .owner = u, .message = notified };
    u->timer.fire = timer_fired;
    u->poll.fire = poll_fired;
}

void unit_deinit(struct unit *u)
{
    timer_stop(&u->timer);
    timer_stop(&u->poll);
    prober_stop(&u->prober);
    notify_close(&u->notify);
    job_deinit(&u->run);
    job_deinit(&u->side);
    job_deinit(&u->stop);
    job_deinit(&u->prober.job);
}

void unit_new_environ(struct unit *u)
{
    struct job *const jobs[] = { &u->run, &u->side, &u->stop, &u->prober.job };
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
        jobs[i]->launch.environ_ = u->host->environ_;
}

void unit_start(struct unit *u, bool by_hand)
{
    u->by_hand = by_hand;
    unit_event(u, EVENT_START);
}

void unit_stop(struct unit *u)
{
    u->asked = true;
    u->again_now = false;
    unit_event(u, EVENT_STOP);
}

void unit_restart(struct unit *u)
{
    u->asked = u->again_now = true;
    unit_event(u, EVENT_STOP);
}

void unit_force(struct unit *u)
{
    u->asked = true;
    u->again_now = false;
    unit_event(u, EVENT_FORCE);
}

void unit_release(struct unit *u)
{
    if (u->state == UNIT_BACKOFF && u->waits_for_others && u->host->others_up(u))
        unit_event(u, EVENT_TIMEOUT);
}

bool unit_settled_up(const struct unit *u)
{
    return u->state == UNIT_UP || u->state == UNIT_DONE;
}

bool unit_settled_down(const struct unit *u)
{
    return u->state == UNIT_DOWN || u->state == UNIT_LEFT;
}

bool unit_idle(const struct unit *u)
{
    return !job_busy(&u->run) && !job_busy(&u->side) && !job_busy(&u->stop) &&
           !job_busy(&u->prober.job);
}
