/* The questions "who is there?": in order, TAILNET_ASKS_MAX at a time, each with its deadline.
 * Loop thread only. */
#pragma once
#include "tailnet/tailnet.h"

struct asks_options {
    struct str capability;           /* copied */
    struct str (*socket)(void *ctx); /* looked up for each question */
    void (*gone)(void *ctx);         /* tailscaled is not there, or went away in the middle */
    void *ctx;
};

struct asks;
struct asks *asks_new(struct loop *l, const struct asks_options *o);
void asks_free(struct asks *q); /* as tailnet_free */
struct question {               /* see tailnet_whois */
    struct str address;         /* copied */
    bool (*wanted)(void *ctx);
    tailnet_whois_fn fn;
    void *ctx;
};
void asks_add(struct asks *q, const struct question *question);
