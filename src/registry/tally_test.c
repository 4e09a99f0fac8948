#include "registry/tally.h"

#include "store/meta.h"
#include "support/temp_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DAY 86400
#define NOW (20000 * (int64_t)DAY + 5)

struct fixture {
    struct temp_store *store;
    struct tally *tally;
    struct arena *arena;
    int64_t crate;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    f->store = temp_store_new();
    f->tally = tally_new();
    f->arena = arena_new();
    struct crate_row c = { .name = STR("acme"),
        .canonical = STR("acme"),
        .max_version = STR("0.0.0"),
        .created = 1,
        .updated = 1 };
    if (db_begin(f->store->db, NULL) < 0 || meta_crate_add(f->store->db, &c, &f->crate, NULL) < 0 ||
        db_commit(f->store->db, NULL) < 0)
        return -1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tally_free(f->tally);
    arena_free(f->arena);
    temp_store_free(f->store);
    test_free(f);
    return 0;
}

static int64_t add_version(struct fixture *f, unsigned patch)
{
    struct str num = arena_printf(f->arena, "1.0.%u", patch);
    struct version_row v = { .crate = f->crate,
        .num = num,
        .num_key = num,
        .line = STR("{}\n"),
        .deps = STR("[]"),
        .features = STR("{}") };
    int64_t id;
    assert_int_equal(meta_version_add(f->store->db, &v, &id, NULL), 0);
    return id;
}

static int64_t downloads(struct fixture *f, const char *num)
{
    struct version_row v;
    assert_int_equal(
        meta_version_find(f->store->db, f->arena, f->crate, str_from(num), &v, NULL), 1);
    return v.downloads;
}

static void flush(struct fixture *f)
{
    struct change *c = tally_change(f->tally, NULL, NOW);
    assert_non_null(c);
    assert_int_equal(c->apply(c, f->store->db, NULL), 0);
    c->done(c);
}

static void nothing_counted_makes_no_change(void **state)
{
    struct fixture *f = *state;
    assert_null(tally_change(f->tally, NULL, NOW));
}

static void downloads_add_up_over_flushes(void **state)
{
    struct fixture *f = *state;
    struct crate_row c;
    int64_t id = add_version(f, 0), other = add_version(f, 1);
    for (int i = 0; i < 3; i++)
        tally_download(f->tally, id);
    tally_download(f->tally, other);
    flush(f);
    assert_null(tally_change(f->tally, NULL, NOW)); /* what was handed over is forgotten */
    tally_download(f->tally, id);
    flush(f);
    assert_int_equal(downloads(f, "1.0.0"), 4);
    assert_int_equal(downloads(f, "1.0.1"), 1);
    assert_int_equal(meta_crate_find(f->store->db, f->arena, STR("acme"), &c, NULL), 1);
    assert_int_equal(c.downloads, 5);
}

/* More than the first table holds, so that it grows several times. */
static void many_versions_are_counted_apart(void **state)
{
    enum { N = 1000 };
    struct fixture *f = *state;
    int64_t ids[N];
    assert_int_equal(db_begin(f->store->db, NULL), 0);
    for (unsigned i = 0; i < N; i++)
        ids[i] = add_version(f, i);
    assert_int_equal(db_commit(f->store->db, NULL), 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            for (int k = 0; k <= i % 3; k++)
                tally_download(f->tally, ids[i]);
        }
    }
    flush(f);
    for (unsigned i = 0; i < N; i += 97) {
        struct str num = arena_printf(f->arena, "1.0.%u", i);
        assert_int_equal(downloads(f, num.p), 2 * (i % 3 + 1));
    }
}

static void a_token_keeps_its_latest_use(void **state)
{
    struct fixture *f = *state;
    struct token_row t = { .patterns = STR("*"), .created = 1, .expires = NOW }, back;
    int64_t id;
    assert_int_equal(
        meta_principal_ensure(f->store->db, STR("local:bob"), 1, &t.principal, NULL, NULL), 0);
    assert_int_equal(meta_token_add(f->store->db, &t, &id, NULL), 0);
    tally_token(f->tally, (uint32_t)id, NOW);
    tally_token(f->tally, (uint32_t)id, NOW + 7);
    flush(f);
    assert_int_equal(meta_token_find(f->store->db, f->arena, id, &back, NULL), 1);
    assert_int_equal(back.last_used, NOW + 7);
}

static int64_t last_seen(struct fixture *f, int64_t id)
{
    struct principal_row row;
    assert_int_equal(meta_principal_get(f->store->db, f->arena, id, &row, NULL), 1);
    return row.last_seen;
}

static void a_sight_is_stored_once_an_hour(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    assert_int_equal(
        meta_principal_ensure(f->store->db, STR("anna@corp.test"), 1, &id, NULL, NULL), 0);
    tally_seen(f->tally, (uint32_t)id, NOW);
    flush(f);
    assert_int_equal(last_seen(f, id), NOW);
    tally_seen(f->tally, (uint32_t)id, NOW + 3599);
    assert_null(tally_change(f->tally, NULL, NOW));
    tally_seen(f->tally, (uint32_t)id, NOW + 3600);
    flush(f);
    assert_int_equal(last_seen(f, id), NOW + 3600);
}

static void nobody_is_not_seen(void **state)
{
    struct fixture *f = *state;
    tally_seen(f->tally, 0, NOW);
    assert_null(tally_change(f->tally, NULL, NOW));
}

/* Counts are statistics: a flush that fails must not take the server down. */
static void a_change_that_fails_frees_itself(void **state)
{
    struct fixture *f = *state;
    tally_download(f->tally, 4711); /* no such version */
    struct change *c = tally_change(f->tally, NULL, NOW);
    assert_int_equal(c->apply(c, f->store->db, NULL), -1);
    c->done(c);
    assert_null(tally_change(f->tally, NULL, NOW));
}

static void a_tally_is_freed_with_what_was_not_flushed(void **state)
{
    struct fixture *f = *state;
    tally_download(f->tally, 1);
    tally_token(f->tally, 1, NOW);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(nothing_counted_makes_no_change),
        T(downloads_add_up_over_flushes),
        T(many_versions_are_counted_apart),
        T(a_token_keeps_its_latest_use),
        T(a_sight_is_stored_once_an_hour),
        T(nobody_is_not_seen),
        T(a_change_that_fails_frees_itself),
        T(a_tally_is_freed_with_what_was_not_flushed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
