/* The data folder: layout, format number, lock. One server per folder. Blocks; start and stop only.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"

#define DATA_FORMAT 1

struct data_dir {
    int fd;       /* DATA/ */
    int blobs_fd; /* DATA/blobs/, with its 256 folders */
    int tmp_fd;   /* DATA/tmp/ */
    int lock_fd;
    char *path; /* as given, for SQLite and the admin socket */
};

/* create: make what is missing (serve alone does). Errors are one line that names the cure: in use
 * (ERR_BUSY), not there, not writable, of a newer format (ERR_USAGE). Nothing is changed on failure
 * but folders that had to be made. Leftovers in tmp/ are removed. */
int data_dir_open(struct str path, bool create, struct data_dir **ret, struct err *e) MUST_CHECK;
void data_dir_close(struct data_dir *d);
