#include "base/json.h"

#include "base/json_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void valid_json_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        json_type type;
    } cases[] = {
        { "{}", JSON_OBJECT },
        { " [1, -2.5e3, true, null, \"a\"]\r\n\t", JSON_ARRAY },
        { "\"\\ud83d\\udc1f \xf0\x9f\x90\x9f\"", JSON_STRING },
        { "9223372036854775807", JSON_INTEGER },
        { "-9223372036854775808", JSON_INTEGER },
        { "1e308", JSON_REAL },
        { "1e-400", JSON_REAL },
        { "null", JSON_NULL },
        { "false", JSON_FALSE },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_JSON json_t *j = NULL;
        struct err e = ERR_INIT;
        if (json_read(str_from(cases[i].text), &j, &e) < 0)
            fail_msg("%s: %s", cases[i].text, e.text);
        assert_int_equal(json_typeof(j), cases[i].type);
    }
}

static void anything_else_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const struct str cases[] = {
        STR_NONE,
        STR(""),
        STR(" "),
        STR("\xef\xbb\xbf{}"),
        STR("{} {}"),
        STR("{}x"),
        STR("{}\0"),
        STR("[1,]"),
        STR("[1"),
        STR("{\"a\"}"),
        STR("{\"a\":1,\"a\":2}"),
        STR("{\"a\":{\"b\":1,\"b\":1}}"),
        STR("{'a':1}"),
        STR("// c\n{}"),
        STR("01"),
        STR("+1"),
        STR("1."),
        STR(".5"),
        STR("0x10"),
        STR("NaN"),
        STR("Infinity"),
        STR("1e400"),
        STR("-1e400"),
        STR("9223372036854775808"),
        STR("\"\\u0000\""),
        STR("{\"a\\u0000b\":1}"),
        STR("\"a\0b\""),
        STR("\"a\nb\""),
        STR("\"\\ud800\""),
        STR("\"\\x41\""),
        STR("\"\xff\""),
        STR("\"\xc0\x80\""),
        STR("\"\xed\xa0\x80\""),
        STR("\"abc"),
        STR("\"abc\\"),
        STR("True"),
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *j = NULL;
        struct err e = ERR_INIT;
        if (json_read(cases[i], &j, &e) == 0)
            fail_msg("case %zu was read", i);
        assert_null(j);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_true(strlen(e.text) > 10 && utf8_valid(str_from(e.text)));
    }
}

static void nest(struct buf *b, int depth, const char *open, const char *close)
{
    for (int i = 0; i < depth; i++)
        buf_add(b, str_from(open));
    buf_add(b, STR("1"));
    for (int i = 0; i < depth; i++)
        buf_add(b, str_from(close));
}

static void depth_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *open, *close;
    } kinds[] = { { "[", "]" }, { "{\"a\":", "}" } };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        AUTO_BUF struct buf b = BUF_INIT(1 << 20);
        AUTO_JSON json_t *j = NULL;
        struct err e;
        nest(&b, JSON_DEPTH_MAX, kinds[i].open, kinds[i].close);
        assert_int_equal(json_read(buf_str(&b), &j, &e), 0);
        buf_clear(&b);
        nest(&b, JSON_DEPTH_MAX + 1, kinds[i].open, kinds[i].close);
        json_t *none = NULL;
        assert_int_equal(json_read(buf_str(&b), &none, &e), -1);
        assert_non_null(strstr(e.text, "64 levels"));
    }
}

static void brackets_in_strings_are_no_depth(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = BUF_INIT(4096);
    AUTO_JSON json_t *j = NULL;
    struct err e;
    buf_add(&b, STR("[\"\\\"\\\\"));
    for (int i = 0; i < 1000; i++)
        buf_add_byte(&b, '[');
    buf_add(&b, STR("\"]"));
    assert_int_equal(json_read(buf_str(&b), &j, &e), 0);
}

static void strings_are_lent_with_their_length(void **state)
{
    (void)state;
    AUTO_JSON json_t *j = NULL;
    struct err e;
    assert_int_equal(json_read(STR("{\"s\":\"fish\",\"empty\":\"\",\"n\":1}"), &j, &e), 0);
    assert_true(str_eq(json_str(json_object_get(j, "s")), STR("fish")));
    assert_non_null(json_str(json_object_get(j, "empty")).p);
    assert_null(json_str(json_object_get(j, "n")).p);
    assert_null(json_str(json_object_get(j, "absent")).p);
}

static void commas_and_brackets_fall_into_place(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&b);
    json_object_begin(&j);
    json_key(&j, STR("a"));
    json_array_begin(&j);
    json_put_int(&j, INT64_MIN);
    json_put_int(&j, 0);
    json_put_int(&j, INT64_MAX);
    json_array_begin(&j);
    json_array_end(&j);
    json_put_bool(&j, true);
    json_put_bool(&j, false);
    json_put_null(&j);
    json_array_end(&j);
    json_key(&j, STR("b"));
    json_object_begin(&j);
    json_object_end(&j);
    json_key(&j, STR("c"));
    json_put_str_or_null(&j, STR_NONE);
    json_key(&j, STR("d"));
    json_put_str_or_null(&j, STR(""));
    json_key(&j, STR("e"));
    json_put_raw(&j, STR("[1]"));
    json_object_end(&j);
    assert_true(str_eq(
        buf_str(&b), STR("{\"a\":[-9223372036854775808,0,9223372036854775807,[],true,false,null],"
                         "\"b\":{},\"c\":null,\"d\":\"\",\"e\":[1]}")));
}

/* As serde_json 1.0 writes them. */
static void strings_are_escaped_as_serde_json_does(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&b);
    json_put_str(&j, STR("\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa4\xe2\x80\xa8"));
    assert_true(str_eq(
        buf_str(&b), STR("\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa4\xe2\x80\xa8\"")));
}

static void every_string_written_is_read_back(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = BUF_INIT(4096), text = BUF_INIT(4096);
    for (int c = 1; c < 128; c++)
        buf_add_byte(&b, (char)c);
    struct json_out j = JSON_OUT(&text);
    json_object_begin(&j);
    json_key(&j, buf_str(&b));
    json_put_str(&j, buf_str(&b));
    json_object_end(&j);
    AUTO_JSON json_t *back = NULL;
    struct err e;
    assert_int_equal(json_read(buf_str(&text), &back, &e), 0);
    const char *key = json_object_iter_key(json_object_iter(back));
    assert_true(str_eq(str_from(key), buf_str(&b)));
    assert_true(str_eq(json_str(json_object_get(back, key)), buf_str(&b)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_json_is_read),
        cmocka_unit_test(anything_else_is_refused_with_a_sentence),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(brackets_in_strings_are_no_depth),
        cmocka_unit_test(strings_are_lent_with_their_length),
        cmocka_unit_test(commas_and_brackets_fall_into_place),
        cmocka_unit_test(strings_are_escaped_as_serde_json_does),
        cmocka_unit_test(every_string_written_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
