#include "base/num.h"

#include <string.h>

bool num_parse_u64(struct str s, uint64_t *ret_v)
{
    if (s.n == 0)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_digit(s.p[i]))
            return false;
        if (__builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return false;
    }
    *ret_v = v;
    return true;
}

bool num_parse_u32(struct str s, uint32_t *ret_v)
{
    uint64_t v;
    if (!num_parse_u64(s, &v) || v > UINT32_MAX)
        return false;
    *ret_v = (uint32_t)v;
    return true;
}

bool num_parse_hex(struct str s, uint64_t *ret_v)
{
    if (s.n == 0 || s.n > 16)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = ascii_lower(s.p[i]);
        if (!ascii_is_xdigit(c))
            return false;
        v = v << 4 | (uint64_t)(ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    *ret_v = v;
    return true;
}

bool num_parse_size(struct str s, uint64_t *ret_v)
{
    uint64_t unit = 1;
    if (str_ends(s, STR("K")))
        unit = 1ull << 10;
    else if (str_ends(s, STR("M")))
        unit = 1ull << 20;
    else if (str_ends(s, STR("G")))
        unit = 1ull << 30;
    uint64_t v;
    if (!num_parse_u64(str_from_to(s, 0, s.n - (unit > 1)), &v) ||
        __builtin_mul_overflow(v, unit, &v))
        return false;
    *ret_v = v;
    return true;
}

uint32_t num_get_le32(const void *p)
{
    const uint8_t *b = p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

size_t num_format_u64(uint64_t v, char out[NUM_U64_MAX_DIGITS])
{
    char digits[NUM_U64_MAX_DIGITS];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    memcpy(out, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}
