#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

#include <errno.h>
#include <string.h>

static void an_error_has_kind_text_and_place(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    int line = __LINE__ + 1;
    assert_int_equal(err_set(&e, ERR_CONFLICT, "%s exists", "serde"), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_string_equal(e.text, "serde exists");
    assert_string_equal(e.cause, "");
    assert_int_equal(e.line, line);
    assert_non_null(strstr(e.file, "err_test.c"));
}

static void no_object_is_fine(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_IO, "x"), -1);
    assert_int_equal(err_sys(NULL, "x"), -1);
    err_cause(NULL, "x");
    err_clear(NULL);
}

static void long_text_is_cut_at_a_character(void **state)
{
    (void)state;
    struct err e;
    for (int pad = 0; pad < 4; pad++) {
        char fish[700];
        memset(fish, 'a', sizeof(fish));
        for (size_t i = (size_t)pad; i + 5 < sizeof(fish); i += 4)
            memcpy(fish + i, "\xf0\x9f\x90\x9f", 4);
        fish[sizeof(fish) - 1] = '\0';
        (void)err_set(&e, ERR_INVALID, "%s", fish);
        assert_in_range(strlen(e.text), ERR_TEXT_MAX - 4, ERR_TEXT_MAX - 1);
        assert_true(utf8_valid(str_from(e.text)));
        err_cause(&e, "%s", fish);
        assert_in_range(strlen(e.cause), sizeof(e.cause) - 4, sizeof(e.cause) - 1);
        assert_true(utf8_valid(str_from(e.cause)));
    }
}

static void an_error_can_be_retold_in_other_words(void **state)
{
    (void)state;
    struct err e;
    (void)err_set(&e, ERR_NOT_FOUND, "no name");
    (void)err_set(&e, ERR_INVALID, "line %d: %s", 3, e.text);
    assert_string_equal(e.text, "line 3: no name");
    assert_int_equal(e.kind, ERR_INVALID);
}

static void the_system_s_words_go_to_the_cause_alone(void **state)
{
    (void)state;
    static const struct {
        int sys;
        enum err_kind kind;
    } cases[] = { { ENOSPC, ERR_FULL }, { EDQUOT, ERR_FULL }, { ENOENT, ERR_NOT_FOUND },
        { EMFILE, ERR_BUSY }, { ENFILE, ERR_BUSY }, { ENOMEM, ERR_BUSY }, { EACCES, ERR_IO } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e;
        errno = cases[i].sys;
        assert_int_equal(err_sys(&e, "open %s", "/secret/place"), -1);
        assert_int_equal(errno, cases[i].sys);
        assert_int_equal(e.sys, cases[i].sys);
        assert_int_equal(e.kind, cases[i].kind);
        assert_null(strstr(e.text, "secret"));
        assert_non_null(strstr(e.cause, "open /secret/place: "));
        assert_non_null(strstr(e.cause, strerror(cases[i].sys)));
    }
}

static void causes_add_up(void **state)
{
    (void)state;
    struct err e;
    (void)err_set(&e, ERR_IO, "x");
    err_cause(&e, "first %d", 1);
    err_cause(&e, "second");
    assert_string_equal(e.cause, "first 1; second");
    for (int i = 0; i < 100; i++)
        err_cause(&e, "more");
    assert_int_equal(strlen(e.cause), sizeof(e.cause) - 1);
    err_clear(&e);
    assert_int_equal(e.kind, ERR_NONE);
    assert_string_equal(e.text, "");
}

static void every_kind_has_its_own_name(void **state)
{
    (void)state;
    for (int i = 0; i < ERR_KINDS; i++) {
        assert_non_null(err_kind_name((enum err_kind)i));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(
                err_kind_name((enum err_kind)i), err_kind_name((enum err_kind)k));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_has_kind_text_and_place),
        cmocka_unit_test(no_object_is_fine),
        cmocka_unit_test(long_text_is_cut_at_a_character),
        cmocka_unit_test(an_error_can_be_retold_in_other_words),
        cmocka_unit_test(the_system_s_words_go_to_the_cause_alone),
        cmocka_unit_test(causes_add_up),
        cmocka_unit_test(every_kind_has_its_own_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
