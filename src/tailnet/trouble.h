/* Why nobody can be served by way of the tailnet now, in one sentence with what to do. Pure. */
#pragma once
#include "base/buf.h"
#include "tailnet/node.h"

/* tailscaled has said this. Appends nothing when nothing is wrong. */
void trouble_of_node(const struct tailnet_node *node, int64_t now_s, struct buf *out);
/* tailscaled did not answer, or not well. socket: where; empty when none was found. why->sys tells
 * what the system said. */
void trouble_of_silence(const struct err *why, struct str socket, struct buf *out);
