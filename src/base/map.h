/* A hash map from byte strings to pointers. Keys are copied; hashing is SipHash with a random seed
 * of each map, so no client can choose collisions. One thread at a time. */
#pragma once
#include "base/str.h"

struct map;

struct map *map_new(void);
/* Calls free_value (may be NULL) on each value. NULL map is fine. */
void map_free(struct map *m, void (*free_value)(void *));
size_t map_count(const struct map *m);
void *map_get(const struct map *m, struct str key);        /* NULL when absent */
void *map_put(struct map *m, struct str key, void *value); /* returns the value replaced */
void *map_remove(struct map *m, struct str key);           /* returns the value, or NULL */

uint64_t siphash13(const uint8_t key[16], struct str s);
