/* Our own node, as tailscaled's status says it. Pure; any thread. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct tailnet_node {
    bool running; /* BackendState is "Running" and it has an address */
    bool tun; /* peers come from their own addresses; else from 127.0.0.1, by way of tailscaled */
    struct str state;    /* BackendState */
    struct str auth_url; /* where somebody logs it in; empty when none waits */
    struct str stable_id;
    struct str name;    /* full MagicDNS name without the dot at the end; may be empty */
    struct str tailnet; /* CurrentTailnet.Name; may be empty */
    bool magic_dns;
    struct str *addresses; /* IPv4 first */
    size_t n_addresses;
    struct str *tags;
    size_t n_tags;
    struct str login;   /* of the person who owns the node; empty when tagged */
    int64_t key_expiry; /* Unix s; 0: never */
    bool key_expired;
    struct str version; /* of tailscaled */
    struct str *health; /* what tailscaled warns of */
    size_t n_health;
    struct str control; /* URL of the control server; from prefs, not from status; may be empty */
};

/* body: the answer to GET /localapi/v0/status?peers=false. control stays empty. */
int tailnet_node_parse(
    struct arena *a, struct str body, struct tailnet_node *ret, struct err *e) MUST_CHECK;
/* ControlURL of the answer to GET /localapi/v0/prefs. */
int tailnet_control_parse(
    struct arena *a, struct str body, struct str *ret_control, struct err *e) MUST_CHECK;
/* Do they say the same? (for telling about a change once) */
bool tailnet_node_eq(const struct tailnet_node *x, const struct tailnet_node *y);
/* 100.64.0.0/10 and fd7a:115c:a1e0::/48; ip as text, without port and brackets. */
bool tailnet_has_address(struct str ip);
