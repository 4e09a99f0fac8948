#include "auth/capability.h"

#include "auth/right.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define R(role) (1u << ROLE_##role)

static void each_good_object_gives_its_roles_on_its_crates(void **state)
{
    static const struct {
        const char *text;
        unsigned roles;
        const char *first; /* of its patterns, folded */
        size_t n_crates;
    } cases[] = {
        { "[{\"do\":[\"release\"],\"crates\":[\"Acme-*\"]}]", R(RELEASE), "acme_*", 1 },
        { "[{\"crates\":[\"*\"],\"do\":[\"read\"]}]", R(READ), "*", 1 },
        { "[{\"do\":[\"admin\"],\"crates\":[\"*\"]}]", R(ADMIN), "*", 1 },
        { "[{\"do\":[\"read\",\"admin\",\"publish\"],\"crates\":[\"*\"]}]",
            R(READ) | R(ADMIN) | R(PUBLISH), "*", 1 },
        { "[{\"do\":[\"publish\",\"publish\"],\"crates\":[\"b\",\"a\",\"b\"]}]", R(PUBLISH), "b",
            3 },
        { " [ { \"do\" : [ \"maintain\" ] , \"crates\" : [ \"Foo-Bar\" ] } ] ", R(MAINTAIN),
            "foo_bar", 1 },
        { "[{\"d\\u006f\":[\"rel\\u0065ase\"],\"crates\":[\"\\u0061\"]}]", R(RELEASE), "a", 1 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a AUTO_ARENA = arena_new();
        struct capability c;
        capability_parse(a, str_from(cases[i].text), &c);
        assert_int_equal(c.n, 1);
        assert_int_equal(c.n_void, 0);
        assert_null(c.rules[0].void_reason.p);
        assert_int_equal(c.rules[0].roles, cases[i].roles);
        assert_int_equal(c.rules[0].crates.n, cases[i].n_crates);
        assert_true(str_eq(c.rules[0].crates.items[0], str_from(cases[i].first)));
        assert_true(str_eq(c.text, str_from(cases[i].text)));
    }
}

#define OBJECT(inner) "[{" inner "}]"
#define DO(roles) "\"do\":" roles
#define CRATES(patterns) "\"crates\":" patterns

static const struct {
    const char *text, *why;
} voids[] = {
    /* one object: the rest of the list is judged for itself */
    { "[null]", "no object" },
    { "[1]", "no object" },
    { "[\"release\"]", "no object" },
    { "[[]]", "no object" },
    { "[{}]", "do is missing" },
    { OBJECT(CRATES("[\"a\"]")), "do is missing" },
    { OBJECT(DO("[\"release\"]")), "crates is missing" },
    { OBJECT(DO("[\"release\"],") "\"crate\":[\"a\"]"), "unknown key \"crate\"" },
    { OBJECT(DO("[\"release\"],") CRATES("[\"a\"],") "\"until\":1"), "unknown key \"until\"" },
    { OBJECT(DO("[\"release\"],") "\"Crates\":[\"a\"]"), "unknown key \"Crates\"" },
    { OBJECT(DO("[],") CRATES("[\"a\"]")), "do must be a list" },
    { OBJECT(DO("[\"release\"],") CRATES("[]")), "crates must be a list" },
    { OBJECT(DO("null,") CRATES("[\"a\"]")), "do must be a list" },
    { OBJECT(DO("\"release\",") CRATES("[\"a\"]")), "do must be a list" },
    { OBJECT(DO("{\"release\":true},") CRATES("[\"a\"]")), "do must be a list" },
    { OBJECT(DO("[\"release\"],") CRATES("\"*\"")), "crates must be a list" },
    { OBJECT(DO("[\"release\",1],") CRATES("[\"a\"]")), "do must be a list of texts" },
    { OBJECT(DO("[\"release\"],") CRATES("[\"a\",null]")), "crates must be a list of texts" },
    { OBJECT(DO("[\"releases\"],") CRATES("[\"a\"]")), "releases" },
    { OBJECT(DO("[\"Release\"],") CRATES("[\"a\"]")), "Release" },
    { OBJECT(DO("[\"none\"],") CRATES("[\"a\"]")), "none" },
    { OBJECT(DO("[\"release\",\"owner\"],") CRATES("[\"a\"]")), "owner" },
    { OBJECT(DO("[\"release\"],") CRATES("[\"a*b\"]")), "a*b" },
    { OBJECT(DO("[\"release\"],") CRATES("[\"\"]")), "crates" },
    { OBJECT(DO("[\"release\"],") CRATES("[\"**\"]")), "crates" },
    { OBJECT(DO("[\"release\"],") CRATES("[\"1a\"]")), "1a" },
    { OBJECT(DO("[\"release\"],") CRATES("[\"a b\"]")), "a b" },
    { OBJECT(DO("[\"release\"],") CRATES("[\"good\",\"caf\\u00e9\"]")), "crates" },
    { OBJECT(DO("[\"read\"],") CRATES("[\"acme-*\"]")), "[\"*\"] only" },
    { OBJECT(DO("[\"admin\",\"release\"],") CRATES("[\"acme-*\"]")), "[\"*\"] only" },
    { OBJECT(DO("[\"admin\"],") CRATES("[\"*\",\"*\"]")), "[\"*\"] only" },
    /* the whole */
    { "", "no JSON" },
    { "[", "no JSON" },
    { "[]]", "no JSON" },
    { "[{]", "no JSON" },
    { "nul", "no JSON" },
    { "{\"do\":[\"release\"],\"crates\":[\"a\"]}", "no list" },
    { "true", "no list" },
    { "\"release\"", "no list" },
    { "0", "no list" },
    { "[{\"do\":[\"read\"],\"do\":[\"admin\"],\"crates\":[\"*\"]}]", "no JSON" },
    /* nothing gets out of the object that the value is read in */
    { "[],\"w\":[]", "no list" },
    { "[],\"v\":[{\"do\":[\"admin\"],\"crates\":[\"*\"]}]", "no JSON" },
    { "[]}{", "no JSON" },
};

static void what_is_not_understood_gives_nothing_and_says_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(voids); i++) {
        struct arena *a AUTO_ARENA = arena_new();
        struct capability c;
        capability_parse(a, str_from(voids[i].text), &c);
        if (c.n != 1 || c.n_void != 1 || !c.rules[0].void_reason.p)
            fail_msg("%s is not void", voids[i].text);
        assert_int_equal(c.rules[0].roles, 0);
        assert_int_equal(c.rules[0].crates.n, 0);
        if (str_find_str(c.rules[0].void_reason, str_from(voids[i].why)) == STR_NPOS)
            fail_msg("%s: \"%s\" is not in: %.*s", voids[i].text, voids[i].why,
                STR_ARG(c.rules[0].void_reason));
        assert_true(utf8_valid(c.rules[0].void_reason));
        assert_in_range(c.rules[0].void_reason.n, 1, 255);
    }
}

static void an_object_that_counts_for_nothing_leaves_the_others_alone(void **state)
{
    struct arena *a AUTO_ARENA = arena_new();
    struct capability c;
    (void)state;
    capability_parse(a,
        STR("[{\"do\":[\"release\"],\"crates\":[\"a\"]},{\"do\":[\"admin\"],\"crate\":[\"*\"]},"
            "{\"do\":[\"maintain\"],\"crates\":[\"b*\"]}]"),
        &c);
    assert_int_equal(c.n, 3);
    assert_int_equal(c.n_void, 1);
    assert_int_equal(c.rules[0].roles, R(RELEASE));
    assert_int_equal(c.rules[1].roles, 0);
    assert_non_null(c.rules[1].void_reason.p);
    assert_int_equal(c.rules[2].roles, R(MAINTAIN));
}

static void absent_null_and_empty_give_no_rule(void **state)
{
    static const struct str texts[] = { { NULL, 0 }, { "null", 4 }, { "[]", 2 }, { "[ ]", 3 } };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct arena *a AUTO_ARENA = arena_new();
        struct capability c;
        capability_parse(a, texts[i], &c);
        assert_int_equal(c.n, 0);
        assert_int_equal(c.n_void, 0);
    }
}

/* ---- bounds ---- */

static void add_patterns(struct buf *b, size_t n)
{
    buf_add(b, STR("{\"do\":[\"release\"],\"crates\":["));
    for (size_t i = 0; i < n; i++)
        buf_addf(b, "%s\"a\"", i ? "," : "");
    buf_add(b, STR("]}"));
}

static void more_objects_than_the_bound_void_the_whole(void **state)
{
    (void)state;
    for (size_t n = CAPABILITY_OBJECTS_MAX; n <= CAPABILITY_OBJECTS_MAX + 1; n++) {
        struct arena *a AUTO_ARENA = arena_new();
        struct buf b AUTO_BUF = BUF_INIT(CAPABILITY_BYTES_MAX);
        struct capability c;
        buf_add_byte(&b, '[');
        for (size_t i = 0; i < n; i++) {
            buf_add(&b, i ? STR(",") : STR(""));
            add_patterns(&b, 1);
        }
        buf_add_byte(&b, ']');
        capability_parse(a, buf_str(&b), &c);
        bool fits = n == CAPABILITY_OBJECTS_MAX;
        assert_int_equal(c.n, fits ? n : 1);
        assert_int_equal(c.n_void, fits ? 0 : 1);
        assert_int_equal(c.rules[0].roles, fits ? R(RELEASE) : 0);
    }
}

static void more_patterns_than_the_bound_void_their_object(void **state)
{
    (void)state;
    for (size_t n = CAPABILITY_PATTERNS_MAX; n <= CAPABILITY_PATTERNS_MAX + 1; n++) {
        struct arena *a AUTO_ARENA = arena_new();
        struct buf b AUTO_BUF = BUF_INIT(CAPABILITY_BYTES_MAX);
        struct capability c;
        buf_add_byte(&b, '[');
        add_patterns(&b, n);
        buf_add_byte(&b, ',');
        add_patterns(&b, 1);
        buf_add_byte(&b, ']');
        capability_parse(a, buf_str(&b), &c);
        assert_int_equal(c.n, 2);
        assert_int_equal(c.n_void, n == CAPABILITY_PATTERNS_MAX ? 0 : 1);
        assert_int_equal(c.rules[1].roles, R(RELEASE));
    }
}

static void more_bytes_than_the_bound_void_the_whole(void **state)
{
    (void)state;
    for (size_t n = CAPABILITY_BYTES_MAX; n <= CAPABILITY_BYTES_MAX + 1; n++) {
        struct arena *a AUTO_ARENA = arena_new();
        struct buf b AUTO_BUF = BUF_INIT(2 * CAPABILITY_BYTES_MAX);
        struct capability c;
        buf_add_byte(&b, '[');
        add_patterns(&b, 1);
        while (b.n < n - 1)
            buf_add_byte(&b, ' ');
        buf_add_byte(&b, ']');
        capability_parse(a, buf_str(&b), &c);
        assert_int_equal(c.n, 1);
        assert_int_equal(c.n_void, n == CAPABILITY_BYTES_MAX ? 0 : 1);
    }
}

static void a_deep_value_is_void_and_no_danger(void **state)
{
    struct arena *a AUTO_ARENA = arena_new();
    struct capability c;
    char deep[60000];
    (void)state;
    memset(deep, '[', sizeof(deep));
    capability_parse(a, (struct str){ deep, sizeof(deep) }, &c);
    assert_int_equal(c.n, 1);
    assert_int_equal(c.n_void, 1);
}

static void bytes_that_are_no_text_are_void(void **state)
{
#define BYTES(lit)                                                                                 \
    {                                                                                              \
        "" lit, sizeof(lit) - 1                                                                    \
    }
    static const struct str texts[] = { BYTES("[]\0"), BYTES("\0"), BYTES("\xff"),
        BYTES("[{\"do\":[\"\xff\"],\"crates\":[\"a\"]}]"),
        BYTES("[{\"do\":[\"read\"],\"crates\":[\"*\"]}]\0,"),
        BYTES("[{\"do\":[\"read\"],\"crates\":[\"*\\u0000\"]}]") };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct arena *a AUTO_ARENA = arena_new();
        struct capability c;
        capability_parse(a, texts[i], &c);
        assert_int_equal(c.n, 1);
        assert_int_equal(c.n_void, 1);
        assert_int_equal(c.rules[0].roles, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_good_object_gives_its_roles_on_its_crates),
        cmocka_unit_test(what_is_not_understood_gives_nothing_and_says_why),
        cmocka_unit_test(an_object_that_counts_for_nothing_leaves_the_others_alone),
        cmocka_unit_test(absent_null_and_empty_give_no_rule),
        cmocka_unit_test(more_objects_than_the_bound_void_the_whole),
        cmocka_unit_test(more_patterns_than_the_bound_void_their_object),
        cmocka_unit_test(more_bytes_than_the_bound_void_the_whole),
        cmocka_unit_test(a_deep_value_is_void_and_no_danger),
        cmocka_unit_test(bytes_that_are_no_text_are_void),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
