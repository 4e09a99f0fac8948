#include "supervisor/probe.h"

#include "base/buf.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static struct events ev;
static struct jobs jobs;
static struct prober prober;
static struct err e;
static int64_t now;
static int results;
static bool last_ok;
static char last_why[160];
static enum { THEN_NOTHING, THEN_STOP, THEN_BEGIN_LIVE } then;
static char *environ_[] = { (char[]){ "PATH=/usr/bin:/bin" }, NULL };
static const struct process process = { .name = "web", .umask = -1 };
static const struct launch launch = { .process = &process, .environ_ = environ_ };
static const struct probe live_notify = { .kind = PROBE_NOTIFY, .every_ms = 10000, .failures = 2 };

static int64_t fake_now(void)
{
    return now;
}

static void told(struct prober *p, bool ok, const char *why)
{
    assert_ptr_equal(p->owner, &results);
    results++;
    last_ok = ok;
    size_t n = strlen(why);
    memcpy(last_why, why, n + 1);
    if (then == THEN_STOP)
        prober_stop(p);
    if (then == THEN_BEGIN_LIVE)
        prober_begin(p, &live_notify, PROBE_FOR_LIVE, &launch);
    then = THEN_NOTHING;
}

static int set_up(void **state)
{
    (void)state;
    now = 1000;
    results = 0;
    last_ok = false;
    last_why[0] = '\0';
    then = THEN_NOTHING;
    assert_int_equal(events_open(&ev, &e), 0);
    ev.now_ms = fake_now;
    jobs_init(&jobs, &ev, NULL);
    prober_init(&prober, &jobs, &results, told);
    return 0;
}

/* Waits until a child has ended, and tells its job. */
static void reap(void)
{
    siginfo_t info;
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
    (void)jobs_reap(&jobs);
}

static int tear_down(void **state)
{
    (void)state;
    prober_stop(&prober);
    for (events_round(&ev, 0); job_busy(&prober.job); events_round(&ev, 0))
        if (jobs.first)
            reap();
    assert_ptr_equal(ev.timers.next, &ev.timers);
    events_close(&ev);
    return 0;
}

static void begin(const struct probe *probe, enum probe_use use)
{
    prober_begin(&prober, probe, use, &launch);
}

static void sit(int64_t ms)
{
    now += ms;
    events_round(&ev, 0);
}

static void result_is(int n, bool ok, const char *why)
{
    assert_int_equal(results, n);
    assert_int_equal(last_ok, ok);
    if (why)
        assert_string_equal(last_why, why);
}

/* ---- notify and log: told by the process ---- */

static void ready_comes_when_the_process_says_so(void **state)
{
    static const struct probe probe = { .kind = PROBE_NOTIFY };
    (void)state;
    begin(&probe, PROBE_FOR_READY);
    sit(86400000);
    result_is(0, false, NULL);
    assert_string_equal(prober.why, "no READY=1 yet");
    prober_saw(&prober);
    result_is(1, true, NULL);
    prober_saw(&prober);
    result_is(1, true, NULL);
}

static void a_line_with_the_text_is_ready(void **state)
{
    static const struct probe probe = { .kind = PROBE_LOG, .text = "listening on" };
    (void)state;
    prober_line(&prober, STR("listening on 80: nobody asked"));
    begin(&probe, PROBE_FOR_READY);
    prober_line(&prober, STR("listening"));
    prober_line(&prober, STR_NONE);
    result_is(0, false, NULL);
    prober_line(&prober, STR("now listening on 80"));
    result_is(1, true, NULL);
}

static void a_line_is_nothing_to_another_probe(void **state)
{
    static const struct probe probe = { .kind = PROBE_NOTIFY };
    (void)state;
    begin(&probe, PROBE_FOR_READY);
    prober_line(&prober, STR("READY=1"));
    result_is(0, false, NULL);
}

static void silence_for_all_tries_is_not_alive(void **state)
{
    (void)state;
    begin(&live_notify, PROBE_FOR_LIVE);
    sit(9999);
    sit(1);
    result_is(0, false, NULL);
    sit(9999);
    result_is(0, false, NULL);
    sit(1);
    result_is(1, false, "no WATCHDOG=1 within 10 s");
    sit(100000);
    result_is(1, false, NULL);
}

static void a_word_in_each_other_period_is_alive(void **state)
{
    (void)state;
    begin(&live_notify, PROBE_FOR_LIVE);
    for (int i = 0; i < 100; i++) {
        sit(10000);
        prober_saw(&prober);
        sit(10000);
    }
    result_is(0, false, NULL);
    sit(10000);
    sit(10000);
    result_is(1, false, NULL);
}

static void a_log_that_is_silent_is_not_alive(void **state)
{
    static const struct probe probe = {
        .kind = PROBE_LOG, .text = "tick", .every_ms = 1500, .failures = 1
    };
    (void)state;
    begin(&probe, PROBE_FOR_LIVE);
    prober_line(&prober, STR("tick 1"));
    sit(1500);
    prober_line(&prober, STR("tock"));
    sit(1500);
    result_is(1, false, "no line with \"tick\" within 1500 ms");
}

static void a_long_text_is_cut_in_the_reason(void **state)
{
    static char text[600];
    struct probe probe = { .kind = PROBE_LOG, .text = text, .every_ms = 1000, .failures = 1 };
    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    begin(&probe, PROBE_FOR_LIVE);
    sit(1000);
    assert_int_equal(results, 1);
    assert_true(str_ends(str_from(last_why), STR("x\" within 1 s")));
}

static void a_stopped_prober_is_silent(void **state)
{
    (void)state;
    prober_stop(&prober);
    begin(&live_notify, PROBE_FOR_LIVE);
    prober_stop(&prober);
    prober_saw(&prober);
    sit(100000);
    result_is(0, false, NULL);
}

static void it_may_be_stopped_from_its_result(void **state)
{
    static const struct probe probe = { .kind = PROBE_NOTIFY };
    (void)state;
    then = THEN_STOP;
    begin(&probe, PROBE_FOR_READY);
    prober_saw(&prober);
    sit(100000);
    result_is(1, true, NULL);
}

static void it_may_begin_anew_from_its_result(void **state)
{
    static const struct probe probe = { .kind = PROBE_NOTIFY };
    (void)state;
    then = THEN_BEGIN_LIVE;
    begin(&probe, PROBE_FOR_READY);
    prober_saw(&prober);
    result_is(1, true, NULL);
    sit(10000);
    then = THEN_BEGIN_LIVE;
    sit(10000);
    result_is(2, false, NULL);
    sit(10000);
    result_is(2, false, NULL);
    sit(10000);
    result_is(3, false, NULL);
}

/* ---- exec ---- */

static void shell(struct probe *probe, const char *script, int64_t every_ms, int failures)
{
    static const char *words[4] = { "/bin/sh", "-c" };
    words[2] = script;
    *probe = (struct probe){ .kind = PROBE_EXEC, .every_ms = every_ms, .failures = failures };
    probe->exec = (struct command){ .words = words, .n = 3 };
}

/* Begins a try that is due and lets its command end. */
static void try_once(void)
{
    events_round(&ev, 0); /* the timer of the prober */
    events_round(&ev, 0); /* that of the job */
    assert_non_null(jobs.first);
    reap();
}

static void a_command_that_succeeds_is_ready(void **state)
{
    struct probe probe;
    (void)state;
    shell(&probe, "exit 0", 0, 0);
    begin(&probe, PROBE_FOR_READY);
    result_is(0, false, NULL); /* never from within begin */
    try_once();
    result_is(1, true, NULL);
}

static void a_command_is_tried_until_it_succeeds(void **state)
{
    struct probe probe;
    (void)state;
    shell(&probe, "exit 7", 0, 0);
    begin(&probe, PROBE_FOR_READY);
    for (int i = 0; i < 5; i++) {
        try_once();
        assert_string_equal(prober.why, "exit status 7");
        assert_false(job_busy(&prober.job));
        sit(PROBE_READY_MS - 1);
        assert_false(job_busy(&prober.job));
        now++;
    }
    result_is(0, false, NULL);
    shell(&probe, "exit 0", 0, 0);
    try_once();
    result_is(1, true, NULL);
}

static void commands_that_fail_are_counted_in_a_row(void **state)
{
    struct probe probe;
    (void)state;
    shell(&probe, "exit 1", 10000, 2);
    begin(&probe, PROBE_FOR_LIVE);
    events_round(&ev, 0);
    assert_false(job_busy(&prober.job)); /* the first try is after a period */
    now += 10000;
    try_once();
    shell(&probe, "exit 0", 10000, 2);
    now += 10000;
    try_once();
    shell(&probe, "kill -SEGV $$", 10000, 2);
    now += 10000;
    try_once();
    result_is(0, false, NULL);
    now += 10000;
    try_once();
    result_is(1, false, "killed by signal 11 (SIGSEGV)");
}

static void a_command_that_is_not_there_says_so(void **state)
{
    static const char *words[] = { "/nowhere/check", NULL };
    static const struct probe probe = {
        .kind = PROBE_EXEC, .exec = { .words = words, .n = 1 }, .every_ms = 1000, .failures = 1
    };
    (void)state;
    begin(&probe, PROBE_FOR_LIVE);
    now += 1000;
    try_once();
    result_is(1, false, "cannot run \"/nowhere/check\": No such file or directory");
}

static void a_command_that_does_not_end_is_killed(void **state)
{
    struct probe probe;
    (void)state;
    shell(&probe, "sleep 1000; exit 0", 10000, 1);
    begin(&probe, PROBE_FOR_LIVE);
    sit(10000);
    sit(0);
    assert_true(job_busy(&prober.job));
    sit(PROBE_TRY_MS - 1);
    result_is(0, false, NULL);
    sit(1);
    result_is(1, false, "did not end within 5 s");
    reap(); /* of a signal, or this would take its time */
    assert_false(job_busy(&prober.job));
    result_is(1, false, NULL);
}

static void a_try_is_no_longer_than_its_period(void **state)
{
    struct probe probe;
    (void)state;
    shell(&probe, "exec sleep 1000", 500, 1);
    begin(&probe, PROBE_FOR_LIVE);
    sit(500);
    sit(0);
    assert_true(job_busy(&prober.job));
    sit(499);
    result_is(0, false, NULL);
    sit(1);
    result_is(1, false, "did not end within 500 ms");
    reap();
}

static void one_command_that_hangs_is_one_failure(void **state)
{
    struct probe probe;
    (void)state;
    shell(&probe, "exec sleep 1000", 500, 2);
    begin(&probe, PROBE_FOR_LIVE);
    sit(500);
    sit(0);
    sit(500); /* too long; the next is due, but the command has not gone */
    result_is(0, false, NULL);
    shell(&probe, "exit 0", 500, 2);
    reap();
    assert_true(job_busy(&prober.job)); /* now it begins */
    sit(0);
    reap();
    sit(499);
    result_is(0, false, NULL);
}

/* As one that waits for a dead disk. */
static void a_command_that_cannot_be_killed_is_a_failure_each_period(void **state)
{
    struct probe probe;
    (void)state;
    shell(&probe, "exec sleep 1000", 500, 3);
    begin(&probe, PROBE_FOR_LIVE);
    sit(500);
    sit(0);
    sit(500);
    sit(500); /* not reaped: it looks as if it lived */
    result_is(0, false, NULL);
    sit(500);
    result_is(1, false, "did not end within 500 ms");
    reap();
    assert_false(job_busy(&prober.job));
}

/* The one left behind tells by a fifo that it is there, and by its end that it is not. */
static void what_a_command_leaves_behind_is_killed(void **state)
{
    char folder[] = "/tmp/probe-test-XXXXXX", fifo[64], script[128], c;
    struct probe probe;
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(fifo, sizeof(fifo), "%s/f", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    int fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    (void)snprintf(script, sizeof(script), "exec >%s; sleep 1000 & exit 0", fifo);
    shell(&probe, script, 0, 0);
    begin(&probe, PROBE_FOR_READY);
    try_once();
    result_is(1, true, NULL);
    assert_int_equal(read(fd, &c, 1), 0); /* waits while anybody can write */
    (void)close(fd);
    assert_int_equal(unlink(fifo) | rmdir(folder), 0);
}

static void stopping_kills_the_command(void **state)
{
    struct probe probe;
    (void)state;
    shell(&probe, "sleep 1000", 0, 0);
    begin(&probe, PROBE_FOR_READY);
    sit(0);
    sit(0);
    assert_true(job_busy(&prober.job));
    prober_stop(&prober);
    reap();
    assert_false(job_busy(&prober.job));
    sit(100000);
    result_is(0, false, NULL);
}

static void a_command_still_dying_does_not_answer_for_the_next(void **state)
{
    struct probe probe;
    (void)state;
    shell(&probe, "exec sleep 1000", 0, 0);
    begin(&probe, PROBE_FOR_READY);
    sit(0);
    sit(0);
    shell(&probe, "exit 0", 0, 0);
    begin(&probe, PROBE_FOR_READY); /* the sleep is killed, and not reaped yet */
    sit(0);
    reap();
    result_is(0, false, NULL);
    sit(0);
    reap();
    result_is(1, true, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(ready_comes_when_the_process_says_so),
        TEST(a_line_with_the_text_is_ready),
        TEST(a_line_is_nothing_to_another_probe),
        TEST(silence_for_all_tries_is_not_alive),
        TEST(a_word_in_each_other_period_is_alive),
        TEST(a_log_that_is_silent_is_not_alive),
        TEST(a_long_text_is_cut_in_the_reason),
        TEST(a_stopped_prober_is_silent),
        TEST(it_may_be_stopped_from_its_result),
        TEST(it_may_begin_anew_from_its_result),
        TEST(a_command_that_succeeds_is_ready),
        TEST(a_command_is_tried_until_it_succeeds),
        TEST(commands_that_fail_are_counted_in_a_row),
        TEST(a_command_that_is_not_there_says_so),
        TEST(a_command_that_does_not_end_is_killed),
        TEST(a_try_is_no_longer_than_its_period),
        TEST(one_command_that_hangs_is_one_failure),
        TEST(a_command_that_cannot_be_killed_is_a_failure_each_period),
        TEST(what_a_command_leaves_behind_is_killed),
        TEST(stopping_kills_the_command),
        TEST(a_command_still_dying_does_not_answer_for_the_next),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
