/* Dependencies and features of one version, in the terms of an index entry. Values only. */
#pragma once
#include "base/str.h"

enum dep_kind { DEP_NORMAL, DEP_BUILD, DEP_DEV }; /* crates.io's sort order */

struct crate_dep {
    struct str name;    /* as in Cargo.toml: the alias when renamed */
    struct str package; /* the real crate name when renamed, else p NULL */
    struct str req;     /* printed as Rust's semver prints it */
    struct str *features;
    size_t n_features;
    bool optional;
    bool default_features;
    struct str target; /* cfg(…) or triple; p NULL when none */
    enum dep_kind kind;
    struct str
        registry; /* index URL; p NULL means "this registry" once resolved (see manifest.h) */
    bool public_; /* RFC 1977, unstable */
    struct str *artifact; /* -Zbindeps: "bin", "cdylib", "bin:name"…; n_artifact 0 when none */
    size_t n_artifact;
    struct str bindep_target; /* p NULL when none */
    bool lib;
};

struct crate_feature {
    struct str name;
    struct str *values;
    size_t n_values;
};
