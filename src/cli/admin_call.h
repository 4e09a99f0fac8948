/* Administration from the command line: over the admin socket of a running server, else on the
 * folder itself. Blocking. */
#pragma once
#include "base/json_write.h"
#include "cli/cli.h"

#include <jansson.h>

/* request: one JSON object (registry/admin.h). *ret_result is the caller's. */
int admin_call(struct cli *c, struct str request, json_t **ret_result, struct err *e) MUST_CHECK;
