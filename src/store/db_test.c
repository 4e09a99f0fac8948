#include "store/db.h"

#include "base/file.h"
#include "support/temp_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int setup(void **state)
{
    struct temp_store *t = temp_store_new();
    *state = t;
    return db_script(
        t->db, "CREATE TABLE box (id INTEGER PRIMARY KEY, t TEXT UNIQUE, b BLOB)", NULL);
}

static int teardown(void **state)
{
    temp_store_free(*state);
    return 0;
}

static int add(struct db *d, struct str text, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "INSERT INTO box (t) VALUES (?1)", &s, e) < 0)
        return -1;
    db_bind_str(s, 1, text);
    return db_run(s, e);
}

static int64_t ask(struct db *d, const char *sql)
{
    AUTO_STMT struct db_stmt *s = NULL;
    assert_int_equal(db_prepare(d, sql, &s, NULL), 0);
    assert_int_equal(db_step(s, NULL), 1);
    return db_int(s, 0);
}

static void null_and_empty_are_kept_apart(void **state)
{
    struct temp_store *t = *state;
    AUTO_STMT struct db_stmt *s = NULL, *put = NULL;
    assert_int_equal(db_prepare(t->db, "INSERT INTO box (t, b) VALUES (?1, ?2)", &put, NULL), 0);
    db_bind_str(put, 1, STR(""));
    db_bind_blob(put, 2, STR(""));
    assert_int_equal(db_run(put, NULL), 0);
    assert_int_equal(add(t->db, STR_NONE, NULL), 0);
    assert_int_equal(db_prepare(t->db, "SELECT t, b FROM box ORDER BY id", &s, NULL), 0);
    assert_int_equal(db_step(s, NULL), 1);
    assert_non_null(db_str(s, 0).p);
    assert_non_null(db_blob(s, 1).p);
    assert_int_equal(db_str(s, 0).n + db_blob(s, 1).n, 0);
    assert_int_equal(db_step(s, NULL), 1);
    assert_null(db_str(s, 0).p);
    assert_null(db_blob(s, 1).p);
    assert_int_equal(db_step(s, NULL), 0);
}

static void text_is_data_and_never_sql(void **state)
{
    struct temp_store *t = *state;
    assert_int_equal(add(t->db, STR("'); DROP TABLE box; --"), NULL), 0);
    assert_int_equal(ask(t->db, "SELECT count(*) FROM box"), 1);
}

static void what_must_be_unique_conflicts(void **state)
{
    struct temp_store *t = *state;
    struct err e = ERR_INIT;
    assert_int_equal(add(t->db, STR("a"), NULL), 0);
    assert_int_equal(add(t->db, STR("a"), &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_null(strstr(e.text, "box")); /* SQL is for the log */
    assert_non_null(strstr(e.cause, "box.t"));
}

static void a_statement_forgets_what_was_bound_before(void **state)
{
    struct temp_store *t = *state;
    static const char sql[] = "SELECT ?1 IS NULL";
    struct db_stmt *s;
    assert_int_equal(db_prepare(t->db, sql, &s, NULL), 0);
    db_bind_str(s, 1, STR("x"));
    db_done(s);
    assert_int_equal(ask(t->db, sql), 1);
}

static void a_statement_may_be_used_inside_its_own_walk(void **state)
{
    struct temp_store *t = *state;
    static const char sql[] = "SELECT id FROM box ORDER BY id";
    AUTO_STMT struct db_stmt *outer = NULL;
    assert_int_equal(add(t->db, STR("a"), NULL), 0);
    assert_int_equal(add(t->db, STR("b"), NULL), 0);
    assert_int_equal(db_prepare(t->db, sql, &outer, NULL), 0);
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(db_step(outer, NULL), 1);
        assert_int_equal(ask(t->db, sql), 1);
        assert_int_equal(db_int(outer, 0), i);
    }
    assert_int_equal(db_step(outer, NULL), 0);
}

static void a_savepoint_undoes_one_change_alone(void **state)
{
    struct temp_store *t = *state;
    assert_int_equal(db_begin(t->db, NULL), 0);
    assert_int_equal(db_savepoint(t->db, NULL), 0);
    assert_int_equal(add(t->db, STR("kept"), NULL), 0);
    assert_int_equal(db_release(t->db, NULL), 0);
    assert_int_equal(db_savepoint(t->db, NULL), 0);
    assert_int_equal(add(t->db, STR("undone"), NULL), 0);
    assert_int_equal(db_rollback_savepoint(t->db, NULL), 0);
    assert_int_equal(db_commit(t->db, NULL), 0);
    assert_int_equal(ask(t->db, "SELECT count(*) FROM box"), 1);
    assert_false(db_in_transaction(t->db));
}

static void a_reader_sees_what_was_committed_and_nothing_before(void **state)
{
    struct temp_store *t = *state;
    AUTO_DB struct db *r = NULL;
    static const char count[] = "SELECT count(*) FROM box";
    assert_int_equal(db_open_reader(t->dir, &r, NULL), 0);
    assert_int_equal(db_begin(t->db, NULL), 0);
    assert_int_equal(add(t->db, STR("a"), NULL), 0);
    assert_int_equal(ask(r, count), 0);
    assert_int_equal(db_commit(t->db, NULL), 0);
    assert_int_equal(ask(r, count), 1);
}

static void a_reader_cannot_write(void **state)
{
    struct temp_store *t = *state;
    AUTO_DB struct db *r = NULL;
    assert_int_equal(db_open_reader(t->dir, &r, NULL), 0);
    assert_int_equal(add(r, STR("a"), NULL), -1);
    assert_int_equal(ask(t->db, "SELECT count(*) FROM box"), 0);
}

static void connections_have_the_settings_that_durability_needs(void **state)
{
    struct temp_store *t = *state;
    AUTO_DB struct db *r = NULL;
    assert_int_equal(db_open_reader(t->dir, &r, NULL), 0);
    assert_int_equal(ask(t->db, "PRAGMA synchronous"), 2);
    assert_int_equal(ask(t->db, "PRAGMA foreign_keys"), 1);
    assert_int_equal(ask(t->db, "PRAGMA trusted_schema"), 0);
    assert_int_equal(ask(t->db, "PRAGMA cell_size_check"), 1);
    assert_int_equal(ask(t->db, "PRAGMA journal_size_limit"), 64 << 20);
    assert_int_equal(ask(t->db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    assert_int_equal(ask(r, "PRAGMA query_only"), 1);
    assert_int_equal(ask(r, "PRAGMA wal_autocheckpoint"), 0);
}

static void the_files_are_the_owners_alone(void **state)
{
    struct temp_store *t = *state;
    const char *const names[] = { "superguppy.db", "superguppy.db-wal", "superguppy.db-shm" };
    struct stat st;
    assert_int_equal(add(t->db, STR("a"), NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(fstatat(t->dir->fd, names[i], &st, 0), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static void a_damaged_file_is_reported_as_such(void **state)
{
    struct temp_store *t = *state;
    struct err e = ERR_INIT;
    struct db *d;
    db_close(TAKE(t->db));
    assert_int_equal(
        file_replace(t->dir->fd, "superguppy.db", STR("this is no database at all\n"), 0600, NULL),
        0);
    assert_int_equal(db_open_writer(t->dir, &d, &e), -1);
    assert_int_equal(e.kind, ERR_CORRUPT);
}

/* The limit stands in for a disk: SQLite fails in the same way and recovers in the same way. */
static void a_full_disk_is_reported_as_such_and_passes_when_there_is_room(void **state)
{
    struct temp_store *t = *state;
    struct err e = ERR_INIT;
    static const char large[] = "INSERT INTO box (b) VALUES (zeroblob(100000))";
    assert_int_equal(db_script(t->db, "PRAGMA max_page_count = 1", NULL), 0); /* as few as it has */
    assert_int_equal(db_begin(t->db, NULL), 0);
    assert_int_equal(db_script(t->db, large, &e), -1);
    assert_int_equal(e.kind, ERR_FULL);
    db_rollback(t->db);
    assert_int_equal(db_script(t->db, "PRAGMA max_page_count = 100000", NULL), 0);
    assert_int_equal(db_script(t->db, large, NULL), 0);
}

static void a_link_in_the_databases_place_is_refused(void **state)
{
    struct temp_store *t = *state;
    struct db *d;
    db_close(TAKE(t->db));
    assert_int_equal(renameat(t->dir->fd, "superguppy.db", t->dir->fd, "other.db"), 0);
    assert_int_equal(symlinkat("other.db", t->dir->fd, "superguppy.db"), 0);
    assert_int_equal(db_open_writer(t->dir, &d, NULL), -1);
}

static void the_data_folder_itself_may_be_reached_through_a_link(void **state)
{
    struct temp_store *t = *state;
    char link[96];
    temp_store_close(t);
    (void)snprintf(link, sizeof(link), "%s/link", t->root);
    assert_int_equal(symlink("data", link), 0);
    assert_int_equal(data_dir_open(str_from(link), false, &t->dir, NULL), 0);
    assert_int_equal(db_open_writer(t->dir, &t->db, NULL), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(null_and_empty_are_kept_apart),
        T(text_is_data_and_never_sql),
        T(what_must_be_unique_conflicts),
        T(a_statement_forgets_what_was_bound_before),
        T(a_statement_may_be_used_inside_its_own_walk),
        T(a_savepoint_undoes_one_change_alone),
        T(a_reader_sees_what_was_committed_and_nothing_before),
        T(a_reader_cannot_write),
        T(connections_have_the_settings_that_durability_needs),
        T(the_files_are_the_owners_alone),
        T(a_damaged_file_is_reported_as_such),
        T(a_full_disk_is_reported_as_such_and_passes_when_there_is_room),
        T(a_link_in_the_databases_place_is_refused),
        T(the_data_folder_itself_may_be_reached_through_a_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
