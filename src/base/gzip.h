/* One-shot gzip for index files: the same input gives the same bytes (no name, no time). */
#pragma once
#include "base/buf.h"
#include "base/err.h"

/* Appends to out. Fails only when out's ceiling is reached. */
int gzip_compress(struct str plain, struct buf *out, struct err *e) MUST_CHECK;
/* One member, nothing behind it; out's ceiling bounds the result (ERR_TOO_LARGE). */
int gzip_inflate(struct str packed, struct buf *out, struct err *e) MUST_CHECK;
