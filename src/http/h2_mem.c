#include "http/h2_mem.h"

#include "base/mem.h"

#include <stdint.h>
#include <string.h>

#define STEP 32
#define CLASSES 33 /* up to 1024 bytes; larger ones go to malloc */
#define KEEP_MAX 1024

/* Before each block; 16 bytes keep the alignment of malloc. */
struct block {
    size_t size;
    struct block *next; /* while it is spare */
};

struct mem_pool {
    nghttp2_mem mem;
    struct block *spare[CLASSES];
    unsigned n_spare[CLASSES];
};

static size_t class_of(size_t size)
{
    return (size + STEP - 1) / STEP;
}

static void *pool_malloc(size_t size, void *user_data)
{
    struct mem_pool *p = user_data;
    size_t k = class_of(size);
    struct block *b;
    if (k >= CLASSES) {
        b = mem_alloc(sizeof(*b) + size);
        b->size = size;
        return b + 1;
    }
    b = p->spare[k];
    if (b) {
        p->spare[k] = b->next;
        p->n_spare[k]--;
        return b + 1;
    }
    b = mem_alloc(sizeof(*b) + k * STEP);
    b->size = k * STEP;
    return b + 1;
}

static void pool_free(void *ptr, void *user_data)
{
    struct mem_pool *p = user_data;
    if (!ptr)
        return;
    struct block *b = (struct block *)ptr - 1;
    size_t k = class_of(b->size);
    if (k >= CLASSES || p->n_spare[k] >= KEEP_MAX) {
        free(b);
        return;
    }
    b->next = p->spare[k];
    p->spare[k] = b;
    p->n_spare[k]++;
}

static void *pool_calloc(size_t count, size_t size, void *user_data)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n))
        return NULL;
    void *ptr = pool_malloc(n, user_data);
    memset(ptr, 0, n);
    return ptr;
}

static void *pool_realloc(void *ptr, size_t size, void *user_data)
{
    if (!ptr)
        return pool_malloc(size, user_data);
    size_t before = ((struct block *)ptr - 1)->size;
    if (size <= before)
        return ptr;
    void *grown = pool_malloc(size, user_data);
    memcpy(grown, ptr, before);
    pool_free(ptr, user_data);
    return grown;
}

struct mem_pool *mem_pool_new(void)
{
    struct mem_pool *p = MEM_NEW(struct mem_pool);
    p->mem = (nghttp2_mem){ p, pool_malloc, pool_free, pool_calloc, pool_realloc };
    return p;
}

void mem_pool_free(struct mem_pool *p)
{
    if (!p)
        return;
    for (size_t k = 0; k < CLASSES; k++) {
        while (p->spare[k]) {
            struct block *b = p->spare[k];
            p->spare[k] = b->next;
            free(b);
        }
    }
    free(p);
}

nghttp2_mem *mem_pool_nghttp2(struct mem_pool *p)
{
    return &p->mem;
}
