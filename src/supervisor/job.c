/* The number of a child is ours until we reap it, so the pidfd opened after the fork is the right
 * one. What the exec says comes by a pipe that the exec itself closes: the loop waits for it as for
 * anything else, since a child may hang before its exec (a file on a dead network mount).
 * Everything that ends is reaped, whoever started it. */
#include "supervisor/job.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#define REAP_ROUND 4096

/* The pipes of one start: both ends of each, -1 where closed or handed on. */
struct pipes {
    int out[2], err[2], report[2];
};

static void close_pair(int pair[2])
{
    attr_close(&pair[0]);
    attr_close(&pair[1]);
}

static void close_pipes(struct pipes *p)
{
    close_pair(p->out);
    close_pair(p->err);
    close_pair(p->report);
}

/* A descriptor that is 0, 1 or 2 because ours were closed would be overwritten by the child's own.
 */
static int open_pipes(struct pipes *p, bool output)
{
    *p = (struct pipes){ { -1, -1 }, { -1, -1 }, { -1, -1 } };
    if (pipe2(p->report, O_CLOEXEC | O_NONBLOCK) < 0)
        return -1;
    if (output && (pipe2(p->out, O_CLOEXEC) < 0 || pipe2(p->err, O_CLOEXEC) < 0))
        return -1;
    return 0;
}

static void stand_on(int fd, int target)
{
    if (fd < 0)
        fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)dup2(fd, target);
}

/* A scratch image may lack /dev/null: an empty pipe reads as the end of a file just as well. */
static void stand_on_nothing(void)
{
    int pair[2] = { open("/dev/null", O_RDONLY | O_CLOEXEC), -1 };
    if (pair[0] < 0 && pipe2(pair, O_CLOEXEC) < 0)
        return;
    attr_close(&pair[1]);
    (void)dup2(pair[0], STDIN_FILENO);
}

NORETURN static void be_child(const struct job *j, const struct pipes *p)
{
    stand_on_nothing();
    stand_on(p->out[1], STDOUT_FILENO);
    stand_on(p->err[1], STDERR_FILENO);
    child_exec(&j->launch, p->report[1]);
}

static void link_job(struct job *j)
{
    j->prev = NULL;
    j->next = j->jobs->first;
    if (j->next)
        j->next->prev = j;
    j->jobs->first = j;
}

static void unlink_job(struct job *j)
{
    if (j->prev)
        j->prev->next = j->next;
    else
        j->jobs->first = j->next;
    if (j->next)
        j->next->prev = j->prev;
    j->prev = j->next = NULL;
}

static void close_report(struct job *j)
{
    watch_remove(j->jobs->ev, &j->report);
    attr_close(&j->report.fd);
    j->report.fd = -1;
}

/* The child is gone, or never was. */
static void rest(struct job *j)
{
    close_report(j);
    timer_stop(&j->retry);
    stream_ended(TAKE(j->out));
    stream_ended(TAKE(j->err));
    attr_close(&j->pidfd);
    j->pidfd = -1;
    if (j->pid)
        unlink_job(j);
    j->pid = 0;
    j->state = JOB_IDLE;
}

/* From the loop, never from within job_start. */
static void give_up(struct timer *t)
{
    struct job *j = CONTAINER_OF(t, struct job, retry);
    rest(j);
    j->failed(j, j->text);
}

/* Both or none: a command whose line is not read would die of SIGPIPE. */
static int open_streams(struct job *j, struct pipes *p)
{
    struct stream_use use = j->use;
    if (!use.source)
        return 0;
    use.channel = CHANNEL_STDOUT;
    j->out = stream_open(j->jobs->streams, TAKE_FD(p->out[0]), &use);
    use.channel = CHANNEL_STDERR;
    j->err = j->out ? stream_open(j->jobs->streams, TAKE_FD(p->err[0]), &use) : NULL;
    errno = EAGAIN;
    return j->err ? 0 : -1;
}

/* A text means that the child is about to exit. The job has failed when it is reaped, so that
 * nobody starts the next one beside it. */
static void take_report(struct job *j)
{
    if (j->state != JOB_FORKED || j->report.fd < 0)
        return;
    ssize_t n = read(j->report.fd, j->text, CHILD_TEXT_MAX);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    j->text[n > 0 ? n : 0] = '\0';
    close_report(j);
    if (n > 0)
        return;
    j->state = JOB_RUNNING;
    j->started(j);
}

static void report_ready(struct watch *w, uint32_t what)
{
    (void)what;
    take_report(CONTAINER_OF(w, struct job, report));
}

static void adopt(struct job *j, struct pipes *p, pid_t pid)
{
    struct err e = ERR_INIT;
    j->pid = j->group = pid;
    j->state = JOB_FORKED;
    link_job(j);
    j->pidfd = pidfd_open(pid, 0);
    j->report.fd = TAKE_FD(p->report[0]);
    j->report.ready = report_ready;
    /* Unwatched, it is read when the child is reaped. */
    (void)!watch_add(j->jobs->ev, &j->report, EPOLLIN, &e);
}

static bool may_pass(int error)
{
    return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE;
}

static void try_again(struct job *j, int error)
{
    if (may_pass(error) && j->retries++ < JOB_RETRIES) {
        timer_arm(j->jobs->ev, &j->retry, JOB_RETRY_MS);
        return;
    }
    (void)snprintf(j->text, sizeof j->text, "cannot start a process: %s", strerror(error));
    give_up(&j->retry);
}

static pid_t fork_job(struct job *j, struct pipes *p)
{
    if (open_pipes(p, j->use.source != NULL) < 0 || open_streams(j, p) < 0)
        return -1;
    j->launch.parent = j->jobs->self;
    pid_t pid = fork();
    if (pid == 0)
        be_child(j, p);
    return pid;
}

static void fork_now(struct timer *t)
{
    struct job *j = CONTAINER_OF(t, struct job, retry);
    struct pipes p;
    pid_t pid = fork_job(j, &p);
    int error = errno;
    if (pid > 0)
        adopt(j, &p, pid);
    close_pipes(&p);
    if (pid > 0)
        return;
    stream_ended(TAKE(j->out));
    stream_ended(TAKE(j->err));
    try_again(j, error);
}

void jobs_init(struct jobs *js, struct events *ev, struct streams *streams)
{
    *js = (struct jobs){ .ev = ev, .streams = streams, .self = getpid() };
}

void job_init(struct job *j, struct jobs *js, void *owner)
{
    *j = (struct job){ .jobs = js, .owner = owner, .pidfd = -1, .report.fd = -1 };
}

void job_deinit(struct job *j)
{
    timer_stop(&j->retry);
    close_report(j);
}

void job_start(struct job *j)
{
    assert(j->state == JOB_IDLE);
    j->state = JOB_WAITING;
    j->retries = 0;
    j->text[0] = '\0';
    j->retry.fire = fork_now;
    timer_arm(j->jobs->ev, &j->retry, 0);
}

bool job_busy(const struct job *j)
{
    return j->state != JOB_IDLE;
}

bool job_signal(struct job *j, int sig)
{
    if (j->pid == 0) {
        errno = ESRCH;
        return false;
    }
    return (j->pidfd >= 0 ? pidfd_send_signal(j->pidfd, sig, NULL, 0) : kill(j->pid, sig)) == 0;
}

/* Before its setsid the child is in our own group, and has none of its own to signal. */
void job_signal_group(struct job *j, int sig)
{
    if (j->pid != 0) {
        if (kill(-j->pid, sig) < 0)
            (void)job_signal(j, sig);
    } else if (j->state == JOB_WAITING) {
        (void)snprintf(j->text, sizeof j->text, "stopped before it could start");
        j->retry.fire = give_up;
        timer_arm(j->jobs->ev, &j->retry, 0);
    }
}

bool job_group_left(pid_t group)
{
    return kill(-group, 0) == 0 || errno == EPERM;
}

static struct job *find(struct jobs *js, pid_t pid)
{
    struct job *j = js->first;
    while (j && j->pid != pid)
        j = j->next;
    return j;
}

static void reaped(struct job *j, int status)
{
    take_report(j);
    rest(j);
    if (j->text[0])
        j->failed(j, j->text);
    else
        j->ended(j, status);
}

bool jobs_reap(struct jobs *js)
{
    for (int i = 0; i < REAP_ROUND; i++) {
        int status = 0;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0)
            return false;
        struct job *j = find(js, pid);
        if (j)
            reaped(j, status);
    }
    return true;
}
