/* Crate and feature names: what is allowed, the canonical form, the index path.
 * Rules are crates.io's and cargo's. Pure; any thread. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

#define CRATE_NAME_MAX 64

/* 1 to 64 bytes, first an ASCII letter, then letters, digits, '-' and '_'. */
int crate_name_check(struct str name, struct err *e) MUST_CHECK;
/* What a new crate must hold beyond that: not reserved (std, core, …; Windows device names). */
int crate_name_check_new(struct str name, struct err *e) MUST_CHECK;
/* The name a dependency has in Cargo.toml (may be an alias): letter or '_' first. */
int crate_alias_check(struct str name, struct err *e) MUST_CHECK;
int crate_feature_name_check(struct str name, struct err *e) MUST_CHECK;
/* "feature", "dep:name", "dep/feature", "dep?/feature". */
int crate_feature_value_check(struct str value, struct err *e) MUST_CHECK;

/* Identity of a crate: lower case, '-' folded to '_'. */
struct str crate_name_canonical(struct arena *a, struct str name);
void crate_name_canonical_to(struct str name, char out[CRATE_NAME_MAX]); /* name.n bytes, n <= 64 */
bool crate_name_same(struct str a, struct str b);                        /* canonically */
