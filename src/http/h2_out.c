/* Answers into frames. Bodies in memory are copied once, straight behind their frame header in the
 * buffer that one write sends; what nghttp2 frames itself passes through h2_flush. */
#include "http/h2.h"

#include "base/num.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define NV_MAX 64

/* Takes a finished exchange off its connection's list: on_done is due once the bytes are sent. */
static void finish(struct h2 *h2, struct exchange *ex)
{
    if (ex->end_sent)
        h2_earn(h2, ex->body_sent);
    else if (ex->body_sent == 0)
        ex->status = 0; /* what never left is no answer */
    conn_remove(h2->c, ex);
    ex->next = h2->finished;
    h2->finished = ex;
    h2->c->idle_since_ms = loop_now_ms(h2->c->server->loop);
}

static void count_sent(struct exchange *ex, size_t n)
{
    ex->body_sent += n;
    ex->conn->sending.bytes += n;
    ex->progress_ms = loop_now_ms(ex->server->loop);
}

/* NOLINTNEXTLINE(readability-function-size): nghttp2's signature */
static ssize_t read_body(nghttp2_session *session, int32_t stream_id, uint8_t *out, size_t n,
    uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    struct exchange *ex = source->ptr;
    uint64_t left = ex->body_n - ex->body_sent;
    (void)session;
    (void)stream_id;
    if (!((const struct h2 *)user_data)->heard && n > FIRST_FRAME)
        n = FIRST_FRAME;
    if (n > left)
        n = (size_t)left;
    if (ex->file.fd >= 0) {
        ssize_t got = file_body_read(ex, (char *)out, n);
        if (got == 0)
            return NGHTTP2_ERR_DEFERRED;
        if (got < 0)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        n = (size_t)got;
        ex->file.at += n;
        count_sent(ex, n);
    } else {
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    }
    if (n == left)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

/* When the whole answer is on its way and the peer still sends its body, the stream stays open for
 * a while (see drop in h2_in.c). */
static void note_end(struct h2 *h2, struct exchange *ex)
{
    ex->end_sent = true;
    ex->drain_until_ms = loop_now_ms(h2->c->server->loop) + DRAIN_MS;
    h2->ended = ex->stream_id;
}

static int send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t n,
    nghttp2_data_source *source, void *user_data)
{
    struct h2 *h2 = user_data;
    struct exchange *ex = source->ptr;
    (void)session;
    /* One call of nghttp2 may frame the data of many streams: stop when the gather is full. */
    if (h2_gather_is_full(h2))
        return NGHTTP2_ERR_WOULDBLOCK;
    assert(frame->data.padlen == 0);
    h2_gather_data(h2, head, (struct str){ ex->answer->body.p + ex->body_sent, n });
    count_sent(ex, n);
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        note_end(h2, ex);
    return 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct h2 *h2 = user_data;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && frame->hd.stream_id != h2->ended) {
            struct exchange *ex =
                nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
            if (ex)
                note_end(h2, ex);
        }
        break;
    case NGHTTP2_RST_STREAM:
        h2->cut[h2->n_cut++ % H2_CUT] = frame->hd.stream_id;
        h2_charge(h2, H2_CHARGE_RESET);
        break;
    default:
        break;
    }
    return 0;
}

static int on_stream_close(
    nghttp2_session *session, int32_t stream_id, uint32_t error_code, void *user_data)
{
    struct h2 *h2 = user_data;
    struct exchange *ex = nghttp2_session_get_stream_user_data(session, stream_id);
    (void)error_code;
    if (!ex)
        return 0;
    if (h2->head == ex)
        h2->head = NULL;
    if (ex->replied)
        finish(h2, ex); /* frames gathered just now may point to its answer */
    else
        exchange_stream_gone(ex);
    return 0;
}

/* The numbers that a file's answer adds, in the request's arena. */
static size_t add_file_fields(struct exchange *ex, nghttp2_nv *nv, size_t n)
{
    struct arena *a = ex->req.arena;
    const struct file_body *f = &ex->file;
    nv[n++] = ANSWER_NV(STR("content-length"),
        arena_printf(a, "%llu", (unsigned long long)(f->end - f->at)), NGHTTP2_NV_FLAG_NO_INDEX);
    if (ex->status == 206)
        nv[n++] = ANSWER_NV(STR("content-range"),
            arena_printf(a, "bytes %llu-%llu/%llu", (unsigned long long)f->at,
                (unsigned long long)f->end - 1, (unsigned long long)f->size),
            NGHTTP2_NV_FLAG_NO_INDEX);
    else if (ex->status == 416)
        nv[n++] = ANSWER_NV(STR("content-range"),
            arena_printf(a, "bytes */%llu", (unsigned long long)f->size), NGHTTP2_NV_FLAG_NO_INDEX);
    return n;
}

void h2_reply(struct exchange *ex)
{
    struct h2 *h2 = ex->conn->h2;
    const struct answer *a = ex->answer;
    const struct answer_form *form = ex->status == 304 ? &a->not_modified : &a->full;
    nghttp2_nv *nv = form->nv, copy[NV_MAX];
    size_t n = form->n_nv;
    if (ex->status != 304 && ex->status != a->status) {
        assert(n + ANSWER_NV_EXTRA <= NV_MAX);
        memcpy(copy, nv, n * sizeof(*nv));
        nv = copy;
        nv[0] = ANSWER_NV(STR(":status"), arena_printf(ex->req.arena, "%u", ex->status), 0);
    }
    if (a->has_file && ex->status != 304)
        n = add_file_fields(ex, nv, n);
    if (ex->allow)
        nv[n++] = ANSWER_NV(STR("allow"), STR("GET, HEAD, PUT, POST, DELETE, PATCH, OPTIONS"), 0);
    nv[n++] = ANSWER_NV(
        STR("date"), ((struct str){ loop_http_date(h2->c->server->loop), CLOCK_HTTP_LEN }), 0);
    nghttp2_data_provider body = { .source.ptr = ex, .read_callback = read_body };
    if (nghttp2_submit_response(h2->session, ex->stream_id, nv, n, ex->body_n > 0 ? &body : NULL) !=
        0)
        h2_reset(ex, NGHTTP2_INTERNAL_ERROR);
}

void h2_continue(struct exchange *ex)
{
    const nghttp2_nv status = ANSWER_NV(STR(":status"), STR("100"), 0);
    (void)nghttp2_submit_headers(
        ex->conn->h2->session, NGHTTP2_FLAG_NONE, ex->stream_id, NULL, &status, 1, NULL);
}

void h2_file_ready(struct exchange *ex)
{
    (void)nghttp2_session_resume_data(ex->conn->h2->session, ex->stream_id);
}

void h2_reset(struct exchange *ex, uint32_t code)
{
    (void)nghttp2_submit_rst_stream(ex->conn->h2->session, NGHTTP2_FLAG_NONE, ex->stream_id, code);
}

void h2_out_callbacks(nghttp2_session_callbacks *cb)
{
    nghttp2_session_callbacks_set_send_data_callback(cb, send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
}
