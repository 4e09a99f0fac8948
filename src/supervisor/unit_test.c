/* Random lives of one process against a model that knows nothing of the table: it sees what is
 * forked, signalled and ended, and holds it to the rules of the manual. The commands are fakes that
 * take the place of job.c, probe.c and notify.c at link time; time is a number. */
#include "supervisor/unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define SCHEDULES 10000
#define STEPS 60

/* ---- the fakes ---- */

struct world {
    uint64_t seed;
    int64_t now;
    struct events ev;
    struct jobs jobs;
    struct host host;
    struct conf conf;
    struct process process;
    struct command command;
    struct unit unit;

    bool killed[3]; /* run, side, stop got SIGKILL */
    bool group_left;
    bool group_killed;
    bool signal_fails;
    bool deps_up;
    bool probing;

    int pres, runs, posts; /* begun */
    int owed;              /* posts that a started cycle still has to get: 0 or 1 */
    int restarts;          /* begun by policy */
    bool waited;           /* was in back-off since the last run */
    enum unit_state before;
    const char *broken; /* the rule that was broken */
};

static struct world *w; /* the fakes are called without one */

static void rule(bool holds, const char *text)
{
    if (!holds && !w->broken)
        w->broken = text;
}

static unsigned dice(unsigned sides)
{
    w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(w->seed >> 33) % sides;
}

static int64_t world_now(void)
{
    return w->now;
}

static int index_of(const struct job *j)
{
    return j == &w->unit.run ? 0 : j == &w->unit.side ? 1 : 2;
}

void job_init(struct job *j, struct jobs *js, void *owner)
{
    *j = (struct job){ .jobs = js, .owner = owner, .pidfd = -1, .report.fd = -1 };
}

void job_deinit(struct job *j)
{
    (void)j;
}

void job_start(struct job *j)
{
    rule(j->state == JOB_IDLE, "a command is started beside itself");
    j->state = JOB_FORKED;
    j->pid = j->group = 100 + index_of(j);
    w->killed[index_of(j)] = false;
    bool run_lives = w->unit.run.state != JOB_IDLE;
    if (j == &w->unit.run) {
        w->runs++;
        w->owed = w->process.post != NULL;
        rule(!w->host.shutting_down, "`run` is started during the shutdown");
        rule(w->unit.side.state == JOB_IDLE, "`run` is started beside `pre` or `post`");
        rule(!w->group_left || w->group_killed,
            "`run` is started beside what is left of the last one");
    } else if (j == &w->unit.side && j->use.phase && strcmp(j->use.phase, "pre") == 0) {
        w->pres++;
        rule(!run_lives, "`pre` runs beside `run`");
        rule(!w->owed, "`pre` runs before the `post` of the last start");
    } else if (j == &w->unit.side) {
        w->posts++;
        rule(w->owed == 1, "`post` runs without a start or twice");
        rule(!run_lives || w->host.shutting_down || w->killed[0], "`post` runs beside `run`");
        rule(!w->host.forced, "`post` runs although forced");
        w->owed = 0;
    } else {
        rule(run_lives, "the stop command runs without `run`");
    }
}

bool job_busy(const struct job *j)
{
    return j->state != JOB_IDLE;
}

bool job_signal(struct job *j, int sig)
{
    errno = EPERM;
    if (j->state == JOB_IDLE || w->signal_fails)
        return false;
    w->killed[index_of(j)] |= sig == SIGKILL;
    return true;
}

void job_signal_group(struct job *j, int sig)
{
    if (j->state != JOB_IDLE)
        w->killed[index_of(j)] |= sig == SIGKILL;
}

bool job_group_left(pid_t group)
{
    (void)group;
    return w->group_left;
}

int kill(pid_t pid, int sig)
{
    (void)pid;
    w->group_killed |= sig == SIGKILL;
    return 0;
}

void prober_init(struct prober *p, struct jobs *jobs, void *owner,
    void (*result)(struct prober *p, bool ok, const char *why))
{
    *p = (struct prober){ .jobs = jobs, .owner = owner, .result = result };
}

void prober_begin(
    struct prober *p, const struct probe *probe, enum probe_use use, const struct launch *launch)
{
    (void)launch;
    p->probe = probe;
    p->use = use;
    rule(w->unit.run.state == JOB_RUNNING, "a probe begins before `run` runs");
    w->probing = true;
}

void prober_stop(struct prober *p)
{
    (void)p;
    w->probing = false;
}

void prober_saw(struct prober *p)
{
    (void)p;
}

void prober_line(struct prober *p, struct str text)
{
    (void)p;
    (void)text;
}

int notify_open(struct notify *n, struct events *ev, struct err *e)
{
    (void)n;
    (void)ev;
    (void)e;
    return 0;
}

void notify_close(struct notify *n)
{
    (void)n;
}

void say(struct output *o, enum say_level level, const char *fmt, ...)
{
    (void)o;
    (void)level;
    (void)fmt;
}

static unsigned no_jitter(void)
{
    return 20;
}

static bool others_are_up(const struct unit *u)
{
    (void)u;
    return w->deps_up;
}

/* ---- what may happen ---- */

static void settle_rules(void)
{
    const struct unit *u = &w->unit;
    if (u->state == UNIT_DONE && w->before != UNIT_DONE)
        w->owed = w->process.post != NULL;
    w->before = u->state;
    bool runs = u->run.state == JOB_RUNNING;
    if (u->state == UNIT_UP)
        rule(runs, "up, but `run` does not run");
    if (u->state == UNIT_DOWN || u->state == UNIT_OVER || u->state == UNIT_BACKOFF ||
        u->state == UNIT_DONE)
        rule(u->run.state == JOB_IDLE, "down, but `run` lives");
    if (u->state == UNIT_DOWN && !w->host.forced)
        rule(w->owed == 0, "down, but `post` has not run");
    if (u->state == UNIT_DOWN || u->state == UNIT_BACKOFF)
        rule(u->side.state == JOB_IDLE, "down, but `pre` or `post` runs");
    if (u->state == UNIT_BACKOFF && !w->waited) {
        w->restarts++;
        w->waited = true;
        rule(!w->host.shutting_down, "waits for a start during the shutdown");
        rule(w->process.restart != RESTART_NO, "waits for a start that no policy wants");
        rule(w->process.restart != RESTART_ON_FAILURE || u->code != 0,
            "is started again after exit status 0");
    }
    if (u->state == UNIT_PRE || u->state == UNIT_SPAWNING)
        w->waited = false;
    rule(!w->probing || runs, "a probe goes on without `run`");
}

static void job_comes_to(struct job *j, bool exec_fails, int status)
{
    if (j->state == JOB_FORKED && exec_fails) {
        j->state = JOB_IDLE;
        j->pid = 0;
        if (j == &w->unit.run && w->unit.state == UNIT_SPAWNING)
            w->owed = 0;
        j->failed(j, "cannot run");
    } else if (j->state == JOB_FORKED) {
        j->state = JOB_RUNNING;
        j->started(j);
    } else if (j->state == JOB_RUNNING) {
        j->state = JOB_IDLE;
        j->pid = 0;
        w->group_left = j == &w->unit.run && dice(6) == 0;
        w->group_killed = false;
        j->ended(j, status);
    }
}

static struct job *some_job(void)
{
    struct job *const jobs[] = { &w->unit.run, &w->unit.side, &w->unit.stop };
    return jobs[dice(3)];
}

static void a_command_moves(void)
{
    struct job *j = some_job();
    bool killed = w->killed[index_of(j)];
    int status = killed ? SIGKILL : dice(2) ? 0 : (int)(1 + dice(3)) << 8;
    job_comes_to(j, dice(8) == 0, status);
}

static void a_group_moves(void)
{
    if (w->group_killed || dice(3) == 0)
        w->group_left = false;
    unit_look(&w->unit);
}

static void a_probe_tells(void)
{
    struct prober *p = &w->unit.prober;
    bool ready = p->use == PROBE_FOR_READY;
    if (!w->probing)
        return;
    if (ready || dice(4) == 0) {
        w->probing = false;
        p->result(p, ready, "does not answer");
        rule(ready || w->killed[0], "not alive, but not killed");
    }
}

static void time_passes(void)
{
    static const int64_t some[] = { 1, 60, 150, 1000, 3000, 31000 };
    w->now += some[dice(ARRAY_LEN(some))];
    events_round(&w->ev, 0);
}

static void somebody_asks(void)
{
    switch (dice(5)) {
    case 0:
        unit_stop(&w->unit);
        break;
    case 1:
        unit_restart(&w->unit);
        break;
    case 2:
        w->deps_up = dice(2);
        unit_release(&w->unit);
        break;
    case 3:
        w->signal_fails = dice(4) == 0;
        break;
    default:
        if (unit_settled_down(&w->unit))
            unit_start(&w->unit, dice(2));
    }
}

static void something_happens(void)
{
    static void (*const things[])(void) = { a_command_moves, a_command_moves, a_command_moves,
        a_group_moves, a_probe_tells, time_passes, somebody_asks };
    things[dice(ARRAY_LEN(things))]();
    settle_rules();
}

/* ---- schedules ---- */

static void build(struct world *world, uint64_t seed)
{
    *world = (struct world){ .seed = seed * 2654435761u + 1, .now = 1000, .deps_up = true };
    w = world;
    struct err e = ERR_INIT;
    assert_int_equal(events_open(&w->ev, &e), 0);
    w->ev.now_ms = world_now;
    w->process = (struct process){ .name = "x",
        .stop_signal = SIGTERM,
        .stop_timeout_ms = 3000,
        .ready_timeout_ms = 30000,
        .restart_window_ms = 60000 };
    struct process *p = &w->process;
    p->pre = dice(2) ? &w->command : NULL;
    p->run = dice(5) ? &w->command : NULL;
    p->post = dice(2) ? &w->command : NULL;
    p->stop_command = dice(3) == 0 ? &w->command : NULL;
    p->restart = (enum restart)dice(3);
    p->restart_limit = dice(4) ? (int)dice(4) : -1;
    p->ready.kind = dice(2) ? PROBE_TCP : PROBE_NONE;
    p->live.kind = dice(2) ? PROBE_TCP : PROBE_NONE;
    w->conf.processes = p;
    w->conf.n = 1;
    w->host = (struct host){
        .ev = &w->ev, .jobs = &w->jobs, .random = no_jitter, .others_up = others_are_up
    };
    unit_init(&w->unit, &w->host, &w->conf, 0, NULL);
}

/* Whatever has happened, a stop ends: what is killed dies, time goes on. */
static void has_to_end(bool force)
{
    w->host.shutting_down = true;
    w->host.forced = force;
    if (force)
        unit_force(&w->unit);
    else
        unit_stop(&w->unit);
    settle_rules();
    for (int i = 0; i < 200 && !unit_settled_down(&w->unit); i++) {
        struct job *const jobs[] = { &w->unit.run, &w->unit.side, &w->unit.stop };
        for (size_t k = 0; k < ARRAY_LEN(jobs); k++)
            if (w->killed[k])
                job_comes_to(jobs[k], true, SIGKILL);
        a_group_moves();
        w->now += 500;
        events_round(&w->ev, 0);
        settle_rules();
    }
    rule(unit_settled_down(&w->unit), "a stop does not end");
    rule(w->unit.state != UNIT_LEFT || w->unit.run.state != JOB_IDLE, "left, but nothing lives");
}

static const char *live_through(uint64_t seed)
{
    struct world world;
    build(&world, seed);
    unit_start(&w->unit, false);
    settle_rules();
    for (int i = 0; i < STEPS; i++) {
        something_happens();
    }
    has_to_end(dice(5) == 0);
    unit_deinit(&w->unit);
    events_close(&w->ev);
    return w->broken;
}

static void ten_thousand_random_lives_keep_the_rules(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SCHEDULES; seed++) {
        const char *broken = live_through(seed);
        if (broken)
            fail_msg("schedule %llu: %s", (unsigned long long)seed, broken);
    }
}

/* ---- single paths ---- */

static void run_comes_up(void)
{
    unit_start(&w->unit, false);
    if (w->process.pre) {
        job_comes_to(&w->unit.side, false, 0);
        job_comes_to(&w->unit.side, false, 0);
    }
    job_comes_to(&w->unit.run, false, 0);
}

static void build_plain(struct world *world)
{
    build(world, 1);
    w->process.pre = w->process.post = w->process.stop_command = NULL;
    w->process.run = &w->command;
    w->process.restart = RESTART_NO;
    w->process.restart_limit = 5;
    w->process.ready.kind = w->process.live.kind = PROBE_NONE;
}

static void ends_with(int status)
{
    w->unit.run.state = JOB_IDLE;
    w->unit.run.pid = 0;
    w->unit.run.ended(&w->unit.run, status);
}

static void the_code_is_that_of_the_process(void **state)
{
    (void)state;
    static const struct {
        int status, code;
    } rows[] = { { 0, 0 }, { 3 << 8, 3 }, { 255 << 8, 255 }, { SIGKILL, 137 },
        { SIGSEGV | 128, 139 } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world world;
        build_plain(&world);
        run_comes_up();
        ends_with(rows[i].status);
        assert_int_equal(w->unit.state, UNIT_OVER);
        assert_int_equal(w->unit.code, rows[i].code);
        events_close(&w->ev);
    }
}

static void pauses_double_and_the_limit_ends_them(void **state)
{
    (void)state;
    struct world world;
    build_plain(&world);
    w->process.restart = RESTART_ALWAYS;
    run_comes_up();
    for (int64_t pause = 100; pause <= 1600; pause *= 2) {
        ends_with(0);
        assert_int_equal(w->unit.state, UNIT_BACKOFF);
        assert_int_equal(w->unit.timer.due_ms - w->now, pause);
        w->now += pause;
        events_round(&w->ev, 0);
        assert_int_equal(w->unit.state, UNIT_SPAWNING);
        job_comes_to(&w->unit.run, false, 0);
    }
    ends_with(0);
    assert_int_equal(w->unit.state, UNIT_OVER);
    events_close(&w->ev);
}

static void a_long_life_starts_the_pauses_anew(void **state)
{
    (void)state;
    struct world world;
    build_plain(&world);
    w->process.restart = RESTART_ALWAYS;
    w->process.restart_limit = -1;
    run_comes_up();
    for (int i = 0; i < 20; i++) {
        ends_with(0);
        assert_true(w->unit.timer.due_ms - w->now <= BACKOFF_LAST_MS);
        w->now += BACKOFF_LAST_MS;
        events_round(&w->ev, 0);
        job_comes_to(&w->unit.run, false, 0);
    }
    w->now += 60001;
    ends_with(0);
    assert_int_equal(w->unit.timer.due_ms - w->now, BACKOFF_FIRST_MS);
    events_close(&w->ev);
}

static void a_pause_waits_for_what_it_depends_on(void **state)
{
    (void)state;
    struct world world;
    build_plain(&world);
    w->process.restart = RESTART_ALWAYS;
    run_comes_up();
    ends_with(0);
    w->deps_up = false;
    w->now += 1000;
    events_round(&w->ev, 0);
    unit_release(&w->unit);
    assert_int_equal(w->unit.state, UNIT_BACKOFF);
    w->deps_up = true;
    unit_release(&w->unit);
    assert_int_equal(w->unit.state, UNIT_SPAWNING);
    events_close(&w->ev);
}

static void what_is_not_ready_in_time_is_killed_and_has_code_1(void **state)
{
    (void)state;
    struct world world;
    build_plain(&world);
    w->process.ready.kind = PROBE_TCP;
    run_comes_up();
    assert_int_equal(w->unit.state, UNIT_READYING);
    w->now += 30000;
    events_round(&w->ev, 0);
    assert_int_equal(w->unit.state, UNIT_KILLING);
    assert_true(w->killed[0]);
    ends_with(SIGKILL);
    assert_int_equal(w->unit.state, UNIT_OVER);
    assert_int_equal(w->unit.outcome, OUTCOME_NOT_READY);
    assert_int_equal(w->unit.code, 1);
    events_close(&w->ev);
}

static void a_failed_stop_leaves_it_in_a_shutdown_and_kills_it_else(void **state)
{
    (void)state;
    for (int shutdown = 0; shutdown < 2; shutdown++) {
        struct world world;
        build_plain(&world);
        run_comes_up();
        w->signal_fails = true;
        w->host.shutting_down = shutdown;
        unit_stop(&w->unit);
        assert_int_equal(w->unit.state, shutdown ? UNIT_LEFT : UNIT_KILLING);
        events_close(&w->ev);
    }
}

static void what_outlives_its_kill_is_left(void **state)
{
    (void)state;
    struct world world;
    build_plain(&world);
    run_comes_up();
    unit_force(&w->unit);
    assert_int_equal(w->unit.state, UNIT_KILLING);
    w->now += UNIT_KILL_MS;
    events_round(&w->ev, 0);
    assert_int_equal(w->unit.state, UNIT_LEFT);
    ends_with(SIGKILL);
    assert_int_equal(w->unit.state, UNIT_DOWN);
    events_close(&w->ev);
}

static void a_group_is_asked_then_killed_then_given_up(void **state)
{
    (void)state;
    for (int obeys = 0; obeys < 2; obeys++) {
        struct world world;
        build_plain(&world);
        run_comes_up();
        w->group_left = true;
        ends_with(0);
        assert_int_equal(w->unit.state, UNIT_LINGER);
        assert_false(w->group_killed);
        w->now += 3000;
        events_round(&w->ev, 0);
        assert_int_equal(w->unit.state, UNIT_CLEANING);
        assert_true(w->group_killed);
        w->group_left = !obeys;
        w->now += obeys ? UNIT_POLL_MS : UNIT_KILL_MS;
        events_round(&w->ev, 0);
        assert_int_equal(w->unit.state, UNIT_OVER);
        events_close(&w->ev);
    }
}

static void every_state_is_reached_and_hears_of_a_stop(void **state)
{
    (void)state;
    for (int s = 0; s < UNIT_STATE_COUNT; s++) {
        assert_true(unit_table[s][EVENT_FORCE].here);
        assert_true(unit_table[s][EVENT_STOP].here);
        bool reached = s == UNIT_DOWN;
        for (int from = 0; from < UNIT_STATE_COUNT; from++)
            for (int event = 0; event < UNIT_EVENT_COUNT; event++)
                reached |= from != s && unit_table[from][event].here &&
                           unit_table[from][event].next == (enum unit_state)s;
        assert_true(reached);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_random_lives_keep_the_rules),
        cmocka_unit_test(the_code_is_that_of_the_process),
        cmocka_unit_test(pauses_double_and_the_limit_ends_them),
        cmocka_unit_test(a_long_life_starts_the_pauses_anew),
        cmocka_unit_test(a_pause_waits_for_what_it_depends_on),
        cmocka_unit_test(what_is_not_ready_in_time_is_killed_and_has_code_1),
        cmocka_unit_test(a_failed_stop_leaves_it_in_a_shutdown_and_kills_it_else),
        cmocka_unit_test(what_outlives_its_kill_is_left),
        cmocka_unit_test(a_group_is_asked_then_killed_then_given_up),
        cmocka_unit_test(every_state_is_reached_and_hears_of_a_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
