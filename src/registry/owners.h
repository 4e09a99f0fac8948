/* Owners of a crate: principals by their keys ("local:anna"). Loop thread. */
#pragma once
#include "registry/task.h"

#define OWNERS_PER_REQUEST_MAX 10

/* Adds or removes them all, or none. */
struct owners_request {
    struct str name; /* crate, any spelling */
    const struct str *keys;
    size_t n;
    bool add;
};
void owners_change(struct registry *r, const struct caller *c, const struct owners_request *q,
    task_done_fn done, void *ctx);
