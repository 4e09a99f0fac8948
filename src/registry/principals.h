/* Principals as they come and go: those seen by the network for the first time get a row. */
#pragma once
#include "registry/task.h"

/* Makes the rows that access_sight misses, and binds a person's id to their login. Both memories
 * know them when done is called. Loop thread; peer is copied. Single-flight is the caller's
 * business: a second one for the same peer finds nothing to do. */
void principals_bind(struct registry *r, const struct identity *peer, task_done_fn done, void *ctx);
