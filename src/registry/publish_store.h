/* The transaction of a publish: rights again, uniqueness, version, owner, index file, event.
 * Loop thread calls it; the writer thread runs it. */
#pragma once
#include "registry/draft.h"
#include "registry/registry.h"

/* draft must live until done. */
void publish_store(struct registry *r, const struct caller *c, const struct draft *draft,
    void (*done)(void *ctx, const struct err *e), void *ctx);
