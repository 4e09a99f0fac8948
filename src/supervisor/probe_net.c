/* A try connects without waiting, and an http one sends a GET and reads the status code, all that
 * it needs of the answer. The request is made anew for each write from what the probe says, so that
 * nothing of it is kept. It is HTTP/1.1, since some proxies refuse 1.0, and asks for the end of the
 * connection, so that a body, whatever its form, is nothing to be understood. */
#include "supervisor/probe_private.h"

#include "base/num.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define STATUS_N 13 /* "HTTP/1.1 200" and what ends the code */

void prober_net_stop(struct prober *p)
{
    if (p->socket.fd < 0)
        return;
    /* A close with bytes unread would reset the connection, which servers complain of. */
    (void)recv(p->socket.fd, NULL, 64u << 10, MSG_DONTWAIT | MSG_TRUNC);
    watch_remove(p->ev, &p->socket);
    (void)close(p->socket.fd);
    p->socket.fd = -1;
}

static void fail_errno(struct prober *p, int error)
{
    prober_why_errno(p, error);
    prober_tried(p, false);
}

static void fail(struct prober *p, const char *why)
{
    (void)snprintf(p->why, sizeof(p->why), "%s", why);
    prober_tried(p, false);
}

/* While nobody listens at a port of the range for outgoing connections, the kernel may pick that
 * very port for ours: the connection is then one with itself, and keeps the server from its port.
 */
static bool is_own_echo(int fd)
{
    struct sockaddr_storage here, there;
    socklen_t here_n = sizeof(here), there_n = sizeof(there);
    memset(&here, 0, sizeof(here));
    memset(&there, 0, sizeof(there));
    if (getsockname(fd, (struct sockaddr *)&here, &here_n) < 0 ||
        getpeername(fd, (struct sockaddr *)&there, &there_n) < 0)
        return false;
    return here_n == there_n && memcmp(&here, &there, here_n) == 0;
}

static void judge(struct prober *p)
{
    struct str code = str_from_to((struct str){ p->answer, p->answer_n }, 9, 12);
    uint32_t status;
    bool http = p->answer_n >= 12 && memcmp(p->answer, "HTTP/1.", 7) == 0 && p->answer[8] == ' ' &&
                num_parse_u32(code, &status) && status >= 100;
    if (http && p->answer_n >= STATUS_N && ascii_is_alnum(p->answer[12]))
        http = false;
    if (!http) {
        fail(p, p->answer_n ? "answered what is not HTTP" : "closed without an answer");
        return;
    }
    (void)snprintf(p->why, sizeof(p->why), "answered %u", (unsigned)status);
    prober_tried(p, status >= 200 && status <= 399);
}

static void receive(struct watch *w, uint32_t what)
{
    struct prober *p = CONTAINER_OF(w, struct prober, socket);
    (void)what;
    ssize_t n = recv(p->socket.fd, p->answer + p->answer_n, STATUS_N - p->answer_n, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        fail_errno(p, errno);
        return;
    }
    p->answer_n += (size_t)n;
    if (n == 0 || p->answer_n == STATUS_N)
        judge(p);
}

/* What is not sent yet of parts; returns how many bytes that is. */
static size_t skip_sent(struct iovec *parts, size_t n, size_t sent)
{
    size_t left = 0;
    for (size_t i = 0; i < n; i++) {
        size_t skip = sent < parts[i].iov_len ? sent : parts[i].iov_len;
        parts[i].iov_base = (char *)parts[i].iov_base + skip;
        parts[i].iov_len -= skip;
        sent -= skip;
        left += parts[i].iov_len;
    }
    return left;
}

static struct iovec part(const char *text)
{
    /* sendmsg reads it only. */
    return (struct iovec){ (void *)(uintptr_t)text, strlen(text) };
}

static void send_request(struct prober *p)
{
    struct iovec parts[] = {
        part("GET "),
        part(p->probe->target),
        part(" HTTP/1.1\r\nHost: "),
        part(p->probe->host),
        part("\r\nUser-Agent: groundcontrol\r\nAccept: */*\r\nConnection: close\r\n\r\n"),
    };
    size_t left = skip_sent(parts, ARRAY_LEN(parts), p->sent);
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts) };
    ssize_t n = sendmsg(p->socket.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        fail_errno(p, errno);
        return;
    }
    p->sent += (size_t)n;
    if ((size_t)n < left)
        return;
    p->socket.ready = receive;
    watch_change(p->ev, &p->socket, EPOLLIN);
}

static void send_ready(struct watch *w, uint32_t what)
{
    struct prober *p = CONTAINER_OF(w, struct prober, socket);
    (void)what;
    send_request(p);
}

static void connected(struct watch *w, uint32_t what)
{
    struct prober *p = CONTAINER_OF(w, struct prober, socket);
    int error = 0;
    socklen_t n = sizeof(error);
    (void)what;
    if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
        error = errno;
    if (error == 0 && is_own_echo(w->fd))
        error = ECONNREFUSED;
    if (error) {
        fail_errno(p, error);
        return;
    }
    if (p->probe->kind == PROBE_TCP) {
        prober_tried(p, true);
        return;
    }
    w->ready = send_ready;
    send_request(p);
}

void prober_net_try(struct prober *p)
{
    const struct sockaddr *to = (const struct sockaddr *)&p->probe->address;
    p->sent = p->answer_n = 0;
    p->socket.fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    p->socket.ready = connected;
    struct err e = ERR_INIT;
    if (p->socket.fd < 0 ||
        (connect(p->socket.fd, to, p->probe->address_n) < 0 && errno != EINPROGRESS)) {
        fail_errno(p, errno);
        return;
    }
    if (watch_add(p->ev, &p->socket, EPOLLOUT, &e) < 0)
        fail_errno(p, e.sys);
}
