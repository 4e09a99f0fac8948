/* A registry on a fresh temporary folder, with a pool of two workers and no server around it, for
 * unit tests. The test's thread is the loop. */
#pragma once
#include "registry/publish.h"
#include "support/temp_store.h"

struct temp_registry {
    struct temp_store *folder;
    struct arena *arena;
    struct config *config;
    struct worker_pool *pool;
    struct registry *reg;
};

struct temp_registry *temp_registry_new(void);
void temp_registry_free(struct temp_registry *t);
void temp_registry_reopen(struct temp_registry *t); /* as a restart */
/* Collects until *flag, failing the test after a minute. */
void temp_registry_wait(struct temp_registry *t, const bool *flag);
void temp_registry_settle(struct temp_registry *t);        /* until nothing is pending */
size_t temp_registry_temps(const struct temp_registry *t); /* files in tmp/ */

/* The caller of a new token of local:NAME. */
struct caller temp_registry_caller(struct temp_registry *t, const char *name);
/* Through admin_run: fails the test unless it ends as kind; the result, in the arena. */
struct str temp_registry_admin(struct temp_registry *t, const char *request, enum err_kind kind);

/* A publish body: metadata and archive of a small crate, in the arena. */
struct str temp_registry_body(struct temp_registry *t, const char *name, const char *vers);
struct publish_outcome {
    bool over;
    struct err err;
    size_t n_warnings;
    unsigned n_paused, n_resumed;
};
extern const struct publish_events temp_registry_events; /* for a struct publish_outcome */
/* A whole publish. */
struct err temp_registry_publish(
    struct temp_registry *t, const struct caller *c, const char *name, const char *vers);
/* The lines that the sparse index has for a lower-case name; p NULL when it has no such crate. */
struct str temp_registry_lines(struct temp_registry *t, const char *lower_name);
