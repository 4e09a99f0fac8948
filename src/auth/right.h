/* The one vocabulary of access: rights, roles, scopes, crate patterns. Pure tables; any thread. */
#pragma once
#include "base/err.h"
#include "base/str.h"

enum right {
    RIGHT_READ,
    RIGHT_PUBLISH_NEW,
    RIGHT_PUBLISH_UPDATE,
    RIGHT_YANK,
    RIGHT_CHANGE_OWNERS,
    RIGHT_ADMIN,
    RIGHTS
};
enum role { ROLE_READ, ROLE_PUBLISH, ROLE_RELEASE, ROLE_MAINTAIN, ROLE_ADMIN, ROLES };

#define SCOPE(right) (1u << (right))
#define SCOPES_ALL ((1u << RIGHTS) - 1)
#define SCOPES_DEFAULT (SCOPES_ALL & ~SCOPE(RIGHT_ADMIN))

const char *right_name(enum right r); /* "read", "publish-new", … : also the scopes' names */
const char *role_name(enum role r);
bool right_from_name(struct str name, enum right *ret);
bool role_from_name(struct str name, enum role *ret);

enum extent { EXTENT_NONE, EXTENT_OWN, EXTENT_ANY };
enum extent role_extent(enum role role, enum right right); /* the table of docs/access.md */

/* A canonical crate name, a prefix ending in '*', or "*". */
int pattern_check(struct str pattern, struct err *e) MUST_CHECK;
bool pattern_matches(struct str pattern, struct str canonical);
