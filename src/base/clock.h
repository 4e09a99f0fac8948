/* Time. Functions of rules take `now` as an argument; only the edges call these. Any thread. */
#pragma once
#include "base/str.h"

#include <stdint.h>

int64_t clock_wall_s(void); /* Unix time */
int64_t clock_wall_ms(void);
int64_t clock_mono_ms(void); /* for time limits; never goes back */
uint64_t clock_mono_ns(void);

#define CLOCK_RFC3339_LEN 20 /* YYYY-MM-DDThh:mm:ssZ, the form of index `pubtime` */
#define CLOCK_HTTP_LEN 29    /* Sun, 06 Nov 1994 08:49:37 GMT (RFC 9110 5.6.7) */
/* Both write a NUL after the text. Years 0 to 9999; outside they clamp. */
void clock_format_rfc3339(int64_t unix_s, char out[CLOCK_RFC3339_LEN + 1]);
void clock_format_http(int64_t unix_s, char out[CLOCK_HTTP_LEN + 1]);
bool clock_parse_rfc3339(struct str s, int64_t *ret_unix_s); /* exactly the form above */
