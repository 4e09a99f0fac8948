/* What the server says of itself when it is ready. Pure but for nothing; loop thread. */
#pragma once
#include "auth/access.h"
#include "base/log.h"
#include "config/config.h"

/* server.url, else the URL of the first listener that serves more than health. No slash at the end.
 */
struct str welcome_base_url(struct arena *a, const struct config *c, const uint16_t *ports);
/* A line for each listener, in order, with the real port. */
void welcome_urls(struct buf *out, const struct config *c, const uint16_t *ports);
/* Listeners, who may read, and the three steps to a first publish. */
void welcome_text(struct buf *out, const struct config *c, struct str base_url,
    const uint16_t *ports, const struct access_door *first);
enum log_level welcome_log_level(const struct config *c);
