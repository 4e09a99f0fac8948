/* HOST[:PORT] as it stands in URLs: a name, an IPv4 address or an IPv6 address in brackets.
 * Pure; any thread. */
#pragma once
#include "base/str.h"

enum authority_kind { AUTHORITY_NAME, AUTHORITY_IPV4, AUTHORITY_IPV6 };

struct authority {
    enum authority_kind kind;
    struct str host; /* borrowed, without brackets */
    bool has_port;
    uint16_t port;
};

/* False: *ret_wrong says what is wrong, to stand behind the text's name ("has no host"). */
bool authority_parse(struct str s, struct authority *ret, const char **ret_wrong);
bool authority_is_loopback(const struct authority *au); /* 127.0.0.0/8, ::1, localhost */
bool authority_is_any(const struct authority *au);      /* 0.0.0.0, [::], [::ffff:0.0.0.0] */
