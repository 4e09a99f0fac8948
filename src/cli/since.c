#include "cli/since.h"

#include "base/clock.h"
#include "base/num.h"

#include <string.h>

#define DAY_LEN 10 /* YYYY-MM-DD */
#define AGE_DIGITS_MAX 5

static bool parse_age(struct str text, int64_t now, int64_t *ret)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = { { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    uint32_t n;
    if (text.n < 2 || text.n > AGE_DIGITS_MAX + 1 ||
        !num_parse_u32(str_from_to(text, 0, text.n - 1), &n) || n == 0)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (text.p[text.n - 1] != units[i].letter)
            continue;
        int64_t age = n * units[i].seconds;
        *ret = age < now ? now - age : 0;
        return true;
    }
    return false;
}

bool since_parse(struct str text, int64_t now, int64_t *ret_unix_s)
{
    char whole[CLOCK_RFC3339_LEN];
    int64_t when;
    if (parse_age(text, now, ret_unix_s))
        return true;
    if (text.n == DAY_LEN) {
        memcpy(whole, text.p, DAY_LEN);
        memcpy(whole + DAY_LEN, "T00:00:00Z", CLOCK_RFC3339_LEN - DAY_LEN);
        text = (struct str){ whole, sizeof(whole) };
    }
    if (!clock_parse_rfc3339(text, &when) || when < 0)
        return false;
    *ret_unix_s = when;
    return true;
}
