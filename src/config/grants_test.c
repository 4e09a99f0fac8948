#include "config/config_schema.h"

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

static struct config *parse(struct arena *a, const char *text)
{
    struct config *c = ARENA_NEW(a, struct config);
    struct toml_table *root;
    struct err e = ERR_INIT;
    c->file = STR("test.toml");
    if (toml_parse(a, str_from(text), &root, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    const struct toml_value *access = toml_get(root, STR("access"));
    if (grants_parse(a, toml_get(access->table, STR("grant")), c, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    return c;
}

static void assert_str(struct str got, const char *want)
{
    if (!str_eq(got, str_from(want)))
        fail_msg("\"%" STR_FMT "\" is not \"%s\"", STR_ARG(got), want);
}

static void a_grant_has_who_do_and_crates(void **state)
{
    struct config *c = parse(*state, "[[access.grant]]\n"
                                     "who = [\"local:anna\", \"bob@example.com\", \"self\"]\n"
                                     "do = [\"release\", \"maintain\"]\n"
                                     "crates = [\"Acme-*\", \"tools\", \"*\"]\n"
                                     "[[access.grant]]\nwho = [\"tag:ci\"]\ndo = [\"read\"]\n"
                                     "crates = [\"*\"]\n");
    assert_int_equal(c->n_grants, 2);
    assert_null(c->grants[0].void_reason.p);
    assert_int_equal(c->grants[0].line, 1);
    assert_int_equal(c->grants[0].who.n, 3);
    assert_str(c->grants[0].who.items[1], "bob@example.com");
    assert_str(c->grants[0].roles.items[1], "maintain");
    assert_int_equal(c->grants[0].crates.n, 3);
    assert_str(c->grants[0].crates.items[0], "acme_*");
    assert_str(c->grants[0].crates.items[2], "*");
    assert_null(c->grants[1].void_reason.p);
    assert_int_equal(c->grants[1].line, 5);
}

static void a_grant_not_understood_is_void_and_says_why(void **state)
{
    static const struct {
        const char *grant, *why;
    } rows[] = {
        { "do=[\"read\"], crates=[\"*\"]", "who is missing" },
        { "who=[\"self\"], crates=[\"*\"]", "do is missing" },
        { "who=[\"self\"], do=[\"read\"]", "crates is missing" },
        { "who=[], do=[\"read\"], crates=[\"*\"]", "who must be a list of at least one" },
        { "who=\"self\", do=[\"read\"], crates=[\"*\"]", "who must be a list" },
        { "who=[1], do=[\"read\"], crates=[\"*\"]", "who must be a list of texts only" },
        { "who=[\"\"], do=[\"read\"], crates=[\"*\"]", "who: \"\" is no principal" },
        { "who=[\"*\"], do=[\"read\"], crates=[\"*\"]", "who: \"*\" is no principal" },
        { "who=[\"local:\"], do=[\"read\"], crates=[\"*\"]", "no name behind the colon" },
        { "who=[\"user:x\"], do=[\"read\"], crates=[\"*\"]", "write a login, tag:NAME" },
        { "who=[\"a,b\"], do=[\"read\"], crates=[\"*\"]", "holds a blank, a comma" },
        { "who=[\"self\"], do=[\"yank\"], crates=[\"*\"]", "do: \"yank\" is no role; the roles" },
        { "who=[\"self\"], do=[\"\"], crates=[\"*\"]", "do: \"\" is no role" },
        { "who=[\"self\"], do=[\"read,\"], crates=[\"*\"]", "do: \"read,\" is no role" },
        { "who=[\"self\"], do=[\"Read\"], crates=[\"*\"]", "do: \"Read\" is no role" },
        { "who=[\"self\"], do=[\"publish\"], crates=[\"\"]", "crates: \"\" is neither" },
        { "who=[\"self\"], do=[\"publish\"], crates=[\"a*b\"]", "crates: \"a*b\" is neither" },
        { "who=[\"self\"], do=[\"publish\"], crates=[\"**\"]", "crates: \"**\" is neither" },
        { "who=[\"self\"], do=[\"publish\"], crates=[\"1a\"]", "crates: \"1a\" is neither" },
        { "who=[\"self\"], do=[\"publish\"], crates=[\"a.b\"]", "crates: \"a.b\" is neither" },
        { "who=[\"self\"], do=[\"read\"], crates=[\"a*\"]", "read and admin are of the whole" },
        { "who=[\"self\"], do=[\"publish\",\"admin\"], crates=[\"*\",\"a\"]", "read and admin" },
        { "who=[\"self\"], do=[\"read\"], crates=[\"*\"], until=\"x\"", "unknown key: \"until\"" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str toml = arena_printf(*state, "access.grant = [{%s}]", rows[i].grant);
        struct config *c = parse(*state, toml.p);
        assert_int_equal(c->n_grants, 1);
        const struct config_grant *g = &c->grants[0];
        if (!g->void_reason.p || !strstr(g->void_reason.p, rows[i].why))
            fail_msg("%s: \"%" STR_FMT "\"", rows[i].grant, STR_ARG(g->void_reason));
        assert_int_equal(g->who.n + g->roles.n + g->crates.n, 0);
    }
}

static void a_principal_is_anyone_the_network_or_we_can_name(void **state)
{
    static const char *const names[] = { "anna@corp.test", "anna", "tag:ci", "local:anna",
        "header:anna@corp.test", "shared:guest@elsewhere.test", "self", "ktra-secure-auth:bob",
        "\xC3\xBCrs@corp.test", "header:x:y" };
    static const char *const others[] = { "", ":", "tag:", "group:dev", "autogroup:member",
        "Tag:ci", "a b", "a\tb", "a\x7f", "*", "*@corp.test", "a,b", "tag:a,tag:b", "\xff",
        "header:\xc3" };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (config_principal_wrong(str_from(names[i])))
            fail_msg("%s %s", names[i], config_principal_wrong(str_from(names[i])));
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (!config_principal_wrong(str_from(others[i])))
            fail_msg("%s was taken", others[i]);
    }
}

static void a_grant_that_lists_nothing_is_void(void **state)
{
    struct str read = STR("read"), all = STR("*");
    struct config_list none = { NULL, 0 }, roles = { &read, 1 }, crates = { &all, 1 };
    assert_str(
        config_grant_wrong(*state, &none, &crates), "do must be a list of at least one text");
    assert_str(
        config_grant_wrong(*state, &roles, &none), "crates must be a list of at least one text");
    assert_null(config_grant_wrong(*state, &roles, &crates).p);
}

static void one_void_grant_leaves_the_others_standing(void **state)
{
    struct config *c = parse(*state, "access.grant = [3, {who=[\"self\"], do=[\"admin\"], "
                                     "crates=[\"*\"]}]");
    assert_int_equal(c->n_grants, 2);
    assert_str(c->grants[0].void_reason, "it is no table");
    assert_null(c->grants[1].void_reason.p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, with_arena, without_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_grant_has_who_do_and_crates),
        TEST(a_grant_not_understood_is_void_and_says_why),
        TEST(a_principal_is_anyone_the_network_or_we_can_name),
        TEST(a_grant_that_lists_nothing_is_void),
        TEST(one_void_grant_leaves_the_others_standing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
