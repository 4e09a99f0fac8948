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

static void a_tailnet_listener_knows_its_peers(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
        bool is_tailnet, is_loopback;
    } rows[] = {
        { "http://tailnet:80?identity=tailscale", "tailnet", 80, true, false },
        { "http://tailnet?identity=tailscale", "tailnet", 80, true, false },
        { "http://TailNet:8000?token_reads=true&identity=tailscale", "tailnet", 8000, true, false },
        { "http://tailnet:0?identity=tailscale&anonymous=read", "tailnet", 0, true, false },
        { "http://tailnet:81?only=health&identity=tailscale", "tailnet", 81, true, false },
        { "http://127.0.0.1:80?identity=tailscale", "127.0.0.1", 80, false, true },
        { "http://100.64.0.1:80?identity=tailscale", "100.64.0.1", 80, false, false },
        { "http://[fd7a:115c:a1e0::1]:80?identity=tailscale", "fd7a:115c:a1e0::1", 80, false,
            false },
        { "http://tailnet.example:80?identity=tailscale", "tailnet.example", 80, false, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct listen_url u = parse(state, rows[i].text);
        assert_int_equal(u.identity, LISTEN_TAILSCALE);
        assert_true(str_eq(u.host, str_from(rows[i].host)));
        assert_int_equal(u.port, rows[i].port);
        assert_int_equal(u.is_tailnet, rows[i].is_tailnet);
        assert_int_equal(u.is_loopback, rows[i].is_loopback);
        assert_true(u.header.p == NULL && u.n_peers == 0);
    }
    assert_int_equal(parse(state, "http://127.0.0.1:80").identity, LISTEN_NO_IDENTITY);
}

static void a_listener_on_every_network_cannot_ask_the_tailnet(void **state)
{
    static const char *const hosts[] = { "0.0.0.0", "[::]", "[0::0]", "[0:0:0:0:0:0:0:0]",
        "[::0.0.0.0]", "[::ffff:0.0.0.0]", "[::ffff:0:0]" };
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct str text = arena_printf(*state, "http://%s:8080?identity=tailscale", hosts[i]);
        assert_refused(state, text.p, "write http://tailnet:8080?identity=tailscale");
    }
}

static void a_proxys_listener_names_a_field_and_who_may_connect(void **state)
{
    struct listen_url u = parse(state, "unix:/run/x.sock?identity=header&peer=oauth2-proxy");
    assert_int_equal(u.identity, LISTEN_HEADER);
    assert_true(str_eq(u.header, STR("x-forwarded-user")));
    assert_int_equal(u.n_peers, 1);
    assert_true(str_eq(u.peers[0], STR("oauth2-proxy")));
    assert_int_equal(u.mode, 0660);
    u = parse(state, "unix:/x?peer=998&mode=0600&header=X-WebAuth-User&peer=_www.1@corp.test&"
                     "identity=header&peer=0");
    assert_true(str_eq(u.header, STR("x-webauth-user")));
    assert_int_equal(u.n_peers, 3);
    assert_true(str_eq(u.peers[0], STR("998")));
    assert_true(str_eq(u.peers[1], STR("_www.1@corp.test")));
    assert_true(str_eq(u.peers[2], STR("0")));
    assert_int_equal(u.mode, 0600);
}

static void a_field_that_clients_send_themselves_names_nobody(void **state)
{
    static const char *const names[] = { "host", "Authorization", "content-length", "Connection",
        "transfer-encoding", "TE", "upgrade", "cookie", "Accept", "accept-encoding", "if-match",
        "If-None-Match", "Sec-Fetch-Site", "proxy-authorization", "user-agent", "x-forwarded-for",
        "origin", "range", "expect", "http2-settings", "tailscale-funnel-request" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct str text =
            arena_printf(*state, "unix:/x?identity=header&header=%s&peer=0", names[i]);
        assert_refused(state, text.p, "header=X-Forwarded-User");
    }
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

static void a_wrong_identity_is_refused_with_what_to_write(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        { "http://tailnet", "write http://tailnet:80?identity=tailscale" },
        { "http://tailnet:80", "write http://tailnet:80?identity=tailscale" },
        { "http://tailnet:80?anonymous=read", "write http://tailnet:80?identity=tailscale" },
        { "http://tailnet:?identity=tailscale", "port" },
        { "http://tailnet/?identity=tailscale", "has a path" },
        { "http://me@tailnet?identity=tailscale", "user information" },
        { "http://127.0.0.1?identity=tailscale", "has no port" },
        { "http://127.0.0.1:80?identity=", "than tailscale or header" },
        { "http://127.0.0.1:80?identity=Tailscale", "than tailscale or header" },
        { "http://127.0.0.1:80?identity=header", "write unix:/PATH?identity=header&peer=USER" },
        { "http://127.0.0.1:80?header=x-user", "write unix:/PATH?identity=header&peer=USER" },
        { "http://tailnet?identity=tailscale&peer=0", "write unix:/PATH?identity=header" },
        { "http://tailnet?identity=tailscale&identity=tailscale", "twice" },
        { "http://127.0.0.1:80?x=1", "only=health, identity=tailscale" },
        { "unix:/x?x=1", "identity=header, header=NAME, peer=USER|UID" },
        { "unix:/x?identity=tailscale", "write http://tailnet:80?identity=tailscale" },
        { "unix:/x?identity=header", "without peer" },
        { "unix:/x?identity=header&header=x-user", "without peer" },
        { "unix:/x?peer=0", "without identity=header" },
        { "unix:/x?header=x-user", "without identity=header" },
        { "unix:/x?identity=header&peer=0&header=", "no name of one" },
        { "unix:/x?identity=header&peer=0&header=x user", "no name of one" },
        { "unix:/x?identity=header&peer=0&header=x:user", "no name of one" },
        { "unix:/x?identity=header&peer=0&header=:path", "no name of one" },
        { "unix:/x?identity=header&peer=0&header=x\xC3\xBC", "no name of one" },
        { "unix:/x?identity=header&peer=0&header=a&header=b", "twice" },
        { "unix:/x?identity=header&peer=", "user's name nor a uid" },
        { "unix:/x?identity=header&peer=a b", "user's name nor a uid" },
        { "unix:/x?identity=header&peer=a:b", "user's name nor a uid" },
        { "unix:/x?identity=header&peer=/a", "user's name nor a uid" },
        { "unix:/x?identity=header&peer=-1", "user's name nor a uid" },
        { "unix:/x?identity=header&peer=12a", "user's name nor a uid" },
        { "unix:/x?identity=header&peer=4294967295", "user's name nor a uid" },
        { "unix:/x?identity=header&peer=4294967296", "user's name nor a uid" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_refused(state, rows[i].text, rows[i].why);
}

static void what_later_versions_have_is_named_as_missing(void **state)
{
    static const char *const texts[] = {
        "https://[::]:443?cert=a&key=b",
        "https://tailnet:443?identity=tailscale",
        "http://127.0.0.1:80?cert=a",
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
        TEST(a_tailnet_listener_knows_its_peers),
        TEST(a_listener_on_every_network_cannot_ask_the_tailnet),
        TEST(a_proxys_listener_names_a_field_and_who_may_connect),
        TEST(a_field_that_clients_send_themselves_names_nobody),
        TEST(a_wrong_listener_is_refused_with_what_to_write),
        TEST(a_wrong_identity_is_refused_with_what_to_write),
        TEST(what_later_versions_have_is_named_as_missing),
        TEST(a_socket_path_fits_its_address),
        TEST(what_is_parsed_outlives_its_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
