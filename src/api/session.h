/* Whom the network says is at the other end of a connection. tailscaled is asked when the first
 * request has its head, and again by the first request later than ten seconds, and by every change;
 * requests that come meanwhile wait for the same answer. Loop thread only. */
#pragma once
#include "api/internal.h"

/* Calls then once it is known, at once or later: c->peer, or c->refusal, are set. fresh: only an
 * answer that was asked for from now on counts. */
void session_identify(struct call *c, bool fresh, void (*then)(struct call *c));
/* For a change whose body is there at last: then, with c->refusal set if it took long and the peer
 * is no longer what it was when it began (asked afresh). Once at most for a call. */
void session_confirm(struct call *c, void (*then)(struct call *c));
/* http_handler.peer_gone */
void session_gone(void *ctx, void *slot);
