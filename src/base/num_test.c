#include "base/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void decimal_is_digits_alone(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        bool ok;
        uint64_t v;
    } cases[] = {
        { "0", true, 0 }, { "007", true, 7 }, { "18446744073709551615", true, UINT64_MAX },
        { "000000000000000000000000000001", true, 1 }, { "18446744073709551616", false, 0 },
        { "99999999999999999999", false, 0 }, { "184467440737095516150", false, 0 },
        { "", false, 0 }, { "-1", false, 0 }, { "+1", false, 0 }, { " 1", false, 0 },
        { "1 ", false, 0 }, { "1_000", false, 0 }, { "0x10", false, 0 },
        { "\xd9\xa1", false, 0 }, /* an Arabic one */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t v = 42;
        bool ok = num_parse_u64(str_from(cases[i].s), &v);
        if (ok != cases[i].ok || v != (ok ? cases[i].v : 42))
            fail_msg("\"%s\"", cases[i].s);
    }
    uint64_t v;
    assert_false(num_parse_u64(STR("1\0"), &v));
}

static void a_small_number_is_bounded_at_32_bits(void **state)
{
    (void)state;
    uint32_t v;
    assert_true(num_parse_u32(STR("4294967295"), &v));
    assert_int_equal(v, UINT32_MAX);
    assert_false(num_parse_u32(STR("4294967296"), &v));
}

static void hex_has_one_to_sixteen_digits(void **state)
{
    (void)state;
    uint64_t v;
    assert_true(num_parse_hex(STR("fFfFffffffffffff"), &v));
    assert_true(v == UINT64_MAX);
    assert_true(num_parse_hex(STR("1a"), &v));
    assert_int_equal(v, 0x1a);
    assert_false(num_parse_hex(STR(""), &v));
    assert_false(num_parse_hex(STR("0x1"), &v));
    assert_false(num_parse_hex(STR("g"), &v));
    assert_false(num_parse_hex(STR("00000000000000001"), &v));
}

static void sizes_take_a_unit(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        bool ok;
        uint64_t v;
    } cases[] = {
        { "10", true, 10 },
        { "64K", true, 64 << 10 },
        { "10M", true, 10 << 20 },
        { "2G", true, 2ull << 30 },
        { "17179869183G", true, 17179869183ull << 30 },
        { "17179869184G", false, 0 },
        { "K", false, 0 },
        { "", false, 0 },
        { "1KK", false, 0 },
        { "1T", false, 0 },
        { "1 K", false, 0 },
        { "1.5M", false, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t v = 0;
        bool ok = num_parse_size(str_from(cases[i].s), &v);
        if (ok != cases[i].ok || v != cases[i].v)
            fail_msg("\"%s\"", cases[i].s);
    }
}

static void little_endian_is_read_at_any_address(void **state)
{
    (void)state;
    static const uint8_t bytes[] = { 0, 0x78, 0x56, 0x34, 0xf2 };
    assert_true(num_get_le32(bytes + 1) == 0xf2345678u);
}

static void what_is_formatted_is_parsed_back(void **state)
{
    (void)state;
    for (uint64_t v = 1;; v = v * 3 + 1) {
        char digits[NUM_U64_MAX_DIGITS];
        uint64_t back;
        size_t n = num_format_u64(v, digits);
        assert_true(num_parse_u64((struct str){ digits, n }, &back));
        assert_true(back == v);
        if (v > UINT64_MAX / 4)
            break;
    }
    char digits[NUM_U64_MAX_DIGITS];
    assert_int_equal(num_format_u64(0, digits), 1);
    assert_int_equal(digits[0], '0');
    assert_int_equal(num_format_u64(UINT64_MAX, digits), 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimal_is_digits_alone),
        cmocka_unit_test(a_small_number_is_bounded_at_32_bits),
        cmocka_unit_test(hex_has_one_to_sixteen_digits),
        cmocka_unit_test(sizes_take_a_unit),
        cmocka_unit_test(little_endian_is_read_at_any_address),
        cmocka_unit_test(what_is_formatted_is_parsed_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
