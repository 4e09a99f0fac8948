/* The forms of our own pages: application/x-www-form-urlencoded, sent by a browser from our own
 * origin, with a key that only our page could have shown to that person. Loop thread only. */
#pragma once
#include "api/internal.h"

#define FORM_MAX (16u << 10)
#define FORM_FIELDS_MAX 64
#define FORM_KEY_S 3600

struct form_field {
    struct str name, value;
};
struct form {
    struct form_field fields[FORM_FIELDS_MAX];
    size_t n;
};

/* Names and values decoded into a. ERR_INVALID: too many fields, bad escapes, no UTF-8, or a NUL.
 */
int form_parse(struct arena *a, struct str body, struct form *ret, struct err *e) MUST_CHECK;
struct str form_get(const struct form *f, const char *name); /* the first; p NULL when absent */

/* Origin must be our own URL for the host that was asked: Sec-Fetch-Site may be wrong or absent,
 * but no page elsewhere can send this (Fetch standard, "Origin"). */
int form_check_origin(const struct call *c, struct err *e) MUST_CHECK;

/* Appends a key that holds for an hour, for this principal and action alone. */
void form_key(const struct call *c, const char *action, struct buf *out);
/* ERR_FORBIDDEN: not ours, of another person or action, or too old. */
int form_check_key(
    const struct call *c, const char *action, struct str key, struct err *e) MUST_CHECK;
