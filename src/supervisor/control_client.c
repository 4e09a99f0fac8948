/* A command line tool: it may block, and waits for a restart or stop as long as that takes. */
#include "supervisor/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define USAGE                                                                                      \
    "groundcontrol: after --control SOCKET say status, restart NAME or stop NAME, the name as "    \
    "one "                                                                                         \
    "word (in quotes if it has blanks)\n"

static int complain(const char *what, const char *path)
{
    (void)fprintf(stderr, "groundcontrol: %s %s\n", what, path);
    return 1;
}

/* The line to send; false if the words are none of ours. */
static bool make_request(int argc, char **argv, struct buf *out)
{
    struct str verb = argc > 0 ? str_from(argv[0]) : STR_NONE;
    buf_add(out, verb);
    if (str_eq(verb, STR("status"))) {
        if (argc != 1)
            return false;
    } else {
        if (argc != 2 || (!str_eq(verb, STR("restart")) && !str_eq(verb, STR("stop"))))
            return false;
        struct str name = str_from(argv[1]);
        if (name.n == 0 || str_has(name, '\n'))
            return false;
        buf_addf(out, " %" STR_FMT, STR_ARG(name));
    }
    buf_add_byte(out, '\n');
    return buf_ok(out);
}

static int connect_to(const char *path, int *ret_fd)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof(name.sun_path))
        return complain("this path is empty or too long for a socket:", path);
    memcpy(name.sun_path, path, n + 1);
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return complain("cannot open a socket:", strerror(errno));
    if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) < 0) {
        if (errno == ENOENT)
            return complain(
                "no supervisor has this control socket (see control in its file):", path);
        if (errno == ECONNREFUSED)
            return complain("the supervisor of this control socket has gone:", path);
        if (errno == EACCES || errno == EPERM)
            return complain("only root and the user of the supervisor may use", path);
        (void)fprintf(stderr, "groundcontrol: cannot reach %s: %s\n", path, strerror(errno));
        return 1;
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static void send_all(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return; /* the answer, if any, says why */
        s = str_skip(s, (size_t)n);
    }
}

/* Until the other side closes. */
static void receive_all(int fd, struct buf *out)
{
    for (;;) {
        char part[4096];
        ssize_t n = recv(fd, part, sizeof(part), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        buf_add(out, (struct str){ part, (size_t)n });
    }
}

static int report(struct str answer, const char *path)
{
    struct str rest = answer, first = str_cut(&rest, '\n');
    if (str_eq(first, STR("ok"))) {
        bool wrote = fwrite(rest.p ? rest.p : "", 1, rest.n, stdout) == rest.n;
        if (fflush(stdout) == 0 && wrote)
            return 0;
        return complain("cannot write to standard output:", strerror(errno));
    }
    if (!str_starts(first, STR("error: ")))
        return complain("no answer came from", path);
    first = str_skip(first, sizeof("error: ") - 1);
    (void)fprintf(stderr, "groundcontrol: %" STR_FMT "\n", STR_ARG(first));
    return 1;
}

int control_client(const char *path, int argc, char **argv)
{
    AUTO_BUF struct buf request = BUF_INIT(CONTROL_REQUEST_MAX);
    AUTO_BUF struct buf answer = BUF_INIT(CONTROL_ANSWER_MAX + 4096);
    AUTO_CLOSE int fd = -1;
    if (!make_request(argc, argv, &request)) {
        (void)fputs(USAGE, stderr);
        return 2;
    }
    if (connect_to(path, &fd) != 0)
        return 1;
    send_all(fd, buf_str(&request));
    receive_all(fd, &answer);
    return report(buf_str(&answer), path);
}
