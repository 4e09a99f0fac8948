/* The checks shared by a manifest and by publish metadata on fields that readers will see. */
#pragma once
#include "base/err.h"
#include "base/str.h"

#define URL_FIELD_MAX 2048

/* homepage, documentation, repository: empty (or p NULL), or http(s) without blanks and control
 * characters, so that a page may link to it. */
int url_field_check(struct str url, struct err *e) MUST_CHECK;
/* crates.io's rule: at most 20 bytes, first a letter or digit, then also '_', '-' and '+'. */
int keyword_check(struct str keyword, struct err *e) MUST_CHECK;
