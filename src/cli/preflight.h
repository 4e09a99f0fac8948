/* What has to hold before the image starts anything, and the folders it needs. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

#include <sys/types.h>

struct preflight {
    const char *volume;         /* /data */
    const char *run;            /* /run: the folder for tailscaled's socket is made below it */
    uid_t registry, tailscaled; /* of both also the number of their group */
    char **env;
};

/* Refuses, with a sentence that says what to do, and then has changed nothing: a missing or wrong
 * variable (join_plan_make), a volume of the first Super Guppy, nothing mounted. Else makes the
 * folders that are missing and gives tailscaled its own, also what is in there: the first Super
 * Guppy's was root's. */
int preflight_run(struct arena *a, const struct preflight *p, struct err *e) MUST_CHECK;

/* Is a file system mounted at that folder? From /proc/self/mountinfo's text. Pure. */
bool preflight_is_mounted(struct str mountinfo, struct str folder);
