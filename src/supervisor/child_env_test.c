/* Environment, arguments and the way to the program, as a real program got them. */
#include "supervisor/child_fixture.h"

static void a_program_runs_with_its_arguments(void **state)
{
    go(*state, (const char *[]){ "printf", "%s|", "a b", "", "c", NULL });
    ran(*state, "a b||c|");
}

static void its_exit_status_is_its_own(void **state)
{
    struct fixture *f = *state;
    go(f, SH("exit 7"));
    assert_int_equal(f->report.n, 0);
    assert_int_equal(WEXITSTATUS(f->status), 7);
}

static void templates_are_filled_in_everywhere(void **state)
{
    struct fixture *f = *state;
    static const struct env_pair env[] = { { "TOOL", "printf" }, { "COLOR", "red" } };
    f->process.env = env;
    f->process.env_n = ARRAY_LEN(env);
    f->command.filter = true;
    go(f, (const char *[]){ "{{TOOL}}", "%s|", "{{COLOR}} {{ HOME }}", "{{A-B}}", NULL });
    ran(f, "red /root|{{A-B}}|");
}

static void an_unknown_template_is_an_error(void **state)
{
    struct fixture *f = *state;
    go(f, (const char *[]){ "sh", "{{MISSING}}", NULL });
    failed(f, "cannot expand the arguments of \"sh\": unknown variable \"MISSING\": set it in the "
              "environment or in [env]");
}

static void programs_that_do_not_run_are_told_of(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *program, *text;
    } cases[] = {
        { "", "cannot run \"\": No such file or directory" },
        { "no-such-program", "cannot run \"no-such-program\": No such file or directory" },
        { "/no/such", "cannot run \"/no/such\": No such file or directory" },
        { "/etc/passwd", "cannot run \"/etc/passwd\": Permission denied" },
        { "/etc", "cannot run \"/etc\": Permission denied" },
        { "/etc/passwd/x", "cannot run \"/etc/passwd/x\": Not a directory" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        go(f, (const char *[]){ cases[i].program, NULL });
        failed(f, cases[i].text);
    }
}

static void a_script_without_interpreter_is_no_program(void **state)
{
    struct fixture *f = *state;
    AUTO_PLACE struct place bare = place("echo hello\n", 0755);
    AUTO_PLACE struct place lost = place("#!/no/such/interpreter\n", 0755);
    go(f, (const char *[]){ bare.file, NULL });
    failed(f, text("cannot run \"%s\": Exec format error: a script needs #! and its interpreter "
                   "in the first line",
                  bare.file));
    go(f, (const char *[]){ lost.file, NULL });
    failed(f, text("cannot run \"%s\": No such file or directory: the interpreter of its first "
                   "line, or its loader, is not there",
                  lost.file));
}

static void a_program_is_found_along_the_path_of_its_environment(void **state)
{
    struct fixture *f = *state;
    AUTO_PLACE struct place good = place("#!/bin/sh\necho good\n", 0755);
    AUTO_PLACE struct place shut = place("#!/bin/sh\necho shut\n", 0644);
    char path[128];
    struct env_pair env = { "PATH", path };
    f->process.env = &env;
    f->process.env_n = 1;
    (void)snprintf(path, sizeof path, "/no/such:%s:%s", shut.dir, good.dir);
    go(f, (const char *[]){ "tool", NULL });
    ran(f, "good\n");
    (void)snprintf(path, sizeof path, "%s:/no/such", shut.dir);
    go(f, (const char *[]){ "tool", NULL });
    failed(f, "cannot run \"tool\": Permission denied");
    f->process.cwd = good.dir;
    (void)snprintf(path, sizeof path, "/no/such:");
    go(f, (const char *[]){ "tool", NULL });
    ran(f, "good\n");
    go(f, (const char *[]){ "./tool", NULL });
    ran(f, "good\n");
}

static void without_path_the_usual_folders_are_searched(void **state)
{
    struct fixture *f = *state;
    f->launch.environ_[0] = f->launch.environ_[1];
    go(f, (const char *[]){ "env", NULL });
    ran(f, "HOME=/root\nHOME=/root\nCOLOR=blue\n");
}

static void a_service_managers_variables_are_not_inherited(void **state)
{
    go(*state, (const char *[]){ "env", NULL });
    ran(*state, "PATH=/usr/bin:/bin\nHOME=/root\nCOLOR=blue\n");
}

static void notify_variables_are_the_supervisors(void **state)
{
    struct fixture *f = *state;
    f->command.filter = true;
    f->launch.notify_socket = "/run/n";
    f->launch.watchdog_ms = 1500;
    go(f, (const char *[]){ "env", NULL });
    ran(f, "PATH=/usr/bin:/bin\nNOTIFY_SOCKET=/run/n\nWATCHDOG_USEC=1500000\n");
}

static void only_env_is_path_and_what_is_listed(void **state)
{
    struct fixture *f = *state;
    static const char *names[] = { "COLOR", "PATH", "NOTIFY_SOCKET", NULL };
    f->command.filter = true;
    f->command.only_env = names;
    f->command.only_env_n = 3;
    go(f, (const char *[]){ "env", NULL });
    ran(f, "COLOR=blue\nPATH=/usr/bin:/bin\n");
}

static void only_env_of_an_unset_variable_is_an_error(void **state)
{
    struct fixture *f = *state;
    static const char *names[] = { "MISSING", NULL };
    static const struct env_pair own = { "MISSING", "here" };
    f->command.filter = true;
    f->command.only_env = names;
    f->command.only_env_n = 1;
    go(f, (const char *[]){ "env", NULL });
    failed(f, "unknown variable \"MISSING\" in only-env");
    f->process.env = &own;
    f->process.env_n = 1;
    go(f, (const char *[]){ "env", NULL });
    ran(f, "PATH=/usr/bin:/bin\nMISSING=here\n");
}

static void a_probe_takes_user_and_variables_from_run(void **state)
{
    struct fixture *f = *state;
    static const char *names[] = { "COLOR", NULL };
    const struct command run = { .filter = true, .only_env = names, .only_env_n = 1 };
    f->process.run = &run;
    go(f, (const char *[]){ "env", NULL });
    ran(f, "PATH=/usr/bin:/bin\nHOME=/root\nCOLOR=blue\n");
    f->launch.inherit_from_run = true;
    go(f, (const char *[]){ "env", NULL });
    ran(f, "PATH=/usr/bin:/bin\nCOLOR=blue\n");
    f->command.filter = true;
    go(f, (const char *[]){ "env", NULL });
    ran(f, "PATH=/usr/bin:/bin\n");
}

static void a_file_value_loses_one_line_end(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *content, *out;
    } cases[] = { { "s3cret", "[s3cret]" }, { "s3cret\n", "[s3cret]" },
        { "s3cret\r\n", "[s3cret]" }, { "a\nb\n\n", "[a\nb\n]" }, { "", "[]" }, { "\n", "[]" } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_PLACE struct place p = place(cases[i].content, 0600);
        char value[64];
        const struct env_pair env = { "KEY", value };
        (void)snprintf(value, sizeof value, "file:%s", p.file);
        f->process.env = &env;
        f->process.env_n = 1;
        go(f, SH("printf '[%s]' \"$KEY\""));
        ran(f, cases[i].out);
    }
}

static void a_secret_is_read_before_the_user_changes(void **state)
{
    struct fixture *f = *state;
    AUTO_PLACE struct place p = place("s3cret\n", 0600);
    char value[64];
    const struct env_pair env = { "KEY", value };
    as_nobody(f);
    (void)snprintf(value, sizeof value, "file:%s", p.file);
    f->process.env = &env;
    f->process.env_n = 1;
    go(f, SH("printf %s \"$KEY\""));
    ran(f, "s3cret");
}

static void a_file_value_that_cannot_be_is_told_of_without_its_content(void **state)
{
    struct fixture *f = *state;
    AUTO_PLACE struct place p = place("s3cret", 0600);
    struct env_pair env = { "KEY", "file:/no/such" };
    f->process.env = &env;
    f->process.env_n = 1;
    go(f, SH(":"));
    failed(f, "cannot read \"/no/such\" for env \"KEY\": No such file or directory");
    env.value = "file:/tmp";
    go(f, SH(":"));
    failed(f, "cannot read \"/tmp\" for env \"KEY\": it is not a plain file");
    char value[64];
    (void)snprintf(value, sizeof value, "file:%s", p.file);
    env.value = value;
    assert_int_equal(truncate(p.file, 7), 0); /* a NUL behind it */
    go(f, SH(":"));
    failed(f, text("cannot use \"%s\" for env \"KEY\": it has a NUL byte, which no variable can "
                   "hold; give the program the path",
                  p.file));
    assert_int_equal(truncate(p.file, 65537), 0);
    go(f, SH(":"));
    failed(f, text("cannot use \"%s\" for env \"KEY\": it is longer than 64 KiB", p.file));
}

static void a_pipe_as_a_file_value_does_not_block(void **state)
{
    struct fixture *f = *state;
    AUTO_PLACE struct place p = place("", 0600);
    char value[64];
    const struct env_pair env = { "KEY", value };
    assert_int_equal(unlink(p.file), 0);
    assert_int_equal(mkfifo(p.file, 0600), 0);
    (void)snprintf(value, sizeof value, "file:%s", p.file);
    f->process.env = &env;
    f->process.env_n = 1;
    go(f, SH(":"));
    failed(f, text("cannot read \"%s\" for env \"KEY\": it is not a plain file", p.file));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_program_runs_with_its_arguments),
        TEST(its_exit_status_is_its_own),
        TEST(templates_are_filled_in_everywhere),
        TEST(an_unknown_template_is_an_error),
        TEST(programs_that_do_not_run_are_told_of),
        TEST(a_script_without_interpreter_is_no_program),
        TEST(a_program_is_found_along_the_path_of_its_environment),
        TEST(without_path_the_usual_folders_are_searched),
        TEST(a_service_managers_variables_are_not_inherited),
        TEST(notify_variables_are_the_supervisors),
        TEST(only_env_is_path_and_what_is_listed),
        TEST(only_env_of_an_unset_variable_is_an_error),
        TEST(a_probe_takes_user_and_variables_from_run),
        TEST(a_file_value_loses_one_line_end),
        TEST(a_secret_is_read_before_the_user_changes),
        TEST(a_file_value_that_cannot_be_is_told_of_without_its_content),
        TEST(a_pipe_as_a_file_value_does_not_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
