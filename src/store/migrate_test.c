#include "store/migrate.h"

#include "base/buf.h"
#include "store/meta.h"
#include "support/temp_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static int setup(void **state)
{
    *state = temp_store_new();
    return 0;
}

static int teardown(void **state)
{
    temp_store_free(*state);
    return 0;
}

static int64_t ask(struct db *d, const char *sql)
{
    AUTO_STMT struct db_stmt *s = NULL;
    assert_int_equal(db_prepare(d, sql, &s, NULL), 0);
    assert_int_equal(db_step(s, NULL), 1);
    return db_int(s, 0);
}

static void a_new_database_has_this_programs_schema(void **state)
{
    struct temp_store *t = *state;
    assert_int_equal(ask(t->db, "PRAGMA user_version"), SCHEMA_VERSION);
}

static void a_database_that_is_up_to_date_is_not_touched(void **state)
{
    struct temp_store *t = *state;
    int64_t before = ask(t->db, "PRAGMA schema_version");
    assert_int_equal(migrate(t->db, NULL), 0);
    temp_store_close(t);
    temp_store_reopen(t);
    assert_int_equal(ask(t->db, "PRAGMA schema_version"), before);
}

static void a_newer_schema_is_refused_with_both_numbers(void **state)
{
    struct temp_store *t = *state;
    struct err e = ERR_INIT;
    char known[16];
    assert_int_equal(db_script(t->db, "PRAGMA user_version = 99", NULL), 0);
    assert_int_equal(migrate(t->db, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
    (void)snprintf(known, sizeof(known), "%d", SCHEMA_VERSION);
    assert_non_null(strstr(e.text, "99"));
    assert_non_null(strstr(e.text, known));
    assert_int_equal(ask(t->db, "PRAGMA user_version"), 99);
}

static void a_step_that_fails_leaves_the_old_schema(void **state)
{
    struct temp_store *t = *state;
    /* As if nothing had been migrated, but with a table in the way of the last ones. */
    assert_int_equal(db_script(t->db, "PRAGMA user_version = 0", NULL), 0);
    assert_int_equal(migrate(t->db, NULL), -1);
    assert_false(db_in_transaction(t->db));
    assert_int_equal(ask(t->db, "PRAGMA user_version"), 0);
}

/* ---- from schema 1 ---- */

/* The step as it is kept in the source; tests run at the top of the tree. */
static void read_step(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    for (int c; (c = fgetc(f)) != EOF;)
        buf_add_byte(out, (char)c);
    buf_add_byte(out, '\0');
    (void)fclose(f);
}

/* A folder with a database of schema 1 and what a small team had in it. */
static struct temp_store *old_folder(void)
{
    struct temp_store *t = temp_folder_new();
    struct buf step AUTO_BUF = BUF_INIT(65536);
    char path[128];
    sqlite3 *old;
    assert_int_equal(data_dir_open(str_from(t->path), true, &t->dir, NULL), 0);
    (void)snprintf(path, sizeof(path), "%s/superguppy.db", t->path);
    read_step("src/store/sql/001.sql", &step);
    assert_int_equal(sqlite3_open(path, &old), SQLITE_OK);
    assert_int_equal(sqlite3_exec(old, step.p, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(old,
            "INSERT INTO principal VALUES (1, 'local:anna', 0, 5), (2, 'local:bob', 1, 6);"
            "INSERT INTO token VALUES (1, 1, zeroblob(32), 3, 'acme_*', 5, 99, 7, 0);"
            "INSERT INTO crate VALUES (1, 'acme', 'acme', 5, 5, 0, '1.0.0', NULL);"
            "INSERT INTO owner VALUES (1, 1, 1, 5)",
            NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_close(old), SQLITE_OK);
    return t;
}

static void what_was_there_is_there_after_the_step(void **state)
{
    struct temp_store *t = old_folder();
    struct arena *a AUTO_ARENA = arena_new();
    struct principal_row anna, bob;
    struct token_row token;
    (void)state;
    assert_int_equal(db_open_writer(t->dir, &t->db, NULL), 0);
    assert_int_equal(ask(t->db, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_int_equal(meta_principal_find(t->db, a, STR("local:anna"), &anna, NULL), 1);
    assert_int_equal(meta_principal_get(t->db, a, 2, &bob, NULL), 1);
    assert_int_equal(meta_token_find(t->db, a, 1, &token, NULL), 1);
    assert_true(anna.id == 1 && anna.created == 5 && !anna.blocked && anna.user_id == 0);
    assert_true(bob.blocked && bob.removed == 0 && bob.link == 0);
    assert_true(token.principal == 1 && token.scopes == 3 && token.expires == 99);
    assert_true(str_eq(token.from, STR("any"))); /* as it was used until then */
    assert_true(str_eq(token.patterns, STR("acme_*")) && !token.capability.p && token.name.n == 0);
    assert_int_equal(ask(t->db, "SELECT principal FROM owner WHERE crate = 1"), 1);
    assert_int_equal(db_script(t->db, "DELETE FROM principal", NULL), -1);
    temp_store_free(t);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_new_database_has_this_programs_schema),
        T(a_database_that_is_up_to_date_is_not_touched),
        T(a_newer_schema_is_refused_with_both_numbers),
        T(a_step_that_fails_leaves_the_old_schema),
        cmocka_unit_test(what_was_there_is_there_after_the_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
