/* The part of a publish that reads and judges: metadata, archive, manifest, the database as it is.
 * Blocking; worker thread. Changes nothing. */
#pragma once
#include "registry/draft.h"
#include "registry/registry.h"
#include "registry/spool.h"

/* Parses the metadata and refuses what needs no archive: a version that exists (ERR_CONFLICT), a
 * name that clashes with another spelling, a new name that is reserved. *ret_is_new: the crate did
 * not exist. */
int publish_check_meta(struct registry *r, struct arena *a, struct str json,
    struct publish_meta *ret_meta, bool *ret_is_new, struct err *e) MUST_CHECK;
/* Walks the archive and drafts the version. */
int publish_check_archive(struct registry *r, struct arena *a, struct spool *s,
    const struct publish_meta *meta, const uint8_t sum[SHA256_LEN], struct draft *ret_draft,
    struct err *e) MUST_CHECK;

/* The words release tools look for ("is already uploaded"). Returns -1. */
int publish_refuse_existing(struct str name, struct str num, struct err *e);
int publish_refuse_spelling(struct str name, struct str stored, struct err *e);
