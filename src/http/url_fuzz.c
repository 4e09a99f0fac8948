/* A path that was accepted is in normal form, so reading it again, escaped, gives the same path. */
#include "http/url.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str escape(struct arena *a, struct str path)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = arena_alloc(a, 3 * path.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];
        if (ascii_is_alnum((char)c) || c == '/') {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = hex[c >> 4];
        out[n++] = hex[c & 15];
    }
    return (struct str){ out, n };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ARENA struct arena *a = arena_new();
    struct str in = { (const char *)data, size }, authority, path, query, again, value;
    struct err e = ERR_INIT;
    if (url_parse_target(a, in, &authority, &path, &query, &e) == 0) {
        assert(path.n > 0 && path.p[0] == '/' && utf8_valid(path));
        assert(str_find_str(path, STR("//")) == STR_NPOS);
        assert(str_find_str(path, STR("/../")) == STR_NPOS && !str_ends(path, STR("/..")));
        struct str a2, q2;
        assert(url_parse_target(a, escape(a, path), &a2, &again, &q2, &e) == 0);
        assert(str_eq(path, again) && !a2.p && !q2.p);
        if (query.p)
            (void)!url_query_get(a, query, STR("q"), &value, &e);
    }
    if (url_check_authority(a, in, &authority, &e) == 0)
        assert(url_check_authority(a, authority, &value, &e) == 0 && str_eq(authority, value));
    return 0;
}
