#include "store/migrate.h"

#include "support/temp_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
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

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_new_database_has_this_programs_schema),
        T(a_database_that_is_up_to_date_is_not_touched),
        T(a_newer_schema_is_refused_with_both_numbers),
        T(a_step_that_fails_leaves_the_old_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
