#include "tailnet/said.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static int unclear(struct err *e, const char *key, const char *what)
{
    return err_set(e, ERR_INVALID, "tailscaled's answer is not clear: %s %s", key, what);
}

int said_root(struct str text, json_t **ret, struct err *e)
{
    if (json_read(text, ret, e) < 0) {
        struct err why = *e;
        return err_set(e, ERR_INVALID, "tailscaled's answer is not clear: %s", why.text);
    }
    if (!json_is_object(*ret)) {
        json_decref(TAKE(*ret));
        return unclear(e, "it", "is no object");
    }
    return 0;
}

/* The value of key if it is there and not null. */
static const json_t *present(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_null(v) ? NULL : v;
}

static bool is_plain(struct str s)
{
    uint32_t cp;
    for (size_t n; s.n > 0; s = str_skip(s, n)) {
        n = utf8_next(s, &cp);
        if (n == 0 || cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp >= 0x2028 && cp <= 0x202e) ||
            (cp >= 0x2066 && cp <= 0x2069))
            return false;
    }
    return true;
}

static int take_text(
    struct arena *a, const json_t *v, const char *key, struct str *ret, struct err *e)
{
    if (!json_is_string(v))
        return unclear(e, key, "is no text");
    struct str s = json_str(v);
    if (s.n > SAID_MAX)
        return unclear(e, key, "is too long");
    if (!is_plain(s))
        return unclear(e, key, "has a control character");
    *ret = arena_str(a, s);
    return 0;
}

int said_text(
    struct arena *a, const json_t *object, const char *key, struct str *ret, struct err *e)
{
    const json_t *v = present(object, key);
    *ret = STR("");
    return v ? take_text(a, v, key, ret, e) : 0;
}

int said_bool(const json_t *object, const char *key, bool *ret, struct err *e)
{
    const json_t *v = present(object, key);
    if (v && !json_is_boolean(v))
        return unclear(e, key, "is neither true nor false");
    *ret = json_is_true(v);
    return 0;
}

int said_int(const json_t *object, const char *key, int64_t *ret, struct err *e)
{
    const json_t *v = present(object, key);
    if (v && !json_is_integer(v))
        return unclear(e, key, "is no whole number");
    *ret = v ? json_integer_value(v) : 0;
    return 0;
}

int said_object(const json_t *object, const char *key, const json_t **ret, struct err *e)
{
    *ret = present(object, key);
    return *ret && !json_is_object(*ret) ? unclear(e, key, "is no object") : 0;
}

int said_array(const json_t *object, const char *key, const json_t **ret, struct err *e)
{
    *ret = present(object, key);
    return *ret && !json_is_array(*ret) ? unclear(e, key, "is no list") : 0;
}

int said_texts(
    struct arena *a, const json_t *object, const char *key, struct said_texts *ret, struct err *e)
{
    const json_t *list;
    if (said_array(object, key, &list, e) < 0)
        return -1;
    size_t n = json_array_size(list);
    *ret = (struct said_texts){ arena_array(a, n + 1, sizeof(struct str)), n };
    for (size_t i = 0; i < n; i++) {
        if (take_text(a, json_array_get(list, i), key, &ret->items[i], e) < 0)
            return -1;
    }
    return 0;
}

struct str said_name(struct str name)
{
    return str_ends(name, STR(".")) ? str_from_to(name, 0, name.n - 1) : name;
}

bool said_address(struct arena *a, struct str text, struct str *ret)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    char in[INET6_ADDRSTRLEN + 1], out[INET6_ADDRSTRLEN];
    int family = str_has(text, ':') ? AF_INET6 : AF_INET;
    if (text.n == 0 || text.n >= sizeof(in) || str_has(text, '\0'))
        return false;
    memcpy(in, text.p, text.n);
    in[text.n] = '\0';
    if (inet_pton(family, in, bytes) != 1 || !inet_ntop(family, bytes, out, sizeof(out)))
        return false;
    *ret = arena_str(a, str_from(out));
    return true;
}

static int by_bytes(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

/* Blanks and commas stand between tags elsewhere. */
static bool is_tag(struct str s)
{
    return str_starts(s, STR("tag:")) && s.n > 4 && !str_has(s, ' ') && !str_has(s, ',');
}

int said_tags(struct arena *a, const json_t *object, struct said_texts *ret, struct err *e)
{
    size_t n = 0;
    if (said_texts(a, object, "Tags", ret, e) < 0)
        return -1;
    qsort(ret->items, ret->n, sizeof(struct str), by_bytes);
    for (size_t i = 0; i < ret->n; i++) {
        if (!is_tag(ret->items[i]))
            return unclear(e, "Tags", "has an entry that is no tag");
        if (n == 0 || !str_eq(ret->items[i], ret->items[n - 1]))
            ret->items[n++] = ret->items[i];
    }
    ret->n = n;
    return 0;
}
