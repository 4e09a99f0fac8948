#include "registry/publish.h"

#include "registry/lookup.h"
#include "support/temp_registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

struct fixture {
    struct temp_registry *t;
    struct caller anna;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    f->t = temp_registry_new();
    f->anna = temp_registry_caller(f->t, "anna");
    *state = f;
    return 0;
}

/* Whatever a test did, no temp file stays. */
static int teardown(void **state)
{
    struct fixture *f = *state;
    temp_registry_settle(f->t);
    size_t left = temp_registry_temps(f->t);
    temp_registry_free(f->t);
    test_free(f);
    return left == 0 ? 0 : -1;
}

static struct publish *begin(struct fixture *f, uint64_t body_len, struct publish_outcome *o)
{
    *o = (struct publish_outcome){ .over = false };
    return publish_begin(f->t->reg, &f->anna, body_len, &temp_registry_events, o);
}

/* Feeds in pieces, as a connection would: not while paused, not after the end. */
static void feed(
    struct fixture *f, struct publish *p, struct str body, size_t piece, struct publish_outcome *o)
{
    while (body.n > 0 && !o->over) {
        if (o->n_paused > o->n_resumed) {
            temp_registry_settle(f->t);
            assert_true(o->over || o->n_paused == o->n_resumed);
            continue;
        }
        publish_feed(p, str_from_to(body, 0, piece));
        body = str_skip(body, piece);
    }
}

static struct err run(struct fixture *f, struct str body, uint64_t body_len, size_t piece)
{
    struct publish_outcome o;
    struct publish *p = begin(f, body_len, &o);
    feed(f, p, body, piece, &o);
    if (!o.over)
        publish_end(p);
    temp_registry_wait(f->t, &o.over);
    return o.err;
}

static void assert_published(struct err e)
{
    if (e.kind != ERR_NONE)
        fail_msg("%s (%s)", e.text, e.cause);
}

static void a_published_version_is_in_index_and_store(void **state)
{
    struct fixture *f = *state;
    struct lookup_archive archive;
    struct err e = ERR_INIT;
    assert_null(temp_registry_lines(f->t, "my-crate").p);
    assert_published(temp_registry_publish(f->t, &f->anna, "My-Crate", "1.0.0"));
    struct str lines = temp_registry_lines(f->t, "my-crate");
    assert_true(str_starts(lines, STR("{\"name\":\"My-Crate\",\"vers\":\"1.0.0\"")));
    assert_int_equal(lookup_download(f->t->reg, STR("my_crate"), STR("1.0.0"), &archive, &e), 0);
    assert_true(archive.size > 0);
    (void)close(archive.fd);
}

static void the_second_version_follows_the_first(void **state)
{
    struct fixture *f = *state;
    assert_published(temp_registry_publish(f->t, &f->anna, "acme", "1.0.0"));
    assert_published(temp_registry_publish(f->t, &f->anna, "acme", "0.9.0"));
    struct str lines = temp_registry_lines(f->t, "acme");
    size_t one = str_find_str(lines, STR("1.0.0")), nine = str_find_str(lines, STR("0.9.0"));
    assert_true(one < nine && nine < lines.n);
}

/* Between a commit and its hand-over the loop does not know the crate yet; the writer does. */
static void a_crate_committed_a_moment_ago_is_its_owner_s(void **state)
{
    struct fixture *f = *state;
    struct registry *r = f->t->reg;
    struct access *before, *now = r->access;
    struct err e = ERR_INIT;
    struct db *d;
    assert_int_equal(readers_take(r->readers, &d, &e), 0);
    assert_int_equal(access_load(r->config, d, &before, &e), 0);
    readers_give(r->readers, d);
    assert_published(temp_registry_publish(f->t, &f->anna, "acme", "1.0.0"));
    r->access = before;
    struct err second = temp_registry_publish(f->t, &f->anna, "acme", "1.1.0");
    struct caller bob = temp_registry_caller(f->t, "bob");
    struct err stranger = temp_registry_publish(f->t, &bob, "acme", "1.2.0");
    r->access = now;
    access_free(before);
    assert_published(second);
    assert_int_equal(stranger.kind, ERR_FORBIDDEN);
}

static void a_restart_serves_the_same_bytes(void **state)
{
    struct fixture *f = *state;
    assert_published(temp_registry_publish(f->t, &f->anna, "acme", "1.0.0"));
    struct str before = arena_str(f->t->arena, temp_registry_lines(f->t, "acme"));
    temp_registry_reopen(f->t);
    assert_true(str_eq(temp_registry_lines(f->t, "acme"), before));
    assert_int_equal(temp_registry_publish(f->t, &f->anna, "acme", "1.0.0").kind, ERR_CONFLICT);
    assert_published(temp_registry_publish(f->t, &f->anna, "acme", "1.0.1"));
}

static void a_version_is_never_published_twice(void **state)
{
    static const char *const again[] = { "1.0.0", "1.0.0+other" };
    struct fixture *f = *state;
    assert_published(temp_registry_publish(f->t, &f->anna, "acme", "1.0.0"));
    struct str before = arena_str(f->t->arena, temp_registry_lines(f->t, "acme"));
    for (size_t i = 0; i < ARRAY_LEN(again); i++) {
        struct err e = temp_registry_publish(f->t, &f->anna, "acme", again[i]);
        assert_int_equal(e.kind, ERR_CONFLICT);
        assert_non_null(strstr(e.text, "is already uploaded"));
    }
    assert_true(str_eq(temp_registry_lines(f->t, "acme"), before));
}

static void another_spelling_of_a_name_is_no_new_crate(void **state)
{
    struct fixture *f = *state;
    assert_published(temp_registry_publish(f->t, &f->anna, "my-crate", "1.0.0"));
    struct err e = temp_registry_publish(f->t, &f->anna, "My_Crate", "2.0.0");
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_non_null(strstr(e.text, "`my-crate`"));
}

static void a_reserved_name_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(temp_registry_publish(f->t, &f->anna, "std", "1.0.0").kind, ERR_INVALID);
}

static void two_at_once_of_one_version_make_one(void **state)
{
    enum { N = 5 };
    struct fixture *f = *state;
    struct str body = temp_registry_body(f->t, "acme", "1.0.0");
    struct publish_outcome o[N];
    struct publish *p[N];
    size_t good = 0;
    for (size_t i = 0; i < N; i++) {
        p[i] = begin(f, body.n, &o[i]);
        publish_feed(p[i], body);
    }
    for (size_t i = 0; i < N; i++)
        publish_end(p[i]);
    for (size_t i = 0; i < N; i++) {
        temp_registry_wait(f->t, &o[i].over);
        if (o[i].err.kind == ERR_NONE)
            good++;
        else
            assert_int_equal(o[i].err.kind, ERR_CONFLICT);
    }
    assert_int_equal(good, 1);
    size_t end = str_find(temp_registry_lines(f->t, "acme"), '\n');
    assert_int_equal(end + 1, temp_registry_lines(f->t, "acme").n); /* one line */
}

static void the_body_may_come_byte_by_byte(void **state)
{
    struct fixture *f = *state;
    struct str body = temp_registry_body(f->t, "acme", "1.0.0");
    assert_published(run(f, body, body.n, 1));
}

static void the_length_of_the_body_need_not_be_known(void **state)
{
    struct fixture *f = *state;
    assert_published(run(f, temp_registry_body(f->t, "acme", "1.0.0"), 0, 100));
}

static void an_aborted_upload_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct str body = temp_registry_body(f->t, "acme", "1.0.0");
    const size_t cuts[] = { 0, 3, 4, 20, body.n - 100, body.n - 1, body.n };
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        struct publish_outcome o;
        struct publish *p = begin(f, body.n, &o);
        publish_feed(p, str_from_to(body, 0, cuts[i]));
        publish_abort(p);
        temp_registry_settle(f->t);
        assert_false(o.over); /* who aborts is not called back */
        assert_int_equal(temp_registry_temps(f->t), 0);
    }
    assert_null(temp_registry_lines(f->t, "acme").p);
}

static void a_body_that_stops_early_is_refused_in_words(void **state)
{
    struct fixture *f = *state;
    struct str body = temp_registry_body(f->t, "acme", "1.0.0");
    const size_t cuts[] = { 0, 3, 4, 20, body.n - 1 };
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        struct err e = run(f, str_from_to(body, 0, cuts[i]), 0, 7);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_non_null(strstr(e.text, "are missing"));
    }
}

static void a_framing_error_ends_it_before_the_body_does(void **state)
{
    static const struct {
        const char head[9];
        enum err_kind kind;
        const char *phrase;
    } rows[] = {
        { "\xff\xff\xff\xff", ERR_TOO_LARGE, "the metadata is 4294967295 bytes" },
        { "\0\0\0\0", ERR_INVALID, "the length of the metadata is 0" },
        { "\1\0\0\0{\0\0\0", ERR_NONE, NULL }, /* not yet an error */
        { "\1\0\0\0{\0\0\0\0", ERR_INVALID, "the length of the archive is 0" },
        { "\1\0\0\0{\0\0\0\xff", ERR_TOO_LARGE, "the archive is" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct publish_outcome o;
        struct publish *p = begin(f, 0, &o);
        size_t n = i < 2 ? 4 : i == 2 ? 8 : 9;
        publish_feed(p, (struct str){ rows[i].head, n });
        assert_int_equal(o.over, rows[i].phrase != NULL);
        if (!o.over) {
            publish_abort(p);
            continue;
        }
        assert_int_equal(o.err.kind, rows[i].kind);
        assert_non_null(strstr(o.err.text, rows[i].phrase));
    }
}

static void bytes_behind_the_archive_are_refused(void **state)
{
    struct fixture *f = *state;
    struct str body = temp_registry_body(f->t, "acme", "1.0.0");
    struct str more = arena_printf(f->t->arena, "%*s", (int)body.n + 1, "");
    memcpy((char *)(uintptr_t)more.p, body.p, body.n);
    assert_int_equal(run(f, more, 0, more.n).kind, ERR_INVALID);
    assert_null(temp_registry_lines(f->t, "acme").p);
}

static void an_archive_that_is_none_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char json[] = "{\"name\":\"acme\",\"vers\":\"1.0.0\",\"deps\":[],\"features\":{}}";
    struct buf b AUTO_BUF = BUF_INIT(1000);
    buf_addf(&b, "%c%c%c%c%s", (int)sizeof(json) - 1, 0, 0, 0, json);
    buf_add(&b, STR("\5\0\0\0hello"));
    struct err e = run(f, buf_str(&b), b.n, b.n);
    assert_int_equal(e.kind, ERR_INVALID);
}

/* An upload of several hundred KiB: it pauses while a worker writes, and a refusal that needs the
 * metadata alone comes before the archive was sent. */
static struct str large_body(struct fixture *f, const char *name, const char *vers)
{
    struct buf b AUTO_BUF = BUF_INIT(4u << 20);
    struct str json = arena_printf(
        f->t->arena, "{\"name\":\"%s\",\"vers\":\"%s\",\"deps\":[],\"features\":{}}", name, vers);
    uint32_t n = 2u << 20;
    buf_addf(&b, "%c%c%c%c%" STR_FMT, (int)json.n, 0, 0, 0, STR_ARG(json));
    buf_addf(&b, "%c%c%c%c", 0, 0, (int)(n >> 16), 0);
    for (uint32_t i = 0; i < n; i++)
        buf_add_byte(&b, (char)(i * 2654435761u >> 24));
    return arena_str(f->t->arena, buf_str(&b));
}

static void an_upload_faster_than_the_disk_is_paused(void **state)
{
    struct fixture *f = *state;
    struct str body = large_body(f, "acme", "1.0.0");
    struct publish_outcome o;
    struct publish *p = begin(f, body.n, &o);
    feed(f, p, body, 60000, &o);
    assert_false(o.over);
    assert_true(o.n_paused > 0);
    assert_int_equal(o.n_paused, o.n_resumed);
    publish_end(p);
    temp_registry_wait(f->t, &o.over);
    assert_int_equal(o.err.kind, ERR_INVALID); /* it is no gzip */
}

static void a_version_that_exists_is_refused_before_its_archive_came(void **state)
{
    struct fixture *f = *state;
    assert_published(temp_registry_publish(f->t, &f->anna, "acme", "1.0.0"));
    struct str body = large_body(f, "acme", "1.0.0");
    struct publish_outcome o;
    struct publish *p = begin(f, body.n, &o);
    publish_feed(p, str_from_to(body, 0, 1000));
    temp_registry_wait(f->t, &o.over);
    assert_int_equal(o.err.kind, ERR_CONFLICT);
}

static void a_stranger_may_not_publish_to_another_s_crate(void **state)
{
    struct fixture *f = *state;
    struct caller bob = temp_registry_caller(f->t, "bob");
    assert_published(temp_registry_publish(f->t, &f->anna, "acme", "1.0.0"));
    assert_int_equal(temp_registry_publish(f->t, &bob, "acme", "1.0.1").kind, ERR_FORBIDDEN);
    assert_published(temp_registry_publish(f->t, &bob, "bobs", "1.0.0"));
}

static void a_token_revoked_during_the_upload_counts_for_nothing(void **state)
{
    struct fixture *f = *state;
    struct str body = temp_registry_body(f->t, "acme", "1.0.0");
    struct publish_outcome o;
    struct publish *p = begin(f, body.n, &o);
    publish_feed(p, body);
    struct str revoke =
        arena_printf(f->t->arena, "{\"do\":\"token-revoke\",\"id\":%u}", f->anna.token);
    (void)temp_registry_admin(f->t, revoke.p, ERR_NONE);
    publish_end(p);
    temp_registry_wait(f->t, &o.over);
    assert_int_equal(o.err.kind, ERR_UNAUTHORIZED);
    assert_null(temp_registry_lines(f->t, "acme").p);
}

/* The clock was ahead when the first one came (D-13). */
static void publish_times_of_a_crate_never_go_back(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    assert_published(temp_registry_publish(f->t, &f->anna, "acme", "1.0.0"));
    assert_int_equal(db_script(f->t->reg->db, "UPDATE crate SET updated = 4102444800", &e), 0);
    assert_published(temp_registry_publish(f->t, &f->anna, "acme", "1.0.1"));
    struct str lines = temp_registry_lines(f->t, "acme");
    size_t second = str_find_str(lines, STR("1.0.1"));
    assert_true(str_find_str(lines, STR("2100-01-01T00:00:00Z")) > second);
    assert_true(str_find_str(lines, STR("2100-01-01T00:00:00Z")) < lines.n);
}

static void the_second_disk_failure_ends_all_changes(void **state)
{
    struct fixture *f = *state;
    registry_note_disk_failure(f->t->reg);
    assert_published(temp_registry_publish(f->t, &f->anna, "acme", "1.0.0"));
    registry_note_disk_failure(f->t->reg);
    assert_int_equal(temp_registry_publish(f->t, &f->anna, "acme", "1.0.1").kind, ERR_BUSY);
}

static void nothing_is_stored_after_the_disk_failed(void **state)
{
    struct fixture *f = *state;
    struct publish_outcome o;
    f->t->reg->read_only = true;
    publish_feed(begin(f, 1000, &o), STR("\1"));
    assert_true(o.over); /* before anything was uploaded */
    assert_int_equal(o.err.kind, ERR_BUSY);
    assert_int_equal(temp_registry_publish(f->t, &f->anna, "acme", "1.0.0").kind, ERR_BUSY);
    assert_null(temp_registry_lines(f->t, "acme").p);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_published_version_is_in_index_and_store),
        T(the_second_version_follows_the_first),
        T(a_crate_committed_a_moment_ago_is_its_owner_s),
        T(a_restart_serves_the_same_bytes),
        T(a_version_is_never_published_twice),
        T(another_spelling_of_a_name_is_no_new_crate),
        T(a_reserved_name_is_refused),
        T(two_at_once_of_one_version_make_one),
        T(the_body_may_come_byte_by_byte),
        T(the_length_of_the_body_need_not_be_known),
        T(an_aborted_upload_leaves_nothing),
        T(a_body_that_stops_early_is_refused_in_words),
        T(a_framing_error_ends_it_before_the_body_does),
        T(bytes_behind_the_archive_are_refused),
        T(an_archive_that_is_none_is_refused),
        T(an_upload_faster_than_the_disk_is_paused),
        T(a_version_that_exists_is_refused_before_its_archive_came),
        T(a_stranger_may_not_publish_to_another_s_crate),
        T(a_token_revoked_during_the_upload_counts_for_nothing),
        T(publish_times_of_a_crate_never_go_back),
        T(the_second_disk_failure_ends_all_changes),
        T(nothing_is_stored_after_the_disk_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
