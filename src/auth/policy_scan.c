#include "auth/policy_scan.h"

#include "base/num.h"

/* The place behind a string that begins at i. */
static size_t string_end(struct str json, size_t i)
{
    for (i++; i < json.n && json.p[i] != '"'; i++) {
        if (json.p[i] == '\\')
            i++;
    }
    return i + 1;
}

void policy_lines(struct str json, struct str key, int *ret, size_t n)
{
    struct str name = STR_NONE; /* the last string in the root's object: the key at hand */
    size_t depth = 0, found = 0, end;
    bool here = false;
    int line = 1;
    for (size_t i = 0; i < json.n; i++) {
        switch (json.p[i]) {
        case '\n':
            line++;
            break;
        case '"':
            end = string_end(json, i);
            if (depth == 1)
                name = str_from_to(json, i + 1, end - 1);
            i = end - 1;
            break;
        case '[':
        case '{':
            if (depth == 2 && here && found < n)
                ret[found++] = line;
            if (depth == 1)
                here = json.p[i] == '[' && str_eq(name, key);
            depth++;
            break;
        case ']':
        case '}':
            if (depth > 0)
                depth--;
            break;
        default:
            break;
        }
    }
}

/* ---- ports ---- */

static bool range_covers(struct str range, uint16_t port)
{
    uint32_t first, last;
    if (str_eq(range, STR("*")))
        return true;
    struct str end = range, begin = str_cut(&end, '-');
    if (!num_parse_u32(begin, &first))
        return false;
    if (!end.p)
        return port == first;
    return num_parse_u32(end, &last) && first <= port && port <= last;
}

bool policy_ports_cover(struct str ports, uint16_t port)
{
    while (ports.p) {
        if (range_covers(str_trim_ws(str_cut(&ports, ',')), port))
            return true;
    }
    return false;
}

bool policy_is_tcp(struct str proto)
{
    return str_eq(proto, STR("tcp")) || str_eq(proto, STR("6")) || str_eq(proto, STR("*"));
}

bool policy_ip_covers(struct str ip, uint16_t port)
{
    if (str_has(ip, ':') && !policy_is_tcp(str_cut(&ip, ':')))
        return false;
    return policy_ports_cover(ip, port);
}
