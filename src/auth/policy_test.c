#include "auth/policy.h"

#include "auth/right.h"
#include "base/hujson.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define CAP "superguppy.internal/cap/registry"
#define GRANT(src, dst, value)                                                                     \
    "{\"src\":" src ",\"dst\":" dst ",\"ip\":[\"tcp:80\"],\"app\":{\"" CAP "\":" value "}},"
#define READ "[{\"do\":[\"read\"],\"crates\":[\"*\"]}]"
#define RELEASE "[{\"do\":[\"release\"],\"crates\":[\"acme-*\"]}]"
#define REG "[\"tag:registry\"]"
#define GROUPS "\"groups\":{\"group:dev\":[\"anna@corp.test\"]},\"hosts\":{\"old\":\"10.0.0.1\"},"

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

static struct policy_result check_whole(struct arena *a, const char *whole, const char *as)
{
    struct policy_query q = { str_from(as), STR("tag:registry"), STR(CAP), 80, STR_NONE };
    struct policy_result r;
    struct str text = arena_printf(a, "{" GROUPS "%s}", whole);
    struct buf json AUTO_BUF = BUF_INIT(65536);
    json_t *j AUTO_JSON = NULL;
    assert_int_equal(hujson_to_json(text, &json, NULL), 0);
    assert_int_equal(json_read(buf_str(&json), &j, NULL), 0);
    q.json = buf_str(&json);
    assert_int_equal(policy_check(a, j, &q, &r, NULL), 0);
    return r;
}

static struct policy_result check(struct arena *a, const char *grants, const char *as)
{
    struct str whole = arena_printf(a, "\"grants\":[%s]", grants);
    return check_whole(a, whole.p, as);
}

static void a_source_is_a_login_a_tag_a_group_or_an_autogroup(void **state)
{
    static const struct {
        const char *grants, *as;
        size_t n, notes;
    } rows[] = {
        { GRANT("[\"anna@corp.test\"]", REG, READ), "anna@corp.test", 1, 0 },
        { GRANT("[\"anna@corp.test\"]", REG, READ), "ben@corp.test", 0, 0 },
        { GRANT("[\"group:dev\"]", REG, READ), "anna@corp.test", 1, 0 },
        { GRANT("[\"group:dev\"]", REG, READ), "ben@corp.test", 0, 0 },
        { GRANT("[\"group:dev\"]", REG, READ), "tag:ci", 0, 0 },
        { GRANT("[\"group:none\"]", REG, READ), "anna@corp.test", 0, 1 },
        { GRANT("[\"autogroup:member\"]", REG, READ), "ben@corp.test", 1, 0 },
        { GRANT("[\"autogroup:member\"]", REG, READ), "tag:ci", 0, 0 },
        { GRANT("[\"autogroup:tagged\"]", REG, READ), "tag:ci", 1, 0 },
        { GRANT("[\"autogroup:admin\"]", REG, READ), "anna@corp.test", 0, 1 },
        { GRANT("[\"autogroup:admin\"]", REG, READ), "tag:ci", 0, 0 },
        { GRANT("[\"*\"]", REG, READ), "tag:ci", 1, 0 },
        { GRANT("[\"tag:ci\"]", REG, READ), "tag:ci", 1, 0 },
        { GRANT("[\"tag:ci\"]", REG, READ), "tag:ci-release", 0, 0 },
        { GRANT("[\"100.64.0.7\"]", REG, READ), "anna@corp.test", 0, 1 },
        { GRANT("[\"10.0.0.0/8\"]", REG, READ), "tag:ci", 0, 1 },
        { GRANT("[\"old\"]", REG, READ), "anna@corp.test", 0, 1 },
        { GRANT("[\"tag:ci\"]", "[\"tag:other\"]", READ), "tag:ci", 0, 0 },
        { GRANT("[\"tag:ci\"]", "[\"*\"]", READ), "tag:ci", 1, 0 },
        { GRANT("[\"tag:ci\"]", "[\"100.64.0.1\"]", READ), "tag:ci", 0, 1 },
        { GRANT("[\"tag:ci\"]", REG, "[]"), "tag:ci", 0, 1 },
        { GRANT("[\"tag:ci\"]", REG, "null"), "tag:ci", 0, 1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct policy_result r = check(*state, rows[i].grants, rows[i].as);
        if (r.n_rules != rows[i].n || r.notes.n != rows[i].notes || r.n_void != 0)
            fail_msg("row %zu: %zu rules, %zu notes", i, r.n_rules, r.notes.n);
    }
}

static void grants_are_united(void **state)
{
    struct policy_result r = check(*state,
        GRANT("[\"tag:ci\"]", REG, READ) GRANT("[\"autogroup:tagged\"]", REG, RELEASE), "tag:ci");
    assert_int_equal(r.n_rules, 2);
    assert_int_equal(r.rules[0].rule.roles, 1u << ROLE_READ);
    assert_int_equal(r.rules[1].rule.roles, 1u << ROLE_RELEASE);
    assert_int_equal(r.rules[1].grant, 2);
    assert_int_equal(r.ports.n, 1);
}

static void what_is_void_is_told_whoever_it_is_for(void **state)
{
    struct policy_result r = check(*state,
        GRANT("[\"tag:ci\"]", REG, "[{\"do\":[\"read\"],\"crate\":[\"*\"]}]")
            GRANT("[\"tag:ci\"]", REG, READ),
        "anna@corp.test");
    assert_int_equal(r.n_void, 1);
    assert_false(r.rules[0].for_them);
    assert_non_null(strstr(r.rules[0].rule.void_reason.p, "crate"));
}

static void a_posture_is_not_judged(void **state)
{
    struct policy_result r = check(*state,
        "{\"src\":[\"tag:ci\"],\"dst\":" REG ",\"srcPosture\":[\"posture:x\"],\"app\":{\"" CAP
        "\":" READ "}}",
        "tag:ci");
    assert_int_equal(r.n_rules, 0);
    assert_int_equal(r.notes.n, 1);
}

#define RULE(more) "{\"src\":[\"tag:ci\"],\"dst\":" REG ",\"app\":{\"" CAP "\":" READ "}" more "}"

static void what_narrows_a_grant_is_not_judged(void **state)
{
    static const struct {
        const char *grants;
        size_t n, notes;
    } rows[] = {
        { RULE(""), 1, 0 },
        { RULE(",\"srcPosture\":[]"), 1, 0 },
        { RULE(",\"via\":[]"), 1, 0 },
        { RULE(",\"via\":[\"tag:exit\"]"), 0, 1 },
        { RULE(",\"from\":\"monday\""), 0, 1 },
        { RULE(",\"from\":1,\"srcPosture\":[\"posture:x\"]"), 0, 2 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct policy_result r = check(*state, rows[i].grants, "tag:ci");
        if (r.n_rules != rows[i].n || r.notes.n != rows[i].notes)
            fail_msg("row %zu: %zu rules, %zu notes", i, r.n_rules, r.notes.n);
    }
}

static void a_note_is_made_only_where_it_matters(void **state)
{
    static const char *const grants[] = {
        GRANT("[\"100.64.0.7\",\"tag:ci\"]", REG, READ),
        GRANT("[\"tag:web\"]", "[\"10.0.0.0/8\"]", READ),
        "{\"src\":[\"10.0.0.1\"],\"dst\":[\"10.0.0.2\"],\"ip\":[\"tcp:22\"]}",
        "{\"src\":[\"10.0.0.1\"],\"dst\":[\"*\"],\"app\":{\"x.test/cap/y\":[{}]}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(grants); i++) {
        if (check(*state, grants[i], "tag:ci").notes.n != 0)
            fail_msg("row %zu", i);
    }
}

static void a_rule_tells_its_line(void **state)
{
    struct policy_result r = check(*state,
        GRANT("[\"tag:ci\"]", REG, READ) "\n\n" GRANT("[\"tag:ci\"]", REG, "[7]")
            GRANT("[\"10.0.0.1\"]", REG, READ),
        "tag:ci");
    assert_int_equal(r.n_rules, 2);
    assert_int_equal(r.rules[0].line, 1);
    assert_int_equal(r.rules[1].line, 3);
    assert_non_null(strstr(r.notes.items[0].p, "grant 3 (line 3): source `10.0.0.1`"));
}

static void the_way_to_the_port_is_looked_for(void **state)
{
#define NET(src, dst, ip) "{\"src\":" src ",\"dst\":" dst ",\"ip\":" ip "}"
    static const struct {
        const char *whole;
        int port;
        size_t notes;
    } rows[] = {
        { "\"grants\":[" NET("[\"*\"]", "[\"*\"]", "[\"*\"]") "]", POLICY_PORT_OPEN, 0 },
        { "\"grants\":[" NET("[\"*\"]", REG, "[\"tcp:443\"]") "]", POLICY_PORT_CLOSED, 0 },
        { "\"grants\":[" NET("[\"tag:web\"]", REG, "[\"80\"]") "]", POLICY_PORT_CLOSED, 0 },
        { "\"grants\":[" NET("[\"10.0.0.1\"]", REG, "[\"80\"]") "]", POLICY_PORT_NOT_JUDGED, 1 },
        { "\"acls\":[{\"src\":[\"*\"],\"dst\":[\"*:*\"]}]", POLICY_PORT_OPEN, 1 },
        { "\"acls\":[{\"src\":[\"*\"],\"dst\":[\"tag:registry:22,80\"]}]", POLICY_PORT_OPEN, 1 },
        { "\"acls\":[{\"src\":[\"*\"],\"dst\":[\"tag:registry:22\"]}]", POLICY_PORT_CLOSED, 1 },
        { "\"acls\":[{\"src\":[\"*\"],\"dst\":[\"tag:x:80\"]}]", POLICY_PORT_CLOSED, 1 },
        { "\"acls\":[{\"src\":[\"tag:x\"],\"dst\":[\"*:80\"]}]", POLICY_PORT_CLOSED, 1 },
        { "\"acls\":[{\"src\":[\"old\"],\"dst\":[\"*:80\"]}]", POLICY_PORT_NOT_JUDGED, 2 },
        { "\"acls\":[{\"proto\":\"udp\",\"src\":[\"*\"],\"dst\":[\"*:80\"]}]", POLICY_PORT_CLOSED,
            1 },
        { "\"grants\":[],\"acls\":[{\"src\":[\"*\"],\"dst\":[\"*:*\"]}]", POLICY_PORT_OPEN, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct policy_result r = check_whole(*state, rows[i].whole, "tag:ci");
        if ((int)r.port != rows[i].port || r.notes.n != rows[i].notes)
            fail_msg("row %zu: %d, %zu notes", i, (int)r.port, r.notes.n);
    }
}

static void too_many_objects_are_void_together(void **state)
{
    struct buf grants AUTO_BUF = BUF_INIT(65536);
    for (int i = 0; i < 65; i++)
        buf_add(&grants, STR(GRANT("[\"tag:ci\"]", REG, READ)));
    struct str text = buf_str(&grants);
    struct policy_result r = check(*state, str_cstr(*state, text), "tag:ci");
    assert_int_equal(r.n_rules, 65);
    assert_int_equal(r.n_void, 65);
    assert_int_equal(check(*state, str_cstr(*state, text), "tag:x").n_void, 0);
}

static void what_is_no_policy_is_refused(void **state)
{
    static const char *const texts[] = { "[]", "1", "{\"grants\":{}}", "{\"grants\":[1]}",
        "{\"acls\":1}", "{\"groups\":{\"group:a\":[\"tag:ci\"]}}",
        "{\"groups\":{\"group:a\":[\"group:b\"]}}", "{\"groups\":{\"group:a\":[7]}}" };
    struct policy_query q = { .as = STR("tag:ci"), .dst = STR("tag:registry") };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct policy_result r;
        json_t *j AUTO_JSON = json_loads(texts[i], JSON_DECODE_ANY, NULL);
        assert_int_equal(policy_check(*state, j, &q, &r, NULL), -1);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, new_arena, free_arena)
    const struct CMUnitTest tests[] = {
        T(a_source_is_a_login_a_tag_a_group_or_an_autogroup),
        T(grants_are_united),
        T(what_is_void_is_told_whoever_it_is_for),
        T(a_posture_is_not_judged),
        T(what_narrows_a_grant_is_not_judged),
        T(a_note_is_made_only_where_it_matters),
        T(a_rule_tells_its_line),
        T(the_way_to_the_port_is_looked_for),
        T(too_many_objects_are_void_together),
        T(what_is_no_policy_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
