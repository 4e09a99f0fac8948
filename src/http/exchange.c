#include "http/conn.h"
#include "http/header.h"
#include "http/url.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

#define SPARE_MAX 512
#define METHODS_TEXT "the method is not one of GET, HEAD, PUT, POST, DELETE, PATCH, OPTIONS"

/* Requests come and go by the hundred thousand a second: their arenas are kept. */
struct exchange *exchange_new(struct conn *c)
{
    struct http_server *s = c->server;
    struct exchange *ex = s->spare;
    struct arena *arena;
    if (ex) {
        s->spare = ex->next;
        s->n_spare--;
        arena = ex->req.arena;
        memset(ex, 0, offsetof(struct exchange, tail));
        memset(&ex->n_tail, 0, sizeof(*ex) - offsetof(struct exchange, n_tail));
    } else {
        ex = MEM_NEW(struct exchange);
        arena = arena_new();
    }
    ex->req.arena = arena;
    ex->req.id = ++s->next_request;
    ex->req.listener = c->listener->tag;
    ex->req.start_mono_ms = loop_now_ms(s->loop);
    ex->req.start_ns = s->turn_ns;
    ex->server = s;
    ex->conn = c;
    ex->peer = c->peer;
    c->peer->refs++;
    ex->file.fd = -1;
    ex->prev = c->last;
    if (c->last)
        c->last->next = ex;
    else
        c->first = ex;
    c->last = ex;
    c->n_exchanges++;
    c->n_jobs++;
    return ex;
}

void peer_unref(struct http_server *s, struct peer *p)
{
    if (!p || --p->refs > 0)
        return;
    if (p->slot && s->handler.peer_gone)
        s->handler.peer_gone(s->handler.ctx, p->slot);
    free(p);
}

static void become_orphan(struct exchange *ex)
{
    if (ex->orphan)
        return;
    ex->orphan = true;
    ex->server->n_orphans++;
}

void exchange_free(struct exchange *ex)
{
    struct http_server *s = ex->server;
    assert(!ex->conn);
    bool orphan = ex->orphan;
    if (ex->task.queued) {
        become_orphan(ex);
        ex->free_later = true;
        return;
    }
    file_body_close(ex);
    peer_unref(s, ex->peer);
    answer_unref(ex->answer);
    free(ex->held);
    if (s->n_spare < SPARE_MAX && !s->freed) {
        arena_reset(ex->req.arena);
        ex->next = s->spare;
        s->spare = ex;
        s->n_spare++;
    } else {
        arena_free(ex->req.arena);
        free(ex);
    }
    if (orphan)
        server_orphan_gone(s);
}

/* The last byte is with the kernel, or the peer is gone: tell the application, and forget it. */
void exchange_done(struct exchange *ex)
{
    struct http_server *s = ex->server;
    struct http_result r = {
        .status = ex->status,
        .bytes = ex->body_sent,
        .duration_us = s->done_ns > ex->req.start_ns ? (s->done_ns - ex->req.start_ns) / 1000 : 0,
    };
    if (s->handler.on_done && !s->freed)
        s->handler.on_done(s->handler.ctx, &ex->req, &r);
    if (ex->conn) {
        ex->conn->idle_since_ms = loop_now_ms(s->loop);
        conn_remove(ex->conn, ex);
    }
    exchange_free(ex);
}

/* What never left is no answer. */
static void forget_unsent(struct exchange *ex)
{
    if (!ex->replied || (ex->head_sent == 0 && ex->body_sent == 0 && !ex->end_sent))
        ex->status = 0;
}

void exchange_conn_gone(struct exchange *ex)
{
    conn_remove(ex->conn, ex);
    forget_unsent(ex);
    if (ex->replied || !ex->dispatched) {
        exchange_done(ex);
        return;
    }
    become_orphan(ex);
    body_abort(ex, ERR_IO, "the client went away");
}

/* HTTP/2: reset. It counts against its connection until the handler has answered. */
void exchange_stream_gone(struct exchange *ex)
{
    ex->stream_gone = true;
    forget_unsent(ex);
    if (ex->replied || !ex->dispatched)
        exchange_done(ex);
    else
        body_abort(ex, ERR_IO, "the client took the request back");
}

static void pump(struct loop_task *t)
{
    struct exchange *ex = CONTAINER_OF(t, struct exchange, task);
    if (ex->free_later) {
        exchange_free(ex);
        return;
    }
    if (ex->replied)
        return;
    if (!ex->conn || ex->stream_gone || ex->cut_short) {
        body_abort(ex, ERR_IO, "the client went away");
    } else if (ex->end_due) {
        ex->end_due = false;
        body_end(ex);
    } else if (!body_length_fits(ex)) {
        conn_kick(ex->conn);
    } else if (ex->req.version == HTTP_2) {
        h2_body_pump(ex);
        conn_kick(ex->conn);
    }
}

void exchange_pump_later(struct exchange *ex)
{
    ex->task.run = pump;
    loop_defer(ex->server->loop, &ex->task);
}

static void dispatch_checked(struct exchange *ex)
{
    ex->dispatched = true;
    ex->server->handler.on_request(ex->server->handler.ctx, &ex->req);
}

/* A connection asks for one host again and again: the bytes that were good last time are good. */
static int check_host(struct exchange *ex, struct str in, struct str *ret, struct err *e)
{
    struct conn *c = ex->conn;
    if (in.n == c->n_host && in.n > 0 && memcmp(in.p, c->host, in.n) == 0) {
        *ret = in;
        return 0;
    }
    if (url_check_authority(ex->req.arena, in, ret, e) < 0)
        return -1;
    if (ret->n <= sizeof(c->host)) {
        memcpy(c->host, ret->p, ret->n);
        c->n_host = ret->n;
    }
    return 0;
}

/* Reads what the target says; the authority of an absolute target replaces the Host header
 * (RFC 9112 3.2.2). */
static int read_target(struct exchange *ex, struct err *e)
{
    struct request *q = &ex->req;
    struct str authority, host = STR_NONE;
    struct str from_header = q->header[HEADER_HOST];
    if (from_header.p && check_host(ex, from_header, &host, e) < 0)
        return -1;
    if (ex->authority.p) {
        struct str pseudo;
        if (check_host(ex, ex->authority, &pseudo, e) < 0)
            return -1;
        if (host.p && !str_eq(host, pseudo))
            return err_set(e, ERR_INVALID, ":authority and Host name different hosts");
        host = pseudo;
    }
    if (url_parse_target(q->arena, q->target, &authority, &q->path, &q->query, e) < 0)
        return -1;
    q->host = authority.p ? authority : host;
    if (q->host.n == 0 && q->version != HTTP_1_0)
        return err_set(e, ERR_INVALID, "the request names no host");
    return 0;
}

void exchange_dispatch(struct exchange *ex)
{
    struct err *e = &ex->server->err;
    if (ex->bad_head) {
        exchange_refuse(ex, ex->head_status, "the request head is malformed or too large");
        return;
    }
    if (!ex->method_known) {
        ex->allow = true;
        exchange_refuse(ex, 405, METHODS_TEXT);
        return;
    }
    if (read_target(ex, e) < 0) {
        exchange_refuse(ex, 400, e->text);
        return;
    }
    dispatch_checked(ex);
}

static struct answer *plain_error(unsigned status, const char *text)
{
    char line[ERR_TEXT_MAX + 2];
    size_t n = strnlen(text, ERR_TEXT_MAX);
    memcpy(line, text, n);
    line[n++] = '\n';
    struct answer_spec spec = {
        .status = status,
        .content_type = STR("text/plain; charset=utf-8"),
        .body = { line, n },
    };
    return answer_new(&spec);
}

/* An answer of our own; the connection does not outlive it in HTTP/1.1. */
void exchange_refuse(struct exchange *ex, unsigned status, const char *text)
{
    struct http_server *s = ex->server;
    struct answer *a = NULL;
    ex->dispatched = true;
    ex->close_after = true;
    if (s->handler.make_error)
        a = s->handler.make_error(s->handler.ctx, &ex->req, status, text);
    if (!a)
        a = plain_error(status, text);
    request_reply(&ex->req, a);
    answer_unref(a);
}

void rate_start(struct rate *r, int64_t now)
{
    *r = (struct rate){ .since_ms = now };
}

bool rate_too_slow(struct rate *r, int64_t now, const struct http_limits *l)
{
    if (r->since_ms == 0 || now - r->since_ms < l->stall_window_ms)
        return false;
    bool slow = r->bytes < l->stall_min_rate * (uint64_t)l->stall_window_ms / 1000;
    r->since_ms = now;
    r->bytes = 0;
    return slow;
}
