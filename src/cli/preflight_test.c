#include "cli/preflight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct fixture {
    struct arena *arena;
    char folder[64];
    const char *volume, *run;
    struct preflight p;
    char *env[4];
};

static char host[] = "PRIVATE_REPO_HOSTNAME=crates", ephemeral[] = "SUPERGUPPY_EPHEMERAL=1";

static const char *below(struct fixture *f, const char *path)
{
    return str_cstr(f->arena, arena_printf(f->arena, "%s/%s", f->folder, path));
}

static int set_up(void **state)
{
    struct fixture *f = *state = test_calloc(1, sizeof *f);
    f->arena = arena_new();
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/preflight-XXXXXX");
    if (!mkdtemp(f->folder))
        return -1;
    f->volume = below(f, "data");
    f->run = below(f, "run");
    f->env[0] = host;
    f->env[1] = ephemeral;
    f->p = (struct preflight){ f->volume, f->run, getuid(), getuid(), f->env };
    return mkdir(f->volume, 0755) | mkdir(f->run, 0755);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    int rc = nftw(f->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    arena_free(f->arena);
    test_free(f);
    return rc;
}

static void refuses(struct fixture *f, const char *part)
{
    struct err e = ERR_INIT;
    struct stat st;
    assert_int_equal(preflight_run(f->arena, &f->p, &e), -1);
    assert_non_null(strstr(e.text, part));
    assert_int_equal(stat(below(f, "data/superguppy"), &st), -1);
    assert_int_equal(stat(below(f, "run/tailscale"), &st), -1);
}

static void accepts(struct fixture *f)
{
    struct err e = ERR_INIT;
    assert_int_equal(preflight_run(f->arena, &f->p, &e), 0);
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void folders_are_made_once_and_again(void **state)
{
    struct fixture *f = *state;
    accepts(f);
    accepts(f);
    assert_int_equal(mode_of(below(f, "data/tailscale")), 0700);
    assert_int_equal(mode_of(below(f, "data/superguppy")), 0700);
    assert_int_equal(mode_of(below(f, "run/tailscale")), 0755);
}

static void a_run_folder_open_to_all_is_closed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(chmod(f->run, 0777), 0);
    accepts(f);
    assert_int_equal(mode_of(f->run), 0755);
}

static void without_a_mount_nothing_starts(void **state)
{
    struct fixture *f = *state;
    f->env[1] = NULL;
    refuses(f, "nothing is mounted at");
    char zero[] = "SUPERGUPPY_EPHEMERAL=0";
    f->env[1] = zero;
    refuses(f, "SUPERGUPPY_EPHEMERAL=1");
}

static void without_a_name_nothing_starts(void **state)
{
    struct fixture *f = *state;
    f->env[0] = ephemeral;
    f->env[1] = NULL;
    refuses(f, "PRIVATE_REPO_HOSTNAME is not set");
}

static void an_old_volume_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir(below(f, "data/git"), 0755), 0);
    accepts(f);
    assert_int_equal(rmdir(below(f, "data/superguppy")), 0);
    assert_int_equal(rmdir(below(f, "run/tailscale")), 0);
    assert_int_equal(mkdir(below(f, "data/git/index"), 0755), 0);
    refuses(f, "a volume of the first Super Guppy");
    assert_int_equal(rmdir(below(f, "data/git/index")), 0);
    assert_int_equal(mkdir(below(f, "data/ktra"), 0755), 0);
    refuses(f, "/ktra)");
}

/* As root, the state of a node that was root's becomes tailscaled's, and nothing else does. */
static void tailscaled_gets_what_is_its_own(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    f->p.tailscaled = getuid() == 0 ? 10003 : getuid();
    assert_int_equal(mkdir(below(f, "data/tailscale"), 0755), 0);
    assert_int_equal(mkdir(below(f, "data/tailscale/certs"), 0755), 0);
    assert_int_equal(close(open(below(f, "data/tailscale/certs/a"), O_CREAT | O_WRONLY, 0600)), 0);
    assert_int_equal(close(open(below(f, "outside"), O_CREAT | O_WRONLY, 0600)), 0);
    assert_int_equal(symlink("../../outside", below(f, "data/tailscale/link")), 0);
    accepts(f);
    assert_int_equal(stat(below(f, "data/tailscale/certs/a"), &st), 0);
    assert_int_equal(st.st_uid, f->p.tailscaled);
    assert_int_equal(stat(below(f, "outside"), &st), 0);
    assert_int_equal(st.st_uid, getuid());
}

static void a_second_name_of_a_file_elsewhere_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    if (getuid() != 0)
        return; /* all files are ours */
    f->p.tailscaled = 10003;
    assert_int_equal(mkdir(below(f, "data/tailscale"), 0755), 0);
    assert_int_equal(close(open(below(f, "outside"), O_CREAT | O_WRONLY, 0600)), 0);
    assert_int_equal(link(below(f, "outside"), below(f, "data/tailscale/x")), 0);
    assert_int_equal(preflight_run(f->arena, &f->p, &e), -1);
    assert_non_null(strstr(e.text, "second name"));
}

static void a_link_is_no_folder(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    assert_int_equal(symlink("/", below(f, "data/tailscale")), 0);
    assert_int_equal(preflight_run(f->arena, &f->p, &e), -1);
}

static void mounts_are_told_apart(void **state)
{
    (void)state;
    const struct str info = STR("22 1 0:21 / / rw - overlay overlay rw\n"
                                "23 22 0:5 /vol /data rw,relatime - ext4 /dev/vda rw\n"
                                "24 22 0:6 / /data\\040x rw - tmpfs tmpfs rw\n");
    assert_true(preflight_is_mounted(info, STR("/data")));
    assert_true(preflight_is_mounted(info, STR("/")));
    assert_false(preflight_is_mounted(info, STR("/dat")));
    assert_false(preflight_is_mounted(info, STR("/vol")));
    assert_false(preflight_is_mounted(STR(""), STR("/data")));
    assert_false(preflight_is_mounted(STR("22 1 0:21 /data"), STR("/data")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(folders_are_made_once_and_again),
        TEST(a_run_folder_open_to_all_is_closed),
        TEST(without_a_mount_nothing_starts),
        TEST(without_a_name_nothing_starts),
        TEST(an_old_volume_is_refused),
        TEST(tailscaled_gets_what_is_its_own),
        TEST(a_second_name_of_a_file_elsewhere_is_refused),
        TEST(a_link_is_no_folder),
        cmocka_unit_test(mounts_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
