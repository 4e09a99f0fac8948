#include "crate/cfg.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void conditions_and_triples_are_read_as_cargo_reads_them(void **state)
{
    (void)state;
    static const char *const good[] = { "x86_64-unknown-linux-gnu", "wasm32-wasip1",
        "thumbv7em.json", "cfg(unix)", "cfg( unix )", "cfg(target_os = \"linux\")",
        "cfg(target_os=\"\")", "cfg(all())", "cfg(any(unix, windows,))",
        "cfg(not(any(unix, all(a = \"b\", c))))", "cfg(true)", "cfg(r#true)", "cfg(r#all)",
        "cfg(r#x = \"y\")", "cfg(_a1)", "cfg(feature = \"\xc3\xa9(\")" };
    static const char *const bad[] = { "", "cfg()", "cfg(unix", "unix)", "cfg(unix))", "cfg(not())",
        "cfg(not(a, b))", "cfg(not(a,))", "cfg(all)", "cfg(any(,))", "cfg(any(a b))", "cfg(a = b)",
        "cfg(a =)", "cfg(a = \"b)", "cfg(\"a\")", "cfg(1a)", "cfg(a\tb)", "cfg(\ta)", "cfg(r#)",
        "cfg(r#1)", "cfg(a-b)", "cfg(true = \"x\")", "a b", "any(unix)", "x86_64\n", " cfg(unix)",
        "\xc3\xa9", "cfg(\xc3\xa9)", "\xff", "cfg(all(a)b)" };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct err e = ERR_INIT;
        if (cfg_target_check(str_from(good[i]), &e) < 0)
            fail_msg("%s: %s", good[i], e.text);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e = ERR_INIT;
        if (cfg_target_check(str_from(bad[i]), &e) == 0)
            fail_msg("%s is accepted", bad[i]);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_true(utf8_valid(str_from(e.text)));
    }
}

static void conditions_are_printed_as_cargo_prints_them(void **state)
{
    (void)state;
    static const char *const rows[][2] = { { "cfg(target_os=\"hermit\")",
                                               "cfg(target_os = \"hermit\")" },
        { "cfg( any(unix ,not( a=\"b c\" ),all( ),) )", "cfg(any(unix, not(a = \"b c\"), all()))" },
        { "cfg(r#true)", "cfg(r#true)" }, { "x86_64-pc-windows-gnu", "x86_64-pc-windows-gnu" } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_BUF struct buf out = BUF_INIT(256);
        cfg_target_format(&out, str_from(rows[i][0]));
        if (!str_eq(buf_str(&out), str_from(rows[i][1])))
            fail_msg("%s printed as %" STR_FMT, rows[i][0], STR_ARG(buf_str(&out)));
    }
}

static int check_nested(int depth)
{
    AUTO_BUF struct buf text = BUF_INIT(CFG_SIZE_MAX);
    buf_add(&text, STR("cfg("));
    for (int i = 1; i < depth; i++)
        buf_add(&text, STR("not("));
    buf_add(&text, STR("a"));
    for (int i = 1; i < depth; i++)
        buf_add(&text, STR(")"));
    buf_add(&text, STR(")"));
    assert_true(buf_ok(&text));
    return cfg_target_check(buf_str(&text), NULL);
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(check_nested(CFG_DEPTH_MAX), 0);
    assert_int_equal(check_nested(CFG_DEPTH_MAX + 1), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_and_triples_are_read_as_cargo_reads_them),
        cmocka_unit_test(conditions_are_printed_as_cargo_prints_them),
        cmocka_unit_test(nesting_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
