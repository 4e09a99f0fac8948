/* One process of the file and all it runs: `run`, its probes, `pre`/`post` beside it and the stop
 * command. Moves by the table of state.h alone. It tells nobody: host->changed is set, and the
 * supervisor looks at the states. */
#pragma once
#include "supervisor/job.h"
#include "supervisor/notify.h"
#include "supervisor/output.h"
#include "supervisor/probe.h"
#include "supervisor/state.h"

#define UNIT_KILL_MS 2000 /* what SIGKILL does not end in that time is given up */
#define UNIT_POLL_MS 50   /* between two looks at a group that lingers */
#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS 30000

struct unit;

/* What all processes share. */
struct host {
    void *owner;
    struct events *ev;
    struct jobs *jobs;
    struct output *out;
    char **environ_;    /* for launch.environ_ */
    bool changed;       /* some unit moved */
    bool shutting_down; /* nothing is started any more; a failed stop leaves its process for the
                           sweep */
    bool forced;        /* no `post` */
    unsigned (*random)(void);                /* jitter of the back-off */
    bool (*others_up)(const struct unit *u); /* is all up that it depends on? */
};

enum unit_outcome {
    OUTCOME_NONE,
    OUTCOME_START_FAILED, /* `pre` or the exec of `run` */
    OUTCOME_NOT_READY,    /* ready-timeout */
    OUTCOME_ENDED,        /* by itself */
};

struct unit {
    struct host *host;
    const struct conf *conf; /* whose process it is; changes at a reload */
    size_t index;
    struct source *source;
    enum unit_state state;
    int raised; /* the event that the last action caused, -1: none */

    struct job run, side, stop; /* side: `pre` and `post` */
    struct prober prober;
    struct notify notify;
    struct timer timer; /* of the state */
    struct timer poll;  /* of a group that lingers */
    pid_t group;        /* whose leader has ended, 0: none */

    bool asked;     /* to be down; nothing restarts it */
    bool again_now; /* to come up as soon as it is down (control, reload) */
    bool by_hand;   /* this start was asked for by a person: its failure ends nobody else */
    bool has_been_up;
    bool restarting;       /* comes up again after a pause */
    bool waits_for_others; /* its pause is over, but not what it depends on is up */
    enum unit_outcome outcome;
    int code; /* of the last end of `run`: exit status, 128 + signal; 1 for a failed start */
    char why[CHILD_TEXT_MAX]; /* of the last failure, one line */
    char note[128];           /* the last STATUS= */
    int starts;               /* all of them, for status */
    int64_t up_since_ms;

    int64_t window_start_ms; /* restart-limit */
    int in_window, in_row;
};

/* source may be NULL (output to nowhere). */
void unit_init(struct unit *u, struct host *host, const struct conf *conf, size_t index,
    struct source *source);
void unit_deinit(struct unit *u); /* it is down */
const struct process *unit_process(const struct unit *u);

void unit_start(struct unit *u, bool by_hand);
void unit_stop(struct unit *u);    /* also forgets a restart that is due */
void unit_restart(struct unit *u); /* stop, then start by hand */
void unit_force(struct unit *u);   /* SIGKILL for all it runs */
/* Goes on if it waited for what it depends on, and that is up. */
void unit_release(struct unit *u);

/* host->environ_ is another one; the old is about to go. */
void unit_new_environ(struct unit *u);
/* Somebody was reaped: was it the last of a group that lingers? */
void unit_look(struct unit *u);

bool unit_settled_up(const struct unit *u);   /* up or done */
bool unit_settled_down(const struct unit *u); /* down or left, and nothing due */
bool unit_idle(const struct unit *u);         /* no command of it is left, it may be freed */

/* For the tests of the table. */
void unit_event(struct unit *u, enum unit_event event);
