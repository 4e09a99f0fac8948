#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/num.h"

#include <stdlib.h>

static struct str key_of(size_t i, char room[NUM_U64_MAX_DIGITS])
{
    return (struct str){ room, num_format_u64(i, room) };
}

static void an_empty_map_finds_nothing(void **state)
{
    (void)state;
    struct map *m = map_new();
    assert_null(map_get(m, STR("a")));
    assert_null(map_remove(m, STR("a")));
    assert_int_equal(map_count(m), 0);
    map_free(m, NULL);
    map_free(NULL, NULL);
}

static void a_value_put_is_got_until_it_is_removed(void **state)
{
    (void)state;
    int one, two;
    struct map *m = map_new();
    assert_null(map_put(m, STR("a"), &one));
    assert_ptr_equal(map_get(m, STR("a")), &one);
    assert_ptr_equal(map_put(m, STR("a"), &two), &one);
    assert_int_equal(map_count(m), 1);
    assert_ptr_equal(map_remove(m, STR("a")), &two);
    assert_null(map_get(m, STR("a")));
    assert_int_equal(map_count(m), 0);
    map_free(m, NULL);
}

static void keys_are_any_bytes_and_are_copied(void **state)
{
    (void)state;
    int v[4];
    char key[] = "abc";
    struct map *m = map_new();
    (void)map_put(m, STR_NONE, &v[0]);
    (void)map_put(m, STR("\0"), &v[1]);
    (void)map_put(m, STR("\0\0"), &v[2]);
    (void)map_put(m, str_from(key), &v[3]);
    key[0] = 'x';
    assert_ptr_equal(map_get(m, STR("")), &v[0]);
    assert_ptr_equal(map_get(m, STR("\0")), &v[1]);
    assert_ptr_equal(map_get(m, STR("\0\0")), &v[2]);
    assert_ptr_equal(map_get(m, STR("abc")), &v[3]);
    map_free(m, NULL);
}

/* Against an array, through growth and removal: a hole that breaks a probe chain would show. */
static void a_map_agrees_with_an_array(void **state)
{
    (void)state;
    enum { N = 500, STEPS = 60000 };
    static int values[N];
    static int *expected[N];
    struct map *m = map_new();
    char room[NUM_U64_MAX_DIGITS];
    unsigned seed = 1;
    size_t count = 0;
    for (int step = 0; step < STEPS; step++) {
        seed = seed * 1103515245u + 12345u;
        size_t i = (seed >> 16) % N;
        struct str key = key_of(i, room);
        assert_ptr_equal(map_get(m, key), expected[i]);
        if (seed >> 8 & 1) {
            count += !expected[i];
            assert_ptr_equal(map_put(m, key, &values[i]), expected[i]);
            expected[i] = &values[i];
        } else {
            count -= expected[i] != NULL;
            assert_ptr_equal(map_remove(m, key), expected[i]);
            expected[i] = NULL;
        }
        assert_int_equal(map_count(m), count);
    }
    for (size_t i = 0; i < N; i++)
        assert_ptr_equal(map_get(m, key_of(i, room)), expected[i]);
    map_free(m, NULL);
}

static void values_are_freed_with_the_map(void **state)
{
    (void)state;
    struct map *m = map_new();
    char room[NUM_U64_MAX_DIGITS];
    for (size_t i = 0; i < 100; i++)
        (void)map_put(m, key_of(i, room), malloc(1));
    map_free(m, free);
}

/* As Rust 1 computes it (core::hash::SipHasher13): key 00 01 .. 0f, message 00 01 .. */
static void siphash_matches_known_vectors(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        0xabac0158050fc4dc,
        0xc9f49bf37d57ca93,
        0x82cb9b024dc7d44d,
        0x8bf80ab8e7ddf7fb,
        0xcf75576088d38328,
        0xdef9d52f49533b67,
        0xc50d2b50c59f22a7,
        0xd3927d989bb11140,
        0x369095118d299a8e,
        0x25a48eb36c063de4,
        0x79de85ee92ff097f,
        0x70c118c1f94dc352,
        0x78a384b157b4d9a2,
        0x306f760c1229ffa7,
        0x605aa111c0f95d34,
        0xd320d86d2a519956,
        0xcc4fdd1a7d908b66,
    };
    uint8_t key[16];
    char message[ARRAY_LEN(expected)];
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        message[i] = (char)i;
        if (siphash13(key, (struct str){ message, i }) != expected[i])
            fail_msg("message of %zu bytes", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_finds_nothing),
        cmocka_unit_test(a_value_put_is_got_until_it_is_removed),
        cmocka_unit_test(keys_are_any_bytes_and_are_copied),
        cmocka_unit_test(a_map_agrees_with_an_array),
        cmocka_unit_test(values_are_freed_with_the_map),
        cmocka_unit_test(siphash_matches_known_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
