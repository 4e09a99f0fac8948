/* What access.c holds, for its other halves (access_rule.c, access_identify.c, access_text.c). */
#pragma once
#include "auth/access.h"
#include "base/map.h"

#define SEEN_WITHIN_S (30 * 24 * 3600) /* or a person's tokens count for nothing */

/* What a principal's name says of it. */
enum principal_kind {
    PRINCIPAL_PERSON,
    PRINCIPAL_ACCOUNT,
    PRINCIPAL_TAG,
    PRINCIPAL_HEADER,
    PRINCIPAL_SHARED,
    PRINCIPAL_SELF
};
enum principal_kind principal_kind(struct str key);

struct principal {
    uint32_t id, link;
    bool blocked;
    int64_t user_id, last_seen;
    struct str key, control; /* behind this struct */
};

struct token {
    uint32_t id, principal;
    uint8_t hash[SHA256_LEN];
    unsigned scopes;
    int64_t expires;
    struct str patterns, from; /* behind this struct */
    struct arena *arena;       /* of capability; NULL when there is none */
    struct capability capability;
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
    int line; /* of the configuration file, or number of the object; 0 when that says nothing */
};

struct access {
    const struct config *config;
    struct rule accounts, members, tagged, admins;
    struct rule *grants; /* one for each of config->grants; void ones have no roles */
    size_t n_void;
    uint64_t generation;
    struct map *principals;     /* by id: struct principal, which it owns */
    struct map *principal_keys; /* by key: the same */
    struct map *persons;        /* by control server and id there: the same, if bound */
    struct map *tokens;         /* by id: struct token, which it owns */
    struct map *token_hashes;   /* by hash: the same */
    struct map *crates;         /* by canonical name: struct owners, which it owns */
};

const struct principal *access_find_principal(const struct access *a, uint32_t id);
const struct principal *access_find_key(const struct access *a, struct str key);
/* Whom the principal acts as: itself, or the one it was linked to. */
const struct principal *access_follow(const struct access *a, const struct principal *p);
const struct principal *access_find_person(
    const struct access *a, struct str control, int64_t user_id);
const struct token *access_find_token(const struct access *a, uint32_t id);
bool access_owns(const struct access *a, struct str canonical, uint32_t principal);

/* Whose rights are asked: the names they act under, links followed. */
#define SUBJECT_KEYS_MAX IDENTITY_KEYS_MAX
struct subject {
    size_t n;
    struct str keys[SUBJECT_KEYS_MAX];
    const struct principal *principals[SUBJECT_KEYS_MAX]; /* NULL: has no row yet */
    const struct capability *capability;                  /* NULL: none, or it does not count */
};
/* False when the caller is no principal (any more). */
bool access_subject(const struct access *a, const struct caller *c, struct subject *ret);
bool access_subject_of_peer(
    const struct access *a, const struct identity *peer, struct subject *ret);
/* The first of them that is blocked, or NULL. */
const struct principal *access_blocked(const struct subject *s);
/* Does the peer act for that principal? */
bool access_acts_for(const struct access *a, const struct identity *peer, uint32_t principal);

/* Rules are numbered from 0 to access_n_rules; false: that one is not for this subject. */
size_t access_n_rules(const struct access *a, const struct subject *s);
bool access_rule(const struct access *a, const struct subject *s, size_t i, struct rule *ret);
bool access_rule_covers(const struct rule *r, enum right right, struct str canonical);
/* The widest extent of right that the subject's rules give on the crate. */
enum extent access_extent(
    const struct access *a, const struct subject *s, enum right right, struct str canonical);
bool access_subject_owns(const struct access *a, const struct subject *s, struct str canonical);
bool access_token_covers(const struct token *t, struct str canonical);
/* With access.changes_need_token: is what it needs there? */
bool access_has_both(const struct access *a, const struct caller *c);

/* Fill e with the sentence for a person, which calls the crate by name; always -1. */
int access_refuse(const struct access *a, const struct caller *c, enum right right,
    struct str canonical, struct str name, struct err *e);
/* "anna@corp.test (node anna-laptop.rig.test, 100.64.0.7)". Appended. */
void access_describe_peer(const struct identity *peer, struct buf *out);
