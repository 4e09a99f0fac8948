/* What the server tells of the one at the other end. */
#include "http/server.h"

#include "support/h2_client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define H "Host: a\r\n"
#define CLOSE "Connection: close\r\n\r\n"
#define WHO "GET /peer HTTP/1.1\r\n" H

static struct rig *rig;

/* What the calls on the loop are given and give back. */
static struct {
    char dir[32], path[64];
    uint16_t port;
    struct str field;
    int result;
    bool gone, established;
    int64_t round_trip_us;
} at;

static int set_up(void **state)
{
    (void)state;
    memset(&at, 0, sizeof(at));
    memcpy(at.dir, "/tmp/peerXXXXXX", 16);
    assert_non_null(mkdtemp(at.dir));
    (void)snprintf(at.path, sizeof(at.path), "%s/s", at.dir);
    rig = rig_new(NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (rig)
        rig_free(rig);
    rig = NULL;
    return rmdir(at.dir); /* the socket in it is gone */
}

static void listen_unix(struct rig *r)
{
    at.result = http_listen_unix(r->http, at.path, 0600, r, NULL);
    if (at.result == 0)
        at.result = http_start(r->http, NULL);
}

static void listen_tcp6(struct rig *r)
{
    at.result = http_listen_tcp(r->http, STR("::1"), 0, r, &at.port, NULL);
    if (at.result == 0)
        at.result = http_start(r->http, NULL);
}

static void listen_wildcard(struct rig *r)
{
    at.result = http_listen_tcp(r->http, STR("::"), 0, r, &at.port, NULL);
    if (at.result == 0)
        at.result = http_start(r->http, NULL);
}

static void unlisten(struct rig *r)
{
    http_unlisten(r->http, r);
}

static void keep_field(struct rig *r)
{
    http_keep_field(r->http, r, at.field);
}

static void look_at_held(struct rig *r)
{
    at.gone = request_gone(r->held[0]);
    at.established = request_is_established(r->held[0]);
    at.round_trip_us = request_round_trip_us(r->held[0]);
}

static int connect_unix(void)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(to.sun_path, at.path, strlen(at.path));
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static int connect_port(uint16_t port)
{
    uint16_t own = rig->port;
    rig->port = port;
    int fd = rig_connect(rig);
    rig->port = own;
    return fd;
}

static char *ask(int fd, struct str request)
{
    rig_send(fd, request);
    char *text = rig_read(fd, NULL);
    close(fd);
    return text;
}

static void assert_has(char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in: %.2000s", part, text);
    free(text);
}

static uint16_t local_port(int fd)
{
    struct sockaddr_in me;
    socklen_t n = sizeof(me);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&me, &n), 0);
    return ntohs(me.sin_port);
}

static void a_tcp_peer_has_address_and_port(void **state)
{
    char want[96];
    int fd = rig_connect(rig);
    (void)state;
    (void)snprintf(want, sizeof(want), "ip=127.0.0.1 port=%u uid=4294967295 established=1 rtt=1",
        local_port(fd));
    assert_has(ask(fd, STR(WHO CLOSE)), want);
}

static void an_ipv6_peer_has_no_brackets(void **state)
{
    struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    (void)state;
    rig_call(rig, listen_tcp6);
    if (at.result < 0)
        skip(); /* a machine without IPv6 */
    to.sin6_port = htons(at.port);
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_has(ask(fd, STR(WHO CLOSE)), "ip=::1 port=");
}

static void an_ipv4_peer_in_ipv6_is_unwrapped(void **state)
{
    (void)state;
    rig_call(rig, listen_wildcard);
    if (at.result < 0)
        skip();
    assert_has(ask(connect_port(at.port), STR(WHO CLOSE)), "ip=127.0.0.1 port=");
}

static void a_unix_peer_has_a_uid(void **state)
{
    char want[96];
    (void)state;
    rig_call(rig, listen_unix);
    assert_int_equal(at.result, 0);
    (void)snprintf(want, sizeof(want), "ip=none port=0 uid=%u established=0 rtt=0", geteuid());
    assert_has(ask(connect_unix(), STR(WHO CLOSE)), want);
}

static void hold(int fd)
{
    rig_send(fd, STR("GET /hold HTTP/1.1\r\n" H "\r\n"));
    assert_true(rig_wait(&rig->n_requests, 1));
}

/* With a reset, until the server has seen it. */
static void close_hard(int fd)
{
    struct linger hard = { .l_onoff = 1 };
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
    close(fd);
    do
        rig_call(rig, look_at_held);
    while (!at.gone);
}

static void a_held_connection_is_established(void **state)
{
    int fd = rig_connect(rig);
    (void)state;
    hold(fd);
    rig_call(rig, look_at_held);
    assert_false(at.gone);
    assert_true(at.established);
    assert_true(at.round_trip_us > 0);
    close(fd);
}

static void a_half_closed_connection_is_not_established(void **state)
{
    int fd = rig_connect(rig);
    (void)state;
    hold(fd);
    assert_int_equal(shutdown(fd, SHUT_WR), 0); /* over loopback it is there at once */
    rig_call(rig, look_at_held);
    assert_false(at.established);
    close(fd);
}

static void a_connection_that_is_gone_is_not_established(void **state)
{
    int fd = rig_connect(rig);
    (void)state;
    hold(fd);
    close_hard(fd);
    assert_false(at.established);
    assert_int_equal(at.round_trip_us, -1);
}

static void the_slot_is_of_the_connection(void **state)
{
    int fd = rig_connect(rig);
    (void)state;
    rig_send(fd, STR(WHO "\r\n"));
    assert_has(rig_read(fd, "trusted"), "seen=0");
    assert_int_equal(rig->n_peers_gone, 0);
    assert_has(ask(fd, STR(WHO CLOSE)), "seen=1");
    assert_true(rig_wait(&rig->n_peers_gone, 1));
    assert_has(rig_ask(rig, STR(WHO CLOSE)), "seen=0");
}

static void a_connection_without_a_slot_goes_unsaid(void **state)
{
    (void)state;
    free(rig_ask(rig, STR("GET /hello HTTP/1.1\r\n" H CLOSE)));
    free(rig_ask(rig, STR(WHO CLOSE)));
    assert_true(rig_wait(&rig->n_peers_gone, 1));
    assert_int_equal(rig->n_peers_gone, 1);
}

/* The slot goes with the last request, not with the socket. */
static void a_request_that_is_owed_a_reply_keeps_the_slot(void **state)
{
    int fd = rig_connect(rig);
    (void)state;
    rig_send(fd, STR(WHO "\r\nGET /hold HTTP/1.1\r\n" H "\r\n"));
    assert_true(rig_wait(&rig->n_requests, 2));
    close_hard(fd);
    assert_int_equal(rig->n_peers_gone, 0);
    rig_call(rig, rig_release);
    assert_true(rig_wait(&rig->n_peers_gone, 1));
}

static struct request *late;

static void keep_late(struct rig *r)
{
    late = r->held[0];
    r->n_held = 0;
}

static void a_slot_outlives_the_server_with_its_request(void **state)
{
    int fd = rig_connect(rig);
    (void)state;
    rig_send(fd, STR(WHO "\r\nGET /hold HTTP/1.1\r\n" H "\r\n"));
    assert_true(rig_wait(&rig->n_requests, 2));
    rig_call(rig, keep_late);
    rig_stop(rig);
    assert_int_equal(rig->n_peers_gone, 0);
    request_reply(late, rig->hello);
    assert_int_equal(rig->n_peers_gone, 1);
    close(fd);
}

static void the_last_answer_of_a_connection_says_so(void **state)
{
    char *text =
        rig_ask(rig, STR("GET /end HTTP/1.1\r\n" H "\r\nGET /hello HTTP/1.1\r\n" H "\r\n"));
    (void)state;
    assert_int_equal(rig_count(text, "HTTP/1.1 200 OK"), 1);
    assert_has(text, "connection: close\r\n\r\nhello");
}

static void the_last_stream_of_a_connection_lets_others_end(void **state)
{
    struct client *c = client_new(rig);
    (void)state;
    client_get(c, 1, "/hold");
    client_get(c, 3, "/end");
    client_until(c, &c->n_goaways, 1);
    client_until(c, &c->n_ended, 1);
    assert_int_equal(c->goaway_code, NGHTTP2_NO_ERROR);
    client_get(c, 5, "/hello"); /* too late: neither answered nor run */
    rig_call(rig, rig_release);
    client_until_closed(c);
    assert_int_equal(c->n_ended, 2);
    assert_int_equal(c->n_resets, 0);
    assert_int_equal(rig->n_requests, 2);
    client_free(c);
}

static void a_flood_after_the_last_answer_is_still_cut(void **state)
{
    struct client *c = client_new(rig);
    (void)state;
    client_get(c, 1, "/hold");
    client_get(c, 3, "/end");
    client_until(c, &c->n_ended, 1);
    for (int i = 0; i < 3000 && c->n_goaways < 2 && !c->closed; i++) {
        client_frame(c, NGHTTP2_PING, 0, 0, STR("12345678"));
        if (i % 100 == 0)
            (void)client_read(c, 1);
    }
    client_until_closed(c);
    assert_int_equal(c->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
    client_free(c);
}

static void no_field_is_trusted_unless_named(void **state)
{
    (void)state;
    assert_has(rig_ask(rig, STR(WHO "X-Forwarded-User: anna\r\n" CLOSE)), "trusted=0:(null).");
}

static void the_named_field_is_kept_in_any_case(void **state)
{
    static const struct {
        struct str fields;
        const char *want;
    } rows[] = {
        { STR(""), "trusted=0:(null)." },
        { STR("X-Forwarded-User: anna\r\n"), "trusted=1:anna." },
        { STR("x-forwarded-user:\t anna \r\n"), "trusted=1:anna." },
        { STR("X-FORWARDED-USER:\r\n"), "trusted=1:." },
        { STR("X-Forwarded-User: anna\r\nx-forwarded-user: ben\r\n"), "trusted=2:anna." },
        { STR("X_Forwarded_User: anna\r\n"), "trusted=0:(null)." },
        { STR("X-Forwarded-User2: anna\r\nX-Forwarded-Use: anna\r\n"), "trusted=0:(null)." },
    };
    (void)state;
    at.field = STR("x-forwarded-user");
    rig_call(rig, keep_field);
    for (size_t i = 0; i < LEN(rows); i++) {
        char request[256];
        (void)snprintf(
            request, sizeof(request), "%s%" STR_FMT "%s", WHO, STR_ARG(rows[i].fields), CLOSE);
        assert_has(rig_ask(rig, str_from(request)), rows[i].want);
    }
}

static void a_field_that_is_read_anyway_may_be_the_named_one(void **state)
{
    (void)state;
    at.field = STR("user-agent");
    rig_call(rig, keep_field);
    assert_has(
        rig_ask(rig, STR(WHO "User-Agent: anna\r\nUser-Agent: x\r\n" CLOSE)), "trusted=2:anna.");
}

static void the_named_field_does_not_come_in_a_trailer(void **state)
{
    (void)state;
    at.field = STR("x-forwarded-user");
    rig_call(rig, keep_field);
    assert_has(rig_ask(rig, STR("GET /peer HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
                                "Connection: close\r\n\r\n0\r\nX-Forwarded-User: anna\r\n\r\n")),
        "trusted=0:(null).");
}

static void the_funnel_mark_does_not_come_in_a_trailer(void **state)
{
    (void)state;
    assert_has(rig_ask(rig, STR("PUT /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
                                "0\r\nTailscale-Funnel-Request: ?1\r\n\r\n")),
        "400 Bad Request");
}

static void http2_keeps_the_named_field_too(void **state)
{
    const nghttp2_nv two[] = { NV("x-forwarded-user", "anna"), NV("x-forwarded-user", "ben"),
        { 0 } };
    const nghttp2_nv one[] = { NV("x-forwarded-user", "anna"), { 0 } };
    (void)state;
    struct client *c = client_new(rig);
    client_request(c, 1, END_STREAM, "GET", "/peer", one);
    client_until(c, &c->n_ended, 1);
    assert_non_null(strstr(c->text, "trusted=0:(null)."));
    at.field = STR("x-forwarded-user");
    rig_call(rig, keep_field);
    client_request(c, 3, END_STREAM, "GET", "/peer", one);
    client_until(c, &c->n_ended, 2);
    assert_non_null(strstr(c->text, "trusted=1:anna."));
    client_request(c, 5, END_STREAM, "GET", "/peer", two);
    client_until(c, &c->n_ended, 3);
    assert_non_null(strstr(c->text, "trusted=2:anna."));
    client_free(c);
}

static void a_closed_listener_leaves_its_connections(void **state)
{
    int fd = rig_connect(rig);
    (void)state;
    rig_send(fd, STR(WHO "\r\n"));
    free(rig_read(fd, "trusted"));
    rig_call(rig, unlisten);
    struct sockaddr_in to = { .sin_family = AF_INET,
        .sin_port = htons(rig->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(other, (struct sockaddr *)&to, sizeof(to)), -1);
    close(other);
    assert_has(ask(fd, STR(WHO CLOSE)), "seen=1");
    assert_true(rig_wait(&rig->n_peers_gone, 1));
    rig_call(rig, unlisten); /* a second time: nothing is left of it */
}

static void a_closed_listener_may_be_opened_again(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        rig_call(rig, listen_unix);
        assert_int_equal(at.result, 0);
        assert_has(ask(connect_unix(), STR(WHO CLOSE)), "ip=none");
        rig_call(rig, unlisten);
        assert_int_equal(access(at.path, F_OK), -1);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_tcp_peer_has_address_and_port),
        T(an_ipv6_peer_has_no_brackets),
        T(an_ipv4_peer_in_ipv6_is_unwrapped),
        T(a_unix_peer_has_a_uid),
        T(a_held_connection_is_established),
        T(a_half_closed_connection_is_not_established),
        T(a_connection_that_is_gone_is_not_established),
        T(the_slot_is_of_the_connection),
        T(a_connection_without_a_slot_goes_unsaid),
        T(a_request_that_is_owed_a_reply_keeps_the_slot),
        T(a_slot_outlives_the_server_with_its_request),
        T(the_last_answer_of_a_connection_says_so),
        T(the_last_stream_of_a_connection_lets_others_end),
        T(a_flood_after_the_last_answer_is_still_cut),
        T(no_field_is_trusted_unless_named),
        T(the_named_field_is_kept_in_any_case),
        T(a_field_that_is_read_anyway_may_be_the_named_one),
        T(the_named_field_does_not_come_in_a_trailer),
        T(the_funnel_mark_does_not_come_in_a_trailer),
        T(http2_keeps_the_named_field_too),
        T(a_closed_listener_leaves_its_connections),
        T(a_closed_listener_may_be_opened_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
