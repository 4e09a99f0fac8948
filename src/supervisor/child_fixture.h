/* For the tests of child*.c alone: a launch by a real fork, and what the program said. */
#pragma once
#include "supervisor/child.h"

#include "base/buf.h"
#include "base/num.h"
#include "supervisor/userdb.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#define SH(script)                                                                                 \
    (const char *[])                                                                               \
    {                                                                                              \
        "/bin/sh", "-c", (script), NULL                                                            \
    }

/* One launch and what came of it. */
struct fixture {
    struct process process;
    struct command command;
    struct launch launch;
    struct buf out, report;
    int status;
    struct user_entry nobody;
};

static char *const plain_environ[] = { "PATH=/usr/bin:/bin", "HOME=/root", "COLOR=blue",
    "NOTIFY_SOCKET=/outer", "WATCHDOG_USEC=7", "WATCHDOG_PID=1", NULL };

static inline int setup(void **state)
{
    static struct fixture f;
    buf_deinit(&f.out);
    buf_deinit(&f.report);
    f = (struct fixture){ .process = { .name = "x", .umask = -1, .run = &f.command },
        .out = BUF_INIT(1 << 20),
        .report = BUF_INIT(CHILD_TEXT_MAX) };
    static char *environ_[ARRAY_LEN(plain_environ)];
    memcpy(environ_, plain_environ, sizeof environ_);
    f.launch = (struct launch){
        .process = &f.process, .command = &f.command, .environ_ = environ_, .parent = getpid()
    };
    *state = &f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    buf_deinit(&f->out);
    buf_deinit(&f->report);
    return 0;
}

static inline void read_to_end(int fd, struct buf *out)
{
    char chunk[4096];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        assert_true(n > 0);
        buf_add(out, (struct str){ chunk, (size_t)n });
    }
}

static inline void in_child(struct fixture *f, int out, int report)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(99);
    child_exec(&f->launch, report);
}

static inline void go(struct fixture *f, const char **words)
{
    int out[2], report[2];
    sigset_t all, before;
    f->command.words = words;
    for (f->command.n = 0; words[f->command.n];)
        f->command.n++;
    buf_clear(&f->out);
    buf_clear(&f->report);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        in_child(f, out[1], report[1]);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    assert_true(pid > 0);
    (void)close(out[1]);
    (void)close(report[1]);
    read_to_end(report[0], &f->report);
    read_to_end(out[0], &f->out);
    (void)close(out[0]);
    (void)close(report[0]);
    assert_int_equal(waitpid(pid, &f->status, 0), pid);
}

static inline void ran(struct fixture *f, const char *out)
{
    struct str got = buf_str(&f->out);
    if (f->report.n)
        fail_msg("%" STR_FMT, STR_ARG(buf_str(&f->report)));
    if (!str_eq(got, str_from(out)))
        fail_msg("got \"%" STR_FMT "\", wanted \"%s\"", STR_ARG(got), out);
    assert_int_equal(f->status, 0);
}

static inline void failed(struct fixture *f, const char *text)
{
    if (!str_eq(buf_str(&f->report), str_from(text)))
        fail_msg("got %" STR_FMT "\nwanted %s", STR_ARG(buf_str(&f->report)), text);
    assert_true(WIFEXITED(f->status));
    assert_int_equal(WEXITSTATUS(f->status), 127);
}

static inline void need_root(void)
{
    if (geteuid() != 0)
        skip();
}

static inline const char *PRINTF_LIKE(1, 2) text(const char *fmt, ...)
{
    static char out[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(out, sizeof out, fmt, ap);
    va_end(ap);
    return out;
}

static inline void as_nobody(struct fixture *f)
{
    need_root();
    f->command.user = "nobody";
    assert_int_equal(userdb_user("/etc/passwd", STR("nobody"), &f->nobody, NULL), 1);
}

/* A folder with one file in it, gone with the fixture's test. */
struct place {
    char dir[32], file[48];
};

static inline struct place place(const char *content, mode_t mode)
{
    struct place p = { .dir = "/tmp/child-test-XXXXXX" };
    assert_non_null(mkdtemp(p.dir));
    assert_int_equal(chmod(p.dir, 0755), 0);
    (void)snprintf(p.file, sizeof p.file, "%s/tool", p.dir);
    int fd = open(p.file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    assert_int_equal(fchmod(fd, mode), 0);
    (void)close(fd);
    return p;
}

static inline void remove_place(const struct place *p)
{
    (void)unlink(p->file);
    (void)rmdir(p->dir);
}
#define AUTO_PLACE AUTO(remove_place)
