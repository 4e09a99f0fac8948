/* Time limits, counts and draining, over real sockets. */
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

static void restart(const struct http_limits *l)
{
    rig_free(rig);
    rig = rig_new(l);
}

static void slow_heads_get_408(void **state)
{
    struct http_limits l = http_limits_default;
    (void)state;
    l.header_ms = 100;
    restart(&l);
    int fd = rig_connect(rig);
    bool open = true;
    rig_send(fd, STR("GET /hello HTTP/1.1\r\n"));
    for (int i = 0; i < 200 && open; i++) { /* bytes do not buy time (S-01) */
        open = rig_try_send(fd, STR("X: y\r\n"));
        char c;
        if (recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) == 1)
            break;
        struct timespec ms = { .tv_nsec = 5000000 };
        nanosleep(&ms, NULL);
    }
    assert_has(rig_read(fd, NULL), "HTTP/1.1 408 ");
    close(fd);
    fd = rig_connect(rig); /* and one that never speaks is closed without a word */
    char *text = rig_read(fd, NULL);
    assert_string_equal(text, "");
    free(text);
    close(fd);
}

static void idle_connections_are_closed(void **state)
{
    struct http_limits l = http_limits_default;
    (void)state;
    l.idle_ms = 50;
    l.header_ms = 60;
    restart(&l);
    int fd = rig_connect(rig);
    rig_send(fd, STR(HELLO));
    char *text = rig_read(fd, NULL);
    assert_null(strstr(text, "<nothing"));
    assert_has(text, "hello");
    close(fd);
}

static void slow_bodies_are_cut(void **state)
{
    struct http_limits l = http_limits_default;
    (void)state;
    l.stall_window_ms = 100;
    l.stall_min_rate = 1000;
    restart(&l);
    assert_has(rig_ask(rig, STR("PUT /echo HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\nabc")),
        "HTTP/1.1 408 ");
    assert_int_equal(atomic_load(&rig->abort_kind), ERR_TIMEOUT);
}

static void clients_that_do_not_read_are_cut(void **state)
{
    struct http_limits l = http_limits_default;
    (void)state;
    l.write_stall_ms = 100;
    restart(&l);
    int fd = rig_connect(rig), small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    rig_send(fd, STR("GET /big HTTP/1.1\r\n" H "\r\n"));
    assert_true(rig_wait(&rig->n_done, 1));
    close(fd);
}

static void connections_beyond_the_limit_are_closed(void **state)
{
    struct http_limits l = http_limits_default;
    (void)state;
    l.conns_max = 2;
    restart(&l);
    int a = rig_connect(rig), b = rig_connect(rig);
    rig_send(a, STR(HELLO));
    rig_send(b, STR(HELLO));
    free(rig_read(a, "hello"));
    free(rig_read(b, "hello"));
    char *text = rig_ask(rig, STR(""));
    assert_null(strstr(text, "nothing more"));
    free(text);
    close(a);
    close(b);
}

static void clients_that_read_too_slowly_are_cut(void **state)
{
    struct http_limits l = http_limits_default;
    (void)state;
    l.stall_window_ms = 100;
    l.stall_min_rate = 1u << 30;
    restart(&l);
    int fd = rig_connect(rig), small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    rig_send(fd, STR("GET /big HTTP/1.1\r\n" H "\r\n"));
    assert_true(rig_wait(&rig->n_done, 1));
    close(fd);
}

/* One connection is turned away, and the next is served once descriptors are free again. */
static void running_out_of_descriptors_is_survived(void **state)
{
    struct rlimit before, none;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = { .sin_family = AF_INET,
        .sin_port = htons(rig->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)fd + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int r = connect(fd, (struct sockaddr *)&at, sizeof(at));
    char *text = rig_read(fd, NULL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(r, 0);
    assert_null(strstr(text, "<nothing"));
    free(text);
    close(fd);
    assert_has(rig_ask(rig, STR(BYE)), "hello");
}

static void drained(void *ctx)
{
    atomic_fetch_add(&((struct rig *)ctx)->n_drained, 1);
}

static void drain_now(struct rig *r)
{
    http_drain(r->http, loop_now_ms(r->loop) + 60000, drained, r);
}

static void drain_short(struct rig *r)
{
    http_drain(r->http, loop_now_ms(r->loop) + 50, drained, r);
}

static int queued = -1; /* connected while the loop was busy */

static void connect_and_drain(struct rig *r)
{
    queued = rig_connect(r);
    rig_send(queued, STR(HELLO));
    drain_now(r);
}

static void a_drain_answers_who_stands_in_the_queue(void **state)
{
    (void)state;
    rig_call(rig, connect_and_drain);
    assert_has(rig_read(queued, NULL), "hello");
    close(queued);
}

/* Half a head and a body that stopped: at other times they have 10 and 30 s. */
static void a_drain_does_not_wait_for_what_has_stopped(void **state)
{
    int head = rig_connect(rig), body = rig_connect(rig);
    (void)state;
    rig_send(head, STR("GET /hello HTTP/1.1\r\nHo"));
    rig_send(body, STR("PUT /echo HTTP/1.1\r\n" H "Content-Length: 50\r\n\r\nhell"));
    assert_true(rig_wait(&rig->n_bytes, 4));
    rig_call(rig, drain_now);
    assert_has(rig_read(head, NULL), "408");
    assert_true(rig_wait(&rig->n_drained, 1) || rig_wait(&rig->n_drained, 1));
    assert_has(rig_read(body, NULL), "connection: close");
    close(head);
    close(body);
}

static void a_drain_lets_requests_finish(void **state)
{
    int busy = rig_connect(rig), idle = rig_connect(rig), last = rig_connect(rig);
    (void)state;
    rig_send(idle, STR(HELLO));
    free(rig_read(idle, "hello"));
    rig_send(busy, STR("GET /hold HTTP/1.1\r\n" H "\r\n"));
    rig_send(last, STR("PUT /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n"));
    assert_true(rig_wait(&rig->n_requests, 3));
    rig_call(rig, drain_now);
    char *text = rig_read(idle, NULL);
    assert_string_equal(text, "");
    free(text);
    assert_int_equal(atomic_load(&rig->n_drained), 0);
    rig_call(rig, rig_release);
    text = rig_read(busy, NULL);
    assert_non_null(strstr(text, "released"));
    assert_has(text, "connection: close");
    rig_send(last, STR("hello"));
    assert_has(rig_read(last, NULL), "got 5");
    close(busy);
    close(idle);
    close(last);
    assert_true(rig_wait(&rig->n_drained, 1));
}

static void a_drain_answers_who_has_just_connected(void **state)
{
    int new = rig_connect(rig), silent = rig_connect(rig);
    (void)state;
    /* A connection is known once a later one was answered: they are accepted in order. */
    int after = rig_connect(rig);
    rig_send(after, STR(HELLO));
    free(rig_read(after, "hello"));
    rig_call(rig, drain_now);
    rig_send(new, STR(HELLO));
    char *text = rig_read(new, NULL);
    assert_non_null(strstr(text, "hello"));
    assert_has(text, "connection: close");
    text = rig_read(silent, NULL);
    assert_string_equal(text, "");
    free(text);
    assert_true(rig_wait(&rig->n_drained, 1));
    close(new);
    close(silent);
    close(after);
}

static void a_drain_cuts_what_is_left_at_its_deadline(void **state)
{
    int fd = rig_connect(rig);
    (void)state;
    rig_send(fd, STR("GET /hold HTTP/1.1\r\n" H "\r\n"));
    assert_true(rig_wait(&rig->n_requests, 1));
    rig_call(rig, drain_short);
    assert_true(rig_wait(&rig->n_drained, 1));
    close(fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(slow_heads_get_408),
        T(idle_connections_are_closed),
        T(slow_bodies_are_cut),
        T(clients_that_do_not_read_are_cut),
        T(clients_that_read_too_slowly_are_cut),
        T(running_out_of_descriptors_is_survived),
        T(connections_beyond_the_limit_are_closed),
        T(a_drain_answers_who_stands_in_the_queue),
        T(a_drain_does_not_wait_for_what_has_stopped),
        T(a_drain_lets_requests_finish),
        T(a_drain_answers_who_has_just_connected),
        T(a_drain_cuts_what_is_left_at_its_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
