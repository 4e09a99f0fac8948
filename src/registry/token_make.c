#include "registry/token_make.h"

#include "auth/right.h"
#include "config/config.h"
#include "crate/name.h"

#define PATTERNS_MAX (64u << 10)

int token_patterns(struct arena *a, struct str text, struct str *ret, struct err *e)
{
    struct buf b AUTO_BUF = BUF_INIT(PATTERNS_MAX);
    struct str rest = text, word;
    while (str_next_word(&rest, &word)) {
        bool prefix = str_ends(word, STR("*"));
        struct str canonical =
            crate_name_canonical(a, prefix ? str_from_to(word, 0, word.n - 1) : word);
        struct str pattern =
            arena_printf(a, "%" STR_FMT "%s", STR_ARG(canonical), prefix ? "*" : "");
        if (pattern_check(pattern, e) < 0)
            return -1;
        buf_add(&b, b.n ? STR(" ") : STR_NONE);
        buf_add(&b, pattern);
    }
    if (!buf_ok(&b))
        return err_set(e, ERR_USAGE, "that are too many crates for one token");
    *ret = b.n ? arena_str(a, buf_str(&b)) : STR("*");
    return 0;
}

int token_check_from(struct str from, struct err *e)
{
    bool tag = str_starts(from, STR("tag:")) && !config_principal_wrong(from);
    if (tag || str_eq(from, STR("own")) || str_eq(from, STR("any")))
        return 0;
    return err_set(e, ERR_USAGE,
        "a token works from `own` (its owner's own nodes), `any`, or a tag such as tag:ci");
}
