/* Everything is whole milliseconds: a fraction is taken only where it comes out even, so that what
 * is written and what is waited for never differ. */
#include "supervisor/duration.h"

#include "base/attr.h"
#include "base/num.h"

#define FRACTION_DIGITS 9

static bool unit_ms(struct str unit, uint64_t *ret)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 } };
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (str_eq(unit, str_from(units[i].name))) {
            *ret = units[i].ms;
            return true;
        }
    }
    return false;
}

static struct str take_digits(struct str *rest)
{
    size_t n = 0;
    while (n < rest->n && ascii_is_digit(rest->p[n]))
        n++;
    struct str digits = str_from_to(*rest, 0, n);
    *rest = str_skip(*rest, n);
    return digits;
}

static bool fraction_ms(struct str digits, uint64_t unit, uint64_t *ret)
{
    uint64_t v, scale = 1;
    if (digits.n > FRACTION_DIGITS || !num_parse_u64(digits, &v))
        return false;
    for (size_t i = 0; i < digits.n; i++)
        scale *= 10;
    *ret = v * unit / scale;
    return v * unit % scale == 0;
}

bool duration_parse(struct str s, int64_t *ret_ms)
{
    uint64_t whole, unit, part = 0;
    struct str digits = take_digits(&s), fraction = STR_NONE;
    bool dot = str_starts(s, STR("."));
    if (dot) {
        s = str_skip(s, 1);
        fraction = take_digits(&s);
    }
    if (!num_parse_u64(digits, &whole) || !unit_ms(s, &unit) || whole > DURATION_MAX_MS / unit)
        return false;
    if (dot && !fraction_ms(fraction, unit, &part))
        return false;
    if (whole * unit + part > DURATION_MAX_MS)
        return false;
    *ret_ms = (int64_t)(whole * unit + part);
    return true;
}
