#include "supervisor/duration.h"

#include "base/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_time_is_a_number_and_a_unit(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        int64_t ms; /* -1: none */
    } cases[] = {
        { "250ms", 250 },
        { "0s", 0 },
        { "3s", 3000 },
        { "1.5s", 1500 },
        { "2m", 120000 },
        { "1h", 3600000 },
        { "0.25m", 15000 },
        { "1.0ms", 1 },
        { "007s", 7000 },
        { "0.001s", 1 },
        { "8760h", DURATION_MAX_MS },
        { "31536000000ms", DURATION_MAX_MS },
        { "8760.5h", -1 },
        { "8761h", -1 },
        { "31536000001ms", -1 },
        { "", -1 },
        { "s", -1 },
        { "3", -1 },
        { "3 s", -1 },
        { " 3s", -1 },
        { "3s ", -1 },
        { "-3s", -1 },
        { "+3s", -1 },
        { "3S", -1 },
        { "3sec", -1 },
        { "3d", -1 },
        { ".5s", -1 },
        { "1.s", -1 },
        { "1.5", -1 },
        { "1.5.5s", -1 },
        { "1,5s", -1 },
        { "0.5ms", -1 },
        { "0.0001s", -1 },
        { "1e3s", -1 },
        { "0x10s", -1 },
        { "none", -1 },
        { "1.0000000000s", -1 },
        { "18446744073709551616s", -1 },
        { "18446744073709551615ms", -1 },
        { "1m30s", -1 },
        { "\xd9\xa1s", -1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = -1;
        bool ok = duration_parse(str_from(cases[i].s), &ms);
        if (ms != cases[i].ms || ok != (cases[i].ms >= 0))
            fail_msg("\"%s\": %jd", cases[i].s, (intmax_t)ms);
    }
}

static void a_nul_is_part_of_no_time(void **state)
{
    (void)state;
    int64_t ms;
    assert_false(duration_parse(STR("3s\0"), &ms));
    assert_false(duration_parse(STR("3\0s"), &ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_a_number_and_a_unit),
        cmocka_unit_test(a_nul_is_part_of_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
