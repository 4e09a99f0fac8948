/* HTTP/1.1 on a connection. Requests are taken one after the other: the next head is read once the
 * reply of the one before is there, so order needs no bookkeeping, and answers that are ready go
 * out together in one write.
 *
 * A refused body is the delicate case (cargo 1.97 sends without waiting for 100 Continue): the
 * answer goes out with Connection: close, our side is shut, and what still comes is swallowed
 * within bounds, for a reset would destroy the answer on its way (RFC 9112 9.6). */
#include "http/conn.h"
#include "http/header.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define IOV_MAX_SENT 64

static struct h1_limits head_limits(const struct conn *c)
{
    const struct http_limits *l = &c->server->limits;
    return (struct h1_limits){ l->line_max, l->head_max, l->headers_max, c->listener->kept };
}

/* Answers something that never became a request. */
void h1_refuse_head(struct conn *c, unsigned status, const char *text)
{
    struct exchange *ex = exchange_new(c);
    ex->req.version = HTTP_1_1;
    ex->req.target = ex->req.path = STR("");
    c->closing = true;
    exchange_refuse(ex, status, text);
}

static void fill_request(struct exchange *ex, const struct h1_head *head)
{
    struct request *q = &ex->req;
    q->method = head->method;
    q->version = head->version;
    q->target = head->target;
    q->path = STR("");
    q->body_len = head->body_len;
    q->trusted = head->trusted;
    q->n_trusted = head->n_trusted;
    memcpy(q->header, head->header, sizeof(q->header));
    ex->method_known = head->method_known;
    ex->want_continue = head->expect_continue;
    ex->close_after = !head->keep_alive;
}

static void begin_body(struct conn *c, struct exchange *ex, const struct h1_head *head)
{
    if (head->body_len == 0)
        return;
    ex->body = BODY_UNREAD;
    c->reading = ex;
    c->body_left = head->body_len > 0 ? (uint64_t)head->body_len : 0;
    c->chunks = (struct h1_chunks){ 0 };
}

/* Takes one head from in; false when more bytes are needed. */
static bool take_head(struct conn *c, struct str *in)
{
    struct h1_limits limits = head_limits(c);
    struct err *e = &c->server->err;
    struct h1_head head;
    unsigned status;
    size_t size;
    if (!c->had_request && in->p[0] == 0x16) { /* a TLS greeting: it could not read an answer */
        c->dead = true;
        return false;
    }
    int r = h1_find_head(&limits, *in, &c->scanned, &size, &status, e);
    if (r < 0)
        h1_refuse_head(c, status, e->text);
    if (r <= 0)
        return false;
    struct exchange *ex = exchange_new(c);
    struct str copy = arena_str(ex->req.arena, str_from_to(*in, 0, size));
    *in = str_skip(*in, size);
    c->scanned = 0;
    c->head_since_ms = 0;
    c->had_request = true;
    size_t all_but_end = size - 2;
    r = h1_parse_head(ex->req.arena, &limits, copy, &all_but_end, &head, &status, e);
    if (r != 1) {
        ex->req.version = HTTP_1_1;
        ex->req.target = ex->req.path = STR("");
        c->dead = r < 0 && status == 0;
        if (c->dead)
            return false;
        exchange_refuse(ex, r < 0 ? status : 400, r < 0 ? e->text : "the request is malformed");
        return false;
    }
    fill_request(ex, &head);
    begin_body(c, ex, &head);
    if (head.upgrade_h2c && head.body_len == 0 && ex->method_known && c->first == ex &&
        !c->server->draining && h2_upgrade(c, ex, ex->req.header[HEADER_HTTP2_SETTINGS]) == 0) {
        exchange_dispatch(ex);
        return false;
    }
    exchange_dispatch(ex);
    return true;
}

/* Hands body bytes to the sink; false when no more can be taken now. */
static bool take_body(struct conn *c, struct str *in)
{
    struct exchange *ex = c->reading;
    struct str bytes;
    if (ex->body != BODY_READING)
        return false;
    if (!body_length_fits(ex))
        return false;
    ex->want_continue = false;
    if (ex->req.body_len > 0) {
        bytes = str_from_to(*in, 0, c->body_left < in->n ? (size_t)c->body_left : in->n);
        *in = str_skip(*in, bytes.n);
        c->body_left -= bytes.n;
        body_data(ex, bytes);
        if (ex->body != BODY_READING || c->body_left > 0)
            return false;
        c->reading = NULL;
        body_end(ex);
        return true;
    }
    switch (h1_chunks_next(&c->chunks, in, &bytes, &c->server->err)) {
    case 1:
        body_data(ex, bytes);
        return ex->body == BODY_READING;
    case 2:
        c->reading = NULL;
        body_end(ex);
        return true;
    case 0:
        return false;
    default:
        body_abort(ex, ERR_INVALID, c->server->err.text);
        return false;
    }
}

/* A pause that came with the last bytes of a body: the end is owed once it is over. */
static bool end_is_due(const struct conn *c)
{
    return c->reading && c->reading->body == BODY_READING && c->reading->req.body_len > 0 &&
           c->body_left == 0;
}

static bool may_take_head(const struct conn *c)
{
    if (c->closing || c->n_exchanges >= H1_QUEUE_MAX)
        return false;
    /* A file holds a descriptor until it is sent: one at a time. */
    return !c->last || (c->last->replied && !c->last->close_after && c->last->file.fd < 0);
}

void h1_input(struct conn *c, struct str *in)
{
    if (end_is_due(c)) {
        struct exchange *ex = c->reading;
        c->reading = NULL;
        body_end(ex);
    }
    while (in->n > 0 && !c->dead && c->proto == PROTO_H1) {
        bool more = c->reading ? take_body(c, in) : may_take_head(c) && take_head(c, in);
        if (!more)
            return;
    }
}

bool h1_wants_input(const struct conn *c)
{
    if (c->eof)
        return false;
    return c->reading ? c->reading->body == BODY_READING : may_take_head(c);
}

/* The peer has sent all it will. What it asked for whole is still answered. */
void h1_eof(struct conn *c)
{
    if (c->reading)
        body_abort(c->reading, ERR_INVALID, "the body ended before its announced length");
    if (!c->first)
        c->dead = true;
    c->closing = true;
}

static void add_tail(struct exchange *ex, const char *text, size_t n)
{
    if (n > sizeof(ex->tail) - ex->n_tail)
        n = sizeof(ex->tail) - ex->n_tail; /* cannot be: the pieces are ours and bounded */
    memcpy(ex->tail + ex->n_tail, text, n);
    ex->n_tail += n;
}

#define ADD_TAIL(ex, literal) add_tail((ex), "" literal, sizeof(literal) - 1)

static void add_file_fields(struct exchange *ex)
{
    char line[160];
    const struct file_body *f = &ex->file;
    int n = snprintf(
        line, sizeof(line), "content-length: %llu\r\n", (unsigned long long)(f->end - f->at));
    add_tail(ex, line, (size_t)n);
    if (ex->status == 206)
        n = snprintf(line, sizeof(line), "content-range: bytes %llu-%llu/%llu\r\n",
            (unsigned long long)f->at, (unsigned long long)f->end - 1, (unsigned long long)f->size);
    else if (ex->status == 416)
        n = snprintf(
            line, sizeof(line), "content-range: bytes */%llu\r\n", (unsigned long long)f->size);
    else
        return;
    add_tail(ex, line, (size_t)n);
}

/* The full form under another status line: 206 and 416 of a file's answer. */
static struct str restatus(struct exchange *ex, struct str h1)
{
    struct str fields = str_skip(h1, str_find(h1, '\n') + 1);
    return arena_printf(ex->req.arena, "HTTP/1.1 %u %s\r\n%" STR_FMT, ex->status,
        answer_reason(ex->status), STR_ARG(fields));
}

void h1_reply(struct exchange *ex)
{
    struct conn *c = ex->conn;
    const struct answer *a = ex->answer;
    if (ex->status == 304)
        ex->head = a->not_modified.h1;
    else
        ex->head = ex->status == a->status ? a->full.h1 : restatus(ex, a->full.h1);
    if (c->closing || c->eof || c->server->draining)
        ex->close_after = true;
    if (a->has_file && ex->status != 304)
        add_file_fields(ex);
    if (ex->allow)
        ADD_TAIL(ex, "allow: GET, HEAD, PUT, POST, DELETE, PATCH, OPTIONS\r\n");
    ADD_TAIL(ex, "date: ");
    add_tail(ex, loop_http_date(c->server->loop), CLOCK_HTTP_LEN);
    if (ex->close_after)
        ADD_TAIL(ex, "\r\nconnection: close\r\n\r\n");
    else if (ex->req.version == HTTP_1_0)
        ADD_TAIL(ex, "\r\nconnection: keep-alive\r\n\r\n");
    else
        ADD_TAIL(ex, "\r\n\r\n");
    /* Either the 100 is out already, or the final status stands for it. */
    if (ex->prefix_sent == 0)
        ex->prefix = STR_NONE;
}

struct pieces {
    struct iovec iov[IOV_MAX_SENT];
    size_t n, bytes;
    bool file_waits; /* for a worker */
};

static void add_piece(struct pieces *out, struct str s, size_t skip)
{
    if (skip >= s.n)
        return;
    out->iov[out->n++] = (struct iovec){ (char *)(uintptr_t)s.p + skip, s.n - skip };
    out->bytes += s.n - skip;
}

/* Adds what ex has to send; false when nothing may follow it. */
static bool add_exchange(struct conn *c, struct exchange *ex, struct pieces *out)
{
    add_piece(out, ex->prefix, ex->prefix_sent);
    if (!ex->replied)
        return false;
    add_piece(out, ex->head, ex->head_sent);
    add_piece(out, (struct str){ ex->tail, ex->n_tail },
        ex->head_sent > ex->head.n ? ex->head_sent - ex->head.n : 0);
    if (ex->body_n == ex->body_sent)
        return true;
    if (ex->file.fd < 0) {
        add_piece(out, ex->answer->body, (size_t)ex->body_sent);
        return true;
    }
    ssize_t n = file_body_read(ex, c->server->out, FILE_PIECE);
    if (n < 0)
        c->dead = true;
    else if (n == 0)
        out->file_waits = true;
    else
        add_piece(out, (struct str){ c->server->out, (size_t)n }, 0);
    return false;
}

static size_t take_upto(size_t *n, uint64_t most)
{
    size_t part = *n < most ? *n : (size_t)most;
    *n -= part;
    return part;
}

/* Counts n sent bytes to the exchanges in front; those that are whole are done. */
static void count_sent(struct conn *c, size_t n)
{
    while (c->first) {
        struct exchange *ex = c->first;
        ex->prefix_sent += take_upto(&n, ex->prefix.n - ex->prefix_sent);
        if (!ex->replied)
            return;
        ex->head_sent += take_upto(&n, ex->head.n + ex->n_tail - ex->head_sent);
        size_t body = take_upto(&n, ex->body_n - ex->body_sent);
        ex->body_sent += body;
        ex->file.at += body;
        if (ex->head_sent < ex->head.n + ex->n_tail || ex->body_sent < ex->body_n)
            return;
        if (ex->close_after)
            c->closing = true;
        exchange_done(ex);
    }
}

bool h1_flush(struct conn *c)
{
    for (size_t total = 0; c->first && !c->dead;) {
        struct pieces out;
        out.n = out.bytes = 0;
        out.file_waits = false;
        for (struct exchange *ex = c->first; ex && out.n + 5 <= IOV_MAX_SENT; ex = ex->next)
            if (!add_exchange(c, ex, &out))
                break;
        if (out.n == 0 || c->dead)
            return false;
        size_t n = conn_write(c, out.iov, out.n);
        count_sent(c, n);
        total += n;
        if (n < out.bytes || (total >= TURN_BYTES && c->first))
            return !c->dead;
        if (out.file_waits)
            return false;
    }
    return false;
}
