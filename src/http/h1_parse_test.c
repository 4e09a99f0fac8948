/* Numbers in the tables are those of the project's HTTP/1.1 case list; server_test.c has the cases
 * that need a connection. */
#include "http/h1_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define H "Host: a\r\n"

static const struct h1_limits limits = { 8192, 32768, 100, { NULL, 0 } };

struct head_row {
    int number;
    struct str in;
    unsigned status; /* 200: taken; 0: more bytes are needed */
};

static unsigned parse(struct str in, struct h1_head *ret)
{
    struct arena *a = arena_new();
    struct err e = ERR_INIT;
    unsigned status = 0;
    size_t scanned = 0;
    int r = h1_parse_head(a, &limits, in, &scanned, ret, &status, &e);
    arena_free(a);
    return r == 1 ? 200 : r == 0 ? 0 : status;
}

static const struct head_row head_rows[] = {
    { 0, STR("GET / HTTP/1.1\r\n" H "\r\n"), 200 },
    { 0, STR("GET / HTTP/1.0\r\n\r\n"), 200 },
    { 0, STR("\r\nGET / HTTP/1.1\r\n" H "\r\n"), 200 },
    { 0, STR("GET / HTTP/1.1\r\n" H "X: \xe9\r\n\r\n"), 200 },
    { 0, STR("GET / HTTP/1.1\r\n" H), 0 },
    { 0, STR("GET / HTTP/1.1\r"), 0 },
    { 0, STR(""), 0 },
    { 2, STR("\r\n"), 0 },
    { 2, STR("\r\n\r\n"), 400 },
    { 2, STR("\rX"), 400 },
    { 4, STR(" / HTTP/1.1\r\n" H "\r\n"), 400 },
    { 5, STR("GET  / HTTP/1.1\r\n" H "\r\n"), 400 },
    { 5, STR("GET /  HTTP/1.1\r\n" H "\r\n"), 400 },
    { 6, STR("GET\t/\tHTTP/1.1\r\n" H "\r\n"), 400 },
    { 7, STR("GET HTTP/1.1\r\n" H "\r\n"), 400 },
    { 7, STR("GET\r\n" H "\r\n"), 400 },
    { 7, STR("GET /a b HTTP/1.1\r\n" H "\r\n"), 400 },
    { 8, STR(" GET / HTTP/1.1\r\n" H "\r\n"), 400 },
    { 10, STR("GET / HTTP/1.2\r\n" H "\r\n"), 200 },
    { 11, STR("GET / HTTP/2.0\r\n" H "\r\n"), 505 },
    { 12, STR("GET / HTTP/0.9\r\n" H "\r\n"), 505 },
    { 13, STR("GET / HTTP/11.1\r\n" H "\r\n"), 400 },
    { 14, STR("GET / HTTP/4294967295.255\r\n" H "\r\n"), 400 },
    { 14, STR("GET / http/1.1\r\n" H "\r\n"), 400 },
    { 14, STR("GET / HTTP/1.1 \r\n" H "\r\n"), 400 },
    { 14, STR("GET /\r\n" H "\r\n"), 400 },
    { 17, STR("GET / HTTP/1.1\n"), 400 },
    { 17, STR("GET / HTTP/1.1\r\nHost: a\n\n"), 400 },
    { 18, STR("GET / HTTP/1.1\r\n\r\n"), 400 },
    { 19, STR("GET / HTTP/1.1\r\n" H H "\r\n"), 400 },
    { 23, STR("GET / HTTP/1.1\r\n" H ": x\r\n\r\n"), 400 },
    { 24, STR("GET / HTTP/1.1\r\n" H "X : x\r\n\r\n"), 400 },
    { 25, STR("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), 400 },
    { 26, STR("GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"), 400 },
    { 26, STR("GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n"), 400 },
    { 27, STR("GET / HTTP/1.1\r\n" H "X\r\n\r\n"), 400 },
    { 28, STR("GET / HTTP/1.1\r\n" H "X\0: a\r\n\r\n"), 400 },
    { 28, STR("GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n"), 400 },
    { 29, STR("GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n"), 400 },
    { 30, STR("GET / HTTP/1.1\r\n" H "X: a\nY: b\r\n\r\n"), 400 },
    { 31,
        STR("PUT / HTTP/1.1\r\n" H "Transfer-Encoding: \x85"
            "chunked\r\n\r\n"),
        400 },
    { 31, STR("PUT / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\xa0\r\n\r\n"), 400 },
    { 32, STR("GET / HTTP/1.1\r\n" H "\xc3\xa9: a\r\n\r\n"), 400 },
    { 33, STR("GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n"), 400 },
    { 33, STR("GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n"), 400 },
    { 33, STR("GET /\x01 HTTP/1.1\r\n" H "\r\n"), 400 },
    { 33, STR("GET /\xff HTTP/1.1\r\n" H "\r\n"), 400 },
    { 38, STR("PUT / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n"), 400 },
    { 39, STR("PUT / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n"), 400 },
    { 40, STR("PUT / HTTP/1.1\r\n" H "Content-Length: 0x10\r\n\r\n"), 400 },
    { 41, STR("PUT / HTTP/1.1\r\n" H "Content-Length: 1_0\r\n\r\n"), 400 },
    { 42, STR("PUT / HTTP/1.1\r\n" H "Content-Length: 1Z\r\n\r\n"), 400 },
    { 43, STR("PUT / HTTP/1.1\r\n" H "Content-Length: \r\n\r\n"), 400 },
    { 44, STR("PUT / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n"), 400 },
    { 45, STR("PUT / HTTP/1.1\r\n" H "Content-Length: 5, 6\r\n\r\n"), 400 },
    { 46, STR("PUT / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), 400 },
    { 47, STR("PUT / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n"), 400 },
    { 47, STR("PUT / HTTP/1.1\r\n" H "Content-Length: 18446744073709551621\r\n\r\n"), 400 },
    { 48, STR("PUT / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
        400 },
    { 48, STR("PUT / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
        400 },
    { 49, STR("PUT / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n"), 400 },
    { 50,
        STR("PUT / HTTP/1.1\r\n" H
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
        400 },
    { 51, STR("PUT / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n"), 501 },
    { 52, STR("PUT / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n"), 501 },
    { 53, STR("PUT / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501 },
    { 54, STR("PUT / HTTP/1.1\r\n" H "Transfer-Encoding: ,chunked\r\n\r\n"), 501 },
    { 55, STR("PUT / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;q=1\r\n\r\n"), 501 },
    { 55, STR("PUT / HTTP/1.1\r\n" H "Transfer-Encoding: \r\n\r\n"), 501 },
    { 68, STR("PUT / HTTP/1.1\r\n" H "Expect: x\r\n\r\n"), 417 },
    { 68, STR("PUT / HTTP/1.1\r\n" H "Content-Length: 1\r\nExpect: 100-Continue\r\n\r\n"), 200 },
};

static void each_head_gets_its_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(head_rows); i++) {
        struct h1_head head;
        unsigned got = parse(head_rows[i].in, &head);
        if (got != head_rows[i].status)
            fail_msg("row %zu (case %d): got %u, not %u", i, head_rows[i].number, got,
                head_rows[i].status);
    }
}

static void the_verdict_is_the_same_however_bytes_arrive(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(head_rows); i++) {
        AUTO_ARENA struct arena *a = arena_new();
        struct str in = head_rows[i].in;
        struct h1_head head;
        struct err e = ERR_INIT;
        unsigned status = 0;
        size_t scanned = 0;
        int r = 0;
        for (size_t n = 0; n <= in.n && r == 0; n++)
            r = h1_parse_head(a, &limits, str_from_to(in, 0, n), &scanned, &head, &status, &e);
        assert_int_equal(r == 1 ? 200 : r == 0 ? 0 : status, head_rows[i].status);
    }
}

/* before, then n times fill, then after. */
static struct str repeat(const char *before, const char *fill, size_t n, const char *after)
{
    size_t n_fill = strlen(fill), at = strlen(before);
    char *p = malloc(at + n * n_fill + strlen(after) + 1);
    memcpy(p, before, at);
    for (size_t i = 0; i < n; i++, at += n_fill)
        memcpy(p + at, fill, n_fill);
    memcpy(p + at, after, strlen(after) + 1);
    return (struct str){ p, at + strlen(after) };
}

static void what_is_too_long_is_refused(void **state)
{
    static const struct {
        int number;
        const char *before, *fill;
        size_t n;
        const char *after;
        unsigned status;
    } rows[] = {
        { 15, "GET /", "a", 8192 - 14, " HTTP/1.1\r\n" H "\r\n", 200 },
        { 15, "GET /", "a", 8193 - 14, " HTTP/1.1\r\n" H "\r\n", 414 },
        { 16, "GET /", "a", 1 << 20, "", 414 },
        { 34, "GET / HTTP/1.1\r\n" H, "X: y\r\n", 99, "\r\n", 200 },
        { 34, "GET / HTTP/1.1\r\n" H, "X: y\r\n", 100, "\r\n", 431 },
        { 35, "GET / HTTP/1.1\r\n" H "X: ", "y", 16384, "\r\n\r\n", 431 },
        { 36, "GET / HTTP/1.1\r\n" H, "X: 0123456789abcdef0123456789abcdef\r\n", 1800, "\r\n",
            431 },
        { 37, "GET / HTTP/1.1\r\n" H, "n", 1024, ": y\r\n\r\n", 431 },
    };
    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        struct str in = repeat(rows[i].before, rows[i].fill, rows[i].n, rows[i].after);
        struct h1_head head;
        unsigned got = parse(in, &head);
        free((char *)(uintptr_t)in.p);
        if (got != rows[i].status)
            fail_msg("case %d: got %u, not %u", rows[i].number, got, rows[i].status);
    }
}

static void a_head_is_read(void **state)
{
    AUTO_ARENA struct arena *a = arena_new();
    struct h1_head head;
    unsigned status;
    size_t scanned = 0;
    struct str in = STR("PUT /x?y HTTP/1.1\r\nhost: A\r\nACCEPT:  a \r\nAccept: b\r\n"
                        "Content-Length: 007\r\nUser-Agent: u\r\nConnection: close, x\r\n\r\nbody");
    (void)state;
    assert_int_equal(h1_parse_head(a, &limits, in, &scanned, &head, &status, NULL), 1);
    assert_true(head.method_known);
    assert_int_equal(head.method, HTTP_PUT);
    assert_int_equal(head.version, HTTP_1_1);
    assert_true(str_eq(head.target, STR("/x?y")));
    assert_true(str_eq(head.header[HEADER_HOST], STR("A")));
    assert_true(str_eq(head.header[HEADER_ACCEPT], STR("a, b")));
    assert_int_equal(head.body_len, 7);
    assert_false(head.keep_alive);
    assert_int_equal(head.size, in.n - 4);
}

static void methods_are_case_sensitive(void **state)
{
    struct h1_head head;
    (void)state;
    assert_int_equal(parse(STR("get / HTTP/1.1\r\n" H "\r\n"), &head), 200); /* 9: then 405 */
    assert_false(head.method_known);
    assert_int_equal(parse(STR("TRACE / HTTP/1.1\r\n" H "\r\n"), &head), 200); /* 70: then 405 */
    assert_false(head.method_known);
}

static void http_1_0_keeps_alive_on_request(void **state)
{
    struct h1_head head;
    (void)state;
    assert_int_equal(parse(STR("GET / HTTP/1.0\r\n\r\n"), &head), 200);
    assert_false(head.keep_alive);
    assert_int_equal(parse(STR("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), &head), 200);
    assert_true(head.keep_alive);
}

static void an_upgrade_offer_needs_all_its_parts(void **state)
{
#define OFFER "GET / HTTP/1.1\r\n" H
    static const struct {
        struct str in;
        bool offer;
    } rows[] = {
        { STR(OFFER
              "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n"),
            true },
        { STR(OFFER "connection: upgrade\r\nconnection: http2-settings\r\nupgrade: x, "
                    "h2c\r\nhttp2-settings: AA\r\n\r\n"),
            true },
        { STR(OFFER "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n"), false },
        { STR(OFFER "Connection: HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n"),
            false },
        { STR(OFFER "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"), false },
        { STR(OFFER "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: "
                    "AA\r\nHTTP2-Settings: AA\r\n\r\n"),
            false },
        { STR(OFFER "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: websocket\r\nHTTP2-Settings: "
                    "AA\r\n\r\n"),
            false },
        { STR("GET / HTTP/1.0\r\n" H
              "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n"),
            false },
    };
    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        struct h1_head head;
        assert_int_equal(parse(rows[i].in, &head), 200);
        assert_int_equal(head.upgrade_h2c, rows[i].offer);
    }
}

/* Feeds `in` in pieces of `step`; the body, or -1. */
static int chunks(struct str in, size_t step, char *body, size_t *n_body)
{
    struct h1_chunks c = { 0 };
    *n_body = 0;
    while (in.n > 0) {
        struct str part = str_from_to(in, 0, step), bytes;
        in = str_skip(in, step);
        for (;;) {
            int r = h1_chunks_next(&c, &part, &bytes, NULL);
            if (r == -1 || r == 2)
                return r;
            if (r == 0)
                break;
            if (body)
                memcpy(body + *n_body, bytes.p, bytes.n);
            *n_body += bytes.n;
        }
    }
    return 0;
}

static void each_chunked_body_gets_its_verdict(void **state)
{
    static const struct {
        int number;
        struct str in;
        int result;
        const char *body;
    } rows[] = {
        { 0, STR("5\r\nhello\r\n0\r\n\r\n"), 2, "hello" },
        { 0, STR("1\r\na\r\n00A\r\n0123456789\r\n0\r\n\r\n"), 2, "a0123456789" },
        { 0, STR("5;a=b;c=\"d\"\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"), 2, "hello" },
        { 0, STR("5\r\nhel"), 0, "hel" },
        { 56, STR("\r\nhello\r\n0\r\n\r\n"), -1, NULL },
        { 56, STR(";a\r\n"), -1, NULL },
        { 57, STR("0x5\r\nhello\r\n0\r\n\r\n"), -1, NULL },
        { 58, STR("-1\r\n"), -1, NULL },
        { 59, STR("5 \r\nhello\r\n0\r\n\r\n"), -1, NULL },
        { 60, STR("00000000000000005\r\nhello\r\n0\r\n\r\n"), -1, NULL },
        { 60, STR("ffffffffffffffff\r\n"), -1, NULL },
        { 61, STR("g\r\n"), -1, NULL },
        { 62, STR("5\nhello\r\n0\r\n\r\n"), -1, NULL },
        { 62, STR("5\rXhello\r\n0\r\n\r\n"), -1, NULL },
        { 63, STR("5\r\nhelloX\r\n0\r\n\r\n"), -1, NULL },
        { 63, STR("5\r\nhello\n0\r\n\r\n"), -1, NULL },
        { 64, STR("0\r\nGET / HTTP/1.1\r\n\r\n"), -1, NULL },
        { 64, STR("0\r\n\rX"), -1, NULL },
        { 65, STR("0\r\nContent-Length: 5\r\n\r\n"), -1, NULL },
        { 65, STR("0\r\nhost: x\r\n\r\n"), -1, NULL },
        { 65, STR("0\r\nX: a\nY: b\r\n\r\n"), -1, NULL },
        { 65, STR("0\r\n X: a\r\n\r\n"), -1, NULL },
    };
    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        for (size_t step = 1; step <= rows[i].in.n; step++) {
            char body[64];
            size_t n;
            if (chunks(rows[i].in, step, body, &n) != rows[i].result)
                fail_msg("row %zu (case %d), step %zu", i, rows[i].number, step);
            if (rows[i].body) {
                assert_int_equal(n, strlen(rows[i].body));
                assert_memory_equal(body, rows[i].body, n);
            }
        }
    }
}

static void framing_beyond_measure_is_malformed(void **state)
{
    struct str tiny = repeat("", "1\r\na\r\n", 100000, "0\r\n\r\n");               /* 66 */
    struct str long_extension = repeat("5;", "x", 1024, "\r\nhello\r\n0\r\n\r\n"); /* 67 */
    struct str long_trailer = repeat("0\r\nX: ", "x", 10000, "\r\n\r\n");
    size_t n;
    (void)state;
    assert_int_equal(chunks(tiny, SIZE_MAX, NULL, &n), -1);
    assert_int_equal(chunks(long_extension, SIZE_MAX, NULL, &n), -1);
    assert_int_equal(chunks(long_trailer, SIZE_MAX, NULL, &n), -1);
    free((char *)(uintptr_t)tiny.p);
    free((char *)(uintptr_t)long_extension.p);
    free((char *)(uintptr_t)long_trailer.p);
}

static void long_bodies_in_usual_chunks_pass(void **state)
{
    struct h1_chunks c = { 0 };
    (void)state;
    for (int i = 0; i < 200000; i++) {
        struct str in = STR("10\r\n0123456789abcdef\r\n"), bytes;
        assert_int_equal(h1_chunks_next(&c, &in, &bytes, NULL), 1);
        assert_int_equal(h1_chunks_next(&c, &in, &bytes, NULL), 0);
    }
    struct str end = STR("0\r\n\r\n"), bytes;
    assert_int_equal(h1_chunks_next(&c, &end, &bytes, NULL), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_head_gets_its_status),
        cmocka_unit_test(the_verdict_is_the_same_however_bytes_arrive),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(a_head_is_read),
        cmocka_unit_test(methods_are_case_sensitive),
        cmocka_unit_test(http_1_0_keeps_alive_on_request),
        cmocka_unit_test(an_upgrade_offer_needs_all_its_parts),
        cmocka_unit_test(each_chunked_body_gets_its_verdict),
        cmocka_unit_test(framing_beyond_measure_is_malformed),
        cmocka_unit_test(long_bodies_in_usual_chunks_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
