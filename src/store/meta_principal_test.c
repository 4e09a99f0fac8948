#include "store/meta.h"

#include "support/temp_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    struct temp_store *store;
    struct db *db;
    struct arena *arena;
    struct err e;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    f->store = temp_store_new();
    f->db = f->store->db;
    f->arena = arena_new();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_free(f->arena);
    temp_store_free(f->store);
    test_free(f);
    return 0;
}

static int64_t ensure(struct fixture *f, const char *key)
{
    int64_t id;
    assert_int_equal(meta_principal_ensure(f->db, str_from(key), 1000, &id, NULL, NULL), 0);
    return id;
}

static struct principal_row get(struct fixture *f, int64_t id)
{
    struct principal_row row;
    assert_int_equal(meta_principal_get(f->db, f->arena, id, &row, NULL), 1);
    return row;
}

static void a_principal_is_made_once(void **state)
{
    struct fixture *f = *state;
    int64_t id, again;
    bool is_new;
    assert_int_equal(
        meta_principal_ensure(f->db, STR("anna@corp.test"), 1000, &id, &is_new, NULL), 0);
    assert_true(is_new);
    assert_int_equal(
        meta_principal_ensure(f->db, STR("anna@corp.test"), 2000, &again, &is_new, NULL), 0);
    assert_false(is_new);
    assert_int_equal(id, again);
    struct principal_row row = get(f, id);
    assert_int_equal(row.created, 1000);
    assert_int_equal(row.user_id, 0);
    assert_null(row.control.p);
}

static void all_but_id_and_creation_can_change(void **state)
{
    struct fixture *f = *state;
    int64_t to = ensure(f, "local:to");
    struct principal_row row = get(f, ensure(f, "anna@old.test"));
    row.key = STR("anna@new.test");
    row.control = STR("https://controlplane.tailscale.com");
    row.user_id = INT64_C(6373001343218000123);
    row.link = to;
    row.last_seen = 5;
    row.removed = 6;
    row.blocked = true;
    assert_int_equal(meta_principal_update(f->db, &row, NULL), 0);
    struct principal_row now = get(f, row.id);
    assert_true(str_eq(now.key, STR("anna@new.test")) && str_eq(now.control, row.control));
    assert_true(now.user_id == row.user_id && now.link == to && now.last_seen == 5);
    assert_true(now.removed == 6 && now.blocked && now.created == 1000);
    row.link = 0;
    assert_int_equal(meta_principal_update(f->db, &row, NULL), 0);
    assert_int_equal(get(f, row.id).link, 0);
}

static void two_principals_are_never_bound_to_one_person(void **state)
{
    struct fixture *f = *state;
    struct principal_row a = get(f, ensure(f, "a@x")), b = get(f, ensure(f, "b@x"));
    a.control = b.control = STR("c");
    a.user_id = b.user_id = 7;
    assert_int_equal(meta_principal_update(f->db, &a, NULL), 0);
    assert_int_equal(meta_principal_update(f->db, &b, &f->e), -1);
    b.control = STR("other");
    assert_int_equal(meta_principal_update(f->db, &b, NULL), 0);
}

static void a_sight_never_goes_back(void **state)
{
    struct fixture *f = *state;
    int64_t id = ensure(f, "a@x");
    assert_int_equal(meta_principal_saw(f->db, id, 100, NULL), 0);
    assert_int_equal(meta_principal_saw(f->db, id, 50, NULL), 0);
    assert_int_equal(get(f, id).last_seen, 100);
}

static int64_t crate(struct fixture *f, const char *name)
{
    struct crate_row row = { .name = str_from(name),
        .canonical = str_from(name),
        .max_version = STR("1.0.0"),
        .created = 1,
        .updated = 1 };
    int64_t id;
    assert_int_equal(meta_crate_add(f->db, &row, &id, NULL), 0);
    return id;
}

static int64_t owners(struct fixture *f, int64_t crate_id)
{
    int64_t n;
    assert_int_equal(meta_owner_count(f->db, crate_id, &n, NULL), 0);
    return n;
}

static int64_t token(struct fixture *f, int64_t principal, uint8_t mark)
{
    struct token_row t = { .principal = principal,
        .hash = { mark },
        .patterns = STR("*"),
        .from = STR("own"),
        .capability = STR("[{}]"),
        .name = STR("laptop"),
        .created = 1 };
    int64_t id;
    assert_int_equal(meta_token_add(f->db, &t, &id, NULL), 0);
    return id;
}

static struct token_row token_row(struct fixture *f, int64_t id)
{
    struct token_row row;
    assert_int_equal(meta_token_find(f->db, f->arena, id, &row, NULL), 1);
    return row;
}

static void what_one_owns_goes_over_once(void **state)
{
    struct fixture *f = *state;
    int64_t a = ensure(f, "a@x"), b = ensure(f, "b@x");
    int64_t both = crate(f, "both"), one = crate(f, "one"), t = token(f, a, 1);
    assert_int_equal(meta_owner_add(f->db, both, a, 1, NULL), 1);
    assert_int_equal(meta_owner_add(f->db, both, b, 1, NULL), 1);
    assert_int_equal(meta_owner_add(f->db, one, a, 1, NULL), 1);
    assert_int_equal(meta_principal_hand_over(f->db, a, b, false, NULL), 0);
    assert_int_equal(owners(f, both), 1);
    assert_int_equal(owners(f, one), 1);
    assert_int_equal(meta_owner_remove(f->db, one, b, NULL), 1);
    assert_int_equal(token_row(f, t).principal, a);
    assert_int_equal(meta_principal_hand_over(f->db, a, b, true, NULL), 0);
    assert_int_equal(token_row(f, t).principal, b);
}

static void all_tokens_of_one_can_be_ended(void **state)
{
    struct fixture *f = *state;
    int64_t a = ensure(f, "a@x"), b = ensure(f, "b@x");
    int64_t first = token(f, a, 1), second = token(f, a, 2), other = token(f, b, 3);
    uint64_t n;
    assert_int_equal(meta_principal_revoke_tokens(f->db, a, 9, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_int_equal(token_row(f, first).revoked, 9);
    assert_int_equal(token_row(f, second).revoked, 9);
    assert_int_equal(token_row(f, other).revoked, 0);
}

static void a_token_keeps_its_place_its_grants_and_its_name(void **state)
{
    struct fixture *f = *state;
    struct token_row row = token_row(f, token(f, ensure(f, "a@x"), 1));
    assert_true(str_eq(row.from, STR("own")) && str_eq(row.capability, STR("[{}]")));
    assert_true(str_eq(row.name, STR("laptop")));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_principal_is_made_once),
        T(all_but_id_and_creation_can_change),
        T(two_principals_are_never_bound_to_one_person),
        T(a_sight_never_goes_back),
        T(what_one_owns_goes_over_once),
        T(all_tokens_of_one_can_be_ended),
        T(a_token_keeps_its_place_its_grants_and_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
