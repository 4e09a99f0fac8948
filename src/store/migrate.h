/* Brings a database to this program's schema: numbered steps, each in one transaction with its
 * number (PRAGMA user_version). Writer's connection only; at start. */
#pragma once
#include "store/db.h"

#define SCHEMA_VERSION 2

/* A database of a newer schema is left alone: ERR_USAGE names both numbers. */
int migrate(struct db *d, struct err *e) MUST_CHECK;
