/* The Cargo.toml inside an archive, read into what the registry stores. Cargo normalises the
 * manifest before packing, so inheritance ("workspace = true") and [patch] are errors.
 * Everything returned lives in the arena. Pure; any thread. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "crate/dep.h"

#define MANIFEST_SIZE_MAX (1u << 20)
#define CRATE_DEPS_MAX 500
#define CRATE_FEATURES_MAX 1000
#define CRATE_FEATURE_VALUES_MAX 300
#define CRATE_KEYWORDS_MAX 5
#define CRATE_IO_INDEX "https://github.com/rust-lang/crates.io-index"

struct manifest {
    struct str name, version;
    struct str edition, rust_version, links;
    struct str description, homepage, documentation, repository, license, license_file, readme_file;
    struct str *authors, *keywords, *categories;
    size_t n_authors, n_keywords, n_categories;
    struct crate_dep *deps;
    size_t n_deps;
    struct crate_feature *features;
    size_t n_features;
    bool has_lib;
    struct str *bin_names;
    size_t n_bin_names;
    /* `publish = ["name"]` or false is cargo's business before it uploads; not kept. */
};

/* deps[].registry: `registry-index` as written; p NULL where the manifest names none, which in a
 * manifest means crates.io. Dev-dependencies are kept (cargo has dropped those without a version).
 * A limit passed or a rule broken is ERR_INVALID with the key it stands at. */
int manifest_parse(
    struct arena *a, struct str toml, struct manifest *ret_m, struct err *e) MUST_CHECK;
