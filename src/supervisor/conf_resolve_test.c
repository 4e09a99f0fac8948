#include "supervisor/conf.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void note(void *ctx, struct str text)
{
    struct buf *out = ctx;
    buf_add(out, text);
    buf_add_byte(out, '\n');
}

/* What is said of the file's text in a small environment, a line for each. */
static void check(const char *toml, const char *want)
{
    char path[] = "PATH=/usr/bin:/bin", home[] = "HOME=/root", odd[] = "ODD=\xff";
    char *environ_[] = { path, home, odd, NULL };
    AUTO_BUF struct buf out = BUF_INIT(1 << 16);
    struct conf *c = NULL;
    struct err e = ERR_INIT;
    if (conf_parse("f.toml", str_from(toml), &c, &e) < 0)
        fail_msg("%s", e.text);
    size_t n = conf_resolve(c, environ_, note, &out), lines = 0;
    for (size_t i = 0; i < out.n; i++)
        lines += out.p[i] == '\n';
    conf_free(c);
    if (!str_eq(buf_str(&out), str_from(want)))
        fail_msg("got:\n%" STR_FMT "wanted:\n%s", STR_ARG(buf_str(&out)), want);
    assert_int_equal(n, lines);
}

/* A process of name x whose run is fine, with more keys from line 4 on. */
#define PROCESS "[[processes]]\nname = \"x\"\nrun = \"sh\"\n"
#define AT(line) "f.toml:" line ": process \"x\": "

static void what_is_there_is_not_talked_about(void **state)
{
    (void)state;
    check("[env]\nA = \"1\"\n[[processes]]\nname = \"x\"\n"
          "pre = { command = \"/bin/sh {{A}} {{HOME}}\", user = \"nobody\" }\n"
          "run = { command = [\"sh\"], only-env = [\"A\", \"HOME\", \"RUST_LOG\", \"OWN\"] }\n"
          "stop = \"SIGINT\"\npost = \"true {{OWN}} {{ RUST_LOG }}\"\n"
          "env = { OWN = \"file:/etc/passwd\" }\ncwd = \"/\"\ngroups = [\"adm\"]\n"
          "live = { exec = [\"true\"] }\n",
        "");
}

static void each_missing_thing_is_said_with_its_place(void **state)
{
    static const struct {
        const char *toml, *want;
    } cases[] = {
        { PROCESS "pre = { command = \"sh\", user = \"foo\" }",
            AT("4") "pre: there is no user \"foo\" in /etc/passwd\n" },
        { PROCESS "post = \"no-such-program\"",
            AT("4") "post: cannot run \"no-such-program\": No such file or directory\n" },
        { PROCESS "post = \"/etc/passwd\"",
            AT("4") "post: cannot run \"/etc/passwd\": Permission denied\n" },
        { PROCESS "post = \"\"",
            AT("4") "post: cannot run \"\": No such file or directory; the command is empty or "
                    "begins with a blank\n" },
        { PROCESS "pre = \"sh {{NONE}} x{{ NONE2 }}y{{A-B}}\"",
            AT("4") "pre: unknown variable \"NONE\": set it in the environment or in [env]\n" AT(
                "4") "pre: unknown variable \"NONE2\": set it in the environment or in [env]\n" },
        { PROCESS "pre = \"{{NONE}}\"",
            AT("4") "pre: unknown variable \"NONE\": set it in the environment or in [env]\n" },
        { PROCESS "pre = \"sh {{ODD}}\"",
            AT("4") "pre: unknown variable \"ODD\": set it in the environment or in [env]\n" },
        { PROCESS "pre = { command = \"sh\", only-env = [\"HOME\", \"NONE\"] }",
            AT("4") "pre: unknown variable \"NONE\" in only-env; set it in the environment or in "
                    "[env]\n" },
        { PROCESS "cwd = \"/no/such\"", AT("1") "cwd: \"/no/such\": No such file or directory\n" },
        { PROCESS "cwd = \"/etc/passwd\"", AT("1") "cwd: \"/etc/passwd\": Not a directory\n" },
        { PROCESS "groups = [\"adm\", \"foo\"]",
            AT("1") "groups: there is no group \"foo\" in /etc/group\n" },
        { PROCESS "env = { A = \"file:/no/such\" }\npost = \"sh {{A}}\"",
            AT("1") "env: cannot read \"/no/such\" for env \"A\": No such file or directory\n" },
        { PROCESS "live = { exec = [\"no-such-program\"] }",
            AT("4") "live: cannot run \"no-such-program\": No such file or directory\n" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(cases[i].toml, cases[i].want);
}

static void the_path_of_the_process_counts(void **state)
{
    (void)state;
    check(PROCESS "env = { PATH = \"/no/such\" }",
        AT("3") "run: cannot run \"sh\": No such file or directory\n");
    check("[env]\nPATH = \"/no/such\"\n" PROCESS,
        AT("5") "run: cannot run \"sh\": No such file or directory\n");
}

static void a_relative_program_is_looked_for_in_the_folder(void **state)
{
    (void)state;
    check(PROCESS "cwd = \"/usr\"\npost = \"bin/env\"", "");
    check(PROCESS "cwd = \"/etc\"\npost = \"./env\"",
        AT("5") "post: cannot run \"./env\": No such file or directory\n");
    check(PROCESS "cwd = \"/no/such\"\npost = \"bin/env\"",
        AT("1") "cwd: \"/no/such\": No such file or directory\n");
}

static void a_signal_that_is_none_is_explained(void **state)
{
    static const char *const names[] = { "SIGHUP", "sigterm", "SIGUSR1", "hup", "TERM" };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char toml[128], want[256];
        (void)snprintf(toml, sizeof toml, PROCESS "stop = \"%s\"", names[i]);
        (void)snprintf(want, sizeof want,
            AT("4") "stop: cannot run \"%s\": No such file or directory; of signals only "
                    "\"SIGINT\", \"SIGQUIT\" and \"SIGTERM\" can be sent: write one of these\n",
            names[i]);
        check(toml, want);
    }
    check(PROCESS "post = \"SIGHUP\"",
        AT("4") "post: cannot run \"SIGHUP\": No such file or directory\n");
}

static void all_is_said_in_the_order_of_the_processes(void **state)
{
    (void)state;
    check("[[processes]]\nname = \"b\"\nrun = { command = \"none {{X}}\", user = \"foo\" }\n"
          "depends-on = [\"a\"]\n[[processes]]\nname = \"a\"\nrun = \"gone\"\n",
        "f.toml:3: process \"b\": run: there is no user \"foo\" in /etc/passwd\n"
        "f.toml:3: process \"b\": run: unknown variable \"X\": set it in the environment or in "
        "[env]\n"
        "f.toml:3: process \"b\": run: cannot run \"none\": No such file or directory\n"
        "f.toml:7: process \"a\": run: cannot run \"gone\": No such file or directory\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_there_is_not_talked_about),
        cmocka_unit_test(each_missing_thing_is_said_with_its_place),
        cmocka_unit_test(the_path_of_the_process_counts),
        cmocka_unit_test(a_relative_program_is_looked_for_in_the_folder),
        cmocka_unit_test(a_signal_that_is_none_is_explained),
        cmocka_unit_test(all_is_said_in_the_order_of_the_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
