/* Grants that the tailnet's policy carries to us: the value of our capability in a whois answer,
 * a JSON array of {"do":["release"],"crates":["acme-*"]} (design: the same vocabulary as
 * [[access.grant]]). Pure; any thread. */
#pragma once
#include "base/arena.h"
#include "config/config.h"

#define CAPABILITY_OBJECTS_MAX 64
#define CAPABILITY_PATTERNS_MAX 256 /* an object */
#define CAPABILITY_BYTES_MAX 65536

/* One object. Void ones (an unknown key, role or type; a missing one) give nothing and say why. */
struct capability_rule {
    unsigned roles; /* bits by enum role */
    struct config_list crates;
    struct str void_reason; /* p NULL when it counts */
};

struct capability {
    struct capability_rule *rules;
    size_t n;
    size_t n_void;
    struct str text; /* as it came, compact; p NULL when there was none */
};

/* Never fails: what is not understood is void, with the reason. text p NULL, "null" and "[]" give
 * no rule. More than the bounds above void the whole (one rule that says so). */
void capability_parse(struct arena *a, struct str text, struct capability *ret);
