#include "supervisor/template.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A is 1, EMPTY is nothing, T is a template itself, SP has blanks. */
static const char *get(void *ctx, struct str name)
{
    static const struct {
        const char *name, *value;
    } variables[] = { { "A", "1" }, { "EMPTY", "" }, { "T", "{{A}}" }, { "SP", "x y" },
        { "a_9", "low" } };
    (void)ctx;
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        if (str_eq(name, str_from(variables[i].name)))
            return variables[i].value;
    }
    return NULL;
}

static void what_is_between_two_braces_is_replaced(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } cases[] = {
        { "", "" },
        { "plain", "plain" },
        { "{{A}}", "1" },
        { "{{ A }}", "1" },
        { "{{   A}}", "1" },
        { "{{A    }}", "1" },
        { "x{{A}}y{{A}}z", "x1y1z" },
        { "{{A}}{{A}}", "11" },
        { "{{EMPTY}}", "" },
        { "{{SP}}", "x y" },
        { "{{a_9}}", "low" },
        { "{{T}}", "{{A}}" },
        { "{{{A}}}", "{1}" },
        { "{{{{A}}}}", "{{1}}" },
        { "{{A-B}}", "{{A-B}}" },
        { "{{}}", "{{}}" },
        { "{{ }}", "{{ }}" },
        { "{{", "{{" },
        { "}}", "}}" },
        { "{", "{" },
        { "{A}", "{A}" },
        { "{{A}", "{{A}" },
        { "{{A} }", "{{A} }" },
        { "{ {A}}", "{ {A}}" },
        { "{{A B}}", "{{A B}}" },
        { "{{\tA}}", "{{\tA}}" },
        { "{{A\n}}", "{{A\n}}" },
        { "{{\xc3\xa4}}", "{{\xc3\xa4}}" },
        { "{{$A}}", "{{$A}}" },
        { "{{A {{A}}", "{{A 1" },
        { "\xff{{A}}\xff", "\xff"
                           "1\xff" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_BUF struct buf out = BUF_INIT(1024);
        struct err e = ERR_INIT;
        if (template_expand(str_from(cases[i].from), get, NULL, &out, &e) < 0)
            fail_msg("\"%s\": %s", cases[i].from, e.text);
        if (!str_eq(buf_str(&out), str_from(cases[i].to)))
            fail_msg("\"%s\": \"%.*s\"", cases[i].from, (int)out.n, out.p);
    }
}

static void an_unknown_variable_is_named(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = BUF_INIT(64);
    struct err e = ERR_INIT;
    assert_int_equal(template_expand(STR("x{{ MISSING }}"), get, NULL, &out, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_ptr_equal(strstr(e.text, "unknown variable \"MISSING\""), e.text);
}

static void a_result_past_the_ceiling_is_an_error(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = BUF_INIT(4);
    struct err e = ERR_INIT;
    assert_int_equal(template_expand(STR("{{SP}}{{SP}}"), get, NULL, &out, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_LARGE);
}

static void the_name_borrows_from_the_text(void **state)
{
    (void)state;
    struct str name = STR_NONE, s = STR("{{ AB }}rest");
    assert_int_equal(template_at(s, &name), 8);
    assert_ptr_equal(name.p, s.p + 3);
    assert_int_equal(name.n, 2);
    assert_int_equal(template_at(STR("x{{AB}}"), &name), 0);
}

static void join(void *ctx, struct str word)
{
    buf_addf(ctx, "[%" STR_FMT "]", STR_ARG(word));
}

static void a_string_is_split_at_each_blank(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } cases[] = {
        { "", "[]" },
        { " ", "[][]" },
        { "a", "[a]" },
        { "a b", "[a][b]" },
        { "a  b", "[a][][b]" },
        { " a", "[][a]" },
        { "a ", "[a][]" },
        { "a\tb\nc", "[a\tb\nc]" },
        { "sh -c 'a b'", "[sh][-c]['a][b']" },
        { "a\\ b", "[a\\][b]" },
        { "x {{ A }} y", "[x][{{ A }}][y]" },
        { "x{{ A }}y", "[x{{ A }}y]" },
        { "{{ A B }}", "[{{][A][B][}}]" },
        { "{{ A", "[{{][A]" },
        { "{{A}} {{  B}}", "[{{A}}][{{  B}}]" },
        { "{{{ A }}", "[{{{ A }}]" },
        { "{{ }}", "[{{][}}]" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_BUF struct buf out = BUF_INIT(1024);
        template_split(str_from(cases[i].from), join, &out);
        if (!str_eq(buf_str(&out), str_from(cases[i].to)))
            fail_msg("\"%s\": %.*s", cases[i].from, (int)out.n, out.p);
    }
}

static void count(void *ctx, struct str word)
{
    (void)word;
    ++*(size_t *)ctx;
}

/* Were each brace to look ahead to the end, this would take hours. */
static void braces_without_end_cost_no_more_than_their_length(void **state)
{
    (void)state;
    static const struct str units[] = { { "{{ ", 3 }, { "{", 1 }, { "{{A", 3 }, { "{{A ", 4 } };
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        AUTO_BUF struct buf text = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
        size_t words = 0, blanks = 0;
        while (text.n + units[i].n <= text.max)
            buf_add(&text, units[i]);
        for (size_t k = 0; k < text.n; k++)
            blanks += text.p[k] == ' ';
        template_split(buf_str(&text), count, &words);
        assert_int_equal(words, blanks + 1);
        assert_int_equal(template_expand(buf_str(&text), get, NULL, &out, NULL), 0);
        assert_true(str_eq(buf_str(&out), buf_str(&text)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_between_two_braces_is_replaced),
        cmocka_unit_test(an_unknown_variable_is_named),
        cmocka_unit_test(a_result_past_the_ceiling_is_an_error),
        cmocka_unit_test(the_name_borrows_from_the_text),
        cmocka_unit_test(a_string_is_split_at_each_blank),
        cmocka_unit_test(braces_without_end_cost_no_more_than_their_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
