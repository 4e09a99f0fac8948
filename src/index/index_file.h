/* One file of the sparse index, from its lines to the answer that is sent. Kept once: gzip bytes,
 * or plain ones when small. The ETag's heart is a hash of the plain bytes; each coding has its own
 * strong ETag: "sum" plain, "sum-gz" packed. Any thread. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "http/answer.h"
#include "store/meta.h"

#define INDEX_FILE_MAX (64u << 20) /* plain bytes of one crate's file */
#define INDEX_PLAIN_BELOW 1024     /* smaller files are not packed */
#define INDEX_SUM_LEN 22           /* base64url of 128 bits */

/* name: lower case. ret borrows from a and from lines. */
int index_file_make(struct arena *a, struct str name, struct str lines, struct index_file_row *ret,
    struct err *e) MUST_CHECK;
/* The answer for the form that is kept. */
struct answer *index_file_answer(const struct index_file_row *f);
bool index_file_is_packed(const struct answer *a);
/* The plain answer made from a packed one, for a client that takes no gzip. Worker thread. */
int index_file_unpack(const struct answer *packed, struct answer **ret, struct err *e) MUST_CHECK;
