/* What child*.c and conf_resolve.c share: the pieces of which child.h's functions are made, so that
 * --check looks with the same eyes as the child does. */
#pragma once
#include "supervisor/child.h"

#define PASSWD_FILE "/etc/passwd"
#define GROUP_FILE "/etc/group"
#define SECRET_MAX (64u << 10) /* bytes of a "file:" value */

/* The value of the variable in an environment, NULL if it is not set. */
const char *child_variable(char *const *environ_, struct str name);
/* The value of one entry of a process's env; a "file:" is read. Its content is in no text. */
int child_own_value(
    const struct env_pair *p, struct arena *a, const char **ret, struct err *e) MUST_CHECK;
bool child_has_own(const struct process *p, struct str name); /* in the process's env */
/* One word of child_arguments; the text does not name the command. */
int child_expand(const struct launch *l, const char *word, struct arena *a, const char **ret,
    struct err *e) MUST_CHECK;
/* Is it one of those that tell of another program's service manager and are never inherited? */
bool child_is_notify_variable(struct str name);
/* run's user and only-env for a probe that has none, else the command's own. */
const char *child_user(const struct launch *l);
const struct command *child_filter(const struct launch *l); /* NULL: no only-env */
/* child_program with relative paths taken from the folder of dir_fd (or AT_FDCWD). */
int child_program_at(int dir_fd, const char *name, char *const *environ_, struct arena *a,
    const char **ret, struct err *e) MUST_CHECK;

/* For messages; "?" if unknown. */
const char *child_capability_name(int capability);
const char *child_limit_name(int resource);
