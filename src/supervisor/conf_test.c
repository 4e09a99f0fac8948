#include "supervisor/conf.h"

#include "base/buf.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define WEB "[[processes]]\nname = \"web\"\n"

static void conf_freep(struct conf **c)
{
    conf_free(*c);
}
#define AUTO_CONF AUTO(conf_freep)

static struct conf *parse(const char *text)
{
    struct conf *c = NULL;
    struct err e = ERR_INIT;
    if (conf_parse("gc.toml", str_from(text), &c, &e) < 0)
        fail_msg("%s\n%s", e.text, text);
    return c;
}

static struct conf *load(const char *file)
{
    struct conf *c = NULL;
    struct err e = ERR_INIT;
    if (conf_load(file, &c, &e) < 0)
        fail_msg("%s", e.text);
    return c;
}

/* The words, each in brackets. */
static void assert_words(const struct command *c, const char *want)
{
    AUTO_BUF struct buf got = BUF_INIT(4096);
    assert_non_null(c);
    for (size_t i = 0; i < c->n; i++)
        buf_addf(&got, "[%s]", c->words[i]);
    assert_null(c->words[c->n]);
    buf_add_byte(&got, '\0');
    assert_string_equal(got.p, want);
}

static void assert_order(const struct conf *c, const char *want)
{
    AUTO_BUF struct buf got = BUF_INIT(4096);
    for (size_t i = 0; i < c->n; i++)
        buf_addf(&got, "%s%s", i ? " " : "", c->processes[c->order[i]].name);
    buf_add_byte(&got, '\0');
    assert_string_equal(got.p, want);
}

/* The six of Ground Control's own unit tests, by what they say. */

static void supports_signal_name_in_stop(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int signal;
    } cases[] = { { "SIGINT", SIGINT }, { "SIGQUIT", SIGQUIT }, { "SIGTERM", SIGTERM } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_BUF struct buf text = BUF_INIT(256);
        buf_addf(&text, WEB "stop = \"%s\"%c", cases[i].name, '\0');
        AUTO_CONF struct conf *c = parse(text.p);
        assert_null(c->processes[0].stop_command);
        assert_int_equal(c->processes[0].stop_signal, cases[i].signal);
    }
}

static void supports_space_separated_command(void **state)
{
    (void)state;
    AUTO_CONF struct conf *c = parse(WEB "run = \"/app/run-me.sh using these args\"");
    assert_words(c->processes[0].run, "[/app/run-me.sh][using][these][args]");
    assert_null(c->processes[0].run->user);
    assert_false(c->processes[0].run->filter);
}

static void supports_string_array_command(void **state)
{
    (void)state;
    AUTO_CONF struct conf *c = parse(WEB "run = [\"/app/run-me.sh\", \"using these\", \"args\"]");
    assert_words(c->processes[0].run, "[/app/run-me.sh][using these][args]");
}

static void supports_detailed_command_with_a_string(void **state)
{
    (void)state;
    AUTO_CONF struct conf *c =
        parse(WEB "pre = { command = \"/app/run-me.sh a\" }\n"
                  "run = { user = \"app\", command = \"/app/run-me.sh b\" }");
    assert_words(c->processes[0].pre, "[/app/run-me.sh][a]");
    assert_null(c->processes[0].pre->user);
    assert_words(c->processes[0].run, "[/app/run-me.sh][b]");
    assert_string_equal(c->processes[0].run->user, "app");
}

static void supports_detailed_command_with_an_array_and_only_env(void **state)
{
    (void)state;
    AUTO_CONF struct conf *c =
        parse(WEB "pre = { only-env = [], command = [\"/app/run-me.sh\", \"a b\"] }\n"
                  "run = { only-env = [\"USER\", \"HOME\"], command = [\"x\"], user = \"app\" }");
    const struct process *p = &c->processes[0];
    assert_words(p->pre, "[/app/run-me.sh][a b]");
    assert_true(p->pre->filter);
    assert_int_equal(p->pre->only_env_n, 0);
    assert_null(p->pre->only_env[0]);
    assert_true(p->run->filter);
    assert_int_equal(p->run->only_env_n, 2);
    assert_string_equal(p->run->only_env[0], "USER");
    assert_string_equal(p->run->only_env[1], "HOME");
    assert_null(p->run->only_env[2]);
}

static void command_is_required_in_a_detailed_command(void **state)
{
    (void)state;
    struct conf *c = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(conf_parse("gc.toml", str_from(WEB "run = { user = \"app\" }"), &c, &e), -1);
    assert_null(c);
    assert_int_equal(e.kind, ERR_USAGE);
    assert_string_equal(e.text,
        "gc.toml:3: process \"web\": key \"run\": lacks the command itself; "
        "write { command = \"/bin/web\" }");
}

/* What an old file means. */

static void an_old_file_gets_the_defaults(void **state)
{
    (void)state;
    AUTO_CONF struct conf *c = parse("\n" WEB);
    const struct process *p = &c->processes[0];
    assert_string_equal(c->file, "gc.toml");
    assert_false(c->suppress_timestamps || c->log_json || c->control || c->env_n);
    assert_int_equal(c->shutdown_timeout_ms, 5000);
    assert_int_equal(c->n, 1);
    assert_int_equal(p->line, 2);
    assert_false(p->pre || p->run || p->post || p->stop_command);
    assert_int_equal(p->stop_signal, SIGTERM);
    assert_int_equal(p->restart, RESTART_NO);
    assert_int_equal(p->restart_limit, 5);
    assert_int_equal(p->restart_window_ms, 60000);
    assert_int_equal(p->ready.kind, PROBE_NONE);
    assert_int_equal(p->live.kind, PROBE_NONE);
    assert_int_equal(p->ready_timeout_ms, 30000);
    assert_int_equal(p->stop_timeout_ms, 3000);
    assert_int_equal(p->umask, -1);
    assert_false(p->cwd || p->has_groups || p->has_capabilities);
    assert_int_equal(p->depends_n + p->env_n + p->limits_n + p->groups_n, 0);
}

static void processes_may_be_an_empty_list(void **state)
{
    (void)state;
    AUTO_CONF struct conf *c = parse("processes = []");
    assert_int_equal(c->n, 0);
}

static void the_registrys_file_loads(void **state)
{
    (void)state;
    AUTO_CONF struct conf *c = load("tests/data/groundcontrol/registry.toml");
    assert_order(c, "tailscaled tailscale-up fcgiwrap nginx git-init ktra");
    assert_words(
        c->processes[1].pre, "[/app/tailscale][up][--hostname][{{PRIVATE_REPO_HOSTNAME}}]");
    assert_null(c->processes[1].run);
    assert_words(c->processes[2].run,
        "[/usr/bin/spawn-fcgi][-n][-s][/run/fcgi.sock][--][/usr/bin/fcgiwrap]");
    assert_true(c->processes[2].run->filter);
    assert_words(c->processes[3].run, "[/usr/sbin/nginx][-g][daemon off;]");
    assert_string_equal(c->processes[4].pre->user, "git");
    assert_words(c->processes[4].pre, "[/app/git-init.sh][/data/index][{{PRIVATE_REPO_HOSTNAME}}]");
    assert_string_equal(c->processes[5].run->user, "ktra");
    assert_string_equal(c->processes[5].run->only_env[0], "RUST_LOG");
}

static void the_tunnels_file_loads(void **state)
{
    (void)state;
    AUTO_CONF struct conf *c = load("tests/data/groundcontrol/tunnel.toml");
    assert_true(c->suppress_timestamps);
    assert_int_equal(c->env_n, 1);
    assert_string_equal(c->env[0].name, "TUNNEL_PORT");
    assert_string_equal(c->env[0].value, "8000");
    assert_words(c->processes[1].pre, "[/app/tailscale][up][--authkey={{TS_AUTHKEY}}]");
    assert_words(c->processes[1].post, "[/app/tailscale][logout]");
    assert_int_equal(c->processes[2].stop_signal, SIGQUIT);
}

static void what_is_no_signal_in_stop_is_a_program(void **state)
{
    (void)state;
    static const char *const words[] = { "SIGHUP", "sigterm", "SIGTERM2", "TERM" };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        AUTO_BUF struct buf text = BUF_INIT(256), want = BUF_INIT(256);
        buf_addf(&text, WEB "stop = \"%s\"%c", words[i], '\0');
        buf_addf(&want, "[%s]%c", words[i], '\0');
        AUTO_CONF struct conf *c = parse(text.p);
        assert_words(c->processes[0].stop_command, want.p);
    }
    AUTO_CONF struct conf *c = parse(WEB "stop = [\"SIGINT\"]");
    assert_words(c->processes[0].stop_command, "[SIGINT]");
}

static void odd_command_strings_load_as_they_did(void **state)
{
    (void)state;
    static const struct {
        const char *s, *words;
    } cases[] = {
        { "''", "[]" },
        { "' a'", "[][a]" },
        { "'a  b '", "[a][][b][]" },
        { "\"a\\tb\"", "[a\tb]" },
        { "'a {{ B }} c'", "[a][{{ B }}][c]" },
        { "['', 'a']", "[][a]" },
        { "['']", "[]" },
        { "{ command = '' }", "[]" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_BUF struct buf text = BUF_INIT(256);
        buf_addf(&text, WEB "run = %s%c", cases[i].s, '\0');
        AUTO_CONF struct conf *c = parse(text.p);
        assert_words(c->processes[0].run, cases[i].words);
    }
}

static void two_processes_may_have_one_name_and_it_may_be_empty(void **state)
{
    (void)state;
    AUTO_CONF struct conf *c = parse(WEB WEB "[[processes]]\nname = ''\n");
    assert_order(c, "web web ");
    assert_int_equal(c->order[0], 0);
    assert_int_equal(c->order[1], 1);
}

/* The additions. */

static void the_top_takes_its_keys(void **state)
{
    (void)state;
    AUTO_CONF struct conf *c =
        parse("shutdown-timeout = '1m'\nlog-format = 'json'\n"
              "control = '/run/x.sock'\nprocesses = []\n[env]\nA = 'file:x'\n");
    assert_int_equal(c->shutdown_timeout_ms, 60000);
    assert_true(c->log_json);
    assert_string_equal(c->control, "/run/x.sock");
    assert_string_equal(c->env[0].value, "file:x");
    AUTO_CONF struct conf *d =
        parse("shutdown-timeout = 'none'\nlog-format = 'text'\nprocesses = []\n");
    assert_int_equal(d->shutdown_timeout_ms, TIME_FOREVER);
    assert_false(d->log_json);
}

static void a_process_takes_its_rules(void **state)
{
    (void)state;
    AUTO_CONF struct conf *c = parse(
        WEB "run = 'x'\nrestart = 'on-failure'\nrestart-limit = 0\n"
            "restart-window = '250ms'\nready-timeout = '1.5s'\n"
            "stop-timeout = '0s'\n" WEB "run = 'x'\nrestart = 'always'\nrestart-limit = 'none'\n"
            "ready-timeout = 'none'\nstop-timeout = 'none'\n");
    const struct process *p = &c->processes[0], *q = &c->processes[1];
    assert_int_equal(p->restart, RESTART_ON_FAILURE);
    assert_int_equal(p->restart_limit, 0);
    assert_int_equal(p->restart_window_ms, 250);
    assert_int_equal(p->ready_timeout_ms, 1500);
    assert_int_equal(p->stop_timeout_ms, 0);
    assert_int_equal(q->restart, RESTART_ALWAYS);
    assert_int_equal(q->restart_limit, -1);
    assert_int_equal(q->ready_timeout_ms, TIME_FOREVER);
    assert_int_equal(q->stop_timeout_ms, TIME_FOREVER);
}

static void a_process_takes_its_surroundings(void **state)
{
    (void)state;
    AUTO_CONF struct conf *c =
        parse(WEB "env = { A = 'x', B = 'file:/run/secret' }\ncwd = '/srv'\numask = '027'\n"
                  "limits = { nofile = 1024, core = 'unlimited' }\ngroups = ['adm', 'tty']\n"
                  "capabilities = ['net_bind_service', 'CAP_CHOWN']\n" WEB
                  "groups = []\ncapabilities = []\numask = '0777'\n");
    const struct process *p = &c->processes[0], *q = &c->processes[1];
    assert_int_equal(p->env_n, 2);
    assert_string_equal(p->env[1].name, "B");
    assert_string_equal(p->env[1].value, "file:/run/secret");
    assert_string_equal(p->cwd, "/srv");
    assert_int_equal(p->umask, 027);
    assert_int_equal(p->limits_n, 2);
    assert_int_equal(p->limits[0].resource, RLIMIT_NOFILE);
    assert_true(p->limits[0].value == 1024 && p->limits[1].value == LIMIT_UNLIMITED);
    assert_int_equal(p->limits[1].resource, RLIMIT_CORE);
    assert_int_equal(p->groups_n, 2);
    assert_string_equal(p->groups[1], "tty");
    assert_true(
        p->capabilities == (UINT64_C(1) << CAP_NET_BIND_SERVICE | UINT64_C(1) << CAP_CHOWN));
    assert_true(q->has_groups && q->has_capabilities);
    assert_true(q->groups_n == 0 && q->capabilities == 0);
    assert_int_equal(q->umask, 0777);
}

static void an_address_is_read_without_a_look_up(void **state)
{
    (void)state;
    static const struct {
        const char *probe, *address, *host, *target;
        int port;
    } cases[] = {
        { "tcp = '127.0.0.1:80'", "127.0.0.1", "127.0.0.1:80", NULL, 80 },
        { "tcp = 'localhost:65535'", "127.0.0.1", "localhost:65535", NULL, 65535 },
        { "tcp = 'LOCALHOST:1'", "127.0.0.1", "LOCALHOST:1", NULL, 1 },
        { "tcp = '[::1]:443'", "::1", "[::1]:443", NULL, 443 },
        { "http = 'http://10.0.0.1'", "10.0.0.1", "10.0.0.1", "/", 80 },
        { "http = 'http://localhost:8080/health?x=1/2'", "127.0.0.1", "localhost:8080",
            "/health?x=1/2", 8080 },
        { "http = 'HTTP://[fd00::2]/a'", "fd00::2", "[fd00::2]", "/a", 80 },
        { "http = 'http://[fd00::2]:81?q'", "fd00::2", "[fd00::2]:81", "/?q", 81 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_BUF struct buf text = BUF_INIT(256);
        buf_addf(&text, WEB "run = 'x'\nready = { %s }%c", cases[i].probe, '\0');
        AUTO_CONF struct conf *c = parse(text.p);
        const struct probe *p = &c->processes[0].ready;
        struct sockaddr_in in = { 0 };
        struct sockaddr_in6 in6 = { 0 };
        char address[INET6_ADDRSTRLEN] = "";
        bool v6 = p->address.ss_family == AF_INET6;
        assert_int_equal(p->address_n, v6 ? sizeof(in6) : sizeof(in));
        memcpy(&in, &p->address, sizeof(in));
        memcpy(&in6, &p->address, sizeof(in6));
        assert_non_null(inet_ntop(p->address.ss_family,
            v6 ? (void *)&in6.sin6_addr : (void *)&in.sin_addr, address, sizeof(address)));
        assert_string_equal(address, cases[i].address);
        assert_int_equal(ntohs(v6 ? in6.sin6_port : in.sin_port), cases[i].port);
        assert_string_equal(p->host, cases[i].host);
        assert_int_equal(p->kind, cases[i].target ? PROBE_HTTP : PROBE_TCP);
        if (cases[i].target)
            assert_string_equal(p->target, cases[i].target);
    }
}

static void a_probe_is_one_of_five_kinds(void **state)
{
    (void)state;
    AUTO_CONF struct conf *c = parse(
        WEB "run = 'x'\nready = { log = 'listening' }\nlive = { notify = true, every = '1s' }\n" WEB
            "run = 'x'\nready.exec = 'true a'\n"
            "live = { failures = 1, exec = { user = 'u', command = ['x y'] } }\n");
    const struct process *p = &c->processes[0], *q = &c->processes[1];
    assert_int_equal(p->ready.kind, PROBE_LOG);
    assert_string_equal(p->ready.text, "listening");
    assert_int_equal(p->live.kind, PROBE_NOTIFY);
    assert_int_equal(p->live.every_ms, 1000);
    assert_int_equal(p->live.failures, 3);
    assert_int_equal(q->ready.kind, PROBE_EXEC);
    assert_words(&q->ready.exec, "[true][a]");
    assert_int_equal(q->live.every_ms, 10000);
    assert_int_equal(q->live.failures, 1);
    assert_words(&q->live.exec, "[x y]");
    assert_string_equal(q->live.exec.user, "u");
    assert_int_equal(q->live.line, 10);
}

static void what_is_depended_on_starts_first(void **state)
{
    (void)state;
    static const struct {
        const char *depends[5]; /* of a, b, c, d, e; NULL: none */
        const char *order;
    } cases[] = {
        { { NULL }, "a b c d e" },
        { { NULL, "'a'" }, "a b c d e" },
        { { "'d'" }, "d a b c e" },
        { { "'d', 'b'" }, "b d a c e" },
        { { "'d', 'd'", NULL, NULL, "'e'" }, "e d a b c" },
        { { NULL, "'e'", NULL, "'c'", "'d'" }, "a c d e b" },
        { { "'b','c'", "'d'", "'d'" }, "d b c a e" },
        { { "" }, "a b c d e" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_BUF struct buf text = BUF_INIT(2048);
        for (int k = 0; k < 5; k++) {
            buf_addf(&text, "[[processes]]\nname = '%c'\nrun = 'x'\n", 'a' + k);
            if (cases[i].depends[k])
                buf_addf(&text, "depends-on = [%s]\n", cases[i].depends[k]);
        }
        buf_add_byte(&text, '\0');
        AUTO_CONF struct conf *c = parse(text.p);
        assert_order(c, cases[i].order);
    }
}

static void a_thousand_processes_in_one_chain_are_ordered(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = BUF_INIT(CONF_SIZE_MAX);
    for (int k = 0; k < PROCESS_MAX; k++)
        buf_addf(&text, "[[processes]]\nname = 'p%d'\nrun = 'x'\n%sdepends-on = ['p%d']\n", k,
            k + 1 < PROCESS_MAX ? "" : "#", k + 1);
    buf_add_byte(&text, '\0');
    AUTO_CONF struct conf *c = parse(text.p);
    for (size_t i = 0; i < c->n; i++)
        assert_int_equal(c->order[i], PROCESS_MAX - 1 - i);
}

/* Files. */

static void assert_load_error(const char *file, const char *want)
{
    struct conf *c = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(conf_load(file, &c, &e), -1);
    assert_null(c);
    assert_int_equal(e.kind, ERR_USAGE);
    assert_string_equal(e.text, want);
}

static void a_file_that_cannot_be_read_says_why(void **state)
{
    (void)state;
    assert_load_error(
        "/nowhere/gc.toml", "/nowhere/gc.toml: cannot be read: No such file or directory");
    assert_load_error("/dev", "/dev: is no ordinary file; name one that is");
    assert_load_error("/dev/zero", "/dev/zero: is no ordinary file; name one that is");
}

static void a_file_of_the_largest_size_loads_and_no_larger_one(void **state)
{
    (void)state;
    char file[] = "/tmp/conf_test.XXXXXX";
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    AUTO_BUF struct buf b = BUF_INIT(CONF_SIZE_MAX);
    buf_add(&b, STR("processes = [] #"));
    while (b.n < CONF_SIZE_MAX)
        buf_add_byte(&b, '#');
    assert_int_equal(write(fd, b.p, b.n), CONF_SIZE_MAX);
    AUTO_CONF struct conf *c = load(file);
    assert_int_equal(c->n, 0);
    assert_int_equal(write(fd, "\n", 1), 1);
    struct conf *d = NULL;
    struct err e = ERR_INIT;
    int ret = conf_load(file, &d, &e);
    (void)close(fd);
    (void)unlink(file);
    assert_int_equal(ret, -1);
    assert_non_null(strstr(e.text, ": is larger than 1048576 bytes; "));
}

/* The document takes up to 64 times the file; what stays must not. */
static void what_stays_is_bounded_by_the_file(void **state)
{
    (void)state;
    static const char *const heads[] = { "run = '", "run = 'x'\nready = { log = '", "run = ['x', '",
        "env = { A = '" };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        AUTO_BUF struct buf text = BUF_INIT(CONF_SIZE_MAX);
        buf_addf(&text, WEB "%s", heads[i]);
        while (text.n < CONF_SIZE_MAX - 8)
            buf_add_byte(&text, ' ');
        buf_addf(&text, "'%s%c",
            strchr(heads[i], '[')   ? "]"
            : strchr(heads[i], '{') ? "}"
                                    : "",
            '\0');
        AUTO_CONF struct conf *c = parse(text.p);
        assert_true(arena_used(c->arena) < 10 * text.n);
    }
}

static void freeing_nothing_is_fine(void **state)
{
    (void)state;
    conf_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(supports_signal_name_in_stop),
        cmocka_unit_test(supports_space_separated_command),
        cmocka_unit_test(supports_string_array_command),
        cmocka_unit_test(supports_detailed_command_with_a_string),
        cmocka_unit_test(supports_detailed_command_with_an_array_and_only_env),
        cmocka_unit_test(command_is_required_in_a_detailed_command),
        cmocka_unit_test(an_old_file_gets_the_defaults),
        cmocka_unit_test(processes_may_be_an_empty_list),
        cmocka_unit_test(the_registrys_file_loads),
        cmocka_unit_test(the_tunnels_file_loads),
        cmocka_unit_test(what_is_no_signal_in_stop_is_a_program),
        cmocka_unit_test(odd_command_strings_load_as_they_did),
        cmocka_unit_test(two_processes_may_have_one_name_and_it_may_be_empty),
        cmocka_unit_test(the_top_takes_its_keys),
        cmocka_unit_test(a_process_takes_its_rules),
        cmocka_unit_test(a_process_takes_its_surroundings),
        cmocka_unit_test(an_address_is_read_without_a_look_up),
        cmocka_unit_test(a_probe_is_one_of_five_kinds),
        cmocka_unit_test(what_is_depended_on_starts_first),
        cmocka_unit_test(a_thousand_processes_in_one_chain_are_ordered),
        cmocka_unit_test(a_file_that_cannot_be_read_says_why),
        cmocka_unit_test(a_file_of_the_largest_size_loads_and_no_larger_one),
        cmocka_unit_test(what_stays_is_bounded_by_the_file),
        cmocka_unit_test(freeing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
