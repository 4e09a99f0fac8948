/* One pass that knows strings and comments, and one byte of memory for commas: a comma is trailing
 * when a value stands before it and a closing bracket follows it, with nothing but blanks and
 * comments between. So [,] and {"a":,} stay as wrong as they are. */
#include "base/hujson.h"

struct scan {
    struct str in;
    char *out;
    size_t at;
    char last;    /* last byte that is neither blank nor comment */
    size_t comma; /* place of a comma that may prove to be trailing; STR_NPOS */
};

static int line_of(const struct scan *s)
{
    int line = 1;
    for (size_t i = 0; i < s->at; i++)
        line += s->in.p[i] == '\n';
    return line;
}

static void blank(struct scan *s)
{
    char c = s->in.p[s->at];
    s->out[s->at++] = c == '\n' || c == '\r' ? c : ' ';
}

static bool at(const struct scan *s, const char *two)
{
    return s->at + 1 < s->in.n && s->in.p[s->at] == two[0] && s->in.p[s->at + 1] == two[1];
}

static int pass_comment(struct scan *s, struct err *e)
{
    if (at(s, "//")) {
        while (s->at < s->in.n && s->in.p[s->at] != '\n')
            blank(s);
        return 0;
    }
    int line = line_of(s);
    size_t n = str_find_str(str_skip(s->in, s->at + 2), STR("*/"));
    if (n == STR_NPOS)
        return err_set(e, ERR_INVALID, "the comment that begins in line %d has no end", line);
    for (size_t end = s->at + 2 + n + 2; s->at < end;)
        blank(s);
    return 0;
}

static void pass_string(struct scan *s)
{
    do {
        if (s->in.p[s->at] == '\\' && s->at + 1 < s->in.n) {
            s->out[s->at] = s->in.p[s->at];
            s->at++;
        }
        s->out[s->at] = s->in.p[s->at];
        s->at++;
    } while (s->at < s->in.n && s->in.p[s->at] != '"');
    if (s->at < s->in.n) {
        s->out[s->at] = '"';
        s->at++;
    }
    s->last = '"';
    s->comma = STR_NPOS;
}

static void pass_byte(struct scan *s)
{
    char c = s->in.p[s->at];
    s->out[s->at] = c;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        s->at++;
        return;
    }
    if ((c == ']' || c == '}') && s->comma != STR_NPOS)
        s->out[s->comma] = ' ';
    bool behind_value = s->last != '\0' && !str_has(STR("[{,:"), s->last);
    s->comma = c == ',' && behind_value ? s->at : STR_NPOS;
    s->last = c;
    s->at++;
}

int hujson_to_json(struct str text, struct buf *out, struct err *e)
{
    struct scan s = { .in = text, .comma = STR_NPOS };
    if (!utf8_valid(text))
        return err_set(e, ERR_INVALID, "the text is not UTF-8");
    s.out = buf_room(out, text.n);
    if (text.n > 0 && !s.out)
        return err_set(e, ERR_TOO_LARGE, "the text is larger than %zu bytes", out->max);
    while (s.at < text.n) {
        if (at(&s, "//") || at(&s, "/*")) {
            if (pass_comment(&s, e) < 0)
                return -1;
        } else if (text.p[s.at] == '"') {
            pass_string(&s);
        } else {
            pass_byte(&s);
        }
    }
    buf_grew(out, text.n);
    return 0;
}
