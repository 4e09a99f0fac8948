#include "config/listen_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int with_arena(void **state)
{
    *state = arena_new();
    return 0;
}

static int without_arena(void **state)
{
    arena_free(*state);
    return 0;
}

static struct listen_url parse(void **state, const char *text)
{
    struct listen_url u = { .port = 1 };
    struct err e = ERR_INIT;
    if (listen_url_parse(*state, str_from(text), &u, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    assert_true(str_eq(u.text, str_from(text)));
    return u;
}

static void assert_refused(void **state, const char *text, const char *why)
{
    struct listen_url u;
    struct err e = ERR_INIT;
    if (listen_url_parse(*state, str_from(text), &u, &e) == 0)
        fail_msg("%s was taken", text);
    assert_int_equal(e.kind, ERR_USAGE);
    if (!strstr(e.text, why))
        fail_msg("%s: \"%s\" does not say \"%s\"", text, e.text, why);
}

static void a_tcp_listener_has_host_and_port(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
        bool is_loopback;
    } rows[] = {
        { "http://127.0.0.1:8000", "127.0.0.1", 8000, true },
        { "http://127.255.0.1:0", "127.255.0.1", 0, true },
        { "http://[::1]:1", "::1", 1, true },
        { "HTTP://LocalHost:65535", "LocalHost", 65535, true },
        { "http://0.0.0.0:80", "0.0.0.0", 80, false },
        { "http://[::]:80", "::", 80, false },
        { "http://[::ffff:127.0.0.1]:80", "::ffff:127.0.0.1", 80, false },
        { "http://128.0.0.1:80", "128.0.0.1", 80, false },
        { "http://localhost.example.com:80", "localhost.example.com", 80, false },
        { "http://a-b_c.de:80", "a-b_c.de", 80, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct listen_url u = parse(state, rows[i].text);
        assert_int_equal(u.scheme, LISTEN_HTTP);
        assert_true(str_eq(u.host, str_from(rows[i].host)));
        assert_int_equal(u.port, rows[i].port);
        assert_int_equal(u.is_loopback, rows[i].is_loopback);
    }
}

static void a_listener_is_closed_unless_its_url_opens_it(void **state)
{
    struct listen_url u = parse(state, "http://127.0.0.1:80");
    assert_false(u.anonymous_read || u.token_reads || u.only_health || u.is_builtin);
    u = parse(state, "http://127.0.0.1:80?anonymous=none&token_reads=false");
    assert_false(u.anonymous_read || u.token_reads || u.only_health || u.is_builtin);
    u = parse(state, "http://127.0.0.1:80?anonymous=read&token_reads=true&only=health");
    assert_true(u.anonymous_read && u.token_reads && u.only_health && !u.is_builtin);
}

static void a_unix_listener_has_path_and_mode(void **state)
{
    struct listen_url u = parse(state, "unix:/run/x y.sock");
    assert_int_equal(u.scheme, LISTEN_UNIX);
    assert_true(str_eq(u.path, STR("/run/x y.sock")));
    assert_int_equal(u.mode, 0660);
    assert_false(u.is_loopback);
    u = parse(state, "unix:///run/x.sock?mode=600&anonymous=read");
    assert_true(str_eq(u.path, STR("/run/x.sock")));
    assert_int_equal(u.mode, 0600);
    assert_true(u.anonymous_read);
    assert_int_equal(parse(state, "unix:/x?mode=0777").mode, 0777);
}

static void a_wrong_listener_is_refused_with_what_to_write(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        { "", "http://HOST:PORT or unix:/PATH" },
        { "127.0.0.1:8000", "http://HOST:PORT or unix:/PATH" },
        { "ftp://127.0.0.1:8000", "http://HOST:PORT or unix:/PATH" },
        { "http:/127.0.0.1:8000", "http://HOST:PORT or unix:/PATH" },
        { "http://", "has no host" },
        { "http://127.0.0.1", "has no port" },
        { "http://[::1]", "has no port" },
        { "http://:8000", "0.0.0.0" },
        { "http://*:8000", "0.0.0.0" },
        { "http://*", "0.0.0.0" },
        { "http://127.0.0.1:", "port" },
        { "http://127.0.0.1:65536", "0 to 65535" },
        { "http://127.0.0.1:-1", "0 to 65535" },
        { "http://127.0.0.1:000080", "0 to 65535" },
        { "http://127.0.0.1:80x", "0 to 65535" },
        { "http://127.1:80", "neither an IP address nor a name" },
        { "http://256.0.0.1:80", "neither an IP address nor a name" },
        { "http://0x7f000001:80", "neither an IP address nor a name" },
        { "http://a..b:80", "neither an IP address nor a name" },
        { "http://-a:80", "neither an IP address nor a name" },
        { "http://a b:80", "neither an IP address nor a name" },
        { "http://b\xC3\xBC"
          "cher.de:80",
            "neither an IP address nor a name" },
        { "http://::1:80", "in brackets" },
        { "http://[::1:80", "without its ]" },
        { "http://[::1]80", "no port" },
        { "http://[127.0.0.1]:80", "no IPv6 address" },
        { "http://[fe80::1%eth0]:80", "no IPv6 address" },
        { "http://me@127.0.0.1:80", "user information" },
        { "http://127.0.0.1:80/", "has a path" },
        { "http://127.0.0.1:80#x", "has a #" },
        { "http://127.0.0.1:80\n", "control" },
        { "http://127.0.0.1:80?", "unknown key \"\"" },
        { "http://127.0.0.1:80?anonymous", "read or none" },
        { "http://127.0.0.1:80?anonymous=publish", "read or none" },
        { "http://127.0.0.1:80?anonymous=read&", "unknown key \"\"" },
        { "http://127.0.0.1:80?anonymous=read&anonymous=none", "twice" },
        { "http://127.0.0.1:80?token_reads=1", "true or false" },
        { "http://127.0.0.1:80?only=index", "than health" },
        { "http://127.0.0.1:80?mode=0660", "it takes anonymous=read|none" },
        { "http://127.0.0.1:80?Anonymous=read", "unknown key \"Anonymous\"" },
        { "unix:", "absolute path" },
        { "unix:/", "absolute path" },
        { "unix:x.sock", "absolute path" },
        { "unix://host/x.sock", "absolute path" },
        { "unix:/x?mode=0680", "octal" },
        { "unix:/x?mode=1777", "0777" },
        { "unix:/x?mode=00660", "0777" },
        { "unix:/x?mode=", "0777" },
        { "unix:/x?port=1", "mode=0660" },
        { "unix:/x\x1b[2J", "\\u001B" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_refused(state, rows[i].text, rows[i].why);
}

static void what_later_versions_have_is_named_as_missing(void **state)
{
    static const char *const texts[] = {
        "https://[::]:443?cert=a&key=b",
        "http://tailnet:80",
        "http://tailnet",
        "http://tailnet:80?identity=tailscale",
        "http://127.0.0.1:80?identity=tailscale",
        "http://127.0.0.1:80?cert=a",
        "unix:/run/x.sock?identity=header",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_refused(state, texts[i], "this version does not have yet");
}

static void a_socket_path_fits_its_address(void **state)
{
    char text[128] = "unix:/";
    memset(text + 6, 'a', 106);
    assert_int_equal(parse(state, text).path.n, 107);
    text[112] = 'a';
    assert_refused(state, text, "107 bytes");
}

static void what_is_parsed_outlives_its_text(void **state)
{
    char text[] = "http://example.com:80";
    struct listen_url u;
    struct err e = ERR_INIT;
    assert_int_equal(listen_url_parse(*state, str_from(text), &u, &e), 0);
    memset(text, 'x', sizeof(text));
    assert_true(str_eq(u.host, STR("example.com")));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, with_arena, without_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_tcp_listener_has_host_and_port),
        TEST(a_listener_is_closed_unless_its_url_opens_it),
        TEST(a_unix_listener_has_path_and_mode),
        TEST(a_wrong_listener_is_refused_with_what_to_write),
        TEST(what_later_versions_have_is_named_as_missing),
        TEST(a_socket_path_fits_its_address),
        TEST(what_is_parsed_outlives_its_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
