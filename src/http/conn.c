/* A connection's life. The three entry points (ready, timer, task) hold `busy`, run one turn of
 * input and output, and free the connection at their end when something has marked it dead. */
#include "http/conn.h"

#include "base/map.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#define READ_HEAD_BYTES 16384u
#define READ_BODY_BYTES 65536u

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

int64_t conn_tick_ms(const struct http_limits *l)
{
    int64_t tick = TICK_MS;
    if (l->stall_window_ms / 2 < tick)
        tick = l->stall_window_ms / 2;
    if (l->write_stall_ms / 2 < tick)
        tick = l->write_stall_ms / 2;
    if (l->body_ms / 2 < tick)
        tick = l->body_ms / 2;
    return tick > 0 ? tick : 1;
}

void conn_arm(struct conn *c, int64_t at_ms)
{
    if (c->timer.slot == 0 || c->timer.due_ms > at_ms)
        loop_timer_set(c->server->loop, &c->timer, at_ms);
}

void conn_kick(struct conn *c)
{
    if (c->busy)
        c->again = true;
    else
        loop_defer(c->server->loop, &c->task);
}

void conn_remove(struct conn *c, struct exchange *ex)
{
    if (ex->prev)
        ex->prev->next = ex->next;
    else
        c->first = ex->next;
    if (ex->next)
        ex->next->prev = ex->prev;
    else
        c->last = ex->prev;
    c->n_exchanges--;
    if (!ex->replied)
        c->n_jobs--;
    if (c->reading == ex)
        c->reading = NULL;
    ex->conn = NULL;
}

size_t conn_write(struct conn *c, struct iovec *iov, size_t n)
{
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };
    ssize_t sent;
    do
        sent = sendmsg(c->io.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        c->server->done_ns = clock_mono_ns();
        c->write_since_ms = 0;
        if (!c->h2) /* there a frame may carry less than its head: bodies count alone */
            c->sending.bytes += (uint64_t)sent;
        return (size_t)sent;
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        c->dead = true;
    else if (c->write_since_ms == 0)
        c->write_since_ms = loop_now_ms(c->server->loop);
    return 0;
}

/* Keeps what was read and not used. */
static void keep_input(struct conn *c, struct str in)
{
    if (in.n == 0) {
        free(TAKE(c->in));
        c->n_in = c->cap_in = 0;
        return;
    }
    if (in.n > c->cap_in || in.n + READ_BODY_BYTES < c->cap_in) {
        char *p = mem_alloc(in.n);
        memcpy(p, in.p, in.n);
        free(c->in);
        c->in = p;
        c->cap_in = in.n;
    } else {
        memmove(c->in, in.p, in.n);
    }
    c->n_in = in.n;
}

void conn_begin_linger(struct conn *c)
{
    c->proto = PROTO_LINGER;
    if (c->eof || shutdown(c->io.fd, SHUT_WR) < 0) {
        c->dead = true;
        return;
    }
    c->linger_until_ms = loop_now_ms(c->server->loop) + (c->server->draining ? FRESH_MS : DRAIN_MS);
    conn_arm(c, c->linger_until_ms);
}

/* HTTP/2 by prior knowledge begins with a fixed text; anything else is HTTP/1.1. */
static void sniff(struct conn *c, struct str in)
{
    size_t n = in.n < sizeof(preface) - 1 ? in.n : sizeof(preface) - 1;
    if (memcmp(in.p, preface, n) != 0) {
        c->proto = PROTO_H1;
    } else if (n == sizeof(preface) - 1) {
        c->proto = PROTO_H2;
        c->h2 = h2_new(c);
        if (c->server->draining)
            h2_begin_drain(c);
        c->head_since_ms = 0;
        c->had_request = true;
    }
}

static bool wants_input(const struct conn *c)
{
    switch (c->proto) {
    case PROTO_H1:
        return h1_wants_input(c);
    case PROTO_H2:
        return h2_wants_input(c);
    default:
        return true;
    }
}

static void watch(struct conn *c, bool want_out)
{
    uint32_t events = c->watching & EPOLLIN;
    if (wants_input(c)) {
        events = EPOLLIN;
        c->read_blocked = false;
    } else if (c->read_blocked || c->eof) {
        events = 0; /* only now: most often the reply is there before more input comes */
    }
    if (want_out)
        events |= EPOLLOUT;
    if (events == c->watching)
        return;
    c->watching = events;
    loop_watch(c->server->loop, &c->io, events);
}

/* A head that has begun and not ended, and a connection that waits for its next request, have
 * their time; both are checked by the timer, which is only ever set earlier here. */
static void note_waiting(struct conn *c)
{
    const struct http_limits *l = &c->server->limits;
    int64_t now = loop_now_ms(c->server->loop);
    if (c->proto == PROTO_LINGER)
        return;
    if (c->first || c->write_since_ms) {
        conn_arm(c, now + conn_tick_ms(l));
        return;
    }
    if (c->proto != PROTO_H2 && (c->n_in > 0 || !c->had_request)) {
        if (c->head_since_ms == 0)
            c->head_since_ms = now;
        conn_arm(c, c->head_since_ms + l->header_ms);
        return;
    }
    c->head_since_ms = 0;
    if (c->timer.slot == 0)
        conn_arm(c, now + (c->proto == PROTO_H2 ? l->h2_idle_ms : l->idle_ms));
}

static void turn(struct conn *c, struct str in)
{
    bool want_out = false;
    for (;;) {
        size_t before = in.n;
        bool blocked = !wants_input(c);
        if (c->proto == PROTO_NEW && in.n > 0)
            sniff(c, in);
        if (c->proto == PROTO_H1)
            h1_input(c, &in);
        if (c->proto == PROTO_H2) {
            if (in.n > 0)
                h2_input(c, in);
            in = STR_NONE;
            c->again = false;
            want_out = h2_flush(c);
        } else if (c->proto == PROTO_H1) {
            c->again = false;
            want_out = h1_flush(c);
        }
        if (c->dead)
            return;
        if (c->closing && !c->first && !want_out && c->proto == PROTO_H1) {
            conn_begin_linger(c);
            in = STR_NONE;
        }
        if (in.n == 0 || want_out || c->proto != PROTO_H1)
            break;
        /* An answer that went out whole may have been what the next head waited for. */
        if (in.n == before && !(blocked && wants_input(c)))
            break;
    }
    if (c->dead)
        return;
    keep_input(c, in);
    note_waiting(c);
    watch(c, want_out);
}

static void leave(struct conn *c)
{
    c->busy = false;
    if (c->dead)
        conn_free(c);
    else if (c->again)
        loop_defer(c->server->loop, &c->task);
}

static void drain_input(struct conn *c)
{
    ssize_t n = recv(c->io.fd, c->server->scratch, READ_BODY_BYTES, MSG_DONTWAIT);
    if (n > 0)
        c->drained += (uint64_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        c->dead = true;
    if (c->drained > DRAIN_BYTES)
        c->dead = true;
}

/* One read and the turn it gives rise to. */
static void read_some(struct conn *c)
{
    struct http_server *s = c->server;
    size_t want = c->reading || c->proto == PROTO_H2 ? READ_BODY_BYTES : READ_HEAD_BYTES;
    assert(c->n_in < s->cap_scratch);
    if (want > s->cap_scratch - c->n_in)
        want = s->cap_scratch - c->n_in;
    if (c->n_in > 0)
        memcpy(s->scratch, c->in, c->n_in);
    ssize_t n = recv(c->io.fd, s->scratch + c->n_in, want, MSG_DONTWAIT);
    if (n < 0) {
        c->dead = errno != EAGAIN && errno != EINTR;
        return;
    }
    s->turn_ns = clock_mono_ns();
    if (n == 0) {
        c->eof = true;
        if (c->proto == PROTO_H1)
            h1_eof(c);
        else
            c->dead = true;
    }
    if (!c->dead)
        turn(c, (struct str){ s->scratch, c->n_in + (size_t)n });
}

/* A turn without new bytes: a reply came, a pause ended, or the socket has room again. */
static void turn_again(struct conn *c)
{
    struct http_server *s = c->server;
    if (c->n_in > 0)
        memcpy(s->scratch, c->in, c->n_in);
    s->turn_ns = clock_mono_ns();
    turn(c, (struct str){ s->scratch, c->n_in });
}

static void conn_ready(struct loop_io *io, uint32_t events)
{
    struct conn *c = CONTAINER_OF(io, struct conn, io);
    c->busy = true;
    if (c->proto == PROTO_LINGER) {
        drain_input(c);
    } else if ((events & (EPOLLERR | EPOLLHUP)) && !(events & EPOLLIN)) {
        c->dead = true;
    } else if ((events & EPOLLIN) && wants_input(c)) {
        read_some(c);
    } else {
        c->read_blocked = (events & EPOLLIN) != 0;
        turn_again(c);
    }
    leave(c);
}

static void conn_task(struct loop_task *t)
{
    struct conn *c = CONTAINER_OF(t, struct conn, task);
    if (c->gone) {
        free(c);
        return;
    }
    c->busy = true;
    c->again = false;
    if (!c->dead && c->proto != PROTO_LINGER)
        turn_again(c);
    leave(c);
}

/* Is there an answer that waits for the peer alone? Files whose pages a worker reads do not. */
static bool is_sending(const struct conn *c)
{
    for (const struct exchange *ex = c->first; ex; ex = ex->next)
        if (ex->replied && !ex->end_sent && ex->body_n > 0 && !ex->file.job && !ex->file.retry)
            return true;
    return c->write_since_ms != 0;
}

/* One rate for the whole connection: a hundred answers share a slow link. */
static bool reads_too_slowly(struct conn *c, int64_t now)
{
    const struct http_limits *l = &c->server->limits;
    if (c->write_since_ms && now - c->write_since_ms >= l->write_stall_ms)
        return true;
    if (!is_sending(c)) {
        c->sending.since_ms = 0;
        return false;
    }
    if (c->sending.since_ms == 0)
        rate_start(&c->sending, now);
    return rate_too_slow(&c->sending, now, l);
}

/* An exchange of HTTP/2 in which something takes too long. */
static void check_stream(struct exchange *ex, int64_t now)
{
    const struct http_limits *l = &ex->server->limits;
    if (!ex->dispatched) {
        if (now - ex->req.start_mono_ms >= l->header_ms) /* a head in pieces that does not end */
            h2_goaway(ex->conn, NGHTTP2_PROTOCOL_ERROR);
    } else if (ex->end_sent) {
        if (now >= ex->drain_until_ms)
            h2_reset(ex, NGHTTP2_NO_ERROR);
    } else if (ex->file.job) {
        ex->progress_ms = now;
    } else if (ex->file.retry) {
        h2_file_ready(ex);
    } else if (ex->replied && now - ex->progress_ms >= l->write_stall_ms) {
        h2_reset(ex, NGHTTP2_CANCEL);
        ex->progress_ms = now;
    }
}

/* What is too slow ends: the peer that does not read, a body, an answer whose window stays shut. */
static void check_progress(struct conn *c, int64_t now)
{
    if (reads_too_slowly(c, now)) {
        c->dead = true;
        return;
    }
    for (struct exchange *ex = c->first, *next; ex && !c->dead; ex = next) {
        next = ex->next;
        body_check_time(ex, now);
        if (c->h2)
            check_stream(ex, now);
    }
}

static void check_waiting(struct conn *c, int64_t now)
{
    const struct http_limits *l = &c->server->limits;
    if (c->head_since_ms) {
        bool leaving = c->server->draining && c->n_in == 0;
        int64_t due = c->head_since_ms + (leaving ? FRESH_MS : l->header_ms);
        if (now < due)
            conn_arm(c, due);
        else if (c->n_in > 0 && c->proto == PROTO_H1)
            h1_refuse_head(c, 408, "the request head took too long");
        else
            c->dead = true;
        return;
    }
    int64_t due = c->idle_since_ms + (c->proto == PROTO_H2 ? l->h2_idle_ms : l->idle_ms);
    if (now < due)
        conn_arm(c, due);
    else if (c->proto == PROTO_H2)
        h2_goaway(c, NGHTTP2_NO_ERROR);
    else
        c->dead = true;
}

static void conn_timer(struct loop_timer *t)
{
    struct conn *c = CONTAINER_OF(t, struct conn, timer);
    int64_t now = loop_now_ms(c->server->loop);
    c->busy = true;
    if (c->proto == PROTO_LINGER) {
        c->dead = true;
    } else {
        if (c->h2)
            h2_check_drain(c, now);
        if (c->first || c->write_since_ms)
            check_progress(c, now);
        else
            check_waiting(c, now);
        if (!c->dead)
            turn_again(c);
    }
    leave(c);
}

/* Idle ones close now; busy ones after their answers. A new one is about to ask, and a client does
 * not repeat the first request of a connection that closes on it (cargo 1.95). */
void conn_begin_drain(struct conn *c)
{
    conn_arm(c, loop_now_ms(c->server->loop) + FRESH_MS); /* its limits are shorter now */
    if (c->proto == PROTO_LINGER)
        return;
    if (c->proto == PROTO_H2) {
        h2_begin_drain(c);
        conn_kick(c);
        return;
    }
    if (!c->first && c->n_in == 0 && !c->had_request) {
        conn_arm(c, c->head_since_ms + FRESH_MS);
        return;
    }
    if (!c->first && c->n_in == 0)
        c->dead = true;
    else if (!c->first || !c->last->replied)
        return; /* its reply will say Connection: close */
    else
        c->closing = true;
    conn_kick(c);
}

struct conn *conn_new(struct http_server *s, struct http_listener *l, int fd)
{
    struct conn *c = MEM_NEW(struct conn);
    c->server = s;
    c->listener = l;
    c->io = (struct loop_io){ fd, conn_ready };
    c->timer.fire = conn_timer;
    c->task.run = conn_task;
    c->watching = EPOLLIN;
    if (loop_add(s->loop, &c->io, EPOLLIN, &s->err) < 0) {
        free(c);
        return NULL;
    }
    c->head_since_ms = c->idle_since_ms = loop_now_ms(s->loop);
    conn_arm(c, c->head_since_ms + s->limits.header_ms);
    c->next = s->conns;
    if (s->conns)
        s->conns->prev = c;
    s->conns = c;
    l->n_conns++;
    return c;
}

void conn_free(struct conn *c)
{
    struct http_server *s = c->server;
    c->dead = c->busy = true;
    loop_remove(s->loop, &c->io);
    (void)close(c->io.fd);
    loop_timer_cancel(s->loop, &c->timer);
    h2_free(c->h2);
    c->h2 = NULL;
    s->done_ns = clock_mono_ns();
    while (c->first)
        exchange_conn_gone(c->first);
    free(c->in);
    free(c->out);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    peer_unref(s, c->peer);
    listen_conn_gone(c->listener);
    server_conn_gone(s, c);
    if (c->task.queued)
        c->gone = true;
    else
        free(c);
}
