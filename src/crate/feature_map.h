/* Whether a version's features and dependencies agree, by cargo's rules: a version where they do
 * not is invisible to cargo, so it must not get as far as the index. Pure; any thread. */
#pragma once
#include "base/err.h"
#include "crate/dep.h"

/* Every name and value has passed crate/name.h. */
int feature_map_check(const struct crate_feature *features, size_t n_features,
    const struct crate_dep *deps, size_t n_deps, struct err *e) MUST_CHECK;
