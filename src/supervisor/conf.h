/* A groundcontrol.toml as values. All of it lives in the arena of its struct conf; nothing changes
 * after loading. Times are milliseconds, TIME_FOREVER where "none" was written. The schema of
 * Ground Control 1.0.0 is taken verbatim; every other key is an addition that old files do not
 * have. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

#include <sys/socket.h>
#include <sys/types.h>

#define TIME_FOREVER (-1)
#define PROCESS_MAX 1024
#define ENV_MAX 1024             /* variables of one `env` */
#define CONF_SIZE_MAX (1u << 20) /* bytes of a file */

/* words[0] is the program; templates ({{NAME}}) are not expanded yet. An empty program is possible
 * ("" or a leading blank, as in Ground Control) and fails when it is run. words[n] is NULL. */
struct command {
    int line;
    const char **words;
    size_t n;
    const char *user;      /* a name, NULL: as the supervisor */
    bool filter;           /* only-env was given */
    const char **only_env; /* only_env[only_env_n] is NULL */
    size_t only_env_n;
};

struct env_pair {
    const char *name;
    const char *value; /* in a process's env, "file:PATH" means the content of that file */
};

enum probe_kind { PROBE_NONE, PROBE_TCP, PROBE_HTTP, PROBE_EXEC, PROBE_NOTIFY, PROBE_LOG };
struct probe {
    enum probe_kind kind;
    int line;
    struct sockaddr_storage address; /* tcp, http */
    socklen_t address_n;
    const char *host;    /* http: the Host header; tcp: as written */
    const char *target;  /* http: path and query, at least "/" */
    const char *text;    /* log */
    struct command exec; /* user and only-env are those of run unless given */
    int64_t every_ms;    /* live: between two tries, default 10 s */
    int failures;        /* live: in a row that kill it, default 3 */
};

enum restart { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS };

#define LIMIT_UNLIMITED UINT64_MAX
struct limit {
    int resource; /* RLIMIT_… */
    uint64_t value;
};

struct process {
    const char *name;
    int line;
    const struct command *pre, *run, *post, *stop_command; /* NULL: none */
    int stop_signal; /* SIGTERM unless stop says other; unused with stop_command */

    enum restart restart;
    int restart_limit; /* -1: none; default 5 */
    int64_t restart_window_ms;
    struct probe ready, live;
    int64_t ready_timeout_ms;
    const size_t *depends; /* indices into conf.processes */
    size_t depends_n;
    int64_t stop_timeout_ms;

    const struct env_pair *env;
    size_t env_n;
    const char *cwd; /* NULL: the supervisor's */
    int umask;       /* -1: the supervisor's */
    const struct limit *limits;
    size_t limits_n;
    bool has_groups; /* groups was given, maybe as [] */
    const char **groups;
    size_t groups_n;
    bool has_capabilities;
    uint64_t capabilities; /* a bit for each CAP_… */
};

struct conf {
    struct arena *arena;
    const char *file; /* as given on the command line, for messages */
    bool suppress_timestamps;
    const struct env_pair *env;
    size_t env_n;
    const struct process *processes; /* in the order of the file */
    size_t n;
    const size_t *order; /* start order: the file's, but what is depended on comes first */
    int64_t shutdown_timeout_ms;
    bool log_json;
    const char *control; /* path of the control socket, NULL: none */
};

/* Reads and checks the file; *ret is the caller's, to be freed by conf_free. Error text:
 * "FILE:LINE: process "NAME": key …: what is wrong, and what to write instead". Resolves no user,
 * program or variable: that is conf_resolve's. */
int conf_load(const char *file, struct conf **ret, struct err *e) MUST_CHECK;
/* The same from text, with `file` for messages. */
int conf_parse(const char *file, struct str text, struct conf **ret, struct err *e) MUST_CHECK;
void conf_free(struct conf *c); /* NULL is fine */

/* Do two processes mean the same to a running supervisor? Compares every value, not lines;
 * `depends` by name. */
bool conf_process_same(const struct conf *a, size_t ai, const struct conf *b, size_t bi);
/* Does any command of that process see the variable: by inheriting it, by only-env or {{NAME}}? */
bool conf_process_uses(const struct process *p, const char *variable);

/* What `--check` says beyond the syntax: users, groups, programs, working directories, files and
 * variables that do not exist on this machine with this environment. Calls `say` for each, in the
 * order of the file. Returns how many there were. */
size_t conf_resolve(
    const struct conf *c, char **environ_, void (*say)(void *ctx, struct str text), void *ctx);
