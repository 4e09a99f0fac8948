#include "auth/right.h"

#include "base/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void names_are_read_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RIGHTS; i++) {
        enum right right = RIGHTS;
        assert_true(right_from_name(str_from(right_name((enum right)i)), &right));
        assert_int_equal(right, i);
    }
    for (unsigned i = 0; i < ROLES; i++) {
        enum role role = ROLES;
        assert_true(role_from_name(str_from(role_name((enum role)i)), &role));
        assert_int_equal(role, i);
    }
}

static void other_names_are_none(void **state)
{
    (void)state;
    const char *const wrong[] = { "", "none", "Read", "publish_new", "publish ", "owner", "all" };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        enum right right;
        enum role role;
        assert_false(right_from_name(str_from(wrong[i]), &right));
        assert_false(role_from_name(str_from(wrong[i]), &role));
    }
}

static void the_table_is_the_one_that_is_documented(void **state)
{
    (void)state;
    /* read, publish-new, publish-update, yank, change-owners, admin; '.' none, 'o' own, 'a' any */
    static const char *const table[ROLES] = {
        [ROLE_READ] = "a.....",
        [ROLE_PUBLISH] = "aaooo.",
        [ROLE_RELEASE] = "a.a...",
        [ROLE_MAINTAIN] = "aaaa..",
        [ROLE_ADMIN] = "aaaaaa",
    };
    for (unsigned role = 0; role < ROLES; role++) {
        for (unsigned right = 0; right < RIGHTS; right++)
            assert_int_equal(
                ".oa"[role_extent((enum role)role, (enum right)right)], table[role][right]);
    }
}

static void a_pattern_is_a_name_a_beginning_or_all(void **state)
{
    (void)state;
    const char *const right[] = { "*", "acme", "acme_*", "a1_b", "a*" };
    const char *const wrong[] = { "", "Acme", "ac-me", "a*b", "**", "a**", "*a", "1a", "_a", "a b",
        "a/", "\xff", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
    struct err e = ERR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(right); i++)
        assert_int_equal(pattern_check(str_from(right[i]), NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(pattern_check(str_from(wrong[i]), &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_true(utf8_valid(str_from(e.text)));
    }
}

static void a_pattern_matches_its_name_or_what_begins_with_it(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name;
        bool want;
    } cases[] = {
        { "*", "acme", true },
        { "acme", "acme", true },
        { "acme", "acme_core", false },
        { "acme_*", "acme_core", true },
        { "acme_*", "acme_", true },
        { "acme_*", "acme", false },
        { "acme*", "acme", true },
        { "acme*", "acm", false },
        { "", "acme", false },
        { "", "", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(
            pattern_matches(str_from(cases[i].pattern), str_from(cases[i].name)), cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_back),
        cmocka_unit_test(other_names_are_none),
        cmocka_unit_test(the_table_is_the_one_that_is_documented),
        cmocka_unit_test(a_pattern_is_a_name_a_beginning_or_all),
        cmocka_unit_test(a_pattern_matches_its_name_or_what_begins_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
