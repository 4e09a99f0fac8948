/* The supervisor is a program of its own, static and small: this becomes it. */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "groundcontrol"

/* The one that was built and installed with us lies beside us. */
static void exec_beside(struct cli *c, char *const *argv)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self);
    struct str path = { self, n > 0 ? (size_t)n : 0 };
    size_t slash = str_rfind(path, '/');
    if (slash == STR_NPOS || path.n == sizeof self)
        return;
    struct str folder = str_from_to(path, 0, slash);
    (void)execv(
        str_cstr(c->arena, arena_printf(c->arena, "%" STR_FMT "/" PROGRAM, STR_ARG(folder))), argv);
}

int cmd_supervise(struct cli *c, struct err *e)
{
    char *argv[] = { (char[]){ PROGRAM }, (char[]){ "--check" }, NULL, NULL };
    char **file = args_has(&c->args, "check") ? &argv[2] : &argv[1];
    *file = str_cstr(c->arena, c->args.rest[0]);
    exec_beside(c, argv);
    (void)execvp(PROGRAM, argv);
    return err_set(e, ERR_NOT_FOUND,
        "cannot run " PROGRAM ", which belongs beside superguppy or in PATH: %s", strerror(errno));
}
