#include "http/cond.h"

#include "base/num.h"

/* An entity tag at the front of *rest: cuts it off, without W/ and with its quotes. */
static bool cut_etag(struct str *rest, struct str *ret, bool *ret_weak)
{
    struct str s = *rest;
    *ret_weak = str_starts(s, STR("W/"));
    if (*ret_weak)
        s = str_skip(s, 2);
    if (s.n < 2 || s.p[0] != '"')
        return false;
    size_t end = str_find(str_skip(s, 1), '"');
    if (end == STR_NPOS)
        return false;
    *ret = str_from_to(s, 0, end + 2);
    *rest = str_skip(s, end + 2);
    return true;
}

static struct str opaque_of(struct str etag)
{
    return str_starts(etag, STR("W/")) ? str_skip(etag, 2) : etag;
}

static struct str skip_blank(struct str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = str_skip(s, 1);
    return s;
}

bool cond_none_match_hits(struct str header, struct str etag)
{
    if (etag.n == 0)
        return false;
    if (str_eq(header, etag)) /* what cargo sends */
        return true;
    struct str want = opaque_of(etag), rest = str_trim_ws(header), one;
    bool weak;
    if (str_eq(rest, STR("*")))
        return true;
    while (rest.n > 0) {
        if (rest.p[0] == ',' || rest.p[0] == ' ' || rest.p[0] == '\t') {
            rest = str_skip(rest, 1);
            continue;
        }
        if (!cut_etag(&rest, &one, &weak))
            return false;
        if (str_eq(one, want))
            return true;
        rest = skip_blank(rest);
        if (rest.n > 0 && rest.p[0] != ',')
            return false;
    }
    return false;
}

bool cond_if_range_holds(struct str header, struct str etag)
{
    struct str rest = str_trim_ws(header), one;
    bool weak;
    return cut_etag(&rest, &one, &weak) && !weak && rest.n == 0 && str_eq(one, etag);
}

enum range_kind cond_range(struct str header, uint64_t size, uint64_t *ret_from, uint64_t *ret_len)
{
    struct str s = str_trim_ws(header);
    uint64_t from, to;
    if (!str_starts_nocase(s, STR("bytes=")))
        return RANGE_NONE;
    struct str last = str_trim_ws(str_skip(s, 6));
    if (!str_has(last, '-'))
        return RANGE_NONE;
    struct str first = str_cut(&last, '-');
    if (first.n == 0) { /* the last n bytes */
        if (!num_parse_u64(last, &to))
            return RANGE_NONE;
        if (to == 0 || size == 0)
            return RANGE_UNSATISFIABLE;
        *ret_len = to < size ? to : size;
        *ret_from = size - *ret_len;
        return RANGE_ONE;
    }
    if (!num_parse_u64(first, &from))
        return RANGE_NONE;
    if (last.n == 0)
        to = UINT64_MAX;
    else if (!num_parse_u64(last, &to) || to < from)
        return RANGE_NONE;
    if (from >= size)
        return RANGE_UNSATISFIABLE;
    if (to >= size)
        to = size - 1;
    *ret_from = from;
    *ret_len = to - from + 1;
    return RANGE_ONE;
}

/* Is the weight of "name;q=…" zero? A malformed weight counts as 1: then what is sent may be
 * gzip, which a client that names gzip can read. */
static bool weight_is_zero(struct str params)
{
    while (params.n > 0) {
        struct str p = str_trim_ws(str_cut(&params, ';'));
        if (!str_starts_nocase(p, STR("q=")))
            continue;
        p = str_skip(p, 2);
        if (p.n == 0 || p.p[0] != '0')
            return false;
        for (size_t i = 1; i < p.n; i++)
            if (p.p[i] != '0' && p.p[i] != '.')
                return false;
        return true;
    }
    return false;
}

void cond_codings(struct str header, bool *ret_gzip, bool *ret_identity)
{
    enum { UNSAID, YES, NO } gzip = UNSAID, identity = UNSAID, star = UNSAID;
    while (header.n > 0) {
        struct str params = str_cut(&header, ',');
        struct str name = str_trim_ws(str_cut(&params, ';'));
        int verdict = weight_is_zero(params) ? NO : YES;
        if (str_eq_nocase(name, STR("gzip")) || str_eq_nocase(name, STR("x-gzip")))
            gzip = verdict;
        else if (str_eq_nocase(name, STR("identity")))
            identity = verdict;
        else if (str_eq(name, STR("*")))
            star = verdict;
    }
    *ret_gzip = gzip == YES || (gzip == UNSAID && star == YES);
    *ret_identity = identity == YES || (identity == UNSAID && star != NO);
}
