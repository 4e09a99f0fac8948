/* What the server says of itself when it is ready. Pure but for nothing; loop thread. */
#pragma once
#include "auth/access.h"
#include "base/log.h"
#include "config/config.h"
#include "tailnet/node.h"

/* server.url; else the full name of our node with the port of the first listener that has
 * identity=tailscale (node n 0: it is not known yet); else the URL of the first listener that
 * serves more than health. No slash at the end. */
struct str welcome_base_url(
    struct arena *a, const struct config *c, const uint16_t *ports, struct str node);
/* A line for each listener, in order, with the real port; of "tailnet" the part that is always
 * there, on 127.0.0.1. */
void welcome_urls(struct buf *out, const struct config *c, const uint16_t *ports);
/* On a tailnet: first where health is answered meanwhile, then, once the node runs, whom it lets
 * through and with what. */
void welcome_waiting(struct buf *out, const struct config *c, const uint16_t *ports);
void welcome_tailnet(struct buf *out, const struct config *c, const struct tailnet_node *node,
    struct str base_url, const struct access *a);
/* Listeners, who may read, and the three steps to a first publish. */
void welcome_text(struct buf *out, const struct config *c, struct str base_url,
    const uint16_t *ports, const struct access_door *first);
enum log_level welcome_log_level(const struct config *c);
