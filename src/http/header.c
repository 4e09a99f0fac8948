#include "http/header.h"

#include "base/attr.h"

#include <strings.h>

/* By length, so that a name is compared with three others at most: this runs for every field of
 * every request. A test walks header.def to see that each name is here. */
#define ENTRY(id, text)                                                                            \
    {                                                                                              \
        text, sizeof(text) - 1, HEADER_##id                                                        \
    }
static const struct {
    char text[25];
    uint8_t n;
    uint8_t id;
} by_length[] = {
    ENTRY(TE, "te"),
    ENTRY(HOST, "host"),
    ENTRY(RANGE, "range"),
    ENTRY(ACCEPT, "accept"),
    ENTRY(EXPECT, "expect"),
    ENTRY(ORIGIN, "origin"),
    ENTRY(UPGRADE, "upgrade"),
    ENTRY(IF_RANGE, "if-range"),
    ENTRY(CONNECTION, "connection"),
    ENTRY(USER_AGENT, "user-agent"),
    ENTRY(CONTENT_TYPE, "content-type"),
    ENTRY(AUTHORIZATION, "authorization"),
    ENTRY(IF_NONE_MATCH, "if-none-match"),
    ENTRY(CONTENT_LENGTH, "content-length"),
    ENTRY(HTTP2_SETTINGS, "http2-settings"),
    ENTRY(SEC_FETCH_SITE, "sec-fetch-site"),
    ENTRY(ACCEPT_ENCODING, "accept-encoding"),
    ENTRY(IF_MODIFIED_SINCE, "if-modified-since"),
    ENTRY(TRANSFER_ENCODING, "transfer-encoding"),
    ENTRY(TAILSCALE_FUNNEL_REQUEST, "tailscale-funnel-request"),
};
_Static_assert(ARRAY_LEN(by_length) == HTTP_HEADERS, "one entry for each of header.def");

#define LENGTH_MAX 24
/* Where the names of a length begin; those of the next length end them. */
static const uint8_t begin[LENGTH_MAX + 2] = { 0, 0, 0, 1, 1, 2, 3, 6, 7, 8, 8, 10, 10, 11, 13, 16,
    17, 17, 19, 19, 19, 19, 19, 19, 19, 20 };

bool http_header_find(struct str name, enum http_header *ret)
{
    if (name.n > LENGTH_MAX)
        return false;
    for (unsigned i = begin[name.n]; i < begin[name.n + 1]; i++) {
        if ((name.p[0] | 0x20) == by_length[i].text[0] &&
            strncasecmp(name.p, by_length[i].text, name.n) == 0) {
            *ret = (enum http_header)by_length[i].id;
            return true;
        }
    }
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
