#include "cli/since.h"

#include "base/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOW 1772366400 /* 2026-03-01T12:00:00Z */

static void a_day_a_time_and_an_age_are_understood(void **state)
{
    static const struct {
        const char *text;
        int64_t when;
    } rows[] = {
        { "2026-03-01", 1772323200 },
        { "2026-03-01T12:00:00Z", NOW },
        { "2024-02-29", 1709164800 },
        { "1970-01-01", 0 },
        { "9999-12-31", 253402214400 },
        { "30m", NOW - 1800 },
        { "24h", NOW - 86400 },
        { "7d", NOW - 7 * 86400 },
        { "007d", NOW - 7 * 86400 },
        { "99999d", 0 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t when = -1;
        if (!since_parse(str_from(rows[i].text), NOW, &when) || when != rows[i].when)
            fail_msg("%s: %lld", rows[i].text, (long long)when);
    }
}

static void anything_else_is_no_point_in_time(void **state)
{
    static const char *const texts[] = { "", "d", "7", "0d", "-1d", "+1d", "1.5h", "7 d", "7w",
        "7D", "100000m", "99999999999999999999d", "yesterday", "2026-3-1", "2026-02-29",
        "2026-13-01", "2026-00-01", "2026-03-32", "2026/03/01", "01-03-2026", "2026-03-01T12:00",
        "2026-03-01 12:00:00", "2026-03-01T12:00:00", "2026-03-01T12:00:00+01:00",
        "2026-03-01T24:00:00Z", "2026-03-01T12:00:00Z ", "1969-12-31", "0000-01-01", "20260301",
        "2026-03-0x", "\xff\xff\xff\xff-\xff\xff-\xff\xff" };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int64_t when = 5;
        if (since_parse(str_from(texts[i]), NOW, &when))
            fail_msg("%s was taken", texts[i]);
        assert_int_equal(when, 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_a_time_and_an_age_are_understood),
        cmocka_unit_test(anything_else_is_no_point_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
