/* {{NAME}} in the words of a command: two braces, blanks (U+0020 only), [A-Za-z0-9_]+, blanks, two
 * braces. Anything else is left as it is; a value is not looked through again. Pure; any thread. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

/* Length of the template at the start of s, 0 if there is none; *ret_name borrows from s. */
size_t template_at(struct str s, struct str *ret_name);
/* Appends s with its templates replaced by what `get` gives; NULL from it is an error with the text
 * unknown variable "NAME"…. out's ceiling bounds the result. */
int template_expand(struct str s, const char *(*get)(void *ctx, struct str name), void *ctx,
    struct buf *out, struct err *e) MUST_CHECK;
/* Splits a command string as Ground Control does: at each single blank U+0020 that is not inside a
 * template, so two blanks make an empty word. Calls word for each, in order. */
void template_split(struct str s, void (*word)(void *ctx, struct str word), void *ctx);
