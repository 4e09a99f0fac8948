#include "base/buf.h"
#include "base/toml.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

static struct toml_table *parse(struct arena *mem, struct str text)
{
    struct err e = ERR_INIT;
    struct toml_table *root = NULL;
    if (toml_parse(mem, text, &root, &e) < 0)
        fail_msg("%" STR_FMT ": %s", STR_ARG(str_from_to(text, 0, 200)), e.text);
    return root;
}

static void assert_refused(struct arena *mem, struct str text, const char *why)
{
    struct err e = ERR_INIT;
    struct toml_table *root = NULL;
    if (toml_parse(mem, text, &root, &e) == 0)
        fail_msg("%" STR_FMT ": accepted", STR_ARG(str_from_to(text, 0, 200)));
    assert_string_equal(e.text, why);
}

static struct toml_value *only(struct arena *mem, const char *text, enum toml_type type)
{
    struct toml_table *root = parse(mem, str_from(text));
    assert_non_null(root->first);
    if (root->first->value->type != type)
        fail_msg("%s: is %s", text, toml_type_name(root->first->value->type));
    return root->first->value;
}

static struct toml_value *member(const struct toml_table *t, const char *key, enum toml_type type)
{
    struct toml_value *v = toml_get(t, str_from(key));
    assert_non_null(v);
    assert_int_equal(v->type, type);
    return v;
}

static void assert_str(struct str got, struct str want)
{
    if (!str_eq(got, want))
        fail_msg("got '%" STR_FMT "', want '%" STR_FMT "'", STR_ARG(got), STR_ARG(want));
}

static void an_empty_document_is_an_empty_table(void **state)
{
    struct arena *mem = *state;
    static const char *const docs[] = { "", "\n", "\r\n", "# comment", " \t", "\xef\xbb\xbf" };
    for (size_t i = 0; i < ARRAY_LEN(docs); i++) {
        struct toml_table *root = parse(mem, str_from(docs[i]));
        assert_int_equal(root->n, 0);
        assert_null(root->first);
    }
    assert_int_equal(parse(mem, STR_NONE)->n, 0);
}

static void strings_are_decoded(void **state)
{
    struct arena *mem = *state;
    static const struct {
        const char *text;
        struct str want;
    } cases[] = {
        { "a = \"\"", STR("") },
        { "a = 'C:\\n'", STR("C:\\n") },
        { "a = \"\\b\\t\\n\\f\\r\\\"\\\\\"", STR("\b\t\n\f\r\"\\") },
        { "a = \"\\u00e9\\u20AC\\U0001F980\\u0000.\"",
            STR("\xc3\xa9\xe2\x82\xac\xf0\x9f\xa6\x80\0.") },
        { "a = \"\"\"\nx\ny\"\"\"", STR("x\ny") },
        { "a = \"\"\"\r\nx\r\ny\"\"\"", STR("x\r\ny") },
        { "a = \"\"\"x \\  \n\n  \t y\"\"\"", STR("x y") },
        { "a = \"\"\"\"\"x\"\"\"\"\"", STR("\"\"x\"\"") },
        { "a = '''''x'''''", STR("''x''") },
        { "a = '''\n\\'''", STR("\\") },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_str(only(mem, cases[i].text, TOML_STRING)->string, cases[i].want);
}

static void integers_have_four_bases_and_the_whole_range(void **state)
{
    struct arena *mem = *state;
    static const struct {
        const char *text;
        int64_t want;
    } cases[] = {
        { "a = 0", 0 },
        { "a = +0", 0 },
        { "a = -0", 0 },
        { "a = 1_000", 1000 },
        { "a = 9223372036854775807", INT64_MAX },
        { "a = -9223372036854775808", INT64_MIN },
        { "a = 0xdead_BEEF", 0xdeadbeef },
        { "a = 0x00", 0 },
        { "a = 0o17", 15 },
        { "a = 0b101", 5 },
        { "a = 0x7fffffffffffffff", INT64_MAX },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(only(mem, cases[i].text, TOML_INT)->integer, cases[i].want);
}

static void floats_are_read_to_the_nearest_double(void **state)
{
    struct arena *mem = *state;
    static const struct {
        const char *text;
        double want;
    } cases[] = {
        { "a = 1.5", 1.5 },
        { "a = -0.0", -0.0 },
        { "a = 1e06", 1e6 },
        { "a = 6.626E-34", 6.626e-34 },
        { "a = 1_0.0_1", 10.01 },
        { "a = inf", (double)INFINITY },
        { "a = -inf", -(double)INFINITY },
        { "a = 1e-400", 0.0 },
        { "a = 0e1", 0.0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double got = only(mem, cases[i].text, TOML_FLOAT)->real;
        assert_memory_equal(&got, &cases[i].want, sizeof(got));
    }
    assert_true(isnan(only(mem, "a = +nan", TOML_FLOAT)->real));
}

static void dates_and_times_keep_their_text_in_one_form(void **state)
{
    struct arena *mem = *state;
    static const struct {
        const char *text;
        enum toml_date_kind kind;
        struct str want;
    } cases[] = {
        { "a = 1979-05-27t07:32:00z", TOML_OFFSET_DATETIME, STR("1979-05-27T07:32:00Z") },
        { "a = 1979-05-27 07:32:00.5-07:00", TOML_OFFSET_DATETIME,
            STR("1979-05-27T07:32:00.5-07:00") },
        { "a = 2000-02-29T23:59:60", TOML_LOCAL_DATETIME, STR("2000-02-29T23:59:60") },
        { "a = 1979-05-27 # day", TOML_LOCAL_DATE, STR("1979-05-27") },
        { "a = 07:32:00.999999", TOML_LOCAL_TIME, STR("07:32:00.999999") },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct toml_value *v = only(mem, cases[i].text, TOML_DATETIME);
        assert_int_equal(v->datetime.kind, cases[i].kind);
        assert_str(v->datetime.text, cases[i].want);
    }
}

static void tables_grow_by_headers_and_dotted_keys(void **state)
{
    struct arena *mem = *state;
    struct toml_table *root =
        parse(mem, STR("a.b.c = 1\n[x.y]\nz = true\n[x]\nq = 'w'\n[x.y.more]\n"));
    struct toml_table *a = member(root, "a", TOML_TABLE)->table;
    struct toml_table *b = member(a, "b", TOML_TABLE)->table;
    struct toml_table *x = member(root, "x", TOML_TABLE)->table;
    struct toml_table *y = member(x, "y", TOML_TABLE)->table;
    assert_int_equal(member(b, "c", TOML_INT)->integer, 1);
    assert_true(member(y, "z", TOML_BOOL)->boolean);
    assert_str(member(x, "q", TOML_STRING)->string, STR("w"));
    assert_int_equal(toml_get(root, STR("x"))->line, 4);
}

static void arrays_of_tables_append_to_the_last_element(void **state)
{
    struct arena *mem = *state;
    struct toml_table *root = parse(mem, STR("[[b]]\nn = 1\n[[b.c]]\n[[b.c]]\n[[b]]\n[b.d]\n"));
    struct toml_value *b = toml_get(root, STR("b"));
    assert_int_equal(b->type, TOML_ARRAY);
    assert_int_equal(b->array.n, 2);
    assert_int_equal(toml_get(b->array.items[0]->table, STR("c"))->array.n, 2);
    (void)member(b->array.items[1]->table, "d", TOML_TABLE);
    assert_int_equal(b->array.items[1]->line, 5);
}

static void pairs_stand_in_order_of_first_appearance(void **state)
{
    struct arena *mem = *state;
    struct toml_table *root = parse(mem, STR("z = 1\nb.x = 1\na = 1\nb.y = 1\n\"\" = 1\n"));
    static const char *const want[] = { "z", "b", "a", "" };
    size_t i = 0;
    for (struct toml_pair *pair = root->first; pair; pair = pair->next)
        assert_str(pair->key, str_from(want[i++]));
    assert_int_equal(i, 4);
    assert_int_equal(root->n, 4);
}

static void look_ups_of_another_type_find_nothing(void **state)
{
    struct arena *mem = *state;
    struct toml_table *root = parse(mem, STR("i = 1\nb = false\n"));
    bool b = true;
    assert_false(toml_get_bool(root, STR("i"), &b));
    assert_false(toml_get_bool(root, STR("none"), &b));
    assert_false(toml_get_bool(NULL, STR("b"), &b));
    assert_null(toml_get(NULL, STR("b")));
    assert_true(b);
    assert_true(toml_get_bool(root, STR("b"), &b));
    assert_false(b);
}

static void refusals_name_the_line_and_the_reason(void **state)
{
    struct arena *mem = *state;
    static const struct {
        struct str text;
        const char *why;
    } cases[] = {
        { STR("a = 1\na = 2"), "line 2: \"a\" is already defined, on line 1" },
        { STR("a = {}\na.b = 1"), "line 2: \"a\" is already defined, on line 1" },
        { STR("[a.b]\n[[a]]"), "line 2: \"a\" is already defined, on line 1" },
        { STR("a = [1]\n[[a]]"), "line 2: \"a\" is already defined, on line 1" },
        { STR("[a]\nb.c = 1\n[a.b]"), "line 3: \"b\" is already defined, on line 2" },
        { STR("[a.b.c]\n[a]\nb.c.d = 1"), "line 3: \"c\" is already defined, on line 1" },
        { STR("a = [{ b = 1 }]\n[a.c]"), "line 2: \"a\" is already defined, on line 1" },
        { STR("\"x\\ny\" = 1\n'' = 1\n\"x\\ny\" = 1"),
            "line 3: \"x?y\" is already defined, on line 1" },
        { STR("a = b"), "line 1: b is not a value; text needs quotes" },
        { STR("a ="), "line 1: a value is expected here" },
        { STR("\n\na"), "line 3: \"a\" should be followed by = and a value" },
        { STR("= 1"),
            "line 1: a key is expected here; keys of other than A-Z a-z 0-9 _ - need quotes" },
        { STR("a = 1 b = 2"), "line 1: the line should end here" },
        { STR("[a\nb = 1"), "line 1: this table header should end with ]" },
        { STR("[[a] ]"), "line 1: this table header should end with ]]" },
        { STR("a = { b = 1,\n"),
            "line 1: a key is expected here; keys of other than A-Z a-z 0-9 _ - need quotes" },
        { STR("a = [1\n2]"), "line 2: the array of line 1 goes on with , or ends with ]" },
        { STR("a = \"x\nb = 1"), "line 1: a string is not closed with \" on its line" },
        { STR("a = '''\n\n"), "line 1: this string is never closed with '''" },
        { STR("a = \"\\e\""), "line 1: an unknown escape in a string; write \\\\ for a backslash, "
                              "or use single quotes" },
        { STR("a = \"\\u12\""), "line 1: a \\u escape needs 4 hex digits" },
        { STR("a = \"\\ud800\""), "line 1: U+D800 is not a Unicode scalar value" },
        { STR("a = 1\n# \x7f"),
            "line 2: a control character (U+007F) must be written as an escape" },
        { STR("a = '\0'"), "line 1: a control character (U+0000) must be written as an escape" },
        { STR("a = \"\"\"\\ x\"\"\""),
            "line 1: an unknown escape in a string; write \\\\ for a backslash, or use single "
            "quotes" },
        { STR("\"\"\"a\"\"\" = 1"), "line 1: a key cannot be a multi-line string" },
        { STR("a = 1\r"), "line 1: a carriage return must be followed by a line feed" },
        { STR("\na = '\xc0\xaf'"), "line 2: the text is not UTF-8" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_refused(mem, cases[i].text, cases[i].why);
}

static void values_out_of_form_or_range_are_refused(void **state)
{
    struct arena *mem = *state;
    static const char *const values[] = {
        "01",
        "+0x1",
        "1__0",
        "_1",
        "1_",
        "0x_1",
        "0b2",
        "1.",
        ".5",
        "1.e5",
        "1e",
        "1_.0",
        "00.5",
        "1e400",
        "9223372036854775808",
        "-9223372036854775809",
        "0x8000000000000000",
        "True",
        "Inf",
        "+-1",
        "2023-02-29",
        "1900-02-29",
        "2023-13-01",
        "2023-04-31",
        "2023-01-00",
        "24:00:00",
        "00:60:00",
        "00:00:61",
        "07:32",
        "07:32:00.",
        "2023-01-01T",
        "2023-01-01T07:32",
        "2023-01-01T07:32:00+24:00",
        "2023-01-01T07:32:00+0100",
        "2023-01-01  07:32:00",
        "07:32:00Z",
        "1-1-1",
        "{ a = 1, }",
        "{ , }",
        "[,]",
        "[1,,]",
        "\"\"\"\"\"\"\"\"\"",
        "{ a.b = 1, a = 2 }",
        "{ a = {}, a.b = 1 }",
    };
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct err e = ERR_INIT;
        struct toml_table *root = NULL;
        struct str text = arena_printf(mem, "a = %s\n", values[i]);
        if (toml_parse(mem, text, &root, &e) == 0)
            fail_msg("%s: accepted", values[i]);
        assert_int_equal(e.kind, ERR_INVALID);
    }
}

/* head, then unit over and over up to about size bytes with each % its number, then tail. */
static struct str repeat(
    struct arena *mem, const char *head, const char *unit, const char *tail, size_t size)
{
    struct buf b = BUF_INIT(TOML_SIZE_MAX * 2);
    buf_add(&b, str_from(head));
    for (uint64_t i = 0; b.n < size; i++)
        for (const char *c = unit; *c; c++)
            if (*c == '%')
                buf_addf(&b, "%07llu", (unsigned long long)i);
            else
                buf_add_byte(&b, *c);
    buf_add(&b, str_from(tail));
    assert_true(buf_ok(&b));
    struct str text = arena_str(mem, buf_str(&b));
    buf_deinit(&b);
    return text;
}

#define DEEP_62                                                                                    \
    "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a."                               \
    "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a."

static void sixty_four_levels_are_allowed_and_no_more(void **state)
{
    struct arena *mem = *state;
    static const char why[] = "line 1: nested more than 64 levels deep";
    (void)parse(mem, str_from(DEEP_62 "x.y = 1"));
    (void)parse(mem, str_from(DEEP_62 "x.y = {}"));
    (void)parse(mem, str_from("[" DEEP_62 "x.y]"));
    assert_refused(mem, str_from(DEEP_62 "x.y.z = 1"), why);
    assert_refused(mem, str_from(DEEP_62 "x.y = { a = {} }"), why);
    assert_refused(mem, str_from("[[" DEEP_62 "x.y]]"), why);
    assert_refused(mem, str_from("a = { " DEEP_62 "x.y = [] }"), why);
    (void)parse(mem, arena_printf(mem, "a=%.64s%.64s", repeat(mem, "", "[", "", 64).p,
                         repeat(mem, "", "]", "", 64).p));
    assert_refused(mem, repeat(mem, "a=", "[", "", 67), why);
    assert_refused(mem, repeat(mem, "a=", "[", "", 1u << 20), why);
    assert_refused(mem, repeat(mem, "a=", "{a=", "", 1u << 20), why);
    assert_refused(mem, repeat(mem, "[", "a.", "", 1u << 20), why);
}

/* A parser that is slower than n log n meets the time limit of the test here. */
static void large_documents_are_parsed_in_time(void **state)
{
    struct arena *mem = *state;
    static const char *const docs[][3] = {
        { "", "k%=1\n", "" },
        { "", "[t%]\n", "" },
        { "", "[[t]]\n", "" },
        { "", "[[t]]\n[[t.u]]\n", "" },
        { "", "[[t]]\na.b.c=1\n", "" },
        { "", DEEP_62 "k%=1\n", "" },
        { "", "[" DEEP_62 "k%]\n", "" },
        { "a=[", "1,", "]" },
        { "a=[", "{},", "]" },
        { "a=[", "[[]],\n", "]" },
        { "a=[", "''#\n,", "]" },
        { "a={", "k%=1,", "z=1}" },
        { "a=\"", "\\u0041", "\"" },
        { "a=\"\"\"", "\"\" \\\n", "\"\"\"" },
        { "a=1.", "1234567890", "" },
        { "a=1", "0_0", "e-999999" },
        { "", "\n", "" },
        { "a=1#", "\xc3\xa9", "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(docs); i++) {
        (void)parse(mem, repeat(mem, docs[i][0], docs[i][1], docs[i][2], 1u << 20));
        arena_reset(mem);
    }
}

static void a_long_key_is_clipped_in_a_message(void **state)
{
    struct arena *mem = *state;
    struct str key = repeat(mem, "", "k", "", 100);
    assert_refused(mem, arena_printf(mem, "%s = 1\n%s = 2\n", key.p, key.p),
        arena_printf(mem, "line 2: \"%.60s...\" is already defined, on line 1", key.p).p);
}

static void types_have_names(void **state)
{
    (void)state;
    assert_string_equal(toml_type_name(TOML_STRING), "string");
    assert_string_equal(toml_type_name(TOML_TABLE), "table");
}

static void every_key_of_a_large_table_is_found(void **state)
{
    struct arena *mem = *state;
    struct toml_table *root = parse(mem, repeat(mem, "", "\"shared prefix %\"=1\n", "", 1u << 20));
    assert_true(root->n > 30000);
    for (struct toml_pair *pair = root->first; pair; pair = pair->next)
        assert_ptr_equal(toml_get(root, pair->key), pair->value);
    assert_null(toml_get(root, STR("shared prefix")));
}

static void memory_is_bounded_by_the_size_of_the_text(void **state)
{
    struct arena *mem = *state;
    struct buf b = BUF_INIT(TOML_SIZE_MAX);
    for (int i = 0; b.n < 1u << 20; i++) { /* a new table for every two bytes */
        buf_addf(&b, "[k%x", (unsigned)i);
        for (int k = 0; k < 62; k++)
            buf_add(&b, STR(".a"));
        buf_add(&b, STR("]\n"));
    }
    struct err e = ERR_INIT;
    struct toml_table *root = NULL;
    assert_int_equal(toml_parse(mem, buf_str(&b), &root, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_LARGE);
    assert_true(arena_used(mem) <= b.n * 64 + (1u << 17));
    buf_deinit(&b);
}

static void a_text_past_the_limit_is_refused_unread(void **state)
{
    struct arena *mem = *state;
    struct err e = ERR_INIT;
    struct toml_table *root = NULL;
    struct str text = { "", (size_t)TOML_SIZE_MAX + 1 };
    assert_int_equal(toml_parse(mem, text, &root, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_LARGE);
}

static void values_outlive_the_text(void **state)
{
    struct arena *mem = *state;
    char text[] = "key = 'value'\nat = 07:32:00\n";
    struct toml_table *root = parse(mem, str_from(text));
    memset(text, 'x', sizeof(text));
    assert_str(member(root, "key", TOML_STRING)->string, STR("value"));
    assert_str(toml_get(root, STR("at"))->datetime.text, STR("07:32:00"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, new_arena, free_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_empty_document_is_an_empty_table),
        T(strings_are_decoded),
        T(integers_have_four_bases_and_the_whole_range),
        T(floats_are_read_to_the_nearest_double),
        T(dates_and_times_keep_their_text_in_one_form),
        T(tables_grow_by_headers_and_dotted_keys),
        T(arrays_of_tables_append_to_the_last_element),
        T(pairs_stand_in_order_of_first_appearance),
        T(look_ups_of_another_type_find_nothing),
        T(refusals_name_the_line_and_the_reason),
        T(values_out_of_form_or_range_are_refused),
        T(sixty_four_levels_are_allowed_and_no_more),
        T(large_documents_are_parsed_in_time),
        T(a_long_key_is_clipped_in_a_message),
        T(types_have_names),
        T(every_key_of_a_large_table_is_found),
        T(memory_is_bounded_by_the_size_of_the_text),
        T(a_text_past_the_limit_is_refused_unread),
        T(values_outlive_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
