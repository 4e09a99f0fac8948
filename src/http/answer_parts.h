/* The inside of a finished answer, for the connections that send it. */
#pragma once
#include "http/answer.h"

#include <nghttp2/nghttp2.h>

/* Room a sender needs behind the fields of `nv`: date and what a file's answer adds. */
#define ANSWER_NV_EXTRA 4

struct answer_form {
    struct str h1;  /* status line and fields, each with CR LF, without Date and the empty line */
    nghttp2_nv *nv; /* :status first; ANSWER_NV_EXTRA unused places behind, scratch of the sender */
    size_t n_nv;
};

struct answer {
    unsigned refs;
    unsigned status;
    bool has_file;
    struct str body, etag;
    struct answer_form full;
    struct answer_form not_modified; /* of answers with an ETag */
    nghttp2_nv *nv_block;            /* both nv */
    char *text;                      /* one block: everything the strings above point to */
};

const char *answer_reason(unsigned status);
#define ANSWER_NV(name_, value_, flags_)                                                           \
    ((nghttp2_nv){ (uint8_t *)(uintptr_t)(name_).p, (uint8_t *)(uintptr_t)(value_).p, (name_).n,   \
        (value_).n,                                                                                \
        (uint8_t)(NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE | (flags_)) })
