#include "index/index_file.h"

#include "base/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int new_arena(void **state)
{
    *state = arena_new();
    return 0;
}

static int free_arena(void **state)
{
    arena_free(*state);
    return 0;
}

/* n bytes that look like lines. */
static struct str lines_of(struct arena *a, size_t n)
{
    char *p = arena_alloc(a, n);
    for (size_t i = 0; i < n; i++)
        p[i] = i % 64 == 63 ? '\n' : (char)('a' + i % 26);
    return (struct str){ p, n };
}

static struct index_file_row make(struct arena *a, struct str lines)
{
    struct index_file_row f;
    assert_int_equal(index_file_make(a, STR("acme"), lines, &f, NULL), 0);
    return f;
}

static void a_small_file_is_kept_plain(void **state)
{
    struct str lines = lines_of(*state, INDEX_PLAIN_BELOW - 1);
    struct index_file_row f = make(*state, lines);
    assert_true(str_eq(f.name, STR("acme")));
    assert_true(str_eq(f.plain, lines));
    assert_null(f.packed.p);
    assert_int_equal(f.plain_size, INDEX_PLAIN_BELOW - 1);
}

static void a_larger_file_is_kept_packed_alone(void **state)
{
    struct str lines = lines_of(*state, INDEX_PLAIN_BELOW);
    struct index_file_row f = make(*state, lines);
    struct buf back AUTO_BUF = BUF_INIT(INDEX_FILE_MAX);
    assert_null(f.plain.p);
    assert_true(f.packed.n < lines.n);
    assert_int_equal(f.plain_size, INDEX_PLAIN_BELOW);
    assert_int_equal(gzip_inflate(f.packed, &back, NULL), 0);
    assert_true(str_eq(buf_str(&back), lines));
}

/* A backup restored elsewhere, or rebuild-index, must come to the same bytes. */
static void the_same_lines_give_the_same_row(void **state)
{
    struct str lines = lines_of(*state, 100000);
    struct index_file_row one = make(*state, lines), two = make(*state, lines);
    assert_true(str_eq(one.sum, two.sum));
    assert_true(str_eq(one.packed, two.packed));
}

static void the_sum_is_of_the_plain_bytes(void **state)
{
    struct str lines = lines_of(*state, 5000);
    struct index_file_row f = make(*state, lines);
    struct index_file_row other = make(*state, str_from_to(lines, 0, 4999));
    assert_int_equal(f.sum.n, INDEX_SUM_LEN);
    assert_false(str_eq(f.sum, other.sum));
}

static void each_coding_has_its_own_strong_etag(void **state)
{
    struct arena *a = *state;
    struct index_file_row large = make(a, lines_of(a, 5000)), small = make(a, lines_of(a, 10));
    struct answer *packed AUTO_ANSWER = index_file_answer(&large);
    struct answer *plain AUTO_ANSWER = index_file_answer(&small);
    struct answer *unpacked AUTO_ANSWER = NULL;
    assert_int_equal(index_file_unpack(packed, &unpacked, NULL), 0);
    struct str gz = arena_printf(a, "\"%" STR_FMT "-gz\"", STR_ARG(large.sum));
    struct str no_gz = arena_printf(a, "\"%" STR_FMT "\"", STR_ARG(large.sum));
    struct str of_small = arena_printf(a, "\"%" STR_FMT "\"", STR_ARG(small.sum));
    assert_true(str_eq(answer_etag(packed), gz));
    assert_true(str_eq(answer_etag(unpacked), no_gz));
    assert_true(str_eq(answer_etag(plain), of_small));
    assert_true(index_file_is_packed(packed));
    assert_false(index_file_is_packed(unpacked));
    assert_false(index_file_is_packed(plain));
}

static void a_packed_answer_unpacks_to_the_lines(void **state)
{
    struct str lines = lines_of(*state, 300000);
    struct index_file_row f = make(*state, lines);
    struct answer *packed AUTO_ANSWER = index_file_answer(&f);
    struct answer *plain AUTO_ANSWER = NULL;
    assert_true(str_eq(answer_body(packed), f.packed));
    assert_int_equal(index_file_unpack(packed, &plain, NULL), 0);
    assert_true(str_eq(answer_body(plain), lines));
}

static void damaged_bytes_do_not_unpack(void **state)
{
    struct index_file_row f = make(*state, lines_of(*state, 5000));
    f.packed = str_from_to(f.packed, 0, f.packed.n - 1);
    struct answer *packed AUTO_ANSWER = index_file_answer(&f);
    struct answer *plain = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(index_file_unpack(packed, &plain, &e), -1);
    assert_null(plain);
    assert_int_not_equal(e.kind, ERR_NONE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, new_arena, free_arena)
    const struct CMUnitTest tests[] = {
        T(a_small_file_is_kept_plain),
        T(a_larger_file_is_kept_packed_alone),
        T(the_same_lines_give_the_same_row),
        T(the_sum_is_of_the_plain_bytes),
        T(each_coding_has_its_own_strong_etag),
        T(a_packed_answer_unpacks_to_the_lines),
        T(damaged_bytes_do_not_unpack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
