#include "store/migrate.h"

#include "001.sql.h"
#include "002.sql.h"

static const char *const steps[SCHEMA_VERSION] = { sql_001, sql_002 };

static int schema_of(struct db *d, int64_t *ret, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "PRAGMA user_version", &s, e) < 0 || db_step(s, e) < 0)
        return -1;
    *ret = db_int(s, 0);
    return 0;
}

/* The script sets user_version itself, so that the number and the tables are one commit. */
static int take_step(struct db *d, const char *script, struct err *e)
{
    if (db_begin(d, e) < 0)
        return -1;
    if (db_script(d, script, e) < 0 || db_commit(d, e) < 0) {
        db_rollback(d);
        return -1;
    }
    return 0;
}

int migrate(struct db *d, struct err *e)
{
    int64_t at;
    if (schema_of(d, &at, e) < 0)
        return -1;
    if (at < 0 || at > SCHEMA_VERSION)
        return err_set(e, ERR_USAGE,
            "the database has schema %lld, this superguppy knows %d at most: it was made by a "
            "newer superguppy; start that one",
            (long long)at, SCHEMA_VERSION);
    for (; at < SCHEMA_VERSION; at++) {
        if (take_step(d, steps[at], e) < 0)
            return -1;
    }
    return 0;
}
