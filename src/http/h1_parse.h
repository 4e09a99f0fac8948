/* The HTTP/1.x request head and chunk parser: pure, strict, no allocation but the arena.
 * Anything two servers might read in two ways is refused (RFC 9112; the case table of the tests).
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "http/request.h"

struct h1_limits {
    uint32_t line_max, head_max, headers_max;
    struct str kept; /* see http_keep_field */
};

struct h1_head {
    enum http_method method;
    bool method_known;
    enum http_version version;
    struct str target;
    struct str header[HTTP_HEADERS];
    struct str trusted; /* as in struct request */
    unsigned n_trusted;
    int64_t body_len; /* 0 none, BODY_LEN_CHUNKED */
    bool keep_alive;
    bool expect_continue;
    bool upgrade_h2c; /* Upgrade: h2c, one HTTP2-Settings, both named in Connection */
    size_t size;      /* bytes of the head */
};

/* The end of a head at the front of in, without reading it: 1 and *ret_size, 0, -1 as below. */
int h1_find_head(const struct h1_limits *limits, struct str in, size_t *scanned, size_t *ret_size,
    unsigned *ret_status, struct err *e) MUST_CHECK;
/* Looks for a whole head at the front of in. `scanned` remembers how far earlier calls looked.
 * 1 and *ret, 0 when more bytes are needed, -1 with *ret_status (400, 414, 431, 417, 501, 505) to
 * answer before closing, 0 to close without a word. ret->* borrow from in or the arena. */
int h1_parse_head(struct arena *a, const struct h1_limits *limits, struct str in, size_t *scanned,
    struct h1_head *ret, unsigned *ret_status, struct err *e) MUST_CHECK;

struct h1_chunks { /* zero bytes to begin with; private */
    unsigned state;
    uint64_t left, overhead;
    unsigned n_digits, n_line, n_name;
    char name[28]; /* longer than each of header.def */
};
/* Takes from *in: 1 and a run of body bytes, 0 when *in is used up, 2 at the end of the body
 * (trailers read and dropped), -1 when malformed. Overhead beyond what honest clients send is
 * malformed. */
int h1_chunks_next(
    struct h1_chunks *c, struct str *in, struct str *ret_bytes, struct err *e) MUST_CHECK;
