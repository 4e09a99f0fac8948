/* expr := ("all" | "any") "(" [expr {"," expr} [","]] ")" | "not" "(" expr ")" | ident ["=" string]
 * Blanks are spaces alone; a string ends at the next quote and knows no escapes; r#ident is never
 * an operator. "true" and "false" are plain names to cargo before 1.88 and constants since, so a
 * value for one of them is refused. */
#include "crate/cfg.h"

#include <assert.h>

enum token { TOK_END, TOK_BAD, TOK_LEFT, TOK_RIGHT, TOK_COMMA, TOK_EQUALS, TOK_STRING, TOK_IDENT };

struct lexer {
    struct str rest;
    enum token token; /* the one to be read next */
    struct str text;  /* of an identifier, r# included, or of a string, quotes included */
    struct buf *out;  /* where the expression is printed; NULL when it is only checked */
};

static bool is_ident_start(char c)
{
    return c == '_' || ascii_is_alpha(c);
}

static enum token scan_ident(struct lexer *l)
{
    struct str whole = l->rest;
    size_t n = str_starts(whole, STR("r#")) ? 2 : 0;
    if (n == whole.n || !is_ident_start(whole.p[n]))
        return TOK_BAD;
    while (n < whole.n && (is_ident_start(whole.p[n]) || ascii_is_digit(whole.p[n])))
        n++;
    l->text = str_from_to(whole, 0, n);
    l->rest = str_skip(whole, n);
    return TOK_IDENT;
}

static enum token scan_string(struct lexer *l)
{
    size_t end = str_find(str_skip(l->rest, 1), '"');
    if (end == STR_NPOS)
        return TOK_BAD;
    l->text = str_from_to(l->rest, 0, end + 2);
    l->rest = str_skip(l->rest, end + 2);
    return TOK_STRING;
}

static void next(struct lexer *l)
{
    static const struct {
        char c;
        enum token token;
    } marks[] = { { '(', TOK_LEFT }, { ')', TOK_RIGHT }, { ',', TOK_COMMA }, { '=', TOK_EQUALS } };
    while (l->rest.n > 0 && l->rest.p[0] == ' ')
        l->rest = str_skip(l->rest, 1);
    if (l->rest.n == 0) {
        l->token = TOK_END;
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (l->rest.p[0] == marks[i].c) {
            l->rest = str_skip(l->rest, 1);
            l->token = marks[i].token;
            return;
        }
    }
    l->token = l->rest.p[0] == '"' ? scan_string(l) : scan_ident(l);
}

static bool eat(struct lexer *l, enum token token)
{
    if (l->token != token)
        return false;
    next(l);
    return true;
}

static void print(const struct lexer *l, struct str text)
{
    if (l->out)
        buf_add(l->out, text);
}

static const char *read_expr(struct lexer *l, unsigned depth);

static const char *read_list(struct lexer *l, unsigned depth)
{
    if (!eat(l, TOK_LEFT))
        return "`all` and `any` must be followed by `(`";
    print(l, STR("("));
    for (bool first = true; !eat(l, TOK_RIGHT); first = false) {
        if (!first)
            print(l, STR(", "));
        const char *wrong = read_expr(l, depth + 1);
        if (wrong)
            return wrong;
        if (eat(l, TOK_COMMA))
            continue;
        if (!eat(l, TOK_RIGHT))
            return "a `,` or `)` is missing";
        break;
    }
    print(l, STR(")"));
    return NULL;
}

static const char *read_not(struct lexer *l, unsigned depth)
{
    if (!eat(l, TOK_LEFT))
        return "`not` must be followed by `(`";
    print(l, STR("("));
    const char *wrong = read_expr(l, depth + 1);
    if (!wrong && !eat(l, TOK_RIGHT))
        wrong = "`not(` takes one condition and a `)`";
    print(l, STR(")"));
    return wrong;
}

/* NULL, or what is wrong. */
static const char *read_expr(struct lexer *l, unsigned depth)
{
    if (depth == CFG_DEPTH_MAX)
        return "it is nested too deeply";
    if (l->token != TOK_IDENT)
        return "a name, `all(`, `any(` or `not(` is missing";
    struct str name = l->text;
    next(l);
    print(l, name);
    if (str_eq(name, STR("not")))
        return read_not(l, depth);
    if (str_eq(name, STR("all")) || str_eq(name, STR("any")))
        return read_list(l, depth);
    if (!eat(l, TOK_EQUALS))
        return NULL;
    if (str_eq(name, STR("true")) || str_eq(name, STR("false")))
        return "`true` and `false` take no value";
    if (l->token != TOK_STRING)
        return "a string in double quotes is missing after `=`";
    print(l, STR(" = "));
    print(l, l->text);
    next(l);
    return NULL;
}

static int check_triple(struct str target, struct err *e)
{
    if (target.n == 0)
        return err_set(e, ERR_INVALID, "the target of a dependency must not be empty");
    for (size_t i = 0; i < target.n; i++) {
        char c = target.p[i];
        if (!ascii_is_alnum(c) && c != '_' && c != '-' && c != '.')
            return err_set(e, ERR_INVALID,
                "target `%" STR_FMT "` is neither a target triple nor `cfg(…)`",
                STR_ARG(utf8_clip(target, 100)));
    }
    return 0;
}

static bool is_cfg(struct str target)
{
    return str_starts(target, STR("cfg(")) && str_ends(target, STR(")"));
}

static const char *read_cfg(struct str target, struct buf *out)
{
    struct lexer l = { .rest = str_from_to(target, 4, target.n - 1), .out = out };
    next(&l);
    const char *wrong = read_expr(&l, 0);
    return wrong || l.token == TOK_END ? wrong : "something stands behind the condition";
}

int cfg_target_check(struct str target, struct err *e)
{
    if (!utf8_valid(target) || target.n > CFG_SIZE_MAX)
        return err_set(e, ERR_INVALID,
            "the target of a dependency must be UTF-8 of at most %d bytes", CFG_SIZE_MAX);
    if (!is_cfg(target))
        return check_triple(target, e);
    const char *wrong = read_cfg(target, NULL);
    if (wrong)
        return err_set(e, ERR_INVALID, "target `%" STR_FMT "` is not valid: %s",
            STR_ARG(utf8_clip(target, 100)), wrong);
    return 0;
}

void cfg_target_format(struct buf *out, struct str target)
{
    if (!is_cfg(target)) {
        buf_add(out, target);
        return;
    }
    buf_add(out, STR("cfg("));
    const char *wrong = read_cfg(target, out);
    assert(!wrong);
    buf_add_byte(out, ')');
}
