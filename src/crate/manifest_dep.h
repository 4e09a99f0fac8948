/* The dependency tables of a manifest. Part of crate/manifest.c. */
#pragma once
#include "crate/manifest.h"
#include "crate/toml_field.h"

/* All of them, [target.…] included, in the order of the file within each kind. */
int manifest_read_deps(const struct toml_from *root, struct manifest *m, struct err *e) MUST_CHECK;
