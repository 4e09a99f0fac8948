/* Who may do what: principals, tokens, owners and grants in memory, and one pure decision.
 * There are two instances, each touched by one thread: the loop's, which answers, and the writer's,
 * which decides again inside the transaction. Both are built at start and changed by the same puts
 * and drops in commit order. */
#pragma once
#include "auth/identity.h"
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

struct access_principal {
    uint32_t id, link;  /* link: the principal that this one acts as; 0: itself */
    struct str key;     /* copied, as control */
    struct str control; /* of a person who was seen: id and login belong together (user_id) */
    int64_t user_id;    /* 0: not bound to a person yet */
    int64_t last_seen;  /* Unix s; 0: never */
    bool blocked;       /* also one who was removed */
};
void access_put_principal(struct access *a, const struct access_principal *p);
/* A person was seen by the network just now; for the 30 days of their tokens. */
void access_saw(struct access *a, uint32_t principal, int64_t now);
struct access_token {
    uint32_t id, principal;
    uint8_t hash[SHA256_LEN];
    unsigned scopes;
    struct str patterns;   /* white-space separated; copied */
    struct str from;       /* "own" (its principal's own nodes), "any", or a tag; copied */
    struct str capability; /* of a person: what the policy gave them when it was made; JSON */
    int64_t expires;       /* Unix s */
};
void access_put_token(struct access *a, const struct access_token *t);
/* The same from a row of the database (store/meta.h); strings are the row's. */
struct principal_row;
struct token_row;
struct access_principal access_principal_of(const struct principal_row *row);
struct access_token access_token_of(const struct token_row *row);
void access_drop_token(struct access *a, uint32_t id);
void access_put_crate(struct access *a, struct str canonical);
void access_put_owner(struct access *a, struct str canonical, uint32_t principal);
void access_drop_owner(struct access *a, struct str canonical, uint32_t principal);

bool access_has_crate(const struct access *a, struct str canonical);
uint32_t access_principal_id(const struct access *a, struct str key); /* 0 when unknown */
bool access_is_blocked(const struct access *a, uint32_t id);
/* The same, links followed: whom somebody of that name acts as. */
uint32_t access_acting_id(const struct access *a, struct str key);
struct str access_principal_key(
    const struct access *a, uint32_t id); /* borrowed; STR_NONE when unknown */
/* Principal ids of the owners in the order they were put; borrowed until the next change. */
const uint32_t *access_owners(const struct access *a, struct str canonical, size_t *ret_n);
size_t access_void_grants(const struct access *a); /* how many [[access.grant]] count for nothing */

struct access_door { /* what the listener says about those who come through it */
    bool anonymous_read;
    bool token_reads; /* an unknown peer may come with a token, and gets 401 without one */
    bool admin;       /* the admin socket */
    enum listen_identity identity;
};
/* Could a token help somebody who is nobody here? Decides between 401 and 403. */
bool access_door_takes_tokens(const struct access_door *door);

enum caller_kind { CALLER_ANONYMOUS, CALLER_PRINCIPAL, CALLER_ADMIN };
struct caller { /* a value; see caller_keep */
    enum caller_kind kind;
    uint32_t principal; /* of a tagged node: that of its first tag; 0 unless CALLER_PRINCIPAL */
    uint32_t token;     /* 0: none */
    struct access_door door;
    bool sent_credential;        /* an Authorization header was there, even if only the word */
    const struct identity *peer; /* borrowed; NULL: the network does not say. With a token it only
                                  * bounds where the token works */
};
/* A caller that may cross threads and outlive the connection: peer is copied into a. */
struct caller caller_keep(struct arena *a, const struct caller *c);

/* Whom somebody seen by the network is here.
 * KNOWN: every principal it acts for has a row. UNSEEN: some have none yet, or it is the person's
 * first sight; registry/principals.h makes them, then ask again. -1 ERR_FORBIDDEN: of a person's id
 * and login only one is known, so they are nobody until `superguppy principal rebind`. */
enum access_sight { ACCESS_KNOWN, ACCESS_UNSEEN };
int access_sight(const struct access *a, const struct identity *peer, enum access_sight *ret,
    struct err *e) MUST_CHECK;

/* What the network says of a peer: who it is, or NULL when the listener has no identity or knows
 * nobody (why then says why, for the sentence; else NULL). */
struct access_peer {
    const struct identity *identity;
    const char *why;
};
/* Who asks. peer NULL: the network says nothing.
 * 0 and the caller; -1 ERR_UNAUTHORIZED when a credential was sent that is not live here (unknown,
 * expired, revoked, blocked principal, not from its person's own nodes, person not seen for 30
 * days, a word that this listener does not take), ERR_FORBIDDEN for a peer that is nobody, with the
 * sentence for the person. */
int access_identify(const struct access *a, const struct access_door *door,
    const struct access_peer *peer, struct str authorization, int64_t now, struct caller *ret,
    struct err *e) MUST_CHECK;
/* Is the caller of before still one (token live, no principal of theirs blocked)? For the writer.
 */
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

/* Which grant let the caller do it, for the event: "access.members", "access.grant, line 12",
 * "tailnet policy, object 2", "access.admins", "anonymous", "admin socket"; appended, nothing when
 * it is not allowed. */
void access_grant_used(const struct access *a, const struct caller *c, enum right right,
    struct str canonical, struct buf *out);

/* Is the caller an owner of the crate, by any principal they act for? */
bool access_is_owner(const struct access *a, const struct caller *c, struct str canonical);
/* Has nobody, as far as the configuration says, the role admin? (grants of the policy not counted)
 */
bool access_nobody_is_admin(const struct access *a);
/* Changes with every put and drop, and when somebody is seen again after 30 days: what was computed
 * from access holds while it stays the same. */
uint64_t access_generation(const struct access *a);
/* a takes the place of before: its generation is one that before never had. */
void access_succeed(struct access *a, const struct access *before);

/* For /me: lines such as "publish  (access.accounts)" and "token 7: scopes read yank, crates
 * acme-*"; "nothing" when there is no right at all. */
void access_describe(const struct access *a, const struct caller *c, struct buf *out);
struct str access_caller_name(const struct access *a,
    const struct caller *c); /* "local:bob", "anna@corp.test", "tag:ci", "anonymous", "admin";
                              * borrowed. Of a tagged node its first tag. */
