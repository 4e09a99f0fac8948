/* Yank and unyank: flips `yanked` in the version's index line and nothing else. Idempotent. Loop
 * thread. */
#pragma once
#include "registry/task.h"

/* Name and version as in the URL; ERR_NOT_FOUND says which is missing. */
struct yank_request {
    struct str name, version;
    bool yanked;
};
void yank_set(struct registry *r, const struct caller *c, const struct yank_request *q,
    task_done_fn done, void *ctx);
