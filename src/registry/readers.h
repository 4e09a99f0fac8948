/* Read-only database connections, one for each worker that is asking. Any thread. */
#pragma once
#include "store/db.h"

struct readers;

struct readers *readers_new(const struct data_dir *data);
void readers_free(struct readers *r); /* all given back */
int readers_take(struct readers *r, struct db **ret, struct err *e) MUST_CHECK;
void readers_give(struct readers *r, struct db *d); /* NULL is fine */
