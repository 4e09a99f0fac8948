/* Dates are made by arithmetic on the proleptic Gregorian calendar, not by libc: strftime reads the
 * locale, gmtime is slow, and a log line is written for each request. Years are counted from March,
 * so that the leap day is the last of its year. Parsing reads the digits, and then demands that the
 * time found, formatted, is the input: that refuses the 30th of February and a stray letter alike.
 */
#include "base/clock.h"

#include <string.h>
#include <time.h>

#define DAY_S 86400
#define DAYS_400_YEARS 146097
#define YEAR_0_S (-62167219200)  /* 0000-01-01T00:00:00Z */
#define YEAR_9999_S 253402300799 /* 9999-12-31T23:59:59Z */

static const char weekday_names[] = "SunMonTueWedThuFriSat";
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct civil {
    unsigned year, month, day, weekday, hour, minute, second;
};

static int64_t read_clock(clockid_t id, int64_t per_second)
{
    struct timespec t;
    (void)clock_gettime(id, &t); /* cannot fail for the two clocks used here */
    return t.tv_sec * per_second + t.tv_nsec / (1000000000 / per_second);
}

int64_t clock_wall_s(void)
{
    return read_clock(CLOCK_REALTIME, 1);
}

int64_t clock_wall_ms(void)
{
    return read_clock(CLOCK_REALTIME, 1000);
}

int64_t clock_mono_ms(void)
{
    return read_clock(CLOCK_MONOTONIC, 1000);
}

uint64_t clock_mono_ns(void)
{
    return (uint64_t)read_clock(CLOCK_MONOTONIC, 1000000000);
}

static struct civil civil_from_unix(int64_t unix_s)
{
    if (unix_s < YEAR_0_S)
        unix_s = YEAR_0_S;
    if (unix_s > YEAR_9999_S)
        unix_s = YEAR_9999_S;
    /* From 0000-03-01 less 400 years, so that all that follows is unsigned. */
    uint64_t s = (uint64_t)(unix_s - YEAR_0_S) + (uint64_t)(DAYS_400_YEARS - 60) * DAY_S;
    unsigned days = (unsigned)(s / DAY_S), second = (unsigned)(s % DAY_S);
    unsigned era = days / DAYS_400_YEARS, in_era = days % DAYS_400_YEARS;
    unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
    unsigned from_march = (5 * in_year + 2) / 153;
    unsigned month = from_march < 10 ? from_march + 3 : from_march - 9;
    return (struct civil){
        .year = year + era * 400 - 400 + (month <= 2),
        .month = month,
        .day = in_year - (153 * from_march + 2) / 5 + 1,
        .weekday = (days + 3) % 7, /* day 0 was a Wednesday */
        .hour = second / 3600,
        .minute = second / 60 % 60,
        .second = second % 60,
    };
}

static int64_t unix_from_civil(const struct civil *c)
{
    unsigned year = c->year + 400 - (c->month <= 2);
    unsigned from_march = c->month > 2 ? c->month - 3 : c->month + 9;
    unsigned in_year = (153 * from_march + 2) / 5 + c->day - 1;
    int64_t days = (int64_t)year * 365 + year / 4 - year / 100 + year / 400 + in_year;
    return (days - (DAYS_400_YEARS - 60)) * DAY_S + YEAR_0_S + c->hour * 3600 + c->minute * 60 +
           c->second;
}

static void put_2(char *p, unsigned v)
{
    p[0] = (char)('0' + v / 10);
    p[1] = (char)('0' + v % 10);
}

static void put_4(char *p, unsigned v)
{
    put_2(p, v / 100);
    put_2(p + 2, v % 100);
}

void clock_format_rfc3339(int64_t unix_s, char out[CLOCK_RFC3339_LEN + 1])
{
    struct civil c = civil_from_unix(unix_s);
    memcpy(out, "0000-00-00T00:00:00Z", CLOCK_RFC3339_LEN + 1);
    put_4(out, c.year);
    put_2(out + 5, c.month);
    put_2(out + 8, c.day);
    put_2(out + 11, c.hour);
    put_2(out + 14, c.minute);
    put_2(out + 17, c.second);
}

void clock_format_http(int64_t unix_s, char out[CLOCK_HTTP_LEN + 1])
{
    struct civil c = civil_from_unix(unix_s);
    memcpy(out, "Sun, 00 Jan 0000 00:00:00 GMT", CLOCK_HTTP_LEN + 1);
    memcpy(out, weekday_names + 3 * c.weekday, 3);
    put_2(out + 5, c.day);
    memcpy(out + 8, month_names + 3 * (c.month - 1), 3);
    put_4(out + 12, c.year);
    put_2(out + 17, c.hour);
    put_2(out + 20, c.minute);
    put_2(out + 23, c.second);
}

/* Bytes that are not digits give a number too, and are found when the result is formatted. */
static unsigned get_2(const char *p)
{
    return ((unsigned)(unsigned char)p[0] * 10 + (unsigned char)p[1] - 11 * '0') % 100;
}

bool clock_parse_rfc3339(struct str s, int64_t *ret_unix_s)
{
    if (s.n != CLOCK_RFC3339_LEN)
        return false;
    struct civil c = {
        .year = get_2(s.p) * 100 + get_2(s.p + 2),
        .month = get_2(s.p + 5),
        .day = get_2(s.p + 8),
        .hour = get_2(s.p + 11),
        .minute = get_2(s.p + 14),
        .second = get_2(s.p + 17),
    };
    char again[CLOCK_RFC3339_LEN + 1];
    int64_t unix_s = unix_from_civil(&c);
    clock_format_rfc3339(unix_s, again);
    if (memcmp(again, s.p, s.n) != 0)
        return false;
    *ret_unix_s = unix_s;
    return true;
}
