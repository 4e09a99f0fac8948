/* Versions and requirements as Rust's semver crate 1.0 reads, prints, orders and matches them.
 * Strings are borrowed from the input. Pure; any thread. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define SEMVER_TEXT_MAX 150 /* a published version; crates.io's limit */
#define SEMVER_REQ_MAX 32   /* comparators in one requirement, as in the semver crate */

struct semver {
    uint64_t major, minor, patch;
    struct str pre, build; /* without '-' and '+'; n 0 when absent */
};

int semver_parse(struct str text, struct semver *ret_v, struct err *e) MUST_CHECK;
/* As semver_parse, held to SEMVER_TEXT_MAX. */
int semver_published_check(struct str text, struct semver *ret_v, struct err *e) MUST_CHECK;
void semver_format(struct buf *out, const struct semver *v);
/* `rust-version`: "1", "1.60" or "1.60.1"; digits and dots alone. */
int semver_rust_version_check(struct str text, struct err *e) MUST_CHECK;
/* Precedence as semver.org 11 (build ignored): <0, 0, >0. */
int semver_precedence(const struct semver *a, const struct semver *b);
/* Total order of the semver crate's Ord: precedence, then build. */
int semver_cmp(const struct semver *a, const struct semver *b);

enum semver_op {
    SEMVER_EXACT,
    SEMVER_GREATER,
    SEMVER_GREATER_EQ,
    SEMVER_LESS,
    SEMVER_LESS_EQ,
    SEMVER_TILDE,
    SEMVER_CARET,
    SEMVER_WILDCARD
};

struct semver_comparator {
    enum semver_op op;
    bool has_minor, has_patch;
    uint64_t major, minor, patch;
    struct str pre;
};
struct semver_req {
    size_t n; /* 0: "*" */
    struct semver_comparator c[SEMVER_REQ_MAX];
};

int semver_req_parse(struct str text, struct semver_req *ret_req, struct err *e) MUST_CHECK;
void semver_req_format(
    struct buf *out, const struct semver_req *req); /* "1" prints "^1", none "*" */
bool semver_req_matches(const struct semver_req *req, const struct semver *v);
