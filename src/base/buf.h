/* A growing byte buffer with a ceiling given at birth. An append past the ceiling adds nothing and
 * marks the buffer; check once at the end with buf_ok. One owner. */
#pragma once
#include "base/attr.h"
#include "base/str.h"

#include <stdarg.h>

struct buf {
    char *p;
    size_t n, cap, max;
    bool over; /* an append did not fit */
};

#define BUF_INIT(ceiling) ((struct buf){ .max = (ceiling) })

void buf_deinit(struct buf *b); /* frees and zeroes the content, keeps the ceiling */
#define AUTO_BUF AUTO(buf_deinit)
void buf_clear(struct buf *b); /* keeps the memory */

void buf_add(struct buf *b, struct str s);
void buf_add_byte(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_add_u64(struct buf *b, uint64_t v); /* decimal */
/* Room for n more bytes, to be written at the returned place and counted by buf_grew;
 * NULL past the ceiling. */
char *buf_room(struct buf *b, size_t n);
void buf_grew(struct buf *b, size_t n);
void buf_drop_front(struct buf *b, size_t n);

struct str buf_str(const struct buf *b); /* borrowed until the next change */
bool buf_ok(const struct buf *b);
