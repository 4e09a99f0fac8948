/* What the files of the supervisor's top share. */
#pragma once
#include "supervisor/control.h"
#include "supervisor/unit.h"

#define KILL_MARGIN_MS 200 /* of shutdown-timeout, kept for SIGKILL and the last lines */
#define SWEEP_GRACE_MS 3000
#define SPARE_PROCESSES 64 /* that a reload may add */
#define STREAMS_EACH 4     /* of a process: out and err of `run`, and of what runs beside it */

enum mode {
    MODE_STARTING,
    MODE_RUNNING,
    MODE_UNLOADING, /* reload: what changed or went is stopped */
    MODE_LOADING,   /* reload: what changed or came is started */
    MODE_STOPPING,
    MODE_SWEEPING, /* all processes are down; what else runs below us is sent SIGTERM, then SIGKILL
                    */
    MODE_ENDED,
};

/* A client of the control socket that waits for what it asked for. */
struct request {
    uint64_t token; /* 0: free */
    struct unit *unit;
    bool up;
};

struct supervise {
    struct events ev;
    struct output *out;
    struct streams *streams;
    struct jobs jobs;
    struct host host;
    struct conf *conf;
    struct conf *next; /* while unloading */
    struct arena *environ_arena;

    struct unit **units; /* units[i] is conf->processes[i] */
    size_t n;
    size_t room; /* processes that output and streams were laid out for */

    enum mode mode;
    size_t at;     /* in conf->order: who is being started or stopped */
    bool at_begun; /* it was told to */
    int code;
    int stop_signals;
    bool hangup; /* SIGHUP not yet acted on */
    bool reap_more;
    bool break_glass;

    struct watch signals;
    struct timer deadline; /* of the whole stop */
    struct timer sweep;
    bool sweep_killed;
    int64_t sweep_until_ms;
    int64_t stop_began_ms;

    struct control *control;
    struct request requests[CONTROL_CLIENTS];
};

/* reload.c */
void reload_begin(struct supervise *s);  /* mode running; reads the file again */
void reload_step(struct supervise *s);   /* mode unloading or loading */
void reload_cancel(struct supervise *s); /* a shutdown has come */

/* sweep.c: processes below us that are no command of ours. */
bool sweep_anybody_left(void);
void sweep_signal(int sig);

/* environ.c: base environment, RUST_LOG, [env]; NULL-terminated, in the arena. */
char **environ_build(const struct conf *c, char **base, struct arena *a);

/* requests.c: the control socket's calls, and its answers when they have come true. */
int requests_open(struct supervise *s, struct err *e) MUST_CHECK;
void requests_step(struct supervise *s);
void requests_forget(struct supervise *s, const struct unit *u); /* the unit goes away */

struct unit *supervise_find(struct supervise *s, struct str name, size_t *ret_count);
struct unit *supervise_new_unit(struct supervise *s, const struct conf *c, size_t index);
void supervise_free_unit(struct supervise *s, struct unit *u);
void supervise_restyle(struct supervise *s);       /* after a reload */
void supervise_build_environ(struct supervise *s); /* after a reload */
/* Frees c unless it is in use. */
void supervise_drop_conf(struct supervise *s, struct conf *c);
