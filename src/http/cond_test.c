#include "http/cond.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static void if_none_match_compares_weakly_over_a_list(void **state)
{
    static const struct {
        const char *header, *etag;
        bool hit;
    } rows[] = {
        { "\"a\"", "\"a\"", true },
        { "W/\"a\"", "\"a\"", true },
        { "\"a\"", "W/\"a\"", true },
        { "*", "\"a\"", true },
        { " * ", "\"a\"", true },
        { "\"b\", \"a\"", "\"a\"", true },
        { "\"b\",W/\"a\"", "\"a\"", true },
        { ",, \"a\"", "\"a\"", true },
        { "\"b,\\\"\" , \"a\"", "\"a\"", false }, /* a quote ends a tag: what follows is no list */
        { "\"b,c\", \"a\"", "\"a\"", true },
        { "\"b\"", "\"a\"", false },
        { "a", "\"a\"", false },
        { "\"a", "\"a\"", false },
        { "", "\"a\"", false },
        { "\"a\"", "", false },
        { "*", "", false },
        { "\"b\" \"a\"", "\"a\"", false },
        { "w/\"a\"", "\"a\"", false },
    };
    (void)state;
    for (size_t i = 0; i < LEN(rows); i++)
        if (cond_none_match_hits(str_from(rows[i].header), str_from(rows[i].etag)) != rows[i].hit)
            fail_msg("row %zu: %s", i, rows[i].header);
}

static void if_range_compares_strongly(void **state)
{
    (void)state;
    assert_true(cond_if_range_holds(STR("\"a\""), STR("\"a\"")));
    assert_false(cond_if_range_holds(STR("W/\"a\""), STR("W/\"a\"")));
    assert_false(cond_if_range_holds(STR("\"a\""), STR("W/\"a\"")));
    assert_false(cond_if_range_holds(STR("\"b\""), STR("\"a\"")));
    assert_false(cond_if_range_holds(STR("\"a\", \"b\""), STR("\"a\"")));
    assert_false(cond_if_range_holds(STR("Sun, 06 Nov 1994 08:49:37 GMT"), STR("\"a\"")));
    assert_false(cond_if_range_holds(STR(""), STR("\"a\"")));
}

static void a_range_is_read_or_ignored_or_unsatisfiable(void **state)
{
    static const struct {
        const char *header;
        uint64_t size;
        enum range_kind kind;
        uint64_t from, len;
    } rows[] = {
        { "bytes=0-0", 10, RANGE_ONE, 0, 1 },
        { "bytes=5-9", 10, RANGE_ONE, 5, 5 },
        { "bytes=5-99", 10, RANGE_ONE, 5, 5 },
        { "bytes=5-", 10, RANGE_ONE, 5, 5 },
        { "bytes=-3", 10, RANGE_ONE, 7, 3 },
        { "bytes=-30", 10, RANGE_ONE, 0, 10 },
        { "Bytes= 1-2 ", 10, RANGE_ONE, 1, 2 },
        { "bytes=10-", 10, RANGE_UNSATISFIABLE, 0, 0 },
        { "bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 0 },
        { "bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0 },
        { "bytes=-1", 0, RANGE_UNSATISFIABLE, 0, 0 },
        { "bytes=2-1", 10, RANGE_NONE, 0, 0 },
        { "bytes=0-1,3-4", 10, RANGE_NONE, 0, 0 },
        { "lines=0-1", 10, RANGE_NONE, 0, 0 },
        { "bytes=", 10, RANGE_NONE, 0, 0 },
        { "bytes=-", 10, RANGE_NONE, 0, 0 },
        { "bytes=+1-2", 10, RANGE_NONE, 0, 0 },
        { "bytes=0x1-2", 10, RANGE_NONE, 0, 0 },
        { "bytes=99999999999999999999-", 10, RANGE_NONE, 0, 0 },
        { "bytes 0-1", 10, RANGE_NONE, 0, 0 },
        { "", 10, RANGE_NONE, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        uint64_t from = 0, len = 0;
        if (cond_range(str_from(rows[i].header), rows[i].size, &from, &len) != rows[i].kind)
            fail_msg("row %zu: %s", i, rows[i].header);
        if (rows[i].kind == RANGE_ONE) {
            assert_int_equal(from, rows[i].from);
            assert_int_equal(len, rows[i].len);
        }
    }
}

static void accept_encoding_says_which_codings_may_be_sent(void **state)
{
    static const struct {
        const char *header;
        bool gzip, identity;
    } rows[] = {
        { "", false, true },
        { "deflate, gzip", true, true },
        { "gzip,identity", true, true },
        { "GZIP", true, true },
        { "x-gzip", true, true },
        { "gzip;q=0", false, true },
        { "gzip;q=0.000", false, true },
        { "gzip; q=0.001", true, true },
        { "*", true, true },
        { "*;q=0", false, false },
        { "*;q=0, identity", false, true },
        { "gzip, *;q=0", true, false },
        { "identity;q=0", false, false },
        { "gzip;q=0, *", false, true },
        { "br", false, true },
    };
    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        bool gzip, identity;
        cond_codings(str_from(rows[i].header), &gzip, &identity);
        if (gzip != rows[i].gzip || identity != rows[i].identity)
            fail_msg("row %zu: %s", i, rows[i].header);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(if_none_match_compares_weakly_over_a_list),
        cmocka_unit_test(if_range_compares_strongly),
        cmocka_unit_test(a_range_is_read_or_ignored_or_unsatisfiable),
        cmocka_unit_test(accept_encoding_says_which_codings_may_be_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
