/* A bump allocator: many small things with one lifetime. One owner, one thread at a time. */
#pragma once
#include "base/attr.h"
#include "base/str.h"

#include <stdarg.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a); /* NULL is fine */
void arena_freep(struct arena **a);
#define AUTO_ARENA AUTO(arena_freep)
/* Forgets all that was allocated and keeps the first block for reuse. */
void arena_reset(struct arena *a);
/* Bytes handed out since the last reset; for callers that bound what a parser may use. */
size_t arena_used(const struct arena *a);

/* Aligned to 16, not zeroed / zeroed. n is bounded by the caller. Never NULL. */
void *arena_alloc(struct arena *a, size_t n) MUST_CHECK;
void *arena_zalloc(struct arena *a, size_t n) MUST_CHECK;
void *arena_array(struct arena *a, size_t count, size_t size) MUST_CHECK; /* zeroed */
#define ARENA_NEW(a, type) ((type *)arena_zalloc((a), sizeof(type)))

struct str arena_str(struct arena *a, struct str s);   /* a copy, NUL-terminated behind its n */
struct str arena_lower(struct arena *a, struct str s); /* a copy in ASCII lower case */
char *str_cstr(struct arena *a, struct str s);         /* toward C libraries; stops at a NUL in s */
struct str arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct str arena_vprintf(struct arena *a, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
