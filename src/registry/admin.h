/* Administration, the same for a running server (admin socket) and for the command line alone: one
 * JSON request in, one JSON result out.
 *
 *   {"do":"token-new","name":"bob","scopes":["read"],"crates":["acme-*"],"days":90}  ->
 * {"id":1,"token":"sgp_…"}
 *   {"do":"token-list"}  {"do":"token-revoke","id":1}  {"do":"crate-list"}
 * {"do":"crate-show","name":"acme"} */
#pragma once
#include "registry/registry.h"

#define ADMIN_REQUEST_MAX (64u << 10)
#define ADMIN_RESULT_MAX (64u << 20)

#define TOKEN_DAYS_DEFAULT 90
#define TOKEN_DAYS_MAX 365

/* What a running server's memory must learn afterwards. */
struct admin_effect {
    enum { ADMIN_NOTHING, ADMIN_TOKEN_NEW, ADMIN_TOKEN_REVOKE } kind;
    struct access_token token;
    struct str principal_key; /* in the arena */
};

/* Inside a transaction of d. out gets the result; it may hold a secret. */
int admin_apply(struct db *d, struct arena *a, struct str request, struct buf *out,
    struct admin_effect *ret_effect, struct err *e) MUST_CHECK;

/* Through the writer of a running server; loop thread. result is borrowed during the call and wiped
 * after. */
typedef void (*admin_done_fn)(void *ctx, const struct err *e, struct str result);
void admin_run(struct registry *r, struct str request, admin_done_fn done, void *ctx);
