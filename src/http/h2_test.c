/* HTTP/2 over real sockets, frame by frame. */
#include "base/mem.h"
#include "support/h2_client.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define OFFER                                                                                      \
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: "                      \
    "AAMAAABkAAQAAQAAAAIAAAAA\r\n"

static struct rig *rig;

static int set_up(void **state)
{
    (void)state;
    rig = rig_new(NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_free(rig);
    return 0;
}

static void restart(const struct http_limits *l)
{
    rig_free(rig);
    rig = rig_new(l);
}

static void requests_share_a_connection(void **state)
{
    struct client *c = client_new(rig);
    (void)state;
    for (uint32_t id = 1; id < 200; id += 2)
        client_get(c, id, id % 4 == 1 ? "/hello" : "/none");
    client_until(c, &c->n_ended, 100);
    assert_int_equal(c->status[1], 200);
    assert_int_equal(c->status[3], 404);
    assert_int_equal(c->status[197], 200);
    assert_int_equal(c->n_goaways + c->n_resets, 0);
    client_free(c);
}

static void head_and_304_have_no_data(void **state)
{
    struct client *c = client_new(rig);
    nghttp2_nv match[] = { NV("if-none-match", "\"h\""), { 0 } };
    (void)state;
    client_request(c, 1, END_STREAM, "HEAD", "/hello", NULL);
    client_request(c, 3, END_STREAM, "GET", "/hello", match);
    client_until(c, &c->n_ended, 2);
    assert_int_equal(c->status[1], 200);
    assert_int_equal(c->status[3], 304);
    assert_int_equal(c->n_frames[NGHTTP2_DATA], 0);
    client_free(c);
}

static void nothing(struct rig *r)
{
    (void)r;
}

/* The whole first flight comes without a word from the client after its request, and the request
 * is over with it. */
static void an_upgrade_is_answered_at_once(void **state)
{
    int fd = rig_connect(rig);
    unsigned n_done = rig->n_done;
    (void)state;
    rig_send(fd, STR("GET /hello HTTP/1.1\r\nHost: a\r\n" OFFER "\r\n"));
    char head[4096];
    size_t n = 0;
    while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0)
        assert_int_equal(recv(fd, head + n++, 1, 0), 1);
    head[n] = 0;
    assert_string_equal(head, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                              "Upgrade: h2c\r\n\r\n");
    struct client *c = client_on(fd);
    c->mute = true;
    client_until(c, &c->n_ended, 1);
    assert_int_equal(c->n_frames[NGHTTP2_SETTINGS], 1);
    assert_int_equal(c->n_frames[NGHTTP2_WINDOW_UPDATE], 1);
    assert_int_equal(c->status[1], 200);
    assert_memory_equal(c->text, "hello", 5);
    assert_true(c->window >= 1 << 20);
    rig_call(rig, nothing); /* the loop has ended the turn that sent it */
    assert_int_equal(rig->n_done, n_done + 1);
    rig_send(fd, STR(PREFACE));
    client_frame(c, NGHTTP2_SETTINGS, 0, 0, STR(""));
    client_get(c, 3, "/none");
    client_until(c, &c->n_ended, 2);
    assert_int_equal(c->status[3], 404);
    client_free(c);
}

/* Until the client has spoken HTTP/2, no more than a small buffer holds (curl 7.88). */
static void the_first_flight_of_an_upgrade_is_small(void **state)
{
    int fd = rig_connect(rig);
    (void)state;
    rig_send(fd, STR("GET /big HTTP/1.1\r\nHost: a\r\n" OFFER "\r\n"));
    char in[65536];
    size_t n = 0;
    struct pollfd p = { .fd = fd, .events = POLLIN };
    while (poll(&p, 1, 50) == 1) {
        ssize_t got = recv(fd, in + n, sizeof(in) - n, 0);
        assert_true(got > 0);
        n += (size_t)got;
    }
    assert_true(n > 4096 && n <= 16384);
    close(fd);
}

static void an_offer_that_cannot_be_taken_is_ignored(void **state)
{
    static const struct str rows[] = {
        STR("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\n"
            "Upgrade: h2c\r\nHTTP2-Settings: A*\r\n\r\n"),
        STR("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\n"
            "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAA\r\n\r\n"),
        STR("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\n"
            "Upgrade: h2c\r\nHTTP2-Settings: AAQAAQAA, AAQAAQAA\r\n\r\n"),
        STR("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\n"
            "Upgrade: h2c\r\nHTTP2-Settings: AASAAAAA\r\n\r\n"), /* a window of 2^31 */
        STR("PUT /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n" OFFER
            "\r\nhello"),
    };
    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        char *text = rig_ask(rig, rows[i]);
        if (strncmp(text, "HTTP/1.1 200 OK", 15) != 0 || !strstr(text, i < 4 ? "hello" : "got 5"))
            fail_msg("row %zu: %.300s", i, text);
        free(text);
    }
}

static void an_upload_gets_its_windows(void **state)
{
    static char piece[16384];
    struct client *c = client_new(rig);
    size_t left = 1000000, stream_window;
    (void)state;
    client_request(c, 1, 0, "PUT", "/echo", NULL);
    client_until(c, &c->n_frames[NGHTTP2_SETTINGS], 2);
    stream_window = rig->limits.window;
    while (left > 0) {
        size_t n = left < sizeof(piece) ? left : sizeof(piece);
        unsigned seen = c->n_frames[NGHTTP2_WINDOW_UPDATE];
        if (stream_window < n || c->window < n) {
            client_until(c, &c->n_frames[NGHTTP2_WINDOW_UPDATE], seen + 1);
            stream_window = rig->limits.window / 2; /* at least */
            continue;
        }
        left -= n;
        stream_window -= n;
        c->window -= n;
        client_frame(c, NGHTTP2_DATA, left ? 0 : END_STREAM, 1, (struct str){ piece, n });
    }
    client_until(c, &c->n_ended, 1);
    assert_memory_equal(c->text, "got 1000000", 11);
    assert_int_equal(c->n_resets, 0);
    client_free(c);
}

static void a_paused_upload_is_held_by_its_window(void **state)
{
    static char piece[16384];
    struct client *c = client_new(rig);
    (void)state;
    client_until(c, &c->n_frames[NGHTTP2_SETTINGS], 2);
    client_request(c, 1, 0, "PUT", "/pause", NULL);
    for (int i = 0; i < 15; i++)
        client_frame(c, NGHTTP2_DATA, 0, 1, (struct str){ piece, sizeof(piece) });
    client_get(c, 3, "/hello");
    client_until(c, &c->n_ended, 1);
    assert_int_equal(c->status[3], 200);
    assert_true(atomic_load(&rig->n_bytes) <= 16384);
    rig_call(rig, rig_release);
    client_frame(c, NGHTTP2_DATA, END_STREAM, 1, STR(""));
    client_until(c, &c->n_ended, 2);
    assert_int_equal(atomic_load(&rig->n_bytes), 15 * 16384);
    client_free(c);
}

static void a_client_that_expects_100_gets_it(void **state)
{
    struct client *c = client_new(rig);
    nghttp2_nv expect[] = { NV("expect", "100-continue"), { 0 } };
    (void)state;
    client_request(c, 1, 0, "PUT", "/echo", expect);
    client_until(c, &c->n_frames[NGHTTP2_HEADERS], 1);
    assert_int_equal(c->status[1], 100);
    client_frame(c, NGHTTP2_DATA, END_STREAM, 1, STR("hello"));
    client_until(c, &c->n_ended, 1);
    assert_int_equal(c->status[1], 200);
    client_free(c);
}

static void a_refusal_is_no_reset(void **state)
{
    static char piece[16384];
    struct client *c = client_new(rig);
    (void)state;
    client_request(c, 1, 0, "PUT", "/refuse", NULL);
    for (int i = 0; i < 4; i++)
        client_frame(c, NGHTTP2_DATA, 0, 1, (struct str){ piece, sizeof(piece) });
    client_until(c, &c->n_ended, 1);
    assert_int_equal(c->status[1], 401);
    client_frame(c, NGHTTP2_DATA, END_STREAM, 1, STR("x"));
    client_get(c, 3, "/hello");
    client_until(c, &c->n_ended, 2);
    assert_int_equal(c->n_resets, 0);
    client_free(c);
}

static void a_body_unlike_its_length_is_a_stream_error(void **state)
{
    nghttp2_nv length[] = { NV("content-length", "5"), { 0 } };
    (void)state;
    for (int i = 0; i < 2; i++) { /* longer, shorter (F-08) */
        struct client *c = client_new(rig);
        client_request(c, 1, 0, "PUT", "/echo", length);
        client_frame(c, NGHTTP2_DATA, END_STREAM, 1, i ? STR("abc") : STR("abcdef"));
        client_until(c, &c->n_resets, 1);
        assert_int_equal(c->reset_code, NGHTTP2_PROTOCOL_ERROR);
        client_free(c);
        assert_true(rig_wait(&rig->n_gone, (unsigned)i + 1));
    }
    assert_int_equal(atomic_load(&rig->n_aborts), 2);
}

static void malformed_requests_are_refused(void **state)
{
    static char many[20000];
    memset(many, 'x', sizeof(many) - 1);
    const struct {
        const char *method, *path;
        nghttp2_nv more[2];
        unsigned status; /* 0: reset */
    } rows[] = {
        { "GET", "/hello", { NV("Accept", "a") }, 0 },
        { "GET", "/hello", { NV("connection", "close") }, 0 },
        { "GET", "/hello", { NV("transfer-encoding", "chunked") }, 0 },
        { "GET", "/hello", { NV("upgrade", "h2c") }, 0 },
        { "GET", "/hello", { NV("te", "gzip") }, 0 },
        { "GET", "/hello", { NV("x", "a\nb") }, 0 },
        { "GET", "/hello", { NV("x", "a\rb") }, 0 },
        { "GET", "/hello", { NV("x y", "a") }, 0 },
        { "GET", "/hello", { NV("x:y", "a") }, 0 },
        { "GET", "/hello", { NV(":path", "/b") }, 0 },
        { "GET", "/hello", { NV(":status", "200") }, 0 },
        { "GET", "/hello", { NV("content-length", "5x") }, 0 },
        { "GET", "", { { 0 } }, 0 },
        { "GET", "*", { { 0 } }, 0 },
        { "GET", "/hello", { NV("te", "trailers") }, 200 },
        { "GET", "/hello", { NV("host", "a") }, 200 },
        { "GET", "/hello", { NV("host", "b") }, 400 },
        { "GET", "/hello", { NV("cookie", "a") }, 200 },
        { "GET", "/a%2Fb", { { 0 } }, 400 },
        { "BREW", "/hello", { { 0 } }, 405 },
        { "PUT", "/echo", { NV("expect", "x") }, 417 },
        { "GET", "/hello", { NV("x", many) }, 431 },
    };
    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) { /* F-07 */
        struct client *c = client_new(rig);
        client_request(c, 1, END_STREAM, rows[i].method, rows[i].path, rows[i].more);
        if (rows[i].status) {
            client_until(c, &c->n_ended, 1);
            if (c->status[1] != rows[i].status)
                fail_msg("row %zu: %u", i, c->status[1]);
        } else {
            client_until(c, &c->n_resets, 1);
            assert_int_equal(c->n_ended, 0);
        }
        client_free(c);
    }
}

static void the_largest_head_is_a_setting(void **state)
{
    struct http_limits l = http_limits_default;
    char big[6000];
    memset(big, 'a', sizeof(big));
    const nghttp2_nv more[] = { { (uint8_t *)"x", (uint8_t *)big, 1, sizeof(big), 0 }, { 0 } };
    (void)state;
    for (int small = 0; small < 2; small++) {
        l.head_max = small ? 4096 : 16384;
        restart(&l);
        struct client *c = client_new(rig);
        client_request(c, 1, END_STREAM, "GET", "/hello", more);
        client_until(c, &c->n_ended, 1);
        assert_int_equal(c->status[1], small ? 431 : 200);
        client_free(c);
    }
}

static void a_late_pseudo_header_is_refused(void **state)
{
    struct client *c = client_new(rig);
    nghttp2_nv late[] = { NV("x", "y"), NV(":authority", "b"), { 0 } };
    (void)state;
    client_request(c, 1, END_STREAM, "GET", "/hello", late);
    client_until(c, &c->n_resets, 1);
    client_free(c);
}

enum flood {
    RESETS,
    PINGS,
    SETTINGS,
    PRIORITIES,
    EMPTY_DATA,
    PADDING,
    WINDOWS,
    ZERO_WINDOWS,
    UNKNOWN,
    FLOODS
};

static void flood_once(struct client *c, enum flood what, uint32_t i)
{
    uint32_t id = 2 * i + 1;
    switch (what) {
    case RESETS:
        client_get(c, id, "/hello");
        client_frame(c, NGHTTP2_RST_STREAM, 0, id, STR("\0\0\0\x8"));
        break;
    case PINGS:
        client_frame(c, NGHTTP2_PING, 0, 0, STR("12345678"));
        break;
    case SETTINGS:
        client_frame(c, NGHTTP2_SETTINGS, 0, 0, STR(""));
        break;
    case PRIORITIES:
        client_frame(c, NGHTTP2_PRIORITY, 0, 9, STR("\0\0\0\0\x10"));
        break;
    case EMPTY_DATA:
        if (i == 0)
            client_request(c, 1, 0, "PUT", "/echo", NULL);
        client_frame(c, NGHTTP2_DATA, 0, 1, STR(""));
        break;
    case PADDING:
        if (i == 0)
            client_request(c, 1, 0, "PUT", "/echo", NULL);
        client_frame(c, NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, STR("\2\0\0"));
        break;
    case WINDOWS:
        client_frame(c, NGHTTP2_WINDOW_UPDATE, 0, 0, STR("\0\0\0\1"));
        break;
    case ZERO_WINDOWS: /* makes the server reset (MadeYouReset) */
        client_request(c, id, 0, "PUT", "/echo", NULL);
        client_frame(c, NGHTTP2_WINDOW_UPDATE, 0, id, STR("\0\0\0\0"));
        break;
    case UNKNOWN:
        client_frame(c, 0x55, 0, 0, STR("x"));
        break;
    case FLOODS:
        break;
    }
}

static void floods_end_in_goaway(void **state)
{
    (void)state;
    for (enum flood what = 0; what < FLOODS; what++) { /* F-01, F-02, F-05 */
        unsigned before = atomic_load(&rig->n_requests);
        struct client *c = client_new(rig);
        for (uint32_t i = 0; i < 30000 && !c->closed && c->n_goaways == 0; i++) {
            flood_once(c, what, i);
            if (i % 50 == 0)
                while (client_read(c, 0))
                    ;
        }
        while (client_read(c, 5000))
            ;
        if (!c->closed)
            fail_msg("flood %u: not closed, goaways %u", what, c->n_goaways);
        if (c->n_goaways > 0 && c->goaway_code != NGHTTP2_ENHANCE_YOUR_CALM && what != ZERO_WINDOWS)
            fail_msg("flood %u: code %u", what, c->goaway_code);
        assert_true(atomic_load(&rig->n_requests) - before <= 500);
        client_free(c);
    }
}

static void an_endless_head_is_cut(void **state)
{
    struct client *c = client_new(rig);
    (void)state;
    client_frame(c, NGHTTP2_HEADERS, 0, 1, STR("\x82"));
    for (int i = 0; i < 10000 && !c->closed; i++) { /* F-03 */
        client_frame(c, NGHTTP2_CONTINUATION, 0, 1, STR("\x84"));
        if (i % 10 == 0)
            while (client_read(c, 0))
                ;
    }
    client_until_closed(c);
    assert_int_equal(atomic_load(&rig->n_requests), 0);
    client_free(c);
}

/* One long entry in the table, named thousands of times (F-04). */
static void a_header_bomb_is_small(void **state)
{
    static char block[16000];
    struct client *c = client_new(rig);
    size_t n = 0;
    (void)state;
    memcpy(block,
        "\x82\x84\x86\x41\x01"
        "a\x40\x01x\x7f\x81\x1e",
        12); /* x: 3997... bytes */
    n = 12;
    size_t value = 127 + (0x1e << 7) + 1;
    memset(block + n, 'v', value);
    n += value;
    memset(block + n, 0xbe, sizeof(block) - n);
    client_frame(
        c, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1, (struct str){ block, sizeof(block) });
    while (c->n_ended + c->n_resets + c->n_goaways == 0 && client_read(c, 5000))
        ;
    assert_true(c->status[1] == 431 || c->n_resets || c->n_goaways || c->closed);
    client_free(c);
}

static void jobs_of_reset_streams_count(void **state)
{
    struct http_limits l = http_limits_default;
    (void)state;
    l.jobs_per_conn = 10;
    restart(&l);
    struct client *c = client_new(rig);
    for (uint32_t i = 0; i < 10; i++) {
        client_get(c, 2 * i + 1, "/hold");
        client_frame(c, NGHTTP2_RST_STREAM, 0, 2 * i + 1, STR("\0\0\0\x8"));
    }
    client_get(c, 21, "/hello");
    client_until(c, &c->n_resets, 1);
    assert_int_equal(c->reset_code, NGHTTP2_REFUSED_STREAM);
    assert_int_equal(atomic_load(&rig->n_requests), 10);
    rig_call(rig, rig_release);
    client_get(c, 23, "/hello");
    client_until(c, &c->n_ended, 1);
    assert_int_equal(c->status[23], 200);
    assert_int_equal(atomic_load(&rig->n_gone), 10);
    client_free(c);
}

static void a_shut_window_is_not_waited_for(void **state)
{
    struct http_limits l = http_limits_default;
    (void)state;
    l.write_stall_ms = 100;
    restart(&l);
    struct client *c = client_new(rig); /* F-06 */
    client_get(c, 1, "/big");
    client_until(c, &c->n_resets, 1);
    assert_true(c->n_data <= 65535);
    assert_true(rig_wait(&rig->n_done, 1));
    client_free(c);
}

static void a_window_opened_by_single_bytes_is_too_slow(void **state)
{
    struct http_limits l = http_limits_default;
    (void)state;
    l.stall_window_ms = 100;
    l.stall_min_rate = 1000000;
    restart(&l);
    struct client *c = client_new(rig); /* F-06 */
    client_get(c, 1, "/big");
    for (int i = 0; i < 2000 && !c->closed; i++) {
        client_frame(c, NGHTTP2_WINDOW_UPDATE, 0, 1, STR("\0\0\0\1"));
        (void)client_read(c, 1);
    }
    client_until_closed(c);
    client_free(c);
}

static void a_head_that_does_not_end_has_a_deadline(void **state)
{
    struct http_limits l = http_limits_default;
    (void)state;
    l.header_ms = 50;
    l.write_stall_ms = 100;
    restart(&l);
    struct client *c = client_new(rig);
    client_frame(c, NGHTTP2_HEADERS, 0, 1, STR("\x82"));
    client_until_closed(c);
    client_free(c);
    int fd = rig_connect(rig); /* nor has half a preface */
    rig_send(fd, STR("PRI * HTTP/2.0\r\n"));
    char *text = rig_read(fd, NULL);
    assert_string_equal(text, "");
    free(text);
    close(fd);
}

static void an_idle_connection_ends_in_goaway(void **state)
{
    struct http_limits l = http_limits_default;
    (void)state;
    l.h2_idle_ms = 50;
    l.header_ms = 50;
    restart(&l);
    struct client *c = client_new(rig);
    client_get(c, 1, "/hello");
    client_until_closed(c);
    assert_int_equal(c->status[1], 200);
    assert_int_equal(c->n_goaways, 1);
    assert_int_equal(c->goaway_code, NGHTTP2_NO_ERROR);
    client_free(c);
}

static void drained(void *ctx)
{
    atomic_fetch_add(&((struct rig *)ctx)->n_drained, 1);
}

static void drain_now(struct rig *r)
{
    http_drain(r->http, loop_now_ms(r->loop) + 60000, drained, r);
}

static void a_drain_says_goaway_twice(void **state)
{
    struct client *c = client_new(rig); /* F-10 */
    (void)state;
    client_get(c, 1, "/hold");
    assert_true(rig_wait(&rig->n_requests, 1));
    rig_call(rig, drain_now);
    client_until(c, &c->n_goaways, 1);
    client_get(c, 3, "/hello"); /* was on its way */
    client_until(c, &c->n_ended, 1);
    client_until(c, &c->n_goaways, 2);
    rig_call(rig, rig_release);
    client_until(c, &c->n_ended, 2);
    client_until_closed(c);
    assert_int_equal(c->status[1], 200);
    assert_int_equal(c->status[3], 200);
    assert_true(rig_wait(&rig->n_drained, 1));
    client_free(c);
}

static void a_file_not_in_memory_comes_whole(void **state)
{
    struct client *c = client_new(rig);
    (void)state;
    client_frame(c, NGHTTP2_WINDOW_UPDATE, 0, 0, STR("\0\x7f\0\0"));
    client_frame(c, NGHTTP2_SETTINGS, 0, 0, STR("\0\4\0\x7f\0\0"));
    client_get(c, 1, "/cold");
    client_until(c, &c->n_ended, 1);
    assert_int_equal(c->n_data, RIG_FILE);
    for (size_t i = 0; i < 4000; i++)
        assert_int_equal(c->text[i], (char)(i * 7 >> 3));
    client_free(c);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(requests_share_a_connection),
        T(head_and_304_have_no_data),
        T(an_upgrade_is_answered_at_once),
        T(the_first_flight_of_an_upgrade_is_small),
        T(an_offer_that_cannot_be_taken_is_ignored),
        T(an_upload_gets_its_windows),
        T(a_paused_upload_is_held_by_its_window),
        T(a_client_that_expects_100_gets_it),
        T(a_refusal_is_no_reset),
        T(a_body_unlike_its_length_is_a_stream_error),
        T(malformed_requests_are_refused),
        T(the_largest_head_is_a_setting),
        T(a_late_pseudo_header_is_refused),
        T(floods_end_in_goaway),
        T(an_endless_head_is_cut),
        T(a_header_bomb_is_small),
        T(jobs_of_reset_streams_count),
        T(a_shut_window_is_not_waited_for),
        T(a_window_opened_by_single_bytes_is_too_slow),
        T(a_head_that_does_not_end_has_a_deadline),
        T(an_idle_connection_ends_in_goaway),
        T(a_drain_says_goaway_twice),
        T(a_file_not_in_memory_comes_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
