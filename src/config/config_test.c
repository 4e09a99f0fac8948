#include "config/config_schema.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N_ENV 4
#define N_FLAGS 4

/* A file of its own for each test, so that a configuration of this machine plays no part. */
struct fixture {
    struct arena *a;
    char path[64];
    char *env[N_ENV + 1];
    struct config_flag flags[N_FLAGS];
    size_t n_env, n_flags;
    struct err e;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->a = arena_new();
    (void)snprintf(f->path, sizeof(f->path), "/tmp/superguppy-config-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    (void)close(fd);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    (void)unlink(f->path);
    arena_free(f->a);
    free(f);
    return 0;
}

static void write_file(struct fixture *f, struct str text)
{
    FILE *out = fopen(f->path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(text.p, 1, text.n, out), text.n);
    assert_int_equal(fclose(out), 0);
}

static void add_env(struct fixture *f, const char *text)
{
    assert_true(f->n_env < N_ENV);
    f->env[f->n_env++] = str_cstr(f->a, str_from(text));
}

static void add_flag(struct fixture *f, const char *key, const char *value)
{
    assert_true(f->n_flags < N_FLAGS);
    f->flags[f->n_flags++] = (struct config_flag){ str_from(key), str_from(value) };
}

static int try_load(struct fixture *f, struct config **ret)
{
    f->e = ERR_INIT;
    struct config_sources from = { str_from(f->path), f->env, f->flags, f->n_flags };
    return config_load(f->a, &from, ret, &f->e);
}

static struct config *load(struct fixture *f, const char *toml)
{
    struct config *c = NULL;
    write_file(f, str_from(toml));
    if (try_load(f, &c) < 0)
        fail_msg("%s: %s", toml, f->e.text);
    return c;
}

/* why with '@' stands for the file's path. */
static void assert_error(struct fixture *f, const char *context, const char *why)
{
    struct config *c;
    if (try_load(f, &c) == 0)
        fail_msg("%s was taken", context);
    assert_int_equal(f->e.kind, ERR_USAGE);
    assert_null(strchr(f->e.text, '\n'));
    struct str rest = str_from(why), before = str_cut(&rest, '@');
    if (rest.p)
        before =
            arena_printf(f->a, "%" STR_FMT "%s%" STR_FMT, STR_ARG(before), f->path, STR_ARG(rest));
    if (!strstr(f->e.text, str_cstr(f->a, before)))
        fail_msg("%s: \"%s\" does not say \"%" STR_FMT "\"", context, f->e.text, STR_ARG(before));
}

static void assert_str(struct str got, const char *want)
{
    if (!str_eq(got, str_from(want)))
        fail_msg("\"%" STR_FMT "\" is not \"%s\"", STR_ARG(got), want);
}

static void every_setting_has_its_default(void **state)
{
    struct config *c = load(*state, "");
    assert_str(c->data, "./data");
    assert_int_equal(c->listen.n, 0);
    assert_int_equal(c->registries.n, 1);
    assert_str(c->registries.items[0], "https://github.com/rust-lang/crates.io-index");
    assert_str(c->log_level, "info");
    assert_true(c->log_access);
    assert_int_equal(c->crate_max, 10485760);
    assert_int_equal(c->conns_max, 10000);
    assert_int_equal(c->stop_timeout, 25);
    assert_int_equal(c->n_grants, 0);
    for (size_t i = 0; i < SETTING_COUNT; i++)
        assert_int_equal(c->origins[i].source, CONFIG_DEFAULT);
}

static void every_default_is_within_its_own_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        struct str rest = str_from(settings[i].key);
        assert_true(str_cut(&rest, '.').n > 0 && rest.n > 0 && !str_has(rest, '.'));
        assert_ptr_equal(setting_find(str_from(settings[i].key)), &settings[i]);
        assert_true(settings[i].def_num >= settings[i].min || settings[i].max == 0);
        assert_true(settings[i].def_num <= settings[i].max);
        assert_true(settings[i].max <= INT64_MAX);
    }
}

static void without_listeners_there_is_the_built_in_one(void **state)
{
    struct config *c = load(*state, "");
    assert_int_equal(c->n_listeners, 1);
    assert_str(c->listeners[0].host, "127.0.0.1");
    assert_int_equal(c->listeners[0].port, 8000);
    assert_true(c->listeners[0].is_builtin && c->listeners[0].anonymous_read);

    c = load(*state, "server.listen = [\"http://127.0.0.1:8000\"]");
    assert_int_equal(c->n_listeners, 1);
    assert_false(c->listeners[0].is_builtin || c->listeners[0].anonymous_read);
}

static void the_file_is_weaker_than_the_environment_and_that_than_flags(void **state)
{
    struct fixture *f = *state;
    const char *toml = "[server]\ndata = \"/file\"\nurl = \"http://file\"\n"
                       "[log]\nlevel = \"warn\"\n";
    add_env(f, "SUPERGUPPY_SERVER__DATA=/env");
    add_env(f, "SUPERGUPPY_SERVER__URL=http://env");
    add_flag(f, "server.data", "/flag");
    struct config *c = load(f, toml);
    assert_str(c->data, "/flag");
    assert_str(c->url, "http://env");
    assert_str(c->log_level, "warn");
    assert_int_equal(c->origins[SETTING_ID_data].source, CONFIG_FLAG);
    assert_str(c->origins[SETTING_ID_data].where, "--data");
    assert_int_equal(c->origins[SETTING_ID_url].source, CONFIG_ENV);
    assert_str(c->origins[SETTING_ID_url].where, "SUPERGUPPY_SERVER__URL");
    assert_int_equal(c->origins[SETTING_ID_log_level].source, CONFIG_FILE);
    assert_true(str_ends(c->origins[SETTING_ID_log_level].where, STR(":5")));
    assert_str(c->file, f->path);
}

static void a_list_from_the_environment_is_split_at_white_space(void **state)
{
    struct fixture *f = *state;
    add_env(f, "SUPERGUPPY_SERVER__HOSTS= a.example  b.example:80\t[::1] ");
    struct config *c = load(f, "server.hosts = [\"c.example\"]");
    assert_int_equal(c->hosts.n, 3);
    assert_str(c->hosts.items[0], "a.example");
    assert_str(c->hosts.items[1], "b.example:80");
    assert_str(c->hosts.items[2], "[::1]");
}

static void a_lists_flag_may_come_again_and_replaces_weaker_sources(void **state)
{
    struct fixture *f = *state;
    add_env(f, "SUPERGUPPY_SERVER__LISTEN=http://127.0.0.1:1");
    add_flag(f, "server.listen", "http://127.0.0.1:2");
    add_flag(f, "server.listen", "unix:/run/a b.sock");
    struct config *c = load(f, "");
    assert_int_equal(c->n_listeners, 2);
    assert_int_equal(c->listeners[0].port, 2);
    assert_str(c->listeners[1].path, "/run/a b.sock");
}

static void of_other_flags_the_last_one_counts(void **state)
{
    struct fixture *f = *state;
    add_flag(f, "server.data", "/a");
    add_flag(f, "server.data", "/b");
    assert_str(load(f, "")->data, "/b");
}

static void variables_that_are_no_settings_are_ignored(void **state)
{
    struct fixture *f = *state;
    add_env(f, "SUPERGUPPY_TOKEN=x");
    add_env(f, "SUPERGUPPY_CONFIG=/nonexistent"); /* the file is named, so it is not looked at */
    add_env(f, "CARGO__X=1");
    add_env(f, "superguppy_server__data=/x");
    assert_str(load(f, "")->data, "./data");
}

static void numbers_take_every_form_that_the_sources_have(void **state)
{
    struct fixture *f = *state;
    add_env(f, "SUPERGUPPY_PUBLISH__CRATE_MAX=64M");
    add_env(f, "SUPERGUPPY_HTTP__IDLE_TIMEOUT=7");
    add_env(f, "SUPERGUPPY_LOG__ACCESS=false");
    struct config *c = load(f, "[publish]\nmetadata_max = \"512K\"\nunpacked_max = 1048576\n"
                               "entries_max = 0x10\n");
    assert_int_equal(c->crate_max, 64 << 20);
    assert_int_equal(c->json_max, 512 << 10);
    assert_int_equal(c->unpacked_max, 1 << 20);
    assert_int_equal(c->entries_max, 16);
    assert_int_equal(c->idle_timeout, 7);
    assert_false(c->log_access);
}

static void a_mistake_in_the_file_is_one_line_with_its_place(void **state)
{
    static const struct {
        const char *toml, *why;
    } rows[] = {
        { "\nx", "@: line 2" },
        { "[server]\n\nlsiten = []", "server.lsiten (@:3): there is no such setting; did you mean "
                                     "server.listen?" },
        { "[server]\nfrobnicate = 1", "server.frobnicate (@:2): there is no such setting; `super" },
        { "[sevrer]\ndata = \"x\"", "[sevrer] (@:1): there is no such section; did you mean "
                                    "[server]?" },
        { "[frobnicate]\n", "[frobnicate] (@:1): there is no such section; `superguppy" },
        { "data = \"/x\"", "data (@:1): there is no such setting; did you mean server.data?" },
        { "server = 3", "server (@:1): this is the name of a section" },
        { "[[server]]\ndata = \"x\"", "server (@:1): this is the name of a section" },
        { "server.data = 3", "server.data (@:1): the value is of type integer; give a text" },
        { "server.data.x = 3", "server.data (@:1): the value is of type table; give a text" },
        { "server.data = \"\"", "server.data (@:1): \"\" is empty" },
        { "server.data = \"a\\nb\"", "server.data (@:1): \"a\\u000Ab\" holds control" },
        { "server.data = \"a\\u0000b\"", "server.data (@:1): \"a\\u0000b\" holds control" },
        { "server.hosts = \"a\"", "type string; give a list of texts, such as [\"...\"]" },
        { "server.hosts = [\"a\",\n1]", "server.hosts (@:2): the value is of type integer" },
        { "server.hosts = [\"http://a\"]", "is no host" },
        { "server.hosts = [\"\"]", "is empty" },
        { "server.aliases = [\"crates\"]", "is no index URL" },
        { "server.registries = [\"a b://c\"]", "is no index URL" },
        { "access.admins = [\"bot:x\"]", "\"bot:x\" is no principal; write a login" },
        { "access.admins = [\"anna@corp.test\", \"tag:\"]", "no name behind the colon" },
        { "access.admins = [\"a,b\"]", "\"a,b\" is no principal: it holds a blank, a comma" },
        { "tailscale.socket = \"tailscaled.sock\"", "is no absolute path; write one such as /run" },
        { "access.members = \"\"", "\"\" is not allowed; give one of none" },
        { "access.capability = \"\"", "access.capability (@:1): \"\" is empty" },
        { "access.capability = \"https://a.b/cap\"", "has a scheme" },
        { "access.capability = \"a.b\"", "is no DOMAIN/PATH" },
        { "access.capability = \"a.b/\"", "is no DOMAIN/PATH" },
        { "access.capability = \"/cap\"", "is no DOMAIN/PATH" },
        { "access.capability = \"a/cap\"", "is no DOMAIN/PATH" },
        { "access.capability = \"a.b:80/cap\"", "is no DOMAIN/PATH" },
        { "access.capability = \"a b.c/cap\"", "is no DOMAIN/PATH" },
        { "access.capability = \"a.b/c d\"", "has a path of other than letters" },
        { "access.capability = \"a.b/c?d\"", "has a path of other than letters" },
        { "access.capability = \"tailscale.com/cap/x\"", "under tailscale.com" },
        { "access.capability = \"Corp.Tailscale.Com/cap/x\"", "under tailscale.com" },
        { "log.level = \"loud\"", "\"loud\" is not allowed; give one of error, warn, info, debug" },
        { "log.level = \"\"", "\"\" is not allowed; give one of error" },
        { "log.access = \"true\"", "type string; give true or false" },
        { "http.idle_timeout = 0",
            "(@:1): \"0\" is not allowed; give whole seconds from 1 to 3600" },
        { "http.idle_timeout = 3601", "whole seconds from 1 to 3600" },
        { "http.idle_timeout = -1", "\"-1\" is not allowed" },
        { "http.idle_timeout = \"5\"", "type string; give whole seconds" },
        { "http.idle_timeout = 5.0", "type float; give whole seconds" },
        { "http.connections_max = 0", "give a whole number from 1 to 1000000" },
        { "publish.crate_max = \"1T\"", "\"1T\" is not allowed; give a size from 1K to 512M" },
        { "publish.crate_max = \"1G\"", "\"1G\" is not allowed; give a size from 1K to 512M" },
        { "publish.crate_max = 1", "\"1\" is not allowed; give a size" },
        { "publish.crate_max = true", "type boolean; give a size" },
        { "[access.grant]\nwho = []", "access.grant (@:1): the value is of type table; begin" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        write_file(f, str_from(rows[i].toml));
        assert_error(f, rows[i].toml, rows[i].why);
    }
}

static void a_mistake_in_the_environment_names_the_variable(void **state)
{
    static const struct {
        const char *env, *why;
    } rows[] = {
        { "SUPERGUPPY_SERVER__DATE=x", "SUPERGUPPY_SERVER__DATE (environment): there is no such "
                                       "setting; did you mean SUPERGUPPY_SERVER__DATA?" },
        { "SUPERGUPPY__DATA=x", "SUPERGUPPY__DATA (environment): there is no such setting" },
        { "SUPERGUPPY_server__data=x", "there is no such setting; did you mean" },
        { "SUPERGUPPY_X__\x1b[2J=x", "SUPERGUPPY_X__\\u001B[2J (environment)" },
        { "SUPERGUPPY_ACCESS__GRANT=x", "in the configuration file only, as [[access.grant]]" },
        { "SUPERGUPPY_SERVER__DATA=", "server.data (SUPERGUPPY_SERVER__DATA): \"\" is empty" },
        { "SUPERGUPPY_SERVER__DATA=\xff", "is not UTF-8" },
        { "SUPERGUPPY_LOG__ACCESS=yes", "log.access (SUPERGUPPY_LOG__ACCESS): \"yes\" is not "
                                        "allowed; give true or false" },
        { "SUPERGUPPY_LOG__ACCESS=True", "give true or false" },
        { "SUPERGUPPY_HTTP__IDLE_TIMEOUT=5s", "\"5s\" is not allowed; give whole seconds" },
        { "SUPERGUPPY_HTTP__IDLE_TIMEOUT=", "\"\" is not allowed; give whole seconds" },
        { "SUPERGUPPY_HTTP__IDLE_TIMEOUT=99999999999999999999", "is not allowed" },
        { "SUPERGUPPY_SERVER__LISTEN=http://127.0.0.1:1 *:80",
            "server.listen (SUPERGUPPY_SERVER__LISTEN): \"*:80\" is no listener" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        f->n_env = 0;
        add_env(f, rows[i].env);
        assert_error(f, rows[i].env, rows[i].why);
    }
}

static void a_mistake_in_a_flag_names_the_flag(void **state)
{
    struct fixture *f = *state;
    add_flag(f, "server.listen", "127.0.0.1:80");
    assert_error(f, "listen", "server.listen (--listen): \"127.0.0.1:80\" is no listener");
    f->n_flags = 0;
    add_flag(f, "server.x", "");
    assert_error(f, "x", "server.x (command line): there is no such setting");
}

static void a_weaker_source_is_checked_too(void **state)
{
    struct fixture *f = *state;
    write_file(f, STR("server.url = \"crates\""));
    add_env(f, "SUPERGUPPY_SERVER__URL=http://crates");
    assert_error(f, "file", "server.url (@:1): \"crates\" is no http:// or https:// URL");
}

static void a_capability_is_a_domain_and_a_path(void **state)
{
    static const char *const names[] = { "superguppy.internal/cap/registry", "corp.test/cap",
        "a-b.corp.test/cap/crates_2.0/x", "nottailscale.com/cap", "tailscale.com.corp.test/x" };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        f->n_flags = 0;
        add_flag(f, "access.capability", names[i]);
        assert_str(load(f, "")->capability, names[i]);
    }
}

static void the_url_is_scheme_host_and_port(void **state)
{
    static const struct {
        const char *url, *why; /* NULL: taken */
    } rows[] = {
        { "", NULL },
        { "http://crates", NULL },
        { "https://crates.example.com", NULL },
        { "https://crates.example.com:8443", NULL },
        { "http://100.64.0.1:80", NULL },
        { "http://[fd7a::1]:80", NULL },
        { "crates.example.com", "is no http:// or https:// URL" },
        { "sparse+http://crates", "is no http:// or https:// URL" },
        { "https://", "no valid HOST" },
        { "https://crates/", "slash at the end" },
        { "https://crates/cargo", "behind host and port" },
        { "https://crates?x", "behind host and port" },
        { "https://crates#x", "behind host and port" },
        { "https://me:secret@crates", "user information" },
        { "https://crates:", "no valid HOST" },
        { "https://crates:0", "port 0" },
        { "https://:80", "no valid HOST" },
        { "https://a b", "no valid HOST" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        f->n_flags = 0;
        add_flag(f, "server.url", rows[i].url);
        if (rows[i].why)
            assert_error(f, rows[i].url, rows[i].why);
        else
            assert_str(load(f, "")->url, rows[i].url);
    }
}

static void what_others_reach_needs_the_url(void **state)
{
    static const struct {
        const char *listen;
        bool needs_url;
    } rows[] = {
        { "http://0.0.0.0:80", true },
        { "http://[::]:80", true },
        { "http://crates:80", true },
        { "http://127.0.0.1:80 http://10.0.0.1:80", true },
        { "http://0.0.0.0:80?only=health", false },
        { "http://127.0.0.1:80 http://0.0.0.0:81?only=health", false },
        { "http://[::1]:80 unix:/run/x.sock", false },
        { "unix:/run/x.sock", true },
        { "unix:/run/x.sock http://127.0.0.1:80?only=health", true },
        { "unix:/run/x.sock?only=health", false },
        { "http://tailnet:80?identity=tailscale", false },
        { "http://100.64.0.1:80?identity=tailscale", false },
        { "http://tailnet?identity=tailscale unix:/run/x.sock?identity=header&peer=0", false },
        { "http://tailnet?identity=tailscale http://0.0.0.0:81?only=health", false },
        { "http://tailnet?identity=tailscale http://10.0.0.1:80", true },
        { "unix:/run/x.sock?identity=header&peer=0", true },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str value = arena_printf(f->a, "SUPERGUPPY_SERVER__LISTEN=%s", rows[i].listen);
        f->n_env = 0;
        add_env(f, value.p);
        if (rows[i].needs_url)
            assert_error(f, rows[i].listen, "set server.url to the URL under which clients reach");
        else
            (void)load(f, "");
        add_env(f, "SUPERGUPPY_SERVER__URL=http://crates");
        (void)load(f, "");
        f->env[1] = NULL;
    }
}

static void a_file_that_is_named_must_be_there(void **state)
{
    struct fixture *f = *state;
    struct config *c;
    assert_int_equal(unlink(f->path), 0);
    assert_error(f, "absent", "the configuration file \"@\" (--config) cannot be read: No such");
    char *env[] = { (char[]){ "SUPERGUPPY_CONFIG=/nonexistent/x.toml" }, NULL };
    assert_int_equal(config_load(f->a, &(struct config_sources){ .env = env }, &c, &f->e), -1);
    assert_non_null(strstr(f->e.text, "\"/nonexistent/x.toml\" (SUPERGUPPY_CONFIG)"));
}

static void the_environment_may_name_the_file(void **state)
{
    struct fixture *f = *state;
    struct config *c;
    write_file(f, STR("server.data = \"/x\""));
    struct str value = arena_printf(f->a, "SUPERGUPPY_CONFIG=%s", f->path);
    char *env[] = { str_cstr(f->a, value), NULL };
    assert_int_equal(config_load(f->a, &(struct config_sources){ .env = env }, &c, &f->e), 0);
    assert_str(c->data, "/x");
}

static void a_file_that_is_a_folder_or_too_large_is_refused(void **state)
{
    struct fixture *f = *state;
    struct config *c;
    char *env[] = { (char[]){ "SUPERGUPPY_CONFIG=/" }, NULL };
    assert_int_equal(config_load(f->a, &(struct config_sources){ .env = env }, &c, &f->e), -1);
    assert_non_null(strstr(f->e.text, "cannot be read"));
    assert_int_equal(truncate(f->path, 64 << 20), 0);
    assert_error(f, "64 MiB", "more than 4 MiB");
}

/* ---- what is printed ---- */

static const char rich[] = "[server]\nurl = \"http://a\"\n"
                           "listen = [\"http://0.0.0.0:0\", \"unix:/a \\\"b\\\\\"]\n"
                           "[log]\naccess = false\nformat = \"json\"\n[publish]\n"
                           "crate_max = 1025\n[http]\nidle_timeout = 9\n"
                           "[[access.grant]]\nwho = [\"self\"]\ndo = [\"publish\"]\n"
                           "crates = [\"a*\"]\n[[access.grant]]\n";

static void what_show_prints_loads_as_the_same_configuration(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf out = BUF_INIT(1 << 20);
    struct config *c = load(f, rich);
    config_show(c, false, &out);
    assert_true(buf_ok(&out));
    assert_true(str_find_str(buf_str(&out), STR("publish.crate_max = \"1025\"")) != STR_NPOS);
    assert_true(str_find_str(buf_str(&out), STR("who is missing")) != STR_NPOS);
    buf_add_byte(&out, '\0');
    c = load(f, out.p);
    assert_str(c->listeners[1].path, "/a \"b\\");
    assert_int_equal(c->crate_max, 1025);
    assert_int_equal(c->idle_timeout, 9);
    assert_false(c->log_access);
    assert_int_equal(c->n_grants, 1);
    assert_str(c->grants[0].crates.items[0], "a*");
}

static void show_says_where_a_value_came_from(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf out = BUF_INIT(1 << 20);
    add_env(f, "SUPERGUPPY_SERVER__DATA=/x");
    config_show(load(f, "\nlog.level = \"warn\""), false, &out);
    buf_add_byte(&out, '\0');
    assert_non_null(strstr(out.p, "server.data = \"/x\"  # SUPERGUPPY_SERVER__DATA\n"));
    assert_non_null(strstr(out.p, ":2\n"));
    assert_non_null(strstr(out.p, "log.access = true  # default\n"));
}

static void show_as_json_is_one_object(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf out = BUF_INIT(1 << 20);
    config_show(load(f, rich), true, &out);
    buf_add_byte(&out, '\0');
    assert_non_null(strstr(out.p, "\"server.listen\":{\"value\":[\"http://0.0.0.0:0\","
                                  "\"unix:/a \\\"b\\\\\"],\"source\":\"file\",\"where\":\""));
    assert_non_null(strstr(out.p, "\"publish.crate_max\":{\"value\":1025,"));
    assert_non_null(strstr(out.p, "\"log.level\":{\"value\":\"info\",\"source\":\"default\","
                                  "\"where\":null}"));
    assert_non_null(strstr(out.p, "\"void\":\"who is missing\"}]}\n"));
}

static void the_sample_loads_with_and_without_its_settings(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf sample = BUF_INIT(1 << 20);
    AUTO_BUF struct buf active = BUF_INIT(1 << 20);
    config_sample(&sample);
    write_file(f, buf_str(&sample));
    struct config *c;
    assert_int_equal(try_load(f, &c), 0);
    assert_int_equal(c->n_grants, 0);
    for (struct str rest = buf_str(&sample); rest.p;) {
        struct str line = str_cut(&rest, '\n');
        bool is_setting = line.n > 1 && line.p[0] == '#' && line.p[1] != ' ';
        buf_add(&active, str_skip(line, is_setting));
        buf_add_byte(&active, '\n');
    }
    write_file(f, buf_str(&active));
    if (try_load(f, &c) < 0)
        fail_msg("%s", f->e.text);
    assert_int_equal(c->crate_max, 10485760);
    assert_true(c->listeners[0].is_builtin);
    assert_int_equal(c->n_grants, 1);
    assert_null(c->grants[0].void_reason.p);
    for (size_t i = 0; i < SETTING_COUNT; i++)
        assert_int_equal(c->origins[i].source, CONFIG_FILE);
}

static void the_documentation_names_every_setting_and_variable(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf out = BUF_INIT(1 << 20);
    config_markdown(&out);
    assert_true(buf_ok(&out));
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        struct str env = setting_env_name(f->a, &settings[i]);
        assert_true(str_find_str(buf_str(&out), str_from(settings[i].key)) != STR_NPOS);
        assert_true(str_find_str(buf_str(&out), env) != STR_NPOS);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_setting_has_its_default),
        TEST(every_default_is_within_its_own_bounds),
        TEST(without_listeners_there_is_the_built_in_one),
        TEST(the_file_is_weaker_than_the_environment_and_that_than_flags),
        TEST(a_list_from_the_environment_is_split_at_white_space),
        TEST(a_lists_flag_may_come_again_and_replaces_weaker_sources),
        TEST(of_other_flags_the_last_one_counts),
        TEST(variables_that_are_no_settings_are_ignored),
        TEST(numbers_take_every_form_that_the_sources_have),
        TEST(a_mistake_in_the_file_is_one_line_with_its_place),
        TEST(a_mistake_in_the_environment_names_the_variable),
        TEST(a_mistake_in_a_flag_names_the_flag),
        TEST(a_weaker_source_is_checked_too),
        TEST(a_capability_is_a_domain_and_a_path),
        TEST(the_url_is_scheme_host_and_port),
        TEST(what_others_reach_needs_the_url),
        TEST(a_file_that_is_named_must_be_there),
        TEST(the_environment_may_name_the_file),
        TEST(a_file_that_is_a_folder_or_too_large_is_refused),
        TEST(what_show_prints_loads_as_the_same_configuration),
        TEST(show_says_where_a_value_came_from),
        TEST(show_as_json_is_one_object),
        TEST(the_sample_loads_with_and_without_its_settings),
        TEST(the_documentation_names_every_setting_and_variable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
