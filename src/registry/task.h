/* What every change that a client asks for shares: an arena, the caller, and a function that
 * learns how it ended on the loop thread. */
#pragma once
#include "registry/registry.h"
#include "store/meta.h"

/* Loop thread. e->kind is ERR_NONE when it succeeded. */
typedef void (*task_done_fn)(void *ctx, const struct err *e);

struct task { /* first member of each use case's own struct, which is allocated in arena */
    struct change change;
    struct registry *registry;
    struct arena *arena;
    struct caller caller;
    task_done_fn done;
    void *ctx;
    struct str index_name; /* lower case; with index_answer, what commit puts into the index */
    struct answer *index_answer;
    struct str grant;  /* what allowed it, by the last task_check */
    struct buf events; /* bodies of the events it made, a line each; logged after the commit */
    /* Loop thread, after a commit and before done: brings the loop's memory up. May be NULL. */
    void (*committed)(struct task *t);
};

/* A zeroed object of size n whose arena it lives in. Strings for it are copied there, and so is the
 * caller (caller_keep). */
struct task *task_new(
    struct registry *r, const struct caller *c, size_t n, task_done_fn done, void *ctx);
/* Queues it; done is called later in any case, also when it cannot be queued. */
void task_submit(struct task *t);

/* For apply: who it is in the event log, and the check that caller and right still hold. */
struct str task_principal(const struct task *t);
int task_check(struct task *t, enum right right, struct str canonical, struct str name,
    struct err *e) MUST_CHECK;
int task_event(struct task *t, struct db *d, const char *what, struct str crate, struct str version,
    struct str detail, struct err *e) MUST_CHECK;

/* Builds a crate's index file from the stored lines, stores it, and keeps the answer that the
 * loop's index gets at commit. name: the crate's, in its own spelling. Writer thread. */
int task_remake_index(
    struct task *t, struct db *d, int64_t crate, struct str name, struct err *e) MUST_CHECK;
