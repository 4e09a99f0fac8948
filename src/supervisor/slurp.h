/* A whole small file that an administrator names: a user database, a secret. Links are followed, as
 * Docker's and Kubernetes' secrets are links. Only plain files: a pipe or a terminal could block
 * for ever. Memory is bounded by `out`, whatever the file's size. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

/* Appends to out; *ret_more tells that the file goes on beyond out's ceiling (out is then full, not
 * marked as over). On error the text is errno's words or "it is not a plain file". */
int slurp_file(const char *path, struct buf *out, bool *ret_more, struct err *e) MUST_CHECK;
