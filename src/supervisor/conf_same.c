/* What a reload asks: does a process mean what it meant? Lists whose order says nothing (variables,
 * names) are compared as sets, so that tidying a file up restarts nothing. Each list is tried
 * place by place first: unchanged ones, nearly all, cost no search. */
#include "supervisor/conf.h"
#include "supervisor/template.h"

#include <string.h>

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_words(const char *const *a, size_t an, const char *const *b, size_t bn)
{
    bool same = an == bn;
    for (size_t i = 0; same && i < an; i++)
        same = strcmp(a[i], b[i]) == 0;
    return same;
}

static bool has_word(const char *const *all, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(all[i], word) == 0)
            return true;
    }
    return false;
}

static bool within(const char *const *a, size_t an, const char *const *b, size_t bn)
{
    for (size_t i = 0; i < an; i++) {
        if (!has_word(b, bn, a[i]))
            return false;
    }
    return true;
}

static bool same_set(const char *const *a, size_t an, const char *const *b, size_t bn)
{
    return same_words(a, an, b, bn) || (within(a, an, b, bn) && within(b, bn, a, an));
}

static bool same_command(const struct command *a, const struct command *b)
{
    if (!a || !b)
        return a == b;
    return same_words(a->words, a->n, b->words, b->n) && same_text(a->user, b->user) &&
           a->filter == b->filter &&
           same_set(a->only_env, a->only_env_n, b->only_env, b->only_env_n);
}

static bool same_probe(const struct probe *a, const struct probe *b)
{
    return a->kind == b->kind && a->address_n == b->address_n &&
           memcmp(&a->address, &b->address, a->address_n) == 0 && same_text(a->host, b->host) &&
           same_text(a->target, b->target) && same_text(a->text, b->text) &&
           same_command(&a->exec, &b->exec) && a->every_ms == b->every_ms &&
           a->failures == b->failures;
}

static bool has_pair(const struct process *p, const struct env_pair *pair)
{
    for (size_t i = 0; i < p->env_n; i++) {
        if (strcmp(p->env[i].name, pair->name) == 0)
            return strcmp(p->env[i].value, pair->value) == 0;
    }
    return false;
}

/* A name stands once in each, so equal counts make the other direction true as well. */
static bool same_env(const struct process *a, const struct process *b)
{
    bool same = a->env_n == b->env_n;
    for (size_t i = 0; same && i < a->env_n; i++) {
        const struct env_pair *x = &a->env[i], *y = &b->env[i];
        same = (strcmp(x->name, y->name) == 0 && strcmp(x->value, y->value) == 0) || has_pair(b, x);
    }
    return same;
}

static bool same_limits(const struct process *a, const struct process *b)
{
    size_t found = 0;
    for (size_t i = 0; i < a->limits_n; i++) {
        for (size_t j = 0; j < b->limits_n; j++)
            found += a->limits[i].resource == b->limits[j].resource &&
                     a->limits[i].value == b->limits[j].value;
    }
    return a->limits_n == b->limits_n && found == a->limits_n;
}

static bool depends_on(const struct conf *c, const struct process *p, const char *name)
{
    for (size_t i = 0; i < p->depends_n; i++) {
        if (strcmp(c->processes[p->depends[i]].name, name) == 0)
            return true;
    }
    return false;
}

static bool same_depends(
    const struct conf *a, const struct process *p, const struct conf *b, const struct process *q)
{
    bool same = p->depends_n == q->depends_n;
    for (size_t i = 0; same && i < p->depends_n; i++) {
        const char *name = a->processes[p->depends[i]].name;
        same = strcmp(name, b->processes[q->depends[i]].name) == 0 || depends_on(b, q, name);
    }
    return same;
}

static bool same_rules(const struct process *a, const struct process *b)
{
    return a->restart == b->restart && a->restart_limit == b->restart_limit &&
           a->restart_window_ms == b->restart_window_ms && same_probe(&a->ready, &b->ready) &&
           same_probe(&a->live, &b->live) && a->ready_timeout_ms == b->ready_timeout_ms &&
           a->stop_timeout_ms == b->stop_timeout_ms;
}

static bool same_surroundings(const struct process *a, const struct process *b)
{
    return same_env(a, b) && same_text(a->cwd, b->cwd) && a->umask == b->umask &&
           same_limits(a, b) && a->has_groups == b->has_groups &&
           same_set(a->groups, a->groups_n, b->groups, b->groups_n) &&
           a->has_capabilities == b->has_capabilities && a->capabilities == b->capabilities;
}

bool conf_process_same(const struct conf *a, size_t ai, const struct conf *b, size_t bi)
{
    const struct process *p = &a->processes[ai], *q = &b->processes[bi];
    return strcmp(p->name, q->name) == 0 && same_command(p->pre, q->pre) &&
           same_command(p->run, q->run) && same_command(p->post, q->post) &&
           same_command(p->stop_command, q->stop_command) && p->stop_signal == q->stop_signal &&
           same_rules(p, q) && same_surroundings(p, q) && same_depends(a, p, b, q);
}

static bool word_uses(const char *word, const char *variable)
{
    struct str s = str_from(word), name;
    while (s.n > 0) {
        size_t n = template_at(s, &name);
        if (n > 0 && str_eq(name, str_from(variable)))
            return true;
        s = str_skip(s, n ? n : 1);
    }
    return false;
}

/* like: whose only-env holds where the command has none; PATH passes every filter. */
static bool command_uses(const struct command *c, const struct command *like, const char *variable)
{
    if (!c || c->n == 0)
        return false;
    const struct command *env = !c->filter && like ? like : c;
    if (!env->filter || strcmp(variable, "PATH") == 0 ||
        has_word(env->only_env, env->only_env_n, variable))
        return true;
    for (size_t i = 0; i < c->n; i++) {
        if (word_uses(c->words[i], variable))
            return true;
    }
    return false;
}

bool conf_process_uses(const struct process *p, const char *variable)
{
    for (size_t i = 0; i < p->env_n; i++) {
        if (strcmp(p->env[i].name, variable) == 0)
            return false; /* the process has its own, whatever the supervisor's says */
    }
    return command_uses(p->pre, NULL, variable) || command_uses(p->run, NULL, variable) ||
           command_uses(p->post, NULL, variable) || command_uses(p->stop_command, NULL, variable) ||
           command_uses(&p->ready.exec, p->run, variable) ||
           command_uses(&p->live.exec, p->run, variable);
}
