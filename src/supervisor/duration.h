/* Times in a groundcontrol.toml: a number and a unit, "250ms", "3s", "1.5s", "2m", "1h"; "none" is
 * TIME_FOREVER where the key takes it. Pure. */
#pragma once
#include "base/str.h"

#define DURATION_MAX_MS (24LL * 3600 * 1000 * 365)
/* False if s is none of these or longer than a year. Does not know "none". */
bool duration_parse(struct str s, int64_t *ret_ms);
