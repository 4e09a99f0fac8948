/* Reading JSON from outside: jansson behind a byte scan that bounds depth first
 * (jansson's own bound of 2048 is fixed), duplicates refused, UTF-8 strict, no NUL in strings.
 * Writing JSON is base/json_write.h. */
#pragma once
#include "base/err.h"
#include "base/str.h"

#include <jansson.h>

#define JSON_DEPTH_MAX 64

/* One value, nothing but white space behind it. *ret is owned by the caller (json_decref). */
int json_read(struct str text, json_t **ret, struct err *e) MUST_CHECK;
/* jansson has json_decrefp itself. */
#define AUTO_JSON AUTO(json_decrefp)

struct str json_str(const json_t *string); /* borrowed; STR_NONE if j is not a string */
