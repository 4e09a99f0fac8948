/* /etc/passwd and /etc/group, read by ourselves: a static program must not load NSS modules, and a
 * scratch image has none. Numbers are what the files say; a line that is not well formed is
 * skipped. */
#pragma once
#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>

struct user_entry {
    uid_t uid;
    gid_t gid;
};

/* 1 found, 0 not there, -1 the file cannot be read. At most 4 MiB of a file are looked at. */
int userdb_user(
    const char *passwd_file, struct str name, struct user_entry *ret, struct err *e) MUST_CHECK;
int userdb_group(const char *group_file, struct str name, gid_t *ret, struct err *e) MUST_CHECK;

/* The same on text; true when found. Pure. */
bool userdb_find_user(struct str passwd, struct str name, struct user_entry *ret);
bool userdb_find_group(struct str group, struct str name, gid_t *ret);
