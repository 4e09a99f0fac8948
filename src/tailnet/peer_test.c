#include "tailnet/peer.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CAP "superguppy.internal/cap/registry"
#define ADDR "\"Addresses\":[\"100.64.0.7/32\",\"fd7a:115c:a1e0::7/128\"]"
#define NODE "\"StableID\":\"nA1\",\"Name\":\"anna.rig.test.\"," ADDR
#define ANNA "{\"ID\":4538565228170001,\"LoginName\":\"anna@corp.test\"}"
#define PEER(node, profile, caps)                                                                  \
    "{\"Node\":{" node "},\"UserProfile\":" profile ",\"CapMap\":" caps "}"

static struct arena *arena;
static struct tailnet_peer peer;
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
    return tailnet_peer_parse(arena, str_from(text), STR(CAP), &peer, &e);
}

static void equals(struct str s, const char *want)
{
    assert_non_null(s.p);
    assert_string_equal(str_cstr(arena, s), want);
}

static void a_person_has_login_and_id(void **state)
{
    (void)state;
    assert_int_equal(parse(PEER(NODE ",\"User\":4538565228170001", ANNA, "null")), 0);
    equals(peer.stable_id, "nA1");
    equals(peer.node, "anna.rig.test");
    equals(peer.login, "anna@corp.test");
    assert_true(peer.user_id == 4538565228170001);
    assert_int_equal(peer.n_tags, 0);
    assert_int_equal(peer.n_addresses, 2);
    equals(peer.addresses[0], "100.64.0.7");
    equals(peer.addresses[1], "fd7a:115c:a1e0::7");
    assert_false(peer.shared || peer.expired);
    assert_null(peer.capability.p);
}

static void an_id_is_exact_to_the_last_digit(void **state)
{
    (void)state;
    assert_int_equal(
        parse(PEER(NODE, "{\"ID\":9223372036854775807,\"LoginName\":\"a\"}", "{}")), 0);
    assert_true(peer.user_id == INT64_MAX);
}

static void a_tagged_node_is_its_tags_and_no_person(void **state)
{
    static const char *const profiles[] = { ANNA,
        "{\"ID\":2147455555,\"LoginName\":\"tagged-devices\"}", "null", "{}" };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
        char text[512];
        (void)snprintf(text, sizeof(text),
            "{\"Node\":{" NODE ",\"Tags\":[\"tag:b\",\"tag:a\",\"tag:b\"]},\"UserProfile\":%s}",
            profiles[i]);
        assert_int_equal(parse(text), 0);
        assert_int_equal(peer.n_tags, 2);
        equals(peer.tags[0], "tag:a");
        equals(peer.tags[1], "tag:b");
        assert_int_equal(peer.login.n, 0);
        assert_true(peer.user_id == 0);
    }
}

static void a_shared_node_and_an_expired_one_say_so(void **state)
{
    (void)state;
    assert_int_equal(parse(PEER("\"StableID\":\"nO\",\"Name\":\"\",\"Expired\":true," ADDR
                                ",\"Hostinfo\":{\"ShareeNode\":true}",
                         ANNA, "null")),
        0);
    assert_true(peer.shared && peer.expired);
    equals(peer.node, "");
}

static void the_capability_comes_compact_and_as_it_is(void **state)
{
    static const struct {
        const char *map, *want;
    } cases[] = {
        { "{\"" CAP "\": [ {\"do\": [\"read\"], \"crates\": [\"*\"]}, {} ]}",
            "[{\"do\":[\"read\"],\"crates\":[\"*\"]},{}]" },
        { "{\"" CAP "\": []}", "[]" },
        { "{\"" CAP "\": \"\\u003cx\"}", "\"<x\"" },
        { "{\"" CAP "\": 9007199254740993}", "9007199254740993" },
        { "{\"" CAP "\": null}", NULL },
        { "{\"" CAP "x\": [1], \"" CAP "/\": [1]}", NULL },
        { "{}", NULL },
        { "null", NULL },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        (void)snprintf(text, sizeof(text),
            "{\"Node\":{" NODE "},\"UserProfile\":" ANNA ",\"CapMap\":%s}", cases[i].map);
        assert_int_equal(parse(text), 0);
        if (cases[i].want)
            equals(peer.capability, cases[i].want);
        else
            assert_null(peer.capability.p);
    }
}

/* They hold node attributes, which are something else. */
static void the_nodes_own_capabilities_are_never_read(void **state)
{
    (void)state;
    assert_int_equal(
        parse(PEER(
            NODE ",\"CapMap\":{\"" CAP "\":[{}]},\"Capabilities\":[\"" CAP "\"]", ANNA, "null")),
        0);
    assert_null(peer.capability.p);
}

static void a_login_may_be_of_any_script(void **state)
{
    (void)state;
    assert_int_equal(
        parse(PEER(NODE, "{\"ID\":7,\"LoginName\":\"ænna.\\u0142@corp.test\"}", "{}")), 0);
    equals(peer.login, "ænna.ł@corp.test");
}

#define LOGIN(text) PEER(NODE, "{\"ID\":7,\"LoginName\":\"" text "\"}", "null")
#define TAGS(json) PEER(NODE ",\"Tags\":" json, ANNA, "null")
#define IPS(json) PEER("\"StableID\":\"n\",\"Addresses\":" json, ANNA, "null")
static const char *const unclear[] = {
    "",
    "null",
    "[]",
    "{}",
    "nobody is there",
    "{\"Node\":null,\"UserProfile\":" ANNA "}",
    "{\"Node\":[{" NODE "}],\"UserProfile\":" ANNA "}",
    "{\"Node\":{" NODE "}}",
    "{\"Node\":{" NODE "},\"UserProfile\":null,\"CapMap\":null}",
    "{\"Node\":{" NODE "},\"UserProfile\":[],\"CapMap\":null}",
    PEER(NODE, ANNA, "[]"),
    PEER(NODE, ANNA, "null") "x",
    PEER(NODE, ANNA, "{\"a\":1,\"a\":2}"),
    PEER(NODE ",\"StableID\":\"nB2\"", ANNA, "null"),
    "{\"Node\":{" NODE "},\"UserProfile\":" ANNA ",\"UserProfile\":" ANNA "}",
    PEER(ADDR, ANNA, "null"),
    PEER("\"StableID\":\"\"," ADDR, ANNA, "null"),
    PEER("\"StableID\":7," ADDR, ANNA, "null"),
    PEER("\"StableID\":\"a\\nb\"," ADDR, ANNA, "null"),
    PEER(NODE ",\"Expired\":1", ANNA, "null"),
    PEER(NODE ",\"Expired\":\"false\"", ANNA, "null"),
    PEER(NODE ",\"Hostinfo\":[]", ANNA, "null"),
    PEER(NODE ",\"Hostinfo\":{\"ShareeNode\":\"true\"}", ANNA, "null"),
    PEER(NODE ",\"Hostinfo\":{\"ShareeNode\":true},\"Tags\":[\"tag:ci\"]", ANNA, "null"),
    PEER(NODE ",\"User\":8", ANNA, "null"),
    PEER(NODE ",\"User\":\"7\"", ANNA, "null"),
    PEER(NODE, "{\"LoginName\":\"anna@corp.test\"}", "null"),
    PEER(NODE, "{\"ID\":0,\"LoginName\":\"anna@corp.test\"}", "null"),
    PEER(NODE, "{\"ID\":-7,\"LoginName\":\"anna@corp.test\"}", "null"),
    PEER(NODE, "{\"ID\":7.0,\"LoginName\":\"anna@corp.test\"}", "null"),
    PEER(NODE, "{\"ID\":1e3,\"LoginName\":\"anna@corp.test\"}", "null"),
    PEER(NODE, "{\"ID\":\"7\",\"LoginName\":\"anna@corp.test\"}", "null"),
    PEER(NODE, "{\"ID\":9223372036854775808,\"LoginName\":\"anna@corp.test\"}", "null"),
    PEER(NODE, "{\"ID\":7}", "null"),
    PEER(NODE, "{\"ID\":7,\"LoginName\":null}", "null"),
    PEER(NODE, "{\"ID\":7,\"LoginName\":[\"anna@corp.test\"]}", "null"),
    LOGIN(""),
    LOGIN("tagged-devices"),
    LOGIN("tag:ci"),
    LOGIN("local:bob"),
    LOGIN("anna\\u0000"),
    LOGIN("anna\\n"),
    LOGIN("anna\\u007f"),
    LOGIN("anna\\u0085"),
    LOGIN("anna\\u202e"),
    LOGIN("anna\\u2028"),
    LOGIN("anna\\ud800"),
    LOGIN("anna\xff"),
    LOGIN("anna\xc0\xaf"),
    TAGS("\"tag:ci\""),
    TAGS("[\"ci\"]"),
    TAGS("[\"tag:\"]"),
    TAGS("[\"tag:a,tag:b\"]"),
    TAGS("[\"tag:a b\"]"),
    TAGS("[\"tag:ci\",null]"),
    TAGS("[\"tag:ci\",7]"),
    TAGS("{\"0\":\"tag:ci\"}"),
    PEER("\"StableID\":\"n\"", ANNA, "null"),
    IPS("[]"),
    IPS("null"),
    IPS("\"100.64.0.7/32\""),
    IPS("[\"100.64.0.7\"]"),
    IPS("[\"100.64.0.0/24\"]"),
    IPS("[\"100.64.0.7/128\"]"),
    IPS("[\"fd7a:115c:a1e0::7/32\"]"),
    IPS("[\"100.64.0.7/32/32\"]"),
    IPS("[\"100.64.0.256/32\"]"),
    IPS("[\"crates.rig.test/32\"]"),
    IPS("[\"/32\"]"),
};

static void what_is_not_clear_is_nobody(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unclear); i++) {
        if (parse(unclear[i]) == 0)
            fail_msg("taken for a peer: %s", unclear[i]);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_true(e.text[0]);
    }
}

static void deep_nesting_and_long_names_are_refused(void **state)
{
    AUTO_BUF struct buf b = BUF_INIT(1u << 20);
    (void)state;
    buf_add(&b, STR("{\"Node\":{" NODE "},\"UserProfile\":" ANNA ",\"CapMap\":{\"" CAP "\":"));
    for (int i = 0; i < 50000; i++)
        buf_add_byte(&b, '[');
    assert_int_equal(tailnet_peer_parse(arena, buf_str(&b), STR(CAP), &peer, &e), -1);
    buf_clear(&b);
    buf_add(&b, STR("{\"Node\":{" NODE "},\"UserProfile\":{\"ID\":7,\"LoginName\":\""));
    for (int i = 0; i < 50000; i++)
        buf_add_byte(&b, 'a');
    buf_add(&b, STR("\"}}"));
    assert_int_equal(tailnet_peer_parse(arena, buf_str(&b), STR(CAP), &peer, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
}

static bool recorded(const char *name)
{
    char path[128], text[65536];
    (void)snprintf(path, sizeof(path), "tests/e2e/localapi/whois-%s.json", name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    (void)fclose(f);
    text[n] = '\0';
    return parse(text) == 0;
}

static void answers_of_a_real_tailscaled_are_read(void **state)
{
    (void)state;
    assert_true(recorded("anna"));
    equals(peer.login, "anna@corp.test");
    equals(peer.node, "anna.rig.test");
    assert_true(peer.user_id > 0 && peer.n_addresses == 2 && peer.capability.n > 2);
    assert_true(recorded("userspace-anna"));
    equals(peer.login, "anna@corp.test");
    assert_true(recorded("anna-retagged"));
    assert_true(peer.n_tags == 1 && peer.login.n == 0 && peer.user_id == 0);
    assert_true(recorded("ci"));
    assert_int_equal(peer.n_tags, 1);
    equals(peer.tags[0], "tag:ci");
    assert_true(recorded("ben-empty-list"));
    equals(peer.capability, "[]");
    assert_true(recorded("ben-no-grant"));
    assert_null(peer.capability.p);
    assert_true(recorded("ben-expired"));
    assert_true(peer.expired);
    assert_true(recorded("self"));
    equals(peer.tags[0], "tag:registry");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_person_has_login_and_id),
        TEST(an_id_is_exact_to_the_last_digit),
        TEST(a_tagged_node_is_its_tags_and_no_person),
        TEST(a_shared_node_and_an_expired_one_say_so),
        TEST(the_capability_comes_compact_and_as_it_is),
        TEST(the_nodes_own_capabilities_are_never_read),
        TEST(a_login_may_be_of_any_script),
        TEST(what_is_not_clear_is_nobody),
        TEST(deep_nesting_and_long_names_are_refused),
        TEST(answers_of_a_real_tailscaled_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
