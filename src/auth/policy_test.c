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

static struct policy_result check(struct arena *a, const char *grants, const char *as)
{
    struct policy_query q = { str_from(as), STR("tag:registry"), STR(CAP) };
    struct policy_result r;
    struct str text = arena_printf(a, "{" GROUPS "\"grants\":[%s]}", grants);
    struct buf json AUTO_BUF = BUF_INIT(65536);
    json_t *j AUTO_JSON = NULL;
    assert_int_equal(hujson_to_json(text, &json, NULL), 0);
    assert_int_equal(json_read(buf_str(&json), &j, NULL), 0);
    assert_int_equal(policy_check(a, j, &q, &r, NULL), 0);
    return r;
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

static void what_is_no_policy_is_refused(void **state)
{
    static const char *const texts[] = { "[]", "1", "{\"grants\":{}}" };
    struct policy_query q = { STR("tag:ci"), STR("tag:registry"), STR(CAP) };
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
        T(what_is_no_policy_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
