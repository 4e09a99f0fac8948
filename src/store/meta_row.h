/* Shared by the files of store/meta.h. */
#pragma once
#include "store/meta.h"

/* A column kept beyond its row. */
static inline struct str keep(struct arena *a, struct str s)
{
    return s.p ? arena_str(a, s) : STR_NONE;
}

#define CRATE_COLUMNS                                                                              \
    "id, name, canonical, description, created, updated, downloads, max_version FROM crate"
struct crate_row meta_read_crate(struct db_stmt *s); /* of CRATE_COLUMNS; borrowed from the row */
