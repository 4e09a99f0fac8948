/* Loading goes from the weakest source to the strongest, each writing over the last: defaults,
 * file, environment, flags. A mistake in any of them is an error, also where a stronger source
 * would have hidden it: who fixes the flag later should not find the file broken. */
#include "config/config_schema.h"
#include "config/quote.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define DEFAULT_FILE "/etc/superguppy/superguppy.toml"
#define ENV_PREFIX "SUPERGUPPY_"
#define BUILTIN_LISTENER "http://127.0.0.1:8000"
#define CLI_HINT "`superguppy config --sample` lists them all"

struct loading {
    struct arena *a;
    struct config *c;
    struct err *e;
};

static struct str env_get(char *const *env, struct str name)
{
    for (; env && *env; env++) {
        struct str value = str_from(*env);
        if (str_eq(str_cut(&value, '='), name) && value.p)
            return value;
    }
    return STR_NONE;
}

/* ---- file ---- */

/* Not file_read: that one refuses symbolic links, and mounted configuration often is one. */
static int read_all(int fd, struct buf *out)
{
    for (;;) {
        char *room = buf_room(out, 16384);
        if (!room) {
            errno = EFBIG;
            return -1;
        }
        ssize_t got = read(fd, room, 16384);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return (int)got;
        buf_grew(out, (size_t)got);
    }
}

/* 1 read, 0 absent though it need not be there, -1 failed. named_by: NULL for the default file. */
static int read_file(struct loading *l, struct str path, const char *named_by, struct buf *text)
{
    struct str q = quote_short(l->a, path);
    if (path.n == 0 || !utf8_valid(path) || str_has(path, '\0'))
        return err_set(
            l->e, ERR_USAGE, "%s: %" STR_FMT " cannot be the name of a file", named_by, STR_ARG(q));
    AUTO_CLOSE int fd = open(str_cstr(l->a, path), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && !named_by)
        return 0;
    if (fd >= 0 && read_all(fd, text) == 0)
        return 1;
    return err_set(l->e, ERR_USAGE, "the configuration file %" STR_FMT " (%s) cannot be read: %s",
        STR_ARG(q), named_by ? named_by : "the default one",
        errno == EFBIG ? "it has more than 4 MiB" : strerror(errno));
}

static int unknown_in_file(
    struct loading *l, struct str name, const struct toml_value *v, bool is_section)
{
    struct config_origin from = setting_from_file(l->a, l->c->file, v->line);
    struct str shown = quote_short(l->a, name);
    shown = str_from_to(shown, 1, shown.n - 1);
    if (is_section) {
        shown = arena_printf(l->a, "[%" STR_FMT "]", STR_ARG(shown));
        struct str near = setting_nearest(name, true);
        if (near.p)
            return setting_fail(l->e, shown, from.where,
                "there is no such section; did you mean [%" STR_FMT "]?", STR_ARG(near));
        return setting_fail(l->e, shown, from.where, "there is no such section; " CLI_HINT);
    }
    struct str near = setting_nearest(name, false);
    if (near.p)
        return setting_fail(l->e, shown, from.where,
            "there is no such setting; did you mean %" STR_FMT "?", STR_ARG(near));
    return setting_fail(l->e, shown, from.where, "there is no such setting; " CLI_HINT);
}

static bool is_section(struct str name)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (str_eq(setting_section(&settings[i]), name))
            return true;
    }
    return false;
}

static int take_section(struct loading *l, struct str section, const struct toml_table *table)
{
    for (const struct toml_pair *p = table->first; p; p = p->next) {
        struct str key =
            arena_printf(l->a, "%" STR_FMT ".%" STR_FMT, STR_ARG(section), STR_ARG(p->key));
        if (str_eq(key, STR("access.grant"))) {
            if (grants_parse(l->a, p->value, l->c, l->e) < 0)
                return -1;
            continue;
        }
        const struct setting *s = setting_find(key);
        if (!s)
            return unknown_in_file(l, key, p->value, false);
        struct config_origin from = setting_from_file(l->a, l->c->file, p->value->line);
        if (setting_set_toml(l->a, s, l->c, p->value, from, l->e) < 0)
            return -1;
    }
    return 0;
}

static int take_toml(struct loading *l, struct str text)
{
    struct toml_table *root;
    struct err e = ERR_INIT;
    if (toml_parse(l->a, text, &root, &e) < 0)
        return err_set(l->e, ERR_USAGE, "%" STR_FMT ": %s", STR_ARG(l->c->file), e.text);
    for (const struct toml_pair *p = root->first; p; p = p->next) {
        bool is_table = p->value->type == TOML_TABLE;
        if (!is_section(p->key))
            return unknown_in_file(l, p->key, p->value, is_table);
        if (!is_table) {
            struct config_origin from = setting_from_file(l->a, l->c->file, p->value->line);
            return setting_fail(l->e, p->key, from.where,
                "this is the name of a section; write [%" STR_FMT "] and its settings below it",
                STR_ARG(p->key));
        }
        if (take_section(l, p->key, p->value->table) < 0)
            return -1;
    }
    return 0;
}

static int take_file(struct loading *l, struct str file, char *const *env)
{
    AUTO_BUF struct buf text = BUF_INIT(TOML_SIZE_MAX + 16384);
    const char *named_by = "--config";
    if (!file.p) {
        named_by = ENV_PREFIX "CONFIG";
        file = env_get(env, STR(ENV_PREFIX "CONFIG"));
        if (file.n == 0) { /* set to nothing is how a compose file says unset */
            file = STR(DEFAULT_FILE);
            named_by = NULL;
        }
    }
    int rc = read_file(l, file, named_by, &text);
    if (rc <= 0)
        return rc;
    l->c->file = arena_str(l->a, file);
    return take_toml(l, buf_str(&text));
}

/* ---- environment and flags ---- */

static const struct setting *find_by_env_name(struct arena *a, struct str name)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (str_eq(setting_env_name(a, &settings[i]), name))
            return &settings[i];
    }
    return NULL;
}

static int unknown_in_env(struct loading *l, struct str name)
{
    struct str shown = quote_short(l->a, name), rest = str_skip(name, sizeof(ENV_PREFIX) - 1);
    shown = str_from_to(shown, 1, shown.n - 1);
    if (str_eq(name, STR(ENV_PREFIX "ACCESS__GRANT")))
        return setting_fail(l->e, shown, STR("environment"),
            "grants are set in the configuration file only, as [[access.grant]]");
    size_t cut = str_find_str(rest, STR("__"));
    if (cut != STR_NPOS) {
        struct str key = str_skip(rest, cut + 2), section = str_from_to(rest, 0, cut);
        key = arena_printf(l->a, "%" STR_FMT ".%" STR_FMT, STR_ARG(section), STR_ARG(key));
        struct str near = setting_nearest(key, false);
        if (near.p) {
            near = setting_env_name(l->a, setting_find(near));
            return setting_fail(l->e, shown, STR("environment"),
                "there is no such setting; did you mean %" STR_FMT "?", STR_ARG(near));
        }
    }
    return setting_fail(l->e, shown, STR("environment"), "there is no such setting; " CLI_HINT);
}

static int take_env(struct loading *l, char *const *env)
{
    for (; env && *env; env++) {
        struct str value = str_from(*env);
        struct str name = str_cut(&value, '=');
        if (!value.p || !str_starts(name, STR(ENV_PREFIX)) ||
            str_find_str(name, STR("__")) == STR_NPOS)
            continue;
        const struct setting *s = find_by_env_name(l->a, name);
        if (!s)
            return unknown_in_env(l, name);
        struct config_origin from = { CONFIG_ENV, arena_str(l->a, name) };
        if (setting_set_text(l->a, s, l->c, value, from, l->e) < 0)
            return -1;
    }
    return 0;
}

static int take_flags(struct loading *l, const struct config_flag *flags, size_t n_flags)
{
    for (size_t i = 0; i < n_flags; i++) {
        const struct setting *s = setting_find(flags[i].key);
        if (!s)
            return setting_fail(
                l->e, flags[i].key, STR("command line"), "there is no such setting; " CLI_HINT);
        struct str name = setting_name(s);
        struct config_origin from = { CONFIG_FLAG,
            arena_printf(l->a, "--%" STR_FMT, STR_ARG(name)) };
        if (setting_set_text(l->a, s, l->c, flags[i].value, from, l->e) < 0)
            return -1;
    }
    return 0;
}

/* ---- what settings mean together ---- */

static int make_listeners(struct loading *l)
{
    struct config *c = l->c;
    bool is_builtin = c->listen.n == 0;
    c->n_listeners = is_builtin ? 1 : c->listen.n;
    c->listeners = arena_array(l->a, c->n_listeners, sizeof(*c->listeners));
    for (size_t i = 0; i < c->n_listeners; i++) {
        struct str text = is_builtin ? STR(BUILTIN_LISTENER) : c->listen.items[i];
        if (listen_url_parse(l->a, text, &c->listeners[i], l->e) < 0)
            return -1;
        c->listeners[i].is_builtin = is_builtin;
        if (is_builtin)
            c->listeners[i].anonymous_read = true;
    }
    return 0;
}

/* A server that only unix sockets lead to has no address of its own that clients could be told. */
static int check_reachable(struct loading *l, struct str where)
{
    bool has_unix = false;
    for (size_t i = 0; i < l->c->n_listeners; i++) {
        const struct listen_url *u = &l->c->listeners[i];
        if (u->scheme == LISTEN_HTTP && !u->only_health)
            return 0;
        has_unix = has_unix || (u->scheme == LISTEN_UNIX && !u->only_health);
    }
    if (!has_unix)
        return 0;
    return setting_fail(l->e, STR("server.listen"), where,
        "no client reaches a unix socket by URL; set server.url to the URL under which clients "
        "reach it, such as https://HOST");
}

/* config.json tells clients where to ask for archives, and the Host header is no source for that:
 * so the URL is configured, or that of a loopback listener, or the node's name on its tailnet. */
static int check_url(struct loading *l)
{
    const struct config *c = l->c;
    struct str where = c->origins[SETTING_ID_listen].where;
    if (c->url.n > 0)
        return 0;
    for (size_t i = 0; i < c->n_listeners; i++) {
        const struct listen_url *u = &c->listeners[i];
        if (u->only_health || u->scheme != LISTEN_HTTP || u->is_loopback ||
            u->identity != LISTEN_NO_IDENTITY)
            continue;
        struct str q = quote_short(l->a, u->text);
        return setting_fail(l->e, STR("server.listen"), where,
            "other machines reach %" STR_FMT "; set server.url to the URL under which clients "
            "reach it, such as http://HOST:%u, or listen on your tailnet instead: "
            "http://tailnet:%u?identity=tailscale",
            STR_ARG(q), u->port ? u->port : 8000, u->port ? u->port : 80);
    }
    return check_reachable(l, where);
}

int config_load(
    struct arena *a, const struct config_sources *from, struct config **ret, struct err *e)
{
    struct config *c = ARENA_NEW(a, struct config);
    struct loading l = { a, c, e };
    c->origins = arena_array(a, SETTING_COUNT, sizeof(*c->origins));
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (setting_set_default(a, &settings[i], c, e) < 0)
            return -1;
    }
    if (take_file(&l, from->file, from->env) < 0 || take_env(&l, from->env) < 0 ||
        take_flags(&l, from->flags, from->n_flags) < 0 || make_listeners(&l) < 0 ||
        check_url(&l) < 0)
        return -1;
    *ret = c;
    return 0;
}
