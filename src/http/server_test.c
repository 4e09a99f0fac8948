/* The server over real sockets. Numbers are those of the project's HTTP/1.1 case list. */
#include "http/server.h"

#include "base/mem.h"
#include "support/http_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define H "Host: a\r\n"
#define HELLO "GET /hello HTTP/1.1\r\n" H "\r\n"
#define BYE "GET /hello HTTP/1.1\r\n" H "Connection: close\r\n\r\n"

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

static void assert_has(char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in: %.2000s", part, text);
    free(text);
}

static void an_answer_has_length_date_and_etag(void **state)
{
    (void)state;
    char *text = rig_ask(rig, STR(BYE));
    assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(text, "content-length: 5\r\n"));
    assert_non_null(strstr(text, "date: "));
    assert_has(text, "connection: close\r\n\r\nhello");
}

static void head_sends_the_head_alone(void **state)
{
    (void)state;
    char *text = rig_ask(rig, STR("HEAD /hello HTTP/1.1\r\n" H "Connection: close\r\n\r\n"));
    assert_non_null(strstr(text, "content-length: 5\r\n"));
    assert_null(strstr(text, "hello"));
    free(text);
}

static void a_matching_etag_gives_304(void **state)
{
    (void)state;
    char *text = rig_ask(rig, STR("GET /hello HTTP/1.1\r\n" H "If-None-Match: W/\"h\"\r\n"
                                  "Connection: close\r\n\r\n"));
    assert_non_null(strstr(text, "HTTP/1.1 304 Not Modified\r\n"));
    assert_null(strstr(text, "content-length"));
    assert_null(strstr(text, "hello"));
    free(text);
}

/* Each is refused with its status, closes, and what is sent behind it is not answered. */
static void framing_faults_are_refused_and_close(void **state)
{
    static const struct {
        int number;
        struct str in;
        const char *want; /* NULL: closed without a word */
    } rows[] = {
        { 2, STR("\r\n\r\n"), "400" },
        { 3, STR("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), NULL },
        { 3, STR("HELO a b\r\n\r\n"), NULL },
        { 4, STR(" / HTTP/1.1\r\n" H "\r\n"), "400" },
        { 9, STR("get /hello HTTP/1.1\r\n" H "\r\n"), "405" },
        { 11, STR("GET / HTTP/2.0\r\n" H "\r\n"), "505" },
        { 17, STR("GET / HTTP/1.1\n"), "400" },
        { 18, STR("GET / HTTP/1.1\r\n\r\n"), "400" },
        { 19, STR("GET / HTTP/1.1\r\n" H "Host: b\r\n\r\n"), "400" },
        { 20, STR("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"), "400" },
        { 20, STR("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), "400" },
        { 20, STR("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), "400" },
        { 20, STR("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), "400" },
        { 20, STR("GET / HTTP/1.1\r\nHost: \r\n\r\n"), "400" },
        { 26, STR("GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"), "400" },
        { 38, STR("PUT /echo HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nhello"), "400" },
        { 48,
            STR("PUT /echo HTTP/1.1\r\n" H
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            "400" },
        { 51, STR("PUT /echo HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n"), "501" },
        { 57,
            STR("PUT /echo HTTP/1.1\r\n" H
                "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"),
            "400" },
        { 65,
            STR("PUT /echo HTTP/1.1\r\n" H
                "Transfer-Encoding: chunked\r\n\r\n0\r\nHost: b\r\n\r\n"),
            "400" },
        { 68, STR("PUT /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nExpect: x\r\n\r\n"), "417" },
        { 70, STR("TRACE /hello HTTP/1.1\r\n" H "\r\n"), "405" },
        { 70, STR("CONNECT a:80 HTTP/1.1\r\n" H "\r\n"), "405" },
        { 70, STR("BREW /hello HTTP/1.1\r\n" H "\r\n"), "405" },
        { 70, STR("GET /%2e%2e/x HTTP/1.1\r\n" H "\r\n"), "400" },
        { 70, STR("GET /a%2Fb HTTP/1.1\r\n" H "\r\n"), "400" },
        { 72, STR("PUT /small HTTP/1.1\r\n" H "Content-Length: 11\r\n\r\n"), "413" },
    };
    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        int fd = rig_connect(rig);
        (void)rig_try_send(fd, rows[i].in);
        (void)rig_try_send(fd, STR(HELLO));
        char *text = rig_read(fd, NULL);
        close(fd);
        char line[32] = "";
        if (rows[i].want)
            (void)snprintf(line, sizeof(line), "HTTP/1.1 %s ", rows[i].want);
        if (strncmp(text, line, strlen(line)) != 0 || rig_count(text, "date: ") > 1 ||
            strstr(text, "<nothing") || (!rows[i].want && rig_count(text, "HTTP") > 0))
            fail_msg("row %zu (case %d): %.300s", i, rows[i].number, text);
        free(text);
    }
}

static void a_connection_that_says_nothing_is_closed_silently(void **state)
{
    (void)state;
    static const char *const rows[] = { "", "\r\n", "GET /hel", "PUT" };
    for (size_t i = 0; i < LEN(rows); i++) { /* 1, 2 */
        int fd = rig_connect(rig);
        rig_send(fd, str_from(rows[i]));
        shutdown(fd, SHUT_WR);
        char *text = rig_read(fd, NULL);
        assert_string_equal(text, "");
        free(text);
        close(fd);
    }
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct buf b = BUF_INIT(1 << 20);
    (void)state;
    for (int i = 0; i < 100; i++) /* 69 */
        buf_add(&b, i % 2 ? STR("GET /none HTTP/1.1\r\n" H "\r\n") : STR(HELLO));
    buf_add(&b, STR("BAD\r\n\r\n" HELLO));
    char *text = rig_ask(rig, buf_str(&b));
    buf_deinit(&b);
    assert_int_equal(rig_count(text, "HTTP/1.1 200 OK"), 50);
    assert_int_equal(rig_count(text, "HTTP/1.1 404"), 50);
    assert_int_equal(rig_count(text, "HTTP/1.1 400"), 1);
    assert_int_equal(strncmp(strstr(text, "hello"), "helloHTTP/1.1 404", 17), 0);
    free(text);
}

static void a_request_byte_by_byte_is_one_request(void **state)
{
    struct str in = STR("PUT /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello" BYE);
    int fd = rig_connect(rig), on = 1;
    (void)state;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    for (size_t i = 0; i < in.n; i++)
        rig_send(fd, str_from_to(in, i, i + 1));
    char *text = rig_read(fd, NULL);
    assert_non_null(strstr(text, "got 5"));
    assert_int_equal(rig_count(text, "HTTP/1.1 200 OK"), 2);
    free(text);
    close(fd);
}

static void bodies_come_by_length_and_by_chunks(void **state)
{
    (void)state;
    assert_has(rig_ask(rig, STR("PUT /echo HTTP/1.1\r\n" H "Connection: close\r\n"
                                "Content-Length: 5\r\n\r\nhello")),
        "got 5");
    assert_has(
        rig_ask(rig, STR("PUT /echo HTTP/1.1\r\n" H "Connection: close\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")),
        "got 5");
    assert_has(rig_ask(rig, STR("PUT /echo HTTP/1.1\r\n" H "Connection: close\r\n\r\n")), "got 0");
    assert_has(rig_ask(rig, STR("PUT /echo HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc")), "got 3");
}

static void a_client_that_expects_100_gets_it(void **state)
{
    int fd = rig_connect(rig);
    (void)state;
    rig_send(fd,
        STR(HELLO "PUT /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"));
    char *text = rig_read(fd, "100 Continue\r\n\r\n");
    assert_non_null(strstr(text, "helloHTTP/1.1 100 Continue\r\n\r\n"));
    free(text);
    rig_send(fd, STR("hello"));
    assert_has(rig_read(fd, "got 5"), "HTTP/1.1 200 OK");
    close(fd);
}

static void a_client_that_expects_100_is_refused_without_its_body(void **state)
{
    static const struct {
        struct str in;
        const char *want;
    } rows[] = {
        { STR("PUT /refuse HTTP/1.1\r\n" H "Content-Length: 99\r\nExpect: 100-continue\r\n\r\n"),
            "HTTP/1.1 401 " },
        { STR("PUT /small HTTP/1.1\r\n" H "Content-Length: 99\r\nExpect: 100-continue\r\n\r\n"),
            "HTTP/1.1 413 " },
    };
    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        char *text = rig_ask(rig, rows[i].in);
        assert_int_equal(strncmp(text, rows[i].want, strlen(rows[i].want)), 0);
        assert_null(strstr(text, "100 Continue"));
        assert_has(text, "connection: close");
    }
}

/* cargo 1.97 sends its archive at once; what it is told must not be lost in a reset. */
static void a_refusal_reaches_a_client_that_is_still_sending(void **state)
{
    static const char *const paths[] = { "/refuse", "/early" };
    size_t n = 8 << 20;
    char *body = mem_zalloc(n), head[256];
    (void)state;
    for (size_t i = 0; i < LEN(paths); i++) {
        int fd = rig_connect(rig);
        int len = snprintf(head, sizeof(head), "PUT %s HTTP/1.1\r\n" H "Content-Length: %s\r\n\r\n",
            paths[i], i == 0 ? "1073741824" : "1048576");
        rig_send(fd, (struct str){ head, (size_t)len });
        (void)rig_try_send(fd, (struct str){ body, i == 0 ? n : 1000000 });
        char *text = rig_read(fd, NULL);
        assert_non_null(strstr(text, i == 0 ? "401 Unauthorized" : "403 Forbidden"));
        assert_has(text, i == 0 ? "log in first" : "you may not");
        close(fd);
    }
    free(body);
}

static void a_body_beyond_its_limit_ends_in_413(void **state)
{
    (void)state;
    assert_has(rig_ask(rig, STR("PUT /small HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
                                "b\r\nhello world\r\n0\r\n\r\n" HELLO)),
        "HTTP/1.1 413 ");
    assert_int_equal(atomic_load(&rig->n_aborts), 1);
}

static void a_body_cut_short_is_not_taken(void **state)
{
    int fd = rig_connect(rig); /* 72 */
    (void)state;
    rig_send(fd, STR("PUT /echo HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nhello"));
    shutdown(fd, SHUT_WR);
    assert_has(rig_read(fd, NULL), "HTTP/1.1 400 ");
    close(fd);
    assert_int_equal(atomic_load(&rig->n_aborts), 1);
}

static void a_body_on_get_is_not_the_next_request(void **state)
{
    (void)state; /* 72 */
    char *text = rig_ask(rig, STR("GET /hello HTTP/1.1\r\n" H "Content-Length: 37\r\n\r\n" HELLO));
    assert_int_equal(rig_count(text, "HTTP/1.1 "), 1);
    assert_has(text, "connection: close");
}

static void a_paused_body_waits(void **state)
{
    size_t n = 600000;
    char *body = mem_zalloc(n);
    int fd = rig_connect(rig);
    (void)state;
    rig_send(fd, STR("PUT /pause HTTP/1.1\r\n" H "Content-Length: 600000\r\n\r\n"));
    rig_send(fd, (struct str){ body, n });
    assert_true(rig_wait(&rig->n_bytes, 1));
    assert_true(atomic_load(&rig->n_bytes) <= 65536);
    free(rig_ask(rig, STR("GET /release HTTP/1.1\r\n" H "Connection: close\r\n\r\n")));
    assert_has(rig_read(fd, "got"), "got 600000");
    close(fd);
    free(body);
}

static void a_file_is_sent_whole_or_in_one_range(void **state)
{
    static const struct {
        const char *fields, *status, *part;
        size_t n;
    } rows[] = {
        { "", "200 OK", "content-length: 1048576\r\n", RIG_FILE },
        { "Range: bytes=1048570-\r\n", "206 ", "content-range: bytes 1048570-1048575/1048576\r\n",
            6 },
        { "Range: bytes=0-70000\r\n", "206 ", "content-length: 70001\r\n", 70001 },
        { "Range: bytes=9999999-\r\n", "416 ", "content-range: bytes */1048576\r\n", 0 },
        { "Range: bytes=0-1,3-4\r\n", "200 OK", "content-length: 1048576\r\n", RIG_FILE },
        { "Range: bytes=0-1\r\nIf-Range: \"x\"\r\n", "200 OK", "content-length: 1048576\r\n",
            RIG_FILE },
        { "Range: bytes=0-1\r\nIf-Range: \"f\"\r\n", "206 ", "content-length: 2\r\n", 2 },
        { "If-None-Match: \"f\"\r\n", "304 ", "etag: \"f\"\r\n", 0 },
    };
    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        char head[256];
        int n = snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\n" H "Connection: close\r\n%s\r\n",
            i % 2 ? "/file" : "/cold", rows[i].fields);
        int fd = rig_connect(rig);
        rig_send(fd, (struct str){ head, (size_t)n });
        size_t got = 0, cap = RIG_FILE + 4096;
        char *all = mem_zalloc(cap);
        for (ssize_t r; (r = recv(fd, all + got, cap - got - 1, 0)) > 0; got += (size_t)r)
            ;
        close(fd);
        char *body = strstr(all, "\r\n\r\n") + 4;
        assert_non_null(strstr(all, rows[i].status));
        assert_non_null(strstr(all, rows[i].part));
        assert_int_equal(got - (size_t)(body - all), rows[i].n);
        if (rows[i].n == RIG_FILE)
            for (size_t k = 0; k < RIG_FILE; k++)
                if (body[k] != (char)(k * 7 >> 3))
                    fail_msg("byte %zu of the file differs", k);
        free(all);
    }
}

static void the_authority_of_an_absolute_target_wins(void **state)
{
    (void)state; /* 22 */
    assert_has(
        rig_ask(rig, STR("GET http://Other:81/host HTTP/1.1\r\n" H "Connection: close\r\n\r\n")),
        "\r\n\r\nother:81");
    assert_has(rig_ask(rig, STR("GET /host HTTP/1.0\r\nHost: A\r\n\r\n")), "\r\n\r\na");
    assert_has(rig_ask(rig, STR("GET /host HTTP/1.0\r\n\r\n")), "content-length: 0");
}

static void a_reply_may_come_after_the_client_went_away(void **state)
{
    int fd = rig_connect(rig);
    struct linger now = { .l_onoff = 1 };
    (void)state;
    rig_send(fd, STR("GET /hold HTTP/1.1\r\n" H "\r\n"));
    assert_true(rig_wait(&rig->n_requests, 1));
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd); /* with a reset */
    char *text = rig_ask(rig, STR("GET /release HTTP/1.1\r\n" H "Connection: close\r\n\r\n"));
    assert_has(text, "hello");
    assert_true(rig_wait(&rig->n_done, 2));
    assert_int_equal(atomic_load(&rig->n_gone), 1);
}

static void a_pipelined_request_waits_for_the_one_before(void **state)
{
    int fd = rig_connect(rig);
    (void)state;
    rig_send(fd, STR("GET /hold HTTP/1.1\r\n" H "\r\n" BYE));
    assert_true(rig_wait(&rig->n_requests, 1));
    free(rig_ask(rig, STR("GET /release HTTP/1.1\r\n" H "Connection: close\r\n\r\n")));
    char *text = rig_read(fd, NULL);
    assert_true(strstr(text, "released") < strstr(text, "hello"));
    assert_has(text, "releasedHTTP/1.1 200 OK");
    close(fd);
}

static void a_half_closed_client_is_answered(void **state)
{
    int fd = rig_connect(rig);
    (void)state;
    rig_send(fd, STR(HELLO));
    shutdown(fd, SHUT_WR);
    assert_has(rig_read(fd, NULL), "hello");
    close(fd);
}

static void a_taken_port_is_named(void **state)
{
    struct err e = ERR_INIT;
    uint16_t port;
    (void)state;
    assert_int_equal(http_listen_tcp(rig->http, STR("127.0.0.1"), rig->port, NULL, &port, &e), -1);
    assert_non_null(strstr(e.text, "is taken: stop the other program or choose another --listen"));
}

static const char *socket_path;
static int listen_result;

static void listen_unix(struct rig *r)
{
    listen_result = http_listen_unix(r->http, socket_path, 0600, r, NULL);
    if (listen_result == 0)
        listen_result = http_start(r->http, NULL);
}

static void a_unix_socket_is_served_and_removed(void **state)
{
    char dir[] = "/tmp/rigXXXXXX", path[64];
    struct stat st;
    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/s", dir);
    for (int run = 0; run < 2; run++) { /* the second time over a leftover */
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        memcpy(at.sun_path, path, strlen(path));
        if (run == 1) {
            int old = socket(AF_UNIX, SOCK_STREAM, 0);
            assert_int_equal(bind(old, (struct sockaddr *)&at, sizeof(at)), 0);
            close(old);
        }
        socket_path = path;
        rig_call(rig, listen_unix);
        assert_int_equal(listen_result, 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
        rig_send(fd, STR(BYE));
        assert_has(rig_read(fd, NULL), "hello");
        close(fd);
        rig_free(rig);
        assert_int_equal(stat(path, &st), -1);
        rig = rig_new(NULL);
    }
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(an_answer_has_length_date_and_etag),
        T(head_sends_the_head_alone),
        T(a_matching_etag_gives_304),
        T(framing_faults_are_refused_and_close),
        T(a_connection_that_says_nothing_is_closed_silently),
        T(pipelined_requests_are_answered_in_order),
        T(a_request_byte_by_byte_is_one_request),
        T(bodies_come_by_length_and_by_chunks),
        T(a_client_that_expects_100_gets_it),
        T(a_client_that_expects_100_is_refused_without_its_body),
        T(a_refusal_reaches_a_client_that_is_still_sending),
        T(a_body_beyond_its_limit_ends_in_413),
        T(a_body_cut_short_is_not_taken),
        T(a_body_on_get_is_not_the_next_request),
        T(a_paused_body_waits),
        T(a_file_is_sent_whole_or_in_one_range),
        T(the_authority_of_an_absolute_target_wins),
        T(a_reply_may_come_after_the_client_went_away),
        T(a_pipelined_request_waits_for_the_one_before),
        T(a_half_closed_client_is_answered),
        T(a_taken_port_is_named),
        T(a_unix_socket_is_served_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
