/* One command that runs: fork, its pidfd, its pipes, its report of the exec, its end. No
 * allocation; a job is reused for the next command when the last has ended. A fork that the system
 * refuses for want of something (EAGAIN, ENOMEM, descriptors) is tried again for some seconds
 * before it counts as failed. */
#pragma once
#include "supervisor/child.h"
#include "supervisor/events.h"
#include "supervisor/stream.h"

#define JOB_RETRY_MS 250
#define JOB_RETRIES 20

enum job_state { JOB_IDLE, JOB_WAITING, JOB_FORKED, JOB_RUNNING };

struct jobs { /* all jobs of the supervisor, for the reaper */
    struct events *ev;
    struct streams *streams;
    struct job *first; /* those with a child */
    pid_t self;
};

struct job {
    struct jobs *jobs;
    enum job_state state;
    struct job *prev, *next;
    pid_t pid;   /* also process group and session; 0 when no child */
    pid_t group; /* the pid of the last child, also when it has ended */
    int pidfd;
    int retries;
    struct watch report;
    struct timer retry;
    char text[CHILD_TEXT_MAX + 1]; /* what kept it from running, until its child is reaped */
    struct stream *out, *err;
    struct launch launch; /* kept for the retries */
    struct stream_use
        use; /* source, phase and line for both streams; source NULL: output to /dev/null */
    void *owner;
    void (*started)(struct job *j);                  /* the program runs */
    void (*failed)(struct job *j, const char *text); /* it never did; the job is idle again */
    void (*ended)(struct job *j, int status);        /* wait status; the job is idle again */
};

void jobs_init(struct jobs *js, struct events *ev, struct streams *streams);
/* Reaps everything there is, ours and orphans, up to a bound; true if there may be more. */
bool jobs_reap(struct jobs *js);

void job_init(struct job *j, struct jobs *js, void *owner);
void job_deinit(struct job *j); /* the loop forgets it; a child goes on */
/* The job is idle; launch, use, owner and the calls are set. Never fails at once: `failed` comes
 * later, from the loop. */
void job_start(struct job *j);
bool job_busy(const struct job *j);            /* waiting, forked or running */
bool job_signal(struct job *j, int sig);       /* the leader alone; false: could not (errno) */
void job_signal_group(struct job *j, int sig); /* its process group; a waiting job fails instead */
/* Is anybody left in the group of a leader that has ended? */
bool job_group_left(pid_t group);
