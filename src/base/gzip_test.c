#include "base/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define CEILING (8u << 20)

static void fill(struct buf *b, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1103515245u + 12345u;
        buf_add_byte(b, (char)(seed >> 16));
    }
}

static void what_was_packed_is_unpacked(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 100, 32767, 32768, 32769, 65536, 1000000 };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (int noise = 0; noise < 2; noise++) {
            AUTO_BUF struct buf plain = BUF_INIT(CEILING), packed = BUF_INIT(CEILING),
                                back = BUF_INIT(sizes[i]);
            struct err e;
            if (noise)
                fill(&plain, sizes[i], 1);
            else if (sizes[i])
                memset(buf_room(&plain, sizes[i]), 'a', sizes[i]), buf_grew(&plain, sizes[i]);
            assert_int_equal(gzip_compress(buf_str(&plain), &packed, &e), 0);
            assert_int_equal(gzip_inflate(buf_str(&packed), &back, &e), 0);
            assert_true(str_eq(buf_str(&plain), buf_str(&back)));
        }
    }
}

static void the_header_has_no_name_and_no_time(void **state)
{
    (void)state;
    AUTO_BUF struct buf a = BUF_INIT(CEILING), b = BUF_INIT(CEILING);
    struct err e;
    assert_int_equal(gzip_compress(STR("{\"name\":\"serde\"}\n"), &a, &e), 0);
    assert_int_equal(gzip_compress(STR("{\"name\":\"serde\"}\n"), &b, &e), 0);
    assert_true(str_eq(buf_str(&a), buf_str(&b)));
    assert_memory_equal(a.p, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
}

static void results_are_appended(void **state)
{
    (void)state;
    AUTO_BUF struct buf packed = BUF_INIT(CEILING), back = BUF_INIT(CEILING);
    struct err e;
    buf_add(&packed, STR("head"));
    assert_int_equal(gzip_compress(STR("fish"), &packed, &e), 0);
    assert_memory_equal(packed.p, "head", 4);
    buf_add(&back, STR("gold"));
    assert_int_equal(gzip_inflate(str_skip(buf_str(&packed), 4), &back, &e), 0);
    assert_true(str_eq(buf_str(&back), STR("goldfish")));
}

static void packing_stops_at_the_ceiling(void **state)
{
    (void)state;
    AUTO_BUF struct buf plain = BUF_INIT(CEILING), packed = BUF_INIT(5000);
    struct err e;
    fill(&plain, 100000, 7);
    buf_add(&packed, STR("head"));
    assert_int_equal(gzip_compress(buf_str(&plain), &packed, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_LARGE);
    assert_true(str_eq(buf_str(&packed), STR("head")));
}

static void a_bomb_is_stopped_at_the_ceiling(void **state)
{
    (void)state;
    AUTO_BUF struct buf plain = BUF_INIT(CEILING), packed = BUF_INIT(CEILING);
    struct err e;
    memset(buf_room(&plain, CEILING), 0, CEILING);
    buf_grew(&plain, CEILING);
    assert_int_equal(gzip_compress(buf_str(&plain), &packed, &e), 0);
    AUTO_BUF struct buf small = BUF_INIT(CEILING - 1);
    assert_int_equal(gzip_inflate(buf_str(&packed), &small, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_LARGE);
    assert_int_equal(small.n, 0);
}

static void damaged_data_is_refused(void **state)
{
    (void)state;
    AUTO_BUF struct buf packed = BUF_INIT(CEILING), back = BUF_INIT(CEILING);
    struct err e;
    assert_int_equal(gzip_compress(STR("hello, hello, hello"), &packed, &e), 0);
    for (size_t n = 0; n < packed.n; n++) {
        assert_int_equal(gzip_inflate(str_from_to(buf_str(&packed), 0, n), &back, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_int_equal(back.n, 0);
    }
    for (size_t i = packed.n - 8; i < packed.n; i++) {
        packed.p[i] ^= 1; /* checksum and length */
        assert_int_equal(gzip_inflate(buf_str(&packed), &back, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        packed.p[i] ^= 1;
    }
    assert_int_equal(gzip_inflate(STR("\x78\x9c\x03\x00\x00\x00\x00\x01"), &back, &e), -1);
}

static void bytes_behind_the_end_are_refused(void **state)
{
    (void)state;
    AUTO_BUF struct buf packed = BUF_INIT(CEILING), back = BUF_INIT(CEILING);
    struct err e;
    assert_int_equal(gzip_compress(STR("one"), &packed, &e), 0);
    size_t one = packed.n;
    buf_add_byte(&packed, '\0');
    assert_int_equal(gzip_inflate(buf_str(&packed), &back, &e), -1);
    packed.n = one;
    assert_int_equal(gzip_compress(STR("two"), &packed, &e), 0); /* a second member */
    assert_int_equal(gzip_inflate(buf_str(&packed), &back, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_int_equal(back.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_is_unpacked),
        cmocka_unit_test(the_header_has_no_name_and_no_time),
        cmocka_unit_test(results_are_appended),
        cmocka_unit_test(packing_stops_at_the_ceiling),
        cmocka_unit_test(a_bomb_is_stopped_at_the_ceiling),
        cmocka_unit_test(damaged_data_is_refused),
        cmocka_unit_test(bytes_behind_the_end_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
