/* A blob's name is its content's sum, so the same name never means two contents, and whoever loses
 * a race to it can share the winner's file: nothing is ever deleted here after the rename, not even
 * when a later step fails. */
#include "store/blob.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define COMPARE_STEP 65536

struct blob_path {
    char folder[3];
    char file[3 + SHA256_HEX_LEN + 1]; /* "aa/aa…" */
};

static struct blob_path path_of(const uint8_t sum[SHA256_LEN])
{
    struct blob_path p;
    hex_format(sum, 1, p.folder);
    memcpy(p.file, p.folder, 2);
    p.file[2] = '/';
    hex_format(sum, SHA256_LEN, p.file + 3);
    return p;
}

int blob_temp_open(const struct data_dir *d, struct blob_temp *ret, struct err *e)
{
    struct blob_temp t;
    uint8_t salt[16];
    char hex[2 * sizeof(salt) + 1];
    random_bytes(salt, sizeof(salt));
    hex_format(salt, sizeof(salt), hex);
    (void)snprintf(t.name, sizeof(t.name), "blob-%s", hex);
    t.fd = openat(d->tmp_fd, t.name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (t.fd < 0)
        return err_sys(e, "create tmp/%s", t.name);
    *ret = t;
    return 0;
}

void blob_temp_drop(const struct data_dir *d, struct blob_temp *t)
{
    if (t->fd < 0)
        return;
    (void)close(t->fd);
    (void)unlinkat(d->tmp_fd, t->name, 0);
    *t = BLOB_TEMP_NONE;
}

/* Some file systems cannot rename without replacing; a link refuses an existing name everywhere. */
static int rename_new(const struct data_dir *d, const char *temp, const char *to)
{
    if (renameat2(d->tmp_fd, temp, d->blobs_fd, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (linkat(d->tmp_fd, temp, d->blobs_fd, to, 0) < 0)
        return -1;
    (void)unlinkat(d->tmp_fd, temp, 0);
    return 0;
}

static ssize_t read_at(int fd, char *p, size_t n, off_t at)
{
    size_t have = 0;
    while (have < n) {
        ssize_t got = pread(fd, p + have, n - have, at + (off_t)have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

static int compare(int a, int b, struct err *e)
{
    char x[COMPARE_STEP], y[COMPARE_STEP];
    for (off_t at = 0;; at += COMPARE_STEP) {
        ssize_t n = read_at(a, x, sizeof(x), at), m = read_at(b, y, sizeof(y), at);
        if (n < 0 || m < 0)
            return err_sys(e, "read a blob to compare it");
        if (n != m || memcmp(x, y, (size_t)n) != 0)
            return err_set(e, ERR_CORRUPT,
                "the stored archive of this sum has other bytes: the disk may be damaged; an admin "
                "must restore it from a backup");
        if (n < COMPARE_STEP)
            return 0;
    }
}

/* Whoever made it may not have synced it yet, or died before. */
static int share_existing(
    const struct data_dir *d, const struct blob_temp *t, const char *path, struct err *e)
{
    AUTO_CLOSE int fd = openat(d->blobs_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "open blobs/%s", path);
    if (compare(t->fd, fd, e) < 0)
        return -1;
    return file_sync(fd, e);
}

static int sync_folder(const struct data_dir *d, const char *folder, struct err *e)
{
    AUTO_CLOSE int fd = -1;
    if (file_open_dir(d->blobs_fd, folder, &fd, e) < 0)
        return -1;
    return file_sync(fd, e);
}

int blob_commit(
    const struct data_dir *d, struct blob_temp *t, const uint8_t sum[SHA256_LEN], struct err *e)
{
    struct blob_path path = path_of(sum);
    if (file_sync(t->fd, e) < 0) {
        blob_temp_drop(d, t);
        return -1;
    }
    if (rename_new(d, t->name, path.file) < 0) {
        int rc = errno == EEXIST ? share_existing(d, t, path.file, e)
                                 : err_sys(e, "rename into blobs/%s", path.file);
        blob_temp_drop(d, t);
        if (rc < 0)
            return -1;
    } else {
        int rc = close(t->fd);
        *t = BLOB_TEMP_NONE;
        if (rc < 0 && errno != EINTR)
            return err_sys(e, "close blobs/%s", path.file);
    }
    return sync_folder(d, path.folder, e);
}

int blob_open(const struct data_dir *d, const uint8_t sum[SHA256_LEN], int *ret_fd,
    uint64_t *ret_size, struct err *e)
{
    struct blob_path path = path_of(sum);
    AUTO_CLOSE int fd = openat(d->blobs_fd, path.file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_sys(e, "open blobs/%s", path.file);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_sys(e, "stat blobs/%s", path.file);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_CORRUPT, "a stored archive is no file");
    *ret_size = (uint64_t)st.st_size;
    *ret_fd = TAKE_FD(fd);
    return 1;
}
