/* A finished answer: everything an HTTP/1.1 or HTTP/2 connection sends, made once and sent many
 * times. Reference-counted, immutable after answer_new, loop thread only (a worker may make one
 * and hand it over). */
#pragma once
#include "base/buf.h"
#include "base/str.h"

struct answer;

struct answer_field {
    struct str name; /* lower case */
    struct str value;
};

struct answer_spec {
    unsigned status;
    struct str content_type;  /* p NULL: none */
    struct str cache_control; /* p NULL: none */
    struct str etag;          /* with its quotes; p NULL: none, and then never a 304 */
    struct str encoding;      /* "gzip", or p NULL */
    bool vary_encoding;       /* Vary: accept-encoding */
    bool has_file;            /* the body is a file given to request_reply_file; body is empty */
    struct str body;
    const struct answer_field
        *fields; /* more fields; CR, LF and NUL in a value are dropped */
    size_t n_fields;
};

struct answer *answer_new(const struct answer_spec *spec); /* copies; one reference; never NULL */
struct answer *answer_ref(struct answer *a);
bool answer_is_shared(const struct answer *a); /* there is another reference */
void answer_unref(struct answer *a);           /* NULL is fine */
void answer_unrefp(struct answer **a);
#define AUTO_ANSWER AUTO(answer_unrefp)

struct str answer_body(const struct answer *a);
struct str answer_etag(const struct answer *a);
