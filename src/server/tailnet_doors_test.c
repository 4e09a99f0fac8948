#include "server/tailnet_doors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>

/* Addresses of 127.0.0.0/8 stand for those of the tailnet: this machine has them all. */
struct fixture {
    struct loop *loop;
    struct worker_pool *pool;
    struct http_server *http;
    struct tailnet_doors *doors;
    struct api_door door;
    uint16_t port;
};

static void on_request(void *ctx, struct request *req)
{
    (void)ctx;
    (void)req;
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct http_handler handler = { .on_request = on_request };
    assert_int_equal(loop_new(&f->loop, NULL), 0);
    assert_int_equal(worker_pool_new(1, 10, &f->pool, NULL), 0);
    assert_int_equal(
        http_server_new(f->loop, f->pool, &http_limits_default, &handler, &f->http, NULL), 0);
    assert_int_equal(http_listen_tcp(f->http, STR("127.0.0.1"), 0, &f->door, &f->port, NULL), 0);
    f->doors = tailnet_doors_new(f->loop, f->http);
    tailnet_doors_add(f->doors, f->port, &f->door);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    http_server_free(f->http);
    tailnet_doors_free(f->doors);
    worker_pool_free(f->pool);
    loop_free(f->loop);
    test_free(f);
    return 0;
}

static int follow(struct fixture *f, bool tun, struct str *addresses, size_t n, struct err *e)
{
    struct tailnet_node node = {
        .running = true, .tun = tun, .addresses = addresses, .n_addresses = n
    };
    return tailnet_doors_follow(f->doors, &node, e);
}

static bool is_open(const struct fixture *f, const char *ip)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(f->port) };
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(inet_pton(AF_INET, ip, &at.sin_addr), 1);
    return connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
}

static void in_tun_mode_the_node_s_addresses_are_open_and_no_others(void **state)
{
    struct fixture *f = *state;
    struct str addresses[] = { STR("127.0.7.1"), STR("127.0.7.2") };
    assert_int_equal(follow(f, true, addresses, 2, NULL), 0);
    assert_true(is_open(f, "127.0.7.1") && is_open(f, "127.0.7.2"));
    assert_true(is_open(f, "127.0.0.1"));
    assert_false(is_open(f, "127.0.7.3"));
}

static void in_userspace_mode_loopback_is_all(void **state)
{
    struct fixture *f = *state;
    struct str addresses[] = { STR("127.0.7.1") };
    assert_int_equal(follow(f, false, addresses, 1, NULL), 0);
    assert_false(is_open(f, "127.0.7.1"));
    assert_true(is_open(f, "127.0.0.1"));
}

static void an_address_that_goes_is_closed_and_may_come_back(void **state)
{
    struct fixture *f = *state;
    struct str before[] = { STR("127.0.7.1") }, after[] = { STR("127.0.7.2") };
    assert_int_equal(follow(f, true, before, 1, NULL), 0);
    assert_int_equal(follow(f, true, after, 1, NULL), 0);
    assert_false(is_open(f, "127.0.7.1"));
    assert_true(is_open(f, "127.0.7.2"));
    assert_int_equal(follow(f, true, before, 1, NULL), 0);
    assert_true(is_open(f, "127.0.7.1"));
    assert_false(is_open(f, "127.0.7.2"));
}

/* TEST-NET-1: the address of nobody here, as one that its interface does not have yet. */
static void an_address_that_is_not_there_yet_is_no_error(void **state)
{
    struct fixture *f = *state;
    struct str addresses[] = { STR("192.0.2.1"), STR("127.0.7.1") };
    assert_int_equal(follow(f, true, addresses, 2, NULL), 0);
    assert_true(is_open(f, "127.0.7.1"));
}

static void a_port_that_is_taken_there_is_told_with_the_cure(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(f->port) };
    struct str addresses[] = { STR("127.0.7.9") };
    struct err e = ERR_INIT;
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(inet_pton(AF_INET, "127.0.7.9", &at.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(follow(f, true, addresses, 1, &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_non_null(strstr(e.text, "127.0.7.9"));
    assert_non_null(strstr(e.text, "--listen"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(in_tun_mode_the_node_s_addresses_are_open_and_no_others),
        T(in_userspace_mode_loopback_is_all),
        T(an_address_that_goes_is_closed_and_may_come_back),
        T(an_address_that_is_not_there_yet_is_no_error),
        T(a_port_that_is_taken_there_is_told_with_the_cure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
