/* How commands print what they got from administration. */
#pragma once
#include "base/buf.h"

#include <jansson.h>

void print_json(const json_t *j); /* indented, on standard output */
/* A string member of ours (names, versions, times); "-" when there is none. */
const char *print_text(const json_t *row, const char *key);
/* A text that a publisher chose, as one line that cannot steer the terminal; appended. */
void print_clean(struct buf *out, struct str text);
/* The same for a string member, followed by a line's end, on standard output. */
void print_line(const json_t *row, const char *key);
