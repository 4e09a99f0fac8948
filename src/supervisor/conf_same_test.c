#include "base/buf.h"
#include "supervisor/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TAIL "\n[[processes]]\nname = 'db'\nrun = 'x'\n[[processes]]\nname = 'q'\nrun = 'x'\n"

/* A file whose first process has these keys. */
static struct conf *with(const char *before, const char *keys)
{
    struct conf *c = NULL;
    struct err e = ERR_INIT;
    AUTO_BUF struct buf text = BUF_INIT(4096);
    buf_addf(&text, "%s[[processes]]\nname = 'web'\n%s%s", before, keys, TAIL);
    if (conf_parse("gc.toml", buf_str(&text), &c, &e) < 0)
        fail_msg("%s", e.text);
    return c;
}

static bool same(const char *a, const char *b)
{
    struct conf *x = with("", a), *y = with("\n\nlog-format = 'json'\n", b);
    bool ret = conf_process_same(x, 0, y, 0);
    assert_int_equal(conf_process_same(y, 0, x, 0), ret);
    assert_true(conf_process_same(x, 0, x, 0) && conf_process_same(y, 0, y, 0));
    conf_free(x);
    conf_free(y);
    return ret;
}

static void what_is_written_otherwise_is_the_same(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        { "", "" },
        { "run = 'a b'", "run = ['a', 'b']" },
        { "run = 'a b'", "\n\nrun = { command = 'a b' }" },
        { "", "stop = 'SIGTERM'\nrestart = 'no'\nrestart-limit = 5\nrestart-window = '1m'\n"
              "ready-timeout = '30s'\nstop-timeout = '3000ms'" },
        { "run = 'x'\nlive = { log = 'l' }",
            "run = 'x'\nlive = { failures = 3, every = '10s', log = 'l' }" },
        { "env = { A = '1', B = '2' }", "env = { B = '2', A = '1' }" },
        { "limits = { core = 1, nofile = 2 }", "limits = { nofile = 2, core = 1 }" },
        { "groups = ['a', 'b']", "groups = ['b', 'a', 'b']" },
        { "run = { command = 'x', only-env = ['A', 'B'] }",
            "run = { command = 'x', only-env = ['B', 'A'] }" },
        { "capabilities = ['chown', 'kill']", "capabilities = ['kill', 'chown']" },
        { "depends-on = ['db', 'q']", "depends-on = ['q', 'db', 'q']" },
        { "umask = '27'", "umask = '0027'" },
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (!same(pairs[i][0], pairs[i][1]))
            fail_msg("%s\n%s", pairs[i][0], pairs[i][1]);
    }
}

static void each_key_makes_a_difference(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        { "", "run = 'x'" },
        { "", "pre = 'x'" },
        { "", "post = 'x'" },
        { "", "stop = 'x'" },
        { "", "stop = 'SIGINT'" },
        { "run = 'x y'", "run = ['x y']" },
        { "run = 'x'", "run = 'x '" },
        { "run = 'x'", "run = { command = 'x', user = 'u' }" },
        { "run = 'x'", "run = { command = 'x', only-env = [] }" },
        { "run = { command = 'x', only-env = ['A'] }",
            "run = { command = 'x', only-env = ['B'] }" },
        { "run = 'x'", "run = 'x'\nrestart = 'always'" },
        { "", "restart-limit = 'none'" },
        { "", "restart-window = '61s'" },
        { "", "ready-timeout = 'none'" },
        { "", "stop-timeout = '1s'" },
        { "run = 'x'", "run = 'x'\nready.notify = true" },
        { "run = 'x'\nready.tcp = '127.0.0.1:1'", "run = 'x'\nready.tcp = '127.0.0.1:2'" },
        { "run = 'x'\nready.http = 'http://127.0.0.1/a'",
            "run = 'x'\nready.http = 'http://127.0.0.1/b'" },
        { "run = 'x'\nready.log = 'a'", "run = 'x'\nready.log = 'b'" },
        { "run = 'x'\nready.exec = 'a'", "run = 'x'\nready.exec = 'b'" },
        { "run = 'x'\nready.log = 'a'", "run = 'x'\nlive.log = 'a'" },
        { "run = 'x'\nlive.log = 'a'", "run = 'x'\nlive = { log = 'a', every = '1s' }" },
        { "run = 'x'\nlive.log = 'a'", "run = 'x'\nlive = { log = 'a', failures = 1 }" },
        { "", "depends-on = ['db']" },
        { "depends-on = ['q']", "depends-on = ['db']" },
        { "", "env = { A = '1' }" },
        { "env = { A = '1' }", "env = { A = '2' }" },
        { "env = { A = '1' }", "env = { B = '1' }" },
        { "", "cwd = '/'" },
        { "", "umask = '0'" },
        { "limits = { core = 1 }", "limits = { core = 2 }" },
        { "limits = { core = 1 }", "limits = { nofile = 1 }" },
        { "", "groups = []" },
        { "groups = ['a']", "groups = ['b']" },
        { "", "capabilities = []" },
        { "capabilities = []", "capabilities = ['kill']" },
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (same(pairs[i][0], pairs[i][1]))
            fail_msg("%s\n%s", pairs[i][0], pairs[i][1]);
    }
}

/* The same names at other places are the same dependencies; the same places are not. */
static void dependencies_are_compared_by_name(void **state)
{
    (void)state;
    struct conf *x = with("", "depends-on = ['db', 'q']"),
                *y = with("[[processes]]\nname = 'q0'\n", "depends-on = ['q', 'db']");
    assert_int_not_equal(x->processes[0].depends[0], y->processes[1].depends[0]);
    assert_true(conf_process_same(x, 0, y, 1));
    assert_false(conf_process_same(x, 0, y, 0));
    conf_free(x);
    conf_free(y);
}

static void a_variable_is_used_where_it_can_be_seen(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *variable;
        bool used;
    } cases[] = {
        { "", "A", false },
        { "run = 'x'", "A", true },
        { "pre = 'x'", "A", true },
        { "post = 'x'", "A", true },
        { "stop = 'x'", "A", true },
        { "stop = 'SIGINT'", "A", false },
        { "run = { command = 'x', only-env = [] }", "A", false },
        { "run = { command = 'x', only-env = [] }", "PATH", true },
        { "run = { command = 'x', only-env = ['B', 'A'] }", "A", true },
        { "run = { command = 'x', only-env = ['AA'] }", "A", false },
        { "run = { command = 'x {{A}}', only-env = [] }", "A", true },
        { "run = { command = '{{ A }}', only-env = [] }", "A", true },
        { "run = { command = ['x', 'a{{B}}{{A}}'], only-env = [] }", "A", true },
        { "run = { command = 'x {{AA}} {A}', only-env = [] }", "A", false },
        { "run = { command = 'x', only-env = [] }\npost = 'x'", "A", true },
        { "run = { command = 'x', only-env = [] }\nready.exec = 'x'", "A", false },
        { "run = { command = 'x', only-env = ['A'] }\nlive.exec = 'x'", "A", true },
        { "run = { command = 'x', only-env = [] }\nlive.exec = 'x {{A}}'", "A", true },
        { "run = { command = 'x', only-env = [] }\n"
          "ready.exec = { command = 'x', only-env = ['A'] }",
            "A", true },
        { "run = 'x {{A}}'\nenv = { A = '1' }", "A", false },
        { "run = 'x {{A}}'\nenv = { A = '1' }", "B", true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conf *c = with("", cases[i].keys);
        if (conf_process_uses(&c->processes[0], cases[i].variable) != cases[i].used)
            fail_msg("%s: %s", cases[i].keys, cases[i].variable);
        conf_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_otherwise_is_the_same),
        cmocka_unit_test(each_key_makes_a_difference),
        cmocka_unit_test(dependencies_are_compared_by_name),
        cmocka_unit_test(a_variable_is_used_where_it_can_be_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
