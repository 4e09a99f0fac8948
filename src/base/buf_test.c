#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void appends_are_kept_in_order(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = BUF_INIT(1000);
    buf_add(&b, STR("a"));
    buf_add(&b, STR_NONE);
    buf_add_byte(&b, 'b');
    buf_addf(&b, "%d-%s", 12, "c");
    buf_add_u64(&b, UINT64_MAX);
    assert_true(str_eq(buf_str(&b), STR("ab12-c18446744073709551615")));
    assert_true(buf_ok(&b));
}

static void the_ceiling_itself_can_be_reached(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = BUF_INIT(5);
    buf_addf(&b, "%s", "12345");
    assert_true(buf_ok(&b));
    assert_true(str_eq(buf_str(&b), STR("12345")));
}

static void an_append_past_the_ceiling_adds_nothing_and_marks(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = BUF_INIT(5);
    buf_add(&b, STR("123"));
    buf_add(&b, STR("456"));
    assert_false(buf_ok(&b));
    assert_true(str_eq(buf_str(&b), STR("123")));
    buf_addf(&b, "%d", 456);
    assert_true(str_eq(buf_str(&b), STR("123")));
    buf_add_byte(&b, '4');
    assert_false(buf_ok(&b));
}

static void clearing_forgets_content_and_mark_and_keeps_memory(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = BUF_INIT(3);
    buf_add(&b, STR("12"));
    buf_add(&b, STR("34"));
    const char *p = b.p;
    buf_clear(&b);
    assert_true(buf_ok(&b));
    buf_add(&b, STR("567"));
    assert_ptr_equal(b.p, p);
    assert_true(str_eq(buf_str(&b), STR("567")));
}

static void room_is_written_by_the_caller_and_then_counted(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = BUF_INIT(100);
    char *p = buf_room(&b, 100);
    assert_non_null(p);
    memset(p, 'x', 100);
    buf_grew(&b, 60);
    assert_int_equal(buf_str(&b).n, 60);
    assert_non_null(buf_room(&b, 40));
    assert_null(buf_room(&b, 41));
    assert_null(buf_room(&b, SIZE_MAX));
    assert_false(buf_ok(&b));
}

static void no_room_is_still_a_place(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = BUF_INIT(0);
    assert_non_null(buf_room(&b, 0));
    buf_addf(&b, "%s", "");
    assert_true(buf_ok(&b));
    buf_add_byte(&b, 'a');
    assert_false(buf_ok(&b));
}

static void what_was_used_is_dropped_from_the_front(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = BUF_INIT(100);
    buf_drop_front(&b, 0);
    buf_add(&b, STR("hello world"));
    buf_drop_front(&b, 6);
    assert_true(str_eq(buf_str(&b), STR("world")));
    buf_drop_front(&b, 5);
    assert_int_equal(buf_str(&b).n, 0);
}

static void a_buffer_grows_far_past_its_first_size(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = BUF_INIT(SIZE_MAX);
    for (unsigned i = 0; i < 100000; i++)
        buf_add_byte(&b, (char)('a' + i % 26));
    assert_int_equal(b.n, 100000);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(b.p[i], 'a' + i % 26);
}

static void a_buffer_that_was_freed_can_be_used_again(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(2);
    buf_add(&b, STR("123"));
    buf_deinit(&b);
    buf_deinit(&b);
    assert_null(b.p);
    buf_add(&b, STR("12"));
    assert_true(buf_ok(&b));
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_are_kept_in_order),
        cmocka_unit_test(the_ceiling_itself_can_be_reached),
        cmocka_unit_test(an_append_past_the_ceiling_adds_nothing_and_marks),
        cmocka_unit_test(clearing_forgets_content_and_mark_and_keeps_memory),
        cmocka_unit_test(room_is_written_by_the_caller_and_then_counted),
        cmocka_unit_test(no_room_is_still_a_place),
        cmocka_unit_test(what_was_used_is_dropped_from_the_front),
        cmocka_unit_test(a_buffer_grows_far_past_its_first_size),
        cmocka_unit_test(a_buffer_that_was_freed_can_be_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
