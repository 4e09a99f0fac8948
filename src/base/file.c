/* A file appears whole or not at all: it is written beside its place under a name nobody reads,
 * made durable, renamed over, and the folder that holds the name is made durable too. */
#include "base/file.h"

#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define READ_STEP 65536

int file_open_dir(int at, const char *name, int *ret_fd, struct err *e)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "open folder %s", name);
    *ret_fd = fd;
    return 0;
}

int file_make_dir(int at, const char *name, unsigned mode, struct err *e)
{
    if (mkdirat(at, name, (mode_t)mode) == 0)
        return 0;
    struct stat st;
    if (errno == EEXIST && fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISDIR(st.st_mode))
            return 0;
        errno = ENOTDIR;
    }
    return err_sys(e, "make folder %s", name);
}

static ssize_t read_some(int fd, char *p, size_t n)
{
    ssize_t got;
    do
        got = read(fd, p, n);
    while (got < 0 && errno == EINTR);
    return got;
}

/* At the ceiling one more byte is asked for: a file that just fits is fine. */
static int read_to_end(int fd, const char *name, struct buf *out, struct err *e)
{
    for (;;) {
        size_t room = out->max - out->n;
        char beyond;
        char *p = &beyond;
        if (room)
            p = buf_room(out, room < READ_STEP ? room : READ_STEP);
        ssize_t got = read_some(fd, p, !room ? 1 : room < READ_STEP ? room : READ_STEP);
        if (got < 0)
            return err_sys(e, "read %s", name);
        if (got == 0)
            return 0;
        if (!room) {
            (void)err_set(e, ERR_TOO_LARGE, "a file is larger than %zu bytes", out->max);
            err_cause(e, "%s", name);
            return -1;
        }
        buf_grew(out, (size_t)got);
    }
}

int file_read(int at, const char *name, struct buf *out, struct err *e)
{
    AUTO_CLOSE int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "open %s", name);
    size_t before = out->n;
    if (read_to_end(fd, name, out, e) < 0) {
        out->n = before;
        return -1;
    }
    return 0;
}

int file_write_all(int fd, struct str s, struct err *e)
{
    while (s.n) {
        ssize_t written = write(fd, s.p, s.n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return err_sys(e, "write");
        s = str_skip(s, (size_t)written);
    }
    return 0;
}

int file_sync(int fd, struct err *e)
{
    int rc;
    do
        rc = fsync(fd);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? err_sys(e, "fsync") : 0;
}

/* Opens the folder of name, so that it can be synced whatever `at` is, and finds the last part. */
static int open_parent(int at, const char *name, int *ret_fd, const char **ret_last, struct err *e)
{
    char folder[PATH_MAX] = ".";
    const char *slash = strrchr(name, '/');
    if (slash) {
        size_t n = slash == name ? 1 : (size_t)(slash - name);
        if (n >= sizeof(folder)) {
            errno = ENAMETOOLONG;
            return err_sys(e, "open folder of %s", name);
        }
        memcpy(folder, name, n);
        folder[n] = '\0';
    }
    int fd = openat(at, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "open folder %s", folder);
    *ret_fd = fd;
    *ret_last = slash ? slash + 1 : name;
    return 0;
}

static int write_temp(
    int dir_fd, const char *temp, struct str content, unsigned mode, struct err *e)
{
    AUTO_CLOSE int fd =
        openat(dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(e, "create %s", temp);
    if (file_write_all(fd, content, e) < 0)
        return -1;
    if (fchmod(fd, (mode_t)mode) < 0)
        return err_sys(e, "set mode of %s", temp);
    return file_sync(fd, e);
}

int file_replace(int at, const char *name, struct str content, unsigned mode, struct err *e)
{
    AUTO_CLOSE int dir_fd = -1;
    const char *last = name;
    if (open_parent(at, name, &dir_fd, &last, e) < 0)
        return -1;
    uint8_t salt[8];
    char hex[2 * sizeof(salt) + 1], temp[NAME_MAX + 1];
    random_bytes(salt, sizeof(salt));
    hex_format(salt, sizeof(salt), hex);
    (void)snprintf(temp, sizeof(temp), ".new-%s", hex);
    int rc = write_temp(dir_fd, temp, content, mode, e);
    if (rc == 0 && renameat(dir_fd, temp, dir_fd, last) < 0)
        rc = err_sys(e, "rename into %s", name);
    if (rc < 0) {
        (void)unlinkat(dir_fd, temp, 0);
        return -1;
    }
    return file_sync(dir_fd, e);
}
