/* Fields of what tailscaled says. One that is absent or null is empty, as Go's encoder leaves it
 * out or writes it; one of another type makes the whole answer unclear (ERR_INVALID). Pure. */
#pragma once
#include "base/arena.h"
#include "base/json.h"

#define SAID_MAX 1024 /* bytes of a text: no name, login or address is longer */

/* UTF-8 without control characters, line separators and bidirectional overrides, copied. */
int said_text(struct arena *a, const json_t *object, const char *key, struct str *ret,
    struct err *e) MUST_CHECK;
int said_bool(const json_t *object, const char *key, bool *ret, struct err *e) MUST_CHECK;
int said_int(const json_t *object, const char *key, int64_t *ret, struct err *e) MUST_CHECK;
/* *ret is NULL when it is absent. */
int said_object(
    const json_t *object, const char *key, const json_t **ret, struct err *e) MUST_CHECK;
int said_array(const json_t *object, const char *key, const json_t **ret, struct err *e) MUST_CHECK;
struct said_texts {
    struct str *items;
    size_t n;
};
int said_texts(struct arena *a, const json_t *object, const char *key, struct said_texts *ret,
    struct err *e) MUST_CHECK;
/* The object that text is. */
int said_root(struct str text, json_t **ret, struct err *e) MUST_CHECK;
/* A domain name without the dot at the end. */
struct str said_name(struct str name);
/* The one way to write that IP address; false when it is none. */
bool said_address(struct arena *a, struct str text, struct str *ret);
/* Tags, sorted, each once. */
int said_tags(
    struct arena *a, const json_t *object, struct said_texts *ret, struct err *e) MUST_CHECK;
