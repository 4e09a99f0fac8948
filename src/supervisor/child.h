/* What happens in a child between fork and exec: environment, arguments, user, groups, limits,
 * capabilities, folder. It runs in the child, so whatever it allocates is gone with the exec and
 * the supervisor's own memory never grows; what goes wrong travels back as one text. */
#pragma once
#include "base/attr.h"
#include "supervisor/conf.h"

#define CHILD_TEXT_MAX 1024 /* of a report, without NUL */

/* All borrowed; the fork copies them. */
struct launch {
    const struct process *process;
    const struct command *command;
    char **environ_;           /* the supervisor's own: with [env] and RUST_LOG, NULL-terminated */
    const char *notify_socket; /* NULL: none. Else NOTIFY_SOCKET for the command */
    int64_t watchdog_ms;       /* 0: none. Else WATCHDOG_USEC */
    pid_t parent;              /* getpid() of the supervisor */
    bool inherit_from_run; /* a probe: user and only-env of process->run where command has none */
};

/* In the child, after fork: fds 0, 1, 2 stand already, signals are blocked. New session, own signal
 * state, everything above fd 2 closed at exec; then exec. On failure writes the text (for instance
 * `cannot run "x": No such file or directory`) to report_fd and exits 127; report_fd is
 * close-on-exec, so its end without a byte means that the program runs. */
NORETURN void child_exec(const struct launch *l, int report_fd);

/* The environment a command gets, as a NULL-terminated array in the arena: inherited or only-env
 * (always with PATH), then the process's own env with file: read, then the notify variables. Error
 * for a listed variable that is not set. Later entries replace earlier ones of the same name. */
int child_environment(
    const struct launch *l, struct arena *a, char ***ret, struct err *e) MUST_CHECK;
/* The words with templates expanded, program included; from the supervisor's environment and the
 * process's own env, whatever only-env says. */
int child_arguments(const struct launch *l, struct arena *a, char ***ret, struct err *e) MUST_CHECK;
/* Where the program is: itself if it has a slash, else along the PATH of environ_. -1 with errno's
 * words ("No such file or directory", "Permission denied"). */
int child_program(
    const char *name, char **environ_, struct arena *a, const char **ret, struct err *e) MUST_CHECK;

/* "net_bind_service" (also CAP_NET_BIND_SERVICE) to its number; false if unknown. */
bool child_capability(struct str name, int *ret);
/* "nofile" to RLIMIT_NOFILE; false if unknown. */
bool child_limit(struct str name, int *ret);
