#include "auth/right.h"

#define NAME_MAX_LEN 64 /* of a crate: crate/name.h, which this folder does not see */

static const char *const right_names[RIGHTS] = {
    [RIGHT_READ] = "read",
    [RIGHT_PUBLISH_NEW] = "publish-new",
    [RIGHT_PUBLISH_UPDATE] = "publish-update",
    [RIGHT_YANK] = "yank",
    [RIGHT_CHANGE_OWNERS] = "change-owners",
    [RIGHT_ADMIN] = "admin",
};

static const char *const role_names[ROLES] = {
    [ROLE_READ] = "read",
    [ROLE_PUBLISH] = "publish",
    [ROLE_RELEASE] = "release",
    [ROLE_MAINTAIN] = "maintain",
    [ROLE_ADMIN] = "admin",
};

#define NONE EXTENT_NONE
#define OWN EXTENT_OWN
#define ANY EXTENT_ANY
static const enum extent extents[ROLES][RIGHTS] = {
    /*                read publish-new publish-update yank change-owners admin */
    [ROLE_READ] = { ANY, NONE, NONE, NONE, NONE, NONE },
    [ROLE_PUBLISH] = { ANY, ANY, OWN, OWN, OWN, NONE },
    [ROLE_RELEASE] = { ANY, NONE, ANY, NONE, NONE, NONE },
    [ROLE_MAINTAIN] = { ANY, ANY, ANY, ANY, NONE, NONE },
    [ROLE_ADMIN] = { ANY, ANY, ANY, ANY, ANY, ANY },
};
#undef NONE
#undef OWN
#undef ANY

const char *right_name(enum right r)
{
    return right_names[r];
}

const char *role_name(enum role r)
{
    return role_names[r];
}

bool right_from_name(struct str name, enum right *ret)
{
    for (unsigned i = 0; i < RIGHTS; i++) {
        if (str_eq(name, str_from(right_names[i]))) {
            *ret = (enum right)i;
            return true;
        }
    }
    return false;
}

bool role_from_name(struct str name, enum role *ret)
{
    for (unsigned i = 0; i < ROLES; i++) {
        if (str_eq(name, str_from(role_names[i]))) {
            *ret = (enum role)i;
            return true;
        }
    }
    return false;
}

enum extent role_extent(enum role role, enum right right)
{
    return extents[role][right];
}

int pattern_check(struct str pattern, struct err *e)
{
    struct str name = pattern;
    if (str_ends(name, STR("*")))
        name.n--;
    bool ok = pattern.n > 0 && name.n <= NAME_MAX_LEN && (name.n == 0 || ascii_is_alpha(name.p[0]));
    for (size_t i = 0; ok && i < name.n; i++)
        ok =
            ascii_is_digit(name.p[i]) || name.p[i] == '_' || (name.p[i] >= 'a' && name.p[i] <= 'z');
    if (ok)
        return 0;
    struct str shown = utf8_valid(pattern) ? utf8_clip(pattern, NAME_MAX_LEN) : STR("(not UTF-8)");
    return err_set(e, ERR_INVALID,
        "`%" STR_FMT "` is no pattern of crates: write a name, the beginning of one with `*` at "
        "its end, or `*`; in lower case and with `_` for `-`",
        STR_ARG(shown));
}

bool pattern_matches(struct str pattern, struct str canonical)
{
    if (str_ends(pattern, STR("*")))
        return str_starts(canonical, str_from_to(pattern, 0, pattern.n - 1));
    return pattern.n > 0 && str_eq(pattern, canonical);
}
