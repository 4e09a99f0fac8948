#include "cli/print.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_publisher_s_text_cannot_steer_the_terminal(void **state)
{
    static const struct {
        struct str text, shown;
    } rows[] = {
        { STR("plain"), STR("plain") },
        { STR(""), STR("") },
        { STR("gr\xc3\xbc\xc3\x9f \xf0\x9f\xa6\x80"), STR("gr\xc3\xbc\xc3\x9f \xf0\x9f\xa6\x80") },
        { STR("two\nlines\tand"), STR("two lines and") },
        { STR("\x1b]0;title\x07"), STR("?]0;title?") },
        { STR("a\rb\x7f\0c"), STR("a?b??c") },
        { STR("\xc2\x9b"
              "31m"),
            STR("?31m") },
        { STR("\xe2\x80\xae"
              "evil\xe2\x81\xa9"),
            STR("?evil?") },
        { STR("cut \xe2\x80"), STR("cut ??") },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b AUTO_BUF = BUF_INIT(100);
        print_clean(&b, rows[i].text);
        if (!str_eq(buf_str(&b), rows[i].shown))
            fail_msg("row %zu: %.*s", i, STR_ARG(buf_str(&b)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_publisher_s_text_cannot_steer_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
