/* One line of a sparse index file, byte for byte as crates.io writes it
 * (crates_io_index: key order, compact JSON, sorted deps and features, features2 and v). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "crate/dep.h"

struct index_entry {
    struct str name, vers;
    struct crate_dep *deps;
    size_t n_deps;
    char cksum[65];                 /* 64 lower-case hex digits */
    struct crate_feature *features; /* all of them; writing splits off features2 */
    size_t n_features;
    bool yanked;
    struct str links, rust_version; /* p NULL when none */
    int64_t pubtime;                /* Unix seconds; 0 when none */
};

/* Sorts deps and features in place, then appends the line with its '\n'.
 * v is 2 with features2, 3 with an artifact dependency, else absent. pubtime is left out when 0. */
void entry_write(struct buf *out, struct index_entry *e);
/* Reads a line back, held to everything cargo, Renovate and binstall need; the publish path parses
 * what it wrote before it stores it. */
int entry_parse(
    struct arena *a, struct str line, struct index_entry *ret_entry, struct err *e) MUST_CHECK;

/* The stored form of deps and features (database columns): JSON of the same shapes as in a line. */
void entry_write_deps(struct buf *out, struct crate_dep *deps, size_t n);
void entry_write_features(struct buf *out, const struct crate_feature *features, size_t n);
int entry_parse_deps(struct arena *a, struct str json, struct crate_dep **ret_deps, size_t *ret_n,
    struct err *e) MUST_CHECK;
int entry_parse_features(struct arena *a, struct str json, struct crate_feature **ret_f,
    size_t *ret_n, struct err *e) MUST_CHECK;
