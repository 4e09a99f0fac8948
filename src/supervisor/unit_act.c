/* Actions of the table, one function each. An action may raise one more event, which unit_event
 * takes when the action is done; everything else comes from the loop, so an event never arrives in
 * the middle of another. */
#include "supervisor/unit_private.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void raise_event(struct unit *u, enum unit_event event)
{
    assert(u->raised < 0);
    u->raised = (int)event;
}

static void arm(struct unit *u, int64_t ms)
{
    timer_arm(u->host->ev, &u->timer, ms);
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
    return !job_busy(&u->stop) && !job_busy(&u->prober.job);
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

void (*const unit_actions[UNIT_ACTION_COUNT])(struct unit *u) = {
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
