/* A name begins only behind two braces and ends at the first byte that cannot be in it, so that no
 * byte is looked at more than a few times: "{{{{{{…" costs no more than its length. */
#include "supervisor/template.h"

#define NAME_SHOWN 80

static size_t skip_blanks(struct str s, size_t at)
{
    while (at < s.n && s.p[at] == ' ')
        at++;
    return at;
}

static bool is_name(char c)
{
    return ascii_is_alnum(c) || c == '_';
}

size_t template_at(struct str s, struct str *ret_name)
{
    if (!str_starts(s, STR("{{")))
        return 0;
    size_t from = skip_blanks(s, 2), to = from;
    while (to < s.n && is_name(s.p[to]))
        to++;
    size_t end = skip_blanks(s, to);
    if (to == from || !str_starts(str_skip(s, end), STR("}}")))
        return 0;
    *ret_name = str_from_to(s, from, to);
    return end + 2;
}

/* The text up to the next template or the end. */
static size_t plain_length(struct str s)
{
    struct str name;
    size_t n = 0;
    while (n < s.n && template_at(str_skip(s, n), &name) == 0)
        n++;
    return n;
}

int template_expand(struct str s, const char *(*get)(void *ctx, struct str name), void *ctx,
    struct buf *out, struct err *e)
{
    while (s.n > 0) {
        struct str name = STR_NONE;
        size_t plain = plain_length(s);
        buf_add(out, str_from_to(s, 0, plain));
        s = str_skip(s, plain);
        size_t n = template_at(s, &name);
        if (n == 0)
            break;
        const char *value = get(ctx, name);
        if (!value)
            return err_set(e, ERR_INVALID,
                "unknown variable \"%" STR_FMT "\": set it in the environment or in [env]",
                STR_ARG(utf8_clip(name, NAME_SHOWN)));
        buf_add(out, str_from(value));
        s = str_skip(s, n);
    }
    if (!buf_ok(out))
        return err_set(e, ERR_TOO_LARGE, "the expanded text is longer than %zu bytes", out->max);
    return 0;
}

void template_split(struct str s, void (*word)(void *ctx, struct str word), void *ctx)
{
    size_t from = 0, at = 0;
    struct str name;
    while (at < s.n) {
        size_t n = template_at(str_skip(s, at), &name);
        if (n == 0 && s.p[at] == ' ') {
            word(ctx, str_from_to(s, from, at));
            from = at + 1;
        }
        at += n ? n : 1;
    }
    word(ctx, str_from_to(s, from, s.n));
}
