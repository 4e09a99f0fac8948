/* The order is the point. What must be read with the supervisor's rights (secrets, the user
 * database) is read first; what needs root (limits, groups) is done next; then the user changes,
 * and only what that user may do is done behind it: the folder, finding the program. The signal of
 * a dying parent is set last, because the kernel forgets it whenever a process's rights change.
 *
 * A failure is one text through report_fd and exit status 127. */
#include "supervisor/child.h"

#include "base/buf.h"
#include "config/quote.h"
#include "supervisor/child_private.h"
#include "supervisor/userdb.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define EXIT_NOT_RUN 127

/* What the launch asks for, in numbers. */
struct identity {
    bool change; /* a user was named */
    const char *name;
    struct user_entry user;
    bool set_groups;
    gid_t *groups;
    size_t groups_n;
};

/* A name from the configuration, as messages show it. */
#define SHOWN(arena, text) STR_ARG(quote_short((arena), str_from(text)))

static int find_user(struct arena *a, struct identity *id, struct err *e)
{
    int found = userdb_user(PASSWD_FILE, str_from(id->name), &id->user, e);
    if (found < 0)
        return -1;
    if (!found)
        return err_set(e, ERR_NOT_FOUND,
            "unknown user %" STR_FMT ": there is none of that name in " PASSWD_FILE,
            SHOWN(a, id->name));
    return 0;
}

static int find_groups(const struct process *p, struct arena *a, struct identity *id, struct err *e)
{
    id->groups_n = p->groups_n;
    id->groups = arena_array(a, p->groups_n + 1, sizeof *id->groups);
    for (size_t i = 0; i < p->groups_n; i++) {
        int found = userdb_group(GROUP_FILE, str_from(p->groups[i]), &id->groups[i], e);
        if (found < 0)
            return -1;
        if (!found)
            return err_set(e, ERR_NOT_FOUND,
                "unknown group %" STR_FMT ": there is none of that name in " GROUP_FILE,
                SHOWN(a, p->groups[i]));
    }
    return 0;
}

/* Another user's command gets no group of ours, unless it is told which; only root can drop them.
 */
static int find_identity(
    const struct launch *l, struct arena *a, struct identity *id, struct err *e)
{
    *id = (struct identity){ .name = child_user(l) };
    id->change = id->name != NULL;
    id->set_groups = l->process->has_groups || (id->change && geteuid() == 0);
    if (id->change && find_user(a, id, e) < 0)
        return -1;
    return find_groups(l->process, a, id, e);
}

/* Nothing that the supervisor blocks or ignores goes on into the program. The mask comes last: what
 * arrives from then on acts as in a new program. */
static void reset_signals(void)
{
    struct sigaction standard;
    sigset_t none;
    memset(&standard, 0, sizeof standard);
    standard.sa_handler = SIG_DFL;
    for (int sig = 1; sig < NSIG; sig++)
        (void)sigaction(sig, &standard, NULL); /* KILL, STOP and libc's own cannot be set */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int set_limits(const struct process *p, struct err *e)
{
    for (size_t i = 0; i < p->limits_n; i++) {
        const struct limit *l = &p->limits[i];
        rlim_t value = l->value == LIMIT_UNLIMITED ? RLIM_INFINITY : (rlim_t)l->value;
        struct rlimit both = { value, value };
        if (setrlimit(l->resource, &both) < 0)
            return err_set(e, ERR_IO, "cannot set the limit \"%s\": %s",
                child_limit_name(l->resource), strerror(errno));
    }
    return 0;
}

/* All three ids, so that there is no way back. */
static int become(const struct identity *id, struct arena *a, struct err *e)
{
    if (id->change && setresgid(id->user.gid, id->user.gid, id->user.gid) < 0)
        return err_set(
            e, ERR_IO, "cannot become user %" STR_FMT ": %s", SHOWN(a, id->name), strerror(errno));
    if (id->set_groups && setgroups(id->groups_n, id->groups) < 0)
        return err_set(e, ERR_IO, "cannot set the groups: %s", strerror(errno));
    if (id->change && setresuid(id->user.uid, id->user.uid, id->user.uid) < 0)
        return err_set(
            e, ERR_IO, "cannot become user %" STR_FMT ": %s", SHOWN(a, id->name), strerror(errno));
    return 0;
}

/* A program that runs as root gets whatever the bounding set holds; for it that is the place where
 * the others are taken away. */
static int bound_root(uint64_t wanted, struct err *e)
{
    for (int c = 0; c < 64 && prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
        if (!(wanted >> c & 1) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
            return err_set(e, ERR_IO, "cannot take away the capability \"%s\": %s",
                child_capability_name(c), strerror(errno));
    return 0;
}

/* Inheritable, since only those can be ambient; ambient, since only those survive the exec of a
 * program that has no capabilities of its own in the file system. */
static int set_capabilities(uint64_t wanted, struct err *e)
{
    struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    for (unsigned i = 0; i < ARRAY_LEN(data); i++) {
        uint32_t word = (uint32_t)(wanted >> (32 * i));
        data[i] = (struct __user_cap_data_struct){ word, word, word };
    }
    if (syscall(SYS_capset, &head, data) < 0)
        return err_set(e, ERR_IO, "cannot set the capabilities: %s: %s", strerror(errno),
            "the supervisor must have them itself");
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return err_set(e, ERR_IO, "cannot clear the ambient capabilities: %s", strerror(errno));
    for (int c = 0; c < 64; c++)
        if ((wanted >> c & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) < 0)
            return err_set(e, ERR_IO, "cannot give the capability \"%s\": %s",
                child_capability_name(c), strerror(errno));
    return 0;
}

static int change_rights(
    const struct process *p, const struct identity *id, struct arena *a, struct err *e)
{
    bool stays_root = geteuid() == 0 && (!id->change || id->user.uid == 0);
    if (!p->has_capabilities)
        return become(id, a, e);
    if (stays_root && bound_root(p->capabilities, e) < 0)
        return -1;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return err_set(e, ERR_IO, "cannot keep capabilities: %s", strerror(errno));
    if (become(id, a, e) < 0)
        return -1;
    return set_capabilities(p->capabilities, e);
}

/* Without close_range(2), before Linux 5.9, the first thousand are looked at; our own are
 * close-on-exec anyway, this is about what we were started with. */
static void close_rest_at_exec(void)
{
    if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    for (int fd = 3; fd < 1024; fd++)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static int die_with(pid_t parent, struct err *e)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) < 0)
        return err_set(e, ERR_IO, "cannot tie to the supervisor: %s", strerror(errno));
    if (getppid() != parent)
        _exit(EXIT_NOT_RUN); /* it died before: nobody is there to be told */
    return 0;
}

/* Found and yet not run: the kernel's word is about something else than the file. */
static const char *exec_hint(int sys)
{
    if (sys == ENOENT)
        return ": the interpreter of its first line, or its loader, is not there";
    if (sys == ENOEXEC)
        return ": a script needs #! and its interpreter in the first line";
    return "";
}

static int run(char **words, char **environ_, struct arena *a, struct err *e)
{
    const char *file;
    struct err why = ERR_INIT;
    if (child_program(words[0], environ_, a, &file, &why) < 0)
        return err_set(e, why.kind, "cannot run %" STR_FMT ": %s", SHOWN(a, words[0]), why.text);
    (void)execve(file, words, environ_);
    int sys = errno;
    return err_set(e, ERR_IO, "cannot run %" STR_FMT ": %s%s", SHOWN(a, words[0]), strerror(sys),
        exec_hint(sys));
}

static int prepare_and_run(const struct launch *l, struct arena *a, struct err *e)
{
    const struct process *p = l->process;
    struct identity id;
    char **words, **environ_;
    if (child_arguments(l, a, &words, e) < 0 || child_environment(l, a, &environ_, e) < 0 ||
        find_identity(l, a, &id, e) < 0)
        return -1;
    if (p->umask >= 0)
        (void)umask((mode_t)p->umask);
    if (set_limits(p, e) < 0 || change_rights(p, &id, a, e) < 0)
        return -1;
    if (p->cwd && chdir(p->cwd) < 0)
        return err_set(e, ERR_IO, "cwd %" STR_FMT ": %s", SHOWN(a, p->cwd), strerror(errno));
    if (die_with(l->parent, e) < 0)
        return -1;
    close_rest_at_exec();
    return run(words, environ_, a, e);
}

void child_exec(const struct launch *l, int report_fd)
{
    struct err e = ERR_INIT;
    (void)setsid(); /* fails only for who leads a group already */
    reset_signals();
    (void)prepare_and_run(l, arena_new(), &e);
    size_t n = strlen(e.text);
    while (write(report_fd, e.text, n) < 0 && errno == EINTR)
        continue;
    _exit(EXIT_NOT_RUN);
}
