/* expr := ("all" | "any") "(" [expr {"," expr} [","]] ")" | "not" "(" expr ")" | ident ["=" string]
 * Blanks are spaces alone; a string ends at the next quote and knows no escapes; r#ident is never
 * an operator. "true" and "false" are plain names to cargo before 1.88 and constants since, so a
 * value for one of them is refused. */
#include "crate/cfg.h"

#include "base/attr.h"

enum token { TOK_END, TOK_BAD, TOK_LEFT, TOK_RIGHT, TOK_COMMA, TOK_EQUALS, TOK_STRING, TOK_IDENT };

struct lexer {
    struct str rest;
    enum token token; /* the one to be read next */
    struct str ident; /* its name, when it is an identifier; p NULL for a raw one */
};

static bool is_ident_start(char c)
{
    return c == '_' || ascii_is_alpha(c);
}

static enum token scan_ident(struct lexer *l)
{
    bool raw = str_starts(l->rest, STR("r#"));
    if (raw)
        l->rest = str_skip(l->rest, 2);
    if (l->rest.n == 0 || !is_ident_start(l->rest.p[0]))
        return TOK_BAD;
    size_t n = 1;
    while (n < l->rest.n && (is_ident_start(l->rest.p[n]) || ascii_is_digit(l->rest.p[n])))
        n++;
    l->ident = raw ? STR_NONE : str_from_to(l->rest, 0, n);
    l->rest = str_skip(l->rest, n);
    return TOK_IDENT;
}

static enum token scan_string(struct lexer *l)
{
    size_t end = str_find(str_skip(l->rest, 1), '"');
    if (end == STR_NPOS)
        return TOK_BAD;
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

/* NULL, or what is wrong. */
static const char *read_expr(struct lexer *l, unsigned depth)
{
    if (depth == CFG_DEPTH_MAX)
        return "it is nested too deeply";
    if (l->token != TOK_IDENT)
        return "a name, `all(`, `any(` or `not(` is missing";
    struct str name = l->ident;
    next(l);
    if (str_eq(name, STR("not"))) {
        if (!eat(l, TOK_LEFT))
            return "`not` must be followed by `(`";
        const char *wrong = read_expr(l, depth + 1);
        return wrong || eat(l, TOK_RIGHT) ? wrong : "`not(` takes one condition and a `)`";
    }
    if (str_eq(name, STR("all")) || str_eq(name, STR("any"))) {
        if (!eat(l, TOK_LEFT))
            return "`all` and `any` must be followed by `(`";
        while (!eat(l, TOK_RIGHT)) {
            const char *wrong = read_expr(l, depth + 1);
            if (wrong)
                return wrong;
            if (!eat(l, TOK_COMMA))
                return eat(l, TOK_RIGHT) ? NULL : "a `,` or `)` is missing";
        }
        return NULL;
    }
    if (!eat(l, TOK_EQUALS))
        return NULL;
    if (str_eq(name, STR("true")) || str_eq(name, STR("false")))
        return "`true` and `false` take no value";
    return eat(l, TOK_STRING) ? NULL : "a string in double quotes is missing after `=`";
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

int cfg_target_check(struct str target, struct err *e)
{
    if (!utf8_valid(target) || target.n > CFG_SIZE_MAX)
        return err_set(e, ERR_INVALID,
            "the target of a dependency must be UTF-8 of at most %d bytes", CFG_SIZE_MAX);
    if (!str_starts(target, STR("cfg(")) || !str_ends(target, STR(")")))
        return check_triple(target, e);
    struct lexer l = { .rest = str_from_to(target, 4, target.n - 1) };
    next(&l);
    const char *wrong = read_expr(&l, 0);
    if (!wrong && l.token != TOK_END)
        wrong = "something stands behind the condition";
    if (wrong)
        return err_set(e, ERR_INVALID, "target `%" STR_FMT "` is not valid: %s",
            STR_ARG(utf8_clip(target, 100)), wrong);
    return 0;
}
