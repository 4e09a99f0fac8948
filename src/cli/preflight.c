/* A folder in the container's own layer would lose every crate at the next start, so only a mount
 * will do, or the word of whoever starts it. Folders are opened once and worked on by descriptor,
 * so a link that somebody put on the volume leads nowhere. */
#include "cli/preflight.h"

#include "base/buf.h"
#include "base/file.h"
#include "cli/join.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MOUNTINFO_MAX (1u << 20)
#define DEPTH_MAX 16

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime … - ext3 …" (proc(5)): the fifth word, with \040 for a blank.
 */
static bool is_at(struct str line, struct str folder)
{
    struct str word = STR_NONE;
    for (int i = 0; i < 5; i++)
        if (!str_next_word(&line, &word))
            return false;
    return str_eq(word, folder);
}

bool preflight_is_mounted(struct str mountinfo, struct str folder)
{
    while (mountinfo.n > 0)
        if (is_at(str_cut(&mountinfo, '\n'), folder))
            return true;
    return false;
}

static bool in_environment(char **env, const char *name)
{
    size_t n = strlen(name);
    for (; *env; env++)
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
            return strcmp(*env + n + 1, "1") == 0;
    return false;
}

static int check_mount(struct arena *a, const struct preflight *p, struct err *e)
{
    struct buf text AUTO_BUF = BUF_INIT(MOUNTINFO_MAX);
    char *path = realpath(p->volume, NULL);
    struct str folder = path ? arena_str(a, str_from(path)) : str_from(p->volume);
    free(path);
    if (in_environment(p->env, "SUPERGUPPY_EPHEMERAL"))
        return 0;
    if (file_read(AT_FDCWD, "/proc/self/mountinfo", &text, e) < 0)
        return -1;
    if (preflight_is_mounted(buf_str(&text), folder))
        return 0;
    return err_set(e, ERR_USAGE,
        "nothing is mounted at %s, so every crate and the node's key would be lost at the next "
        "start; mount a volume there (docker run -v superguppy:%s …), or set "
        "SUPERGUPPY_EPHEMERAL=1 if that is what you want",
        p->volume, p->volume);
}

static int check_old_volume(int volume, const char *name, struct err *e)
{
    struct stat st;
    for (const char *const *at = (const char *const[]){ "ktra", "git/index", NULL }; *at; at++)
        if (fstatat(volume, *at, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return err_set(e, ERR_USAGE,
                "%s is a volume of the first Super Guppy (it has %s/%s); this version cannot "
                "import "
                "it yet and has not touched it: go on with the old image, or mount an empty volume",
                name, name, *at);
    return 0;
}

/* A second name of a file elsewhere on the volume would give that file away. */
static int own_file(int dir, const char *name, uid_t uid, struct err *e)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(e, "look at tailscaled's files on the volume");
    if (st.st_uid == uid && st.st_gid == uid)
        return 0;
    if (S_ISREG(st.st_mode) && st.st_nlink > 1)
        return err_set(e, ERR_INVALID,
            "%s in tailscaled's folder on the volume has a second name; remove it", name);
    return fchownat(dir, name, uid, uid, AT_SYMLINK_NOFOLLOW) < 0
               ? err_sys(e, "give tailscaled its files on the volume")
               : 0;
}

/* Depth first; a link is given away itself, not what it leads to. */
static int own_all(int dir, uid_t uid, int depth, struct err *e)
{
    if (depth > DEPTH_MAX)
        return err_set(
            e, ERR_INVALID, "the folders of tailscaled on the volume are nested too deep");
    if (fchown(dir, uid, uid) < 0)
        return err_sys(e, "give tailscaled its folder on the volume");
    int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = again < 0 ? NULL : fdopendir(again);
    if (!listing)
        return err_sys(e, "read tailscaled's folder on the volume");
    int rc = 0;
    for (struct dirent *entry = readdir(listing); entry && rc == 0; entry = readdir(listing)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int sub AUTO_CLOSE =
            openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        rc = sub >= 0 ? own_all(sub, uid, depth + 1, e) : own_file(dir, entry->d_name, uid, e);
    }
    (void)closedir(listing);
    return rc;
}

static int make_folder(int at, const char *name, uid_t uid, mode_t mode, struct err *e)
{
    if (mkdirat(at, name, mode) < 0 && errno != EEXIST)
        return err_sys(e, "make the folder %s", name);
    int fd AUTO_CLOSE = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* Without CAP_FOWNER only the owner may change the mode. */
    if (fd < 0 || fchown(fd, geteuid(), getegid()) < 0 || fchmod(fd, mode) < 0)
        return err_sys(e, "set up the folder %s", name);
    return own_all(fd, uid, 0, e);
}

/* Kubernetes makes an emptyDir that everybody may write to, and so could put another socket in the
 * place of tailscaled's. */
static int close_to_others(int run, const char *name, struct err *e)
{
    struct stat st;
    if (fstat(run, &st) < 0)
        return err_sys(e, "look at %s", name);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) && fchmod(run, 0755) < 0)
        return err_sys(e, "keep others from writing to %s", name);
    return 0;
}

static int make_folders(const struct preflight *p, int volume, struct err *e)
{
    int run AUTO_CLOSE = open(p->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (run < 0)
        return err_sys(e, "open %s", p->run);
    if (close_to_others(run, p->run, e) < 0 ||
        make_folder(volume, "tailscale", p->tailscaled, 0700, e) < 0 ||
        make_folder(run, "tailscale", p->tailscaled, 0755, e) < 0)
        return -1;
    /* The registry owns what it made: what lies below was written by it. */
    struct stat st;
    if (fstatat(volume, "superguppy", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid == p->registry)
        return 0;
    return make_folder(volume, "superguppy", p->registry, 0700, e);
}

int preflight_run(struct arena *a, const struct preflight *p, struct err *e)
{
    struct join_plan plan;
    if (join_plan_make(a, p->env, &plan, e) < 0)
        return -1;
    int volume AUTO_CLOSE = open(p->volume, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (volume >= 0 && check_old_volume(volume, p->volume, e) < 0)
        return -1;
    if (check_mount(a, p, e) < 0)
        return -1;
    if (volume < 0)
        return err_sys(e, "open %s", p->volume);
    return make_folders(p, volume, e);
}
