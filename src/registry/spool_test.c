#include "registry/spool.h"

#include "support/temp_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

struct fixture {
    struct temp_store *folder;
    struct spool spool;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    f->folder = temp_folder_new();
    *state = f;
    if (data_dir_open(str_from(f->folder->path), true, &f->folder->dir, NULL) < 0)
        return -1;
    spool_init(&f->spool, f->folder->dir);
    return 0;
}

static size_t temps(const struct fixture *f)
{
    DIR *dir = fdopendir(openat(f->folder->dir->tmp_fd, ".", O_RDONLY | O_DIRECTORY));
    size_t n = 0;
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    return n - 2;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    spool_drop(&f->spool);
    size_t left = temps(f);
    temp_store_free(f->folder);
    test_free(f);
    return left == 0 ? 0 : -1;
}

static struct str bytes(size_t n)
{
    static char p[2 * SPOOL_HELD];
    for (size_t i = 0; i < n; i++)
        p[i] = (char)('a' + i % 23);
    return (struct str){ p, n };
}

static void write_all(struct spool *s)
{
    spool_swap(s);
    assert_int_equal(spool_write(s, NULL), 0);
}

static void add(struct spool *s, enum publish_part part, struct str piece, uint64_t json_len)
{
    assert_true(spool_add(s, part, piece, json_len));
}

static void small_metadata_stays_in_memory(void **state)
{
    struct fixture *f = *state;
    uint8_t sum[SHA256_LEN];
    add(&f->spool, PUBLISH_JSON, STR("{\"a\":"), 7);
    add(&f->spool, PUBLISH_JSON, STR("1}"), 7);
    write_all(&f->spool);
    assert_int_equal(temps(f), 0);
    assert_int_equal(spool_finish(&f->spool, sum, NULL), 0);
    assert_true(str_eq(buf_str(&f->spool.json), STR("{\"a\":1}")));
}

static void large_metadata_goes_to_a_file_and_comes_back(void **state)
{
    struct fixture *f = *state;
    struct str all = bytes(SPOOL_JSON_IN_MEMORY + 1);
    uint8_t sum[SHA256_LEN];
    for (size_t at = 0; at < all.n; at += 10000) {
        add(&f->spool, PUBLISH_JSON, str_from_to(all, at, at + 10000), all.n);
        if (spool_wants_flush(&f->spool))
            write_all(&f->spool);
    }
    assert_int_equal(f->spool.json.n, 0);
    write_all(&f->spool);
    assert_int_equal(temps(f), 1);
    assert_int_equal(spool_finish(&f->spool, sum, NULL), 0);
    assert_true(str_eq(buf_str(&f->spool.json), all));
}

static void the_archive_is_hashed_and_written_whatever_its_pieces(void **state)
{
    struct fixture *f = *state;
    struct str all = bytes(100001);
    struct stat st;
    uint8_t sum[SHA256_LEN], want[SHA256_LEN];
    add(&f->spool, PUBLISH_CRATE, str_from_to(all, 0, 1), 7);
    write_all(&f->spool);
    add(&f->spool, PUBLISH_CRATE, str_from_to(all, 1, 70000), 7);
    assert_true(spool_wants_flush(&f->spool));
    write_all(&f->spool);
    assert_false(spool_wants_flush(&f->spool));
    add(&f->spool, PUBLISH_CRATE, str_skip(all, 70000), 7);
    write_all(&f->spool);
    write_all(&f->spool); /* nothing in flight */
    assert_int_equal(spool_finish(&f->spool, sum, NULL), 0);
    sha256(all, want);
    assert_memory_equal(sum, want, sizeof(sum));
    assert_int_equal(f->spool.crate_size, all.n);
    assert_int_equal(fstat(f->spool.crate_temp.fd, &st), 0);
    assert_int_equal(st.st_size, all.n);
}

static void what_arrives_while_it_writes_is_kept_apart(void **state)
{
    struct fixture *f = *state;
    add(&f->spool, PUBLISH_CRATE, STR("first"), 7);
    spool_swap(&f->spool);
    add(&f->spool, PUBLISH_CRATE, STR("second"), 7);
    assert_int_equal(spool_write(&f->spool, NULL), 0);
    assert_int_equal(f->spool.crate_size, 5);
    write_all(&f->spool);
    assert_int_equal(f->spool.crate_size, 11);
}

static void it_holds_no_more_than_it_says(void **state)
{
    struct fixture *f = *state;
    add(&f->spool, PUBLISH_CRATE, bytes(SPOOL_HELD), 7);
    assert_false(spool_add(&f->spool, PUBLISH_CRATE, STR("x"), 7));
}

static void a_drop_takes_the_files_with_it_and_may_come_again(void **state)
{
    struct fixture *f = *state;
    add(&f->spool, PUBLISH_JSON, STR("{"), SPOOL_JSON_IN_MEMORY + 1);
    add(&f->spool, PUBLISH_CRATE, STR("x"), SPOOL_JSON_IN_MEMORY + 1);
    write_all(&f->spool);
    assert_int_equal(temps(f), 2);
    spool_drop(&f->spool);
    assert_int_equal(temps(f), 0);
    assert_null(f->spool.hash);
    spool_drop(&f->spool);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(small_metadata_stays_in_memory),
        T(large_metadata_goes_to_a_file_and_comes_back),
        T(the_archive_is_hashed_and_written_whatever_its_pieces),
        T(what_arrives_while_it_writes_is_kept_apart),
        T(it_holds_no_more_than_it_says),
        T(a_drop_takes_the_files_with_it_and_may_come_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
