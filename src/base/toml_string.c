/* Keys and strings. A string is read twice: once to find its closing quote, so that the copy can be
 * allocated at the most it may need (no escape is shorter than what it stands for), once to decode.
 * toml.c has made sure that the text is UTF-8 without control characters other than tab, LF and a
 * CR before LF. */
#include "base/toml_private.h"

#include <string.h>

#define SHOWN_MAX 60

struct str toml_shown(struct toml_parser *p, struct str key)
{
    struct str clipped = utf8_clip(key, SHOWN_MAX);
    char *copy = arena_alloc(p->a, clipped.n + 3);
    size_t n = 0;
    for (; n < clipped.n; n++) {
        char c = clipped.p[n];
        if ((unsigned char)c < 0x20 || c == 0x7f)
            c = '?';
        copy[n] = c;
    }
    for (size_t i = 0; clipped.n < key.n && i < 3; i++)
        copy[n++] = '.';
    return (struct str){ copy, n };
}

static size_t put_utf8(char *out, uint32_t cp)
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

/* \uXXXX and \UXXXXXXXX, at the first hex digit; NUL and noncharacters are allowed, surrogates
 * are not (TOML 1.0, "String": Unicode scalar values). */
static int parse_unicode(struct toml_parser *p, int digits, uint32_t *ret_cp)
{
    uint32_t cp = 0;
    for (int i = 0; i < digits; i++) {
        int c = toml_peek(p);
        if (c < 0 || !ascii_is_xdigit((char)c))
            return toml_fail(
                p, p->line, "a \\%c escape needs %d hex digits", digits == 4 ? 'u' : 'U', digits);
        uint32_t digit = (uint32_t)(c <= '9' ? c - '0' : ascii_lower((char)c) - 'a' + 10);
        cp = cp << 4 | digit;
        p->at++;
    }
    if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
        return toml_fail(p, p->line, "U+%04X is not a Unicode scalar value", (unsigned)cp);
    *ret_cp = cp;
    return 0;
}

/* Behind the backslash of an escape other than a line's end. */
static int parse_escape(struct toml_parser *p, uint32_t *ret_cp)
{
    static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
    int c = toml_peek(p);
    if (c == 'u' || c == 'U') {
        p->at++;
        return parse_unicode(p, c == 'u' ? 4 : 8, ret_cp);
    }
    const char *known = c > 0 ? strchr(from, c) : NULL;
    if (!known)
        return toml_fail(p, p->line,
            "an unknown escape in a string; write \\\\ for a backslash, or use single quotes");
    p->at++;
    *ret_cp = (unsigned char)to[known - from];
    return 0;
}

/* Behind the backslash: when only blanks stand before the line's end, skips them and all white
 * space of the lines that follow. */
static bool skip_line_end(struct toml_parser *p)
{
    size_t at = p->at;
    while (at < p->in.n && (p->in.p[at] == ' ' || p->in.p[at] == '\t'))
        at++;
    if (at == p->in.n || (p->in.p[at] != '\n' && p->in.p[at] != '\r'))
        return false;
    for (; at < p->in.n && strchr(" \t\r\n", p->in.p[at]) && p->in.p[at]; at++)
        p->line += p->in.p[at] == '\n';
    p->at = at;
    return true;
}

/* Decodes from p->at up to end, which lies on the closing quotes. */
static int decode(struct toml_parser *p, size_t end, bool escapes, bool multi, struct str *ret)
{
    char *out = toml_alloc(p, end - p->at + 1);
    if (!out)
        return -1;
    size_t n = 0;
    while (p->at < end) {
        char c = p->in.p[p->at++];
        if (c != '\\' || !escapes) {
            p->line += c == '\n';
            out[n++] = c;
            continue;
        }
        if (multi && skip_line_end(p))
            continue;
        uint32_t cp = 0;
        if (parse_escape(p, &cp) < 0)
            return -1;
        n += put_utf8(out + n, cp);
    }
    *ret = (struct str){ out, n };
    return 0;
}

static int parse_multi(struct toml_parser *p, char quote, struct str *ret)
{
    int line = p->line;
    p->at += 3;
    if (toml_peek(p) == '\r') /* an LF follows */
        p->at++;
    if (toml_peek(p) == '\n') {
        p->at++;
        p->line++;
    }
    for (size_t i = p->at; i < p->in.n; i++) {
        if (p->in.p[i] == '\\' && quote == '"') {
            i++;
            continue;
        }
        if (p->in.p[i] != quote)
            continue;
        size_t run = 1; /* one or two quotes may stand right before the closing three */
        while (run < 5 && i + run < p->in.n && p->in.p[i + run] == quote)
            run++;
        if (run < 3) {
            i += run - 1;
            continue;
        }
        if (decode(p, i + run - 3, quote == '"', true, ret) < 0)
            return -1;
        p->at = i + run;
        return 0;
    }
    return toml_fail(p, line, "this string is never closed with %c%c%c", quote, quote, quote);
}

static int parse_single(struct toml_parser *p, char quote, struct str *ret)
{
    p->at++;
    for (size_t i = p->at; i < p->in.n && p->in.p[i] != '\n' && p->in.p[i] != '\r'; i++) {
        if (p->in.p[i] == '\\' && quote == '"') {
            if (i + 1 < p->in.n && p->in.p[i + 1] != '\n' && p->in.p[i + 1] != '\r')
                i++;
            continue;
        }
        if (p->in.p[i] != quote)
            continue;
        if (decode(p, i, quote == '"', false, ret) < 0)
            return -1;
        p->at = i + 1;
        return 0;
    }
    return toml_fail(p, p->line, "a string is not closed with %c on its line", quote);
}

int toml_parse_string(struct toml_parser *p, struct str *ret)
{
    if (toml_sees(p, STR("\"\"\"")) || toml_sees(p, STR("'''")))
        return parse_multi(p, p->in.p[p->at], ret);
    return parse_single(p, p->in.p[p->at], ret);
}

static bool is_bare(char c)
{
    return ascii_is_alnum(c) || c == '_' || c == '-';
}

static int parse_segment(struct toml_parser *p, struct str *ret)
{
    int c = toml_peek(p);
    if (toml_sees(p, STR("\"\"\"")) || toml_sees(p, STR("'''")))
        return toml_fail(p, p->line, "a key cannot be a multi-line string");
    if (c == '"' || c == '\'')
        return parse_single(p, (char)c, ret);
    size_t from = p->at;
    while (p->at < p->in.n && is_bare(p->in.p[p->at]))
        p->at++;
    if (p->at == from)
        return toml_fail(
            p, p->line, "a key is expected here; keys of other than A-Z a-z 0-9 _ - need quotes");
    *ret = str_from_to(p->in, from, p->at);
    return 0;
}

int toml_parse_path(struct toml_parser *p, struct toml_path *ret)
{
    ret->n = 0;
    ret->line = p->line;
    for (;;) {
        if (ret->n == TOML_DEPTH_MAX)
            return toml_fail(p, p->line, "nested more than %d levels deep", TOML_DEPTH_MAX);
        toml_skip_ws(p);
        if (parse_segment(p, &ret->seg[ret->n]) < 0)
            return -1;
        ret->n++;
        toml_skip_ws(p);
        if (toml_peek(p) != '.')
            return 0;
        p->at++;
    }
}
