/* Requests out of frames. nghttp2 checks the frames and the message rules of RFC 9113 8 (pseudo
 * headers, upper case, connection fields, the sum of DATA against content-length); here the fields
 * that matter are kept, and sizes bounded. */
#include "http/h2.h"
#include "http/header.h"

#include "base/mem.h"
#include "base/num.h"

#include <string.h>

#define HEAD_STOP 4       /* times head_max, which is answered 431: more is an attack */
#define FIELD_OVERHEAD 32 /* RFC 9113 6.5.2 */

static struct exchange *exchange_at(nghttp2_session *session, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(session, stream_id);
}

static bool is_request(const nghttp2_frame *frame)
{
    return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct h2 *h2 = user_data;
    struct conn *c = h2->c;
    h2->head = NULL;
    if (!is_request(frame))
        return 0;
    if (c->n_jobs >= c->server->limits.jobs_per_conn) {
        (void)nghttp2_submit_rst_stream(
            session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
        return 0;
    }
    struct exchange *ex = exchange_new(c);
    ex->req.version = HTTP_2;
    ex->req.path = ex->req.target = STR("");
    ex->stream_id = frame->hd.stream_id;
    ex->body = BODY_UNREAD;
    h2->head = ex;
    (void)nghttp2_session_set_stream_user_data(session, ex->stream_id, ex);
    return 0;
}

static void refuse_head(struct exchange *ex, unsigned status)
{
    if (ex->bad_head)
        return;
    ex->bad_head = true;
    ex->head_status = status;
}

static void keep_pseudo(struct exchange *ex, struct str name, struct str value)
{
    struct arena *a = ex->req.arena;
    switch (name.p[1]) { /* nghttp2 lets no other than these four pass */
    case 'p':
        ex->req.target = arena_str(a, value);
        break;
    case 'm':
        ex->method_known = http_method_find(value, &ex->req.method);
        break;
    case 'a':
        ex->authority = arena_str(a, value);
        break;
    default:
        break;
    }
}

static void keep_field(struct exchange *ex, struct str name, struct str value)
{
    struct arena *a = ex->req.arena;
    struct str kept = ex->conn->listener->kept;
    enum http_header h;
    if (name.n == kept.n && str_eq_nocase(name, kept) && ex->req.n_trusted++ == 0)
        ex->req.trusted = arena_str(a, value);
    if (!http_header_find(name, &h))
        return;
    if (!ex->req.header[h].p) {
        ex->req.header[h] = arena_str(a, value);
        return;
    }
    switch (http_header_rule(h)) {
    case HEADER_LIST:
        ex->req.header[h] =
            arena_printf(a, "%" STR_FMT ", %" STR_FMT, STR_ARG(ex->req.header[h]), STR_ARG(value));
        break;
    case HEADER_SINGLE:
        refuse_head(ex, 400);
        break;
    case HEADER_FIRST:
        break;
    }
}

/* NOLINTNEXTLINE(readability-function-size): nghttp2's signature */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
    size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags, void *user_data)
{
    struct h2 *h2 = user_data;
    const struct http_limits *l = &h2->c->server->limits;
    struct exchange *ex = h2->head;
    (void)session;
    (void)frame;
    (void)flags;
    if (!ex)
        return 0; /* trailers are read and dropped, and so are heads of refused streams */
    ex->head_bytes += n_name + n_value + FIELD_OVERHEAD;
    ex->n_fields++;
    if (ex->head_bytes > (size_t)HEAD_STOP * l->head_max) {
        h2_charge(h2, H2_CHARGE_INVALID);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (ex->head_bytes > l->head_max || ex->n_fields > l->headers_max + 4u)
        refuse_head(ex, 431);
    if (ex->bad_head)
        return 0;
    struct str n = { (const char *)name, n_name }, v = { (const char *)value, n_value };
    if (n.n > 0 && n.p[0] == ':')
        keep_pseudo(ex, n, v);
    else
        keep_field(ex, n, v);
    return 0;
}

/* The head is whole: content-length is known to nghttp2 to be a number by now. */
static void head_complete(struct exchange *ex, bool ended)
{
    struct request *q = &ex->req;
    struct str length = q->header[HEADER_CONTENT_LENGTH], expect = q->header[HEADER_EXPECT];
    uint64_t n;
    q->body_len = BODY_LEN_CHUNKED;
    if (ended) {
        q->body_len = 0;
        ex->ended = true;
        ex->body = BODY_NONE;
    } else if (length.p && num_parse_u64(length, &n) && n <= INT64_MAX) {
        q->body_len = (int64_t)n;
    }
    if (expect.p && !str_eq_nocase(expect, STR("100-continue")))
        refuse_head(ex, 417);
    ex->want_continue = expect.p && !ended;
    exchange_dispatch(ex);
}

static void remote_ended(struct exchange *ex)
{
    ex->ended = true;
    if (ex->body == BODY_READING && ex->n_held == 0)
        body_end(ex);
    else if (ex->body == BODY_REFUSED)
        ex->body = BODY_NONE;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct h2 *h2 = user_data;
    bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct exchange *ex = TAKE(h2->head);
    if (ex && is_request(frame)) {
        head_complete(ex, ends);
        return 0;
    }
    ex = exchange_at(session, frame->hd.stream_id);
    if (ex && ends)
        remote_ended(ex);
    return 0;
}

static int on_invalid_frame(
    nghttp2_session *session, const nghttp2_frame *frame, int error, void *user_data)
{
    (void)session;
    (void)frame;
    (void)error;
    h2_charge(user_data, H2_CHARGE_INVALID);
    return 0;
}

static void consume(struct h2 *h2, int32_t stream_id, size_t n)
{
    (void)nghttp2_session_consume(h2->session, stream_id, n);
}

/* Nobody has asked for these bytes yet. They stay uncounted in the peer's window, which bounds
 * them. */
static void hold(struct exchange *ex, struct str bytes)
{
    if (ex->n_held + bytes.n > ex->cap_held) {
        ex->cap_held = 2 * (ex->n_held + bytes.n);
        ex->held = mem_realloc(ex->held, ex->cap_held);
    }
    memcpy(ex->held + ex->n_held, bytes.p, bytes.n);
    ex->n_held += bytes.n;
}

/* Of a refused body. curl takes a reset for a failure even when the whole answer came before it, so
 * the client is let send on, within bounds; past them its window stays shut. */
static void drop(struct h2 *h2, struct exchange *ex, size_t n)
{
    ex->dropped += n;
    if (ex->dropped <= DRAIN_BYTES) {
        consume(h2, ex->stream_id, n);
        return;
    }
    (void)nghttp2_session_consume_connection(h2->session, n);
    if (ex->end_sent)
        h2_reset(ex, NGHTTP2_NO_ERROR);
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id,
    const uint8_t *data, size_t n, void *user_data)
{
    struct h2 *h2 = user_data;
    struct exchange *ex = exchange_at(session, stream_id);
    (void)flags;
    if (!ex || ex->body == BODY_NONE) {
        consume(h2, stream_id, n);
        return 0;
    }
    if (ex->body == BODY_REFUSED) {
        drop(h2, ex, n);
        return 0;
    }
    struct str bytes = { (const char *)data, n };
    if (ex->body != BODY_READING || ex->n_held > 0) {
        hold(ex, bytes);
        return 0;
    }
    body_data(ex, bytes);
    consume(h2, stream_id, n);
    return 0;
}

/* Hands out what was held, in pieces: the sink may pause in between. */
void h2_body_pump(struct exchange *ex)
{
    struct h2 *h2 = ex->conn->h2;
    size_t done = 0;
    while (done < ex->n_held && ex->body == BODY_READING) {
        size_t n = ex->n_held - done < FILE_PIECE ? ex->n_held - done : FILE_PIECE;
        body_data(ex, (struct str){ ex->held + done, n });
        done += n;
        if (ex->held)
            consume(h2, ex->stream_id, n);
        else
            return; /* refused meanwhile: all was let go of */
    }
    if (done > 0) {
        memmove(ex->held, ex->held + done, ex->n_held - done);
        ex->n_held -= done;
    }
    if (ex->n_held == 0)
        free(TAKE(ex->held));
    ex->cap_held = ex->held ? ex->cap_held : 0;
    if (ex->n_held == 0 && ex->ended && ex->body == BODY_READING)
        body_end(ex);
}

void h2_body_dropped(struct exchange *ex)
{
    if (ex->held)
        consume(ex->conn->h2, ex->stream_id, ex->n_held);
    free(TAKE(ex->held));
    ex->n_held = ex->cap_held = 0;
    if (ex->ended)
        ex->body = BODY_NONE;
}

void h2_in_callbacks(nghttp2_session_callbacks *cb)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
}
