/* Numbers, dates and booleans. The token is cut out first, at the first byte that none of them can
 * hold, and then has to match one grammar whole. */
#include "base/toml_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 40

static bool is_token_char(char c)
{
    return ascii_is_alnum(c) || c == '_' || c == '+' || c == '-' || c == '.' || c == ':';
}

static bool is_digit_at(struct str s, size_t i)
{
    return i < s.n && ascii_is_digit(s.p[i]);
}

static bool is_date_like(struct str s)
{
    return s.n >= 5 && is_digit_at(s, 0) && is_digit_at(s, 1) && is_digit_at(s, 2) &&
           is_digit_at(s, 3) && s.p[4] == '-';
}

static bool is_time_like(struct str s)
{
    return s.n >= 3 && is_digit_at(s, 0) && is_digit_at(s, 1) && s.p[2] == ':';
}

/* A date and a time may be parted by one blank instead of T; then both are one token. */
static struct str cut_token(struct toml_parser *p)
{
    size_t from = p->at, at = from;
    while (at < p->in.n && is_token_char(p->in.p[at]))
        at++;
    if (at - from == 10 && is_date_like(str_from_to(p->in, from, at)) && at < p->in.n &&
        p->in.p[at] == ' ' && is_time_like(str_skip(p->in, at + 1))) {
        at++;
        while (at < p->in.n && is_token_char(p->in.p[at]))
            at++;
    }
    p->at = at;
    return str_from_to(p->in, from, at);
}

/* Tokens are ASCII without control characters: they can be shown once they are clipped. */
static int fail_token(struct toml_parser *p, struct str token, const char *why)
{
    struct str shown = str_from_to(token, 0, SHOWN_MAX);
    return toml_fail(
        p, p->line, "%" STR_FMT "%s %s", STR_ARG(shown), shown.n < token.n ? "..." : "", why);
}

/* The end of the digits at i, with single underscores between them; i when there are none. */
static size_t skip_digits(struct str s, size_t i)
{
    if (!is_digit_at(s, i))
        return i;
    while (is_digit_at(s, i) || (i < s.n && s.p[i] == '_' && is_digit_at(s, i + 1)))
        i++;
    return i;
}

static int digit_of(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    return ascii_is_xdigit(c) ? ascii_lower(c) - 'a' + 10 : 99;
}

/* Digits with single underscores between them. Counts downwards, as INT64_MIN has no positive
 * twin. 1: done, 0: not of this form, -1: out of range. */
static int parse_digits(struct str s, int base, bool negative, int64_t *ret)
{
    int64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '_') {
            if (i == 0 || i + 1 == s.n || s.p[i - 1] == '_')
                return 0;
            continue;
        }
        int d = digit_of(s.p[i]);
        if (d >= base)
            return 0;
        if (__builtin_mul_overflow(v, base, &v) || __builtin_sub_overflow(v, d, &v))
            return -1;
    }
    if (s.n == 0)
        return 0;
    if (!negative && v == INT64_MIN)
        return -1;
    *ret = negative ? v : -v;
    return 1;
}

static int parse_int(struct toml_parser *p, struct str token, int64_t *ret)
{
    int base = 10;
    bool sign = token.p[0] == '+' || token.p[0] == '-';
    struct str digits = str_skip(token, sign);
    if (digits.n > 1 && digits.p[0] == '0') {
        char c = digits.p[1];
        base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
        if (base == 10)
            return fail_token(p, token, "is not a number: it must not begin with a zero");
        if (sign)
            return fail_token(p, token, "is not a number: only decimal ones take a sign");
        digits = str_skip(digits, 2);
    }
    int got = parse_digits(digits, base, token.p[0] == '-', ret);
    if (got < 0)
        return fail_token(p, token, "does not fit in a 64-bit integer");
    if (got == 0)
        return fail_token(p, token, "is not a value; text needs quotes");
    return 0;
}

/* Without its sign: 1.5, 1e5 or 1.5e-5. */
static bool is_float(struct str s)
{
    size_t i = skip_digits(s, 0);
    if (i == 0 || (s.p[0] == '0' && i > 1) || i == s.n)
        return false;
    if (s.p[i] == '.') {
        size_t end = skip_digits(s, i + 1);
        if (end == i + 1)
            return false;
        i = end;
    }
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
            i++;
        return skip_digits(s, i) == s.n && i < s.n;
    }
    return i == s.n;
}

/* strtod reads the decimal point of the locale; no thread of ours ever leaves "C". */
static int parse_float(struct toml_parser *p, struct str token, double *ret)
{
    char *copy = toml_alloc(p, token.n + 1);
    if (!copy)
        return -1;
    size_t n = 0;
    for (size_t i = 0; i < token.n; i++)
        if (token.p[i] != '_')
            copy[n++] = token.p[i];
    *ret = strtod(copy, NULL);
    if (isinf(*ret))
        return fail_token(p, token, "does not fit in a 64-bit float");
    return 0;
}

/* Two digits from..to inclusive at i. */
static bool is_field(struct str s, size_t i, int from, int to)
{
    if (!is_digit_at(s, i) || !is_digit_at(s, i + 1))
        return false;
    int v = (s.p[i] - '0') * 10 + s.p[i + 1] - '0';
    return v >= from && v <= to;
}

/* YYYY-MM-DD in the Gregorian calendar (RFC 3339 §5.7). */
static bool is_date(struct str s)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    if (s.n != 10 || !is_date_like(s) || s.p[7] != '-' || !is_field(s, 5, 1, 12))
        return false;
    int year = 0;
    for (int i = 0; i < 4; i++)
        year = year * 10 + s.p[i] - '0';
    int month = (s.p[5] - '0') * 10 + s.p[6] - '0';
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return is_field(s, 8, 1, days[month - 1] + (month == 2 && leap));
}

/* HH:MM:SS[.fraction] at the start of s: its length, 0 if there is none. Second 60 is a leap
 * second, which RFC 3339 §5.6 allows. */
static size_t time_length(struct str s)
{
    if (!is_time_like(s) || s.n < 8 || s.p[5] != ':' || !is_field(s, 0, 0, 23) ||
        !is_field(s, 3, 0, 59) || !is_field(s, 6, 0, 60))
        return 0;
    size_t n = 8;
    if (n < s.n && s.p[n] == '.') {
        if (!is_digit_at(s, ++n))
            return 0;
        while (is_digit_at(s, n))
            n++;
    }
    return n;
}

/* Z, or +HH:MM. */
static bool is_offset(struct str s)
{
    if (s.n == 1)
        return s.p[0] == 'Z' || s.p[0] == 'z';
    return s.n == 6 && (s.p[0] == '+' || s.p[0] == '-') && is_field(s, 1, 0, 23) && s.p[3] == ':' &&
           is_field(s, 4, 0, 59);
}

static bool date_kind(struct str s, enum toml_date_kind *ret)
{
    *ret = TOML_LOCAL_TIME;
    if (is_time_like(s))
        return time_length(s) == s.n;
    *ret = TOML_LOCAL_DATE;
    if (!is_date(str_from_to(s, 0, 10)) || s.n == 10)
        return s.n == 10 && is_date(s);
    if (s.p[10] != 'T' && s.p[10] != 't' && s.p[10] != ' ')
        return false;
    struct str rest = str_skip(s, 11);
    size_t n = time_length(rest);
    *ret = n == rest.n ? TOML_LOCAL_DATETIME : TOML_OFFSET_DATETIME;
    return n > 0 && (n == rest.n || is_offset(str_skip(rest, n)));
}

static int parse_datetime(struct toml_parser *p, struct str token, struct toml_value *v)
{
    if (!date_kind(token, &v->datetime.kind))
        return fail_token(p, token, "is not a date or time (RFC 3339)");
    char *text = toml_alloc(p, token.n + 1);
    if (!text)
        return -1;
    for (size_t i = 0; i < token.n; i++) {
        char c = token.p[i];
        if (c == 't' || c == ' ')
            c = 'T';
        if (c == 'z')
            c = 'Z';
        text[i] = c;
    }
    v->type = TOML_DATETIME;
    v->datetime.text = (struct str){ text, token.n };
    return 0;
}

static int fill_number(struct toml_parser *p, struct str token, struct toml_value *v)
{
    bool sign = token.p[0] == '+' || token.p[0] == '-';
    struct str body = str_skip(token, sign);
    bool inf = str_eq(body, STR("inf"));
    if (inf || str_eq(body, STR("nan"))) {
        double real = inf ? (double)INFINITY : (double)NAN;
        v->type = TOML_FLOAT;
        v->real = token.p[0] == '-' ? -real : real;
        return 0;
    }
    if (is_float(body)) {
        v->type = TOML_FLOAT;
        return parse_float(p, token, &v->real);
    }
    if (!is_digit_at(body, 0))
        return fail_token(p, token, "is not a value; text needs quotes");
    v->type = TOML_INT;
    return parse_int(p, token, &v->integer);
}

int toml_parse_scalar(struct toml_parser *p, struct toml_value **ret)
{
    struct str token = cut_token(p);
    if (token.n == 0)
        return toml_fail(p, p->line, "a value is expected here");
    struct toml_value *v = toml_new_value(p, TOML_BOOL, p->line);
    if (!v)
        return -1;
    *ret = v;
    if (str_eq(token, STR("true")) || str_eq(token, STR("false"))) {
        v->boolean = token.p[0] == 't';
        return 0;
    }
    if (is_date_like(token) || is_time_like(token))
        return parse_datetime(p, token, v);
    return fill_number(p, token, v);
}
