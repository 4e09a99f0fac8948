#include "crate/semver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct semver version(const char *text)
{
    struct semver v;
    struct err e = ERR_INIT;
    if (semver_parse(str_from(text), &v, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    return v;
}

static struct semver_req requirement(const char *text)
{
    struct semver_req r;
    struct err e = ERR_INIT;
    if (semver_req_parse(str_from(text), &r, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    return r;
}

static void a_version_prints_as_it_was_written(void **state)
{
    (void)state;
    static const char *const rows[] = { "0.0.0", "1.2.3", "1.0.0-alpha.1", "1.0.0+001.b",
        "1.0.0-0.a-b+5", "18446744073709551615.0.0", "1.2.3--", "1.2.3-0a" };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_BUF struct buf out = BUF_INIT(256);
        struct semver v = version(rows[i]);
        semver_format(&out, &v);
        assert_true(str_eq(buf_str(&out), str_from(rows[i])));
    }
}

static void p08_what_is_no_version_is_refused(void **state)
{
    (void)state;
    const struct str rows[] = { STR(""), STR("1"), STR("1.0"), STR("1.0."), STR("01.0.0"),
        STR("1.00.0"), STR("1.0.0-"), STR("1.0.0+"), STR("1.0.0-a..b"), STR("1.0.0-01"),
        STR("1.0.0-a."), STR("1.0.0+a."), STR("18446744073709551616.0.0"),
        STR("99999999999999999999999999.0.0"), STR("v1.0.0"), STR(" 1.0.0"), STR("1.0.0 "),
        STR("1.0.0-\xc3\xa9"), STR("1.0.0\0"), STR("1.0.0-a_b"), STR("1.0.0+a+b"), STR("1.x.0"),
        STR("1.0.0.0"), STR("\xff") };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct semver v;
        struct err e = ERR_INIT;
        if (semver_parse(rows[i], &v, &e) == 0)
            fail_msg("row %zu is accepted", i);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_true(utf8_valid(str_from(e.text)));
    }
}

static void p08_a_published_version_has_at_most_150_bytes(void **state)
{
    (void)state;
    char text[152];
    struct semver v;
    memset(text, 'a', sizeof(text));
    memcpy(text, "1.0.0-", 6);
    assert_int_equal(semver_published_check((struct str){ text, 150 }, &v, NULL), 0);
    assert_int_equal(semver_published_check((struct str){ text, 151 }, &v, NULL), -1);
    assert_int_equal(semver_parse((struct str){ text, 151 }, &v, NULL), 0);
}

static void precedence_follows_the_specification(void **state)
{
    (void)state;
    static const char *const rising[] = { "0.9.9", "1.0.0-0", "1.0.0-2", "1.0.0-10", "1.0.0-alpha",
        "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
        "1.0.0-rc.1", "1.0.0", "1.0.1", "1.1.0", "2.0.0" };
    for (size_t i = 0; i < ARRAY_LEN(rising); i++) {
        for (size_t k = 0; k < ARRAY_LEN(rising); k++) {
            struct semver a = version(rising[i]), b = version(rising[k]);
            int want = (i > k) - (i < k), got = semver_precedence(&a, &b);
            assert_int_equal((got > 0) - (got < 0), want);
        }
    }
}

static void build_metadata_orders_but_has_no_precedence(void **state)
{
    (void)state;
    static const char *const rising[] = { "1.0.0", "1.0.0+0", "1.0.0+00", "1.0.0+1", "1.0.0+01",
        "1.0.0+001", "1.0.0+2", "1.0.0+10", "1.0.0+10.a", "1.0.0+a", "1.0.0+a.1", "1.0.0+b" };
    for (size_t i = 0; i < ARRAY_LEN(rising); i++) {
        for (size_t k = 0; k < ARRAY_LEN(rising); k++) {
            struct semver a = version(rising[i]), b = version(rising[k]);
            int want = (i > k) - (i < k), got = semver_cmp(&a, &b);
            assert_int_equal((got > 0) - (got < 0), want);
            assert_int_equal(semver_precedence(&a, &b), 0);
        }
    }
}

static void requirements_print_as_rust_prints_them(void **state)
{
    (void)state;
    static const char *const rows[][2] = { { "1", "^1" }, { "1.2", "^1.2" }, { "*", "*" },
        { " x ", "*" }, { "1.*", "1.*" }, { "1.2.X", "1.2.*" }, { "1.*.*", "1.*" },
        { "=1.2.*", "=1.2" }, { ">= 1, <2", ">=1, <2" }, { "~1.2.3-a.1+b", "~1.2.3-a.1" },
        { "^0.0.3", "^0.0.3" }, { ">1.*", ">1" }, { "1 ,  2", "^1, ^2" } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_BUF struct buf out = BUF_INIT(256);
        struct semver_req r = requirement(rows[i][0]);
        semver_req_format(&out, &r);
        if (!str_eq(buf_str(&out), str_from(rows[i][1])))
            fail_msg("%s printed as %" STR_FMT, rows[i][0], STR_ARG(buf_str(&out)));
    }
}

static void p09_what_is_no_requirement_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = { "", "1,", ",1", "*,1", "1,*", "*.*", "1.*.3", "01", "1-a",
        "1.2-a", "1.2.3-", "1.2.3-01", "> =1", "==1", "1 2", "\t1", "1\t", "=", "^", "1.", "1..2",
        "v1", "1.2.3.4", "18446744073709551616", "1.2.*-a", "1 || 2", "1.2.3+", ">*", "1.2.3-a_b" };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct semver_req r;
        struct err e = ERR_INIT;
        if (semver_req_parse(str_from(rows[i]), &r, &e) == 0)
            fail_msg("%s is accepted", rows[i]);
        assert_int_equal(e.kind, ERR_INVALID);
    }
}

static void thirty_two_comparators_are_the_most(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = BUF_INIT(256);
    struct semver_req r;
    buf_add(&text, STR(">0"));
    for (int i = 1; i < SEMVER_REQ_MAX; i++)
        buf_add(&text, STR(", >0"));
    assert_int_equal(semver_req_parse(buf_str(&text), &r, NULL), 0);
    assert_int_equal(r.n, SEMVER_REQ_MAX);
    buf_add(&text, STR(", >0"));
    assert_int_equal(semver_req_parse(buf_str(&text), &r, NULL), -1);
}

static void requirements_match_as_in_cargo(void **state)
{
    (void)state;
    static const struct {
        const char *req, *yes, *no; /* versions, space-separated */
    } rows[] = {
        { "*", "0.0.0 9.9.9 1.0.0+b", "1.0.0-a" },
        { "1", "1.0.0 1.9.9", "0.9.0 2.0.0 1.0.0-a" },
        { "0", "0.0.0 0.9.0", "1.0.0" },
        { "0.2", "0.2.0 0.2.9", "0.3.0 0.1.9" },
        { "0.0.3", "0.0.3 0.0.3+b", "0.0.4 0.0.2" },
        { "1.2.3-b", "1.2.3-b 1.2.3-c 1.2.3 1.9.0", "1.2.3-a 1.2.4-c 2.0.0" },
        { "~1.2", "1.2.0 1.2.9", "1.3.0" },
        { "~1", "1.0.0 1.9.0", "2.0.0" },
        { "~1.2.3", "1.2.3 1.2.9", "1.2.2 1.3.0" },
        { "=1.2", "1.2.0 1.2.9", "1.3.0" },
        { "=1.2.3", "1.2.3 1.2.3+x", "1.2.4 1.2.3-a" },
        { ">1", "2.0.0", "1.9.9 1.0.0" },
        { ">=1", "1.0.0 2.0.0", "0.9.9" },
        { "<1.2", "1.1.9 0.0.1", "1.2.0" },
        { "<=1.2", "1.2.9 1.1.0", "1.3.0" },
        { "1.*", "1.0.0 1.9.0", "2.0.0" },
        { ">=1.0.0-a, <2", "1.0.0-a 1.0.0-b 1.5.0", "1.1.0-a 2.0.0" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct semver_req r = requirement(rows[i].req);
        for (int yes = 0; yes < 2; yes++) {
            struct str rest = str_from(yes ? rows[i].yes : rows[i].no), word;
            while (str_next_word(&rest, &word)) {
                struct semver v;
                assert_int_equal(semver_parse(word, &v, NULL), 0);
                if (semver_req_matches(&r, &v) != (yes == 1))
                    fail_msg("%s on %" STR_FMT, rows[i].req, STR_ARG(word));
            }
        }
    }
}

static void a_rust_version_is_one_to_three_numbers(void **state)
{
    (void)state;
    static const char *const good[] = { "1", "1.60", "1.60.1", "99.0" };
    static const char *const bad[] = { "", "1.", "^1", "1.60.1.2", "1.60-beta", "1.*", " 1", "01",
        "1.60.1-a", "1.60 " };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(semver_rust_version_check(str_from(good[i]), NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(semver_rust_version_check(str_from(bad[i]), NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_prints_as_it_was_written),
        cmocka_unit_test(p08_what_is_no_version_is_refused),
        cmocka_unit_test(p08_a_published_version_has_at_most_150_bytes),
        cmocka_unit_test(precedence_follows_the_specification),
        cmocka_unit_test(build_metadata_orders_but_has_no_precedence),
        cmocka_unit_test(requirements_print_as_rust_prints_them),
        cmocka_unit_test(p09_what_is_no_requirement_is_refused),
        cmocka_unit_test(thirty_two_comparators_are_the_most),
        cmocka_unit_test(requirements_match_as_in_cargo),
        cmocka_unit_test(a_rust_version_is_one_to_three_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
