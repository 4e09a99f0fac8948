/* The writer thread is held up by a change that waits, so that what is queued behind it is known to
 * be one batch; nothing here depends on time. */
#include "store/writer.h"

#include "support/temp_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANGES 20

struct test_change {
    struct change change;
    struct fixture *f;
    int number;
    bool fails, ends_transaction, waits;
    int64_t seen_rows; /* when it was applied */
};

struct fixture {
    struct temp_store *store;
    struct worker_pool *pool;
    struct writer *writer;
    struct test_change changes[CHANGES];
    sem_t started, go;
    char applied[256], done[256]; /* numbers in order; of failed ones with "!" */
    int n_done, n_commit_failed;
};

static int64_t count_rows(struct db *d)
{
    AUTO_STMT struct db_stmt *s = NULL;
    assert_int_equal(db_prepare(d, "SELECT count(*) FROM box", &s, NULL), 0);
    assert_int_equal(db_step(s, NULL), 1);
    return db_int(s, 0);
}

static int insert(struct db *d, int number, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "INSERT INTO box (id) VALUES (?1)", &s, e) < 0)
        return -1;
    db_bind_int(s, 1, number);
    return db_run(s, e);
}

static int apply(struct change *c, struct db *d, struct err *e)
{
    struct test_change *t = CONTAINER_OF(c, struct test_change, change);
    if (t->waits) {
        (void)sem_post(&t->f->started);
        (void)sem_wait(&t->f->go);
    }
    t->seen_rows = count_rows(d);
    if (insert(d, t->number, e) < 0)
        return -1;
    if (t->ends_transaction)
        db_rollback(d); /* as SQLite does by itself on a full disk */
    if (t->fails || t->ends_transaction)
        return err_set(e, ERR_FULL, "no space");
    return 0;
}

static void append(char list[256], int number, const char *mark)
{
    size_t n = strlen(list);
    (void)snprintf(list + n, 256 - n, "%d%s ", number, mark);
}

static void applied(struct change *c)
{
    struct test_change *t = CONTAINER_OF(c, struct test_change, change);
    append(t->f->applied, t->number, "");
}

static void done(struct change *c)
{
    struct test_change *t = CONTAINER_OF(c, struct test_change, change);
    append(t->f->done, t->number, c->err.kind == ERR_NONE ? "" : "!");
    t->f->n_done++;
}

static void commit_failed(void *ctx, struct db *d)
{
    struct fixture *f = ctx;
    assert_false(db_in_transaction(d));
    f->n_commit_failed++;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->store = temp_store_new();
    /* The deferred check makes COMMIT itself fail where a test wants that. */
    assert_int_equal(db_script(f->store->db,
                         "CREATE TABLE box (id INTEGER PRIMARY KEY);"
                         "CREATE TABLE tie (box INTEGER REFERENCES box (id) DEFERRABLE INITIALLY "
                         "DEFERRED)",
                         NULL),
        0);
    assert_int_equal(worker_pool_new(1, 10, &f->pool, NULL), 0);
    assert_int_equal(writer_new(f->store->db, f->pool, commit_failed, f, &f->writer, NULL), 0);
    (void)sem_init(&f->started, 0, 0);
    (void)sem_init(&f->go, 0, 0);
    for (int i = 0; i < CHANGES; i++) {
        f->changes[i] = (struct test_change){ .f = f, .number = i };
        f->changes[i].change.apply = apply;
        f->changes[i].change.applied = applied;
        f->changes[i].change.done = done;
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    writer_free(f->writer);
    worker_pool_free(f->pool);
    temp_store_free(f->store);
    (void)sem_destroy(&f->started);
    (void)sem_destroy(&f->go);
    free(f);
    return 0;
}

static void submit(struct fixture *f, int number)
{
    assert_int_equal(writer_submit(f->writer, &f->changes[number].change, NULL), 0);
}

static void collect(struct fixture *f, int n)
{
    while (f->n_done < n) {
        struct pollfd p = { .fd = worker_fd(f->pool), .events = POLLIN };
        assert_int_equal(poll(&p, 1, 20000), 1);
        worker_collect(f->pool);
    }
}

/* Change 0 keeps the writer busy while 1 to last are queued: they are one batch. */
static void run_as_batch(struct fixture *f, int last)
{
    f->changes[0].waits = true;
    submit(f, 0);
    (void)sem_wait(&f->started);
    for (int i = 1; i <= last; i++)
        submit(f, i);
    (void)sem_post(&f->go);
    collect(f, last + 1);
}

/* As the writer is idle once all are collected and nothing is pending, its connection can be read.
 */
static int64_t rows_after(struct fixture *f)
{
    writer_free(TAKE(f->writer));
    return count_rows(f->store->db);
}

static void a_change_is_stored_before_it_is_done(void **state)
{
    struct fixture *f = *state;
    AUTO_DB struct db *r = NULL;
    submit(f, 1);
    collect(f, 1);
    assert_string_equal(f->done, "1 ");
    assert_string_equal(f->applied, "1 ");
    assert_int_equal(db_open_reader(f->store->dir, &r, NULL), 0);
    assert_int_equal(count_rows(r), 1);
}

static void changes_are_done_in_the_order_they_came(void **state)
{
    struct fixture *f = *state;
    run_as_batch(f, 5);
    assert_string_equal(f->done, "0 1 2 3 4 5 ");
    assert_string_equal(f->applied, "0 1 2 3 4 5 ");
}

static void a_change_sees_those_before_it_in_its_batch(void **state)
{
    struct fixture *f = *state;
    run_as_batch(f, 3);
    for (int i = 0; i <= 3; i++)
        assert_int_equal(f->changes[i].seen_rows, i);
}

static void a_failed_change_is_undone_alone(void **state)
{
    struct fixture *f = *state;
    f->changes[2].fails = true;
    run_as_batch(f, 3);
    assert_string_equal(f->done, "0 1 2! 3 ");
    assert_string_equal(f->applied, "0 1 3 ");
    assert_int_equal(f->changes[2].change.err.kind, ERR_FULL);
    assert_int_equal(f->changes[3].seen_rows, 2);
    assert_int_equal(rows_after(f), 3);
    assert_int_equal(f->n_commit_failed, 0);
}

static void a_failed_change_alone_in_its_batch_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    f->changes[1].fails = true;
    submit(f, 1);
    collect(f, 1);
    assert_string_equal(f->done, "1! ");
    assert_string_equal(f->applied, "");
    assert_int_equal(rows_after(f), 0);
}

static int apply_broken_tie(struct change *c, struct db *d, struct err *e)
{
    (void)c;
    return db_script(d, "INSERT INTO tie (box) VALUES (999)", e);
}

static void a_failed_commit_fails_all_of_its_batch(void **state)
{
    struct fixture *f = *state;
    f->changes[2].change.apply = apply_broken_tie;
    run_as_batch(f, 3);
    assert_string_equal(f->done, "0 1! 2! 3! ");
    assert_int_equal(f->n_commit_failed, 1);
    assert_int_equal(f->changes[1].change.err.kind, ERR_IO);
    assert_int_equal(rows_after(f), 1);
}

static void the_writer_goes_on_after_a_failed_commit(void **state)
{
    struct fixture *f = *state;
    f->changes[1].change.apply = apply_broken_tie;
    submit(f, 1);
    collect(f, 1);
    submit(f, 2);
    collect(f, 2);
    assert_string_equal(f->done, "1! 2 ");
}

static void a_transaction_lost_on_the_way_fails_what_was_in_it_and_no_more(void **state)
{
    struct fixture *f = *state;
    f->changes[2].ends_transaction = true;
    run_as_batch(f, 4);
    assert_string_equal(f->done, "0 1! 2! 3 4 ");
    assert_int_equal(f->changes[1].change.err.kind, ERR_FULL);
    assert_int_equal(f->n_commit_failed, 1);
    assert_int_equal(rows_after(f), 3);
}

static void what_waits_is_run_before_the_end(void **state)
{
    struct fixture *f = *state;
    f->changes[0].waits = true;
    submit(f, 0);
    (void)sem_wait(&f->started);
    for (int i = 1; i < CHANGES; i++)
        submit(f, i);
    assert_int_equal(writer_pending(f->writer), CHANGES);
    (void)sem_post(&f->go);
    assert_int_equal(rows_after(f), CHANGES);
    collect(f, CHANGES);
}

static void a_change_past_the_limit_stays_its_owners(void **state)
{
    struct fixture *f = *state;
    enum { LIMIT = 10000 };
    struct test_change *many = calloc(LIMIT + 1, sizeof(*many));
    struct err e = ERR_INIT;
    f->changes[0].waits = true;
    submit(f, 0);
    (void)sem_wait(&f->started);
    for (int i = 0; i <= LIMIT; i++) {
        many[i] = f->changes[1];
        many[i].number = i + 1;
        many[i].change.applied = NULL;
        int rc = writer_submit(f->writer, &many[i].change, &e);
        assert_int_equal(rc, i < LIMIT ? 0 : -1);
    }
    assert_int_equal(e.kind, ERR_BUSY);
    (void)sem_post(&f->go);
    collect(f, LIMIT + 1);
    assert_int_equal(rows_after(f), LIMIT + 1);
    free(many);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_change_is_stored_before_it_is_done),
        T(changes_are_done_in_the_order_they_came),
        T(a_change_sees_those_before_it_in_its_batch),
        T(a_failed_change_is_undone_alone),
        T(a_failed_change_alone_in_its_batch_leaves_nothing),
        T(a_failed_commit_fails_all_of_its_batch),
        T(the_writer_goes_on_after_a_failed_commit),
        T(a_transaction_lost_on_the_way_fails_what_was_in_it_and_no_more),
        T(what_waits_is_run_before_the_end),
        T(a_change_past_the_limit_stays_its_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
