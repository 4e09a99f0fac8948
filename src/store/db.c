/* Statements are kept by the address of their SQL, which is a literal: no text is hashed or
 * compared on the way to a query. A statement that is in use when its SQL is asked for again (a
 * visit inside a walk) gets a twin for that once. SQLite is opened by the real path of the folder
 * we hold: NOFOLLOW then refuses a link in place of the database, yet not a data folder reached
 * through a link. */
#include "store/db.h"

#include "base/mem.h"
#include "store/migrate.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DB_FILE "superguppy.db"
#define BUCKETS 128
#define BUSY_MS 5000

struct db_stmt {
    sqlite3_stmt *s;
    struct db *db;
    const char *sql;
    struct db_stmt *next; /* in its bucket */
    bool busy;
    bool twin; /* in no bucket: finalized when done */
};

struct db {
    sqlite3 *sqlite;
    struct db_stmt *buckets[BUCKETS];
};

/* ---- errors ---- */

static bool is_full(sqlite3 *s, int rc)
{
    int sys = sqlite3_system_errno(s);
    return rc == SQLITE_FULL || (rc == SQLITE_IOERR && (sys == ENOSPC || sys == EDQUOT));
}

static int fail(struct db *d, const char *act, struct err *e)
{
    int extended = sqlite3_extended_errcode(d->sqlite), rc = extended & 0xff;
    int sys = sqlite3_system_errno(d->sqlite);
    if (is_full(d->sqlite, rc))
        (void)err_set(e, ERR_FULL, "no space is left on the disk; free some and try again");
    else if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
        (void)err_set(e, ERR_CORRUPT, "the database is damaged; restore it from a backup");
    else if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY)
        (void)err_set(e, ERR_CONFLICT, "this exists already");
    else if (rc == SQLITE_BUSY)
        (void)err_set(e, ERR_BUSY, "the database is in use by another program; try again later");
    else if (rc == SQLITE_CANTOPEN && (sys == EMFILE || sys == ENFILE))
        (void)err_set(
            e, ERR_BUSY, "the server has no file descriptor left for this; try again in a moment");
    else
        (void)err_set(e, ERR_IO, "the database failed; the log says why");
    /* SQLite's clean-up may have overwritten errno; a full disk was told apart above. */
    if (e && e->kind == ERR_IO &&
        (extended == SQLITE_IOERR_FSYNC || extended == SQLITE_IOERR_WRITE))
        e->sys = EIO;
    err_cause(e, "%s: %s (sqlite %d)", act, sqlite3_errmsg(d->sqlite), extended);
    return -1;
}

/* ---- opening ---- */

/* SQLite would make the file readable for others. */
static int make_file(const struct data_dir *d, struct err *e)
{
    int fd = openat(d->fd, DB_FILE, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? 0 : err_sys(e, "create " DB_FILE);
    int rc = fsync(fd) < 0 || fsync(d->fd) < 0 ? err_sys(e, "fsync " DB_FILE) : 0;
    (void)close(fd);
    return rc;
}

static struct db *open_file(const struct data_dir *dir, struct err *e)
{
    AUTO_FREE char *folder = realpath(dir->path, NULL);
    if (!folder) {
        (void)err_sys(e, "find the data folder");
        return NULL;
    }
    char path[PATH_MAX + sizeof(DB_FILE) + 1];
    (void)snprintf(path, sizeof(path), "%s/" DB_FILE, folder);
    AUTO_DB struct db *d = MEM_NEW(struct db);
    int rc = sqlite3_open_v2(path, &d->sqlite,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE,
        NULL);
    if (rc != SQLITE_OK) {
        (void)(d->sqlite ? fail(d, "open", e) : err_set(e, ERR_IO, "the database failed"));
        return NULL;
    }
    return TAKE(d);
}

static void configure(struct db *d, int option, int on)
{
    int rc = sqlite3_db_config(d->sqlite, option, on, (int *)NULL);
    assert(rc == SQLITE_OK);
}

/* What both kinds of connection need: nothing in the file may run code or bend the schema. */
static int harden(struct db *d, struct err *e)
{
    configure(d, SQLITE_DBCONFIG_DEFENSIVE, 1);
    configure(d, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0);
    configure(d, SQLITE_DBCONFIG_DQS_DDL, 0);
    configure(d, SQLITE_DBCONFIG_DQS_DML, 0);
    (void)sqlite3_busy_timeout(d->sqlite, BUSY_MS);
    return db_script(
        d, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;", e);
}

static int set_wal(struct db *d, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "PRAGMA journal_mode = WAL", &s, e) < 0 || db_step(s, e) < 0)
        return -1;
    if (str_eq(db_str(s, 0), STR("wal")))
        return 0;
    return err_set(e, ERR_UNSUPPORTED,
        "the file system of the data folder cannot hold a database in WAL mode; use a local disk");
}

/* REPLACE deletes rows, and only with recursive_triggers do the triggers hear of it. */
static int prepare_writer(struct db *d, struct err *e)
{
    if (harden(d, e) < 0 || set_wal(d, e) < 0)
        return -1;
    if (db_script(d,
            "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON;"
            "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384;",
            e) < 0)
        return -1;
    return migrate(d, e);
}

int db_open_writer(const struct data_dir *dir, struct db **ret, struct err *e)
{
    if (make_file(dir, e) < 0)
        return -1;
    AUTO_DB struct db *d = open_file(dir, e);
    if (!d || prepare_writer(d, e) < 0)
        return -1;
    *ret = TAKE(d);
    return 0;
}

int db_open_reader(const struct data_dir *dir, struct db **ret, struct err *e)
{
    AUTO_DB struct db *d = open_file(dir, e);
    if (!d || harden(d, e) < 0)
        return -1;
    configure(d, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1);
    if (db_script(d, "PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0;", e) < 0)
        return -1;
    *ret = TAKE(d);
    return 0;
}

void db_close(struct db *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct db_stmt *s = d->buckets[i], *next; s; s = next) {
            next = s->next;
            assert(!s->busy);
            (void)sqlite3_finalize(s->s);
            free(s);
        }
    }
    int rc = sqlite3_close(d->sqlite);
    assert(rc == SQLITE_OK); /* else a statement leaked */
    free(d);
}

void db_closep(struct db **d)
{
    db_close(*d);
}

/* ---- statements ---- */

static size_t bucket_of(const char *sql)
{
    return (size_t)((uintptr_t)sql * 0x9e3779b97f4a7c15u >> 57);
}

int db_prepare(struct db *d, const char *sql, struct db_stmt **ret, struct err *e)
{
    static_assert(BUCKETS == 1 << 7, "bucket_of gives 7 bits");
    struct db_stmt **bucket = &d->buckets[bucket_of(sql)];
    bool twin = false;
    for (struct db_stmt *s = *bucket; s; s = s->next) {
        if (s->sql != sql)
            continue;
        if (!s->busy) {
            s->busy = true;
            *ret = s;
            return 0;
        }
        twin = true;
    }
    sqlite3_stmt *prepared;
    if (sqlite3_prepare_v3(
            d->sqlite, sql, -1, twin ? 0 : SQLITE_PREPARE_PERSISTENT, &prepared, NULL) != SQLITE_OK)
        return fail(d, "prepare", e);
    struct db_stmt *s = MEM_NEW(struct db_stmt);
    *s = (struct db_stmt){ .s = prepared, .db = d, .sql = sql, .busy = true, .twin = twin };
    if (!twin) {
        s->next = *bucket;
        *bucket = s;
    }
    *ret = s;
    return 0;
}

void db_done(struct db_stmt *s)
{
    if (!s)
        return;
    if (s->twin) {
        (void)sqlite3_finalize(s->s);
        free(s);
        return;
    }
    (void)sqlite3_reset(s->s); /* repeats the error of the step, which was seen there */
    (void)sqlite3_clear_bindings(s->s);
    s->busy = false;
}

void db_donep(struct db_stmt **s)
{
    db_done(*s);
}

void db_bind_int(struct db_stmt *s, int col, int64_t v)
{
    int rc = sqlite3_bind_int64(s->s, col, v);
    assert(rc == SQLITE_OK);
}

void db_bind_str(struct db_stmt *s, int col, struct str v)
{
    int rc = v.p ? sqlite3_bind_text64(s->s, col, v.p, v.n, SQLITE_STATIC, SQLITE_UTF8)
                 : sqlite3_bind_null(s->s, col);
    assert(rc == SQLITE_OK);
}

void db_bind_blob(struct db_stmt *s, int col, struct str v)
{
    int rc = v.p ? sqlite3_bind_blob64(s->s, col, v.p, v.n, SQLITE_STATIC)
                 : sqlite3_bind_null(s->s, col);
    assert(rc == SQLITE_OK);
}

int db_step(struct db_stmt *s, struct err *e)
{
    switch (sqlite3_step(s->s)) {
    case SQLITE_ROW:
        return 1;
    case SQLITE_DONE:
        return 0;
    default:
        return fail(s->db, "step", e);
    }
}

int db_run(struct db_stmt *s, struct err *e)
{
    int rc = db_step(s, e);
    assert(rc <= 0);
    return rc;
}

int64_t db_int(struct db_stmt *s, int col)
{
    return sqlite3_column_int64(s->s, col);
}

static struct str column(struct db_stmt *s, int col, const void *p)
{
    if (sqlite3_column_type(s->s, col) == SQLITE_NULL)
        return STR_NONE;
    /* SQLite's pointer to an empty blob is NULL, which for us is none at all. */
    return (struct str){ p ? p : "", (size_t)sqlite3_column_bytes(s->s, col) };
}

struct str db_str(struct db_stmt *s, int col)
{
    return column(s, col, sqlite3_column_text(s->s, col));
}

struct str db_blob(struct db_stmt *s, int col)
{
    return column(s, col, sqlite3_column_blob(s->s, col));
}

int64_t db_last_id(struct db *d)
{
    return sqlite3_last_insert_rowid(d->sqlite);
}

int db_changes(struct db *d)
{
    return sqlite3_changes(d->sqlite);
}

int db_script(struct db *d, const char *sql, struct err *e)
{
    return sqlite3_exec(d->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(d, "script", e);
}

/* ---- transactions ---- */

static int run(struct db *d, const char *sql, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, sql, &s, e) < 0)
        return -1;
    return db_run(s, e);
}

int db_begin(struct db *d, struct err *e)
{
    return run(d, "BEGIN IMMEDIATE", e);
}

int db_commit(struct db *d, struct err *e)
{
    return run(d, "COMMIT", e);
}

void db_rollback(struct db *d)
{
    if (db_in_transaction(d))
        (void)run(d, "ROLLBACK", NULL);
}

bool db_in_transaction(const struct db *d)
{
    return !sqlite3_get_autocommit(d->sqlite);
}

int db_savepoint(struct db *d, struct err *e)
{
    return run(d, "SAVEPOINT change", e);
}

int db_release(struct db *d, struct err *e)
{
    return run(d, "RELEASE change", e);
}

int db_rollback_savepoint(struct db *d, struct err *e)
{
    if (run(d, "ROLLBACK TO change", e) < 0)
        return -1;
    return db_release(d, e);
}
