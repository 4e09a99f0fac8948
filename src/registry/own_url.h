/* Which hosts are ours, and which index URLs mean this registry. Made at start, then immutable; any
 * thread. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "config/config.h"

struct own_urls;

/* ports[i] is the port listener i really has. base_url: under which clients reach us, no slash at
 * the end. names: hosts that the tailnet has for us (full and short MagicDNS name, addresses
 * without brackets); each is ours with the port of every listener that has identity=tailscale.
 * Copied into the arena; c must outlive it. */
struct own_names {
    const struct str *names;
    size_t n;
};
struct own_urls *own_urls_new(struct arena *a, const struct config *c, struct str base_url,
    const uint16_t *ports, const struct own_names *tailnet);

/* authority: a lower-case Host value. */
bool own_urls_has_host(const struct own_urls *o, struct str authority);

/* A dependency's index URL: sets *ret_stored to STR_NONE when it is one of ours (host x scheme x
 * /index/ and /git/index, and server.aliases), to the URL to keep when server.registries lists it;
 * else ERR_INVALID says what to do. */
int own_urls_resolve(const struct own_urls *o, struct str index_url, struct str *ret_stored,
    struct err *e) MUST_CHECK;
