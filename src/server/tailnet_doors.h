/* The listeners "tailnet": they stand on 127.0.0.1 from the start, which is where tailscaled hands
 * peers to in userspace mode and where health is asked; in TUN mode also on the node's own
 * addresses, never on a wildcard, as these come and go. Loop thread only. */
#pragma once
#include "api/api.h"
#include "tailnet/node.h"

struct tailnet_doors;

struct tailnet_doors *tailnet_doors_new(struct loop *l, struct http_server *http);
void tailnet_doors_free(struct tailnet_doors *d); /* after http_server_free: doors are tags */
/* A listener whose part on 127.0.0.1 is open on that port. */
void tailnet_doors_add(struct tailnet_doors *d, uint16_t port, const struct api_door *door);
/* Opens and closes what a running node's addresses ask for. An address that this machine does not
 * have yet is tried again each second. -1: one is refused, with the cure. */
int tailnet_doors_follow(
    struct tailnet_doors *d, const struct tailnet_node *node, struct err *e) MUST_CHECK;
