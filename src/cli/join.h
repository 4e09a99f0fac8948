/* What `superguppy join` makes of the environment: one `tailscale up`. Pure but for the files of
 * join_hide. The variables are those of Tailscale's own container, and PRIVATE_REPO_HOSTNAME of the
 * first Super Guppy. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

#define JOIN_WORDS 48

struct join_plan {
    const char *words[JOIN_WORDS]; /* the program first; words[n] is NULL */
    size_t n;
    bool secret[JOIN_WORDS]; /* words[i] ends in a secret, not in file:PATH */
    const char *hostname;
    bool unattended; /* a key or credential is there: nobody has to log in */
};

/* env: "NAME=value"…, NULL-terminated. An empty variable counts as none;
 * an empty TS_TAGS is no tag at all. Error: which variable is
 * missing or wrong, with an example. Texts live in the arena. */
int join_plan_make(struct arena *a, char **env, struct join_plan *ret, struct err *e) MUST_CHECK;
/* Puts each secret into a file in memory that children inherit, and names that in the word instead,
 * so that it does not stand in everybody's `ps`. */
int join_hide(struct arena *a, struct join_plan *plan, struct err *e) MUST_CHECK;
