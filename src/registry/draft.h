/* From what a publisher sent (metadata, archive's manifest) to what is stored: the version's
 * columns, its index line, and the warnings for the publisher's terminal. Pure; worker thread. */
#pragma once
#include "crate/entry.h"
#include "crate/manifest.h"
#include "crate/publish_body.h"
#include "crate/tarball.h"
#include "registry/own_url.h"
#include "store/meta.h"

#define DRAFT_WARNINGS_MAX 16

struct draft {
    struct version_row row; /* crate, id, published_by are left to the writer */
    struct str name;        /* as the publisher spells it */
    struct str canonical;
    struct str warnings[DRAFT_WARNINGS_MAX];
    size_t n_warnings;
};

struct draft_input {
    const struct publish_meta *meta;
    const struct manifest *manifest;
    const struct tarball_info *tar;
    uint8_t sum[SHA256_LEN];
    uint64_t size;
    int64_t now;
};

/* Name and version must agree (ERR_INVALID); for anything else the manifest wins, with a warning.
 */
int draft_make(struct arena *a, const struct own_urls *own, const struct draft_input *in,
    struct draft *ret, struct err *e) MUST_CHECK;

/* The index line of a stored version, from its other columns. name: the crate's. */
int draft_line(struct arena *a, struct str name, const struct version_row *row,
    struct str *ret_line, struct err *e) MUST_CHECK;
