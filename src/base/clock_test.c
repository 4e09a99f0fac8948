#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

static const struct {
    int64_t unix_s;
    const char *rfc3339, *http;
} known[] = {
    { 0, "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT" },
    { 784111777, "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 GMT" }, /* RFC 9110 */
    { 951782400, "2000-02-29T00:00:00Z", "Tue, 29 Feb 2000 00:00:00 GMT" },
    { 1735689599, "2024-12-31T23:59:59Z", "Tue, 31 Dec 2024 23:59:59 GMT" },
    { -1, "1969-12-31T23:59:59Z", "Wed, 31 Dec 1969 23:59:59 GMT" },
    { -2203891200, "1900-03-01T00:00:00Z", "Thu, 01 Mar 1900 00:00:00 GMT" },
    { 4107542399, "2100-02-28T23:59:59Z", "Sun, 28 Feb 2100 23:59:59 GMT" },
    { -62167219200, "0000-01-01T00:00:00Z", "Sat, 01 Jan 0000 00:00:00 GMT" },
    { 253402300799, "9999-12-31T23:59:59Z", "Fri, 31 Dec 9999 23:59:59 GMT" },
};

static void known_times_are_formatted_and_parsed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char rfc3339[CLOCK_RFC3339_LEN + 1], http[CLOCK_HTTP_LEN + 1];
        clock_format_rfc3339(known[i].unix_s, rfc3339);
        assert_string_equal(rfc3339, known[i].rfc3339);
        clock_format_http(known[i].unix_s, http);
        assert_string_equal(http, known[i].http);
        int64_t back;
        assert_true(clock_parse_rfc3339(str_from(rfc3339), &back));
        assert_true(back == known[i].unix_s);
    }
}

static void every_day_is_what_libc_says(void **state)
{
    (void)state;
    for (int64_t t = -62167219200; t <= 253402300799; t += 86400 * 3 + 3661) {
        char mine[CLOCK_HTTP_LEN + 1], theirs[64];
        struct tm tm;
        time_t tt = t;
        assert_non_null(gmtime_r(&tt, &tm));
        (void)strftime(theirs, sizeof(theirs), "%a, %d %b ", &tm);
        clock_format_http(t, mine);
        assert_memory_equal(mine, theirs, 12);
        clock_format_rfc3339(t, mine);
        (void)strftime(theirs, sizeof(theirs), "-%m-%dT%H:%M:%SZ", &tm);
        assert_string_equal(mine + 4, theirs);
        int64_t back;
        assert_true(clock_parse_rfc3339(str_from(mine), &back));
        assert_true(back == t);
    }
}

static void times_out_of_range_are_clamped(void **state)
{
    (void)state;
    char text[CLOCK_RFC3339_LEN + 1];
    clock_format_rfc3339(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59Z");
    clock_format_rfc3339(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00Z");
}

static void other_forms_are_refused(void **state)
{
    (void)state;
    static const char *const rfc3339[] = {
        "",
        "2024-12-31T23:59:59",
        "2024-12-31T23:59:59z",
        "2024-12-31 23:59:59Z",
        "2024-12-31T23:59:60Z",
        "2024-12-31T24:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "2024-01-00T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2024-04-31T00:00:00Z",
        "2024-1a-31T23:59:59Z",
        "+024-12-31T23:59:59Z",
        "2024-12-31T23:59:59ZZ",
        "2024-12-31T23:59+00:00",
        "\xff\xff\xff\xff-\xff\xff-\xff\xffT\xff\xff:\xff\xff:\xff\xffZ",
    };
    int64_t t;
    for (size_t i = 0; i < sizeof(rfc3339) / sizeof(rfc3339[0]); i++) {
        if (clock_parse_rfc3339(str_from(rfc3339[i]), &t))
            fail_msg("%s", rfc3339[i]);
    }
}

static void clocks_run(void **state)
{
    (void)state;
    int64_t before = clock_mono_ms();
    uint64_t ns = clock_mono_ns();
    assert_true(clock_mono_ns() >= ns);
    assert_true(clock_mono_ms() >= before);
    assert_true(clock_wall_s() > 1700000000);
    assert_true(clock_wall_ms() / 1000 - clock_wall_s() <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_times_are_formatted_and_parsed),
        cmocka_unit_test(every_day_is_what_libc_says),
        cmocka_unit_test(times_out_of_range_are_clamped),
        cmocka_unit_test(other_forms_are_refused),
        cmocka_unit_test(clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
