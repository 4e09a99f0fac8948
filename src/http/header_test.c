#include "http/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_header_of_the_table_is_found_in_any_case(void **state)
{
    static const struct {
        enum http_header id;
        const char *name;
    } rows[] = {
#define HEADER(id, name) { HEADER_##id, name },
#include "http/header.def"
#undef HEADER
    };
    (void)state;
    for (size_t i = 0; i < HTTP_HEADERS; i++) {
        enum http_header h = HTTP_HEADERS;
        char upper[32];
        size_t n = strlen(rows[i].name);
        assert_true(http_header_find(str_from(rows[i].name), &h));
        assert_int_equal(h, rows[i].id);
        for (size_t k = 0; k <= n; k++)
            upper[k] =
                (char)(ascii_is_alpha(rows[i].name[k]) ? rows[i].name[k] & ~0x20 : rows[i].name[k]);
        assert_true(http_header_find((struct str){ upper, n }, &h));
        assert_int_equal(h, rows[i].id);
        assert_false(http_header_find((struct str){ upper, n - 1 }, &h) && h == rows[i].id);
    }
}

static void other_names_are_not_found(void **state)
{
    static const char *const rows[] = { "", "x", "hosts", "cookie", "accept-language", "rango",
        "content_length", "transfer-encodings", "if-unmodified-since" };
    enum http_header h;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_false(http_header_find(str_from(rows[i]), &h));
}

static void methods_are_found_as_they_are_written(void **state)
{
    enum http_method m;
    (void)state;
    for (unsigned i = 0; i < HTTP_METHODS; i++) {
        assert_true(http_method_find(str_from(http_method_name((enum http_method)i)), &m));
        assert_int_equal(m, i);
    }
    assert_false(http_method_find(STR("get"), &m));
    assert_false(http_method_find(STR("GETS"), &m));
    assert_false(http_method_find(STR(""), &m));
    assert_string_equal(http_version_name(HTTP_2), "2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_header_of_the_table_is_found_in_any_case),
        cmocka_unit_test(other_names_are_not_found),
        cmocka_unit_test(methods_are_found_as_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
