#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void every_allocation_is_aligned_and_its_own(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    char *p[200];
    for (size_t i = 0; i < 200; i++) {
        size_t n = i * 37 % 5000;
        p[i] = arena_alloc(a, n + 1);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        memset(p[i], (int)i, n + 1);
    }
    for (size_t i = 0; i < 200; i++) {
        size_t n = i * 37 % 5000;
        assert_int_equal((unsigned char)p[i][0], i);
        assert_int_equal((unsigned char)p[i][n], i);
    }
}

static void zeroed_memory_is_zero_after_a_reset_too(void **state)
{
    (void)state;
    static const char zero[1000];
    AUTO_ARENA struct arena *a = arena_new();
    memset(arena_alloc(a, 1000), 'x', 1000);
    arena_reset(a);
    assert_memory_equal(arena_zalloc(a, 1000), zero, 1000);
    assert_memory_equal(arena_array(a, 10, 100), zero, 1000);
}

static void a_reset_keeps_the_first_block(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    void *first = arena_alloc(a, 100);
    for (int i = 0; i < 1000; i++)
        (void)memset(arena_alloc(a, 1000), i, 1000);
    arena_reset(a);
    assert_int_equal(arena_used(a), 0);
    assert_ptr_equal(arena_alloc(a, 100), first);
}

static void use_is_counted(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    assert_int_equal(arena_used(a), 0);
    memset(arena_alloc(a, 100000), 0, 100000);
    (void)memset(arena_alloc(a, 1), 0, 1);
    assert_in_range(arena_used(a), 100001, 100100);
}

static void a_large_allocation_leaves_the_block_in_use(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    char *before = arena_alloc(a, 16);
    (void)memset(arena_alloc(a, 1 << 20), 0, 1 << 20);
    char *after = arena_alloc(a, 16);
    assert_ptr_equal(after, before + 16);
}

static void an_empty_allocation_is_not_null(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    assert_non_null(arena_alloc(a, 0));
    assert_non_null(arena_array(a, 0, 8));
    arena_free(NULL);
}

static void copies_end_in_a_nul(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    struct str s = arena_str(a, STR("a\0b"));
    assert_int_equal(s.n, 3);
    assert_memory_equal(s.p, "a\0b", 4);
    assert_string_equal(str_cstr(a, STR("guppy")), "guppy");
    assert_string_equal(str_cstr(a, STR_NONE), "");
    assert_non_null(arena_str(a, STR_NONE).p);
}

static void text_is_formatted_at_any_length(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    struct str s = arena_printf(a, "%d %s", 7, "fish");
    assert_true(str_eq(s, STR("7 fish")));
    s = arena_printf(a, "%70000d", 1);
    assert_int_equal(s.n, 70000);
    assert_int_equal(s.p[70000], '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_is_aligned_and_its_own),
        cmocka_unit_test(zeroed_memory_is_zero_after_a_reset_too),
        cmocka_unit_test(a_reset_keeps_the_first_block),
        cmocka_unit_test(use_is_counted),
        cmocka_unit_test(a_large_allocation_leaves_the_block_in_use),
        cmocka_unit_test(an_empty_allocation_is_not_null),
        cmocka_unit_test(copies_end_in_a_nul),
        cmocka_unit_test(text_is_formatted_at_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
