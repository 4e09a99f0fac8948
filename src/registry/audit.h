/* The event log as people read it. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

/* One event (its stored JSON) as a line for a terminal: time, who, from which node, what, crate and
 * version, by which grant. Texts from outside are quoted. */
int audit_line(struct str body, struct buf *out, struct err *e) MUST_CHECK;
/* The same event as a log line "event" (log.h). */
void audit_log(struct str body);
