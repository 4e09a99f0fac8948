/* One [[processes]] table. Its first seven keys are Ground Control's and mean what they mean there;
 * all defaults stand in conf_process, so that an old file behaves as it did. */
#include "supervisor/conf_private.h"

#include "config/quote.h"
#include "supervisor/child.h"

#include <signal.h>
#include <string.h>

#define UMASK_MAX 0777
#define NAMES_WANTED "an array of names such as "

struct filling {
    struct process *p;
    const struct toml_value *depends;
};

static struct process *process_of(void *into)
{
    return ((struct filling *)into)->p;
}

static int set_name(struct conf_reader *r, struct conf_item it, void *into)
{
    return conf_string(r, it, "a string such as \"web\"", &process_of(into)->name);
}

static int set_command(struct conf_reader *r, struct conf_item it, const struct command **ret)
{
    struct command *c = ARENA_NEW(r->keep, struct command);
    *ret = c;
    return conf_command(r, it, c);
}

static int set_pre(struct conf_reader *r, struct conf_item it, void *into)
{
    return set_command(r, it, &process_of(into)->pre);
}

static int set_run(struct conf_reader *r, struct conf_item it, void *into)
{
    return set_command(r, it, &process_of(into)->run);
}

static int set_post(struct conf_reader *r, struct conf_item it, void *into)
{
    return set_command(r, it, &process_of(into)->post);
}

/* Three names are signals; any other string has always been a program, "SIGHUP" too. */
static int set_stop(struct conf_reader *r, struct conf_item it, void *into)
{
    static const struct {
        const char *name;
        int signal;
    } signals[] = { { "SIGINT", SIGINT }, { "SIGQUIT", SIGQUIT }, { "SIGTERM", SIGTERM } };
    struct process *p = process_of(into);
    for (size_t i = 0; it.v->type == TOML_STRING && i < ARRAY_LEN(signals); i++) {
        if (str_eq(it.v->string, str_from(signals[i].name))) {
            p->stop_signal = signals[i].signal;
            return 0;
        }
    }
    return set_command(r, it, &p->stop_command);
}

static int set_restart(struct conf_reader *r, struct conf_item it, void *into)
{
    static const char *const words[] = {
        [RESTART_NO] = "no", [RESTART_ON_FAILURE] = "on-failure", [RESTART_ALWAYS] = "always"
    };
    if (it.v->type != TOML_STRING)
        return conf_bad_type(r, it, "\"no\", \"on-failure\" or \"always\"");
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_eq(it.v->string, str_from(words[i]))) {
            process_of(into)->restart = (enum restart)i;
            return 0;
        }
    }
    return conf_bad(r, it,
        "%" STR_FMT " is not known; write \"no\", \"on-failure\" or \"always\" instead",
        STR_ARG(quote_short(r->tmp, it.v->string)));
}

static int set_restart_limit(struct conf_reader *r, struct conf_item it, void *into)
{
    struct process *p = process_of(into);
    if (it.v->type == TOML_STRING && str_eq(it.v->string, STR("none"))) {
        p->restart_limit = -1;
        return 0;
    }
    if (it.v->type != TOML_INT)
        return conf_bad_type(r, it, "a whole number such as 5, or \"none\"");
    return conf_count(r, it, 0, &p->restart_limit);
}

static int set_restart_window(struct conf_reader *r, struct conf_item it, void *into)
{
    struct process *p = process_of(into);
    if (conf_time(r, it, false, "60s", &p->restart_window_ms) < 0)
        return -1;
    if (p->restart_window_ms == 0)
        return conf_bad(r, it, "would make the limit count nothing; write a time such as \"60s\"");
    return 0;
}

static int set_ready(struct conf_reader *r, struct conf_item it, void *into)
{
    return conf_probe(r, it, false, &process_of(into)->ready);
}

static int set_live(struct conf_reader *r, struct conf_item it, void *into)
{
    return conf_probe(r, it, true, &process_of(into)->live);
}

static int set_ready_timeout(struct conf_reader *r, struct conf_item it, void *into)
{
    return conf_time(r, it, true, "30s", &process_of(into)->ready_timeout_ms);
}

static int set_stop_timeout(struct conf_reader *r, struct conf_item it, void *into)
{
    return conf_time(r, it, true, "3s", &process_of(into)->stop_timeout_ms);
}

static int set_depends(struct conf_reader *r, struct conf_item it, void *into)
{
    const char **names;
    size_t n;
    ((struct filling *)into)->depends = it.v;
    return conf_strings(r, it, NAMES_WANTED "[\"database\"]", &names, &n);
}

static int set_env(struct conf_reader *r, struct conf_item it, void *into)
{
    struct process *p = process_of(into);
    if (conf_env(r, it, &p->env, &p->env_n) < 0)
        return -1;
    const struct toml_pair *pair = it.v->table->first;
    for (size_t i = 0; i < p->env_n; i++, pair = pair->next) {
        struct conf_item own = { arena_printf(r->tmp, "env.%s", p->env[i].name).p, pair->value };
        if (strcmp(p->env[i].value, "file:") == 0)
            return conf_bad(r, own, "names no file; write one, such as \"file:/run/secret\"");
    }
    return 0;
}

static int set_cwd(struct conf_reader *r, struct conf_item it, void *into)
{
    return conf_filled(r, it, "a folder such as \"/srv\"", &process_of(into)->cwd);
}

static int set_umask(struct conf_reader *r, struct conf_item it, void *into)
{
    if (it.v->type != TOML_STRING)
        return conf_bad_type(r, it, "an octal number as a string, such as \"027\"");
    struct str s = it.v->string;
    int mask = 0;
    bool ok = s.n > 0 && s.n <= 4;
    for (size_t i = 0; ok && i < s.n; i++) {
        ok = s.p[i] >= '0' && s.p[i] <= '7';
        mask = mask * 8 + (s.p[i] - '0');
    }
    if (!ok || mask > UMASK_MAX)
        return conf_bad(r, it, "%" STR_FMT " is no umask; write octal digits such as \"027\"",
            STR_ARG(quote_short(r->tmp, s)));
    process_of(into)->umask = mask;
    return 0;
}

static int limit_value(struct conf_reader *r, struct conf_item it, uint64_t *ret)
{
    if (it.v->type == TOML_STRING && str_eq(it.v->string, STR("unlimited"))) {
        *ret = LIMIT_UNLIMITED;
        return 0;
    }
    if (it.v->type != TOML_INT)
        return conf_bad_type(r, it, "a whole number, or \"unlimited\"");
    if (it.v->integer < 0)
        return conf_bad(r, it, "is below zero; write \"unlimited\" if that is meant");
    *ret = (uint64_t)it.v->integer;
    return 0;
}

static int set_limits(struct conf_reader *r, struct conf_item it, void *into)
{
    struct process *p = process_of(into);
    if (it.v->type != TOML_TABLE)
        return conf_bad_type(r, it, "a table such as { nofile = 1024 }");
    struct limit *all = arena_array(r->keep, it.v->table->n, sizeof(*all));
    size_t n = 0;
    for (const struct toml_pair *pair = it.v->table->first; pair; pair = pair->next, n++) {
        struct str key = arena_printf(r->tmp, "limits.%" STR_FMT, STR_ARG(pair->key));
        struct conf_item own = { key.p, pair->value };
        if (!child_limit(pair->key, &all[n].resource))
            return conf_bad(r, own,
                "is no limit that is known; write one of setrlimit(2) in lower "
                "case, such as nofile, nproc, core, memlock or as");
        for (size_t i = 0; i < n; i++) {
            if (all[i].resource == all[n].resource)
                return conf_bad(r, own, "gives one limit twice; leave one of the two out");
        }
        if (limit_value(r, own, &all[n].value) < 0)
            return -1;
    }
    p->limits = all;
    p->limits_n = n;
    return 0;
}

static int set_groups(struct conf_reader *r, struct conf_item it, void *into)
{
    struct process *p = process_of(into);
    if (conf_strings(r, it, NAMES_WANTED "[\"adm\"] or []", &p->groups, &p->groups_n) < 0)
        return -1;
    for (size_t i = 0; i < p->groups_n; i++) {
        struct conf_item one = { it.key, it.v->array.items[i] };
        if (!*p->groups[i])
            return conf_bad(r, one, "has an empty name in it; write one such as \"adm\"");
    }
    p->has_groups = true;
    return 0;
}

static int set_capabilities(struct conf_reader *r, struct conf_item it, void *into)
{
    struct process *p = process_of(into);
    const char **names;
    size_t n;
    if (conf_strings(r, it, NAMES_WANTED "[\"net_bind_service\"] or []", &names, &n) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        struct conf_item one = { it.key, it.v->array.items[i] };
        int bit;
        if (!child_capability(str_from(names[i]), &bit))
            return conf_bad(r, one,
                "%s is no capability that is known; write one of "
                "capabilities(7) in lower case, such as \"net_bind_service\"",
                conf_show(r, names[i]));
        p->capabilities |= UINT64_C(1) << bit;
    }
    p->has_capabilities = true;
    return 0;
}

static const struct conf_key keys[] = {
    { "name", set_name },
    { "pre", set_pre },
    { "run", set_run },
    { "stop", set_stop },
    { "post", set_post },
    { "restart", set_restart },
    { "restart-limit", set_restart_limit },
    { "restart-window", set_restart_window },
    { "ready", set_ready },
    { "live", set_live },
    { "ready-timeout", set_ready_timeout },
    { "depends-on", set_depends },
    { "stop-timeout", set_stop_timeout },
    { "env", set_env },
    { "cwd", set_cwd },
    { "umask", set_umask },
    { "limits", set_limits },
    { "groups", set_groups },
    { "capabilities", set_capabilities },
};

const char *conf_where(struct conf_reader *r, const struct toml_value *v, size_t nth)
{
    const struct toml_value *name = v->type == TOML_TABLE ? toml_get(v->table, STR("name")) : NULL;
    if (!name || name->type != TOML_STRING)
        return arena_printf(r->tmp, "process %zu: ", nth).p;
    return arena_printf(
        r->tmp, "process %" STR_FMT ": ", STR_ARG(quote_short(r->tmp, name->string)))
        .p;
}

/* These three are about a running process. Their keys are known to be there. */
static int check_run(struct conf_reader *r, const struct toml_table *t, const struct process *p)
{
    const struct {
        const char *key;
        bool used;
    } uses[] = {
        { "ready", p->ready.kind != PROBE_NONE },
        { "live", p->live.kind != PROBE_NONE },
        { "restart", p->restart != RESTART_NO },
    };
    for (size_t i = 0; !p->run && i < ARRAY_LEN(uses); i++) {
        struct conf_item it = { uses[i].key, toml_get(t, str_from(uses[i].key)) };
        if (uses[i].used)
            return conf_bad(r, it,
                "is about a process that runs; write \"run\" too, or leave this "
                "key out");
    }
    return 0;
}

int conf_process(struct conf_reader *r, const struct toml_value *v, struct process *into,
    const struct toml_value **ret_depends)
{
    *into = (struct process){
        .line = v->line,
        .stop_signal = SIGTERM,
        .restart_limit = 5,
        .restart_window_ms = 60 * 1000,
        .ready_timeout_ms = 30 * 1000,
        .stop_timeout_ms = 3 * 1000,
        .umask = -1,
    };
    struct filling f = { into, NULL };
    struct conf_item it = { "", v };
    if (v->type != TOML_TABLE)
        return conf_bad_at(r, v->line, "needs a table; write [[processes]] above its keys");
    if (conf_table(r, it, keys, ARRAY_LEN(keys), &f) < 0)
        return -1;
    if (!into->name)
        return conf_bad_at(r, v->line, "key \"name\": is missing; write name = \"web\"");
    *ret_depends = f.depends;
    return check_run(r, v->table, into);
}
