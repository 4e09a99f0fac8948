#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_str(struct str s, const char *expected)
{
    if (!str_eq(s, str_from(expected)))
        fail_msg("got \"%" STR_FMT "\", expected \"%s\"", STR_ARG(s), expected);
}

static void an_empty_slice_may_have_no_pointer(void **state)
{
    (void)state;
    assert_true(str_eq(STR_NONE, STR("")));
    assert_true(str_starts(STR_NONE, STR_NONE));
    assert_true(str_ends(STR("a"), STR_NONE));
    assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
    assert_true(str_find(STR_NONE, 'a') == STR_NPOS);
    assert_true(str_rfind(STR_NONE, 'a') == STR_NPOS);
    assert_true(str_find_str(STR_NONE, STR("a")) == STR_NPOS);
    assert_null(str_skip(STR_NONE, 3).p);
    assert_int_equal(str_trim_ws(STR_NONE).n, 0);
    assert_true(utf8_valid(STR_NONE));
    assert_null(str_from(NULL).p);
}

static void comparison_is_by_bytes_and_then_by_length(void **state)
{
    (void)state;
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("ab"), STR("a")) > 0);
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
    assert_true(str_cmp(STR("a\0b"), STR("a\0c")) < 0);
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
}

static void case_is_folded_for_ascii_alone(void **state)
{
    (void)state;
    assert_true(str_eq_nocase(STR("Content-Length"), STR("content-lengTH")));
    assert_false(str_eq_nocase(STR("\xc3\x84"), STR("\xc3\xa4")));
    assert_false(str_eq_nocase(STR("@["), STR("`{")));
    assert_true(str_starts_nocase(STR("BEARER x"), STR("bearer ")));
    assert_false(str_starts_nocase(STR("bear"), STR("bearer")));
}

static void prefixes_and_suffixes_are_found(void **state)
{
    (void)state;
    assert_true(str_starts(STR("serde-1.0"), STR("serde")));
    assert_false(str_starts(STR("ser"), STR("serde")));
    assert_true(str_ends(STR("a.crate"), STR(".crate")));
    assert_false(str_ends(STR("crate"), STR(".crate")));
}

static void search_gives_the_first_and_the_last_place(void **state)
{
    (void)state;
    assert_int_equal(str_find(STR("a/b/c"), '/'), 1);
    assert_int_equal(str_rfind(STR("a/b/c"), '/'), 3);
    assert_int_equal(str_find_str(STR("abcabc"), STR("ca")), 2);
    assert_int_equal(str_find_str(STR("abc"), STR("")), 0);
    assert_true(str_find_str(STR("abc"), STR("abcd")) == STR_NPOS);
    assert_true(str_has(STR("abc"), 'c'));
}

static void slices_are_clamped_to_what_there_is(void **state)
{
    (void)state;
    assert_str(str_from_to(STR("hello"), 1, 3), "el");
    assert_str(str_from_to(STR("hello"), 3, 100), "lo");
    assert_str(str_from_to(STR("hello"), 4, 2), "");
    assert_str(str_from_to(STR("hello"), 100, 200), "");
    assert_str(str_skip(STR("hello"), 5), "");
    assert_str(str_skip(STR("hello"), SIZE_MAX), "");
}

static void trimming_drops_both_ends_and_nothing_inside(void **state)
{
    (void)state;
    assert_str(str_trim_ws(STR(" \t a b\r\n")), "a b");
    assert_str(str_trim_ws(STR(" \n ")), "");
    assert_str(str_trim(STR("--a-b--"), STR("-")), "a-b");
    assert_str(str_trim(STR("abc"), STR("")), "abc");
}

static void cutting_tells_a_last_separator_from_none(void **state)
{
    (void)state;
    struct str rest = STR("a,,b,");
    assert_str(str_cut(&rest, ','), "a");
    assert_str(str_cut(&rest, ','), "");
    assert_str(str_cut(&rest, ','), "b");
    assert_non_null(rest.p);
    assert_int_equal(rest.n, 0);
    assert_str(str_cut(&rest, ','), "");
    assert_null(rest.p);
}

static void words_are_what_lies_between_white_space(void **state)
{
    (void)state;
    struct str rest = STR("  one\ttwo\r\n three "), word;
    assert_true(str_next_word(&rest, &word));
    assert_str(word, "one");
    assert_true(str_next_word(&rest, &word));
    assert_str(word, "two");
    assert_true(str_next_word(&rest, &word));
    assert_str(word, "three");
    assert_false(str_next_word(&rest, &word));
}

static void character_classes_know_ascii_alone(void **state)
{
    (void)state;
    for (int c = -128; c < 128; c++) {
        bool digit = c >= '0' && c <= '9';
        bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        assert_int_equal(ascii_is_digit((char)c), digit);
        assert_int_equal(ascii_is_alpha((char)c), alpha);
        assert_int_equal(ascii_is_alnum((char)c), digit || alpha);
    }
    assert_true(ascii_is_xdigit('f') && ascii_is_xdigit('F') && ascii_is_xdigit('0'));
    assert_false(ascii_is_xdigit('g') || ascii_is_xdigit('@'));
    assert_int_equal(ascii_lower('Z'), 'z');
    assert_int_equal(ascii_lower('['), '[');
}

static void utf8_is_held_to_rfc_3629(void **state)
{
    (void)state;
    static const struct {
        struct str s;
        size_t n;
        uint32_t cp;
    } cases[] = {
        { STR("a"), 1, 'a' },
        { STR("\0"), 1, 0 },
        { STR("\xc2\x80"), 2, 0x80 },
        { STR("\xdf\xbf"), 2, 0x7ff },
        { STR("\xe0\xa0\x80"), 3, 0x800 },
        { STR("\xed\x9f\xbf"), 3, 0xd7ff },
        { STR("\xee\x80\x80"), 3, 0xe000 },
        { STR("\xef\xbf\xbf"), 3, 0xffff },
        { STR("\xf0\x90\x80\x80"), 4, 0x10000 },
        { STR("\xf4\x8f\xbf\xbf"), 4, 0x10ffff },
        { STR(""), 0, 0 },
        { STR("\x80"), 0, 0 },
        { STR("\xc0\x80"), 0, 0 },         /* overlong */
        { STR("\xc1\xbf"), 0, 0 },         /* overlong */
        { STR("\xe0\x9f\xbf"), 0, 0 },     /* overlong */
        { STR("\xf0\x8f\xbf\xbf"), 0, 0 }, /* overlong */
        { STR("\xed\xa0\x80"), 0, 0 },     /* surrogate */
        { STR("\xed\xbf\xbf"), 0, 0 },     /* surrogate */
        { STR("\xf4\x90\x80\x80"), 0, 0 }, /* past the end */
        { STR("\xf5\x80\x80\x80"), 0, 0 },
        { STR("\xff"), 0, 0 },
        { STR("\xc3"), 0, 0 }, /* cut short */
        { STR("\xe2\x82"), 0, 0 },
        { STR("\xf0\x9f\xa6"), 0, 0 },
        { STR("\xe2\x82z"), 0, 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t cp = 0;
        size_t n = utf8_next(cases[i].s, &cp);
        if (n != cases[i].n || (n && cp != cases[i].cp))
            fail_msg("case %zu: %zu bytes, U+%04X", i, n, cp);
        assert_int_equal(utf8_valid(cases[i].s), n == cases[i].s.n);
    }
    assert_true(utf8_valid(STR("gu\xc3\xa4ppy \xf0\x9f\x90\x9f")));
    assert_false(utf8_valid(STR("guppy\xc3")));
}

static void clipping_never_cuts_a_code_point(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        size_t max;
        const char *expected;
    } cases[] = {
        { "abc", 5, "abc" }, { "abc", 2, "ab" }, { "abc", 0, "" }, { "a\xc3\xa4", 3, "a\xc3\xa4" },
        { "a\xc3\xa4", 2, "a" }, { "\xe2\x82\xac!", 3, "\xe2\x82\xac" }, { "\xe2\x82\xac!", 2, "" },
        { "\xf0\x9f\x90\x9f!", 3, "" },
        { "\x80\x80\x80\x80\x80\x80", 5, "\x80\x80\x80\x80\x80" }, /* never was UTF-8 */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_str(utf8_clip(str_from(cases[i].s), cases[i].max), cases[i].expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_slice_may_have_no_pointer),
        cmocka_unit_test(comparison_is_by_bytes_and_then_by_length),
        cmocka_unit_test(case_is_folded_for_ascii_alone),
        cmocka_unit_test(prefixes_and_suffixes_are_found),
        cmocka_unit_test(search_gives_the_first_and_the_last_place),
        cmocka_unit_test(slices_are_clamped_to_what_there_is),
        cmocka_unit_test(trimming_drops_both_ends_and_nothing_inside),
        cmocka_unit_test(cutting_tells_a_last_separator_from_none),
        cmocka_unit_test(words_are_what_lies_between_white_space),
        cmocka_unit_test(character_classes_know_ascii_alone),
        cmocka_unit_test(utf8_is_held_to_rfc_3629),
        cmocka_unit_test(clipping_never_cuts_a_code_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
