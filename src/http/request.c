#include "http/request.h"
#include "http/cond.h"
#include "http/conn.h"

#include "base/num.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

_Static_assert(offsetof(struct exchange, req) == 0, "see below");

static struct exchange *exchange_of(struct request *req)
{
    return CONTAINER_OF(req, struct exchange, req);
}

static const struct exchange *exchange_of_const(const struct request *req)
{
    return (const struct exchange *)(const void *)req; /* its first member */
}

/* Sends what is set, or forgets it when nobody is there to read it. */
static void send_reply(struct exchange *ex)
{
    struct conn *c = ex->conn;
    if (!c || ex->stream_gone || c->dead) {
        ex->status = 0;
        ex->server->done_ns = clock_mono_ns();
        exchange_done(ex);
        return;
    }
    ex->replied = true;
    c->n_jobs--;
    if (ex->body != BODY_NONE)
        body_refuse(ex);
    ex->progress_ms = loop_now_ms(ex->server->loop);
    if (ex->req.version == HTTP_2)
        h2_reply(ex);
    else
        h1_reply(ex);
    conn_kick(c);
}

void request_reply(struct request *req, struct answer *a)
{
    struct exchange *ex = exchange_of(req);
    assert(ex->dispatched && !ex->replied && !a->has_file);
    struct str none_match = req->header[HEADER_IF_NONE_MATCH];
    ex->answer = answer_ref(a);
    ex->status = a->status;
    if (a->etag.p && none_match.p && a->status == 200 &&
        (req->method == HTTP_GET || req->method == HTTP_HEAD) &&
        cond_none_match_hits(none_match, a->etag))
        ex->status = 304;
    ex->head_only = req->method == HTTP_HEAD || ex->status == 304 || ex->status == 204;
    ex->body_n = ex->head_only ? 0 : a->body.n;
    send_reply(ex);
}

/* Which bytes of the file are asked for; sets status and body_n. */
static void choose_range(struct exchange *ex, uint64_t size)
{
    const struct request *q = &ex->req;
    struct str range = q->header[HEADER_RANGE], if_range = q->header[HEADER_IF_RANGE];
    uint64_t from = 0, len = size;
    ex->status = 200;
    if (range.p && q->method == HTTP_GET &&
        (!if_range.p || cond_if_range_holds(if_range, ex->answer->etag))) {
        enum range_kind kind = cond_range(range, size, &from, &len);
        if (kind == RANGE_ONE)
            ex->status = 206;
        else if (kind == RANGE_UNSATISFIABLE)
            ex->status = 416;
    }
    if (ex->status == 416)
        from = len = 0;
    ex->file.at = from;
    ex->file.end = from + len;
    ex->body_n = len;
}

void request_reply_file(struct request *req, struct answer *a, int fd, uint64_t size)
{
    struct exchange *ex = exchange_of(req);
    assert(ex->dispatched && !ex->replied && a->has_file);
    struct str none_match = req->header[HEADER_IF_NONE_MATCH];
    ex->answer = answer_ref(a);
    ex->file.fd = fd;
    choose_range(ex, size);
    ex->file.size = size;
    if (none_match.p && cond_none_match_hits(none_match, a->etag))
        ex->status = 304;
    ex->head_only = req->method == HTTP_HEAD || ex->status == 304;
    if (ex->head_only)
        ex->body_n = 0; /* its length is told all the same: from file.at to file.end */
    if (ex->body_n == 0)
        file_body_close(ex);
    send_reply(ex);
}

void request_read_body(struct request *req, const struct body_sink *sink, uint64_t max)
{
    struct exchange *ex = exchange_of(req);
    assert(!ex->replied && !ex->sink.on_data);
    ex->sink = *sink;
    ex->body_max = max;
    if (!ex->conn || ex->stream_gone || ex->cut_short || ex->body == BODY_NONE) {
        ex->end_due = ex->body == BODY_NONE;
        ex->body = BODY_READING;
        exchange_pump_later(ex);
        return;
    }
    ex->body = BODY_READING;
    ex->body_since_ms = loop_now_ms(ex->server->loop);
    rate_start(&ex->recv_rate, ex->body_since_ms);
    conn_arm(ex->conn, ex->body_since_ms + conn_tick_ms(&ex->server->limits));
    if (ex->want_continue && (req->body_len < 0 || (uint64_t)req->body_len <= max)) {
        if (req->version == HTTP_2)
            h2_continue(ex);
        else
            ex->prefix = STR("HTTP/1.1 100 Continue\r\n\r\n");
    }
    exchange_pump_later(ex);
    conn_kick(ex->conn);
}

void request_body_pause(struct request *req)
{
    struct exchange *ex = exchange_of(req);
    if (ex->body == BODY_READING)
        ex->body = BODY_PAUSED;
}

void request_body_resume(struct request *req)
{
    struct exchange *ex = exchange_of(req);
    if (ex->body != BODY_PAUSED || !ex->conn)
        return;
    ex->body = BODY_READING;
    /* Our own pause is not the peer's slowness. */
    rate_start(&ex->recv_rate, loop_now_ms(ex->server->loop));
    exchange_pump_later(ex);
    conn_kick(ex->conn);
}

bool request_gone(const struct request *req)
{
    const struct exchange *ex = exchange_of_const(req);
    return !ex->conn || ex->stream_gone || ex->conn->dead;
}

bool request_accepts_gzip(const struct request *req)
{
    struct str header = req->header[HEADER_ACCEPT_ENCODING];
    bool gzip = false, identity;
    if (header.p)
        cond_codings(header, &gzip, &identity);
    return gzip;
}

struct str request_peer(const struct request *req)
{
    const struct exchange *ex = exchange_of_const(req);
    return (struct str){ ex->peer->text, ex->peer->n_text };
}

bool request_peer_address(const struct request *req, struct str *ret_ip, uint16_t *ret_port)
{
    const struct peer *p = exchange_of_const(req)->peer;
    if (p->addr.any.sa_family != AF_INET && p->addr.any.sa_family != AF_INET6)
        return false;
    bool v6 = p->addr.any.sa_family == AF_INET6; /* "[::1]:80" */
    size_t n = p->n_text;
    while (p->text[n - 1] != ':')
        n--;
    *ret_ip = (struct str){ p->text + v6, n - 1 - 2 * (size_t)v6 };
    *ret_port = ntohs(v6 ? p->addr.v6.sin6_port : p->addr.v4.sin_port);
    return true;
}

bool request_peer_uid(const struct request *req, uint32_t *ret_uid)
{
    const struct peer *p = exchange_of_const(req)->peer;
    if (p->has_uid)
        *ret_uid = p->uid;
    return p->has_uid;
}

static bool tcp_info(const struct request *req, struct tcp_info *ret)
{
    const struct exchange *ex = exchange_of_const(req);
    socklen_t n = sizeof(*ret);
    return ex->conn && !ex->conn->dead &&
           getsockopt(ex->conn->io.fd, IPPROTO_TCP, TCP_INFO, ret, &n) == 0 &&
           n >= offsetof(struct tcp_info, tcpi_rttvar);
}

bool request_is_established(const struct request *req)
{
    struct tcp_info info;
    return tcp_info(req, &info) && info.tcpi_state == TCP_ESTABLISHED;
}

int64_t request_round_trip_us(const struct request *req)
{
    struct tcp_info info;
    return tcp_info(req, &info) && info.tcpi_rtt > 0 ? (int64_t)info.tcpi_rtt : -1;
}

void **request_peer_slot(struct request *req)
{
    return &exchange_of(req)->peer->slot;
}

void request_end_connection(struct request *req)
{
    struct exchange *ex = exchange_of(req);
    if (!ex->conn || ex->conn->dead)
        return;
    if (req->version == HTTP_2)
        h2_end(ex->conn);
    else
        ex->close_after = true;
}
