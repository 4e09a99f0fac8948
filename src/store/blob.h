/* Archives as files blobs/aa/<sha256>, content-addressed, written once, never changed.
 * Appears by temp file, fsync, rename without replacing, fsync of the folder. Blocks: workers only.
 */
#pragma once
#include "base/digest.h"
#include "store/data_dir.h"

struct blob_temp { /* a file in DATA/tmp; fd -1: none */
    int fd;
    char name[48];
};
#define BLOB_TEMP_NONE ((struct blob_temp){ .fd = -1 })

int blob_temp_open(const struct data_dir *d, struct blob_temp *ret, struct err *e) MUST_CHECK;
void blob_temp_drop(
    const struct data_dir *d, struct blob_temp *t); /* closes and unlinks; fine on NONE */

/* Steps S3 to S5 of a publish: after 0 the bytes are on stable storage under their sum and t is
 * NONE. If the blob exists already it must have the same bytes (else ERR_CORRUPT) and is synced
 * again. A failed fsync drops the file and is never retried on it. */
int blob_commit(const struct data_dir *d, struct blob_temp *t, const uint8_t sum[SHA256_LEN],
    struct err *e) MUST_CHECK;
/* 1 and a descriptor at 0 with the size, 0 when there is none, -1. */
int blob_open(const struct data_dir *d, const uint8_t sum[SHA256_LEN], int *ret_fd,
    uint64_t *ret_size, struct err *e) MUST_CHECK;
