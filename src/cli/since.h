/* Points in time as people write them on a command line. Pure; any thread. */
#pragma once
#include "base/str.h"

/* A day (2026-03-01: its beginning in UTC), a time (2026-03-01T12:00:00Z), or an age before now: a
 * number from 1 to 99999 and m, h or d. Nothing before 1970; an age reaches back to then at most.
 */
bool since_parse(struct str text, int64_t now, int64_t *ret_unix_s);
