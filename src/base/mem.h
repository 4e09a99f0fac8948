/* Heap memory that cannot fail: when the system has none left the process aborts
 * (sizes are bounded before they get here). Free with free() or AUTO_FREE. Any thread. */
#pragma once
#include "base/attr.h"

#include <stddef.h>
#include <stdlib.h>

void *mem_alloc(size_t n) MUST_CHECK;
void *mem_zalloc(size_t n) MUST_CHECK;
void *mem_array(size_t count, size_t size) MUST_CHECK; /* zeroed; aborts on overflow */
void *mem_realloc(void *p, size_t n) MUST_CHECK;
void *mem_dup(const void *p, size_t n) MUST_CHECK; /* copy with a NUL byte after it */

/* A typed object of zero bytes. */
#define MEM_NEW(type) ((type *)mem_zalloc(sizeof(type)))

static inline void mem_freep(void *pp)
{
    free(*(void **)pp);
}
#define AUTO_FREE AUTO(mem_freep)
