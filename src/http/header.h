/* Names of methods and of the headers in header.def. Pure; any thread. */
#pragma once
#include "http/request.h"

/* What a second field of one name means. */
enum header_rule {
    HEADER_SINGLE, /* the request is refused */
    HEADER_LIST,   /* values are joined with ", " */
    HEADER_FIRST,  /* the first one counts */
};

bool http_header_find(struct str name, enum http_header *ret); /* in any case */
enum header_rule http_header_rule(enum http_header h);
bool http_method_find(struct str name, enum http_method *ret); /* methods are case-sensitive */
