#include "store/data_dir.h"

#include "base/file.h"
#include "support/temp_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int setup(void **state)
{
    *state = temp_folder_new();
    return 0;
}

static int teardown(void **state)
{
    temp_store_free(*state);
    return 0;
}

static void make(struct temp_store *t)
{
    struct err e = ERR_INIT;
    if (data_dir_open(str_from(t->path), true, &t->dir, &e) < 0)
        fail_msg("%s (%s)", e.text, e.cause);
}

static unsigned mode_of(const struct temp_store *t, const char *name)
{
    struct stat st;
    assert_int_equal(fstatat(t->dir->fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_mode & 07777;
}

static void put_file(int at, const char *name, const char *text)
{
    assert_int_equal(file_replace(at, name, str_from(text), 0600, NULL), 0);
}

static void expect_refusal(
    const struct temp_store *t, bool create, enum err_kind kind, const char *words)
{
    struct data_dir *d;
    struct err e = ERR_INIT;
    assert_int_equal(data_dir_open(str_from(t->path), create, &d, &e), -1);
    if (e.kind != kind || !strstr(e.text, words) || !strstr(e.text, t->path))
        fail_msg("%s: %s", err_kind_name(e.kind), e.text);
}

static void a_folder_is_made_whole_and_private(void **state)
{
    struct temp_store *t = *state;
    make(t);
    assert_int_equal(mode_of(t, "."), 0700);
    assert_int_equal(mode_of(t, "blobs"), 0700);
    assert_int_equal(mode_of(t, "blobs/00"), 0700);
    assert_int_equal(mode_of(t, "blobs/ff"), 0700);
    assert_int_equal(mode_of(t, "tmp"), 0700);
    assert_int_equal(mode_of(t, "run"), 0700);
    assert_int_equal(mode_of(t, "lock"), 0600);
    assert_int_equal(mode_of(t, "format"), 0600);
    struct buf b AUTO_BUF = BUF_INIT(16);
    assert_int_equal(file_read(t->dir->fd, "format", &b, NULL), 0);
    assert_true(str_eq(buf_str(&b), STR("1\n")));
}

static void a_folder_that_was_made_opens_again(void **state)
{
    struct temp_store *t = *state;
    make(t);
    temp_store_close(t);
    assert_int_equal(data_dir_open(str_from(t->path), false, &t->dir, NULL), 0);
}

static void only_create_makes_a_folder(void **state)
{
    struct temp_store *t = *state;
    struct stat st;
    expect_refusal(t, false, ERR_USAGE, "superguppy serve");
    assert_int_equal(stat(t->path, &st), -1);
    assert_int_equal(mkdir(t->path, 0700), 0);
    expect_refusal(t, false, ERR_USAGE, "is no data folder");
}

static void a_folder_above_that_is_missing_is_named(void **state)
{
    struct temp_store *t = *state;
    (void)snprintf(t->path, sizeof(t->path), "%s/a/b", t->root);
    expect_refusal(t, true, ERR_USAGE, "folder above");
}

static void a_second_server_is_refused_with_the_first_ones_pid(void **state)
{
    struct temp_store *t = *state;
    char pid[32];
    make(t);
    (void)snprintf(pid, sizeof(pid), "(pid %ld)", (long)getpid());
    expect_refusal(t, true, ERR_BUSY, pid);
    expect_refusal(t, false, ERR_BUSY, "is in use by another superguppy");
}

static void a_newer_format_is_refused(void **state)
{
    struct temp_store *t = *state;
    make(t);
    put_file(t->dir->fd, "format", "2\n");
    temp_store_close(t);
    expect_refusal(t, true, ERR_USAGE, "made by a newer superguppy");
}

static void a_format_that_is_no_number_is_damage(void **state)
{
    struct temp_store *t = *state;
    make(t);
    put_file(t->dir->fd, "format", "one\n");
    temp_store_close(t);
    expect_refusal(t, true, ERR_CORRUPT, "format");
}

static void a_folder_with_other_files_is_left_alone(void **state)
{
    struct temp_store *t = *state;
    struct stat st;
    char path[128];
    assert_int_equal(mkdir(t->path, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/thesis.tex", t->path);
    put_file(AT_FDCWD, path, "x");
    expect_refusal(t, true, ERR_USAGE, "thesis.tex");
    (void)snprintf(path, sizeof(path), "%s/lock", t->path);
    assert_int_equal(stat(path, &st), -1);
}

static void an_empty_volume_is_taken(void **state)
{
    struct temp_store *t = *state;
    char path[128];
    assert_int_equal(mkdir(t->path, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/lost+found", t->path);
    assert_int_equal(mkdir(path, 0700), 0);
    make(t);
}

static void a_folder_left_half_made_is_completed(void **state)
{
    struct temp_store *t = *state;
    make(t);
    assert_int_equal(unlinkat(t->dir->fd, "format", 0), 0);
    temp_store_close(t);
    make(t);
    assert_int_equal(mode_of(t, "format"), 0600);
}

static void empty_blob_folders_that_a_backup_left_out_come_back(void **state)
{
    struct temp_store *t = *state;
    make(t);
    assert_int_equal(unlinkat(t->dir->blobs_fd, "7f", AT_REMOVEDIR), 0);
    assert_int_equal(unlinkat(t->dir->fd, "run", AT_REMOVEDIR), 0);
    temp_store_close(t);
    make(t);
    assert_int_equal(mode_of(t, "blobs/7f"), 0700);
    assert_int_equal(mode_of(t, "run"), 0700);
}

static void what_was_left_in_tmp_is_removed(void **state)
{
    struct temp_store *t = *state;
    struct stat st;
    make(t);
    put_file(t->dir->tmp_fd, "blob-0123", "half");
    temp_store_close(t);
    make(t);
    assert_int_equal(fstatat(t->dir->tmp_fd, "blob-0123", &st, 0), -1);
}

static void a_file_in_the_folders_place_is_refused(void **state)
{
    struct temp_store *t = *state;
    put_file(AT_FDCWD, t->path, "x");
    expect_refusal(t, true, ERR_USAGE, "is not a folder");
}

static void a_link_in_the_lock_files_place_is_not_followed(void **state)
{
    struct temp_store *t = *state;
    make(t);
    assert_int_equal(unlinkat(t->dir->fd, "lock", 0), 0);
    assert_int_equal(symlinkat("format", t->dir->fd, "lock"), 0);
    temp_store_close(t);
    struct data_dir *d;
    assert_int_equal(data_dir_open(str_from(t->path), true, &d, NULL), -1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_folder_is_made_whole_and_private),
        T(a_folder_that_was_made_opens_again),
        T(only_create_makes_a_folder),
        T(a_folder_above_that_is_missing_is_named),
        T(a_second_server_is_refused_with_the_first_ones_pid),
        T(a_newer_format_is_refused),
        T(a_format_that_is_no_number_is_damage),
        T(a_folder_with_other_files_is_left_alone),
        T(an_empty_volume_is_taken),
        T(a_folder_left_half_made_is_completed),
        T(empty_blob_folders_that_a_backup_left_out_come_back),
        T(what_was_left_in_tmp_is_removed),
        T(a_file_in_the_folders_place_is_refused),
        T(a_link_in_the_lock_files_place_is_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
