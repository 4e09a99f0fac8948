/* rebuild-index: recomputes each stored index line from the version's other columns. Command line
 * alone, no server running. */
#pragma once
#include "store/db.h"

struct rebuild_result {
    uint64_t n_crates, n_versions, n_different;
};
typedef void (*rebuild_report_fn)(void *ctx, struct str crate, struct str version);

/* Calls report for each version whose line (or crate whose file; version p NULL) differs. fix:
 * stores what was computed, in one transaction. */
int rebuild_index(struct db *d, bool fix, rebuild_report_fn report, void *ctx,
    struct rebuild_result *ret, struct err *e) MUST_CHECK;
