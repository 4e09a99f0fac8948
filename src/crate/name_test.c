#include "crate/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S64 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl"

static void p07_crate_names_are_held_to_the_rules_of_crates_io(void **state)
{
    (void)state;
    static const struct {
        struct str name;
        bool ok;
    } rows[] = { { STR("a"), true }, { STR("Foo_bar-9"), true }, { STR(S64), true },
        { STR("nul"), true }, { STR(S64 "m"), false }, { STR(""), false }, { STR("9a"), false },
        { STR("-a"), false }, { STR("_a"), false }, { STR(".."), false }, { STR("a/b"), false },
        { STR("a%2fb"), false },
        { STR("\xd0\xb0"
              "bc"),
            false } /* Cyrillic a */,
        { STR("cafe\xcc\x81"), false } /* NFD */, { STR("\xef\xbd\x81"), false } /* full width */,
        { STR("a\0b"), false }, { STR("a b"), false }, { STR("a\n"), false },
        { STR("\xff"), false }, { STR("a\xff"), false }, { STR("a.b"), false } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = ERR_INIT;
        int got = crate_name_check(rows[i].name, &e);
        if ((got == 0) != rows[i].ok)
            fail_msg("row %zu: %s", i, e.text);
        if (got < 0) {
            assert_int_equal(e.kind, ERR_INVALID);
            assert_true(utf8_valid(str_from(e.text)));
        }
    }
}

static void p07_reserved_names_are_refused_in_every_spelling(void **state)
{
    (void)state;
    const struct str bad[] = { STR("std"), STR("Core"), STR("rust-installer"),
        STR("RUST_installer"), STR("nul"), STR("con"), STR("CON"), STR("lpt9"), STR("com0"),
        STR("proc-macro") };
    const struct str good[] = { STR("stdx"), STR("console"), STR("com10"), STR("Foo_bar") };
    struct err e = ERR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(crate_name_check_new(bad[i], &e), -1);
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(crate_name_check_new(good[i], &e), 0);
}

static void an_alias_may_start_with_an_underscore(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_int_equal(crate_alias_check(STR("_a"), &e), 0);
    assert_int_equal(crate_alias_check(STR("1a"), &e), -1);
    assert_int_equal(crate_alias_check(STR("-a"), &e), -1);
    assert_int_equal(crate_alias_check(STR(S64 "m"), &e), -1);
    assert_int_equal(crate_alias_check(STR("\xc3\xa9"), &e), -1);
}

static void feature_names_are_identifiers_with_some_marks(void **state)
{
    (void)state;
    static const struct {
        struct str name;
        bool ok;
    } rows[] = { { STR("default"), true }, { STR("_x"), true }, { STR("0"), true },
        { STR("c++20"), true }, { STR("a.b-c"), true }, { STR("\xd1\x84\xd0\xb8"), true },
        { STR("\xe7\x89\xb9"), true }, { STR("e\xcc\x81"), true }, { STR(""), false },
        { STR("-a"), false }, { STR("+a"), false }, { STR(".a"), false }, { STR("a b"), false },
        { STR("a/b"), false }, { STR("dep:a"), false }, { STR("a?"), false },
        { STR("\xcc\x81"
              "a"),
            false },
        { STR("\xf0\x9f\x98\x80"), false }, { STR("a\xff"), false }, { STR("a\0"), false },
        { STR("\xe2\x80\xae"
              "a"),
            false } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = ERR_INIT;
        if ((crate_feature_name_check(rows[i].name, &e) == 0) != rows[i].ok)
            fail_msg("row %zu: %s", i, e.text);
    }
}

static void feature_values_have_four_forms(void **state)
{
    (void)state;
    static const struct {
        struct str value;
        bool ok;
    } rows[] = { { STR("std"), true }, { STR("dep:serde"), true }, { STR("serde/std"), true },
        { STR("serde?/std"), true }, { STR("_a/b"), true }, { STR("dep:"), false },
        { STR("/std"), false }, { STR("?/std"), false }, { STR("serde/"), false },
        { STR("a/b/c"), false }, { STR("dep:a/b"), false }, { STR("dep:1a"), false },
        { STR("a?"
              "?/b"),
            false },
        { STR(""), false }, { STR("\xc3\xa9/x"), false } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = ERR_INIT;
        if ((crate_feature_value_check(rows[i].value, &e) == 0) != rows[i].ok)
            fail_msg("row %zu: %s", i, e.text);
    }
}

static void the_canonical_form_folds_case_and_dashes(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    assert_true(str_eq(crate_name_canonical(a, STR("Foo-Bar_9")), STR("foo_bar_9")));
    char out[CRATE_NAME_MAX];
    crate_name_canonical_to(STR(S64), out);
    assert_memory_equal(out, S64, 64);
    assert_true(crate_name_same(STR("Foo_bar"), STR("foo-bar")));
    assert_false(crate_name_same(STR("foo"), STR("fo")));
    assert_false(crate_name_same(STR("foo"), STR("fou")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p07_crate_names_are_held_to_the_rules_of_crates_io),
        cmocka_unit_test(p07_reserved_names_are_refused_in_every_spelling),
        cmocka_unit_test(an_alias_may_start_with_an_underscore),
        cmocka_unit_test(feature_names_are_identifiers_with_some_marks),
        cmocka_unit_test(feature_values_have_four_forms),
        cmocka_unit_test(the_canonical_form_folds_case_and_dashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
