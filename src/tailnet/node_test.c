#include "tailnet/node.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define UP                                                                                         \
    "\"Version\":\"1.102.3\",\"TUN\":true,\"BackendState\":\"Running\",\"AuthURL\":\"\","          \
    "\"TailscaleIPs\":[\"fd7a:115c:a1e0::1\",\"100.64.0.1\"],\"Health\":null,"                     \
    "\"CurrentTailnet\":{\"Name\":\"corp.test\",\"MagicDNSEnabled\":true},"                        \
    "\"User\":{\"7\":{\"ID\":7,\"LoginName\":\"anna@corp.test\"}}"
#define SELF "\"ID\":\"nR1\",\"DNSName\":\"crates.rig.test.\",\"UserID\":7"
#define STATUS(self) "{" UP ",\"Self\":{" self "}}"

static struct arena *arena;
static struct tailnet_node node;
static struct err e;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static int parse(const char *text)
{
    e = ERR_INIT;
    return tailnet_node_parse(arena, str_from(text), &node, &e);
}

static void equals(struct str s, const char *want)
{
    assert_string_equal(str_cstr(arena, s), want);
}

static void a_running_node_tells_all(void **state)
{
    (void)state;
    assert_int_equal(parse(STATUS(SELF)), 0);
    assert_true(node.running && node.tun && node.magic_dns);
    assert_false(node.key_expired);
    equals(node.stable_id, "nR1");
    equals(node.name, "crates.rig.test");
    equals(node.tailnet, "corp.test");
    equals(node.login, "anna@corp.test");
    equals(node.version, "1.102.3");
    assert_int_equal(node.n_addresses, 2);
    equals(node.addresses[0], "100.64.0.1"); /* IPv4 first */
    equals(node.addresses[1], "fd7a:115c:a1e0::1");
    assert_true(node.key_expiry == 0 && node.n_health == 0 && node.control.n == 0);
}

static void a_tagged_node_has_no_login(void **state)
{
    (void)state;
    assert_int_equal(parse(STATUS(SELF ",\"Tags\":[\"tag:registry\"]")), 0);
    equals(node.tags[0], "tag:registry");
    assert_int_equal(node.login.n, 0);
}

static void a_node_without_login_or_address_does_not_run(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"BackendState\":\"NeedsLogin\",\"AuthURL\":\"https://l.test/a/1\","
                           "\"TailscaleIPs\":null,\"Self\":{\"ID\":\"\",\"DNSName\":\"\"},"
                           "\"CurrentTailnet\":null,\"User\":null}"),
        0);
    assert_false(node.running);
    equals(node.state, "NeedsLogin");
    equals(node.auth_url, "https://l.test/a/1");
    assert_int_equal(
        parse("{\"BackendState\":\"Running\",\"Self\":{" SELF "},\"TailscaleIPs\":[]}"), 0);
    assert_false(node.running);
}

static void expiry_is_read_in_all_forms_of_rfc_3339(void **state)
{
    static const struct {
        const char *text;
        int64_t want; /* -1: refused */
    } cases[] = {
        { "2026-10-07T17:23:30Z", 1791393810 },
        { "2026-10-07T17:23:30.123456789Z", 1791393810 },
        { "2026-10-07T19:23:30+02:00", 1791393810 },
        { "2026-10-07T12:53:30.5-04:30", 1791393810 },
        { "0001-01-01T00:00:00Z", 0 },
        { "1969-01-01T00:00:00Z", 1 },
        { "", 0 },
        { "2026-02-30T00:00:00Z", -1 },
        { "2026-10-07", -1 },
        { "2026-10-07T17:23:30", -1 },
        { "2026-10-07T17:23:30.Z", -1 },
        { "2026-10-07T17:23:30+0200", -1 },
        { "2026-10-07T17:23:30+24:00", -1 },
        { "2026-10-07T17:23:30Zx", -1 },
        { "tomorrow", -1 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[1024];
        (void)snprintf(
            text, sizeof(text), "{" UP ",\"Self\":{" SELF ",\"KeyExpiry\":\"%s\"}}", cases[i].text);
        int rc = parse(text);
        if (cases[i].want < 0) {
            assert_int_equal(rc, -1);
            assert_int_equal(e.kind, ERR_INVALID);
        } else {
            assert_int_equal(rc, 0);
            assert_true(node.key_expiry == cases[i].want);
        }
    }
}

static void warnings_are_kept_short_and_on_one_line(void **state)
{
    AUTO_BUF struct buf b = BUF_INIT(1u << 20);
    (void)state;
    buf_add(&b, STR("{\"BackendState\":\"Stopped\",\"Health\":[\"a\\nb\\u0007\""));
    for (int i = 0; i < 100; i++)
        buf_addf(&b, ",\"%01000d\"", i);
    buf_add(&b, STR("]}"));
    assert_int_equal(tailnet_node_parse(arena, buf_str(&b), &node, &e), 0);
    equals(node.health[0], "a b ");
    assert_true(node.n_health < 100 && node.health[1].n < 1000);
}

static void a_status_that_is_not_clear_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "null",
        "{}",
        "404 page not found",
        "{\"BackendState\":6}",
        "{\"BackendState\":\"\"}",
        "{\"BackendState\":\"Running\\n\"}",
        "{\"BackendState\":\"Running\",\"TailscaleIPs\":[\"100.64.0.1\"]}",
        "{\"BackendState\":\"Stopped\",\"BackendState\":\"Running\"}",
        "{\"BackendState\":\"Stopped\",\"TUN\":\"true\"}",
        "{\"BackendState\":\"Stopped\",\"TailscaleIPs\":[\"100.64.0.1/32\"]}",
        "{\"BackendState\":\"Stopped\",\"TailscaleIPs\":[7]}",
        "{\"BackendState\":\"Stopped\",\"AuthURL\":\"https://x\\u001b[2J\"}",
        "{\"BackendState\":\"Stopped\",\"Health\":{}}",
        "{\"BackendState\":\"Stopped\",\"Health\":[1]}",
        "{\"BackendState\":\"Stopped\",\"CurrentTailnet\":[]}",
        "{\"BackendState\":\"Stopped\",\"Self\":\"me\"}",
        STATUS("\"ID\":1"),
        STATUS("\"ID\":\"n\",\"DNSName\":\"a/b\""),
        STATUS("\"ID\":\"n\",\"DNSName\":\"a@b\""),
        STATUS("\"ID\":\"n\",\"DNSName\":\".b\""),
        STATUS("\"ID\":\"n\",\"Tags\":[\"registry\"]"),
        STATUS("\"ID\":\"n\",\"UserID\":7.5"),
        STATUS("\"ID\":\"n\",\"KeyExpiry\":7"),
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (parse(bad[i]) == 0)
            fail_msg("taken for a status: %s", bad[i]);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_true(e.text[0]);
    }
}

static void one_control_server_has_one_name(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "{\"ControlURL\":\"http://10.99.0.1:18080\"}", "http://10.99.0.1:18080" },
        { "{\"ControlURL\":\"https://hs.corp.test/\"}", "https://hs.corp.test" },
        { "{\"ControlURL\":\"\"}", "https://controlplane.tailscale.com" },
        { "{\"ControlURL\":\"https://login.tailscale.com\"}",
            "https://controlplane.tailscale.com" },
        { "{\"ControlURL\":\"https://controlplane.tailscale.com\"}",
            "https://controlplane.tailscale.com" },
        { "{\"ControlURL\":7}", NULL },
        { "{\"ControlURL\":\"a\\nb\"}", NULL },
        { "{}", NULL },
        { "", NULL },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str control = STR_NONE;
        e = ERR_INIT;
        int rc = tailnet_control_parse(arena, str_from(cases[i].text), &control, &e);
        assert_int_equal(rc, cases[i].want ? 0 : -1);
        if (cases[i].want)
            equals(control, cases[i].want);
        else
            assert_int_equal(e.kind, ERR_INVALID);
    }
}

static void nodes_are_equal_when_they_say_the_same(void **state)
{
    static const char *const others[] = {
        STATUS(SELF ",\"Tags\":[\"tag:registry\"]"),
        STATUS(SELF ",\"Expired\":true"),
        STATUS(SELF ",\"KeyExpiry\":\"2026-10-07T17:23:30Z\""),
        STATUS("\"ID\":\"nR2\",\"DNSName\":\"crates.rig.test.\",\"UserID\":7"),
        STATUS("\"ID\":\"nR1\",\"DNSName\":\"crates-1.rig.test.\",\"UserID\":7"),
        STATUS("\"ID\":\"nR1\",\"DNSName\":\"crates.rig.test.\",\"UserID\":8"),
        "{\"BackendState\":\"Stopped\",\"Health\":[\"stopped\"]}",
    };
    struct tailnet_node first;
    (void)state;
    assert_int_equal(parse(STATUS(SELF)), 0);
    first = node;
    assert_int_equal(parse(STATUS(SELF ",\"RxBytes\":77")), 0);
    assert_true(tailnet_node_eq(&first, &node));
    node.control = STR("https://hs.corp.test");
    assert_false(tailnet_node_eq(&first, &node));
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(parse(others[i]), 0);
        assert_false(tailnet_node_eq(&first, &node));
    }
}

static void addresses_of_the_tailnet_are_told_from_others(void **state)
{
    static const char *const inside[] = { "100.64.0.0", "100.127.255.255", "100.100.100.100",
        "fd7a:115c:a1e0::1", "fd7a:115c:a1e0:ffff::" };
    static const char *const outside[] = { "", "100.63.255.255", "100.128.0.0", "127.0.0.1", "::1",
        "fd7a:115c:a1e1::1", "::ffff:100.64.0.1", "100.64.0.1:80", "[fd7a:115c:a1e0::1]",
        "100.64.0", "100.64.0.1 ", "fd7a:115c:a1e0::1%eth0",
        "fd7a:115c:a1e0:0000:0000:0000:0000:0000:0000:0000:0000" };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(inside); i++)
        assert_true(tailnet_has_address(str_from(inside[i])));
    for (size_t i = 0; i < ARRAY_LEN(outside); i++)
        assert_false(tailnet_has_address(str_from(outside[i])));
}

static struct str recorded(const char *name)
{
    char path[128];
    char *text = arena_alloc(arena, 65536);
    (void)snprintf(path, sizeof(path), "tests/e2e/localapi/%s.json", name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, 65536, f);
    (void)fclose(f);
    return (struct str){ text, n };
}

static void answers_of_a_real_tailscaled_are_read(void **state)
{
    struct str control;
    (void)state;
    assert_int_equal(tailnet_node_parse(arena, recorded("status-tun"), &node, &e), 0);
    assert_true(node.running && node.tun && node.magic_dns);
    equals(node.name, "crates.rig.test");
    equals(node.tags[0], "tag:registry");
    assert_int_equal(node.login.n, 0);
    assert_int_equal(tailnet_node_parse(arena, recorded("status-userspace"), &node, &e), 0);
    assert_true(node.running && !node.tun);
    assert_int_equal(tailnet_node_parse(arena, recorded("status-of-a-person"), &node, &e), 0);
    equals(node.login, "anna@corp.test");
    assert_int_equal(tailnet_node_parse(arena, recorded("status-needs-login"), &node, &e), 0);
    equals(node.state, "NeedsLogin");
    assert_false(node.running);
    assert_int_equal(tailnet_node_parse(arena, recorded("status-stopped"), &node, &e), 0);
    equals(node.state, "Stopped");
    assert_int_equal(tailnet_control_parse(arena, recorded("prefs-tun"), &control, &e), 0);
    equals(control, "http://10.99.0.1:18080");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_running_node_tells_all),
        TEST(a_tagged_node_has_no_login),
        TEST(a_node_without_login_or_address_does_not_run),
        TEST(expiry_is_read_in_all_forms_of_rfc_3339),
        TEST(warnings_are_kept_short_and_on_one_line),
        TEST(a_status_that_is_not_clear_is_refused),
        TEST(one_control_server_has_one_name),
        TEST(nodes_are_equal_when_they_say_the_same),
        TEST(addresses_of_the_tailnet_are_told_from_others),
        TEST(answers_of_a_real_tailscaled_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
