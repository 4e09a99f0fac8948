/* HuJSON, JSON with comments and trailing commas, as people write tailnet policies, made JSON:
 * what JSON does not know becomes blanks (a line's end stays one), so that line and column in a
 * complaint of json_read are true. Pure; any thread. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

/* Appends as many bytes as text has. Fails only for what is no UTF-8, for a comment without an end
 * and when out is full; whether the rest is JSON, json_read says. JSON comes out as it went in. */
int hujson_to_json(struct str text, struct buf *out, struct err *e) MUST_CHECK;
