/* Blocks grow from 4 KiB to 64 KiB, so that a small request costs one malloc and a large one few.
 * The arena itself lies at the head of its first block, and reset keeps just that: an idle
 * connection holds 4 KiB. What is too large for a block gets one of its own, behind the current
 * one, whose rest stays in use. Under AddressSanitizer all that is not handed out is poisoned. */
#include "base/arena.h"

#include "base/mem.h"

#include <assert.h>
#include <sanitizer/asan_interface.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ARENA_ALIGN ((size_t)16)
#define ARENA_BLOCK_FIRST ((size_t)4096)
#define ARENA_BLOCK_MAX ((size_t)65536)

struct arena_block {
    struct arena_block *next;
    size_t size; /* of data */
    _Alignas(16) char data[];
};

struct arena {
    struct arena_block *blocks; /* all but the first */
    char *at, *end;             /* what is left of the current block */
    size_t block_size;          /* of the next one */
    size_t used;
    _Alignas(16) char data[];
};

static void arena_start(struct arena *a)
{
    a->blocks = NULL;
    a->at = a->data;
    a->end = (char *)a + ARENA_BLOCK_FIRST;
    a->block_size = ARENA_BLOCK_FIRST * 2;
    a->used = 0;
    ASAN_POISON_MEMORY_REGION(a->at, (size_t)(a->end - a->at));
}

struct arena *arena_new(void)
{
    struct arena *a = mem_alloc(ARENA_BLOCK_FIRST);
    arena_start(a);
    return a;
}

static void arena_drop_blocks(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *b = a->blocks;
        a->blocks = b->next;
        ASAN_UNPOISON_MEMORY_REGION(b->data, b->size);
        free(b);
    }
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    arena_drop_blocks(a);
    ASAN_UNPOISON_MEMORY_REGION(a, ARENA_BLOCK_FIRST);
    free(a);
}

void arena_freep(struct arena **a)
{
    arena_free(*a);
}

void arena_reset(struct arena *a)
{
    arena_drop_blocks(a);
    arena_start(a);
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

static char *arena_add_block(struct arena *a, size_t size)
{
    struct arena_block *b = mem_alloc(sizeof(*b) + size);
    b->next = a->blocks;
    b->size = size;
    a->blocks = b;
    ASAN_POISON_MEMORY_REGION(b->data, size);
    return b->data;
}

void *arena_alloc(struct arena *a, size_t n)
{
    assert(n <= SIZE_MAX / 2);
    size_t whole = (n + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    char *p;
    if (whole <= (size_t)(a->end - a->at)) {
        p = a->at;
        a->at += whole;
    } else if (whole > a->block_size / 4) {
        p = arena_add_block(a, whole);
    } else {
        p = arena_add_block(a, a->block_size);
        a->at = p + whole;
        a->end = p + a->block_size;
        if (a->block_size < ARENA_BLOCK_MAX)
            a->block_size *= 2;
    }
    a->used += whole;
    ASAN_UNPOISON_MEMORY_REGION(p, n);
    return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
    return memset(arena_alloc(a, n), 0, n);
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t n;
    bool over = __builtin_mul_overflow(count, size, &n);
    assert(!over);
    return arena_zalloc(a, n);
}

char *str_cstr(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

struct str arena_str(struct arena *a, struct str s)
{
    return (struct str){ str_cstr(a, s), s.n };
}

struct str arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    assert(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    (void)vsnprintf(p, (size_t)n + 1, fmt, ap);
    return (struct str){ p, (size_t)n };
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str s = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return s;
}

struct str arena_lower(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        p[i] = ascii_lower(s.p[i]);
    p[s.n] = '\0';
    return (struct str){ p, s.n };
}
