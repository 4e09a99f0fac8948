/* The same input must give the same bytes on every machine and at every time, because ETags and the
 * git index are made from them: level, memory level and header are fixed here. (Another version of
 * zlib may still pack differently.) */
#include "base/gzip.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* the largest window, gzip framing */
#define GZIP_MEM_LEVEL 8
#define GZIP_OS_UNKNOWN 255
#define GZIP_STEP 32768

/* zlib counts in unsigned int: gives it the next piece of s. */
static void feed(z_stream *z, struct str *s)
{
    if (z->avail_in)
        return;
    size_t n = s->n < INT_MAX ? s->n : INT_MAX;
    union {
        const char *in;
        unsigned char *out;
    } p = { .in = s->p }; /* zlib's next_in is not const; it does not write there */
    z->next_in = p.out;
    z->avail_in = (unsigned)n;
    *s = str_skip(*s, n);
}

/* Points z at free room of out, at most one step. False at the ceiling. */
static bool give_room(z_stream *z, struct buf *out)
{
    size_t n = out->max - out->n;
    if (n == 0)
        return false;
    if (n > GZIP_STEP)
        n = GZIP_STEP;
    z->next_out = (unsigned char *)buf_room(out, n);
    z->avail_out = (unsigned)n;
    return true;
}

static int too_large(struct buf *out, size_t before, struct err *e)
{
    out->n = before;
    return err_set(e, ERR_TOO_LARGE, "the data is larger than %zu bytes", out->max - before);
}

int gzip_compress(struct str plain, struct buf *out, struct err *e)
{
    z_stream z = { .zalloc = NULL };
    gz_header header = { .os = GZIP_OS_UNKNOWN };
    if (deflateInit2(&z, 6, Z_DEFLATED, GZIP_WINDOW, GZIP_MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        abort(); /* no memory */
    (void)deflateSetHeader(&z, &header);
    size_t before = out->n;
    int rc = Z_OK;
    while (rc != Z_STREAM_END && give_room(&z, out)) {
        feed(&z, &plain);
        unsigned room = z.avail_out;
        rc = deflate(&z, plain.n ? Z_NO_FLUSH : Z_FINISH);
        assert(rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR);
        buf_grew(out, room - z.avail_out);
    }
    (void)deflateEnd(&z);
    return rc == Z_STREAM_END ? 0 : too_large(out, before, e);
}

int gzip_inflate(struct str packed, struct buf *out, struct err *e)
{
    z_stream z = { .zalloc = NULL };
    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
        abort(); /* no memory */
    size_t before = out->n;
    int rc = Z_OK;
    bool over = false;
    while (rc == Z_OK && !over) {
        unsigned char beyond;
        bool in_buf = give_room(&z, out);
        if (!in_buf) {
            z.next_out = &beyond;
            z.avail_out = 1;
        }
        feed(&z, &packed);
        unsigned room = z.avail_out;
        rc = inflate(&z, Z_NO_FLUSH); /* Z_BUF_ERROR: no input is left */
        if (in_buf)
            buf_grew(out, room - z.avail_out);
        else
            over = z.avail_out == 0;
    }
    bool rest = z.avail_in != 0 || packed.n != 0;
    (void)inflateEnd(&z);
    if (over)
        return too_large(out, before, e);
    if (rc == Z_MEM_ERROR)
        abort();
    if (rc == Z_STREAM_END && !rest)
        return 0;
    out->n = before;
    if (rc == Z_STREAM_END)
        return err_set(e, ERR_INVALID, "there are bytes behind the end of the gzip data");
    if (rc == Z_BUF_ERROR)
        return err_set(e, ERR_INVALID, "the gzip data ends too early");
    return err_set(e, ERR_INVALID, "the gzip data is damaged");
}
