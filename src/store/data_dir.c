/* The format file is written last, when all else stands: a folder with it is whole, and one without
 * it is either ours half-made (a crash between) or not ours at all. The lock is held by the open
 * file (F_OFD_SETLK), so that it ends with the process whatever happens; the number inside is for
 * people. */
#include "store/data_dir.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#ifndef CIFS_MAGIC_NUMBER
#define CIFS_MAGIC_NUMBER 0xFF534D42
#endif
#ifndef SMB2_MAGIC_NUMBER
#define SMB2_MAGIC_NUMBER 0xFE534D42
#endif
#define FORMAT_MAX 64
#define BLOB_FOLDERS 256

/* ---- finding the folder ---- */

static int sync_parent(int fd, struct err *e)
{
    AUTO_CLOSE int parent = -1;
    if (file_open_dir(fd, "..", &parent, e) < 0)
        return -1;
    return file_sync(parent, e);
}

static int cannot_open(const char *path, bool create, struct err *e)
{
    int sys = errno;
    (void)err_sys(e, "open %s", path);
    if (sys == ENOENT)
        return err_set(e, ERR_USAGE,
            create
                ? "the folder above %s does not exist; make it, or choose another --data"
                : "there is no data folder %s; `superguppy serve` makes one, --data names another",
            path);
    if (sys == EACCES || sys == EPERM || sys == EROFS)
        return err_set(e, ERR_USAGE,
            "the folder %s cannot be used by user %u: %s; mend that or choose another --data", path,
            (unsigned)geteuid(), strerror(sys));
    if (sys == ENOTDIR)
        return err_set(e, ERR_USAGE, "%s is not a folder; choose another --data", path);
    return -1;
}

/* The data folder itself may be a symbolic link: it is the operator's word. */
static int open_folder(struct data_dir *d, bool create, struct err *e)
{
    bool made = create && mkdir(d->path, 0700) == 0;
    if (create && !made && errno != EEXIST)
        return cannot_open(d->path, create, e);
    d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->fd < 0)
        return cannot_open(d->path, create, e);
    return made ? sync_parent(d->fd, e) : 0;
}

/* Locks and shared memory do not hold over a network: two servers would ruin the database. */
static int check_file_system(const struct data_dir *d, struct err *e)
{
    struct statfs st;
    if (fstatfs(d->fd, &st) < 0)
        return err_sys(e, "statfs %s", d->path);
    const char *name = NULL;
    switch ((uint32_t)st.f_type) {
    case NFS_SUPER_MAGIC:
        name = "NFS";
        break;
    case SMB_SUPER_MAGIC:
    case SMB2_MAGIC_NUMBER:
    case CIFS_MAGIC_NUMBER:
        name = "SMB";
        break;
    default:
        return 0;
    }
    return err_set(e, ERR_USAGE,
        "the folder %s is on a network file system (%s), which cannot hold a database; choose a "
        "local disk with --data",
        d->path, name);
}

/* ---- format ---- */

static bool may_be_ours(const char *name)
{
    static const char *const ours[] = { ".", "..", "lock", "blobs", "tmp", "run", "lost+found" };
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        if (strcmp(name, ours[i]) == 0)
            return true;
    }
    return strncmp(name, ".new-", 5) == 0; /* base/file.c on its way to `format` */
}

/* Calls visit for each name; -1 from it ends the walk. */
static int each_name(
    int dir_fd, int (*visit)(void *ctx, const char *name, struct err *e), void *ctx, struct err *e)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            (void)close(fd);
        return err_sys(e, "open a folder to list it");
    }
    int rc = 0;
    struct dirent *entry;
    while (rc == 0 && (errno = 0, entry = readdir(dir)) != NULL)
        rc = visit(ctx, entry->d_name, e);
    if (rc == 0 && errno != 0)
        rc = err_sys(e, "list a folder");
    (void)closedir(dir);
    return rc;
}

static int refuse_foreign(void *ctx, const char *name, struct err *e)
{
    const struct data_dir *d = ctx;
    if (may_be_ours(name))
        return 0;
    return err_set(e, ERR_USAGE,
        "the folder %s holds other files (%s) and is no data folder; choose another --data",
        d->path, name);
}

/* 1: of our format, 0: to be made. */
static int check_format(struct data_dir *d, bool create, struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(FORMAT_MAX);
    struct err why = ERR_INIT;
    if (file_read(d->fd, "format", &text, &why) < 0) {
        if (why.kind == ERR_NOT_FOUND && !create)
            return err_set(e, ERR_USAGE,
                "the folder %s is no data folder; `superguppy serve` makes one, --data names "
                "another",
                d->path);
        if (why.kind == ERR_NOT_FOUND)
            return each_name(d->fd, refuse_foreign, d, e);
        *e = why;
        return -1;
    }
    uint64_t format;
    if (!num_parse_u64(str_trim_ws(buf_str(&text)), &format) || format == 0)
        return err_set(e, ERR_CORRUPT, "the file %s/format is not what superguppy wrote", d->path);
    if (format > DATA_FORMAT)
        return err_set(e, ERR_USAGE,
            "the folder %s has format %llu: it was made by a newer superguppy; start that one, or "
            "choose another --data",
            d->path, (unsigned long long)format);
    return 1;
}

/* ---- lock ---- */

static int refuse_locked(struct data_dir *d, struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(FORMAT_MAX);
    uint64_t pid;
    if (file_read(d->fd, "lock", &text, NULL) < 0 ||
        !num_parse_u64(str_trim_ws(buf_str(&text)), &pid))
        return err_set(e, ERR_BUSY,
            "the folder %s is in use by another superguppy; stop it or choose another --data",
            d->path);
    return err_set(e, ERR_BUSY,
        "the folder %s is in use by another superguppy (pid %llu); stop it or choose another "
        "--data",
        d->path, (unsigned long long)pid);
}

static int take_lock(struct data_dir *d, struct err *e)
{
    d->lock_fd = openat(d->fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (d->lock_fd < 0)
        return cannot_open(d->path, true, e);
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (fcntl(d->lock_fd, F_OFD_SETLK, &lock) < 0) {
        if (errno == EAGAIN || errno == EACCES)
            return refuse_locked(d, e);
        return err_sys(e, "lock %s/lock", d->path);
    }
    char text[32];
    int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(d->lock_fd, 0) < 0)
        return err_sys(e, "write %s/lock", d->path);
    return file_write_all(d->lock_fd, (struct str){ text, (size_t)n }, e);
}

/* ---- layout ---- */

/* Also on each start of a folder that has its format: backup programs leave empty folders out. */
static int make_blob_folders(const struct data_dir *d, struct err *e)
{
    bool made = false;
    for (unsigned i = 0; i < BLOB_FOLDERS; i++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "%02x", i);
        if (mkdirat(d->blobs_fd, name, 0700) == 0)
            made = true;
        else if (errno != EEXIST)
            return err_sys(e, "make folder blobs/%s", name);
    }
    return made ? file_sync(d->blobs_fd, e) : 0;
}

static int remove_name(void *ctx, const char *name, struct err *e)
{
    const struct data_dir *d = ctx;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return 0;
    return unlinkat(d->tmp_fd, name, 0) < 0 ? err_sys(e, "remove tmp/%s", name) : 0;
}

static int make_layout(struct data_dir *d, struct err *e)
{
    if (file_make_dir(d->fd, "blobs", 0700, e) < 0 || file_make_dir(d->fd, "tmp", 0700, e) < 0 ||
        file_make_dir(d->fd, "run", 0700, e) < 0 ||
        file_open_dir(d->fd, "blobs", &d->blobs_fd, e) < 0 ||
        file_open_dir(d->fd, "tmp", &d->tmp_fd, e) < 0 || make_blob_folders(d, e) < 0 ||
        each_name(d->tmp_fd, remove_name, d, e) < 0)
        return -1;
    return file_sync(d->fd, e);
}

static int write_format(const struct data_dir *d, struct err *e)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d\n", DATA_FORMAT);
    return file_replace(d->fd, "format", (struct str){ text, (size_t)n }, 0600, e);
}

static int prepare(struct data_dir *d, bool create, struct err *e)
{
    if (open_folder(d, create, e) < 0 || check_file_system(d, e) < 0)
        return -1;
    int formatted = check_format(d, create, e);
    if (formatted < 0 || take_lock(d, e) < 0 || make_layout(d, e) < 0)
        return -1;
    return formatted ? 0 : write_format(d, e);
}

int data_dir_open(struct str path, bool create, struct data_dir **ret, struct err *e)
{
    if (path.n == 0 || str_has(path, '\0'))
        return err_set(e, ERR_USAGE, "--data needs the path of a folder");
    struct data_dir *d = MEM_NEW(struct data_dir);
    *d = (struct data_dir){ .fd = -1, .blobs_fd = -1, .tmp_fd = -1, .lock_fd = -1 };
    d->path = mem_dup(path.p, path.n);
    if (prepare(d, create, e) < 0) {
        data_dir_close(d);
        return -1;
    }
    *ret = d;
    return 0;
}

void data_dir_close(struct data_dir *d)
{
    if (!d)
        return;
    const int fds[] = { d->blobs_fd, d->tmp_fd, d->lock_fd, d->fd };
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
    }
    free(d->path);
    free(d);
}
