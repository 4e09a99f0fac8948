/* Who may do what: principals, tokens, owners and grants in memory, and one pure decision.
 * There are two instances, each touched by one thread: the loop's, which answers, and the writer's,
 * which decides again inside the transaction. Both are built at start and changed by the same puts
 * and drops in commit order. */
#pragma once
#include "auth/right.h"
#include "auth/token.h"
#include "base/arena.h"
#include "config/config.h"
#include "store/db.h"

struct access;

/* Reads grants and defaults from c (which must outlive it) and principals, tokens, crates, owners
 * from d. */
int access_load(
    const struct config *c, struct db *d, struct access **ret, struct err *e) MUST_CHECK;
struct access *access_new(const struct config *c); /* empty, for tests */
void access_free(struct access *a);

void access_put_principal(struct access *a, uint32_t id, struct str key, bool blocked);
struct access_token {
    uint32_t id, principal;
    uint8_t hash[SHA256_LEN];
    unsigned scopes;
    struct str patterns; /* white-space separated; copied */
    int64_t expires;     /* Unix s */
};
void access_put_token(struct access *a, const struct access_token *t);
void access_drop_token(struct access *a, uint32_t id);
void access_put_crate(struct access *a, struct str canonical);
void access_put_owner(struct access *a, struct str canonical, uint32_t principal);
void access_drop_owner(struct access *a, struct str canonical, uint32_t principal);

bool access_has_crate(const struct access *a, struct str canonical);
uint32_t access_principal_id(const struct access *a, struct str key); /* 0 when unknown */
struct str access_principal_key(
    const struct access *a, uint32_t id); /* borrowed; STR_NONE when unknown */
/* Principal ids of the owners in the order they were put; borrowed until the next change. */
const uint32_t *access_owners(const struct access *a, struct str canonical, size_t *ret_n);
size_t access_void_grants(const struct access *a); /* how many [[access.grant]] count for nothing */

struct access_door { /* what the listener says about those who come through it */
    bool anonymous_read;
    bool token_reads;
    bool admin; /* the admin socket */
};

enum caller_kind { CALLER_ANONYMOUS, CALLER_PRINCIPAL, CALLER_ADMIN };
struct caller { /* a value; may cross threads and outlive the access it came from */
    enum caller_kind kind;
    uint32_t principal; /* 0 unless CALLER_PRINCIPAL */
    uint32_t token;     /* 0: none */
    struct access_door door;
    bool sent_credential; /* an Authorization header was there, even if only the word */
};

/* 0 and the caller; -1 ERR_UNAUTHORIZED when a credential was sent that is not live (unknown,
 * expired, revoked, blocked principal, a word that this listener does not take), with the sentence
 * for the person. */
int access_identify(const struct access *a, const struct access_door *door,
    struct str authorization, int64_t now, struct caller *ret, struct err *e) MUST_CHECK;
/* Is the caller of before still one (token live, principal not blocked)? For the writer. */
int access_still(
    const struct access *a, const struct caller *c, int64_t now, struct err *e) MUST_CHECK;

/* The decision. canonical: the crate, or p NULL for "any crate at all" (a publish before its body
 * is known). A change needs sent_credential. -1: ERR_UNAUTHORIZED when a (better) credential could
 * help, else ERR_FORBIDDEN, with a sentence that says who we think they are and what to do. */
int access_may(const struct access *a, const struct caller *c, enum right right,
    struct str canonical, struct err *e) MUST_CHECK;
/* The same; the sentence calls the crate by name, as its owner spells it. */
int access_may_named(const struct access *a, const struct caller *c, enum right right,
    struct str canonical, struct str name, struct err *e) MUST_CHECK;

/* For /me: lines such as "publish  (access.accounts)" and "token 7: scopes read yank, crates
 * acme-*"; "nothing" when there is no right at all. */
void access_describe(const struct access *a, const struct caller *c, struct buf *out);
struct str access_caller_name(const struct access *a,
    const struct caller *c); /* "local:bob", "anonymous", "admin"; borrowed */
