#include "server/welcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    struct arena *arena;
    struct config config;
    uint16_t ports[3];
    struct buf out;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    f->arena = arena_new();
    f->out = BUF_INIT(64u << 10);
    f->config.data = STR("./data");
    f->config.listeners = arena_array(f->arena, 3, sizeof(struct listen_url));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    buf_deinit(&f->out);
    arena_free(f->arena);
    test_free(f);
    return 0;
}

static void listens(struct fixture *f, const char *url, uint16_t port)
{
    size_t i = f->config.n_listeners++;
    assert_int_equal(listen_url_parse(f->arena, str_from(url), &f->config.listeners[i], NULL), 0);
    f->ports[i] = port;
}

static void assert_base(struct fixture *f, const char *want)
{
    struct str node = STR("crates.tail1234.ts.net");
    assert_true(str_eq(welcome_base_url(f->arena, &f->config, f->ports, node), str_from(want)));
}

static bool says(const struct fixture *f, const char *phrase)
{
    return str_find_str(buf_str(&f->out), str_from(phrase)) != STR_NPOS;
}

static void welcome(struct fixture *f, bool open)
{
    struct access_door door = { .anonymous_read = open };
    welcome_text(&f->out, &f->config, STR("http://base"), f->ports, &door);
    assert_true(buf_ok(&f->out));
}

static void server_url_is_the_base(void **state)
{
    struct fixture *f = *state;
    listens(f, "http://127.0.0.1:8000", 8000);
    f->config.url = STR("https://crates.example");
    assert_base(f, "https://crates.example");
}

static void else_the_first_listener_that_serves_is(void **state)
{
    struct fixture *f = *state;
    listens(f, "http://127.0.0.1:9000?only=health", 9000);
    listens(f, "unix:/run/x.sock", 0);
    listens(f, "http://localhost:0", 4711);
    assert_base(f, "http://localhost:4711");
}

static void an_ipv6_address_stands_in_brackets(void **state)
{
    struct fixture *f = *state;
    listens(f, "http://[::1]:8000", 8000);
    assert_base(f, "http://[::1]:8000");
}

static void port_80_is_left_out(void **state)
{
    struct fixture *f = *state;
    listens(f, "http://127.0.0.1:80", 80);
    assert_base(f, "http://127.0.0.1");
}

static void every_listener_has_its_line_with_its_real_port(void **state)
{
    struct fixture *f = *state;
    listens(f, "http://127.0.0.1:0", 4711);
    listens(f, "unix:/run/x.sock", 0);
    listens(f, "http://[::1]:80", 80);
    welcome_urls(&f->out, &f->config, f->ports);
    assert_true(
        str_eq(buf_str(&f->out), STR("http://127.0.0.1:4711\nunix:/run/x.sock\nhttp://[::1]\n")));
}

static void the_text_says_who_may_read_and_what_to_paste(void **state)
{
    struct fixture *f = *state;
    listens(f, "http://127.0.0.1:0", 4711);
    listens(f, "http://127.0.0.1:9000?only=health", 9000);
    welcome(f, true);
    assert_true(says(f, "listens on  http://127.0.0.1:4711\n"));
    assert_true(says(f, "http://127.0.0.1:9000  (health alone)\n"));
    assert_true(says(f, "reading     open to all"));
    assert_true(says(f, " token new NAME --data ./data\n"));
    assert_true(says(f, "index = \"sparse+http://base/index/\""));
}

static void a_closed_registry_says_so(void **state)
{
    struct fixture *f = *state;
    listens(f, "http://127.0.0.1:8000", 8000);
    welcome(f, false);
    assert_true(says(f, "reading     needs a token"));
    assert_false(says(f, "open to all"));
}

static void behind_a_program_that_names_people_no_token_is_asked_for(void **state)
{
    struct fixture *f = *state;
    struct access_door door = { .identity = LISTEN_HEADER };
    listens(f, "unix:/run/x.sock?identity=header&peer=0", 0);
    welcome_text(&f->out, &f->config, STR("https://base"), f->ports, &door);
    assert_true(says(f, "said by the program in front") && says(f, "token = \"tailscale\""));
    assert_false(says(f, "needs a token"));
}

static void without_a_url_there_is_nothing_to_paste(void **state)
{
    struct fixture *f = *state;
    struct access_door door = { 0 };
    listens(f, "http://127.0.0.1:8001?only=health", 8001);
    struct str base = welcome_base_url(f->arena, &f->config, f->ports, STR_NONE);
    welcome_text(&f->out, &f->config, base, f->ports, &door);
    assert_true(says(f, "http://127.0.0.1:8001  (health alone)"));
    assert_false(says(f, "cargo"));
}

static void the_full_name_of_the_node_is_the_base_on_a_tailnet(void **state)
{
    struct fixture *f = *state;
    listens(f, "http://127.0.0.1:9000", 9000);
    listens(f, "http://tailnet:80?identity=tailscale", 80);
    assert_base(f, "http://crates.tail1234.ts.net");
    f->ports[1] = 8000;
    assert_base(f, "http://crates.tail1234.ts.net:8000");
    f->config.url = STR("https://crates.example");
    assert_base(f, "https://crates.example");
}

static void the_tailnet_s_own_listener_is_told_by_its_loopback_part(void **state)
{
    struct fixture *f = *state;
    listens(f, "http://tailnet:80?identity=tailscale", 8080);
    welcome_urls(&f->out, &f->config, f->ports);
    assert_true(str_eq(buf_str(&f->out), STR("http://127.0.0.1:8080\n")));
    welcome_waiting(&f->out, &f->config, f->ports);
    assert_true(says(f, "http://127.0.0.1:8080/healthz\n"));
}

/* What welcome_tailnet says with the settings at hand. */
static void welcome_on_tailnet(struct fixture *f)
{
    struct str addresses[] = { STR("100.64.0.1"), STR("fd7a:115c:a1e0::1") };
    struct tailnet_node node = { .running = true,
        .tun = true,
        .name = STR("crates.tail1234.ts.net"),
        .addresses = addresses,
        .n_addresses = 2 };
    struct access *a = access_new(&f->config);
    welcome_tailnet(&f->out, &f->config, &node, STR("http://crates.tail1234.ts.net"), a);
    access_free(a);
    assert_true(buf_ok(&f->out));
}

static void on_a_tailnet_the_text_says_whom_it_lets_through_and_with_what(void **state)
{
    struct fixture *f = *state;
    f->config.members = STR("publish");
    f->config.tagged = STR("none");
    f->config.accounts = STR("publish");
    f->config.capability = STR("superguppy.internal/cap/registry");
    welcome_on_tailnet(f);
    assert_true(says(f, "send people to  http://crates.tail1234.ts.net/\n"));
    assert_true(says(f, "people of the tailnet: publish  (access.members)\n"));
    assert_true(says(f, "tagged nodes: nothing of their own  (access.tagged)\n"));
    assert_true(says(f, "grants superguppy.internal/cap/registry"));
    assert_true(says(f, "nobody yet") && says(f, "access.admins"));
    assert_true(
        says(f, "index = \"sparse+http://crates.tail1234.ts.net/index/\"\ntoken = \"tailscale\""));
}

static void admins_are_named(void **state)
{
    struct fixture *f = *state;
    struct str admins[] = { STR("anna@corp.test"), STR("tag:ops") };
    f->config.members = f->config.tagged = f->config.accounts = STR("none");
    f->config.admins = (struct config_list){ admins, 2 };
    welcome_on_tailnet(f);
    assert_true(says(f, "admins          anna@corp.test, tag:ops\n"));
    assert_false(says(f, "nobody yet"));
}

static void every_log_level_of_the_settings_is_known(void **state)
{
    static const struct {
        const char *name;
        enum log_level level;
    } rows[] = { { "error", LOG_ERROR }, { "warn", LOG_WARN }, { "info", LOG_INFO },
        { "debug", LOG_DEBUG } };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        f->config.log_level = str_from(rows[i].name);
        assert_int_equal(welcome_log_level(&f->config), rows[i].level);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(server_url_is_the_base),
        T(else_the_first_listener_that_serves_is),
        T(an_ipv6_address_stands_in_brackets),
        T(port_80_is_left_out),
        T(every_listener_has_its_line_with_its_real_port),
        T(the_text_says_who_may_read_and_what_to_paste),
        T(a_closed_registry_says_so),
        T(behind_a_program_that_names_people_no_token_is_asked_for),
        T(without_a_url_there_is_nothing_to_paste),
        T(the_full_name_of_the_node_is_the_base_on_a_tailnet),
        T(the_tailnet_s_own_listener_is_told_by_its_loopback_part),
        T(on_a_tailnet_the_text_says_whom_it_lets_through_and_with_what),
        T(admins_are_named),
        T(every_log_level_of_the_settings_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
