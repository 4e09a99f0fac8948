/* Every function takes a slice with p NULL and n 0: memcmp and its kin may not be given NULL, and
 * adding even 0 to NULL is undefined, so the helpers here guard both. */
#include "base/str.h"

#include <string.h>

struct str str_from(const char *cstr)
{
    return cstr ? (struct str){ cstr, strlen(cstr) } : STR_NONE;
}

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    }
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c != 0)
        return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq(str_from_to(s, 0, prefix.n), prefix);
}

bool str_starts_nocase(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq_nocase(str_from_to(s, 0, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_skip(s, s.n - suffix.n), suffix);
}

bool str_has(struct str s, char c)
{
    return str_find(s, c) != STR_NPOS;
}

size_t str_find(struct str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : STR_NPOS;
}

size_t str_rfind(struct str s, char c)
{
    const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : STR_NPOS;
}

size_t str_find_str(struct str s, struct str needle)
{
    if (needle.n == 0)
        return 0;
    const char *at = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return at ? (size_t)(at - s.p) : STR_NPOS;
}

struct str str_from_to(struct str s, size_t from, size_t to)
{
    if (to > s.n)
        to = s.n;
    if (from > to)
        from = to;
    return s.p ? (struct str){ s.p + from, to - from } : STR_NONE;
}

struct str str_skip(struct str s, size_t n)
{
    return str_from_to(s, n, s.n);
}

struct str str_trim(struct str s, struct str set)
{
    size_t from = 0, to = s.n;
    while (from < to && str_has(set, s.p[from]))
        from++;
    while (to > from && str_has(set, s.p[to - 1]))
        to--;
    return str_from_to(s, from, to);
}

struct str str_trim_ws(struct str s)
{
    return str_trim(s, STR(" \t\r\n"));
}

struct str str_cut(struct str *rest, char sep)
{
    struct str s = *rest;
    size_t at = str_find(s, sep);
    if (at == STR_NPOS) {
        *rest = STR_NONE;
        return s;
    }
    *rest = str_skip(s, at + 1);
    return str_from_to(s, 0, at);
}

static bool is_ws(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool str_next_word(struct str *rest, struct str *ret_word)
{
    struct str s = *rest;
    size_t from = 0;
    while (from < s.n && is_ws(s.p[from]))
        from++;
    size_t to = from;
    while (to < s.n && !is_ws(s.p[to]))
        to++;
    *rest = str_skip(s, to);
    if (from == to)
        return false;
    *ret_word = str_from_to(s, from, to);
    return true;
}

char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool ascii_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool ascii_is_alnum(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c);
}

bool ascii_is_xdigit(char c)
{
    return ascii_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool utf8_valid(struct str s)
{
    size_t i = 0;
    while (i < s.n) {
        if ((unsigned char)s.p[i] < 0x80) {
            i++;
            continue;
        }
        uint32_t cp;
        size_t n = utf8_next((struct str){ s.p + i, s.n - i }, &cp);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

/* The second byte alone tells overlong forms, surrogates and values past U+10FFFF apart
 * (RFC 3629 section 4); the bytes after it are plain continuations. */
size_t utf8_next(struct str s, uint32_t *ret_cp)
{
    if (s.n == 0)
        return 0;
    const unsigned char *p = (const unsigned char *)s.p;
    unsigned char lead = p[0];
    if (lead < 0x80) {
        *ret_cp = lead;
        return 1;
    }
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    size_t len = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (s.n < len || p[1] < low || p[1] > high)
        return 0;
    uint32_t cp = lead & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        cp = cp << 6 | (p[i] & 0x3Fu);
    }
    *ret_cp = cp;
    return len;
}

struct str utf8_clip(struct str s, size_t max)
{
    if (s.n <= max)
        return s;
    /* At most three continuation bytes belong to one code point; more is not UTF-8 anyway. */
    size_t to = max;
    while (to > 0 && max - to < 3 && ((unsigned char)s.p[to] & 0xC0) == 0x80)
        to--;
    if (((unsigned char)s.p[to] & 0xC0) == 0x80)
        to = max;
    return str_from_to(s, 0, to);
}
