/* Conditional requests and ranges (RFC 9110 13, 14). Pure; any thread. */
#pragma once
#include "base/str.h"

/* If-None-Match: list, "*", weak comparison. */
bool cond_none_match_hits(struct str header, struct str etag);
/* If-Range by strong comparison of ETags; a date never matches. */
bool cond_if_range_holds(struct str header, struct str etag);

enum range_kind {
    RANGE_NONE,
    RANGE_ONE,
    RANGE_UNSATISFIABLE
}; /* bad unit, syntax, several: NONE */
enum range_kind cond_range(struct str header, uint64_t size, uint64_t *ret_from, uint64_t *ret_len);
/* Accept-Encoding: may gzip be sent; may identity. Absent: identity alone. */
void cond_codings(struct str header, bool *ret_gzip, bool *ret_identity);
