/* Who is at an address, as tailscaled's whois says it (tailscaled >= 1.70). Pure; any thread. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct tailnet_peer {
    struct str stable_id;
    struct str node;  /* full name without the dot at the end; may be empty (shared-in nodes) */
    struct str login; /* empty when tagged: then no person stands behind the node */
    int64_t user_id;  /* 0 when tagged */
    struct str *tags; /* sorted, each once; beginning "tag:" */
    size_t n_tags;
    struct str *addresses; /* without the prefix length */
    size_t n_addresses;
    bool shared;  /* a node of another tailnet, shared with ours */
    bool expired; /* its key has expired */
    /* CapMap[capability], compact JSON; p NULL when it is absent or null, or when the whole CapMap
     * is. Not interpreted here (auth/capability.h). */
    struct str capability;
};

/* body: the answer to GET /localapi/v0/whois with status 200. ERR_INVALID unless it names exactly
 * one node that is either tagged or of a person with login and id: what is not clear is nobody.
 * Unknown keys are passed over; Node.CapMap and Node.Capabilities are never read. All in a. */
int tailnet_peer_parse(struct arena *a, struct str body, struct str capability,
    struct tailnet_peer *ret, struct err *e) MUST_CHECK;
