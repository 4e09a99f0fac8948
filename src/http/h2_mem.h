/* Memory for nghttp2: a stream costs it a handful of small blocks, taken and given back within one
 * turn, so freed ones are kept by size. Loop thread only. */
#pragma once
#include <nghttp2/nghttp2.h>

struct mem_pool;

struct mem_pool *mem_pool_new(void);
void mem_pool_free(struct mem_pool *p); /* after all its blocks */
nghttp2_mem *mem_pool_nghttp2(struct mem_pool *p);
