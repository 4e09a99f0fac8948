#include "store/meta.h"

#include "support/temp_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct temp_store *store;
    struct db *db;
    struct arena *arena;
    struct buf seen; /* what visits wrote */
    struct err e;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->store = temp_store_new();
    f->db = f->store->db;
    f->arena = arena_new();
    f->seen = BUF_INIT(1 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    buf_deinit(&f->seen);
    arena_free(f->arena);
    temp_store_free(f->store);
    free(f);
    return 0;
}

#define ASSERT_STR(s, want)                                                                        \
    do {                                                                                           \
        struct str s_ = (s);                                                                       \
        if (!str_eq(s_, str_from(want)))                                                           \
            fail_msg("got \"%" STR_FMT "\", expected \"%s\"", STR_ARG(s_), want);                  \
    } while (0)

static int64_t add_principal(struct fixture *f, const char *key)
{
    int64_t id = 0;
    assert_int_equal(meta_principal_ensure(f->db, str_from(key), 1000, &id, NULL, NULL), 0);
    return id;
}

static int64_t add_crate(struct fixture *f, const char *name, const char *description)
{
    char canonical[64];
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        canonical[i] = name[i] == '-' ? '_' : ascii_lower(name[i]);
    struct crate_row c = {
        .name = str_from(name),
        .canonical = { canonical, n },
        .description = str_from(description),
        .max_version = STR("1.0.0"),
        .created = 1000,
        .updated = 1000,
    };
    int64_t id = 0;
    if (meta_crate_add(f->db, &c, &id, &f->e) < 0)
        fail_msg("%s (%s)", f->e.text, f->e.cause);
    return id;
}

static struct version_row a_version(int64_t crate, const char *num)
{
    return (struct version_row){
        .crate = crate,
        .num = str_from(num),
        .num_key = str_from(num),
        .cksum = { 1, 2, 3 },
        .size = 4711,
        .pubtime = 2000,
        .line = STR("{\"name\":\"acme\"}\n"),
        .deps = STR("[]"),
        .features = STR("{}"),
    };
}

static int64_t add_version(struct fixture *f, int64_t crate, const char *num)
{
    struct version_row v = a_version(crate, num);
    int64_t id = 0;
    if (meta_version_add(f->db, &v, &id, &f->e) < 0)
        fail_msg("%s (%s)", f->e.text, f->e.cause);
    return id;
}

static int see_principal(void *ctx, const struct principal_row *p, struct err *e)
{
    struct fixture *f = ctx;
    (void)e;
    buf_addf(&f->seen, "%" STR_FMT " ", STR_ARG(p->key));
    return 0;
}

static int see_token(void *ctx, const struct token_row *t, struct err *e)
{
    struct fixture *f = ctx;
    (void)e;
    buf_addf(&f->seen, "%d:%" STR_FMT " ", t->hash[0], STR_ARG(t->principal_key));
    return 0;
}

static int see_crate(void *ctx, const struct crate_row *c, struct err *e)
{
    struct fixture *f = ctx;
    (void)e;
    buf_addf(&f->seen, "%" STR_FMT " ", STR_ARG(c->name));
    return 0;
}

static int see_owner(void *ctx, struct str canonical, int64_t principal, struct err *e)
{
    struct fixture *f = ctx;
    (void)e;
    buf_addf(&f->seen, "%" STR_FMT ":%d ", STR_ARG(canonical), (int)principal);
    return 0;
}

static int see_version(void *ctx, const struct version_row *v, struct err *e)
{
    struct fixture *f = ctx;
    (void)e;
    buf_addf(&f->seen, "%" STR_FMT "%s ", STR_ARG(v->num), v->yanked ? "!" : "");
    return 0;
}

static int see_index_file(void *ctx, const struct index_file_row *row, struct err *e)
{
    struct fixture *f = ctx;
    (void)e;
    buf_addf(&f->seen, "%" STR_FMT "=%" STR_FMT "%" STR_FMT "/%d ", STR_ARG(row->name),
        STR_ARG(row->plain), STR_ARG(row->packed), (int)row->plain_size);
    return 0;
}

/* ---- principals and tokens ---- */

static void a_principal_is_made_once(void **state)
{
    struct fixture *f = *state;
    struct principal_row p;
    assert_int_equal(meta_principal_find(f->db, f->arena, STR("local:bob"), &p, NULL), 0);
    int64_t id = add_principal(f, "local:bob");
    assert_int_equal(add_principal(f, "local:bob"), id);
    assert_true(add_principal(f, "local:Bob") != id);
    assert_int_equal(meta_principal_find(f->db, f->arena, STR("local:bob"), &p, NULL), 1);
    ASSERT_STR(p.key, "local:bob");
    assert_int_equal(p.id, id);
    assert_int_equal(p.created, 1000);
    assert_false(p.blocked);
    assert_int_equal(meta_each_principal(f->db, see_principal, f, NULL), 0);
    ASSERT_STR(buf_str(&f->seen), "local:bob local:Bob ");
}

static int64_t add_token(struct fixture *f, uint8_t first, int64_t expires)
{
    int64_t id = 0;
    struct token_row t = {
        .principal = add_principal(f, "local:bob"),
        .hash = { first },
        .scopes = 5,
        .patterns = STR("acme_* other"),
        .created = 1000,
        .expires = expires,
    };
    assert_int_equal(meta_token_add(f->db, &t, &id, NULL), 0);
    return id;
}

static void a_token_is_kept_by_its_hash_alone(void **state)
{
    struct fixture *f = *state;
    struct token_row t;
    int64_t id = add_token(f, 7, 5000);
    assert_int_equal(meta_token_find(f->db, f->arena, id, &t, NULL), 1);
    assert_int_equal(t.hash[0], 7);
    assert_int_equal(t.scopes, 5);
    assert_int_equal(t.expires, 5000);
    ASSERT_STR(t.patterns, "acme_* other");
    ASSERT_STR(t.principal_key, "local:bob");
    assert_int_equal(meta_token_find(f->db, f->arena, id + 1, &t, NULL), 0);
}

static void a_token_is_revoked_once(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_token(f, 7, 5000), expired = add_token(f, 8, 2000);
    assert_int_equal(meta_token_revoke(f->db, id, 3000, NULL), 1);
    assert_int_equal(meta_token_revoke(f->db, id, 3000, NULL), 0);
    assert_int_equal(meta_token_revoke(f->db, expired, 3000, NULL), 0);
    assert_int_equal(meta_token_revoke(f->db, 99, 3000, NULL), 0);
}

static void the_last_use_of_a_token_never_goes_back(void **state)
{
    struct fixture *f = *state;
    struct token_row t;
    int64_t id = add_token(f, 7, 0);
    assert_int_equal(meta_token_used(f->db, id, 300, NULL), 0);
    assert_int_equal(meta_token_used(f->db, id, 200, NULL), 0);
    assert_int_equal(meta_token_find(f->db, f->arena, id, &t, NULL), 1);
    assert_int_equal(t.last_used, 300);
}

static void a_walk_over_live_tokens_leaves_out_dead_ones(void **state)
{
    struct fixture *f = *state;
    (void)add_token(f, 1, 0);
    (void)add_token(f, 2, 3000);
    (void)add_token(f, 3, 3001);
    assert_int_equal(meta_token_revoke(f->db, add_token(f, 4, 0), 3000, NULL), 1);
    assert_int_equal(meta_each_token(f->db, true, 3000, see_token, f, NULL), 0);
    ASSERT_STR(buf_str(&f->seen), "1:local:bob 3:local:bob ");
    buf_clear(&f->seen);
    assert_int_equal(meta_each_token(f->db, false, 3000, see_token, f, NULL), 0);
    ASSERT_STR(buf_str(&f->seen), "1:local:bob 2:local:bob 3:local:bob 4:local:bob ");
}

/* ---- crates and versions ---- */

static void a_crate_name_is_given_once_in_any_spelling(void **state)
{
    struct fixture *f = *state;
    struct crate_row c = {
        .name = STR("Acme_Core"), .canonical = STR("acme_core"), .max_version = STR("1.0.0")
    };
    int64_t id;
    (void)add_crate(f, "acme-core", "it");
    assert_int_equal(meta_crate_add(f->db, &c, &id, &f->e), -1);
    assert_int_equal(f->e.kind, ERR_CONFLICT);
}

static void a_crate_is_found_by_its_canonical_name(void **state)
{
    struct fixture *f = *state;
    struct crate_row c;
    int64_t id = add_crate(f, "Acme-Core", NULL);
    assert_int_equal(meta_crate_find(f->db, f->arena, STR("acme_core"), &c, NULL), 1);
    assert_int_equal(c.id, id);
    ASSERT_STR(c.name, "Acme-Core");
    assert_null(c.description.p);
    assert_int_equal(meta_crate_update(f->db, id, STR("new"), STR("2.0.0"), 3000, NULL), 0);
    assert_int_equal(meta_crate_find(f->db, f->arena, STR("acme_core"), &c, NULL), 1);
    ASSERT_STR(c.description, "new");
    ASSERT_STR(c.max_version, "2.0.0");
    assert_int_equal(c.created, 1000);
    assert_int_equal(c.updated, 3000);
    assert_int_equal(meta_crate_find(f->db, f->arena, STR("Acme-Core"), &c, NULL), 0);
}

static void every_column_of_a_version_comes_back(void **state)
{
    struct fixture *f = *state;
    int64_t bob = add_principal(f, "local:bob"), id;
    struct version_row v = a_version(add_crate(f, "acme", "it"), "1.0.0+build"), got;
    v.num_key = STR("1.0.0");
    v.published_by = bob;
    v.has_lib = true;
    v.deps = STR("[1]");
    v.features = STR("{\"f\":[]}");
    struct str *texts[] = { &v.links, &v.rust_version, &v.edition, &v.description, &v.homepage,
        &v.documentation, &v.repository, &v.license, &v.license_file, &v.readme, &v.readme_file,
        &v.authors, &v.keywords, &v.categories, &v.bin_names };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = arena_printf(f->arena, "text %zu", i);
    assert_int_equal(meta_version_add(f->db, &v, &id, NULL), 0);
    assert_int_equal(meta_version_find(f->db, f->arena, v.crate, STR("1.0.0"), &got, NULL), 1);
    v.id = id;
    v.readme = STR_NONE;
    const struct {
        struct str a, b;
    } pairs[] = { { v.num, got.num }, { v.num_key, got.num_key }, { v.line, got.line },
        { v.deps, got.deps }, { v.features, got.features }, { v.links, got.links },
        { v.rust_version, got.rust_version }, { v.edition, got.edition },
        { v.description, got.description }, { v.homepage, got.homepage },
        { v.documentation, got.documentation }, { v.repository, got.repository },
        { v.license, got.license }, { v.license_file, got.license_file },
        { v.readme_file, got.readme_file }, { v.authors, got.authors },
        { v.keywords, got.keywords }, { v.categories, got.categories },
        { v.bin_names, got.bin_names } };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        assert_true(str_eq(pairs[i].a, pairs[i].b));
    assert_null(got.readme.p);
    assert_memory_equal(got.cksum, v.cksum, SHA256_LEN);
    assert_int_equal(got.id, id);
    assert_int_equal(got.size, 4711);
    assert_int_equal(got.pubtime, 2000);
    assert_int_equal(got.published_by, bob);
    assert_true(got.has_lib);
    assert_false(got.yanked);
    assert_int_equal(got.downloads, 0);
}

static void what_a_version_lacks_stays_absent(void **state)
{
    struct fixture *f = *state;
    struct version_row got;
    int64_t crate = add_crate(f, "acme", "it");
    (void)add_version(f, crate, "1.0.0");
    assert_int_equal(meta_version_find(f->db, f->arena, crate, STR("1.0.0"), &got, NULL), 1);
    assert_null(got.links.p);
    assert_null(got.license.p);
    assert_int_equal(got.published_by, 0);
    assert_int_equal(meta_version_find(f->db, f->arena, crate, STR("1.0.1"), &got, NULL), 0);
    assert_int_equal(meta_version_find(f->db, f->arena, crate + 1, STR("1.0.0"), &got, NULL), 0);
}

static void a_version_is_published_once_whatever_its_build_metadata(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    struct version_row v = a_version(add_crate(f, "acme", "it"), "1.0.0+two");
    (void)add_version(f, v.crate, "1.0.0");
    v.num_key = STR("1.0.0");
    assert_int_equal(meta_version_add(f->db, &v, &id, &f->e), -1);
    assert_int_equal(f->e.kind, ERR_CONFLICT);
}

static void a_yank_changes_the_flag_and_the_line(void **state)
{
    struct fixture *f = *state;
    struct version_row got;
    int64_t crate = add_crate(f, "acme", "it"), id = add_version(f, crate, "1.0.0");
    assert_int_equal(meta_version_set_yanked(f->db, id, true, STR("new\n"), NULL), 0);
    assert_int_equal(meta_version_find(f->db, f->arena, crate, STR("1.0.0"), &got, NULL), 1);
    assert_true(got.yanked);
    ASSERT_STR(got.line, "new\n");
}

static void versions_and_lines_come_oldest_first(void **state)
{
    struct fixture *f = *state;
    int64_t a = add_crate(f, "a", "it"), b = add_crate(f, "b", "it");
    int64_t two = add_version(f, a, "2.0.0");
    (void)add_version(f, b, "9.0.0");
    int64_t one = add_version(f, a, "1.0.0");
    assert_int_equal(meta_version_set_yanked(f->db, two, true, STR("two\n"), NULL), 0);
    assert_int_equal(meta_version_set_yanked(f->db, one, false, STR("one\n"), NULL), 0);
    assert_int_equal(meta_index_lines(f->db, a, &f->seen, NULL), 0);
    assert_int_equal(meta_each_version(f->db, a, see_version, f, NULL), 0);
    ASSERT_STR(buf_str(&f->seen), "two\none\n2.0.0! 1.0.0 ");
}

static void what_was_published_cannot_be_changed(void **state)
{
    struct fixture *f = *state;
    static const char *const attempts[] = {
        "UPDATE version SET cksum = zeroblob(32)",
        "UPDATE version SET num = '9'",
        "UPDATE version SET num_key = '9'",
        "UPDATE version SET crate = 2",
        "UPDATE version SET size = 1",
        "UPDATE version SET pubtime = 1",
        "UPDATE version SET deps = '[2]'",
        "UPDATE version SET features = '{}'",
        "UPDATE version SET license = 'MIT'",
        "UPDATE version SET yanked = 1, cksum = zeroblob(32)",
        "UPDATE version SET id = 77",
        "DELETE FROM version",
        "INSERT OR REPLACE INTO version (id, crate, num, num_key, cksum, size, pubtime, yanked,"
        " has_lib, features, deps) VALUES (1, 1, '1.0.0', '1.0.0', zeroblob(32), 1, 1, 0, 0, '', "
        "'')",
        "DELETE FROM version_line",
        "UPDATE crate SET name = 'x'",
        "UPDATE crate SET canonical = 'x'",
        "DELETE FROM crate",
        "UPDATE principal SET created = 1",
        "DELETE FROM principal",
    };
    (void)add_principal(f, "local:bob");
    (void)add_version(f, add_crate(f, "acme", "it"), "1.0.0");
    (void)add_crate(f, "other", "it");
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        if (db_script(f->db, attempts[i], &f->e) == 0)
            fail_msg("it let this pass: %s", attempts[i]);
        assert_non_null(strstr(f->e.cause, "never"));
    }
}

static void a_download_finds_version_and_sum_in_one_look_up(void **state)
{
    struct fixture *f = *state;
    int64_t id = 0, want = add_version(f, add_crate(f, "Acme-Core", "it"), "1.0.0");
    uint8_t sum[SHA256_LEN];
    struct str name = STR("acme_core"), num = STR("1.0.0");
    assert_int_equal(meta_download_find(f->db, name, num, &id, sum, NULL), 1);
    assert_int_equal(id, want);
    assert_int_equal(sum[1], 2);
    assert_int_equal(meta_download_find(f->db, name, STR("1.0.1"), &id, sum, NULL), 0);
    assert_int_equal(meta_download_find(f->db, STR("acme"), num, &id, sum, NULL), 0);
}

static void downloads_add_up_by_version_day_and_crate(void **state)
{
    struct fixture *f = *state;
    struct version_row v;
    struct crate_row c;
    int64_t crate = add_crate(f, "acme", "it");
    int64_t one = add_version(f, crate, "1.0.0"), two = add_version(f, crate, "2.0.0");
    assert_int_equal(meta_downloads_add(f->db, one, 3, 20000, NULL), 0);
    assert_int_equal(meta_downloads_add(f->db, one, 4, 20000, NULL), 0);
    assert_int_equal(meta_downloads_add(f->db, one, 5, 20001, NULL), 0);
    assert_int_equal(meta_downloads_add(f->db, two, 1, 20001, NULL), 0);
    assert_int_equal(meta_version_find(f->db, f->arena, crate, STR("1.0.0"), &v, NULL), 1);
    assert_int_equal(v.downloads, 12);
    assert_int_equal(meta_crate_find(f->db, f->arena, STR("acme"), &c, NULL), 1);
    assert_int_equal(c.downloads, 13);
    AUTO_STMT struct db_stmt *s = NULL;
    assert_int_equal(
        db_prepare(f->db, "SELECT n FROM version_download WHERE day = 20000", &s, NULL), 0);
    assert_int_equal(db_step(s, NULL), 1);
    assert_int_equal(db_int(s, 0), 7);
}

static void an_index_file_is_replaced_whole(void **state)
{
    struct fixture *f = *state;
    int64_t crate = add_crate(f, "acme", "it");
    struct index_file_row row = {
        .name = STR("acme"), .plain = STR("lines"), .sum = STR("s"), .plain_size = 5
    };
    assert_int_equal(meta_index_file_put(f->db, crate, &row, NULL), 0);
    row.plain = STR_NONE;
    row.packed = STR("zzz");
    row.plain_size = 2000;
    assert_int_equal(meta_index_file_put(f->db, crate, &row, NULL), 0);
    assert_int_equal(meta_each_index_file(f->db, see_index_file, f, NULL), 0);
    ASSERT_STR(buf_str(&f->seen), "acme=zzz/2000 ");
}

static void owners_keep_the_order_in_which_they_came(void **state)
{
    struct fixture *f = *state;
    int64_t a = add_crate(f, "a", "it"), b = add_crate(f, "b", "it"), n;
    int64_t bob = add_principal(f, "local:bob"), anna = add_principal(f, "local:anna");
    assert_int_equal(meta_owner_add(f->db, a, anna, 1, NULL), 1);
    assert_int_equal(meta_owner_add(f->db, b, bob, 1, NULL), 1);
    assert_int_equal(meta_owner_add(f->db, a, bob, 1, NULL), 1);
    assert_int_equal(meta_owner_add(f->db, a, bob, 1, NULL), 0);
    assert_int_equal(meta_each_owner(f->db, see_owner, f, NULL), 0);
    ASSERT_STR(buf_str(&f->seen), "a:2 b:1 a:1 ");
    assert_int_equal(meta_owner_remove(f->db, a, anna, NULL), 1);
    assert_int_equal(meta_owner_remove(f->db, a, anna, NULL), 0);
    assert_int_equal(meta_owner_count(f->db, a, &n, NULL), 0);
    assert_int_equal(n, 1);
}

static int stop(void *ctx, const struct crate_row *c, struct err *e)
{
    (void)see_crate(ctx, c, e);
    return err_set(e, ERR_TIMEOUT, "enough");
}

static void a_visit_can_end_a_walk(void **state)
{
    struct fixture *f = *state;
    (void)add_crate(f, "b", "it");
    (void)add_crate(f, "a", "it");
    assert_int_equal(meta_each_crate(f->db, stop, f, &f->e), -1);
    assert_int_equal(f->e.kind, ERR_TIMEOUT);
    ASSERT_STR(buf_str(&f->seen), "a ");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_principal_is_made_once),
        T(a_token_is_kept_by_its_hash_alone),
        T(a_token_is_revoked_once),
        T(the_last_use_of_a_token_never_goes_back),
        T(a_walk_over_live_tokens_leaves_out_dead_ones),
        T(a_crate_name_is_given_once_in_any_spelling),
        T(a_crate_is_found_by_its_canonical_name),
        T(every_column_of_a_version_comes_back),
        T(what_a_version_lacks_stays_absent),
        T(a_version_is_published_once_whatever_its_build_metadata),
        T(a_yank_changes_the_flag_and_the_line),
        T(versions_and_lines_come_oldest_first),
        T(what_was_published_cannot_be_changed),
        T(a_download_finds_version_and_sum_in_one_look_up),
        T(downloads_add_up_by_version_day_and_crate),
        T(an_index_file_is_replaced_whole),
        T(owners_keep_the_order_in_which_they_came),
        T(a_visit_can_end_a_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
