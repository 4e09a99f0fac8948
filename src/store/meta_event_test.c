#include "store/meta.h"

#include "support/temp_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
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

static void add_event(struct temp_store *t, const char *what)
{
    struct event ev = { .time = 1234,
        .principal = STR("local:bob"),
        .token = 7,
        .what = str_from(what),
        .crate = STR("ac\"me"),
        .detail = STR("{\"size\":1}") };
    assert_int_equal(meta_event_add(t->db, &ev, NULL, NULL), 0);
}

static void an_event_is_kept_as_json(void **state)
{
    struct temp_store *t = *state;
    AUTO_STMT struct db_stmt *s = NULL;
    add_event(t, "publish");
    assert_int_equal(db_prepare(t->db, "SELECT body FROM event", &s, NULL), 0);
    assert_int_equal(db_step(s, NULL), 1);
    assert_string_equal(db_str(s, 0).p,
        "{\"number\":1,\"time\":1234,\"principal\":\"local:bob\",\"token\":7,\"what\":\"publish\","
        "\"crate\":\"ac\\\"me\",\"detail\":{\"size\":1}}");
}

static void a_chain_that_nobody_touched_fits(void **state)
{
    struct temp_store *t = *state;
    uint64_t n = 9;
    assert_int_equal(meta_events_verify(t->db, &n, NULL), 0);
    assert_int_equal(n, 0);
    for (int i = 0; i < 3; i++)
        add_event(t, "yank");
    assert_int_equal(meta_events_verify(t->db, &n, NULL), 0);
    assert_int_equal(n, 3);
}

static void events_can_be_neither_changed_nor_deleted(void **state)
{
    struct temp_store *t = *state;
    add_event(t, "yank");
    assert_int_equal(db_script(t->db, "UPDATE event SET body = '{}'", NULL), -1);
    assert_int_equal(db_script(t->db, "DELETE FROM event", NULL), -1);
    assert_int_equal(
        db_script(
            t->db, "REPLACE INTO event (number, body, hash) VALUES (1, '', zeroblob(32))", NULL),
        -1);
}

static void a_chain_that_was_tampered_with_is_found_out(void **state)
{
    struct temp_store *t = *state;
    static const struct {
        const char *sql, *first_wrong;
    } cases[] = {
        { "UPDATE event SET body = replace(body, 'bob', 'eve') WHERE number = 2", "event 2" },
        { "UPDATE event SET hash = zeroblob(32) WHERE number = 3", "event 3" },
        { "DELETE FROM event WHERE number = 1", "event 2" },
        { "DELETE FROM event WHERE number = 2", "event 3" },
        { "UPDATE event SET number = 9 WHERE number = 4", "event 9" },
    };
    for (int i = 0; i < 4; i++)
        add_event(t, "yank");
    assert_int_equal(
        db_script(t->db, "DROP TRIGGER event_stays; DROP TRIGGER event_fixed", NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t n;
        struct err e = ERR_INIT;
        assert_int_equal(db_begin(t->db, NULL), 0);
        assert_int_equal(db_script(t->db, cases[i].sql, NULL), 0);
        assert_int_equal(meta_events_verify(t->db, &n, &e), -1);
        assert_int_equal(e.kind, ERR_CORRUPT);
        if (!strstr(e.text, cases[i].first_wrong))
            fail_msg("%s: %s", cases[i].sql, e.text);
        db_rollback(t->db);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(an_event_is_kept_as_json),
        T(a_chain_that_nobody_touched_fits),
        T(events_can_be_neither_changed_nor_deleted),
        T(a_chain_that_was_tampered_with_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
