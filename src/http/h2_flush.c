/* The one write of a turn: frames that are due, gathered. Frames of nghttp2 and short bodies are
 * copied one behind the other; longer bodies of answers in memory go to the kernel from where they
 * are. What the socket does not take is copied, so nothing outlives the flush by reference. */
#include "http/h2.h"

#include "base/mem.h"

#include <string.h>

#define FRAME_ROOM (16384 + 65536)
#define COPY_MAX 2048 /* bodies up to here are copied */

void h2_finished_done(struct h2 *h2)
{
    while (h2->finished) {
        struct exchange *ex = h2->finished;
        h2->finished = ex->next;
        ex->next = NULL;
        exchange_done(ex);
    }
}

static size_t out_limit(const struct h2 *h2)
{
    return h2->heard ? OUT_MAX : FIRST_FLIGHT;
}

bool h2_gather_is_full(const struct h2 *h2)
{
    const struct gather *g = &h2->c->server->gather;
    return g->total >= out_limit(h2) || g->n_iov + 3 > OUT_PIECES;
}

static void end_segment(struct gather *g, const char *out)
{
    if (g->n_out == g->segment_at)
        return;
    g->iov[g->n_iov++] =
        (struct iovec){ (char *)(uintptr_t)out + g->segment_at, g->n_out - g->segment_at };
    g->segment_at = g->n_out;
}

static void add_copy(struct http_server *s, const void *p, size_t n)
{
    struct gather *g = &s->gather;
    memcpy(s->out + g->n_out, p, n);
    g->n_out += n;
    g->total += n;
}

void h2_gather_data(struct h2 *h2, const uint8_t *head, struct str body)
{
    struct http_server *s = h2->c->server;
    struct gather *g = &s->gather;
    add_copy(s, head, H2_FRAME_HEAD);
    if (body.n <= COPY_MAX) {
        add_copy(s, body.p, body.n);
        return;
    }
    end_segment(g, s->out);
    g->iov[g->n_iov++] = (struct iovec){ (char *)(uintptr_t)body.p, body.n };
    g->total += body.n;
}

/* Fills the server's gather with what is left of before and the frames that are due. */
static void gather(struct conn *c)
{
    struct http_server *s = c->server;
    struct gather *g = &s->gather;
    g->n_out = g->segment_at = g->total = g->n_iov = 0;
    if (c->n_out > 0)
        add_copy(s, c->out + c->out_at, c->n_out);
    free(TAKE(c->out));
    c->n_out = c->out_at = 0;
    while (!h2_gather_is_full(c->h2)) {
        const uint8_t *frame;
        ssize_t n = nghttp2_session_mem_send(c->h2->session, &frame);
        if (n < 0 || n > FRAME_ROOM)
            c->dead = true;
        if (n <= 0 || c->dead)
            break;
        add_copy(s, frame, (size_t)n);
    }
    end_segment(g, s->out);
}

/* Sends what an earlier write left; false while it does not fit. */
static bool send_rest(struct conn *c)
{
    struct iovec iov = { c->out + c->out_at, c->n_out };
    size_t sent = conn_write(c, &iov, 1);
    c->out_at += sent;
    c->n_out -= sent;
    if (c->n_out == 0)
        free(TAKE(c->out));
    return c->n_out == 0;
}

static void keep_rest(struct conn *c, const struct gather *g, size_t sent)
{
    c->out = mem_alloc(g->total - sent);
    c->n_out = c->out_at = 0;
    for (size_t i = 0; i < g->n_iov; i++) {
        size_t skip = sent < g->iov[i].iov_len ? sent : g->iov[i].iov_len;
        size_t n = g->iov[i].iov_len - skip;
        sent -= skip;
        memcpy(c->out + c->n_out, (const char *)g->iov[i].iov_base + skip, n);
        c->n_out += n;
    }
}

static void end_if_over(struct conn *c)
{
    nghttp2_session *s = c->h2->session;
    if (!nghttp2_session_want_read(s) && !nghttp2_session_want_write(s))
        conn_begin_linger(c);
}

bool h2_flush(struct conn *c)
{
    struct h2 *h2 = c->h2;
    struct gather *g = &c->server->gather;
    size_t total = 0;
    bool more = true;
    if (c->n_out > OUT_MAX / 2 && !send_rest(c))
        return !c->dead;
    while (more && !c->dead && total < TURN_BYTES) {
        gather(c);
        if (g->total == 0 || c->dead)
            break;
        more = h2->heard && h2_gather_is_full(h2);
        size_t sent = conn_write(c, g->iov, g->n_iov);
        total += sent;
        if (sent < g->total) {
            keep_rest(c, g, sent);
            return !c->dead;
        }
        h2_finished_done(h2);
    }
    if (c->dead)
        return false;
    h2_finished_done(h2);
    end_if_over(c);
    return !c->dead && c->proto == PROTO_H2 && total >= TURN_BYTES &&
           nghttp2_session_want_write(h2->session);
}
