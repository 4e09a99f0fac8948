/* Actions of the table, one function each. An action may raise one more event, which unit_event
 * takes when the action is done; everything else comes from the loop, so an event never arrives in
 * the middle of another. */
#include "supervisor/unit.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

const struct process *unit_process(const struct unit *u)
{
    return &u->conf->processes[u->index];
}

static void raise_event(struct unit *u, enum unit_event event)
{
    assert(u->raised < 0);
    u->raised = (int)event;
}

static void arm(struct unit *u, int64_t ms)
{
    timer_arm(u->host->ev, &u->timer, ms);
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

/* Starts a command in one of the unit's jobs. */
static void begin(struct unit *u, struct job *j, const struct command *command, const char *phase)
{
    j->launch = (struct launch){
        .process = unit_process(u),
        .command = command,
        .environ_ = u->host->environ_,
    };
    j->use = (struct stream_use){ .source = u->source, .phase = phase };
    job_start(j);
}

/* ---- pre ---- */

static void do_start_pre(struct unit *u)
{
    const struct process *p = unit_process(u);
    u->asked = u->again_now = u->waits_for_others = false;
    u->outcome = OUTCOME_NONE;
    u->note[0] = '\0';
    if (p->pre)
        begin(u, &u->side, p->pre, "pre");
    else
        raise_event(u, EVENT_PRE_OK);
}

static void do_stop_pre(struct unit *u)
{
    job_signal_group(&u->side, SIGTERM);
    arm(u, unit_process(u)->stop_timeout_ms);
}

static void do_kill_side(struct unit *u)
{
    job_signal_group(&u->side, SIGKILL);
}

/* ---- run ---- */

static void line_of_run(void *ctx, struct str text)
{
    struct unit *u = ctx;
    prober_line(&u->prober, text);
}

static bool wants_notify(const struct process *p)
{
    return p->ready.kind == PROBE_NOTIFY || p->live.kind == PROBE_NOTIFY;
}

static void begin_run(struct unit *u)
{
    const struct process *p = unit_process(u);
    struct job *j = &u->run;
    j->launch = (struct launch){
        .process = p,
        .command = p->run,
        .environ_ = u->host->environ_,
        .notify_socket = u->notify.watch.fd >= 0 ? u->notify.address : NULL,
    };
    if (p->live.kind == PROBE_NOTIFY)
        j->launch.watchdog_ms = p->live.every_ms * p->live.failures;
    bool listens = p->ready.kind == PROBE_LOG || p->live.kind == PROBE_LOG;
    j->use =
        (struct stream_use){ u->source, NULL, CHANNEL_STDOUT, listens ? line_of_run : NULL, u };
    u->starts++;
    job_start(j);
}

static void do_start_run(struct unit *u)
{
    const struct process *p = unit_process(u);
    struct err e = ERR_INIT;
    if (!p->run) {
        raise_event(u, EVENT_NO_RUN);
    } else if (wants_notify(p) && u->notify.watch.fd < 0 &&
               notify_open(&u->notify, u->host->ev, &e) < 0) {
        (void)snprintf(u->why, sizeof u->why, "run: no socket for notify: %s", e.cause);
        raise_event(u, EVENT_SPAWN_FAILED);
    } else {
        begin_run(u);
    }
}

static void begin_probe(struct unit *u, const struct probe *probe, enum probe_use use)
{
    struct launch l = { .process = unit_process(u), .environ_ = u->host->environ_ };
    prober_begin(&u->prober, probe, use, &l);
}

static void do_await_ready(struct unit *u)
{
    const struct process *p = unit_process(u);
    if (p->ready.kind == PROBE_NONE) {
        raise_event(u, EVENT_READY);
        return;
    }
    arm(u, p->ready_timeout_ms);
    begin_probe(u, &p->ready, PROBE_FOR_READY);
}

static void do_come_up(struct unit *u)
{
    const struct process *p = unit_process(u);
    u->has_been_up = true;
    u->by_hand = false;
    u->up_since_ms = u->host->ev->now_ms();
    if (p->ready.kind != PROBE_NONE)
        say(u->host->out, SAY_INFO, "process \"%s\" is ready", p->name);
    if (p->run && p->live.kind != PROBE_NONE)
        begin_probe(u, &p->live, PROBE_FOR_LIVE);
}

/* ---- stop ---- */

/* Ground Control leaves a process whose stop failed, runs its `post` and goes on with the shutdown.
 * Where one process alone is to stop there is no sweep to follow: it is killed. */
static void stop_failed(struct unit *u, const char *why)
{
    say(u->host->out, SAY_WARN, "process \"%s\": stop: %s", unit_process(u)->name, why);
    if (u->state == UNIT_STOPPING)
        unit_event(u, u->host->shutting_down ? EVENT_STOP_FAILED : EVENT_TIMEOUT);
}

static void do_ask_stop(struct unit *u)
{
    const struct process *p = unit_process(u);
    prober_stop(&u->prober);
    arm(u, p->stop_timeout_ms);
    if (p->stop_command && !job_busy(&u->stop))
        begin(u, &u->stop, p->stop_command, "stop");
    else if (!job_signal(&u->run, p->stop_signal)) {
        say(u->host->out, SAY_WARN, "process \"%s\": stop: cannot send the signal: %s", p->name,
            strerror(errno));
        raise_event(u, u->host->shutting_down ? EVENT_STOP_FAILED : EVENT_TIMEOUT);
    }
}

static void do_kill(struct unit *u)
{
    prober_stop(&u->prober);
    job_signal_group(&u->run, SIGKILL);
    job_signal_group(&u->stop, SIGKILL);
    arm(u, UNIT_KILL_MS);
}

/* ---- what is left of the group ---- */

static bool group_gone(struct unit *u)
{
    if (u->group && job_group_left(u->group))
        return false;
    u->group = 0;
    return !job_busy(&u->stop);
}

void unit_look(struct unit *u)
{
    if (u->state != UNIT_LINGER && u->state != UNIT_CLEANING)
        return;
    if (group_gone(u))
        unit_event(u, EVENT_GONE);
    else
        timer_arm(u->host->ev, &u->poll, UNIT_POLL_MS);
}

static void do_sweep_group(struct unit *u)
{
    prober_stop(&u->prober);
    notify_close(&u->notify);
    if (group_gone(u)) {
        raise_event(u, EVENT_GONE);
        return;
    }
    if (u->group)
        (void)kill(-u->group, SIGTERM);
    arm(u, unit_process(u)->stop_timeout_ms);
    timer_arm(u->host->ev, &u->poll, UNIT_POLL_MS);
}

static void do_kill_group(struct unit *u)
{
    if (u->group && job_group_left(u->group))
        (void)kill(-u->group, SIGKILL);
    job_signal_group(&u->stop, SIGKILL);
    arm(u, UNIT_KILL_MS);
    timer_arm(u->host->ev, &u->poll, UNIT_POLL_MS);
}

/* ---- the end of run ---- */

static bool policy_wants_it(const struct unit *u)
{
    const struct process *p = unit_process(u);
    return p->restart == RESTART_ALWAYS || (p->restart == RESTART_ON_FAILURE && u->code != 0);
}

/* A start in a fixed window, as systemd counts StartLimitBurst. */
static bool within_limit(struct unit *u)
{
    const struct process *p = unit_process(u);
    int64_t now = u->host->ev->now_ms();
    if (p->restart_limit < 0)
        return true;
    if (u->in_window == 0 || now - u->window_start_ms > p->restart_window_ms) {
        u->window_start_ms = now;
        u->in_window = 0;
    }
    if (u->in_window >= p->restart_limit)
        return false;
    u->in_window++;
    return true;
}

/* May it come back by itself? The first start of all has to succeed: an aborted start stops what
 * was started before it. */
static bool restart_due(struct unit *u)
{
    if (u->asked || u->host->shutting_down || !policy_wants_it(u))
        return false;
    if (u->outcome != OUTCOME_ENDED && !u->has_been_up)
        return false;
    if (within_limit(u))
        return true;
    say(u->host->out, SAY_ERROR, "process \"%s\": restarted %d times within %lld s, giving up",
        unit_process(u)->name, unit_process(u)->restart_limit,
        (long long)(unit_process(u)->restart_window_ms / 1000));
    return false;
}

static void do_judge_end(struct unit *u)
{
    timer_stop(&u->poll);
    if (u->group)
        say(u->host->out, SAY_WARN, "process \"%s\": some of its processes cannot be killed",
            unit_process(u)->name);
    u->group = 0;
    u->restarting = restart_due(u);
    if (u->asked || u->restarting || u->by_hand)
        raise_event(u, EVENT_STOP);
}

/* ---- post and rest ---- */

static void do_run_post(struct unit *u)
{
    const struct process *p = unit_process(u);
    if (!p->post || u->host->forced) {
        raise_event(u, EVENT_POST_ENDED);
        return;
    }
    arm(u, p->stop_timeout_ms);
    begin(u, &u->side, p->post, "post");
}

static void do_settle(struct unit *u)
{
    if (u->state == UNIT_LEFT)
        return;
    if (u->again_now && !u->host->shutting_down) {
        u->by_hand = true;
        raise_event(u, EVENT_START);
    } else if (u->restarting && !u->asked && !u->host->shutting_down) {
        raise_event(u, EVENT_AGAIN);
    }
    u->restarting = false;
}

static void do_fail_start(struct unit *u)
{
    u->outcome = OUTCOME_START_FAILED;
    u->code = 1;
    say(u->host->out, SAY_ERROR, "process \"%s\": %s", unit_process(u)->name, u->why);
    notify_close(&u->notify);
    u->restarting = restart_due(u);
    do_settle(u);
}

/* 0.1 s, doubled each time up to 30 s, a fifth more or less so that processes that fall together do
 * not come back together. One that has been up for a whole window starts from the beginning. */
static int64_t backoff_ms(struct unit *u)
{
    int64_t ms = BACKOFF_FIRST_MS;
    if (u->up_since_ms &&
        u->host->ev->now_ms() - u->up_since_ms > unit_process(u)->restart_window_ms)
        u->in_row = 0;
    for (int i = 0; i < u->in_row && ms < BACKOFF_LAST_MS; i++)
        ms *= 2;
    u->in_row++;
    if (ms > BACKOFF_LAST_MS)
        ms = BACKOFF_LAST_MS;
    return ms * (80 + (int64_t)(u->host->random() % 41)) / 100;
}

static void do_wait_turn(struct unit *u)
{
    int64_t ms = backoff_ms(u);
    say(u->host->out, SAY_INFO, "process \"%s\" starts again in %lld.%lld s", unit_process(u)->name,
        (long long)(ms / 1000), (long long)(ms % 1000 / 100));
    arm(u, ms);
}

static void do_none(struct unit *u)
{
    (void)u;
}

static void (*const actions[UNIT_ACTION_COUNT])(struct unit *) = {
    [ACTION_NONE] = do_none,
    [ACTION_START_PRE] = do_start_pre,
    [ACTION_START_RUN] = do_start_run,
    [ACTION_AWAIT_READY] = do_await_ready,
    [ACTION_COME_UP] = do_come_up,
    [ACTION_SETTLE] = do_settle,
    [ACTION_FAIL_START] = do_fail_start,
    [ACTION_STOP_PRE] = do_stop_pre,
    [ACTION_KILL_PRE] = do_kill_side,
    [ACTION_ASK_STOP] = do_ask_stop,
    [ACTION_KILL] = do_kill,
    [ACTION_SWEEP_GROUP] = do_sweep_group,
    [ACTION_KILL_GROUP] = do_kill_group,
    [ACTION_JUDGE_END] = do_judge_end,
    [ACTION_RUN_POST] = do_run_post,
    [ACTION_KILL_POST] = do_kill_side,
    [ACTION_WAIT_TURN] = do_wait_turn,
};

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
        actions[edge->action](u);
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

static void note_end(struct unit *u, int status)
{
    char how[64];
    describe_status(status, how, sizeof how);
    bool asked = u->asked || u->host->shutting_down;
    enum say_level level = status == 0 ? SAY_INFO : asked ? SAY_WARN : SAY_ERROR;
    say(u->host->out, level, "process \"%s\" ended: %s", unit_process(u)->name, how);
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

static void notified(struct notify *n, enum notify_message what, struct str status)
{
    struct unit *u = n->owner;
    bool ready = u->state == UNIT_READYING;
    if (what == NOTIFY_STATUS)
        (void)snprintf(
            u->note, sizeof u->note, "%" STR_FMT, STR_ARG(utf8_clip(status, sizeof u->note - 1)));
    else if (unit_process(u)->ready.kind == PROBE_NOTIFY && ready && what == NOTIFY_READY)
        prober_saw(&u->prober);
    else if (unit_process(u)->live.kind == PROBE_NOTIFY && !ready && what == NOTIFY_WATCHDOG)
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
