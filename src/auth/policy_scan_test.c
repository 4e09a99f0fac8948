#include "auth/policy_scan.h"

#include "base/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void each_grant_has_its_line(void **state)
{
    static const struct {
        const char *json;
        int lines[3];
    } rows[] = {
        { "{\"grants\":[{},\n{\"a\":[{}]},\n\n{}]}", { 1, 2, 4 } },
        { "{\n\"x\":[{}],\n\"grants\":[\n{}]}", { 4, 0, 0 } },
        { "{\"a\":{\"grants\":[{}]},\n\"grants\":[{}]}", { 2, 0, 0 } },
        { "{\"grants\":[{\"s\":\"\\\"[{\"},\n{}]}", { 1, 2, 0 } },
        { "{\"a\":\"grants\",\n\"b\":[{}]}", { 0, 0, 0 } },
        { "{\"grants\":{\"a\":{}}}", { 0, 0, 0 } },
        { "{\"grants\":[{}],\n\"acls\":[{}]}", { 1, 0, 0 } },
        { "[[{}]]", { 0, 0, 0 } },
        { "", { 0, 0, 0 } },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int lines[3] = { 0 };
        policy_lines(str_from(rows[i].json), STR("grants"), lines, ARRAY_LEN(lines));
        for (size_t k = 0; k < ARRAY_LEN(lines); k++) {
            if (lines[k] != rows[i].lines[k])
                fail_msg("row %zu: %d", i, lines[k]);
        }
    }
}

static void no_more_lines_are_told_than_there_is_room_for(void **state)
{
    int lines[2] = { 0, 7 };
    (void)state;
    policy_lines(STR("{\"grants\":[{},{}]}"), STR("grants"), lines, 1);
    assert_int_equal(lines[0], 1);
    assert_int_equal(lines[1], 7);
}

static void a_port_is_covered_over_tcp_alone(void **state)
{
    static const struct {
        const char *ip;
        bool covers;
    } rows[] = { { "*", true }, { "tcp:80", true }, { "tcp:*", true }, { "6:80", true },
        { "*:80", true }, { "80", true }, { "79-81", true }, { "tcp:443,80", true },
        { "tcp:443, 80-80", true }, { "udp:80", false }, { "tcp:8080", false }, { "81-90", false },
        { "tcp:", false }, { "", false }, { "80-", false }, { "-80", false }, { "tcp:x", false } };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (policy_ip_covers(str_from(rows[i].ip), 80) != rows[i].covers)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_grant_has_its_line),
        cmocka_unit_test(no_more_lines_are_told_than_there_is_room_for),
        cmocka_unit_test(a_port_is_covered_over_tcp_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
