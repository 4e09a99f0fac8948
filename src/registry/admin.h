/* Administration, the same for a running server (admin socket) and for the command line alone: one
 * JSON request in, one JSON result out.
 *
 *   {"do":"token-new","name":"bob","scopes":["read"],"crates":["acme-*"],"days":90,"from":"any"}
 *     -> {"id":1,"token":"sgp_…","principal":"local:bob","expires":…}
 *     name: NAME stands for local:NAME; local:NAME; tag:NAME; header:NAME; or the login (it has a
 *     '@', or shared:LOGIN) of a person who was seen here; a linked name is whom it acts as. from:
 *     "own", "any" or "tag:X"; by default any for an account, own for all others. days: at most
 *     365, of a person or header 90. The result of a person or tag has a "note" for people.
 *   {"do":"token-list"}  {"do":"token-revoke","id":1}  {"do":"crate-list"}
 *   {"do":"crate-show","name":"acme"}
 *   {"do":"principal-list"}  {"do":"principal-show","name":"anna@corp.test"}
 *   {"do":"principal-link","old":"local:anna","new":"anna@corp.test"}
 *   {"do":"principal-block","name":…}  {"do":"principal-unblock","name":…}
 *   {"do":"principal-rebind","name":LOGIN}            the next person with that login is them
 *   {"do":"principal-rebind","name":OLD,"login":NEW}  their login changed; the id stays
 *   {"do":"principal-remove","name":…,"to":…}         what they own goes to `to`, tokens end,
 *                                                     nobody acts as them any more
 *   {"do":"audit","after":0,"since":0,"by":"…","crate":"…"}
 *     -> {"events":[{…},…],"more":true}   at most 1000; go on after the last number */
#pragma once
#include "registry/registry.h"

#define ADMIN_REQUEST_MAX (64u << 10)
#define ADMIN_RESULT_MAX (64u << 20)

#define TOKEN_DAYS_DEFAULT 90
#define TOKEN_DAYS_MAX 365

/* What a running server's memory must learn afterwards. */
struct admin_effect {
    enum { ADMIN_NOTHING, ADMIN_TOKEN_NEW, ADMIN_TOKEN_REVOKE, ADMIN_RELOAD } kind;
    struct access_token token;
    struct access_principal principal; /* ADMIN_TOKEN_NEW: whose; made if it was not there */
    struct buf events;                 /* bodies of the events made, a line each */
};

/* Inside a transaction of d. out gets the result; it may hold a secret. */
int admin_apply(struct db *d, struct arena *a, struct str request, struct buf *out,
    struct admin_effect *ret_effect, struct err *e) MUST_CHECK;

/* Through the writer of a running server; loop thread. result is borrowed during the call and wiped
 * after. */
typedef void (*admin_done_fn)(void *ctx, const struct err *e, struct str result);
void admin_run(struct registry *r, struct str request, admin_done_fn done, void *ctx);
