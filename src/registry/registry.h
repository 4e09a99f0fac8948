/* The registry: owns the stores and what the loop knows in memory; the use cases (publish.h,
 * yank.h, owners.h, lookup.h, admin.h) work on it. Members are the loop thread's unless said
 * otherwise. */
#pragma once
#include "auth/access.h"
#include "base/clock.h"
#include "base/worker.h"
#include "config/config.h"
#include "index/sparse.h"
#include "registry/own_url.h"
#include "registry/readers.h"
#include "registry/tally.h"
#include "store/blob.h"
#include "store/writer.h"

struct registry {
    const struct config *config;          /* immutable; any thread */
    const struct data_dir *data;          /* immutable; any thread */
    _Atomic(const struct own_urls *) own; /* replaced when the node's name changes; any thread */
    struct worker_pool *pool;
    struct readers *readers; /* any thread */
    struct db *db;           /* the writer thread's */
    struct writer *writer;
    struct access *access;        /* the loop's instance */
    struct access *writer_access; /* the writer thread's instance */
    struct sparse *sparse;
    struct tally *tally;
    struct publish_gate *gate;
    bool read_only; /* after a failed sync: no more changes until a restart */
    unsigned disk_failures;
};

/* Opens database and memory from the folder. pool and the rest must outlive it. own is set by the
 * server once ports and names are known; what was set before has to stay. */
int registry_open(const struct config *c, const struct data_dir *data, struct worker_pool *pool,
    struct registry **ret, struct err *e) MUST_CHECK;
/* Writes what counters wait, stops the writer, closes. */
void registry_close(struct registry *r);

/* A write or a sync failed: the second one makes the registry read-only, for the kernel may have
 * dropped what it could not write, and a retry would then lie. */
void registry_note_disk_failure(struct registry *r);
/* -1 with the sentence for a person after the disk failed. */
int registry_check_writable(const struct registry *r, struct err *e) MUST_CHECK;

/* Counts and last-use times to the writer; called by a timer and at the end. */
void registry_flush_tally(struct registry *r);
