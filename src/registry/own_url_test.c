#include "registry/own_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define CRATES_IO "https://github.com/rust-lang/crates.io-index"

static int new_arena(void **state)
{
    *state = arena_new();
    return 0;
}

static int free_arena(void **state)
{
    arena_free(*state);
    return 0;
}

static struct str hosts[] = { { "crates", 6 }, { "other.example:8443", 18 } };
static struct str aliases[] = { { "https://old/git/index", 21 } };
static struct str registries[] = { { CRATES_IO, sizeof(CRATES_IO) - 1 },
    { "sparse+https://friends.example/index/", 37 } };

static const struct str tailnet_names[] = { { "crates.tail1234.ts.net", 22 }, { "Crates2", 7 },
    { "100.64.0.1", 10 }, { "fd7a:115c:a1e0::1", 17 } };

/* A server at base_url with one listener, the names above, and the lists above. */
static struct own_urls *urls_on(
    struct arena *a, const char *listen, const char *base_url, const struct own_names *tailnet)
{
    struct config *c = ARENA_NEW(a, struct config);
    c->hosts = (struct config_list){ hosts, ARRAY_LEN(hosts) };
    c->aliases = (struct config_list){ aliases, ARRAY_LEN(aliases) };
    c->registries = (struct config_list){ registries, ARRAY_LEN(registries) };
    c->listeners = ARENA_NEW(a, struct listen_url);
    c->n_listeners = 1;
    assert_int_equal(listen_url_parse(a, str_from(listen), c->listeners, NULL), 0);
    uint16_t *port = arena_alloc(a, sizeof(*port));
    *port = c->listeners->port ? c->listeners->port : 4711;
    return own_urls_new(a, c, str_from(base_url), port, tailnet);
}

static struct own_urls *urls(struct arena *a, const char *listen, const char *base_url)
{
    return urls_on(a, listen, base_url, NULL);
}

static struct own_urls *tailnet_urls(struct arena *a, const char *listen)
{
    static const struct own_names names = { tailnet_names, ARRAY_LEN(tailnet_names) };
    return urls_on(a, listen, "http://base", &names);
}

struct host_row {
    const char *host;
    bool ours;
};

static void check_hosts(const struct own_urls *o, const struct host_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (own_urls_has_host(o, str_from(rows[i].host)) != rows[i].ours)
            fail_msg("%s", rows[i].host);
    }
}

static void a_loopback_listener_is_known_by_all_its_names(void **state)
{
    static const struct host_row rows[] = { { "127.0.0.1:4711", true }, { "localhost:4711", true },
        { "127.0.0.1:4712", false }, { "localhost", false }, { "127.0.0.1", false },
        { "evil.example", false }, { "evil.example:4711", false }, { "", false } };
    check_hosts(urls(*state, "http://127.0.0.1:0", "http://127.0.0.1:4711"), rows, ARRAY_LEN(rows));
}

static void a_client_leaves_port_80_out(void **state)
{
    static const struct host_row rows[] = { { "127.0.0.1", true }, { "localhost", true },
        { "localhost:80", true }, { "[::1]", false } };
    check_hosts(urls(*state, "http://127.0.0.1:80", "http://127.0.0.1"), rows, ARRAY_LEN(rows));
}

static void an_ipv6_listener_is_named_in_brackets(void **state)
{
    static const struct host_row rows[] = { { "[::1]:8000", true }, { "localhost:8000", true },
        { "::1:8000", false }, { "[::1]", false }, { "[::2]:8000", false } };
    check_hosts(urls(*state, "http://[::1]:8000", "http://[::1]:8000"), rows, ARRAY_LEN(rows));
}

static void a_configured_name_without_a_port_stands_for_any(void **state)
{
    static const struct host_row rows[] = { { "crates", true }, { "crates:8000", true },
        { "crates:", true }, { "crates.evil", false }, { "other.example:8443", true },
        { "other.example", false }, { "other.example:8444", false }, { "xcrates", false } };
    check_hosts(urls(*state, "http://127.0.0.1:8000", "http://a"), rows, ARRAY_LEN(rows));
}

static void the_scheme_s_own_port_in_server_url_is_no_difference(void **state)
{
    static const struct {
        const char *url, *host;
        bool ours;
    } rows[] = {
        { "http://base:80", "base", true },
        { "https://base:443", "base", true },
        { "http://base:8080", "base:8080", true },
        { "http://base:8080", "base", false },
        { "http://base:443", "base", false },
        { "https://base:80", "base:80", true },
        { "http://[2001:db8::80]:80", "[2001:db8::80]", true },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct own_urls *o = urls(*state, "http://127.0.0.1:8000", rows[i].url);
        if (own_urls_has_host(o, str_from(rows[i].host)) != rows[i].ours)
            fail_msg("%s as %s", rows[i].url, rows[i].host);
    }
}

static void on_the_tailnet_every_name_of_the_node_is_ours(void **state)
{
    static const struct host_row rows[] = { { "crates.tail1234.ts.net", true },
        { "crates.tail1234.ts.net:80", true }, { "crates", true }, { "crates.evil.ts.net", false },
        { "crates2", true }, { "100.64.0.1", true }, { "[fd7a:115c:a1e0::1]", true },
        { "fd7a:115c:a1e0::1", false }, { "100.64.0.2", false }, { "tailnet", false },
        { "127.0.0.1", false }, { "localhost", false }, { "evil.tail1234.ts.net", false } };
    check_hosts(tailnet_urls(*state, "http://tailnet?identity=tailscale"), rows, ARRAY_LEN(rows));
    static const struct host_row others[] = { { "crates.tail1234.ts.net:8000", true },
        { "crates.tail1234.ts.net", false }, { "crates2:8000", true }, { "100.64.0.1:8000", true },
        { "[fd7a:115c:a1e0::1]:8000", true }, { "127.0.0.1:8000", true } };
    check_hosts(tailnet_urls(*state, "http://127.0.0.1:8000?identity=tailscale"), others,
        ARRAY_LEN(others));
}

static void the_tailnets_names_are_of_its_listeners_alone(void **state)
{
    static const struct host_row rows[] = { { "crates.tail1234.ts.net:8000", false },
        { "100.64.0.1:8000", false }, { "127.0.0.1:8000", true } };
    check_hosts(tailnet_urls(*state, "http://127.0.0.1:8000"), rows, ARRAY_LEN(rows));
}

static void the_tailnets_names_mean_this_registry_in_dependencies(void **state)
{
    static const char *const own[] = { "sparse+http://crates.tail1234.ts.net/index/",
        "sparse+https://crates.tail1234.ts.net/index/", "http://crates2/git/index",
        "sparse+http://[fd7a:115c:a1e0::1]/index/" };
    const struct own_urls *o = tailnet_urls(*state, "http://tailnet?identity=tailscale");
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        struct str stored = STR("x");
        if (own_urls_resolve(o, str_from(own[i]), &stored, NULL) < 0 || stored.p)
            fail_msg("%s", own[i]);
    }
}

static void every_spelling_of_our_own_index_is_stored_as_none(void **state)
{
    static const char *const own[] = { "sparse+http://base/index/", "sparse+http://base/index",
        "sparse+https://base/index/", "http://base/git/index", "https://base/git/index/",
        "sparse+http://CRATES:9000/index/", "sparse+http://127.0.0.1:8000/index/",
        "sparse+http://localhost:8000/index/", "sparse+https://other.example:8443/index/",
        "https://old/git/index", "https://old/git/index/" };
    const struct own_urls *o = urls(*state, "http://127.0.0.1:8000", "http://base");
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        struct str stored = STR("x");
        if (own_urls_resolve(o, str_from(own[i]), &stored, NULL) < 0 || stored.p)
            fail_msg("%s", own[i]);
    }
}

static void a_listed_registry_keeps_its_url(void **state)
{
    static const char *const listed[] = { CRATES_IO, CRATES_IO "/",
        "sparse+https://friends.example/index/", "sparse+https://friends.example/index" };
    const struct own_urls *o = urls(*state, "http://127.0.0.1:8000", "http://base");
    for (size_t i = 0; i < ARRAY_LEN(listed); i++) {
        struct str stored = STR_NONE;
        assert_int_equal(own_urls_resolve(o, str_from(listed[i]), &stored, NULL), 0);
        assert_true(str_eq(stored, str_from(listed[i])));
    }
}

static void any_other_registry_is_refused_with_the_cure(void **state)
{
    static const char *const foreign[] = { "", "sparse+https://evil.example/index/",
        "sparse+http://base/index//", "sparse+http://base/Index/", "http://base/index/",
        "sparse+http://base/git/index", "sparse+http://base/index/?x",
        "sparse+http://x@base/index/", "sparse+http://base.evil/index/",
        "sparse+http://base:1/index/evil", "sparse+ftp://base/index/",
        "sparse+sparse+http://base/index/", "base/index/", "file:///index",
        "sparse+http:///index/" };
    const struct own_urls *o = urls(*state, "http://127.0.0.1:8000", "http://base");
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        struct err e = ERR_INIT;
        struct str stored = STR_NONE;
        if (own_urls_resolve(o, str_from(foreign[i]), &stored, &e) == 0)
            fail_msg("%s", foreign[i]);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_non_null(strstr(e.text, "server.registries"));
    }
}

static void a_url_of_any_length_is_judged(void **state)
{
    char url[5000];
    struct str stored;
    struct err e = ERR_INIT;
    const struct own_urls *o = urls(*state, "http://127.0.0.1:8000", "http://base");
    memset(url, 'h', sizeof(url));
    memcpy(url, "sparse+http://", 14);
    assert_int_equal(own_urls_resolve(o, (struct str){ url, sizeof(url) }, &stored, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, new_arena, free_arena)
    const struct CMUnitTest tests[] = {
        T(a_loopback_listener_is_known_by_all_its_names),
        T(a_client_leaves_port_80_out),
        T(an_ipv6_listener_is_named_in_brackets),
        T(a_configured_name_without_a_port_stands_for_any),
        T(the_scheme_s_own_port_in_server_url_is_no_difference),
        T(on_the_tailnet_every_name_of_the_node_is_ours),
        T(the_tailnets_names_are_of_its_listeners_alone),
        T(the_tailnets_names_mean_this_registry_in_dependencies),
        T(every_spelling_of_our_own_index_is_stored_as_none),
        T(a_listed_registry_keeps_its_url),
        T(any_other_registry_is_refused_with_the_cure),
        T(a_url_of_any_length_is_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
