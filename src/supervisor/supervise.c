/* After each round of the loop the supervisor looks at the states of its processes and takes the
 * next step of what it is doing: starting, running, reloading, stopping. It is told nothing and
 * remembers little, so no order of signals, ends and requests can get ahead of it. */
#include "supervisor/supervise.h"

#include "supervisor/supervise_private.h"

#include "base/mem.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>

#define FLUSH_MS 5000 /* at the end, for a reader that is slow */
#define STALL_MS 1000 /* and for one that does not read */

static unsigned random_number(void)
{
    unsigned v = 0;
    (void)!getrandom(&v, sizeof v, GRND_NONBLOCK);
    return v;
}

/* ---- the processes ---- */

struct unit *supervise_find(struct supervise *s, struct str name, size_t *ret_count)
{
    struct unit *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(str_from(s->conf->processes[i].name), name) && count++ == 0)
            found = s->units[i];
    if (ret_count)
        *ret_count = count;
    return found;
}

static bool others_up(const struct unit *u)
{
    struct supervise *s = u->host->owner;
    const struct process *p = unit_process(u);
    for (size_t i = 0; i < p->depends_n; i++) {
        struct str name = str_from(u->conf->processes[p->depends[i]].name);
        const struct unit *other = supervise_find(s, name, NULL);
        if (other && !unit_settled_up(other))
            return false;
    }
    return true;
}

struct unit *supervise_new_unit(struct supervise *s, const struct conf *c, size_t index)
{
    struct unit *u = MEM_NEW(struct unit);
    const struct process *p = &c->processes[index];
    unit_init(u, &s->host, c, index, source_open(s->out, p->name, p->run != NULL));
    return u;
}

void supervise_free_unit(struct supervise *s, struct unit *u)
{
    struct conf *c = (struct conf *)(uintptr_t)u->conf;
    requests_forget(s, u);
    unit_deinit(u);
    streams_drop(s->streams, u->source);
    source_close(u->source);
    free(u);
    supervise_drop_conf(s, c);
}

void supervise_drop_conf(struct supervise *s, struct conf *c)
{
    if (c == s->conf || c == s->next)
        return;
    for (size_t i = 0; i < s->n; i++)
        if (s->units[i] && s->units[i]->conf == c)
            return;
    conf_free(c);
}

static struct unit *in_order(const struct supervise *s, size_t at)
{
    return s->units[s->conf->order[at]];
}

/* ---- stopping ---- */

static void force_all(struct supervise *s)
{
    s->host.forced = true;
    for (size_t i = 0; i < s->n; i++)
        unit_force(s->units[i]);
}

static void begin_stop(struct supervise *s, int code)
{
    if (s->mode >= MODE_STOPPING)
        return;
    if (s->mode == MODE_UNLOADING)
        reload_cancel(s);
    s->mode = MODE_STOPPING;
    s->host.shutting_down = s->host.changed = true;
    s->code = code;
    s->at = s->n;
    s->at_begun = false;
    s->stop_began_ms = s->ev.now_ms();
    int64_t limit = s->conf->shutdown_timeout_ms;
    if (limit != TIME_FOREVER)
        timer_arm(&s->ev, &s->deadline,
            limit - (limit > 10 * KILL_MARGIN_MS ? KILL_MARGIN_MS : limit / 10));
}

static void sweep_begin(struct supervise *s, bool kill_at_once);

static void deadline_fired(struct timer *t)
{
    struct supervise *s = CONTAINER_OF(t, struct supervise, deadline);
    say(s->out, SAY_ERROR, "the stop takes longer than shutdown-timeout: killing what still runs");
    force_all(s);
    sweep_begin(s, true);
}

static void step_stopping(struct supervise *s)
{
    while (s->at > 0) {
        struct unit *u = in_order(s, s->at - 1);
        if (!s->at_begun)
            unit_stop(u);
        s->at_begun = true;
        if (!unit_settled_down(u))
            return;
        s->at--;
        s->at_begun = false;
    }
    sweep_begin(s, s->host.forced);
}

static int64_t left_ms(const struct supervise *s, int64_t at_most)
{
    if (s->conf->shutdown_timeout_ms == TIME_FOREVER)
        return at_most;
    int64_t left = s->stop_began_ms + s->conf->shutdown_timeout_ms - s->ev.now_ms();
    return left < 0 ? 0 : left < at_most ? left : at_most;
}

static void sweep_end(struct supervise *s)
{
    timer_stop(&s->sweep);
    timer_stop(&s->deadline);
    s->mode = MODE_ENDED;
}

/* How long SIGKILL may take: what is left, or a little. */
static int64_t kill_ms(const struct supervise *s)
{
    int64_t left = left_ms(s, UNIT_KILL_MS) - KILL_MARGIN_MS;
    return left > KILL_MARGIN_MS ? left : KILL_MARGIN_MS;
}

/* SIGKILL again each 10 ms: what was forked meanwhile has not had it. */
static void sweep_fired(struct timer *t)
{
    struct supervise *s = CONTAINER_OF(t, struct supervise, sweep);
    if (s->sweep_killed && s->ev.now_ms() >= s->sweep_until_ms) {
        say(s->out, SAY_ERROR, "some processes cannot be killed");
        sweep_end(s);
        return;
    }
    if (!s->sweep_killed)
        s->sweep_until_ms = s->ev.now_ms() + kill_ms(s);
    s->sweep_killed = true;
    sweep_signal(SIGKILL);
    timer_arm(&s->ev, t, 10);
}

static void sweep_begin(struct supervise *s, bool kill_at_once)
{
    s->mode = MODE_SWEEPING;
    s->host.changed = true;
    if (!sweep_anybody_left())
        return;
    if (!kill_at_once)
        sweep_signal(SIGTERM);
    timer_arm(&s->ev, &s->sweep, kill_at_once ? 0 : left_ms(s, SWEEP_GRACE_MS));
}

static void step_sweeping(struct supervise *s)
{
    if (!sweep_anybody_left())
        sweep_end(s);
}

/* ---- starting and running ---- */

/* During the start also one that a person has asked for: what comes after it waits. */
static bool start_failed(const struct supervise *s, const struct unit *u)
{
    if (u->state != UNIT_DOWN || u->asked)
        return false;
    if (s->mode == MODE_STARTING)
        return u->outcome != OUTCOME_NONE;
    return u->outcome == OUTCOME_START_FAILED && !u->by_hand;
}

/* The first process whose end nobody asked for and nothing mends stops everything. */
static void check_ends(struct supervise *s)
{
    for (size_t i = 0; i < s->n && s->mode < MODE_STOPPING; i++) {
        struct unit *u = s->units[i];
        if ((u->state == UNIT_OVER || start_failed(s, u))) {
            bool early = s->mode == MODE_STARTING && u->code != 0;
            say(s->out, u->code ? SAY_ERROR : SAY_INFO, "%s: process \"%s\" %s",
                early ? "start aborted" : "shutting down", unit_process(u)->name,
                u->state == UNIT_OVER ? "ended" : "could not be started");
            begin_stop(s, u->code);
        }
    }
}

static void step_starting(struct supervise *s)
{
    check_ends(s);
    while (s->mode == MODE_STARTING && s->at < s->n) {
        struct unit *u = in_order(s, s->at);
        if (!s->at_begun && !(u->asked && unit_settled_down(u)))
            unit_start(u, false);
        s->at_begun = true;
        check_ends(s);
        if (s->mode != MODE_STARTING || !(unit_settled_up(u) || (u->asked && unit_settled_down(u))))
            return;
        s->at++;
        s->at_begun = false;
    }
    if (s->mode != MODE_STARTING)
        return;
    s->mode = MODE_RUNNING;
    s->host.changed = true;
    say(s->out, SAY_INFO, "all processes are started");
}

static void step_running(struct supervise *s)
{
    check_ends(s);
    if (s->mode == MODE_RUNNING && s->hangup) {
        s->hangup = false;
        reload_begin(s);
    }
}

static void step_reload(struct supervise *s)
{
    check_ends(s);
    if (s->mode < MODE_STOPPING)
        reload_step(s);
}

static void step_ended(struct supervise *s)
{
    (void)s;
}

static void (*const steps[])(struct supervise *) = {
    [MODE_STARTING] = step_starting,
    [MODE_RUNNING] = step_running,
    [MODE_UNLOADING] = step_reload,
    [MODE_LOADING] = step_reload,
    [MODE_STOPPING] = step_stopping,
    [MODE_SWEEPING] = step_sweeping,
    [MODE_ENDED] = step_ended,
};

static void take_steps(struct supervise *s)
{
    while (s->host.changed) {
        s->host.changed = false;
        for (size_t i = 0; i < s->n && s->mode < MODE_STOPPING; i++)
            unit_release(s->units[i]);
        steps[s->mode](s);
        requests_step(s);
    }
}

/* ---- signals ---- */

static void stop_signalled(struct supervise *s, int sig)
{
    s->stop_signals++;
    if (s->stop_signals == 1) {
        say(s->out, SAY_INFO, "got %s, shutting down",
            sig == SIGINT    ? "SIGINT"
            : sig == SIGTERM ? "SIGTERM"
                             : "SIGQUIT");
        begin_stop(s, 0);
    } else if (!s->host.forced) {
        say(s->out, SAY_WARN, "got a second signal: killing what still runs");
        force_all(s);
        if (s->mode == MODE_SWEEPING)
            sweep_begin(s, true);
    }
}

static void signalled(struct supervise *s, int sig)
{
    if (sig == SIGHUP) {
        s->hangup = s->mode < MODE_STOPPING && !s->break_glass;
        s->host.changed = true;
    } else if (sig != SIGCHLD) {
        stop_signalled(s, sig);
    }
}

static void reap(struct supervise *s)
{
    s->reap_more = jobs_reap(&s->jobs);
    for (size_t i = 0; i < s->n; i++)
        unit_look(s->units[i]);
    if (s->mode == MODE_SWEEPING || s->mode == MODE_UNLOADING)
        s->host.changed = true;
}

static void signals_ready(struct watch *w, uint32_t what)
{
    (void)what;
    struct supervise *s = CONTAINER_OF(w, struct supervise, signals);
    struct signalfd_siginfo info[16];
    ssize_t n = read(w->fd, info, sizeof info);
    for (size_t i = 0; n > 0 && i < (size_t)n / sizeof info[0]; i++)
        signalled(s, (int)info[i].ssi_signo);
    reap(s);
}

/* All signals are blocked, so that none does to us what it does by default; those that mean
 * something are read from a descriptor. A SIGCHLD that a parent told us to ignore would reap our
 * children behind our back. */
static int open_signals(struct supervise *s, struct err *e)
{
    sigset_t all, ours;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    (void)signal(SIGCHLD, SIG_DFL);
    (void)sigemptyset(&ours);
    const int wanted[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        (void)sigaddset(&ours, wanted[i]);
    s->signals.fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    s->signals.ready = signals_ready;
    if (s->signals.fd < 0)
        return err_sys(e, "listen to signals");
    return watch_add(&s->ev, &s->signals, EPOLLIN, e);
}

/* ---- set-up ---- */

static struct output_style style_of(const struct conf *c)
{
    const char *force = getenv("CLICOLOR_FORCE");
    return (struct output_style){
        .timestamps = !c->suppress_timestamps,
        .json = c->log_json,
        .colour = !c->log_json && (isatty(STDOUT_FILENO) || (force && strcmp(force, "0") != 0)),
        .filter = getenv("RUST_LOG"),
    };
}

void supervise_restyle(struct supervise *s)
{
    struct output_style style = style_of(s->conf);
    output_restyle(s->out, &style);
}

static int open_all(struct supervise *s, struct err *e)
{
    struct output_style style = style_of(s->conf);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    s->room = s->conf->n + SPARE_PROCESSES;
    if (events_open(&s->ev, e) < 0 || open_signals(s, e) < 0 ||
        output_open(&s->out, &s->ev, STDOUT_FILENO, s->room, &style, e) < 0 ||
        streams_open(&s->streams, &s->ev, STREAMS_EACH * s->room, e) < 0)
        return -1;
    jobs_init(&s->jobs, &s->ev, s->streams);
    s->host = (struct host){ .owner = s,
        .ev = &s->ev,
        .jobs = &s->jobs,
        .out = s->out,
        .random = random_number,
        .others_up = others_up };
    s->deadline.fire = deadline_fired;
    s->sweep.fire = sweep_fired;
    return s->conf->control && !s->break_glass ? requests_open(s, e) : 0;
}

void supervise_build_environ(struct supervise *s)
{
    struct arena *old = s->environ_arena;
    s->environ_arena = arena_new();
    s->host.environ_ = environ_build(s->conf, environ, s->environ_arena);
    for (size_t i = 0; i < s->n; i++)
        unit_new_environ(s->units[i]);
    arena_free(old);
}

static void open_units(struct supervise *s)
{
    s->n = s->conf->n;
    s->units = mem_array(s->n + 1, sizeof(struct unit *));
    for (size_t i = 0; i < s->n; i++)
        s->units[i] = supervise_new_unit(s, s->conf, i);
}

static void close_all(struct supervise *s)
{
    memset(s->requests, 0, sizeof s->requests);
    control_close(s->control);
    while (s->n > 0)
        supervise_free_unit(s, s->units[--s->n]);
    streams_close(s->streams);
    free(s->units);
    output_close(s->out, left_ms(s, FLUSH_MS) * 9 / 10);
    attr_close(&s->signals.fd);
    events_close(&s->ev);
    arena_free(s->environ_arena);
}

/* A descriptor 0, 1 or 2 that is closed would be given to a pipe of ours. */
static void keep_standard_fds(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    attr_close(&fd);
}

static void run_loop(struct supervise *s)
{
    s->host.changed = true;
    take_steps(s);
    while (s->mode != MODE_ENDED) {
        events_round(&s->ev, s->reap_more ? 0 : -1);
        if (s->reap_more)
            reap(s);
        take_steps(s);
    }
}

/* What is still in a pipe gets as long as what is in the rings: while somebody reads. */
static void last_lines(struct supervise *s)
{
    int64_t end = s->ev.now_ms() + left_ms(s, FLUSH_MS);
    int64_t moved_ms = s->ev.now_ms();
    uint64_t seen = output_bytes(s->out);
    while (streams_behind(s->streams)) {
        int64_t now = s->ev.now_ms();
        if (output_bytes(s->out) != seen)
            moved_ms = now;
        seen = output_bytes(s->out);
        if (now >= end || now - moved_ms >= STALL_MS)
            return;
        events_round(&s->ev, 100);
    }
}

/* Says it on both: the log may not be there. */
static void failed_set_up(const struct err *e)
{
    (void)dprintf(
        STDERR_FILENO, "groundcontrol: %s%s%s\n", e->text, e->cause[0] ? ": " : "", e->cause);
}

static void begin_start(struct supervise *s)
{
    supervise_build_environ(s);
    if (s->break_glass)
        say(s->out, SAY_WARN, "BREAK_GLASS is set: nothing is started; a signal ends this");
    else
        open_units(s);
    s->mode = s->break_glass ? MODE_RUNNING : MODE_STARTING;
}

int supervise(struct conf *c, bool break_glass)
{
    struct supervise *s AUTO_FREE = MEM_NEW(struct supervise);
    struct err e = ERR_INIT;
    keep_standard_fds();
    *s = (struct supervise){ .conf = c, .signals.fd = -1, .break_glass = break_glass, .code = 1 };
    if (open_all(s, &e) < 0) {
        failed_set_up(&e);
    } else {
        begin_start(s);
        run_loop(s);
        last_lines(s);
        say(s->out, SAY_INFO, "all processes have ended");
    }
    int code = s->code;
    close_all(s);
    conf_free(s->conf);
    return code;
}
