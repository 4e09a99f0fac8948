#include "supervisor/probe.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

static struct events ev;
static struct jobs jobs;
static struct prober prober;
static struct probe probe;
static struct err e;
static int64_t now;
static int server; /* bound; listens when a test says so */
static int results;
static bool last_ok, stop_then;
static char last_why[160];
static char *environ_[] = { NULL };
static const struct process process = { .name = "web", .umask = -1 };
static const struct launch launch = { .process = &process, .environ_ = environ_ };

static int64_t fake_now(void)
{
    return now;
}

static void told(struct prober *p, bool ok, const char *why)
{
    results++;
    last_ok = ok;
    memcpy(last_why, why, strlen(why) + 1);
    if (stop_then)
        prober_stop(p);
}

static int set_up(void **state)
{
    struct sockaddr_in name = { .sin_family = AF_INET };
    (void)state;
    now = 1000;
    results = 0;
    last_ok = stop_then = false;
    last_why[0] = '\0';
    assert_int_equal(events_open(&ev, &e), 0);
    ev.now_ms = fake_now;
    jobs_init(&jobs, &ev, NULL);
    prober_init(&prober, &jobs, NULL, told);
    probe = (struct probe){ .kind = PROBE_TCP,
        .host = "127.0.0.1:80",
        .target = "/health?deep=1",
        .every_ms = 10000,
        .failures = 2 };
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server, (struct sockaddr *)&name, sizeof(name)), 0);
    probe.address_n = sizeof(name);
    return getsockname(server, (struct sockaddr *)&probe.address, &probe.address_n);
}

static int tear_down(void **state)
{
    (void)state;
    prober_stop(&prober);
    assert_int_equal(prober.socket.fd, -1);
    assert_ptr_equal(ev.timers.next, &ev.timers);
    events_close(&ev);
    return close(server);
}

static void begin(enum probe_kind kind, enum probe_use use)
{
    probe.kind = kind;
    prober_begin(&prober, &probe, use, &launch);
}

static void listen_now(void)
{
    assert_int_equal(listen(server, 8), 0);
}

/* Rounds until nothing stirs; on the loopback what is sent has arrived. */
static void settle(void)
{
    for (int i = 0; i < 10; i++)
        events_round(&ev, 0);
}

static void sit(int64_t ms)
{
    now += ms;
    settle();
}

static void result_is(int n, bool ok, const char *why)
{
    assert_int_equal(results, n);
    assert_int_equal(last_ok, ok);
    if (why)
        assert_string_equal(last_why, why);
}

static int accept_one(void)
{
    int fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void reply(int fd, struct str text)
{
    assert_int_equal(send(fd, text.p, text.n, MSG_NOSIGNAL), (ssize_t)text.n);
    settle();
}

static void a_port_that_listens_is_ready(void **state)
{
    (void)state;
    listen_now();
    begin(PROBE_TCP, PROBE_FOR_READY);
    result_is(0, false, NULL); /* never from within begin */
    settle();
    result_is(1, true, NULL);
    sit(100000);
    result_is(1, true, NULL);
}

static void a_port_is_tried_until_it_listens(void **state)
{
    (void)state;
    begin(PROBE_TCP, PROBE_FOR_READY);
    for (int i = 0; i < 20; i++) {
        sit(PROBE_READY_MS);
        assert_string_equal(prober.why, "connection refused");
    }
    result_is(0, false, NULL);
    listen_now();
    sit(PROBE_READY_MS - 1);
    result_is(0, false, NULL);
    sit(1);
    result_is(1, true, NULL);
}

static void refusals_in_a_row_are_not_alive(void **state)
{
    (void)state;
    begin(PROBE_TCP, PROBE_FOR_LIVE);
    sit(9999);
    sit(1);
    result_is(0, false, NULL);
    listen_now();
    sit(10000);
    (void)close(server);
    server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* nobody is at the port */
    sit(10000);
    result_is(0, false, NULL);
    sit(10000);
    result_is(1, false, "connection refused");
    sit(100000);
    result_is(1, false, NULL);
}

static void the_request_is_a_get(void **state)
{
    static const char want[] = "GET /health?deep=1 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n"
                               "User-Agent: groundcontrol\r\nAccept: */*\r\n"
                               "Connection: close\r\n\r\n";
    char text[512];
    (void)state;
    listen_now();
    begin(PROBE_HTTP, PROBE_FOR_READY);
    settle();
    int fd = accept_one();
    assert_int_equal(recv(fd, text, sizeof(text), 0), sizeof(want) - 1);
    assert_memory_equal(text, want, sizeof(want) - 1);
    reply(fd, STR("HTTP/1.1 204 No Content\r\n\r\n"));
    result_is(1, true, NULL);
    (void)close(fd);
}

/* One try with that answer; end: the server closes after it. */
static void answer(struct str text, bool end)
{
    char request[512];
    results = 0;
    begin(PROBE_HTTP, PROBE_FOR_READY);
    settle();
    int fd = accept_one();
    assert_true(recv(fd, request, sizeof(request), 0) > 0);
    reply(fd, text);
    if (end)
        (void)close(fd);
    settle();
    if (!end)
        (void)close(fd);
}

static void the_status_code_decides(void **state)
{
    static const struct {
        struct str text;
        bool ok;
        const char *why;
    } cases[] = {
        { STR("HTTP/1.1 200 OK\r\n\r\n"), true, "answered 200" },
        { STR("HTTP/1.0 399 \r\n"), true, "answered 399" },
        { STR("HTTP/1.1 200\r\n"), true, "answered 200" },
        { STR("HTTP/1.1 200\n"), true, "answered 200" },
        { STR("HTTP/1.1 301 Moved Permanently\r\n"), true, "answered 301" },
        { STR("HTTP/1.1 199 x\r\n"), false, "answered 199" },
        { STR("HTTP/1.1 400 Bad Request\r\n"), false, "answered 400" },
        { STR("HTTP/1.1 503 Service Unavailable\r\n"), false, "answered 503" },
        { STR("HTTP/1.1 2000 OK\r\n"), false, "answered what is not HTTP" },
        { STR("HTTP/1.1 020 OK\r\n"), false, "answered what is not HTTP" },
        { STR("HTTP/1.1 +20 OK\r\n"), false, "answered what is not HTTP" },
        { STR("HTTP/2.0 200 OK\r\n"), false, "answered what is not HTTP" },
        { STR("HTTP/1.1\t200 OK\r\n"), false, "answered what is not HTTP" },
        { STR("SSH-2.0-OpenSSH_9.2\r\n"), false, "answered what is not HTTP" },
        { STR("\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), false, "answered what is not HTTP" },
    };
    (void)state;
    listen_now();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        answer(cases[i].text, false);
        if (results != cases[i].ok || strcmp(prober.why, cases[i].why) != 0)
            fail_msg("%zu: %d, %s", i, results, prober.why);
    }
}

static void an_answer_may_end_early(void **state)
{
    static const struct {
        struct str text;
        bool ok;
        const char *why;
    } cases[] = {
        { STR("HTTP/1.1 200"), true, "answered 200" },
        { STR("HTTP/1.1 20"), false, "answered what is not HTTP" },
        { STR("H"), false, "answered what is not HTTP" },
        { STR(""), false, "closed without an answer" },
    };
    (void)state;
    listen_now();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        answer(cases[i].text, true);
        if (results != cases[i].ok || strcmp(prober.why, cases[i].why) != 0)
            fail_msg("%zu: %d, %s", i, results, prober.why);
    }
}

static void an_answer_may_come_byte_by_byte(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\n";
    (void)state;
    listen_now();
    begin(PROBE_HTTP, PROBE_FOR_READY);
    settle();
    int fd = accept_one();
    for (size_t i = 0; i < 13; i++) {
        result_is(0, false, NULL);
        reply(fd, (struct str){ text + i, 1 });
    }
    result_is(1, true, NULL);
    (void)close(fd);
}

static void a_long_request_is_sent_in_parts(void **state)
{
    static char target[900001], text[1 << 20];
    size_t n = 0, want = strlen("GET  HTTP/1.1\r\nHost: 127.0.0.1:80\r\n"
                                "User-Agent: groundcontrol\r\nAccept: */*\r\n"
                                "Connection: close\r\n\r\n") +
                         sizeof(target) - 1;
    int small = 4096;
    (void)state;
    memset(target, 'x', sizeof(target) - 1);
    target[0] = '/';
    probe.target = target;
    assert_int_equal(setsockopt(server, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    listen_now();
    begin(PROBE_HTTP, PROBE_FOR_READY);
    settle();
    int fd = accept_one();
    while (n < want) {
        ssize_t got = recv(fd, text + n, sizeof(text) - n, MSG_DONTWAIT);
        if (got < 0) {
            assert_int_equal(errno, EAGAIN);
            events_round(&ev, 1000);
            continue;
        }
        assert_true(got > 0);
        n += (size_t)got;
    }
    assert_int_equal(n, want);
    assert_memory_equal(text, "GET /xxx", 8);
    assert_memory_equal(text + n - 4, "\r\n\r\n", 4);
    reply(fd, STR("HTTP/1.1 200 OK\r\n\r\n"));
    result_is(1, true, NULL);
    (void)close(fd);
}

static void who_does_not_answer_has_failed(void **state)
{
    (void)state;
    listen_now();
    begin(PROBE_HTTP, PROBE_FOR_LIVE);
    sit(10000);
    int fd = accept_one();
    reply(fd, STR("HTTP/1.1 2"));
    sit(PROBE_TRY_MS - 1);
    assert_true(prober.socket.fd >= 0);
    sit(1);
    assert_int_equal(prober.socket.fd, -1);
    assert_string_equal(prober.why, "no answer within 5 s");
    (void)close(fd);
    result_is(0, false, NULL);
    sit(PROBE_TRY_MS);
    fd = accept_one();
    sit(PROBE_TRY_MS);
    result_is(1, false, "no answer within 5 s");
    (void)close(fd);
}

static void a_try_is_no_longer_than_its_period(void **state)
{
    (void)state;
    listen_now();
    probe.every_ms = 300;
    begin(PROBE_HTTP, PROBE_FOR_LIVE);
    sit(300);
    int first = accept_one();
    sit(300);
    result_is(0, false, NULL);
    int second = accept_one(); /* the period goes on */
    sit(300);
    result_is(1, false, "no answer within 300 ms");
    (void)close(first);
    (void)close(second);
}

static void a_loop_that_was_late_begins_one_try(void **state)
{
    char c;
    (void)state;
    listen_now();
    begin(PROBE_TCP, PROBE_FOR_LIVE);
    sit(1000000);
    result_is(0, false, NULL);
    int fd = accept_one();
    assert_int_equal(recv(fd, &c, 1, 0), 0);
    assert_int_equal(fcntl(server, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(accept4(server, NULL, NULL, SOCK_CLOEXEC), -1);
    (void)close(fd);
}

static void a_body_is_not_reset(void **state)
{
    char c;
    (void)state;
    listen_now();
    begin(PROBE_HTTP, PROBE_FOR_READY);
    settle();
    int fd = accept_one();
    char request[512];
    assert_true(recv(fd, request, sizeof(request), 0) > 0);
    reply(fd, STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    result_is(1, true, NULL);
    assert_int_equal(recv(fd, &c, 1, 0), 0); /* not ECONNRESET */
    (void)close(fd);
}

static void stopping_closes_the_connection(void **state)
{
    char c;
    (void)state;
    listen_now();
    begin(PROBE_HTTP, PROBE_FOR_READY);
    events_round(&ev, 0); /* it has connected, and not sent */
    prober_stop(&prober);
    int fd = accept_one();
    assert_int_equal(recv(fd, &c, 1, 0), 0);
    (void)close(fd);
    sit(100000);
    result_is(0, false, NULL);
}

static void it_may_be_stopped_from_its_result(void **state)
{
    (void)state;
    stop_then = true;
    probe.failures = 1;
    begin(PROBE_TCP, PROBE_FOR_LIVE);
    sit(10000);
    result_is(1, false, "connection refused");
    listen_now();
    begin(PROBE_TCP, PROBE_FOR_READY);
    settle();
    result_is(2, true, NULL);
}

static void write_file(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        _exit(77);
    (void)close(fd);
}

/* In a network of its own, where the kernel has but the probed port to connect from. */
static void connect_to_oneself(void)
{
    struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(40001) };
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (unshare(CLONE_NEWNET) < 0)
        _exit(77);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
        _exit(77);
    write_file("/proc/sys/net/ipv4/ip_local_port_range", "40001 40001");
    if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
        _exit(77); /* this kernel does not do it */
    struct linger now_ = { 1, 0 };
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now_, sizeof(now_));
    (void)close(fd);
    memcpy(&probe.address, &name, sizeof(name));
    begin(PROBE_TCP, PROBE_FOR_READY);
    settle();
    _exit(results == 0 && strcmp(prober.why, "connection refused") == 0 ? 0 : 1);
}

static void a_connection_with_itself_is_none(void **state)
{
    int status = 0;
    (void)state;
    pid_t child = fork();
    if (child == 0)
        connect_to_oneself();
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_port_that_listens_is_ready),
        TEST(a_port_is_tried_until_it_listens),
        TEST(refusals_in_a_row_are_not_alive),
        TEST(the_request_is_a_get),
        TEST(the_status_code_decides),
        TEST(an_answer_may_end_early),
        TEST(an_answer_may_come_byte_by_byte),
        TEST(a_long_request_is_sent_in_parts),
        TEST(who_does_not_answer_has_failed),
        TEST(a_try_is_no_longer_than_its_period),
        TEST(a_loop_that_was_late_begins_one_try),
        TEST(a_body_is_not_reset),
        TEST(stopping_closes_the_connection),
        TEST(it_may_be_stopped_from_its_result),
        TEST(a_connection_with_itself_is_none),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
