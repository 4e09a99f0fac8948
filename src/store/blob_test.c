#include "store/blob.h"

#include "base/file.h"
#include "support/temp_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define LARGE 200000 /* more than one step of a comparison */

static int setup(void **state)
{
    struct temp_store *t = temp_folder_new();
    *state = t;
    return data_dir_open(str_from(t->path), true, &t->dir, NULL);
}

static int teardown(void **state)
{
    temp_store_free(*state);
    return 0;
}

static struct str large(char fill)
{
    static char bytes[LARGE];
    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (char)(fill + (char)(i % 7));
    return (struct str){ bytes, LARGE };
}

static size_t temps(const struct data_dir *d)
{
    DIR *dir = fdopendir(openat(d->tmp_fd, ".", O_RDONLY | O_DIRECTORY));
    size_t n = 0;
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    return n - 2;
}

static int put(
    const struct data_dir *d, struct str bytes, const uint8_t sum[SHA256_LEN], struct err *e)
{
    struct blob_temp t = BLOB_TEMP_NONE;
    assert_int_equal(blob_temp_open(d, &t, e), 0);
    assert_int_equal(file_write_all(t.fd, bytes, e), 0);
    int rc = blob_commit(d, &t, sum, e);
    assert_int_equal(t.fd, -1);
    return rc;
}

static void a_blob_is_found_under_its_sum(void **state)
{
    struct temp_store *t = *state;
    uint8_t sum[SHA256_LEN];
    char bytes[16] = "";
    uint64_t size;
    int fd;
    sha256(STR("archive"), sum);
    assert_int_equal(blob_open(t->dir, sum, &fd, &size, NULL), 0);
    assert_int_equal(put(t->dir, STR("archive"), sum, NULL), 0);
    assert_int_equal(blob_open(t->dir, sum, &fd, &size, NULL), 1);
    assert_int_equal(size, 7);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), 7);
    assert_string_equal(bytes, "archive");
    (void)close(fd);
    assert_int_equal(temps(t->dir), 0);
}

static void a_blob_stands_in_the_folder_of_its_first_byte(void **state)
{
    struct temp_store *t = *state;
    uint8_t sum[SHA256_LEN] = { 0xab, 0xcd };
    struct stat st;
    char name[3 + SHA256_HEX_LEN + 1] = "ab/";
    hex_format(sum, SHA256_LEN, name + 3);
    assert_int_equal(put(t->dir, STR("x"), sum, NULL), 0);
    assert_int_equal(fstatat(t->dir->blobs_fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void the_same_bytes_may_come_again(void **state)
{
    struct temp_store *t = *state;
    uint8_t sum[SHA256_LEN];
    sha256(large('a'), sum);
    assert_int_equal(put(t->dir, large('a'), sum, NULL), 0);
    assert_int_equal(put(t->dir, large('a'), sum, NULL), 0);
    assert_int_equal(temps(t->dir), 0);
}

static void other_bytes_under_the_same_sum_are_damage_and_change_nothing(void **state)
{
    struct temp_store *t = *state;
    uint8_t sum[SHA256_LEN] = { 1 };
    struct err e = ERR_INIT;
    struct str longer = large('a');
    uint64_t size;
    int fd;
    char first;
    longer.n--;
    assert_int_equal(put(t->dir, longer, sum, NULL), 0);
    assert_int_equal(put(t->dir, large('a'), sum, &e), -1);
    assert_int_equal(e.kind, ERR_CORRUPT);
    assert_int_equal(put(t->dir, large('b'), sum, &e), -1);
    assert_int_equal(blob_open(t->dir, sum, &fd, &size, NULL), 1);
    assert_int_equal(size, LARGE - 1);
    assert_int_equal(read(fd, &first, 1), 1);
    assert_int_equal(first, 'a');
    (void)close(fd);
    assert_int_equal(temps(t->dir), 0);
}

static void an_empty_blob_is_a_blob(void **state)
{
    struct temp_store *t = *state;
    uint8_t sum[SHA256_LEN];
    uint64_t size;
    int fd;
    sha256(STR(""), sum);
    assert_int_equal(put(t->dir, STR(""), sum, NULL), 0);
    assert_int_equal(put(t->dir, STR(""), sum, NULL), 0);
    assert_int_equal(blob_open(t->dir, sum, &fd, &size, NULL), 1);
    assert_int_equal(size, 0);
    (void)close(fd);
}

static void a_dropped_temp_is_gone_and_none_may_be_dropped(void **state)
{
    struct temp_store *t = *state;
    struct blob_temp temp = BLOB_TEMP_NONE;
    blob_temp_drop(t->dir, &temp);
    assert_int_equal(blob_temp_open(t->dir, &temp, NULL), 0);
    assert_int_equal(temps(t->dir), 1);
    blob_temp_drop(t->dir, &temp);
    assert_int_equal(temp.fd, -1);
    assert_int_equal(temps(t->dir), 0);
}

static void a_file_that_cannot_be_synced_is_dropped(void **state)
{
    struct temp_store *t = *state;
    uint8_t sum[SHA256_LEN] = { 2 };
    struct blob_temp temp;
    struct err e = ERR_INIT;
    uint64_t size;
    int fd, ends[2];
    assert_int_equal(blob_temp_open(t->dir, &temp, NULL), 0);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[1], temp.fd), temp.fd); /* a pipe has no fsync */
    assert_int_equal(blob_commit(t->dir, &temp, sum, &e), -1);
    assert_int_equal(e.kind, ERR_IO);
    assert_int_equal(temp.fd, -1);
    assert_int_equal(temps(t->dir), 0);
    assert_int_equal(blob_open(t->dir, sum, &fd, &size, NULL), 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void a_folder_or_link_in_a_blobs_place_is_not_served(void **state)
{
    struct temp_store *t = *state;
    uint8_t sum[SHA256_LEN] = { 3 };
    uint64_t size;
    int fd;
    char name[3 + SHA256_HEX_LEN + 1] = "03/";
    hex_format(sum, SHA256_LEN, name + 3);
    assert_int_equal(mkdirat(t->dir->blobs_fd, name, 0700), 0);
    assert_int_equal(blob_open(t->dir, sum, &fd, &size, NULL), -1);
    assert_int_equal(unlinkat(t->dir->blobs_fd, name, AT_REMOVEDIR), 0);
    assert_int_equal(symlinkat("/etc/passwd", t->dir->blobs_fd, name), 0);
    assert_int_equal(blob_open(t->dir, sum, &fd, &size, NULL), -1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_blob_is_found_under_its_sum),
        T(a_blob_stands_in_the_folder_of_its_first_byte),
        T(the_same_bytes_may_come_again),
        T(other_bytes_under_the_same_sum_are_damage_and_change_nothing),
        T(an_empty_blob_is_a_blob),
        T(a_dropped_temp_is_gone_and_none_may_be_dropped),
        T(a_file_that_cannot_be_synced_is_dropped),
        T(a_folder_or_link_in_a_blobs_place_is_not_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
