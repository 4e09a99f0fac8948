/* A client is in one of five states. READING: its line is on the way. PENDING: a restart or stop
 * goes on; nothing is read, only its hanging up is noticed. QUEUED and ANSWERING: it asked for the
 * status, the one answer that may be longer than what a socket takes at once. There is one buffer
 * for that, so one client is ANSWERING, the others are QUEUED and get theirs composed when it is
 * their turn. All other answers are a line, which an empty socket always takes: they are sent and
 * the connection is closed.
 *
 * While all slots are taken the listener rests and who comes waits in the backlog of the kernel. */
#include "supervisor/control.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define PATIENCE_MS 5000  /* for the whole request; for taking the answer */
#define OUT_OF_FDS_MS 250 /* until accept is tried again */
#define BACKLOG 32

enum client_state { CLIENT_FREE, CLIENT_READING, CLIENT_PENDING, CLIENT_QUEUED, CLIENT_ANSWERING };

struct client {
    struct control *control;
    enum client_state state;
    struct watch watch;
    struct timer patience;
    uint64_t token; /* PENDING */
    size_t n;       /* READING: bytes read */
    char line[CONTROL_REQUEST_MAX];
};

struct control {
    struct events *ev;
    struct control_calls calls;
    struct watch listener;
    struct timer accept_again;
    bool resting; /* the listener is not watched: full, or out of descriptors */
    struct client clients[CONTROL_CLIENTS];
    uint64_t last_token;
    struct buf answer; /* of the client that is ANSWERING */
    size_t sent;
    dev_t dev; /* of our socket file, to remove no other */
    ino_t ino;
    struct sockaddr_un name;
};

static void answer_next(struct control *c);

static void listener_rest(struct control *c, bool rest)
{
    if (c->resting == rest)
        return;
    c->resting = rest;
    watch_change(c->ev, &c->listener, rest ? 0 : EPOLLIN);
}

static void client_drop(struct client *cl)
{
    struct control *c = cl->control;
    bool had_buffer = cl->state == CLIENT_ANSWERING;
    /* A close with bytes unread would have the other side see a reset for our answer's end. */
    char unread[CONTROL_REQUEST_MAX];
    (void)recv(cl->watch.fd, unread, sizeof(unread), MSG_DONTWAIT);
    timer_stop(&cl->patience);
    watch_remove(c->ev, &cl->watch);
    (void)close(cl->watch.fd);
    cl->watch.fd = -1;
    cl->state = CLIENT_FREE;
    if (!c->accept_again.armed)
        listener_rest(c, false);
    if (had_buffer)
        answer_next(c);
}

/* The whole answer in one line; error NULL: ok. */
static void send_verdict(int fd, const char *error)
{
    char text[ERR_TEXT_MAX + 16];
    int n = snprintf(text, sizeof(text), error ? "error: %s" : "ok", error ? error : "");
    size_t len = (size_t)n < sizeof(text) - 1 ? (size_t)n : sizeof(text) - 2;
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\n')
            text[i] = ' ';
    text[len] = '\n';
    (void)send(fd, text, len + 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void client_verdict(struct client *cl, const char *error)
{
    send_verdict(cl->watch.fd, error);
    client_drop(cl);
}

static void send_more(struct client *cl)
{
    struct control *c = cl->control;
    struct str rest = str_skip(buf_str(&c->answer), c->sent);
    while (rest.n > 0) {
        ssize_t n = send(cl->watch.fd, rest.p, rest.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            watch_change(c->ev, &cl->watch, EPOLLOUT);
            return;
        }
        if (n < 0)
            break;
        c->sent += (size_t)n;
        rest = str_skip(rest, (size_t)n);
    }
    client_drop(cl);
}

static void answer_status(struct client *cl)
{
    struct control *c = cl->control;
    cl->state = CLIENT_ANSWERING;
    timer_arm(c->ev, &cl->patience, PATIENCE_MS);
    c->sent = 0;
    buf_clear(&c->answer);
    buf_add(&c->answer, STR("ok\n"));
    c->calls.status(c->calls.ctx, &c->answer);
    if (buf_ok(&c->answer))
        send_more(cl);
    else
        client_verdict(cl, "the status is longer than an answer may be");
}

/* The buffer is free: the next of those that wait for it. */
static void answer_next(struct control *c)
{
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        if (c->clients[i].state == CLIENT_ANSWERING)
            return;
    for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
        if (c->clients[i].state == CLIENT_QUEUED) {
            answer_status(&c->clients[i]);
            return;
        }
    }
}

static void request_status(struct client *cl)
{
    cl->state = CLIENT_QUEUED;
    timer_stop(&cl->patience); /* whom it waits for is bounded */
    watch_change(cl->control->ev, &cl->watch, 0);
    answer_next(cl->control);
}

static void request_act(struct client *cl, struct str name,
    int (*act)(void *ctx, struct str name, uint64_t token, struct err *e))
{
    struct control *c = cl->control;
    struct err e = ERR_INIT;
    uint64_t token = ++c->last_token;
    cl->token = token;
    cl->state = CLIENT_PENDING;
    timer_stop(&cl->patience);
    watch_change(c->ev, &cl->watch, 0); /* epoll tells of a hang-up all the same */
    int ret = act(c->calls.ctx, name, token, &e);
    if (ret < 0)
        control_done(c, token, e.text);
}

static void request(struct client *cl, struct str line)
{
    struct str name = line, verb = str_cut(&name, ' ');
    const struct control_calls *calls = &cl->control->calls;
    if (str_eq(line, STR("status")))
        request_status(cl);
    else if (str_eq(verb, STR("restart")) && name.n > 0)
        request_act(cl, name, calls->restart);
    else if (str_eq(verb, STR("stop")) && name.n > 0)
        request_act(cl, name, calls->stop);
    else
        client_verdict(cl, "a request is status, restart NAME or stop NAME, and a line feed");
}

static void client_read(struct client *cl)
{
    ssize_t n = recv(cl->watch.fd, cl->line + cl->n, sizeof(cl->line) - cl->n, MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n < 0 || (n == 0 && cl->n == 0)) {
        client_drop(cl);
        return;
    }
    if (n == 0) {
        client_verdict(cl, "the request has no line feed at its end");
        return;
    }
    cl->n += (size_t)n;
    struct str line = { cl->line, cl->n };
    size_t end = str_find(line, '\n');
    if (end != STR_NPOS)
        request(cl, str_from_to(line, 0, end));
    else if (cl->n == sizeof(cl->line))
        client_verdict(cl, "the request is too long");
}

static void client_ready(struct watch *w, uint32_t what)
{
    struct client *cl = CONTAINER_OF(w, struct client, watch);
    if (cl->state == CLIENT_READING)
        client_read(cl);
    else if (what & (EPOLLERR | EPOLLHUP))
        client_drop(cl);
    else if (cl->state == CLIENT_ANSWERING)
        send_more(cl);
}

static void out_of_patience(struct timer *t)
{
    client_drop(CONTAINER_OF(t, struct client, patience));
}

static struct client *client_free(struct control *c)
{
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        if (c->clients[i].state == CLIENT_FREE)
            return &c->clients[i];
    return NULL;
}

static bool peer_may(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 || n != sizeof(peer))
        return false;
    return peer.uid == 0 || peer.uid == geteuid();
}

static void client_begin(struct control *c, struct client *cl, int fd)
{
    if (!peer_may(fd)) {
        send_verdict(fd, "only root and the user of the supervisor may use this socket");
        (void)close(fd);
        return;
    }
    cl->watch.fd = fd;
    cl->n = 0;
    if (watch_add(c->ev, &cl->watch, EPOLLIN, NULL) < 0) {
        cl->watch.fd = -1;
        (void)close(fd);
        return;
    }
    cl->state = CLIENT_READING;
    timer_arm(c->ev, &cl->patience, PATIENCE_MS);
}

static void accept_again(struct timer *t)
{
    struct control *c = CONTAINER_OF(t, struct control, accept_again);
    if (client_free(c))
        listener_rest(c, false);
}

static void listener_ready(struct watch *w, uint32_t what)
{
    struct control *c = CONTAINER_OF(w, struct control, listener);
    (void)what;
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        struct client *cl = client_free(c);
        if (!cl) {
            listener_rest(c, true);
            return;
        }
        int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            client_begin(c, cl, fd);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            listener_rest(c, true); /* it would spin */
            timer_arm(c->ev, &c->accept_again, OUT_OF_FDS_MS);
            return;
        }
    }
}

static int check_path(const char *path, struct sockaddr_un *name, struct err *e)
{
    size_t n = strlen(path);
    *name = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (n == 0 || n >= sizeof(name->sun_path))
        return err_set(e, ERR_USAGE,
            "the path of the control socket has %zu bytes; name one of 1 to %zu", n,
            sizeof(name->sun_path) - 1);
    memcpy(name->sun_path, path, n + 1);
    return 0;
}

/* Makes room for our socket file: what a dead server has left goes, nothing else. */
static int remove_stale(const struct sockaddr_un *name, struct err *e)
{
    const char *path = name->sun_path;
    struct stat st;
    if (lstat(path, &st) < 0) {
        if (errno == ENOENT)
            return 0;
        return err_set(
            e, ERR_IO, "cannot look at the control socket %s: %s", path, strerror(errno));
    }
    if (!S_ISSOCK(st.st_mode))
        return err_set(e, ERR_CONFLICT,
            "%s is there and is no socket; remove it, or name another path for control", path);
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(e, ERR_IO, "cannot open a socket: %s", strerror(errno));
    int ret = connect(fd, (const struct sockaddr *)name, sizeof(*name));
    if (ret == 0 || errno == EAGAIN)
        return err_set(e, ERR_CONFLICT,
            "another program listens at %s; stop it, or name another path for control", path);
    if (errno == ENOENT)
        return 0;
    if (errno != ECONNREFUSED)
        return err_set(e, ERR_CONFLICT,
            "%s is a socket of something else (%s); remove it, or name another path for control",
            path, strerror(errno));
    if (unlink(path) < 0 && errno != ENOENT)
        return err_set(
            e, ERR_IO, "cannot remove the stale control socket %s: %s", path, strerror(errno));
    return 0;
}

static int listen_at(struct control *c, struct err *e)
{
    const char *path = c->name.sun_path;
    struct stat st;
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(e, ERR_IO, "cannot open a socket: %s", strerror(errno));
    mode_t before = umask(0177);
    int ret = bind(fd, (const struct sockaddr *)&c->name, sizeof(c->name));
    (void)umask(before);
    if (ret < 0)
        return err_set(e, ERR_IO,
            "cannot make the control socket %s: %s; its folder must be there and writable", path,
            strerror(errno));
    if (lstat(path, &st) < 0 || listen(fd, BACKLOG) < 0) {
        (void)err_set(e, ERR_IO, "cannot listen at %s: %s", path, strerror(errno));
        (void)unlink(path);
        return -1;
    }
    c->dev = st.st_dev;
    c->ino = st.st_ino;
    c->listener.fd = TAKE_FD(fd);
    return 0;
}

int control_open(struct control **ret, struct events *ev, const char *path,
    const struct control_calls *calls, struct err *e)
{
    struct sockaddr_un name;
    *ret = NULL;
    if (check_path(path, &name, e) < 0 || remove_stale(&name, e) < 0)
        return -1;
    struct control *c = MEM_NEW(struct control);
    c->ev = ev;
    c->calls = *calls;
    c->name = name;
    c->listener = (struct watch){ .ready = listener_ready, .fd = -1 };
    c->accept_again.fire = accept_again;
    c->answer = BUF_INIT(CONTROL_ANSWER_MAX);
    (void)buf_room(&c->answer, CONTROL_ANSWER_MAX);
    for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
        struct client *cl = &c->clients[i];
        cl->control = c;
        cl->watch = (struct watch){ .ready = client_ready, .fd = -1 };
        cl->patience.fire = out_of_patience;
    }
    if (listen_at(c, e) < 0 || watch_add(ev, &c->listener, EPOLLIN, e) < 0) {
        control_close(c);
        return -1;
    }
    *ret = c;
    return 0;
}

void control_close(struct control *c)
{
    struct stat st;
    if (!c)
        return;
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        if (c->clients[i].state == CLIENT_QUEUED)
            c->clients[i].state = CLIENT_PENDING; /* its turn does not come any more */
    for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
        struct client *cl = &c->clients[i];
        if (cl->state == CLIENT_PENDING)
            send_verdict(cl->watch.fd, "the supervisor closes its control socket");
        if (cl->state != CLIENT_FREE)
            client_drop(cl);
    }
    timer_stop(&c->accept_again);
    if (c->listener.fd >= 0) {
        watch_remove(c->ev, &c->listener);
        (void)close(c->listener.fd);
        if (lstat(c->name.sun_path, &st) == 0 && st.st_dev == c->dev && st.st_ino == c->ino)
            (void)unlink(c->name.sun_path);
    }
    buf_deinit(&c->answer);
    free(c);
}

void control_done(struct control *c, uint64_t token, const char *error)
{
    for (size_t i = 0; c && i < CONTROL_CLIENTS; i++) {
        struct client *cl = &c->clients[i];
        if (cl->state == CLIENT_PENDING && cl->token == token) {
            client_verdict(cl, error);
            return;
        }
    }
}
