/* Principals: who has been known here, under which name, as whom. */
#include "store/meta.h"

#include "store/meta_row.h"

#define PRINCIPAL_COLUMNS "id, key, control, user_id, link, created, last_seen, removed, blocked"

/* Strings borrowed from the row. */
static struct principal_row principal_of(struct db_stmt *s)
{
    return (struct principal_row){
        .id = db_int(s, 0),
        .key = db_str(s, 1),
        .control = db_str(s, 2),
        .user_id = db_int(s, 3),
        .link = db_int(s, 4),
        .created = db_int(s, 5),
        .last_seen = db_int(s, 6),
        .removed = db_int(s, 7),
        .blocked = db_int(s, 8),
    };
}

/* 1 with the row of a query for PRINCIPAL_COLUMNS. */
static int read_principal(
    struct db_stmt *s, struct arena *a, struct principal_row *ret, struct err *e)
{
    int rc = db_step(s, e);
    if (rc > 0) {
        *ret = principal_of(s);
        ret->key = keep(a, ret->key);
        ret->control = keep(a, ret->control);
    }
    return rc;
}

int meta_principal_find(
    struct db *d, struct arena *a, struct str key, struct principal_row *ret, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "SELECT " PRINCIPAL_COLUMNS " FROM principal WHERE key = ?1", &s, e) < 0)
        return -1;
    db_bind_str(s, 1, key);
    return read_principal(s, a, ret, e);
}

int meta_principal_get(
    struct db *d, struct arena *a, int64_t id, struct principal_row *ret, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "SELECT " PRINCIPAL_COLUMNS " FROM principal WHERE id = ?1", &s, e) < 0)
        return -1;
    db_bind_int(s, 1, id);
    return read_principal(s, a, ret, e);
}

static int find_principal_id(struct db *d, struct str key, int64_t *ret_id, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "SELECT id FROM principal WHERE key = ?1", &s, e) < 0)
        return -1;
    db_bind_str(s, 1, key);
    int rc = db_step(s, e);
    if (rc > 0)
        *ret_id = db_int(s, 0);
    return rc;
}

int meta_principal_ensure(
    struct db *d, struct str key, int64_t now, int64_t *ret_id, bool *ret_new, struct err *e)
{
    int found = find_principal_id(d, key, ret_id, e);
    if (ret_new)
        *ret_new = found == 0;
    if (found != 0)
        return found < 0 ? -1 : 0;
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "INSERT INTO principal (key, created) VALUES (?1, ?2)", &s, e) < 0)
        return -1;
    db_bind_str(s, 1, key);
    db_bind_int(s, 2, now);
    if (db_run(s, e) < 0)
        return -1;
    *ret_id = db_last_id(d);
    return 0;
}

int meta_principal_update(struct db *d, const struct principal_row *p, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d,
            "UPDATE principal SET key = ?2, control = ?3, user_id = ?4, link = nullif(?5, 0),"
            " last_seen = ?6, removed = ?7, blocked = ?8 WHERE id = ?1",
            &s, e) < 0)
        return -1;
    db_bind_int(s, 1, p->id);
    db_bind_str(s, 2, p->key);
    db_bind_str(s, 3, p->control);
    db_bind_int(s, 4, p->user_id);
    db_bind_int(s, 5, p->link);
    db_bind_int(s, 6, p->last_seen);
    db_bind_int(s, 7, p->removed);
    db_bind_int(s, 8, p->blocked);
    return db_run(s, e);
}

int meta_principal_saw(struct db *d, int64_t id, int64_t when, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(
            d, "UPDATE principal SET last_seen = ?2 WHERE id = ?1 AND last_seen < ?2", &s, e) < 0)
        return -1;
    db_bind_int(s, 1, id);
    db_bind_int(s, 2, when);
    return db_run(s, e);
}

/* Runs sql with two numbers. */
static int run_with(struct db *d, const char *sql, int64_t one, int64_t two, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, sql, &s, e) < 0)
        return -1;
    db_bind_int(s, 1, one);
    db_bind_int(s, 2, two);
    return db_run(s, e);
}

int meta_principal_hand_over(struct db *d, int64_t from, int64_t to, bool tokens, struct err *e)
{
    if (run_with(d,
            "DELETE FROM owner WHERE principal = ?1"
            " AND crate IN (SELECT crate FROM owner WHERE principal = ?2)",
            from, to, e) < 0 ||
        run_with(d, "UPDATE owner SET principal = ?2 WHERE principal = ?1", from, to, e) < 0)
        return -1;
    if (!tokens)
        return 0;
    return run_with(
        d, "UPDATE token SET principal = ?2 WHERE principal = ?1 AND revoked = 0", from, to, e);
}

int meta_principal_revoke_tokens(
    struct db *d, int64_t id, int64_t now, uint64_t *ret_n, struct err *e)
{
    if (run_with(d,
            "UPDATE token SET revoked = ?2"
            " WHERE principal = ?1 AND revoked = 0 AND (expires = 0 OR expires > ?2)",
            id, now, e) < 0)
        return -1;
    *ret_n = (uint64_t)db_changes(d);
    return 0;
}

int meta_each_principal(struct db *d, meta_principal_fn visit, void *ctx, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    int rc;
    if (db_prepare(d, "SELECT " PRINCIPAL_COLUMNS " FROM principal ORDER BY id", &s, e) < 0)
        return -1;
    while ((rc = db_step(s, e)) > 0) {
        struct principal_row row = principal_of(s);
        if (visit(ctx, &row, e) < 0)
            return -1;
    }
    return rc;
}
