/* The platform of a dependency: a target triple or cfg(…), as crate cargo-platform reads it. An
 * index entry with one that cargo cannot read is no entry to cargo. Pure; any thread. */
#pragma once
#include "base/err.h"
#include "base/str.h"

#define CFG_DEPTH_MAX 64
#define CFG_SIZE_MAX 4096

int cfg_target_check(struct str target, struct err *e) MUST_CHECK;
