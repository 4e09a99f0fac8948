#include "base/hujson.h"

#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void what_json_does_not_know_becomes_blanks(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "", "" },
        { "[1,2]", "[1,2]" },
        { "[1,]", "[1 ]" },
        { "[1 , // x\n]", "[1       \n]" },
        { "{\"a\":1,}", "{\"a\":1 }" },
        { "{\"a\":[],}", "{\"a\":[] }" },
        { "{\"a\":{},\r\n}", "{\"a\":{} \r\n}" },
        { "[\"x\",/*,*/]", "[\"x\"      ]" },
        { "/* a\nb */1", "    \n    1" },
        { "1//", "1  " },
        { "1/**/", "1    " },
        { "[\"// no\",\"/* no */\",\"\\\"//\"]", "[\"// no\",\"/* no */\",\"\\\"//\"]" },
        { "\"\\\\\"//x", "\"\\\\\"   " },
        { "// \xc3\xa9\n1", "     \n1" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b AUTO_BUF = BUF_INIT(100);
        assert_int_equal(hujson_to_json(str_from(cases[i].in), &b, NULL), 0);
        if (!str_eq(buf_str(&b), STR("")) || cases[i].out[0])
            assert_true(str_eq(buf_str(&b), str_from(cases[i].out)));
    }
}

static void what_is_wrong_stays_wrong(void **state)
{
    static const char *const cases[] = { "[,]", "{,}", "[1,,]", "{\"a\":,}", "{\"a\",}", ",", "1,",
        "[1,}", "/", "[/]", "'a'", "{a:1}", "\"a", "[1 2]", "# x\n1", "\"a\n\"", "1 / / x" };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b AUTO_BUF = BUF_INIT(100);
        json_t *j AUTO_JSON = NULL;
        assert_int_equal(hujson_to_json(str_from(cases[i]), &b, NULL), 0);
        assert_int_equal(json_read(buf_str(&b), &j, NULL), -1);
    }
}

static void a_comment_without_an_end_is_named(void **state)
{
    struct buf b AUTO_BUF = BUF_INIT(100);
    struct err e = ERR_INIT;
    (void)state;
    assert_int_equal(hujson_to_json(STR("{}\n\n/*/ "), &b, &e), -1);
    assert_string_equal(e.text, "the comment that begins in line 3 has no end");
    assert_int_equal(b.n, 0);
}

static void a_complaint_names_the_true_place(void **state)
{
    struct buf b AUTO_BUF = BUF_INIT(100);
    struct err e = ERR_INIT;
    json_t *j AUTO_JSON = NULL;
    (void)state;
    assert_int_equal(hujson_to_json(STR("{ // one\n /* two\n*/ \"a\": x }"), &b, &e), 0);
    assert_int_equal(json_read(buf_str(&b), &j, &e), -1);
    assert_non_null(strstr(e.text, "line 3, column 9"));
}

static void what_is_no_text_or_too_long_is_refused(void **state)
{
    struct buf b AUTO_BUF = BUF_INIT(4);
    struct err e = ERR_INIT;
    (void)state;
    assert_int_equal(hujson_to_json(STR("//\xff"), &b, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_int_equal(hujson_to_json(STR("12345"), &b, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_json_does_not_know_becomes_blanks),
        cmocka_unit_test(what_is_wrong_stays_wrong),
        cmocka_unit_test(a_comment_without_an_end_is_named),
        cmocka_unit_test(a_complaint_names_the_true_place),
        cmocka_unit_test(what_is_no_text_or_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
