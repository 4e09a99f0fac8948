#include "crate/name.h"

#include <assert.h>
#include <utf8proc.h>

/* What of a refused text is shown back: enough to recognise it, never a megabyte. */
static struct str shown(struct str text)
{
    if (!utf8_valid(text))
        return STR("(not UTF-8)");
    return utf8_clip(text, CRATE_NAME_MAX);
}

static int check_ident(struct str name, const char *what, bool underscore_first, struct err *e)
{
    if (name.n == 0)
        return err_set(e, ERR_INVALID, "%s must not be empty", what);
    if (name.n > CRATE_NAME_MAX)
        return err_set(e, ERR_INVALID, "%s `%" STR_FMT "…` is longer than %d bytes", what,
            STR_ARG(shown(name)), CRATE_NAME_MAX);
    if (!ascii_is_alpha(name.p[0]) && !(underscore_first && name.p[0] == '_'))
        return err_set(e, ERR_INVALID, "%s `%" STR_FMT "` must start with an ASCII letter%s", what,
            STR_ARG(shown(name)), underscore_first ? " or `_`" : "");
    for (size_t i = 1; i < name.n; i++) {
        char c = name.p[i];
        if (!ascii_is_alnum(c) && c != '-' && c != '_')
            return err_set(e, ERR_INVALID,
                "%s `%" STR_FMT "` may hold only ASCII letters, digits, `-` and `_`", what,
                STR_ARG(shown(name)));
    }
    return 0;
}

int crate_name_check(struct str name, struct err *e)
{
    return check_ident(name, "crate name", false, e);
}

int crate_alias_check(struct str name, struct err *e)
{
    return check_ident(name, "dependency name", true, e);
}

/* crates.io's list (its migrations of 2017-03-05, 2017-04-30 and 2021-02-10), in canonical form:
 * names of Rust's own crates, then devices no folder on Windows can be called. */
static const char *const reserved[] = { "alloc", "arena", "ast", "builtins", "collections",
    "compiler_builtins", "compiler_rt", "compiletest", "core", "coretest", "debug", "driver",
    "flate", "fmt_macros", "grammar", "graphviz", "macro", "macros", "proc_macro", "rbml",
    "rust_installer", "rustbook", "rustc", "rustc_back", "rustc_borrowck", "rustc_driver",
    "rustc_llvm", "rustc_resolve", "rustc_trans", "rustc_typeck", "rustdoc", "rustllvm", "rustuv",
    "serialize", "std", "syntax", "test", "unicode", "nul", "con", "prn", "aux", "com0", "com1",
    "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt0", "lpt1", "lpt2", "lpt3",
    "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9" };

int crate_name_check_new(struct str name, struct err *e)
{
    if (crate_name_check(name, e) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
        if (crate_name_same(name, str_from(reserved[i])))
            return err_set(e, ERR_INVALID,
                "crate name `%" STR_FMT "` is reserved: choose another name", STR_ARG(name));
    }
    return 0;
}

/* XID_Start and XID_Continue (UAX 31) by general category; the few characters of Other_ID_Start
 * that the categories miss are refused. */
static bool is_xid(uint32_t cp, bool first)
{
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_NL:
        return true;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_PC:
        return !first;
    default:
        return false;
    }
}

int crate_feature_name_check(struct str name, struct err *e)
{
    if (name.n == 0)
        return err_set(e, ERR_INVALID, "feature name must not be empty");
    for (struct str rest = name; rest.n > 0;) {
        uint32_t cp;
        size_t len = utf8_next(rest, &cp);
        if (len == 0)
            return err_set(e, ERR_INVALID, "feature name is not UTF-8");
        bool first = rest.p == name.p;
        bool ok = is_xid(cp, first) || cp == '_' || (cp >= '0' && cp <= '9') ||
                  (!first && (cp == '+' || cp == '-' || cp == '.'));
        if (!ok && first)
            return err_set(e, ERR_INVALID,
                "feature name `%" STR_FMT "` must start with a letter, a digit or `_`",
                STR_ARG(shown(name)));
        if (!ok)
            return err_set(e, ERR_INVALID,
                "feature name `%" STR_FMT "` may hold only letters, digits, `_`, `-`, `+` and `.`",
                STR_ARG(shown(name)));
        rest = str_skip(rest, len);
    }
    return 0;
}

int crate_feature_value_check(struct str value, struct err *e)
{
    size_t slash = str_find(value, '/');
    if (slash != STR_NPOS) {
        struct str dep = str_from_to(value, 0, slash);
        if (str_ends(dep, STR("?")))
            dep.n--;
        if (crate_alias_check(dep, e) < 0)
            return -1;
        return crate_feature_name_check(str_skip(value, slash + 1), e);
    }
    if (str_starts(value, STR("dep:")))
        return crate_alias_check(str_skip(value, 4), e);
    return crate_feature_name_check(value, e);
}

static char fold(char c)
{
    return c == '-' ? '_' : ascii_lower(c);
}

void crate_name_canonical_to(struct str name, char out[CRATE_NAME_MAX])
{
    assert(name.n <= CRATE_NAME_MAX);
    for (size_t i = 0; i < name.n; i++)
        out[i] = fold(name.p[i]);
}

struct str crate_name_canonical(struct arena *a, struct str name)
{
    char *out = arena_alloc(a, name.n + 1);
    for (size_t i = 0; i < name.n; i++)
        out[i] = fold(name.p[i]);
    out[name.n] = '\0';
    return (struct str){ out, name.n };
}

bool crate_name_same(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (fold(a.p[i]) != fold(b.p[i]))
            return false;
    }
    return true;
}
