/* The child's own functions are asked, one fact at a time, where the child itself would stop at the
 * first. Nothing is changed: not the folder, not the environment; relative paths are taken from a
 * descriptor of the process's cwd. */
#include "supervisor/conf.h"

#include "config/quote.h"
#include "supervisor/child_private.h"
#include "supervisor/template.h"
#include "supervisor/userdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct check {
    const struct conf *conf;
    char **environ_;
    struct arena *arena; /* for one process; reset behind each */
    void (*say)(void *ctx, struct str text);
    void *ctx;
    size_t n;
    const struct process *process;
    int dir_fd; /* of its cwd; -1 if that is not there */
};

/* A command as the check sees it: its key in the file, and what the child would be given. */
struct looked_at {
    const char *key;
    struct launch launch;
};

static const char *shown(struct check *c, const char *text)
{
    return quote_short(c->arena, str_from(text)).p;
}

static void PRINTF_LIKE(4, 5) tell(struct check *c, int line, const char *key, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str what = arena_vprintf(c->arena, fmt, ap);
    va_end(ap);
    c->n++;
    c->say(c->ctx, arena_printf(c->arena, "%s:%d: process %s: %s: %" STR_FMT, c->conf->file, line,
                       shown(c, c->process->name), key, STR_ARG(what)));
}

static void check_cwd(struct check *c)
{
    const struct process *p = c->process;
    c->dir_fd = AT_FDCWD;
    if (!p->cwd)
        return;
    c->dir_fd = open(p->cwd, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (c->dir_fd < 0)
        tell(c, p->line, "cwd", "%s: %s", shown(c, p->cwd), strerror(errno));
}

static void check_groups(struct check *c)
{
    const struct process *p = c->process;
    for (size_t i = 0; i < p->groups_n; i++) {
        gid_t gid;
        struct err e = ERR_INIT;
        int found = userdb_group(GROUP_FILE, str_from(p->groups[i]), &gid, &e);
        if (found < 0)
            tell(c, p->line, "groups", "%s", e.text);
        if (found == 0)
            tell(c, p->line, "groups", "there is no group %s in " GROUP_FILE,
                shown(c, p->groups[i]));
    }
}

static void check_env(struct check *c)
{
    const struct process *p = c->process;
    for (size_t i = 0; i < p->env_n; i++) {
        const char *value;
        struct err e = ERR_INIT;
        if (child_own_value(&p->env[i], c->arena, &value, &e) < 0)
            tell(c, p->line, "env", "%s", e.text);
    }
}

static void check_user(struct check *c, const struct looked_at *at)
{
    const struct command *cmd = at->launch.command;
    struct user_entry user;
    struct err e = ERR_INIT;
    if (!cmd->user)
        return;
    int found = userdb_user(PASSWD_FILE, str_from(cmd->user), &user, &e);
    if (found < 0)
        tell(c, cmd->line, at->key, "%s", e.text);
    if (found == 0)
        tell(c, cmd->line, at->key, "there is no user %s in " PASSWD_FILE, shown(c, cmd->user));
}

static void check_only_env(struct check *c, const struct looked_at *at)
{
    const struct command *cmd = at->launch.command;
    for (size_t i = 0; i < cmd->only_env_n; i++) {
        struct str name = str_from(cmd->only_env[i]);
        if (!child_is_notify_variable(name) && !child_variable(c->environ_, name) &&
            !child_has_own(c->process, name))
            tell(c, cmd->line, at->key,
                "unknown variable %s in only-env; set it in the environment or in [env]",
                shown(c, cmd->only_env[i]));
    }
}

/* A "file:" that cannot be read is told of once, by check_env. */
static void check_word(struct check *c, const struct looked_at *at, struct str word)
{
    while (word.n) {
        struct str name;
        size_t n = template_at(word, &name);
        if (n && !child_has_own(c->process, name)) {
            const char *value, *text = str_cstr(c->arena, str_from_to(word, 0, n));
            struct err e = ERR_INIT;
            if (child_expand(&at->launch, text, c->arena, &value, &e) < 0)
                tell(c, at->launch.command->line, at->key, "%s", e.text);
        }
        word = str_skip(word, n ? n : 1);
    }
}

static bool is_signal_name(const char *program)
{
    static const char *const names[] = { "abrt", "alrm", "cont", "hup", "int", "kill", "pipe",
        "quit", "stop", "term", "tstp", "usr1", "usr2", "winch" };
    struct str name = str_from(program);
    if (str_starts_nocase(name, STR("SIG")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_nocase(name, str_from(names[i])))
            return true;
    return false;
}

static const char *hint(const struct looked_at *at, const char *program)
{
    if (*program == '\0')
        return "; the command is empty or begins with a blank";
    if (strcmp(at->key, "stop") == 0 && is_signal_name(program))
        return "; of signals only \"SIGINT\", \"SIGQUIT\" and \"SIGTERM\" can be sent: write one "
               "of these";
    return "";
}

/* PATH alone decides where a program is, and every command has one, whatever only-env says. */
static const char *path_entry(struct check *c)
{
    const struct process *p = c->process;
    const char *path = child_variable(c->environ_, STR("PATH"));
    struct err e = ERR_INIT;
    for (size_t i = 0; i < p->env_n; i++)
        if (strcmp(p->env[i].name, "PATH") == 0 &&
            child_own_value(&p->env[i], c->arena, &path, &e) < 0)
            return NULL;
    return path ? arena_printf(c->arena, "PATH=%s", path).p : NULL;
}

static void check_program(struct check *c, const struct looked_at *at)
{
    const struct command *cmd = at->launch.command;
    const char *program, *file, *path = path_entry(c);
    const char *const environ_[] = { path, NULL };
    char *copy[ARRAY_LEN(environ_)];
    struct err e = ERR_INIT;
    memcpy(copy, environ_, sizeof copy);
    if (child_expand(&at->launch, cmd->words[0], c->arena, &program, &e) < 0)
        return; /* told by check_word */
    if (c->dir_fd == -1 && *program != '/' && strchr(program, '/'))
        return; /* told by check_cwd */
    if (child_program_at(c->dir_fd, program, copy, c->arena, &file, &e) < 0)
        tell(c, cmd->line, at->key, "cannot run %s: %s%s", shown(c, program), e.text,
            hint(at, program));
}

static void check_command(
    struct check *c, const char *key, const struct command *cmd, bool is_probe)
{
    if (!cmd)
        return;
    struct looked_at at = { key, { .process = c->process,
                                     .command = cmd,
                                     .environ_ = c->environ_,
                                     .inherit_from_run = is_probe } };
    check_user(c, &at);
    check_only_env(c, &at);
    for (size_t i = 0; i < cmd->n; i++)
        check_word(c, &at, str_from(cmd->words[i]));
    if (cmd->n)
        check_program(c, &at);
}

static void check_process(struct check *c, const struct process *p)
{
    c->process = p;
    check_cwd(c);
    check_groups(c);
    check_env(c);
    check_command(c, "pre", p->pre, false);
    check_command(c, "run", p->run, false);
    check_command(c, "stop", p->stop_command, false);
    check_command(c, "post", p->post, false);
    check_command(c, "ready", p->ready.kind == PROBE_EXEC ? &p->ready.exec : NULL, true);
    check_command(c, "live", p->live.kind == PROBE_EXEC ? &p->live.exec : NULL, true);
    attr_close(&c->dir_fd);
}

/* What the supervisor's environment will be: [env] over what is there, and the RUST_LOG that
 * Ground Control sets for its commands. The first of two entries counts. */
static char **future_environ(const struct conf *c, char **environ_, struct arena *a)
{
    size_t n = 0, have = 0;
    while (environ_[have])
        have++;
    char **ret = arena_array(a, c->env_n + have + 2, sizeof *ret);
    for (size_t i = 0; i < c->env_n; i++)
        ret[n++] = str_cstr(a, arena_printf(a, "%s=%s", c->env[i].name, c->env[i].value));
    memcpy(ret + n, environ_, have * sizeof *ret);
    ret[n + have] = str_cstr(a, STR("RUST_LOG=info"));
    return ret;
}

size_t conf_resolve(
    const struct conf *c, char **environ_, void (*say)(void *ctx, struct str text), void *ctx)
{
    AUTO_ARENA struct arena *fixed = arena_new();
    AUTO_ARENA struct arena *arena = arena_new();
    struct check check = { .conf = c,
        .environ_ = future_environ(c, environ_, fixed),
        .arena = arena,
        .say = say,
        .ctx = ctx };
    for (size_t i = 0; i < c->n; i++) {
        check_process(&check, &c->processes[i]);
        arena_reset(arena);
    }
    return check.n;
}
