/* The platform of a dependency: a target triple or cfg(…), as crate cargo-platform reads it. An
 * index entry with one that cargo cannot read is no entry to cargo. Pure; any thread. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define CFG_DEPTH_MAX 64
#define CFG_SIZE_MAX 4096

int cfg_target_check(struct str target, struct err *e) MUST_CHECK;
/* As cargo prints it, and so the index: cfg(any(a, b = "c")). target has passed the check; the
 * result is at most three times as long. */
void cfg_target_format(struct buf *out, struct str target);
