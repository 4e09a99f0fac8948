#include "store/meta.h"

#include "store/meta_row.h"

#include <assert.h>
#include <string.h>

/* ---- tokens ---- */

int meta_token_add(struct db *d, const struct token_row *t, int64_t *ret_id, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d,
            "INSERT INTO token (principal, hash, scopes, patterns, created, expires, place,"
            " capability, name) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            &s, e) < 0)
        return -1;
    db_bind_int(s, 1, t->principal);
    db_bind_blob(s, 2, (struct str){ (const char *)t->hash, sizeof(t->hash) });
    db_bind_int(s, 3, t->scopes);
    db_bind_str(s, 4, t->patterns);
    db_bind_int(s, 5, t->created);
    db_bind_int(s, 6, t->expires);
    db_bind_str(s, 7, t->from.n > 0 ? t->from : STR("any"));
    db_bind_str(s, 8, t->capability);
    db_bind_str(s, 9, t->name.p ? t->name : STR(""));
    if (db_run(s, e) < 0)
        return -1;
    *ret_id = db_last_id(d);
    return 0;
}

int meta_token_count(struct db *d, int64_t principal, int64_t now, int64_t *ret_n, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d,
            "SELECT count(*) FROM token WHERE principal = ?1 AND revoked = 0"
            " AND (expires = 0 OR expires > ?2)",
            &s, e) < 0)
        return -1;
    db_bind_int(s, 1, principal);
    db_bind_int(s, 2, now);
    if (db_step(s, e) < 0)
        return -1;
    *ret_n = db_int(s, 0);
    return 0;
}

#define TOKEN_COLUMNS                                                                              \
    "t.id, t.principal, p.key, t.hash, t.scopes, t.patterns, t.created, t.expires,"                \
    " t.last_used, t.revoked, t.place, t.capability, t.name FROM token AS t JOIN principal AS p "  \
    "ON p.id = t.principal"

/* Strings borrowed from the row. */
static struct token_row read_token(struct db_stmt *s)
{
    struct token_row t = {
        .id = db_int(s, 0),
        .principal = db_int(s, 1),
        .principal_key = db_str(s, 2),
        .scopes = (unsigned)db_int(s, 4),
        .patterns = db_str(s, 5),
        .created = db_int(s, 6),
        .expires = db_int(s, 7),
        .last_used = db_int(s, 8),
        .revoked = db_int(s, 9),
        .from = db_str(s, 10),
        .capability = db_str(s, 11),
        .name = db_str(s, 12),
    };
    struct str hash = db_blob(s, 3);
    assert(hash.n == sizeof(t.hash)); /* the table checks it */
    memcpy(t.hash, hash.p, sizeof(t.hash));
    return t;
}

int meta_token_find(struct db *d, struct arena *a, int64_t id, struct token_row *ret, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "SELECT " TOKEN_COLUMNS " WHERE t.id = ?1", &s, e) < 0)
        return -1;
    db_bind_int(s, 1, id);
    int rc = db_step(s, e);
    if (rc > 0) {
        *ret = read_token(s);
        ret->principal_key = keep(a, ret->principal_key);
        ret->patterns = keep(a, ret->patterns);
        ret->from = keep(a, ret->from);
        ret->capability = keep(a, ret->capability);
        ret->name = keep(a, ret->name);
    }
    return rc;
}

int meta_token_revoke(struct db *d, int64_t id, int64_t now, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d,
            "UPDATE token SET revoked = ?2"
            " WHERE id = ?1 AND revoked = 0 AND (expires = 0 OR expires > ?2)",
            &s, e) < 0)
        return -1;
    db_bind_int(s, 1, id);
    db_bind_int(s, 2, now);
    return db_run(s, e) < 0 ? -1 : db_changes(d) > 0;
}

int meta_token_used(struct db *d, int64_t id, int64_t when, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "UPDATE token SET last_used = ?2 WHERE id = ?1 AND last_used < ?2", &s, e) <
        0)
        return -1;
    db_bind_int(s, 1, id);
    db_bind_int(s, 2, when);
    return db_run(s, e);
}

int meta_each_token(
    struct db *d, bool live_only, int64_t now, meta_token_fn visit, void *ctx, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    int rc;
    if (db_prepare(d,
            "SELECT " TOKEN_COLUMNS " WHERE NOT ?1"
            " OR (t.revoked = 0 AND (t.expires = 0 OR t.expires > ?2)) ORDER BY t.id",
            &s, e) < 0)
        return -1;
    db_bind_int(s, 1, live_only);
    db_bind_int(s, 2, now);
    while ((rc = db_step(s, e)) > 0) {
        struct token_row row = read_token(s);
        if (visit(ctx, &row, e) < 0)
            return -1;
    }
    return rc;
}

/* ---- owners ---- */

int meta_owner_add(struct db *d, int64_t crate, int64_t principal, int64_t now, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d,
            "INSERT INTO owner (crate, principal, created) VALUES (?1, ?2, ?3)"
            " ON CONFLICT (crate, principal) DO NOTHING",
            &s, e) < 0)
        return -1;
    db_bind_int(s, 1, crate);
    db_bind_int(s, 2, principal);
    db_bind_int(s, 3, now);
    return db_run(s, e) < 0 ? -1 : db_changes(d) > 0;
}

int meta_owner_remove(struct db *d, int64_t crate, int64_t principal, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "DELETE FROM owner WHERE crate = ?1 AND principal = ?2", &s, e) < 0)
        return -1;
    db_bind_int(s, 1, crate);
    db_bind_int(s, 2, principal);
    return db_run(s, e) < 0 ? -1 : db_changes(d) > 0;
}

int meta_owner_count(struct db *d, int64_t crate, int64_t *ret_n, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "SELECT count(*) FROM owner WHERE crate = ?1", &s, e) < 0)
        return -1;
    db_bind_int(s, 1, crate);
    if (db_step(s, e) < 0)
        return -1;
    *ret_n = db_int(s, 0);
    return 0;
}

/* CROSS JOIN fixes the order of the loops: a walk over the owners, a look-up by row number each. */
int meta_each_owner(struct db *d, meta_owner_fn visit, void *ctx, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    int rc;
    if (db_prepare(d,
            "SELECT c.canonical, o.principal FROM owner AS o CROSS JOIN crate AS c"
            " WHERE c.id = o.crate ORDER BY o.id",
            &s, e) < 0)
        return -1;
    while ((rc = db_step(s, e)) > 0) {
        if (visit(ctx, db_str(s, 0), db_int(s, 1), e) < 0)
            return -1;
    }
    return rc;
}
