#include "cli/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static const struct args_option options[] = {
    { "data", "DIR", false, "a folder" },
    { "scope", "SCOPE", true, "may repeat" },
    { "json", NULL, false, "a switch" },
};

struct parsed {
    struct args_found found[ARRAY_LEN(options)];
    struct args args;
    struct err e;
    int rc;
};

/* Words end with NULL. */
static void parse(struct parsed *p, char **words)
{
    int n = 0;
    while (words[n])
        n++;
    *p = (struct parsed){ .e = ERR_INIT };
    p->args.options = options;
    p->args.n_options = ARRAY_LEN(options);
    p->args.found = p->found;
    p->rc = args_parse(&p->args, n, words, &p->e);
}

#define WORDS(...) ((char *[]){ __VA_ARGS__, NULL })

static void a_value_stands_behind_its_option_or_behind_an_equals_sign(void **state)
{
    static char *const forms[][3] = { { "--data", "/srv", NULL }, { "--data=/srv", NULL, NULL } };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct parsed p;
        parse(&p, WORDS(forms[i][0], forms[i][1]));
        assert_int_equal(p.rc, 0);
        assert_true(str_eq(args_get(&p.args, "data"), STR("/srv")));
        assert_false(args_has(&p.args, "json"));
    }
}

static void a_value_may_be_empty_or_look_like_an_option(void **state)
{
    struct parsed p;
    (void)state;
    parse(&p, WORDS("--data="));
    assert_int_equal(p.rc, 0);
    assert_true(args_has(&p.args, "data"));
    assert_int_equal(args_get(&p.args, "data").n, 0);
    parse(&p, WORDS("--data", "--json"));
    assert_int_equal(p.rc, 0);
    assert_true(str_eq(args_get(&p.args, "data"), STR("--json")));
    parse(&p, WORDS("--data=a=b"));
    assert_true(str_eq(args_get(&p.args, "data"), STR("a=b")));
}

static void what_may_repeat_keeps_its_order(void **state)
{
    struct parsed p;
    (void)state;
    parse(&p, WORDS("--scope", "read", "bob", "--scope=yank", "--json", "second"));
    assert_int_equal(p.rc, 0);
    const struct args_found *f = args_all(&p.args, "scope");
    assert_int_equal(f->n, 2);
    assert_true(str_eq(f->values[0], STR("read")));
    assert_true(str_eq(f->values[1], STR("yank")));
    assert_true(args_has(&p.args, "json"));
    assert_int_equal(p.args.n_rest, 2);
    assert_true(str_eq(p.args.rest[0], STR("bob")));
    assert_true(str_eq(p.args.rest[1], STR("second")));
}

static void what_was_not_given_is_absent(void **state)
{
    struct parsed p;
    (void)state;
    parse(&p, WORDS("-"));
    assert_int_equal(p.rc, 0);
    assert_null(args_get(&p.args, "data").p);
    assert_int_equal(args_all(&p.args, "scope")->n, 0);
    assert_int_equal(p.args.n_rest, 1); /* a lone dash is a word */
}

static void a_mistake_is_named(void **state)
{
    static const struct {
        char *words[10];
        const char *phrase;
    } rows[] = {
        { { "--dat", "/srv" }, "no option --dat " },
        { { "--DATA=/srv" }, "no option --DATA " },
        { { "--=x" }, "no option -- " },
        { { "--data" }, "--data DIR" },
        { { "--json=yes" }, "--json takes no value" },
        { { "--data=a", "--data=b" }, "--data is given twice" },
        { { "--json", "--json" }, "--json is given twice" },
        { { "-j" }, "no option -j" },
        { { "--" }, "no option --" },
        { { "1", "2", "3", "4", "5", "6", "7", "8", "9" }, "too many" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct parsed p;
        char *words[ARRAY_LEN(rows[i].words) + 1];
        memcpy(words, rows[i].words, sizeof(rows[i].words));
        words[ARRAY_LEN(rows[i].words)] = NULL;
        parse(&p, words);
        assert_int_equal(p.rc, -1);
        assert_int_equal(p.e.kind, ERR_USAGE);
        if (!strstr(p.e.text, rows[i].phrase))
            fail_msg("row %zu: %s", i, p.e.text);
    }
}

static void an_option_repeats_as_often_as_there_is_room(void **state)
{
    char *words[ARGS_VALUES_MAX + 2] = { NULL };
    struct parsed p;
    (void)state;
    for (size_t i = 0; i < ARGS_VALUES_MAX; i++)
        words[i] = "--scope=x";
    parse(&p, words);
    assert_int_equal(p.rc, 0);
    assert_int_equal(args_all(&p.args, "scope")->n, ARGS_VALUES_MAX);
    words[ARGS_VALUES_MAX] = "--scope=x";
    parse(&p, words);
    assert_int_equal(p.rc, -1);
    assert_int_equal(p.e.kind, ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_stands_behind_its_option_or_behind_an_equals_sign),
        cmocka_unit_test(a_value_may_be_empty_or_look_like_an_option),
        cmocka_unit_test(what_may_repeat_keeps_its_order),
        cmocka_unit_test(what_was_not_given_is_absent),
        cmocka_unit_test(a_mistake_is_named),
        cmocka_unit_test(an_option_repeats_as_often_as_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
