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

static void an_event_says_where_it_came_from_and_what_allowed_it(void **state)
{
    static const struct str tags[] = { { "tag:ci", 6 }, { "tag:deploy", 10 } };
    static const char body[] =
        "{\"number\":1,\"time\":5,\"principal\":\"tag:ci,tag:deploy\",\"node\":\"ci.rig.test\","
        "\"node_id\":\"n7\",\"address\":\"100.64.0.7\",\"tags\":[\"tag:ci\",\"tag:deploy\"],"
        "\"grant\":\"access.tagged\",\"what\":\"yank\"}";
    struct temp_store *t = *state;
    AUTO_BUF struct buf said = BUF_INIT(4096);
    AUTO_STMT struct db_stmt *s = NULL;
    struct event ev = { .time = 5,
        .principal = STR("tag:ci,tag:deploy"),
        .node = STR("ci.rig.test"),
        .node_id = STR("n7"),
        .address = STR("100.64.0.7"),
        .tags = tags,
        .n_tags = 2,
        .grant = STR("access.tagged"),
        .what = STR("yank") };
    assert_int_equal(meta_event_add(t->db, &ev, &said, NULL), 0);
    assert_true(str_eq(buf_str(&said), str_from(body))); /* what is logged is what is stored */
    assert_int_equal(db_prepare(t->db, "SELECT body FROM event", &s, NULL), 0);
    assert_int_equal(db_step(s, NULL), 1);
    assert_string_equal(db_str(s, 0).p, body);
}

/* ---- asking for some ---- */

static int note_number(void *ctx, int64_t number, struct str body, struct err *e)
{
    struct buf *seen = ctx;
    (void)body;
    (void)e;
    buf_addf(seen, "%lld ", (long long)number);
    return 0;
}

static void events_are_found_by_who_where_when_and_what(void **state)
{
    static const struct event events[] = {
        { .time = 10,
            .principal = { "local:bob", 9 },
            .what = { "publish", 7 },
            .crate = { "My-Crate", 8 } },
        { .time = 20,
            .principal = { "tag:ci,tag:deploy", 17 },
            .node = { "ci.rig.test", 11 },
            .address = { "100.64.0.7", 10 },
            .what = { "yank", 4 },
            .crate = { "my_crate", 8 } },
        { .time = 30,
            .principal = { "local:bobby", 11 },
            .what = { "publish", 7 },
            .crate = { "my_crate2", 9 } },
        { .time = 40, .principal = { "admin", 5 }, .what = { "principal-block", 15 } },
    };
    static const struct {
        struct event_query q;
        const char *numbers;
    } rows[] = {
        { { .limit = 9 }, "1 2 3 4 " },
        { { .limit = 2 }, "1 2 " },
        { { .after = 2, .limit = 1 }, "3 " },
        { { .after = 4, .limit = 9 }, "" },
        { { .since = 30, .limit = 9 }, "3 4 " },
        { { .crate = { "my_crate", 8 }, .limit = 9 }, "1 2 " },
        { { .by = { "local:bob", 9 }, .limit = 9 }, "1 " },
        { { .by = { "tag:ci", 6 }, .limit = 9 }, "2 " },
        { { .by = { "tag:deploy", 10 }, .limit = 9 }, "2 " },
        { { .by = { "tag:dep", 7 }, .limit = 9 }, "" },
        { { .by = { "ci.rig.test", 11 }, .limit = 9 }, "2 " },
        { { .by = { "100.64.0.7", 10 }, .limit = 9 }, "2 " },
        { { .by = { "admin", 5 }, .crate = { "my_crate", 8 }, .limit = 9 }, "" },
        { { .by = { "%", 1 }, .limit = 9 }, "" },
    };
    struct temp_store *t = *state;
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        assert_int_equal(meta_event_add(t->db, &events[i], NULL, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_BUF struct buf seen = BUF_INIT(64);
        assert_int_equal(meta_each_event(t->db, &rows[i].q, note_number, &seen, NULL), 0);
        if (!str_eq(buf_str(&seen), str_from(rows[i].numbers)))
            fail_msg("row %zu: %.*s", i, STR_ARG(buf_str(&seen)));
    }
}

/* ---- the chain ---- */

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
        T(an_event_says_where_it_came_from_and_what_allowed_it),
        T(events_are_found_by_who_where_when_and_what),
        T(a_chain_that_nobody_touched_fits),
        T(events_can_be_neither_changed_nor_deleted),
        T(a_chain_that_was_tampered_with_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
