/* The environment is built as a list that has room for all that can come: what is inherited is
 * borrowed as it is, later names push out earlier ones. Nothing is taken from libc's environ: the
 * supervisor hands over its own, so --check and the tests can ask about another. */
#include "supervisor/child_private.h"

#include "base/buf.h"
#include "config/quote.h"
#include "supervisor/slurp.h"
#include "supervisor/template.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define ARGUMENT_MAX ((128u << 10) - 1) /* the kernel's MAX_ARG_STRLEN without its NUL */

struct list {
    struct arena *arena;
    char **items;
    size_t n;
};

static bool is_named(const char *entry, struct str name)
{
    return strncmp(entry, name.p, name.n) == 0 && entry[name.n] == '=';
}

const char *child_variable(char *const *environ_, struct str name)
{
    for (; name.n && *environ_; environ_++)
        if (is_named(*environ_, name))
            return *environ_ + name.n + 1;
    return NULL;
}

bool child_is_notify_variable(struct str name)
{
    return str_eq(name, STR("NOTIFY_SOCKET")) || str_eq(name, STR("WATCHDOG_USEC")) ||
           str_eq(name, STR("WATCHDOG_PID"));
}

const char *child_user(const struct launch *l)
{
    if (l->command->user || !l->inherit_from_run || !l->process->run)
        return l->command->user;
    return l->process->run->user;
}

const struct command *child_filter(const struct launch *l)
{
    if (l->command->filter)
        return l->command;
    if (l->inherit_from_run && l->process->run && l->process->run->filter)
        return l->process->run;
    return NULL;
}

int child_own_value(const struct env_pair *p, struct arena *a, const char **ret, struct err *e)
{
    AUTO_BUF struct buf b = BUF_INIT(SECRET_MAX);
    struct str value = str_from(p->value);
    struct err why = ERR_INIT;
    bool more;
    *ret = p->value;
    if (!str_starts(value, STR("file:")))
        return 0;
    struct str file = str_skip(value, 5);
    if (slurp_file(file.p, &b, &more, &why) < 0)
        return err_set(e, why.kind, "cannot read %" STR_FMT " for env %" STR_FMT ": %s",
            STR_ARG(quote_short(a, file)), STR_ARG(quote_short(a, str_from(p->name))), why.text);
    struct str text = buf_str(&b);
    if (more || str_has(text, '\0'))
        return err_set(e, ERR_INVALID, "cannot use %" STR_FMT " for env %" STR_FMT ": %s",
            STR_ARG(quote_short(a, file)), STR_ARG(quote_short(a, str_from(p->name))),
            more ? "it is longer than 64 KiB"
                 : "it has a NUL byte, which no variable can hold; give the program the path");
    if (str_ends(text, STR("\n")))
        text.n--;
    if (str_ends(text, STR("\r")))
        text.n--;
    *ret = str_cstr(a, text);
    return 0;
}

static void add(struct list *list, const char *name, const char *value)
{
    struct str entry = arena_printf(list->arena, "%s=%s", name, value);
    list->items[list->n++] = str_cstr(list->arena, entry);
}

static void replace(struct list *list, const char *name, const char *value)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++)
        if (!is_named(list->items[i], str_from(name)))
            list->items[kept++] = list->items[i];
    list->n = kept;
    add(list, name, value);
}

static void inherit(struct list *list, char *const *environ_)
{
    for (; *environ_; environ_++) {
        struct str rest = str_from(*environ_);
        if (!child_is_notify_variable(str_cut(&rest, '=')))
            list->items[list->n++] = *environ_;
    }
}

bool child_has_own(const struct process *p, struct str name)
{
    for (size_t i = 0; i < p->env_n; i++)
        if (str_eq(str_from(p->env[i].name), name))
            return true;
    return false;
}

/* A listed name that only this process's env gives is set, after all; the notify variables come
 * from nowhere but the supervisor. */
static int choose(
    struct list *list, const struct launch *l, const struct command *filter, struct err *e)
{
    const char *path = child_variable(l->environ_, STR("PATH"));
    if (path)
        add(list, "PATH", path);
    for (size_t i = 0; i < filter->only_env_n; i++) {
        const char *name = filter->only_env[i];
        if (child_is_notify_variable(str_from(name)))
            continue;
        const char *value = child_variable(l->environ_, str_from(name));
        if (value)
            replace(list, name, value);
        else if (!child_has_own(l->process, str_from(name)))
            return err_set(e, ERR_INVALID, "unknown variable %" STR_FMT " in only-env",
                STR_ARG(quote_short(list->arena, str_from(name))));
    }
    return 0;
}

int child_environment(const struct launch *l, struct arena *a, char ***ret, struct err *e)
{
    const struct command *filter = child_filter(l);
    size_t n = 0;
    while (l->environ_[n])
        n++;
    n += (filter ? filter->only_env_n : 0) + l->process->env_n + 4;
    struct list list = { a, arena_array(a, n, sizeof(char *)), 0 };
    if (!filter)
        inherit(&list, l->environ_);
    else if (choose(&list, l, filter, e) < 0)
        return -1;
    for (size_t i = 0; i < l->process->env_n; i++) {
        const char *value;
        if (child_own_value(&l->process->env[i], a, &value, e) < 0)
            return -1;
        replace(&list, l->process->env[i].name, value);
    }
    if (l->notify_socket)
        replace(&list, "NOTIFY_SOCKET", l->notify_socket);
    if (l->watchdog_ms > 0)
        replace(
            &list, "WATCHDOG_USEC", arena_printf(a, "%" PRIu64, (uint64_t)l->watchdog_ms * 1000).p);
    list.items[list.n] = NULL;
    *ret = list.items;
    return 0;
}

struct source {
    const struct launch *launch;
    struct arena *arena;
    struct err failed; /* a file: that cannot be read */
};

/* As Ground Control does it, a value that is no UTF-8 is not there. */
static const char *template_value(void *ctx, struct str name)
{
    struct source *s = ctx;
    const struct process *p = s->launch->process;
    const char *value = child_variable(s->launch->environ_, name);
    for (size_t i = 0; i < p->env_n; i++)
        if (str_eq(str_from(p->env[i].name), name) &&
            child_own_value(&p->env[i], s->arena, &value, &s->failed) < 0)
            return NULL;
    return value && utf8_valid(str_from(value)) ? value : NULL;
}

int child_expand(
    const struct launch *l, const char *word, struct arena *a, const char **ret, struct err *e)
{
    AUTO_BUF struct buf out = BUF_INIT(ARGUMENT_MAX);
    struct source source = { l, a, ERR_INIT };
    *ret = word;
    if (!strstr(word, "{{"))
        return 0;
    if (template_expand(str_from(word), template_value, &source, &out, e) < 0) {
        if (source.failed.kind != ERR_NONE)
            return err_set(e, source.failed.kind, "%s", source.failed.text);
        return -1;
    }
    if (!buf_ok(&out))
        return err_set(e, ERR_TOO_LARGE, "one of them is longer than 128 KiB");
    *ret = str_cstr(a, buf_str(&out));
    return 0;
}

int child_arguments(const struct launch *l, struct arena *a, char ***ret, struct err *e)
{
    const struct command *c = l->command;
    const char **words = arena_array(a, c->n + 1, sizeof(char *));
    struct err why = ERR_INIT;
    for (size_t i = 0; i < c->n; i++)
        if (child_expand(l, c->words[i], a, &words[i], &why) < 0)
            return err_set(e, why.kind, "cannot expand the arguments of %" STR_FMT ": %s",
                STR_ARG(quote_short(a, str_from(c->words[0]))), why.text);
    memcpy(ret, &words, sizeof words); /* exec's type has no const, and writes nothing */
    return 0;
}

/* 0, or the errno that exec would give; it is exec that decides in the end. The effective ids
 * count, as they do there. */
static int runnable(int dir_fd, const char *path)
{
    struct stat st;
    if (fstatat(dir_fd, path, &st, 0) < 0)
        return errno;
    if (!S_ISREG(st.st_mode))
        return EACCES;
    return faccessat(dir_fd, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

/* As execvp(3): the first that may be run; if there is none, "permission denied" says more than
 * "not found". */
static int search(int dir_fd, struct str name, struct str path, struct arena *a, const char **ret)
{
    int found = ENOENT;
    bool last = false;
    while (!last) {
        last = !str_has(path, ':');
        struct str dir = str_cut(&path, ':');
        if (dir.n + name.n + 2 > PATH_MAX)
            continue;
        const char *slash = dir.n ? "/" : "./"; /* no folder means this one */
        char file[PATH_MAX + 2];
        int n = snprintf(
            file, sizeof file, "%" STR_FMT "%s%" STR_FMT, STR_ARG(dir), slash, STR_ARG(name));
        int sys = runnable(dir_fd, file);
        if (sys == 0)
            *ret = str_cstr(a, (struct str){ file, (size_t)n });
        if (sys == 0)
            return 0;
        if (sys == EACCES)
            found = EACCES;
    }
    return found;
}

int child_program_at(int dir_fd, const char *name, char *const *environ_, struct arena *a,
    const char **ret, struct err *e)
{
    const char *path = child_variable(environ_, STR("PATH"));
    int sys = ENOENT;
    if (strchr(name, '/')) {
        sys = runnable(dir_fd, name);
        *ret = name;
    } else if (*name) {
        sys = search(dir_fd, str_from(name), str_from(path ? path : PATH_DEFAULT), a, ret);
    }
    if (sys)
        return err_set(e, sys == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s", strerror(sys));
    return 0;
}

int child_program(
    const char *name, char **environ_, struct arena *a, const char **ret, struct err *e)
{
    return child_program_at(AT_FDCWD, name, environ_, a, ret, e);
}
