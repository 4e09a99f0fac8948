/* A reload touches only what changed. Processes are matched by name (the first `x` of the old file
 * is the first `x` of the new one). What changed or went is stopped in reverse order, then what
 * changed or came is started in order; all others keep running, and keep the configuration they
 * were started with. A file that does not load changes nothing. The environment counts as changed
 * for those that see a variable of [env] that did. */
#include "supervisor/supervise_private.h"

#include "base/mem.h"

#include <string.h>

static size_t occurrence(const struct conf *c, size_t index)
{
    size_t n = 0;
    for (size_t i = 0; i < index; i++)
        n += strcmp(c->processes[i].name, c->processes[index].name) == 0;
    return n;
}

/* Index in `in` of the process that c's index stands for; in->n if there is none. */
static size_t counterpart(const struct conf *in, const struct conf *c, size_t index)
{
    size_t skip = occurrence(c, index);
    for (size_t i = 0; i < in->n; i++)
        if (strcmp(in->processes[i].name, c->processes[index].name) == 0 && skip-- == 0)
            return i;
    return in->n;
}

static const char *value_of(const struct conf *c, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < c->env_n; i++)
        if (strcmp(c->env[i].name, name) == 0)
            value = c->env[i].value;
    return value;
}

static bool sees_difference(const struct process *p, const struct conf *a, const struct conf *b)
{
    for (size_t i = 0; i < a->env_n; i++) {
        const char *other = value_of(b, a->env[i].name);
        if ((!other || strcmp(other, a->env[i].value) != 0) && conf_process_uses(p, a->env[i].name))
            return true;
    }
    return false;
}

static bool changed(const struct supervise *s, size_t old, size_t new)
{
    const struct process *p = &s->next->processes[new];
    return !conf_process_same(s->conf, old, s->next, new) || sees_difference(p, s->conf, s->next) ||
           sees_difference(p, s->next, s->conf);
}

/* units[i] of the running file stays as it is? */
static bool stays(const struct supervise *s, size_t i)
{
    size_t new = counterpart(s->next, s->conf, i);
    return new < s->next->n && !changed(s, i, new);
}

void reload_begin(struct supervise *s)
{
    struct err e = ERR_INIT;
    if (conf_load(s->conf->file, &s->next, &e) < 0) {
        say(s->out, SAY_ERROR, "reload: %s; the old configuration stays", e.text);
        return;
    }
    if (s->next->n > s->room) {
        say(s->out, SAY_ERROR,
            "reload: %zu processes are more than fit beside those of the start (%zu); restart "
            "groundcontrol",
            s->next->n, s->room);
        conf_free(TAKE(s->next));
        return;
    }
    say(s->out, SAY_INFO, "reloading %s", s->conf->file);
    s->mode = MODE_UNLOADING;
    s->at = s->n;
    s->at_begun = false;
    s->host.changed = true;
}

void reload_cancel(struct supervise *s)
{
    conf_free(TAKE(s->next));
}

static bool unload(struct supervise *s)
{
    while (s->at > 0) {
        size_t i = s->conf->order[s->at - 1];
        bool leaves = !stays(s, i);
        if (leaves && !s->at_begun)
            unit_stop(s->units[i]);
        s->at_begun = true;
        if (leaves && (s->units[i]->state != UNIT_DOWN || !unit_idle(s->units[i])))
            return false;
        s->at--;
        s->at_begun = false;
    }
    return true;
}

/* The unit that is to run process `i` of the new file: the one that stays, or a fresh one. */
static struct unit *unit_for(struct supervise *s, size_t i)
{
    size_t old = counterpart(s->conf, s->next, i);
    if (old < s->conf->n && stays(s, old))
        return s->units[old];
    return supervise_new_unit(s, s->next, i);
}

/* Sources are few: those of what goes are given back before new ones are taken. */
static void swap(struct supervise *s)
{
    struct unit **units = mem_array(s->next->n + 1, sizeof(struct unit *));
    struct conf *old = s->conf;
    for (size_t i = 0; i < s->n; i++)
        if (!stays(s, i))
            supervise_free_unit(s, TAKE(s->units[i]));
    for (size_t i = 0; i < s->next->n; i++)
        units[i] = unit_for(s, i);
    free(s->units);
    s->units = units;
    s->n = s->next->n;
    s->conf = TAKE(s->next);
    supervise_drop_conf(s, old);
}

static void load_begin(struct supervise *s)
{
    const char *control = s->conf->control;
    const char *wanted = s->next->control;
    if ((control == NULL) != (wanted == NULL) || (control && strcmp(control, wanted) != 0))
        say(s->out, SAY_WARN, "reload: a change of `control` takes effect at the next start");
    swap(s);
    supervise_restyle(s);
    supervise_build_environ(s);
    s->mode = MODE_LOADING;
    s->at = 0;
    s->at_begun = false;
}

/* New ones have the new configuration; the others are left as they are, also those stopped by hand.
 */
static void load(struct supervise *s)
{
    while (s->at < s->n) {
        struct unit *u = s->units[s->conf->order[s->at]];
        if (u->conf == s->conf) {
            if (!s->at_begun)
                unit_start(u, true);
            s->at_begun = true;
            if (!unit_settled_up(u) && !unit_settled_down(u))
                return;
        }
        s->at++;
        s->at_begun = false;
    }
    say(s->out, SAY_INFO, "reloaded");
    s->mode = MODE_RUNNING;
    s->host.changed = true;
}

void reload_step(struct supervise *s)
{
    if (s->mode == MODE_UNLOADING) {
        if (!unload(s))
            return;
        load_begin(s);
    }
    load(s);
}
