/* Request targets and query strings. Pure; any thread. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

/* origin-form, or absolute-form "http://authority/path" (RFC 9112 3.2.2; then *ret_authority is
 * set, else p NULL). Decodes and normalises as struct request's path says: %2F, %5C, %00, control
 * bytes, overlong or bad UTF-8, "." and ".." segments and backslashes are refused; '+' stays '+'
 * (cargo sends "+build" raw). Double slashes become one. A path that needs no change is not copied.
 */
int url_parse_target(struct arena *a, struct str target, struct str *ret_authority,
    struct str *ret_path, struct str *ret_query, struct err *e) MUST_CHECK;
/* Value of the first `key` in a query, decoded ('+' is a space); 1 found, 0 absent, -1 malformed.
 */
int url_query_get(struct arena *a, struct str query, struct str key, struct str *ret_value,
    struct err *e) MUST_CHECK;
/* "host", "host:port", "[v6]:port", lower-cased; refuses user info, blanks, commas, '/'. */
int url_check_authority(
    struct arena *a, struct str authority, struct str *ret_lower, struct err *e) MUST_CHECK;
