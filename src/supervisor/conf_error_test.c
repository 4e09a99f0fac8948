/* Each row is a file with one mistake and the whole sentence that its author reads. */
#include "base/buf.h"
#include "supervisor/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define WEB "[[processes]]\nname = 'web'\n"
#define RUN WEB "run = 'x'\n"
#define AT "gc.toml:3: process \"web\": key "
#define AT4 "gc.toml:4: process \"web\": key "

struct row {
    const char *text, *error; /* the start of it */
};

static void check(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct conf *c = NULL;
        struct err e = ERR_INIT;
        if (conf_parse("gc.toml", str_from(rows[i].text), &c, &e) == 0) {
            conf_free(c);
            fail_msg("loads: %s", rows[i].text);
        }
        if (e.kind != ERR_USAGE || strncmp(e.text, rows[i].error, strlen(rows[i].error)) != 0)
            fail_msg("%s\n is: %s\n not %s", rows[i].text, e.text, rows[i].error);
    }
}

static void the_top_says_what_to_write(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "",
            "gc.toml:1: key \"processes\": is missing; write [[processes]] above each process, or "
            "processes = [] for none" },
        { "processes = []\nx =", "gc.toml:2: this is no TOML: " },
        { "[processes]\nname = 'a'",
            "gc.toml:1: key \"processes\": needs an array of tables; write "
            "[[processes]] above each process, not a table" },
        { "processes = [1]", "gc.toml:1: process 1: needs a table; write [[processes]] above" },
        { "process = []", "gc.toml:1: key \"process\": is not known here; write \"processes\"" },
        { "\nsuppress-timestamps = true", "gc.toml:2: key \"suppress-timestamps\": is not known "
                                          "here; write \"suppress_timestamps\" instead" },
        { "suppress_timestamps = 'yes'", "gc.toml:1: key \"suppress_timestamps\": needs true or "
                                         "false, not a string" },
        { "whatever = 1",
            "gc.toml:1: key \"whatever\": is not known here; write one of "
            "suppress_timestamps, env, processes, shutdown-timeout, log-format, control" },
        { "env = 'A=b'",
            "gc.toml:1: key \"env\": needs a table such as { NAME = \"value\" }, not a "
            "string" },
        { "[env]\nA = 1", "gc.toml:2: key \"env.A\": needs a string such as \"value\", not an "
                          "integer" },
        { "[env]\n'A=B' = '1'",
            "gc.toml:2: key \"env\": \"A=B\" is no name of a variable; write it "
            "without the \"=\"" },
        { "[env]\n'' = '1'", "gc.toml:2: key \"env\": the name of a variable is empty; " },
        { "[env]\nA = \"a\\u0000b\"", "gc.toml:2: key \"env.A\": holds a NUL, which no program can "
                                      "be given; leave \\u0000 out" },
        { "[env]\n\"A\\u0000\" = 'b'", "gc.toml:2: key \"env\": holds a NUL" },
        { "shutdown-timeout = 5",
            "gc.toml:1: key \"shutdown-timeout\": has no unit; write \"5s\"" },
        { "shutdown-timeout = '5'",
            "gc.toml:1: key \"shutdown-timeout\": \"5\" is no time of up to "
            "a year; write a number with ms, s, m or h, such as \"5s\" or "
            "\"none\"" },
        { "shutdown-timeout = true", "gc.toml:1: key \"shutdown-timeout\": needs a time such as "
                                     "\"5s\" or \"none\", not a boolean" },
        { "log-format = 'xml'",
            "gc.toml:1: key \"log-format\": \"xml\" is not known; write \"text\" "
            "or \"json\" instead" },
        { "log-format = 1", "gc.toml:1: key \"log-format\": needs \"text\" or \"json\", not an "
                            "integer" },
        { "control = ''",
            "gc.toml:1: key \"control\": is empty; write the path of a socket, such as "
            "\"/run/x.sock\", or leave the key out" },
        { "control = "
          "'/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/"
          "0123456789/0123456789/012345678'",
            "gc.toml:1: key \"control\": is longer than a socket's "
            "path may be; write one of up to 107 bytes" },
    };
    check(rows, ARRAY_LEN(rows));
}

static void a_process_says_what_to_write(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "[[processes]]\nrun = 'x'",
            "gc.toml:1: process 1: key \"name\": is missing; write name = "
            "\"web\"" },
        { WEB "[[processes]]\nrum = 'x'", "gc.toml:4: process 2: key \"rum\": is not known here; "
                                          "write \"run\" instead" },
        { "[[processes]]\nname = 3", "gc.toml:2: process 1: key \"name\": needs a string such as "
                                     "\"web\", not an integer" },
        { "[[processes]]\nname = \"a\\u0000b\"", "gc.toml:2: process \"a\\u0000b\": key \"name\": "
                                                 "holds a NUL" },
        { WEB "restart_limit = 3", AT "\"restart_limit\": is not known here; write "
                                      "\"restart-limit\" instead" },
        { WEB "depends_on = []", AT "\"depends_on\": is not known here; write \"depends-on\"" },
        { WEB "Run = 'x'", AT "\"Run\": is not known here; write \"run\" instead" },
        { WEB "capability = []", AT "\"capability\": is not known here; write \"capabilities\"" },
        { RUN "restart = 'yes'", AT4 "\"restart\": \"yes\" is not known; write \"no\", "
                                     "\"on-failure\" or \"always\" instead" },
        { RUN "restart = true",
            AT4 "\"restart\": needs \"no\", \"on-failure\" or \"always\", not a "
                "boolean" },
        { WEB "restart = 'always'",
            AT "\"restart\": is about a process that runs; write \"run\" too, "
               "or leave this key out" },
        { WEB "restart-limit = 'all'", AT "\"restart-limit\": needs a whole number such as 5, or "
                                          "\"none\", not a string" },
        { WEB "restart-limit = -1",
            AT "\"restart-limit\": is out of range; write a number from 0 to "
               "1000000" },
        { WEB "restart-window = 'none'",
            AT "\"restart-window\": \"none\" is no time of up to a year; "
               "write a number with ms, s, m or h, such as \"60s\"" },
        { WEB "restart-window = '0s'", AT "\"restart-window\": would make the limit count nothing; "
                                          "write a time such as \"60s\"" },
        { WEB "ready-timeout = 3", AT "\"ready-timeout\": has no unit; write \"3s\" instead" },
        { WEB "stop-timeout = 3", AT "\"stop-timeout\": has no unit; write \"3s\" instead" },
        { WEB "stop-timeout = 1.5",
            AT "\"stop-timeout\": is a bare number; write \"3s\" or \"none\" "
               "instead" },
        { WEB "stop-timeout = -3",
            AT "\"stop-timeout\": is a bare number; write \"3s\" or \"none\"" },
        { WEB "stop-timeout = '3 s'", AT "\"stop-timeout\": \"3 s\" is no time" },
    };
    check(rows, ARRAY_LEN(rows));
}

static void the_surroundings_say_what_to_write(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { WEB "env = []", AT "\"env\": needs a table" },
        { WEB "env = { A = 'file:' }", AT "\"env.A\": names no file; write one, such as "
                                          "\"file:/run/secret\"" },
        { WEB "cwd = ''",
            AT "\"cwd\": is empty; write a folder such as \"/srv\", or leave the key" },
        { WEB "umask = 27", AT "\"umask\": needs an octal number as a string, such as \"027\", not "
                               "an integer" },
        { WEB "umask = '028'", AT "\"umask\": \"028\" is no umask; write octal digits such as "
                                  "\"027\"" },
        { WEB "umask = ''", AT "\"umask\": \"\" is no umask" },
        { WEB "umask = '1000'", AT "\"umask\": \"1000\" is no umask" },
        { WEB "umask = '00027'", AT "\"umask\": \"00027\" is no umask" },
        { WEB "limits = []",
            AT "\"limits\": needs a table such as { nofile = 1024 }, not an array" },
        { WEB "limits = { files = 1 }",
            AT "\"limits.files\": is no limit that is known; write one of "
               "setrlimit(2) in lower case, such as nofile" },
        { WEB "limits.nofile = -1",
            AT "\"limits.nofile\": is below zero; write \"unlimited\" if that "
               "is meant" },
        { WEB "limits.nofile = '1k'",
            AT "\"limits.nofile\": needs a whole number, or \"unlimited\", "
               "not a string" },
        { WEB "groups = 'adm'",
            AT "\"groups\": needs an array of names such as [\"adm\"] or [], not "
               "a string" },
        { WEB "groups = ['adm', 4]", AT "\"groups\": needs an array of names such as [\"adm\"] or "
                                        "[], but there is an integer in it" },
        { WEB "groups = ['adm',\n'']", AT4 "\"groups\": has an empty name in it; write one such as "
                                           "\"adm\"" },
        { WEB "capabilities = ['bind']",
            AT "\"capabilities\": \"bind\" is no capability that is "
               "known; write one of capabilities(7) in lower case, such "
               "as \"net_bind_service\"" },
        { WEB "capabilities = true", AT "\"capabilities\": needs an array of names" },
    };
    check(rows, ARRAY_LEN(rows));
}

static void a_command_says_what_to_write(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { WEB "run = []",
            AT "\"run\": is an empty array, which names no program; leave the key out "
               "to run nothing, or write the program first" },
        { WEB "pre = { command = [] }", AT "\"pre.command\": is an empty array" },
        { WEB "run = 1", AT "\"run\": needs a string, an array of strings or a table with "
                            "\"command\", not an integer" },
        { WEB "run = ['a', 1]", AT "\"run\": needs an array of strings such as [\"/bin/web\", "
                                   "\"--port=80\"], but there is an integer in it" },
        { WEB "run = {}", AT "\"run\": lacks the command itself" },
        { WEB "run = { command = { command = 'x' } }", AT "\"run.command\": needs a string or an "
                                                          "array of strings, not a table" },
        { WEB "run = { cmd = 'x' }",
            AT "\"run.cmd\": is not known here; write one of command, user, "
               "only-env instead" },
        { WEB "run = { commando = 'x' }",
            AT "\"run.commando\": is not known here; write \"command\"" },
        { WEB "run = { command = 'x', only_env = [] }", AT "\"run.only_env\": is not known here; "
                                                           "write \"only-env\" instead" },
        { WEB "run = { command = 'x', user = 1000 }",
            AT "\"run.user\": needs the name of a user as a "
               "string, such as \"git\", not an integer" },
        { WEB "run = { command = 'x', only-env = 'A' }", AT "\"run.only-env\": needs an array of "
                                                            "names such as [\"HOME\"] or [], not a "
                                                            "string" },
        { WEB "run = { command = 'x', only-env = ['A=b'] }",
            AT "\"run.only-env\": \"A=b\" is no name "
               "of a variable" },
        { WEB "run = { command = 'x', only-env = [''] }", AT "\"run.only-env\": the name of a "
                                                             "variable is empty" },
        { WEB "run = \"a\\u0000b\"", AT "\"run\": holds a NUL" },
        { WEB "run = ['a', \"b\\u0000\"]", AT "\"run\": holds a NUL" },
        { WEB "stop = []", AT "\"stop\": is an empty array" },
        { WEB "stop = 15", AT "\"stop\": needs a string" },
        { WEB "post = { user = 'x' }", AT "\"post\": lacks the command itself" },
    };
    check(rows, ARRAY_LEN(rows));
}

static void an_address_says_what_to_write(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { RUN "ready = 'x'",
            AT4 "\"ready\": needs a table such as { tcp = \"127.0.0.1:80\" }, not a "
                "string" },
        { RUN "ready = {}", AT4 "\"ready\": says not what to try; write one of tcp, http, exec, "
                                "notify, log" },
        { RUN "live = { every = '1s' }", AT4 "\"live\": says not what to try" },
        { RUN "ready = { tcp = '[::1]:1', log = 'x' }", AT4 "\"ready.log\": is a second kind of "
                                                            "probe; keep one of" },
        { RUN "ready = { udp = 'x' }", AT4 "\"ready.udp\": is not known here; write " },
        { RUN "ready = { tcp = 80 }", AT4 "\"ready.tcp\": needs an address such as "
                                          "\"127.0.0.1:80\", not an integer" },
        { RUN "ready = { tcp = '127.0.0.1' }", AT4 "\"ready.tcp\": names no port; write an address "
                                                   "such as \"127.0.0.1:80\"" },
        { RUN "ready = { tcp = '127.0.0.1:0' }",
            AT4 "\"ready.tcp\": \"0\" is no port; write a number "
                "from 1 to 65535" },
        { RUN "ready = { tcp = '127.0.0.1:65536' }", AT4 "\"ready.tcp\": \"65536\" is no port" },
        { RUN "ready = { tcp = '127.0.0.1:http' }", AT4 "\"ready.tcp\": \"http\" is no port" },
        { RUN "ready = { tcp = '::1:80' }", AT4 "\"ready.tcp\": needs brackets around an IPv6 "
                                                "address; write \"[::1]:80\"" },
        { RUN "ready = { tcp = '[::1]' }", AT4 "\"ready.tcp\": names no port" },
        { RUN "ready = { tcp = '[]:1' }", AT4 "\"ready.tcp\": \"[]\" is no address" },
        { RUN "ready = { tcp = '[localhost]:1' }",
            AT4 "\"ready.tcp\": \"[localhost]\" is no address" },
        { RUN "ready = { tcp = '[:1' }", AT4 "\"ready.tcp\": \"[\" is no address" },
        { RUN "ready = { tcp = ':80' }", AT4 "\"ready.tcp\": \"\" is no address" },
        { RUN "ready = { tcp = 'db.internal:80' }",
            AT4 "\"ready.tcp\": \"db.internal\" is no "
                "address, and looking a name up would block the "
                "supervisor; write an IPv4 address, an IPv6 "
                "address in brackets or localhost" },
    };
    check(rows, ARRAY_LEN(rows));
}

static void a_url_says_what_to_write(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { RUN "live = { http = 'https://[::1]/' }",
            AT4 "\"live.http\": TLS is not spoken here; use "
                "exec with a program that does" },
        { RUN "live = { http = 'ftp://x' }", AT4 "\"live.http\": needs a URL such as "
                                                 "\"http://127.0.0.1:8080/health\"" },
        { RUN "live = { http = '' }", AT4 "\"live.http\": is empty; write a URL" },
        { RUN "live = { http = 'http://' }", AT4 "\"live.http\": \"\" is no address" },
        { RUN "live = { http = 'http://web/' }", AT4 "\"live.http\": \"web\" is no address" },
        { RUN "live = { http = 'http://u:p@127.0.0.1/' }", AT4 "\"live.http\": holds a user" },
        { RUN "live = { http = 'http://127.0.0.1/a b' }",
            AT4 "\"live.http\": holds a blank, a "
                "control or a non-ASCII character; write "
                "it as %20" },
        { RUN "live = { http = \"http://127.0.0.1/\\r\\nX: y\" }",
            AT4 "\"live.http\": holds a blank" },
        { RUN "live = { http = \"http://127.0.0.1/\\u00e4\" }",
            AT4 "\"live.http\": holds a blank" },
        { RUN "live = { http = 'http://127.0.0.1/#x' }", AT4 "\"live.http\": has a fragment" },
    };
    check(rows, ARRAY_LEN(rows));
}

static void the_other_probes_say_what_to_write(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { RUN "ready = { exec = [] }", AT4 "\"ready.exec\": is an empty array" },
        { RUN "ready = { exec = { user = 'x' } }", AT4 "\"ready.exec\": lacks the command itself" },
        { RUN "ready = { notify = false }",
            AT4 "\"ready.notify\": can only be true; write true, or "
                "leave the whole probe out" },
        { RUN "ready = { notify = 'yes' }", AT4 "\"ready.notify\": needs true, not a string" },
        { RUN "ready = { log = '' }", AT4 "\"ready.log\": is empty" },
        { RUN "ready = { log = \"a\\nb\" }", AT4 "\"ready.log\": spans lines, but" },
        { RUN "ready = { log = 'x', every = '1s' }",
            AT4 "\"ready.every\": belongs to live alone; "
                "leave it out, and write \"ready-timeout\"" },
        { RUN "ready = { log = 'x', failures = 1 }", AT4 "\"ready.failures\": belongs to live" },
        { RUN "live = { log = 'x', every = '1ms' }",
            AT4 "\"live.every\": is too short to be of use; "
                "write \"10ms\" or more" },
        { RUN "live = { log = 'x', every = 10 }",
            AT4 "\"live.every\": has no unit; write \"10s\"" },
        { RUN "live = { log = 'x', every = 'none' }", AT4 "\"live.every\": \"none\" is no time" },
        { RUN "live = { log = 'x', failures = 0 }",
            AT4 "\"live.failures\": is out of range; write a "
                "number from 1 to 1000000" },
        { RUN "live = { log = 'x', failures = '3' }", AT4 "\"live.failures\": needs a whole number "
                                                          "such as 5, not a string" },
        { WEB "ready = { notify = true }", AT "\"ready\": is about a process that runs" },
        { WEB "live.notify = true", AT "\"live\": is about a process that runs" },
    };
    check(rows, ARRAY_LEN(rows));
}

#define NAMED(name, rest) "[[processes]]\nname = '" name "'\n" rest "\n"

static void a_dependency_says_what_to_write(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { WEB "depends-on = 'db'", AT "\"depends-on\": needs an array of names such as "
                                      "[\"database\"], not a string" },
        { WEB "depends-on = [1]", AT "\"depends-on\": needs an array of names such as "
                                     "[\"database\"], but there is an integer in it" },
        { WEB "depends-on = ['db']",
            AT "\"depends-on\": there is no process \"db\"; write the name "
               "of one in this file" },
        { RUN "depends-on = ['web']",
            AT4 "\"depends-on\": the process depends on itself (\"web\" -> "
                "\"web\"); leave \"web\" out" },
        { WEB "depends-on = ['a']\n" NAMED("a", "run = 'x'") NAMED("a", "run = 'x'"), AT
            "\"depends-on\": \"a\" is the name of two processes, in lines 4 and 7; give each its "
            "own name" },
        { WEB "depends-on = ['a']\n" NAMED("a", "post = 'x'"), AT
            "\"depends-on\": \"a\" has neither pre nor run, so it never starts anything; give it "
            "one, or leave it out here" },
        { NAMED("a", "run = 'x'\ndepends-on = ['b']") NAMED("b", "run = 'x'\ndepends-on = ['a']"),
            "gc.toml:4: process \"a\": key \"depends-on\": the processes wait for each other in a "
            "circle: \"a\" -> \"b\" -> \"a\"; leave one of them out" },
        { NAMED("z", "run = 'x'\ndepends-on = ['a']") NAMED("a", "run = 'x'\ndepends-on = ['b']")
                NAMED("b", "run = 'x'\ndepends-on = ['c']")
                    NAMED("c", "run = 'x'\ndepends-on = ['a']"),
            "gc.toml:8: process \"a\": key \"depends-on\": the processes wait for each other in a "
            "circle: \"a\" -> \"b\" -> \"c\" -> \"a\"; leave one of them out" },
    };
    check(rows, ARRAY_LEN(rows));
}

static void more_processes_than_the_most_are_too_many(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = BUF_INIT(CONF_SIZE_MAX);
    for (int i = 0; i <= PROCESS_MAX; i++)
        buf_addf(&text, WEB);
    buf_add_byte(&text, '\0');
    struct row row = { text.p, "gc.toml:1: key \"processes\": has 1025 processes; write at most "
                               "1024, or use several supervisors" };
    check(&row, 1);
}

static void more_variables_than_the_most_are_too_many(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = BUF_INIT(CONF_SIZE_MAX);
    buf_addf(&text, "processes = []\n[env]\n");
    for (int i = 0; i <= ENV_MAX; i++)
        buf_addf(&text, "V%d = 'x'\n", i);
    buf_add_byte(&text, '\0');
    struct row row = { text.p, "gc.toml:2: key \"env\": names 1025 variables; at most 1024 fit" };
    check(&row, 1);
}

static void a_long_circle_shows_its_start(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = BUF_INIT(CONF_SIZE_MAX);
    for (int i = 0; i < 500; i++)
        buf_addf(&text, "[[processes]]\nname = 'p%d'\nrun = 'x'\ndepends-on = ['p%d']\n", i,
            (i + 1) % 500);
    struct conf *c = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(conf_parse("gc.toml", buf_str(&text), &c, &e), -1);
    assert_non_null(strstr(e.text, "circle: \"p0\" -> \"p1\" -> "));
    assert_non_null(strstr(e.text, " -> ... -> \"p0\"; leave one of them out"));
}

static void a_long_path_leaves_room_for_the_sentence(void **state)
{
    (void)state;
    char file[3000];
    memset(file, 'd', sizeof(file));
    memcpy(file + sizeof(file) - 9, "/gc.toml", 9);
    struct conf *c = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(conf_parse(file, STR(WEB "run = []"), &c, &e), -1);
    assert_non_null(strstr(e.text, "d/gc.toml:3: process \"web\": key \"run\": is an empty array"));
    assert_non_null(strstr(e.text, "or write the program first"));
    AUTO_BUF struct buf large = BUF_INIT(CONF_SIZE_MAX + 1);
    while (large.n <= CONF_SIZE_MAX)
        buf_add_byte(&large, '\n');
    assert_int_equal(conf_parse(file, buf_str(&large), &c, &e), -1);
    assert_non_null(strstr(e.text, "d/gc.toml: is larger than 1048576 bytes"));
}

/* What is shown comes from the file and goes to a terminal. */
static void an_error_holds_no_control_characters(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "[[processes]]\nname = \"\\u001b[2J\\n\"\nrun = []",
            "gc.toml:3: process \"\\u001B[2J\\u000A\": key \"run\": is an empty" },
        { "\"\\u001b\" = 1", "gc.toml:1: key \"\\u001B\": is not known here" },
    };
    check(rows, ARRAY_LEN(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_top_says_what_to_write),
        cmocka_unit_test(a_process_says_what_to_write),
        cmocka_unit_test(the_surroundings_say_what_to_write),
        cmocka_unit_test(a_command_says_what_to_write),
        cmocka_unit_test(an_address_says_what_to_write),
        cmocka_unit_test(a_url_says_what_to_write),
        cmocka_unit_test(the_other_probes_say_what_to_write),
        cmocka_unit_test(a_dependency_says_what_to_write),
        cmocka_unit_test(more_processes_than_the_most_are_too_many),
        cmocka_unit_test(more_variables_than_the_most_are_too_many),
        cmocka_unit_test(a_long_circle_shows_its_start),
        cmocka_unit_test(a_long_path_leaves_room_for_the_sentence),
        cmocka_unit_test(an_error_holds_no_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
