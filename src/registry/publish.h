/* The life of one publish, from the first byte of its body to the committed version:
 * spool to temp files while hashing (workers) -> checks (worker, two at a time) -> blob on stable
 * storage (worker) -> one transaction (writer) -> the loop's index -> done. All functions: loop
 * thread. */
#pragma once
#include "registry/registry.h"

struct publish;

struct publish_result {
    const struct str *warnings; /* borrowed during the call */
    size_t n_warnings;
};

struct publish_events {
    /* Exactly once, unless aborted; p is gone after. May come before the whole body was fed: a
     * refusal that needs no more of it. e->kind is ERR_NONE when the version is published for good.
     */
    void (*done)(void *ctx, const struct err *e, const struct publish_result *r);
    /* Stop and go of feeding; between them nothing may be fed beyond what is in hand. */
    void (*pause)(void *ctx);
    void (*resume)(void *ctx);
};

/* The most a body may have with these settings. */
uint64_t publish_body_max(const struct config *c);
/* body_len: Content-Length. */
struct publish *publish_begin(struct registry *r, const struct caller *c, uint64_t body_len,
    const struct publish_events *events, void *ctx);
void publish_feed(struct publish *p, struct str bytes);
void publish_end(struct publish *p);
void publish_abort(struct publish *p); /* the body will not come whole; leaves nothing behind */

/* At most two archive checks at once; the others wait in order. */
struct publish_gate;
struct publish_gate *publish_gate_new(void);
void publish_gate_free(struct publish_gate *g);
