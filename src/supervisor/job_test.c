/* Real children of this test; its own loop reaps them. */
#include "supervisor/job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

struct bench {
    struct events ev;
    struct streams *streams;
    struct output *out;
    struct jobs jobs;
    struct job job;
    struct watch child;
    struct process process;
    struct command command;
    const char *words[4];
    char text[CHILD_TEXT_MAX + 1];
    int started, failed, ended, status;
    bool alive_at_failure;
    int log[2];
};

static int64_t skip_ms; /* what the clock of the loop is ahead */

static int64_t fast_clock(void)
{
    return skip_ms += 100;
}

static void started(struct job *j)
{
    struct bench *b = j->owner;
    assert_int_equal(b->ended, 0);
    b->started++;
}

static void failed(struct job *j, const char *text)
{
    struct bench *b = j->owner;
    b->failed++;
    b->alive_at_failure = job_group_left(j->group);
    memcpy(b->text, text, strlen(text) + 1);
}

static void ended(struct job *j, int status)
{
    struct bench *b = j->owner;
    b->ended++;
    b->status = status;
}

static void child_signalled(struct watch *w, uint32_t what)
{
    (void)what;
    struct bench *b = CONTAINER_OF(w, struct bench, child);
    struct signalfd_siginfo info;
    (void)!read(w->fd, &info, sizeof info);
    while (jobs_reap(&b->jobs))
        ;
}

static void prepare(struct bench *b, const char *program, const char *a, const char *c)
{
    struct err e = ERR_INIT;
    sigset_t chld;
    memset(b, 0, sizeof *b);
    (void)sigemptyset(&chld);
    (void)sigaddset(&chld, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &chld, NULL);
    assert_int_equal(events_open(&b->ev, &e), 0);
    assert_int_equal(pipe2(b->log, O_CLOEXEC), 0);
    const struct output_style style = { .timestamps = false };
    assert_int_equal(output_open(&b->out, &b->ev, b->log[1], 2, &style, &e), 0);
    assert_int_equal(streams_open(&b->streams, &b->ev, 4, &e), 0);
    jobs_init(&b->jobs, &b->ev, b->streams);
    b->child =
        (struct watch){ child_signalled, signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK), false };
    assert_int_equal(watch_add(&b->ev, &b->child, EPOLLIN, &e), 0);
    b->words[0] = program;
    b->words[1] = a;
    b->words[2] = c;
    b->command = (struct command){ .words = b->words, .n = c ? 3 : a ? 2 : 1 };
    b->process = (struct process){ .name = "x", .umask = -1, .run = &b->command };
    job_init(&b->job, &b->jobs, b);
    b->job.started = started;
    b->job.failed = failed;
    b->job.ended = ended;
    b->job.launch =
        (struct launch){ .process = &b->process, .command = &b->command, .environ_ = environ };
}

static void clear(struct bench *b)
{
    streams_close(b->streams);
    output_close(b->out, 0);
    attr_close(&b->child.fd);
    attr_close(&b->log[0]);
    attr_close(&b->log[1]);
    events_close(&b->ev);
}

static void go_on(struct bench *b, const int *until)
{
    for (int i = 0; i < 10000 && *until == 0; i++)
        events_round(&b->ev, 1000);
    assert_int_not_equal(*until, 0);
}

static void a_command_starts_then_ends(void **state)
{
    (void)state;
    struct bench b;
    prepare(&b, "sh", "-c", "exit 7");
    job_start(&b.job);
    assert_true(job_busy(&b.job));
    assert_int_equal(b.job.pid, 0);
    go_on(&b, &b.ended);
    assert_int_equal(b.started, 1);
    assert_int_equal(WEXITSTATUS(b.status), 7);
    assert_false(job_busy(&b.job));
    clear(&b);
}

static void what_cannot_run_fails_when_its_child_is_gone(void **state)
{
    (void)state;
    struct bench b;
    prepare(&b, "/no/such/program", NULL, NULL);
    job_start(&b.job);
    go_on(&b, &b.failed);
    assert_non_null(strstr(b.text, "No such file or directory"));
    assert_int_equal(b.started, 0);
    assert_int_equal(b.ended, 0);
    assert_false(b.alive_at_failure);
    clear(&b);
}

static void a_job_is_used_again(void **state)
{
    (void)state;
    struct bench b;
    prepare(&b, "/no/such/program", NULL, NULL);
    job_start(&b.job);
    go_on(&b, &b.failed);
    b.words[0] = "true";
    job_start(&b.job);
    go_on(&b, &b.ended);
    assert_int_equal(b.status, 0);
    assert_int_equal(b.failed, 1);
    clear(&b);
}

static void both_streams_reach_the_output(void **state)
{
    (void)state;
    struct bench b;
    char text[256];
    prepare(&b, "sh", "-c", "echo out; echo err >&2");
    b.job.use = (struct stream_use){ .source = source_open(b.out, "x", true), .phase = "pre" };
    job_start(&b.job);
    go_on(&b, &b.ended);
    events_round(&b.ev, 0);
    ssize_t n = read(b.log[0], text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_non_null(strstr(text, "x[pre]: out\n"));
    assert_non_null(strstr(text, "x[pre][stderr]: err\n"));
    source_close(b.job.use.source);
    clear(&b);
}

static void a_group_dies_as_a_whole(void **state)
{
    (void)state;
    struct bench b;
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    prepare(&b, "sh", "-c", "sleep 1000 & exec sleep 1000");
    job_start(&b.job);
    go_on(&b, &b.started);
    assert_true(job_group_left(b.job.group));
    job_signal_group(&b.job, SIGKILL);
    go_on(&b, &b.ended);
    assert_int_equal(WTERMSIG(b.status), SIGKILL);
    for (int i = 0; i < 1000 && job_group_left(b.job.group); i++)
        events_round(&b.ev, 100);
    assert_false(job_group_left(b.job.group));
    clear(&b);
}

static void orphans_of_others_are_reaped(void **state)
{
    (void)state;
    struct bench b;
    siginfo_t info;
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    prepare(&b, "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do (setsid true &) ; done");
    job_start(&b.job);
    go_on(&b, &b.ended);
    for (int i = 0; i < 1000 && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0; i++)
        events_round(&b.ev, 100);
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), -1);
    assert_int_equal(errno, ECHILD);
    clear(&b);
}

static void a_signal_goes_to_the_leader_alone(void **state)
{
    (void)state;
    struct bench b;
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    prepare(&b, "sh", "-c", "sleep 1000 & exec sleep 1000");
    job_start(&b.job);
    go_on(&b, &b.started);
    assert_true(job_signal(&b.job, SIGTERM));
    go_on(&b, &b.ended);
    pid_t group = b.job.group;
    if (job_group_left(group))
        (void)kill(-group, SIGKILL);
    assert_false(job_signal(&b.job, SIGTERM));
    assert_int_equal(errno, ESRCH);
    clear(&b);
}

/* All descriptors of this process are taken: pipe2 and pidfd_open get EMFILE. */
static void take_descriptors(struct rlimit *old)
{
    assert_int_equal(getrlimit(RLIMIT_NOFILE, old), 0);
    struct rlimit none = { 3, old->rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static void a_start_waits_for_descriptors(void **state)
{
    (void)state;
    struct bench b;
    struct rlimit old;
    prepare(&b, "true", NULL, NULL);
    b.ev.now_ms = fast_clock;
    take_descriptors(&old);
    job_start(&b.job);
    for (int i = 0; i < 10; i++)
        events_round(&b.ev, 0);
    assert_int_equal(b.job.state, JOB_WAITING);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    for (int i = 0; i < 10000 && b.ended == 0; i++)
        events_round(&b.ev, b.job.pid ? 100 : 0);
    assert_int_equal(b.ended, 1);
    assert_int_equal(b.failed, 0);
    clear(&b);
}

static void a_start_that_stays_refused_fails(void **state)
{
    (void)state;
    struct bench b;
    struct rlimit old;
    prepare(&b, "true", NULL, NULL);
    b.ev.now_ms = fast_clock;
    take_descriptors(&old);
    job_start(&b.job);
    for (int i = 0; i < 1000 && b.failed == 0; i++)
        events_round(&b.ev, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(b.failed, 1);
    assert_non_null(strstr(b.text, "cannot start a process: Too many open files"));
    clear(&b);
}

static void a_start_that_waits_can_be_killed(void **state)
{
    (void)state;
    struct bench b;
    prepare(&b, "true", NULL, NULL);
    job_start(&b.job);
    job_signal_group(&b.job, SIGKILL);
    go_on(&b, &b.failed);
    assert_int_equal(b.started, 0);
    assert_int_equal(b.ended, 0);
    clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_starts_then_ends),
        cmocka_unit_test(what_cannot_run_fails_when_its_child_is_gone),
        cmocka_unit_test(a_job_is_used_again),
        cmocka_unit_test(both_streams_reach_the_output),
        cmocka_unit_test(a_group_dies_as_a_whole),
        cmocka_unit_test(orphans_of_others_are_reaped),
        cmocka_unit_test(a_signal_goes_to_the_leader_alone),
        cmocka_unit_test(a_start_waits_for_descriptors),
        cmocka_unit_test(a_start_that_stays_refused_fails),
        cmocka_unit_test(a_start_that_waits_can_be_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
