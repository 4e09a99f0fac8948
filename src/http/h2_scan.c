/* Every frame's head, before nghttp2 sees its payload. nghttp2 passes in silence over what it has
 * no use for (PRIORITY, unknown types, frames on streams that are over), so its callbacks alone
 * cannot count what a peer makes us read, nor refuse what RFC 9113 5.1 says to refuse. */
#include "http/h2.h"

static int feed(struct h2 *h2, struct str in)
{
    if (in.n == 0)
        return 0;
    ssize_t n = nghttp2_session_mem_recv(h2->session, (const uint8_t *)in.p, in.n);
    return n < 0 ? (int)n : 0;
}

/* The stream is over, and not because we cut it (then frames may still be on their way). */
static bool is_over(const struct h2 *h2, int32_t stream)
{
    if (stream > h2->last_stream || stream % 2 == 0)
        return false;
    if (nghttp2_session_find_stream(h2->session, stream))
        return false;
    for (size_t i = 0; i < H2_CUT; i++)
        if (h2->cut[i] == stream)
            return false;
    return true;
}

static void charge(struct h2 *h2, uint8_t type, uint8_t flags, size_t length)
{
    switch (type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
        break;
    case NGHTTP2_DATA:
        if (length == 0 && !(flags & NGHTTP2_FLAG_END_STREAM))
            h2_charge(h2, H2_CHARGE_EMPTY);
        else if (flags & NGHTTP2_FLAG_PADDED) /* it may be nothing but padding */
            h2_charge(h2, H2_CHARGE_MINOR);
        break;
    case NGHTTP2_RST_STREAM:
        h2_charge(h2, H2_CHARGE_RESET);
        break;
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
        h2_charge(h2, H2_CHARGE_CONTROL);
        break;
    default:
        h2_charge(h2, H2_CHARGE_MINOR);
        break;
    }
}

static int32_t stream_id(const uint8_t *p)
{
    return (int32_t)(((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]) &
                     0x7fffffff);
}

/* Looks at the head in p; `before` is the input that comes before it and was not fed yet, `after`
 * what is there of its payload. */
static int look(struct h2 *h2, const uint8_t *p, struct str *before, struct str after)
{
    size_t length = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
    int32_t stream = stream_id(p + 5);
    uint8_t type = p[3];
    h2->frame_left = length;
    charge(h2, type, p[4], length);
    if (type == NGHTTP2_PRIORITY &&
        (stream == 0 || (after.n >= 4 && stream_id((const uint8_t *)after.p) == stream)))
        h2_goaway(h2->c, NGHTTP2_PROTOCOL_ERROR);
    if (type == NGHTTP2_HEADERS && stream > h2->last_stream) {
        h2->last_stream = stream;
        return 0;
    }
    if (type != NGHTTP2_DATA && type != NGHTTP2_HEADERS)
        return 0;
    /* Whether the stream lives depends on the frames before this one. */
    int r = feed(h2, *before);
    *before = STR_NONE;
    if (r == 0 && is_over(h2, stream))
        h2_goaway(h2->c, NGHTTP2_STREAM_CLOSED);
    return r;
}

int h2_scan(struct h2 *h2, struct str in)
{
    size_t fed = 0, at = 0;
    while (at < in.n) {
        if (h2->frame_left > 0) {
            size_t n = h2->frame_left < in.n - at ? h2->frame_left : in.n - at;
            at += n;
            h2->frame_left -= n;
            continue;
        }
        h2->frame_head[h2->n_frame_head++] = (uint8_t)in.p[at++];
        if (h2->n_frame_head < H2_FRAME_HEAD)
            continue;
        h2->n_frame_head = 0;
        size_t head_at = at > H2_FRAME_HEAD ? at - H2_FRAME_HEAD : 0;
        struct str before = str_from_to(in, fed, head_at > fed ? head_at : fed);
        int r = look(h2, h2->frame_head, &before, str_skip(in, at));
        if (r < 0)
            return r;
        if (!before.p)
            fed = head_at > fed ? head_at : fed;
    }
    return feed(h2, str_skip(in, fed));
}
