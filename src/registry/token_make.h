/* What making a token shares, whoever makes it. Pure; any thread. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

/* Patterns between white space in any spelling, to the canonical ones with a blank between; none is
 * "*". ERR_USAGE says what is wrong. */
int token_patterns(struct arena *a, struct str text, struct str *ret, struct err *e) MUST_CHECK;
/* "own", "any" or "tag:NAME". */
int token_check_from(struct str from, struct err *e) MUST_CHECK;
