#include "support/h2_client.h"

#include "base/mem.h"
#include "base/num.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

void client_frame(
    struct client *c, uint8_t type, uint8_t flags, uint32_t stream, struct str payload)
{
    char head[9] = { (char)(payload.n >> 16), (char)(payload.n >> 8), (char)payload.n, (char)type,
        (char)flags, (char)(stream >> 24), (char)(stream >> 16), (char)(stream >> 8),
        (char)stream };
    if (rig_try_send(c->fd, (struct str){ head, 9 }))
        (void)rig_try_send(c->fd, payload);
}

struct client *client_on(int fd)
{
    struct client *c = MEM_NEW(struct client);
    c->fd = fd;
    c->window = 65535;
    assert_int_equal(nghttp2_hd_deflate_new(&c->deflater, 4096), 0);
    assert_int_equal(nghttp2_hd_inflate_new(&c->inflater), 0);
    return c;
}

struct client *client_new(const struct rig *r)
{
    struct client *c = client_on(rig_connect(r));
    rig_send(c->fd, STR(PREFACE));
    client_frame(c, NGHTTP2_SETTINGS, 0, 0, STR(""));
    return c;
}

void client_free(struct client *c)
{
    nghttp2_hd_deflate_del(c->deflater);
    nghttp2_hd_inflate_del(c->inflater);
    close(c->fd);
    free(c);
}

void client_request(struct client *c, uint32_t stream, uint8_t flags, const char *method,
    const char *path, const nghttp2_nv *more)
{
    nghttp2_nv nv[7] = { NV(":method", method), NV(":path", path), NV(":scheme", "http"),
        NV(":authority", "a") };
    size_t n = 4;
    for (; more && more->name; more++)
        nv[n++] = *more;
    uint8_t block[32768];
    ssize_t size = nghttp2_hd_deflate_hd(c->deflater, block, sizeof(block), nv, n);
    assert_true(size > 0);
    struct str rest = { (const char *)block, (size_t)size };
    client_frame(c, NGHTTP2_HEADERS, flags | (rest.n <= 16384 ? END_HEADERS : 0), stream,
        str_from_to(rest, 0, 16384));
    if (rest.n > 16384)
        client_frame(c, NGHTTP2_CONTINUATION, END_HEADERS, stream, str_skip(rest, 16384));
}

void client_get(struct client *c, uint32_t stream, const char *path)
{
    client_request(c, stream, END_STREAM, "GET", path, NULL);
}

static uint32_t be32(const char *p)
{
    const uint8_t *b = (const uint8_t *)p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void take_headers(struct client *c, uint32_t stream, struct str block)
{
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t n =
            nghttp2_hd_inflate_hd2(c->inflater, &nv, &flags, (const uint8_t *)block.p, block.n, 1);
        assert_true(n >= 0);
        block = str_skip(block, (size_t)n);
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) && nv.namelen == 7 &&
            memcmp(nv.name, ":status", 7) == 0 && stream < LEN(c->status))
            assert_true(num_parse_u32(
                (struct str){ (const char *)nv.value, nv.valuelen }, &c->status[stream]));
        if (flags & NGHTTP2_HD_INFLATE_FINAL)
            break;
        if (n == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT))
            break;
    }
    (void)nghttp2_hd_inflate_end_headers(c->inflater);
}

static void take_frame(struct client *c, uint8_t type, uint8_t flags, uint32_t stream, struct str p)
{
    c->n_frames[type]++;
    if ((type == NGHTTP2_HEADERS || type == NGHTTP2_DATA) && (flags & END_STREAM))
        c->n_ended++;
    switch (type) {
    case NGHTTP2_HEADERS:
        take_headers(c, stream, p);
        break;
    case NGHTTP2_DATA:
        if (c->n_data < sizeof(c->text)) {
            size_t room = sizeof(c->text) - c->n_data;
            memcpy(c->text + c->n_data, p.p, p.n < room ? p.n : room);
        }
        c->n_data += p.n;
        break;
    case NGHTTP2_SETTINGS:
        if (!(flags & ACK) && !c->mute)
            client_frame(c, NGHTTP2_SETTINGS, ACK, 0, STR(""));
        break;
    case NGHTTP2_RST_STREAM:
        c->n_resets++;
        c->reset_code = be32(p.p);
        break;
    case NGHTTP2_GOAWAY:
        c->n_goaways++;
        c->goaway_code = be32(p.p + 4);
        break;
    case NGHTTP2_WINDOW_UPDATE:
        if (stream == 0)
            c->window += be32(p.p);
        break;
    default:
        break;
    }
}

static bool take_frames(struct client *c)
{
    size_t at = 0;
    while (c->n_in - at >= 9) {
        const char *h = c->in + at;
        size_t n = be32(h) >> 8;
        if (c->n_in - at < 9 + n)
            break;
        take_frame(
            c, (uint8_t)h[3], (uint8_t)h[4], be32(h + 5) & 0x7fffffff, (struct str){ h + 9, n });
        at += 9 + n;
    }
    memmove(c->in, c->in + at, c->n_in - at);
    c->n_in -= at;
    return at > 0;
}

bool client_read(struct client *c, int patience_ms)
{
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    if (c->closed || poll(&p, 1, patience_ms) != 1)
        return false;
    ssize_t n = recv(c->fd, c->in + c->n_in, sizeof(c->in) - c->n_in, 0);
    if (n <= 0) {
        c->closed = true;
        return false;
    }
    c->n_in += (size_t)n;
    (void)take_frames(c);
    return true;
}

void client_until(struct client *c, const unsigned *counter, unsigned at_least)
{
    while (*counter < at_least && client_read(c, 5000))
        ;
    if (*counter < at_least)
        fail_msg("waited in vain; resets %u (%u), goaways %u (%u)", c->n_resets, c->reset_code,
            c->n_goaways, c->goaway_code);
}

void client_until_closed(struct client *c)
{
    while (client_read(c, 5000))
        ;
    assert_true(c->closed);
}
