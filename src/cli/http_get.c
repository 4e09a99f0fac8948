#include "cli/http_get.h"

#include "base/arena.h"
#include "base/digest.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define STEP_SECONDS 10
#define HEAD_MAX (16u << 10)

void http_reply_deinit(struct http_reply *r)
{
    if (r->body.p)
        secret_wipe(r->body.p, r->body.cap);
    buf_deinit(&r->body);
}

static int set_limits(int fd, struct err *e)
{
    struct timeval limit = { .tv_sec = STEP_SECONDS };
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
        return err_sys(e, "set a time limit");
    return 0;
}

/* An address holds 107 bytes of path; a longer one goes by a descriptor of its folder. */
static int unix_address(
    struct arena *a, struct str path, struct sockaddr_un *ret, int *ret_folder, struct err *e)
{
    size_t slash = str_rfind(path, '/');
    if (path.n >= sizeof(ret->sun_path) && slash != STR_NPOS) {
        *ret_folder =
            open(str_cstr(a, str_from_to(path, 0, slash)), O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (*ret_folder < 0)
            return err_set(e, ERR_NOT_FOUND, "no server listens on the admin socket");
        path = arena_printf(
            a, "/proc/self/fd/%d%" STR_FMT, *ret_folder, STR_ARG(str_skip(path, slash)));
    }
    if (path.n >= sizeof(ret->sun_path))
        return err_set(e, ERR_NOT_FOUND, "the path of the admin socket is too long");
    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    for (size_t i = 0; i < path.n; i++)
        ret->sun_path[i] = path.p[i];
    return 0;
}

static int connect_unix(struct str path, int *ret_fd, struct err *e)
{
    struct sockaddr_un addr;
    struct arena *a AUTO_ARENA = arena_new();
    int folder AUTO_CLOSE = -1;
    if (unix_address(a, path, &addr, &folder, e) < 0)
        return -1;
    int fd AUTO_CLOSE = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(e, "make a socket");
    if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
        if (errno == EACCES || errno == EPERM)
            return err_set(e, ERR_FORBIDDEN,
                "this user may not open the admin socket; use the server's user or root");
        return err_set(e, ERR_NOT_FOUND, "no server listens on the admin socket");
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int connect_tcp(struct str host, struct str port, int *ret_fd, struct err *e)
{
    struct arena *a AUTO_ARENA = arena_new();
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    if (getaddrinfo(str_cstr(a, host), str_cstr(a, port), &hints, &list) != 0)
        return err_set(e, ERR_NOT_FOUND, "the host %" STR_FMT " is not known", STR_ARG(host));
    int fd AUTO_CLOSE = -1;
    for (const struct addrinfo *i = list; i && fd < 0; i = i->ai_next) {
        fd = socket(i->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        /* The limit for sending holds for connecting too. */
        if (fd >= 0 && (set_limits(fd, NULL) < 0 || connect(fd, i->ai_addr, i->ai_addrlen) < 0)) {
            (void)close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0)
        return err_set(e, ERR_NOT_FOUND, "nobody answers at %" STR_FMT ":%" STR_FMT, STR_ARG(host),
            STR_ARG(port));
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* Not write(2): a server that closes early must not end us by SIGPIPE. */
static int send_all(int fd, struct str s, struct err *e)
{
    while (s.n > 0) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, "send the request");
        s = str_skip(s, (size_t)n);
    }
    return 0;
}

static int send_request(int fd, const struct http_ask *ask, struct err *e)
{
    struct buf b AUTO_BUF = BUF_INIT(ask->body.n + HEAD_MAX);
    bool v6 = str_has(ask->host, ':');
    buf_addf(&b, "%s %" STR_FMT " HTTP/1.1\r\nhost: %s%" STR_FMT "%s", ask->method,
        STR_ARG(ask->path), v6 ? "[" : "", STR_ARG(ask->host), v6 ? "]" : "");
    if (ask->port.p)
        buf_addf(&b, ":%" STR_FMT, STR_ARG(ask->port));
    buf_addf(&b, "\r\nconnection: close\r\ncontent-length: %zu\r\n\r\n", ask->body.n);
    buf_add(&b, ask->body);
    return send_all(fd, buf_str(&b), e);
}

static int read_all(int fd, struct buf *out, struct err *e)
{
    for (;;) {
        char part[16384];
        ssize_t n = read(fd, part, sizeof(part));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return err_set(
                e, ERR_TIMEOUT, "the server did not answer within %d seconds", STEP_SECONDS);
        if (n < 0)
            return err_sys(e, "read the server's answer");
        if (n == 0)
            return buf_ok(out) ? 0 : err_set(e, ERR_TOO_LARGE, "the server's answer is too large");
        buf_add(out, (struct str){ part, (size_t)n });
        secret_wipe(part, (size_t)n);
    }
}

int http_ask(const struct http_ask *ask, struct http_reply *ret, struct err *e)
{
    int fd AUTO_CLOSE = -1;
    int rc = ask->unix_path.p ? connect_unix(ask->unix_path, &fd, e)
                              : connect_tcp(ask->host, ask->port, &fd, e);
    if (rc < 0 || set_limits(fd, e) < 0 || send_request(fd, ask, e) < 0 ||
        read_all(fd, &ret->body, e) < 0)
        return -1;
    /* "HTTP/1.1 200 OK", fields, empty line, body: our own server always gives a length and closes.
     */
    struct str all = buf_str(&ret->body);
    size_t end = str_find_str(all, STR("\r\n\r\n"));
    uint32_t status;
    if (end == STR_NPOS || !str_starts(all, STR("HTTP/1.1 ")) ||
        !num_parse_u32(str_from_to(all, 9, 12), &status))
        return err_set(e, ERR_IO, "the server's answer is not HTTP");
    ret->status = status;
    buf_drop_front(&ret->body, end + 4);
    return 0;
}
