/* Every query there is, as plain functions over a struct db. No rules here: the caller decides.
 * Functions that change need the writer's connection inside a transaction. Strings in returned rows
 * live in the arena given. Look-ups: 1 found, 0 absent, -1 failed. Names are canonical where said.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/digest.h"
#include "store/db.h"

/* ---- principals and tokens ---- */
struct principal_row {
    int64_t id;         /* fits u32: cargo's owner ids are */
    struct str key;     /* "local:bob", "anna@corp.test", "tag:ci" */
    struct str control; /* p NULL unless bound to a person of that control server */
    int64_t user_id;    /* 0 unless bound */
    int64_t link;       /* the principal it acts as; 0: itself */
    int64_t created, last_seen, removed; /* Unix s; 0: never */
    bool blocked;
};
int meta_principal_find(struct db *d, struct arena *a, struct str key, struct principal_row *ret,
    struct err *e) MUST_CHECK;
int meta_principal_get(
    struct db *d, struct arena *a, int64_t id, struct principal_row *ret, struct err *e) MUST_CHECK;
/* Finds or makes. *ret_new may be NULL. */
int meta_principal_ensure(struct db *d, struct str key, int64_t now, int64_t *ret_id, bool *ret_new,
    struct err *e) MUST_CHECK;
/* Writes all but id and created. */
int meta_principal_update(struct db *d, const struct principal_row *p, struct err *e) MUST_CHECK;
int meta_principal_saw(struct db *d, int64_t id, int64_t when, struct err *e) MUST_CHECK;
/* What one owns goes to the other (no row twice), and with tokens its live tokens too. */
int meta_principal_hand_over(
    struct db *d, int64_t from, int64_t to, bool tokens, struct err *e) MUST_CHECK;
/* Ends all live tokens of a principal. */
int meta_principal_revoke_tokens(
    struct db *d, int64_t id, int64_t now, uint64_t *ret_n, struct err *e) MUST_CHECK;

struct token_row {
    int64_t id, principal;
    struct str principal_key; /* read only */
    uint8_t hash[SHA256_LEN];
    unsigned scopes;                              /* bits, auth/right.h */
    struct str patterns;                          /* white-space separated canonical patterns */
    struct str from;                              /* "own", "any" or a tag */
    struct str capability;                        /* JSON; p NULL when there was none */
    struct str name;                              /* what its maker calls it; may be empty */
    int64_t created, expires, last_used, revoked; /* Unix s; 0: never */
};
int meta_token_add(
    struct db *d, const struct token_row *t, int64_t *ret_id, struct err *e) MUST_CHECK;
int meta_token_find(
    struct db *d, struct arena *a, int64_t id, struct token_row *ret, struct err *e) MUST_CHECK;
int meta_token_revoke(struct db *d, int64_t id, int64_t now,
    struct err *e) MUST_CHECK; /* 1 revoked, 0 no such live token */
/* How many live ones a principal has. */
int meta_token_count(
    struct db *d, int64_t principal, int64_t now, int64_t *ret_n, struct err *e) MUST_CHECK;
int meta_token_used(struct db *d, int64_t id, int64_t when, struct err *e) MUST_CHECK;

/* ---- crates and versions ---- */
struct crate_row {
    int64_t id;
    struct str name, canonical, description;
    int64_t created, updated, downloads;
    struct str
        max_version; /* highest not yanked by semver, "0.0.0" when none; kept by the caller */
};
int meta_crate_find(struct db *d, struct arena *a, struct str canonical, struct crate_row *ret,
    struct err *e) MUST_CHECK;
int meta_crate_add(
    struct db *d, const struct crate_row *c, int64_t *ret_id, struct err *e) MUST_CHECK;
int meta_crate_update(struct db *d, int64_t id, struct str description, struct str max_version,
    int64_t now, struct err *e) MUST_CHECK;

struct version_row {
    int64_t id, crate;
    struct str num;     /* with build metadata */
    struct str num_key; /* without it: unique in the crate, for ever */
    uint8_t cksum[SHA256_LEN];
    int64_t size, pubtime, published_by; /* principal id */
    bool yanked;
    struct str line;                         /* the index line with its '\n' */
    struct str deps, features;               /* JSON as crate/entry.h writes it */
    struct str links, rust_version, edition; /* p NULL when none, as all below */
    struct str description, homepage, documentation, repository, license, license_file;
    struct str readme, readme_file;
    struct str authors, keywords, categories, bin_names; /* JSON arrays of strings */
    bool has_lib;
    int64_t downloads;
};
/* A version that exists (by num_key) fails with ERR_CONFLICT from the UNIQUE constraint. */
int meta_version_add(
    struct db *d, const struct version_row *v, int64_t *ret_id, struct err *e) MUST_CHECK;
/* All columns but readme (left p NULL). */
int meta_version_find(struct db *d, struct arena *a, int64_t crate, struct str num_key,
    struct version_row *ret, struct err *e) MUST_CHECK;
int meta_version_set_yanked(
    struct db *d, int64_t id, bool yanked, struct str line, struct err *e) MUST_CHECK;
/* Each version of a crate, oldest first; columns as meta_version_find. visit returns -1 to stop
 * with its error. */
typedef int (*meta_version_fn)(void *ctx, const struct version_row *v, struct err *e);
int meta_each_version(
    struct db *d, int64_t crate, meta_version_fn visit, void *ctx, struct err *e) MUST_CHECK;
/* The lines of a crate, oldest first, appended. */
int meta_index_lines(struct db *d, int64_t crate, struct buf *out, struct err *e) MUST_CHECK;
/* What a download needs, in one query. */
int meta_download_find(struct db *d, struct str canonical, struct str num_key,
    int64_t *ret_version_id, uint8_t ret_cksum[SHA256_LEN], struct err *e) MUST_CHECK;
int meta_downloads_add(struct db *d, int64_t version, int64_t n, int64_t day,
    struct err *e) MUST_CHECK; /* version, day and crate totals */

/* ---- index files, ready to send ---- */
struct index_file_row {
    struct str name;   /* crate name in lower case: the last path segment */
    struct str packed; /* gzip, or p NULL when only plain is kept */
    struct str plain;  /* p NULL when packed is kept */
    struct str sum;    /* short text, hash of the plain bytes: the heart of the ETag */
    int64_t plain_size;
};
int meta_index_file_put(
    struct db *d, int64_t crate, const struct index_file_row *f, struct err *e) MUST_CHECK;

int meta_index_file_find(struct db *d, struct arena *a, int64_t crate, struct index_file_row *ret,
    struct err *e) MUST_CHECK;

/* ---- owners ---- */
int meta_owner_add(struct db *d, int64_t crate, int64_t principal, int64_t now,
    struct err *e) MUST_CHECK; /* 1 added, 0 was one */
int meta_owner_remove(struct db *d, int64_t crate, int64_t principal,
    struct err *e) MUST_CHECK; /* 1 removed, 0 was none */
int meta_owner_count(struct db *d, int64_t crate, int64_t *ret_n, struct err *e) MUST_CHECK;

/* ---- walks, for start-up and the command line; rows are borrowed during the visit ---- */
typedef int (*meta_principal_fn)(void *ctx, const struct principal_row *p, struct err *e);
typedef int (*meta_token_fn)(void *ctx, const struct token_row *t, struct err *e);
typedef int (*meta_crate_fn)(void *ctx, const struct crate_row *c, struct err *e);
typedef int (*meta_owner_fn)(void *ctx, struct str canonical, int64_t principal, struct err *e);
typedef int (*meta_index_file_fn)(void *ctx, const struct index_file_row *f, struct err *e);
int meta_each_principal(struct db *d, meta_principal_fn visit, void *ctx, struct err *e) MUST_CHECK;
int meta_each_token(struct db *d, bool live_only, int64_t now, meta_token_fn visit, void *ctx,
    struct err *e) MUST_CHECK;
int meta_each_crate(
    struct db *d, meta_crate_fn visit, void *ctx, struct err *e) MUST_CHECK; /* by canonical name */
/* The canonical names alone, in order: reads one index instead of all rows. */
typedef int (*meta_name_fn)(void *ctx, struct str canonical, struct err *e);
int meta_each_name(struct db *d, meta_name_fn visit, void *ctx, struct err *e) MUST_CHECK;
int meta_each_owner(struct db *d, meta_owner_fn visit, void *ctx, struct err *e) MUST_CHECK;
int meta_each_index_file(
    struct db *d, meta_index_file_fn visit, void *ctx, struct err *e) MUST_CHECK;

/* ---- search ---- */
struct search_query {
    struct str
        *words; /* all must occur in name or description; literal (no wildcards), ASCII case folded;
                 * '-' and '_' are alike in names */
    size_t n_words;
    uint32_t per_page, offset;
};
/* Ranked: exact name, name prefix, name contains, description contains; then by name. */
int meta_search(struct db *d, const struct search_query *q, meta_crate_fn visit, void *ctx,
    uint64_t *ret_total, struct err *e) MUST_CHECK;

/* ---- events ---- */
struct event {
    int64_t time;
    struct str principal; /* key; several of a tagged node with ","; "admin" for the admin socket;
                             "anonymous" */
    struct str node, node_id, address; /* of the peer, as the tailnet names it; p NULL: unknown */
    const struct str *tags;
    size_t n_tags;
    int64_t token;    /* 0: none */
    struct str grant; /* what allowed it; p NULL: not asked */
    struct str what;  /* "publish", "yank", "unyank", "owner-add", "owner-remove", "token-new",
                         "token-revoke", "principal-new", "principal-link", … */
    struct str crate, version; /* p NULL when it is about none */
    struct str detail;         /* JSON object with more, or p NULL */
};
/* Appends one row: body is the event as JSON, hash = SHA-256(previous hash || body). ret_body may
 * be NULL; else appended. */
int meta_event_add(
    struct db *d, const struct event *ev, struct buf *ret_body, struct err *e) MUST_CHECK;
/* Recomputes the chain: ERR_CORRUPT names the first number that does not fit. */
int meta_events_verify(struct db *d, uint64_t *ret_n, struct err *e) MUST_CHECK;
/* Events with a number above after, oldest first, at most limit; by (any of its principals, its
 * node's name or address), crate (canonical) and since (Unix s) bound them when not empty or 0. */
struct event_query {
    int64_t after, since;
    struct str by, crate;
    uint32_t limit;
};
typedef int (*meta_event_fn)(void *ctx, int64_t number, struct str body, struct err *e);
int meta_each_event(struct db *d, const struct event_query *q, meta_event_fn visit, void *ctx,
    struct err *e) MUST_CHECK;
