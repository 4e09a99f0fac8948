/* A person's own tokens, for /me. The caller is one whom the network names (person, shared person
 * or header; no tagged node, no token, no anonymous): else ERR_FORBIDDEN with the sentence. Loop
 * thread. */
#pragma once
#include "registry/task.h"
#include "store/meta.h"

struct own_token_request {
    struct str name;   /* what its maker calls it, at most 64 bytes; may be empty */
    unsigned scopes;   /* 0: SCOPES_DEFAULT */
    struct str crates; /* patterns between white space; empty: "*" */
    struct str from;   /* "own" (default when empty), "any", or "tag:X" */
    int64_t days;      /* 1 to 90 */
};
/* token is borrowed during the call and wiped after; empty when e is not ERR_NONE. */
typedef void (*own_token_fn)(void *ctx, const struct err *e, struct str token, int64_t id);
void own_token_new(struct registry *r, const struct caller *c, const struct own_token_request *q,
    own_token_fn done, void *ctx);
/* ERR_NOT_FOUND when it is not the caller's. */
void own_token_revoke(
    struct registry *r, const struct caller *c, int64_t id, task_done_fn done, void *ctx);
/* Live ones, oldest first; rows is borrowed during the call. Read on a worker. */
typedef void (*own_tokens_fn)(
    void *ctx, const struct err *e, const struct token_row *rows, size_t n);
void own_tokens_list(struct registry *r, const struct caller *c, own_tokens_fn done, void *ctx);
