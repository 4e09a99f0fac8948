#include "http/header.h"

#include "base/attr.h"

#include <strings.h>

bool http_header_find(struct str name, enum http_header *ret)
{
    if (name.n == 0)
        return false;
    const char first = (char)(name.p[0] | 0x20);
#define HEADER(id, text)                                                                           \
    if (name.n == sizeof(text) - 1 && first == (text)[0] &&                                        \
        strncasecmp(name.p, (text), sizeof(text) - 1) == 0) {                                      \
        *ret = HEADER_##id;                                                                        \
        return true;                                                                               \
    }
#include "http/header.def"
#undef HEADER
    return false;
}

enum header_rule http_header_rule(enum http_header h)
{
    switch (h) {
    case HEADER_ACCEPT:
    case HEADER_ACCEPT_ENCODING:
    case HEADER_CONNECTION:
    case HEADER_EXPECT:
    case HEADER_IF_NONE_MATCH:
    case HEADER_TE:
    case HEADER_UPGRADE:
        return HEADER_LIST;
    case HEADER_USER_AGENT:
    case HEADER_HTTP2_SETTINGS: /* a second one voids the offer, not the request (RFC 7540 3.2.1) */
        return HEADER_FIRST;
    default:
        return HEADER_SINGLE;
    }
}

static const char *const method_names[HTTP_METHODS] = {
    [HTTP_GET] = "GET",
    [HTTP_HEAD] = "HEAD",
    [HTTP_PUT] = "PUT",
    [HTTP_POST] = "POST",
    [HTTP_DELETE] = "DELETE",
    [HTTP_PATCH] = "PATCH",
    [HTTP_OPTIONS] = "OPTIONS",
};

bool http_method_find(struct str name, enum http_method *ret)
{
    for (unsigned i = 0; i < HTTP_METHODS; i++) {
        if (str_eq(name, str_from(method_names[i]))) {
            *ret = (enum http_method)i;
            return true;
        }
    }
    return false;
}

const char *http_method_name(enum http_method m)
{
    return method_names[m];
}

const char *http_version_name(enum http_version v)
{
    static const char *const names[] = { "1.0", "1.1", "2" };
    return names[v];
}
