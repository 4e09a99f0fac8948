/* One SQLite connection. The writer's is the only one that writes or checkpoints, ever (3.40 has
 * the WAL-reset bug); readers are query_only, autocheckpoint 0, no checkpoint on close. A
 * connection belongs to one thread at a time. Statements are prepared once per SQL literal. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "store/data_dir.h"

struct db;
struct db_stmt;

/* The writer: creates and migrates; WAL, synchronous=FULL, foreign_keys, trusted_schema off,
 * defensive, cell_size_check, journal_size_limit 64 MiB. ERR_FULL on a full disk, ERR_CORRUPT on a
 * damaged file. */
int db_open_writer(const struct data_dir *d, struct db **ret, struct err *e) MUST_CHECK;
int db_open_reader(const struct data_dir *d, struct db **ret, struct err *e) MUST_CHECK;
void db_close(struct db *d);
void db_closep(struct db **d);
#define AUTO_DB AUTO(db_closep)

/* sql must be a string literal (its address is the key of the statement cache). A statement in
 * hand is given back with db_done, which resets it and clears its bindings. */
int db_prepare(struct db *d, const char *sql, struct db_stmt **ret, struct err *e) MUST_CHECK;
void db_done(struct db_stmt *s);
void db_donep(struct db_stmt **s);
#define AUTO_STMT AUTO(db_donep)

/* Columns from 1 as in SQL; bound bytes must live until db_done. str with p NULL binds NULL. */
void db_bind_int(struct db_stmt *s, int col, int64_t v);
void db_bind_str(struct db_stmt *s, int col, struct str v);
void db_bind_blob(struct db_stmt *s, int col, struct str v);
int db_step(struct db_stmt *s,
    struct err *e) MUST_CHECK; /* 1 a row, 0 done, -1; constraint: ERR_CONFLICT */
int db_run(struct db_stmt *s, struct err *e) MUST_CHECK; /* no rows expected */
/* Result columns from 0; strings and blobs are borrowed until the next step. NULL: p NULL. */
int64_t db_int(struct db_stmt *s, int col);
struct str db_str(struct db_stmt *s, int col);
struct str db_blob(struct db_stmt *s, int col);

int64_t db_last_id(struct db *d);
int db_changes(struct db *d);
int db_begin(struct db *d, struct err *e) MUST_CHECK; /* IMMEDIATE */
int db_commit(struct db *d, struct err *e) MUST_CHECK;
void db_rollback(struct db *d);
/* False also when SQLite itself undid the whole transaction, as it may on a full or failing disk.
 */
bool db_in_transaction(const struct db *d);
int db_savepoint(struct db *d, struct err *e) MUST_CHECK;
int db_release(struct db *d, struct err *e) MUST_CHECK;
int db_rollback_savepoint(struct db *d, struct err *e) MUST_CHECK;
/* Several statements without parameters or rows, for schema steps. */
int db_script(struct db *d, const char *sql, struct err *e) MUST_CHECK;
