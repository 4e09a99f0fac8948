/* What access.c holds, for its other halves (access_text.c). */
#pragma once
#include "auth/access.h"
#include "base/map.h"

struct principal {
    uint32_t id;
    bool blocked;
    size_t n_key;
    char key[];
};

struct token {
    uint32_t id, principal;
    uint8_t hash[SHA256_LEN];
    unsigned scopes;
    int64_t expires;
    size_t n_patterns;
    char patterns[];
};

struct owners {
    size_t n, cap;
    uint32_t *ids;
};

/* One source of rights. */
struct rule {
    unsigned roles;            /* bits by enum role */
    struct config_list crates; /* n 0: all */
    const char *source;
    int line; /* of the configuration file; 0 when that says nothing */
};

struct access {
    const struct config *config;
    struct rule accounts, admins;
    struct rule *grants; /* one for each of config->grants; void ones have no roles */
    size_t n_void;
    struct map *principals;     /* by id: struct principal, which it owns */
    struct map *principal_keys; /* by key: the same */
    struct map *tokens;         /* by id: struct token, which it owns */
    struct map *token_hashes;   /* by hash: the same */
    struct map *crates;         /* by canonical name: struct owners, which it owns */
};

const struct principal *access_find_principal(const struct access *a, uint32_t id);
const struct token *access_find_token(const struct access *a, uint32_t id);

/* Rules are numbered from 0 to access_n_rules; NULL: that one is not for this principal. */
size_t access_n_rules(const struct access *a);
const struct rule *access_rule(const struct access *a, const struct principal *p, size_t i);
/* The widest extent of right that the principal's rules give on the crate. */
enum extent access_extent(
    const struct access *a, const struct principal *p, enum right right, struct str canonical);
bool access_token_covers(const struct token *t, struct str canonical);

/* Fill e with the sentence for a person, which calls the crate by name; always -1. */
int access_refuse(const struct access *a, const struct caller *c, enum right right,
    struct str canonical, struct str name, struct err *e);
