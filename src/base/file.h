/* Files below a directory descriptor. Names are fixed or checked by the caller; nothing here
 * follows a symbolic link in the last component. Every function may block: not on the loop. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

int file_open_dir(int at, const char *name, int *ret_fd, struct err *e) MUST_CHECK;
int file_make_dir(
    int at, const char *name, unsigned mode, struct err *e) MUST_CHECK; /* exists: fine */
int file_read(int at, const char *name, struct buf *out, struct err *e) MUST_CHECK;
/* Temp, fsync, rename, fsync of the folder. */
int file_replace(
    int at, const char *name, struct str content, unsigned mode, struct err *e) MUST_CHECK;
int file_write_all(int fd, struct str s, struct err *e) MUST_CHECK;
int file_sync(int fd, struct err *e) MUST_CHECK;
