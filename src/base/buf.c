/* One byte is always kept behind cap, so that vsnprintf's NUL fits even at the ceiling and addf can
 * format in place. */
#include "base/buf.h"

#include "base/mem.h"
#include "base/num.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define BUF_FIRST 64

void buf_deinit(struct buf *b)
{
    free(b->p);
    *b = BUF_INIT(b->max);
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->over = false;
}

char *buf_room(struct buf *b, size_t n)
{
    if (n > b->max - b->n) {
        b->over = true;
        return NULL;
    }
    if (!b->p || n > b->cap - b->n) {
        size_t need = b->n + n, cap = b->cap < BUF_FIRST ? BUF_FIRST : b->cap;
        while (cap < need)
            cap = cap > SIZE_MAX / 2 ? need : cap * 2;
        if (cap > b->max)
            cap = b->max;
        assert(cap < SIZE_MAX);
        b->p = mem_realloc(b->p, cap + 1);
        b->cap = cap;
    }
    return b->p + b->n;
}

void buf_grew(struct buf *b, size_t n)
{
    assert(n <= b->cap - b->n);
    b->n += n;
}

void buf_add(struct buf *b, struct str s)
{
    char *p = s.n ? buf_room(b, s.n) : NULL;
    if (!p)
        return;
    memcpy(p, s.p, s.n);
    b->n += s.n;
}

void buf_add_byte(struct buf *b, char c)
{
    buf_add(b, (struct str){ &c, 1 });
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    size_t fits = b->p ? b->cap - b->n + 1 : 0;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(fits ? b->p + b->n : NULL, fits, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    if ((size_t)n < fits) {
        b->n += (size_t)n;
        return;
    }
    char *p = buf_room(b, (size_t)n);
    if (!p)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
}

void buf_add_u64(struct buf *b, uint64_t v)
{
    char digits[NUM_U64_MAX_DIGITS];
    size_t n = num_format_u64(v, digits);
    buf_add(b, (struct str){ digits, n });
}

void buf_drop_front(struct buf *b, size_t n)
{
    assert(n <= b->n);
    b->n -= n;
    if (n && b->n)
        memmove(b->p, b->p + n, b->n);
}

struct str buf_str(const struct buf *b)
{
    return (struct str){ b->p, b->n };
}

bool buf_ok(const struct buf *b)
{
    return !b->over;
}
