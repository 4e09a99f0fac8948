#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A folder of its own for each test. */
struct place {
    char path[32];
    int fd;
};

static int make_place(void **state)
{
    struct place *p = malloc(sizeof(*p));
    if (!p)
        return -1;
    (void)snprintf(p->path, sizeof(p->path), "/tmp/file_test.XXXXXX");
    p->fd = mkdtemp(p->path) ? open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    *state = p;
    return p->fd < 0 ? -1 : 0;
}

static void empty_folder(int fd)
{
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = again >= 0 ? fdopendir(again) : NULL;
    if (!d)
        return;
    for (struct dirent *f; (f = readdir(d));) {
        if (strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, f->d_name, 0) == 0)
            continue;
        int sub = openat(fd, f->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        empty_folder(sub);
        (void)close(sub);
        (void)unlinkat(fd, f->d_name, AT_REMOVEDIR);
    }
    (void)closedir(d);
}

static int remove_place(void **state)
{
    struct place *p = *state;
    empty_folder(p->fd);
    (void)close(p->fd);
    (void)rmdir(p->path);
    free(p);
    return 0;
}

static int place_fd(void **state)
{
    return ((struct place *)*state)->fd;
}

static int count_names(int at)
{
    int n = 0, fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fdopendir(fd);
    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n - 2;
}

static void what_was_written_is_read_back(void **state)
{
    int at = place_fd(state);
    struct err e;
    AUTO_BUF struct buf big = BUF_INIT(1 << 20), b = BUF_INIT(1 << 20);
    for (int i = 0; i < 100000; i++)
        buf_addf(&big, "%d", i % 10);
    assert_int_equal(file_replace(at, "f", buf_str(&big), 0640, &e), 0);
    assert_int_equal(file_read(at, "f", &b, &e), 0);
    assert_true(str_eq(buf_str(&b), buf_str(&big)));
    assert_int_equal(file_replace(at, "f", STR_NONE, 0640, &e), 0);
    buf_clear(&b);
    assert_int_equal(file_read(at, "f", &b, &e), 0);
    assert_int_equal(b.n, 0);
    assert_int_equal(count_names(at), 1);
}

static void the_mode_is_the_one_asked_for(void **state)
{
    int at = place_fd(state);
    struct err e;
    struct stat st;
    mode_t before = umask(077);
    assert_int_equal(file_replace(at, "f", STR("x"), 0644, &e), 0);
    (void)umask(before);
    assert_int_equal(fstatat(at, "f", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
}

static void a_failed_replace_leaves_no_trace(void **state)
{
    int at = place_fd(state);
    struct err e;
    assert_int_equal(file_make_dir(at, "d", 0755, &e), 0);
    assert_int_equal(file_replace(at, "d", STR("x"), 0644, &e), -1);
    assert_int_equal(e.kind, ERR_IO);
    assert_int_equal(count_names(at), 1);
    assert_int_equal(file_replace(at, "none/f", STR("x"), 0644, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_int_equal(file_replace(at, "d/f", STR("x"), 0644, &e), 0);
}

static void reading_stops_at_the_ceiling_and_not_before(void **state)
{
    int at = place_fd(state);
    struct err e;
    assert_int_equal(file_replace(at, "f", STR("12345"), 0644, &e), 0);
    AUTO_BUF struct buf fits = BUF_INIT(7), small = BUF_INIT(6);
    buf_add(&fits, STR("> "));
    buf_add(&small, STR("> "));
    assert_int_equal(file_read(at, "f", &fits, &e), 0);
    assert_true(str_eq(buf_str(&fits), STR("> 12345")));
    assert_int_equal(file_read(at, "f", &small, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_LARGE);
    assert_true(str_eq(buf_str(&small), STR("> ")));
}

static void links_are_not_followed(void **state)
{
    int at = place_fd(state), fd;
    struct err e;
    AUTO_BUF struct buf b = BUF_INIT(100);
    assert_int_equal(file_make_dir(at, "d", 0755, &e), 0);
    assert_int_equal(file_replace(at, "f", STR("old"), 0644, &e), 0);
    assert_int_equal(symlinkat("f", at, "to_f"), 0);
    assert_int_equal(symlinkat("d", at, "to_d"), 0);
    assert_int_equal(file_read(at, "to_f", &b, &e), -1);
    assert_int_equal(file_open_dir(at, "to_d", &fd, &e), -1);
    assert_int_equal(file_make_dir(at, "to_d", 0755, &e), -1);
    assert_int_equal(file_replace(at, "to_f", STR("new"), 0644, &e), 0); /* replaces the link */
    assert_int_equal(file_read(at, "f", &b, &e), 0);
    assert_true(str_eq(buf_str(&b), STR("old")));
}

static void a_folder_may_be_made_twice_but_not_over_a_file(void **state)
{
    int at = place_fd(state), fd = -1;
    struct err e;
    assert_int_equal(file_make_dir(at, "d", 0700, &e), 0);
    assert_int_equal(file_make_dir(at, "d", 0700, &e), 0);
    assert_int_equal(file_open_dir(at, "d", &fd, &e), 0);
    assert_int_equal(file_sync(fd, &e), 0);
    (void)close(fd);
    assert_int_equal(file_replace(at, "f", STR(""), 0600, &e), 0);
    assert_int_equal(file_make_dir(at, "f", 0700, &e), -1);
    assert_int_equal(e.sys, ENOTDIR);
    assert_int_equal(file_open_dir(at, "none", &fd, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

static void a_full_device_has_its_own_kind(void **state)
{
    (void)state;
    struct err e;
    AUTO_CLOSE int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        skip();
    assert_int_equal(file_write_all(fd, STR("x"), &e), -1);
    assert_int_equal(e.kind, ERR_FULL);
    assert_int_equal(e.sys, ENOSPC);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(what_was_written_is_read_back),
        IN_PLACE(the_mode_is_the_one_asked_for),
        IN_PLACE(a_failed_replace_leaves_no_trace),
        IN_PLACE(reading_stops_at_the_ceiling_and_not_before),
        IN_PLACE(links_are_not_followed),
        IN_PLACE(a_folder_may_be_made_twice_but_not_over_a_file),
        cmocka_unit_test(a_full_device_has_its_own_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
