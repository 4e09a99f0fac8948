#include "registry/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_line_says_when_who_where_what_and_why(void **state)
{
    struct buf b AUTO_BUF = BUF_INIT(1024);
    (void)state;
    assert_int_equal(
        audit_line(
            STR("{\"number\":3,\"time\":1795598082,\"principal\":\"anna@corp.test\",\"node\":"
                "\"laptop.rig.test\",\"address\":\"100.64.0.7\",\"token\":4,\"grant\":"
                "\"access.members\",\"what\":\"publish\",\"crate\":\"acme\",\"version\":"
                "\"1.0.0\"}"),
            &b, NULL),
        0);
    assert_true(str_eq(buf_str(&b),
        STR("2026-11-25T09:14:42Z  anna@corp.test from laptop.rig.test (100.64.0.7)  publish acme "
            "1.0.0  token 4  by access.members\n")));
}

static void a_line_says_whom_the_change_was_about(void **state)
{
    static const struct {
        const char *event, *tail;
    } rows[] = {
        { "\"what\":\"principal-block\",\"detail\":{\"name\":\"ben@corp.test\"}",
            "principal-block ben@corp.test\n" },
        { "\"what\":\"principal-link\",\"detail\":{\"name\":\"local:ci\",\"to\":\"tag:ci\"}",
            "principal-link local:ci to tag:ci\n" },
        { "\"what\":\"principal-rebind\",\"detail\":{\"name\":\"a@b\",\"before\":\"c@d\"}",
            "principal-rebind a@b before c@d\n" },
        { "\"what\":\"token-new\",\"detail\":{\"token\":3,\"account\":\"local:ci\"}",
            "token-new 3 local:ci\n" },
        { "\"what\":\"owner-add\",\"crate\":\"acme\",\"detail\":{\"users\":[\"a@b\",\"c@d\"]}",
            "owner-add acme a@b c@d\n" },
        { "\"what\":\"principal-new\",\"detail\":{\"name\":\"admin\"}", "principal-new\n" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf body AUTO_BUF = BUF_INIT(1024), line AUTO_BUF = BUF_INIT(1024);
        buf_addf(&body, "{\"time\":0,\"principal\":\"admin\",%s}", rows[i].event);
        assert_int_equal(audit_line(buf_str(&body), &line, NULL), 0);
        assert_true(str_ends(buf_str(&line), str_from(rows[i].tail)));
    }
}

static void names_from_outside_do_not_steer_the_terminal(void **state)
{
    struct buf b AUTO_BUF = BUF_INIT(1024);
    (void)state;
    assert_int_equal(
        audit_line(STR("{\"time\":0,\"principal\":\"a\\u001b[2Jb\\n\",\"what\":\"x\"}"), &b, NULL),
        0);
    assert_true(str_find(buf_str(&b), '\x1b') == STR_NPOS);
    assert_int_equal(str_find(buf_str(&b), '\n'), b.n - 1);
}

static void what_is_no_event_is_told(void **state)
{
    struct buf b AUTO_BUF = BUF_INIT(1024);
    (void)state;
    assert_int_equal(audit_line(STR("nothing"), &b, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_says_when_who_where_what_and_why),
        cmocka_unit_test(a_line_says_whom_the_change_was_about),
        cmocka_unit_test(names_from_outside_do_not_steer_the_terminal),
        cmocka_unit_test(what_is_no_event_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
