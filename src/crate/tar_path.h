/* Names inside an archive: which are allowed, and which are the same file on some file system.
 * Pure but for tar_names, which is one walk's and holds at most 32 bytes a name. */
#pragma once
#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

#define TAR_PATH_MAX 1024
#define TAR_COMPONENT_MAX 255
#define TAR_DEPTH_MAX 64

/* path without a trailing '/': below prefix/, or prefix itself, and a plain relative name of a file
 * that Linux, macOS and Windows all can hold. */
int tar_path_check(struct str path, struct str prefix, struct err *e) MUST_CHECK;

struct tar_fold {
    int32_t code_points[4 * TAR_PATH_MAX + 1]; /* room to decompose */
    char ascii[TAR_PATH_MAX];
};
/* Case-folded, in normal form C, without ignorable characters; a checked path in, lives in f. */
int tar_path_fold(
    struct tar_fold *f, struct str path, struct str *ret_folded, struct err *e) MUST_CHECK;

struct tar_names {
    unsigned char key[16];
    uint64_t *slots;
    size_t n, cap, max;
};
void tar_names_init(struct tar_names *s, size_t max);
void tar_names_deinit(struct tar_names *s);
/* Takes a folded path and the folders above it; refuses what is there already, and what would be a
 * file and a folder at once. path is for the message. */
int tar_names_add(
    struct tar_names *s, struct str folded, bool is_dir, struct str path, struct err *e) MUST_CHECK;
