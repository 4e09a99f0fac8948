#include "http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct str lit(const char *s)
{
    return str_from(s);
}

static void assert_str(struct str got, const char *want)
{
    if (!want) {
        assert_null(got.p);
        return;
    }
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

static void a_target_is_split_and_decoded(void **state)
{
    static const struct {
        const char *target, *authority, *path, *query;
    } rows[] = {
        { "/", NULL, "/", NULL },
        { "/index/se/rd/serde", NULL, "/index/se/rd/serde", NULL },
        { "/a?", NULL, "/a", "" },
        { "/a?b=c&d", NULL, "/a", "b=c&d" },
        { "/a?b=/../c", NULL, "/a", "b=/../c" },
        { "//a///b//", NULL, "/a/b/", NULL },
        { "/a+b/1.0.0+build", NULL, "/a+b/1.0.0+build", NULL },
        { "/%61%2B%25", NULL, "/a+%", NULL },
        { "/caf%C3%A9", NULL, "/caf\xc3\xa9", NULL },
        { "/.cargo/..x/...", NULL, "/.cargo/..x/...", NULL },
        { "http://Host.example:80/x?y", "host.example:80", "/x", "y" },
        { "http://h", "h", "/", NULL },
        { "https://h?q", "h", "/", "q" },
        { "/%3Fx%23", NULL, "/?x#", NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AUTO_ARENA struct arena *a = arena_new();
        struct str authority, path, query;
        struct err e = ERR_INIT;
        assert_int_equal(
            url_parse_target(a, lit(rows[i].target), &authority, &path, &query, &e), 0);
        assert_str(authority, rows[i].authority);
        assert_str(path, rows[i].path);
        assert_str(query, rows[i].query);
    }
}

static void an_ambiguous_target_is_refused(void **state)
{
    static const char *const rows[] = { "", "*", "a", "a/b", "host:443", "ftp://h/", "/a%2Fb",
        "/a%2fb", "/%5C", "/\\", "/%00", "/%0a", "/%7F", "/%1f", "/%", "/%4", "/%zz", "/..", "/.",
        "/a/..", "/a/./b", "/a/../b", "/%2e%2e/", "/.%2e", "/%c0%af", "/%ff", "/%ed%a0%80", "/a b",
        "/a#b", "/a?b#c", "/a?b c", "/\x80", "/a?\x80", "/\t", "http://u@h/", "http:///x",
        "http://h h/", "//..", "http://h/../x" };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AUTO_ARENA struct arena *a = arena_new();
        struct str authority, path, query;
        struct err e = ERR_INIT;
        if (url_parse_target(a, lit(rows[i]), &authority, &path, &query, &e) != -1)
            fail_msg("accepted: %s", rows[i]);
        assert_int_equal(e.kind, ERR_INVALID);
    }
}

static void a_plain_path_is_not_copied(void **state)
{
    AUTO_ARENA struct arena *a = arena_new();
    struct str target = STR("/index/3/s/syn"), authority, path, query;
    (void)state;
    assert_int_equal(url_parse_target(a, target, &authority, &path, &query, NULL), 0);
    assert_ptr_equal(path.p, target.p);
}

static void a_query_value_is_found_and_decoded(void **state)
{
    static const struct {
        const char *query, *key, *value;
        int found;
    } rows[] = {
        { "q=serde&per_page=10", "per_page", "10", 1 },
        { "q=a+b%2Bc", "q", "a b+c", 1 },
        { "q=1&q=2", "q", "1", 1 },
        { "q", "q", "", 1 },
        { "q=", "q", "", 1 },
        { "%71=x", "q", "x", 1 },
        { "", "q", NULL, 0 },
        { "qq=1", "q", NULL, 0 },
        { "q=%", "q", NULL, -1 },
        { "q=%0", "q", NULL, -1 },
        { "q=%00", "q", NULL, -1 },
        { "q=%ff", "q", NULL, -1 },
        { "a=1&&q=2", "q", "2", 1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AUTO_ARENA struct arena *a = arena_new();
        struct str value = STR_NONE;
        struct err e = ERR_INIT;
        assert_int_equal(
            url_query_get(a, lit(rows[i].query), lit(rows[i].key), &value, &e), rows[i].found);
        if (rows[i].found == 1)
            assert_str(value, rows[i].value);
    }
}

static void a_query_that_cannot_be_decoded_is_refused_in_words(void **state)
{
    static const struct {
        const char *query, *says;
    } rows[] = { { "q=%2", "two hex digits" }, { "q=%00", "NUL" }, { "q=%ff", "UTF-8" } };
    struct arena *a AUTO_ARENA = arena_new();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str value;
        struct err e = ERR_INIT;
        assert_int_equal(url_query_get(a, lit(rows[i].query), STR("q"), &value, &e), -1);
        assert_non_null(strstr(e.text, rows[i].says));
    }
}

static void an_authority_is_checked_and_lowered(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "Crates.Tail1234.ts.net", "crates.tail1234.ts.net" },
        { "127.0.0.1:8000", "127.0.0.1:8000" },
        { "[2001:DB8::1]:80", "[2001:db8::1]:80" },
        { "[::1]", "[::1]" },
        { "a_b-c.d~", "a_b-c.d~" },
        { "", NULL },
        { "a,b", NULL },
        { "a b", NULL },
        { "a/b", NULL },
        { "u@a", NULL },
        { "a:", NULL },
        { "a:x", NULL },
        { "a:65536", NULL },
        { "a:123456", NULL },
        { "a:1:2", NULL },
        { ":80", NULL },
        { "[::1", NULL },
        { "[]", NULL },
        { "[g]", NULL },
        { "[::1]80", NULL },
        { "a%41", NULL },
        { "\xc3\xa9", NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AUTO_ARENA struct arena *a = arena_new();
        struct str lower = STR_NONE;
        struct err e = ERR_INIT;
        int r = url_check_authority(a, lit(rows[i].in), &lower, &e);
        assert_int_equal(r, rows[i].out ? 0 : -1);
        if (rows[i].out)
            assert_str(lower, rows[i].out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_is_split_and_decoded),
        cmocka_unit_test(an_ambiguous_target_is_refused),
        cmocka_unit_test(a_plain_path_is_not_copied),
        cmocka_unit_test(a_query_value_is_found_and_decoded),
        cmocka_unit_test(a_query_that_cannot_be_decoded_is_refused_in_words),
        cmocka_unit_test(an_authority_is_checked_and_lowered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
