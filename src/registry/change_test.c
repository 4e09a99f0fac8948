/* Yank, owners and administration: what changes besides a publish. */
#include "base/json.h"
#include "registry/owners.h"
#include "registry/rebuild.h"
#include "registry/yank.h"
#include "support/temp_registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

struct fixture {
    struct temp_registry *t;
    struct caller anna, bob;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    f->t = temp_registry_new();
    f->anna = temp_registry_caller(f->t, "anna");
    f->bob = temp_registry_caller(f->t, "bob");
    *state = f;
    assert_int_equal(temp_registry_publish(f->t, &f->anna, "My-Crate", "1.0.0+b").kind, ERR_NONE);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    temp_registry_free(f->t);
    test_free(f);
    return 0;
}

struct outcome {
    bool over;
    struct err err;
};

static void on_done(void *ctx, const struct err *e)
{
    struct outcome *o = ctx;
    o->over = true;
    o->err = *e;
}

/* ---- yank ---- */

static struct err set_yanked(
    struct fixture *f, const struct caller *c, const char *name, const char *version, bool yanked)
{
    struct outcome o = { .over = false };
    struct yank_request q = { str_from(name), str_from(version), yanked };
    yank_set(f->t->reg, c, &q, on_done, &o);
    temp_registry_wait(f->t, &o.over);
    return o.err;
}

static struct str line(struct fixture *f)
{
    return arena_str(f->t->arena, temp_registry_lines(f->t, "my-crate"));
}

static void a_yank_flips_one_word_and_an_unyank_flips_it_back(void **state)
{
    struct fixture *f = *state;
    struct str before = line(f);
    assert_int_equal(set_yanked(f, &f->anna, "my_crate", "1.0.0", true).kind, ERR_NONE);
    struct str yanked = line(f);
    assert_true(str_find_str(yanked, STR("\"yanked\":true,")) != STR_NPOS);
    assert_int_equal(yanked.n + 1, before.n);
    assert_int_equal(set_yanked(f, &f->anna, "my_crate", "1.0.0+b", false).kind, ERR_NONE);
    assert_true(str_eq(line(f), before));
}

/* The clock of the publish was ahead; a yank by a right clock must not let the next one go back. */
static void a_yank_does_not_let_publish_times_go_back(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    assert_int_equal(db_script(f->t->reg->db, "UPDATE crate SET updated = 4102444800", &e), 0);
    assert_int_equal(set_yanked(f, &f->anna, "my_crate", "1.0.0", true).kind, ERR_NONE);
    assert_int_equal(temp_registry_publish(f->t, &f->anna, "My-Crate", "1.1.0").kind, ERR_NONE);
    assert_true(str_find_str(line(f), STR("2100-01-01T00:00:00Z")) != STR_NPOS);
}

static void a_yank_may_come_twice(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(set_yanked(f, &f->anna, "My-Crate", "1.0.0+b", true).kind, ERR_NONE);
    struct str yanked = line(f);
    assert_int_equal(set_yanked(f, &f->anna, "My-Crate", "1.0.0+b", true).kind, ERR_NONE);
    assert_true(str_eq(line(f), yanked));
}

static void a_yank_of_nothing_says_what_is_missing(void **state)
{
    static const struct {
        const char *name, *version;
        enum err_kind kind;
        const char *phrase;
    } rows[] = {
        { "other", "1.0.0", ERR_NOT_FOUND, "no crate `other`" },
        { "my-crate", "2.0.0", ERR_NOT_FOUND, "crate `My-Crate` has no version `2.0.0`" },
        { "my-crate", "1.0", ERR_INVALID, "`1.0` is not a version" },
        { "my crate", "1.0.0", ERR_INVALID, "" },
        { "", "1.0.0", ERR_INVALID, "" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = set_yanked(f, &f->anna, rows[i].name, rows[i].version, true);
        assert_int_equal(e.kind, rows[i].kind);
        if (!strstr(e.text, rows[i].phrase))
            fail_msg("%s", e.text);
    }
}

static void a_stranger_may_not_yank(void **state)
{
    struct fixture *f = *state;
    struct str before = line(f);
    assert_int_equal(set_yanked(f, &f->bob, "my-crate", "1.0.0", true).kind, ERR_FORBIDDEN);
    assert_true(str_eq(line(f), before));
}

static struct str shown_max(struct fixture *f)
{
    json_t *j AUTO_JSON = NULL;
    struct str shown =
        temp_registry_admin(f->t, "{\"do\":\"crate-show\",\"name\":\"my_crate\"}", ERR_NONE);
    assert_int_equal(json_read(shown, &j, NULL), 0);
    return arena_str(f->t->arena, json_str(json_object_get(j, "max_version")));
}

static void the_highest_version_is_the_highest_not_yanked(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(temp_registry_publish(f->t, &f->anna, "My-Crate", "1.10.0").kind, ERR_NONE);
    assert_int_equal(temp_registry_publish(f->t, &f->anna, "My-Crate", "1.9.0").kind, ERR_NONE);
    assert_true(str_eq(shown_max(f), STR("1.10.0")));
    assert_int_equal(set_yanked(f, &f->anna, "my-crate", "1.10.0", true).kind, ERR_NONE);
    assert_true(str_eq(shown_max(f), STR("1.9.0")));
    assert_int_equal(set_yanked(f, &f->anna, "my-crate", "1.9.0", true).kind, ERR_NONE);
    assert_int_equal(set_yanked(f, &f->anna, "my-crate", "1.0.0", true).kind, ERR_NONE);
    assert_true(str_eq(shown_max(f), STR("0.0.0")));
    assert_int_equal(set_yanked(f, &f->anna, "my-crate", "1.9.0", false).kind, ERR_NONE);
    assert_true(str_eq(shown_max(f), STR("1.9.0")));
}

/* "0.0.0" stands for none: a version below it must still show. */
static void a_first_version_below_0_0_0_is_the_highest(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(set_yanked(f, &f->anna, "my-crate", "1.0.0", true).kind, ERR_NONE);
    assert_int_equal(
        temp_registry_publish(f->t, &f->anna, "My-Crate", "0.0.0-alpha").kind, ERR_NONE);
    assert_true(str_eq(shown_max(f), STR("0.0.0-alpha")));
}

/* ---- owners ---- */

static struct err change_owners(
    struct fixture *f, const struct caller *c, const char *key, bool add)
{
    struct outcome o = { .over = false };
    struct str keys[] = { str_from(key) };
    struct owners_request q = { .name = STR("my_crate"), .keys = keys, .n = 1, .add = add };
    owners_change(f->t->reg, c, &q, on_done, &o);
    temp_registry_wait(f->t, &o.over);
    return o.err;
}

static void an_owner_who_was_added_may_publish_and_one_removed_may_not(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(temp_registry_publish(f->t, &f->bob, "My-Crate", "1.0.1").kind, ERR_FORBIDDEN);
    assert_int_equal(change_owners(f, &f->anna, "local:bob", true).kind, ERR_NONE);
    assert_int_equal(temp_registry_publish(f->t, &f->bob, "My-Crate", "1.0.1").kind, ERR_NONE);
    assert_int_equal(change_owners(f, &f->bob, "local:anna", false).kind, ERR_NONE);
    assert_int_equal(
        temp_registry_publish(f->t, &f->anna, "My-Crate", "1.0.2").kind, ERR_FORBIDDEN);
    temp_registry_reopen(f->t);
    assert_int_equal(
        temp_registry_publish(f->t, &f->anna, "My-Crate", "1.0.2").kind, ERR_FORBIDDEN);
}

static void a_change_of_owners_that_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *key;
        bool add;
        const char *phrase;
    } rows[] = {
        { "local:anna", false, "would be left without an owner" },
        { "local:anna", true, "owns `my_crate` already" },
        { "local:bob", false, "does not own" },
        { "local:carl", true, "is not known here" },
        { "local:carl", false, "does not own" },
        { "ben@corp.test", true, "ask them to open /me once" },
        { "ben@corp.test", false, "does not own" },
        { "bob", true, "such as local:bob" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = change_owners(f, &f->anna, rows[i].key, rows[i].add);
        assert_int_equal(e.kind, ERR_INVALID);
        if (!strstr(e.text, rows[i].phrase))
            fail_msg("%s", e.text);
    }
    assert_int_equal(change_owners(f, &f->bob, "local:bob", true).kind, ERR_FORBIDDEN);
    /* All of that left no trace: anna alone owns it. */
    assert_int_equal(temp_registry_publish(f->t, &f->bob, "My-Crate", "1.0.1").kind, ERR_FORBIDDEN);
    assert_int_equal(temp_registry_publish(f->t, &f->anna, "My-Crate", "1.0.1").kind, ERR_NONE);
}

static void a_name_that_is_blocked_becomes_no_owner_whomever_it_acts_as(void **state)
{
    struct fixture *f = *state;
    (void)temp_registry_caller(f->t, "carl");
    (void)temp_registry_admin(
        f->t, "{\"do\":\"principal-link\",\"old\":\"carl\",\"new\":\"bob\"}", ERR_NONE);
    (void)temp_registry_admin(f->t, "{\"do\":\"principal-block\",\"name\":\"carl\"}", ERR_NONE);
    struct err e = change_owners(f, &f->anna, "local:carl", true);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_non_null(strstr(e.text, "blocked"));
    assert_int_equal(change_owners(f, &f->anna, "local:bob", true).kind, ERR_NONE);
}

/* ---- administration ---- */

static void a_request_that_is_not_understood_widens_nothing(void **state)
{
    static const struct {
        const char *request;
        enum err_kind kind;
    } rows[] = {
        { "", ERR_INVALID },
        { "[]", ERR_INVALID },
        { "{}", ERR_INVALID },
        { "{\"do\":\"x\"}", ERR_INVALID },
        { "{\"do\":1}", ERR_INVALID },
        { "{\"do\":\"token-new\"}", ERR_USAGE },
        { "{\"do\":\"token-new\",\"name\":7}", ERR_USAGE },
        { "{\"do\":\"token-new\",\"name\":\"a b\"}", ERR_USAGE },
        { "{\"do\":\"token-new\",\"name\":\"-a\"}", ERR_USAGE },
        { "{\"do\":\"token-new\",\"name\":\"local:a b\"}", ERR_USAGE },
        { "{\"do\":\"token-new\",\"name\":\"x@corp.test\"}", ERR_NOT_FOUND },
        { "{\"do\":\"token-new\",\"name\":\"x\",\"from\":\"home\"}", ERR_USAGE },
        { "{\"do\":\"token-new\",\"name\":\"x\",\"scopes\":[\"root\"]}", ERR_USAGE },
        { "{\"do\":\"token-new\",\"name\":\"x\",\"scopes\":\"read\"}", ERR_USAGE },
        { "{\"do\":\"token-new\",\"name\":\"x\",\"scopes\":[7]}", ERR_USAGE },
        { "{\"do\":\"token-new\",\"name\":\"x\",\"scope\":[\"read\"]}", ERR_USAGE },
        { "{\"do\":\"token-new\",\"name\":\"x\",\"crates\":\"acme\"}", ERR_USAGE },
        { "{\"do\":\"token-new\",\"name\":\"x\",\"crates\":[\"a*b\"]}", ERR_INVALID },
        { "{\"do\":\"token-new\",\"name\":\"x\",\"crates\":[7]}", ERR_INVALID },
        { "{\"do\":\"token-new\",\"name\":\"x\",\"days\":0}", ERR_USAGE },
        { "{\"do\":\"token-new\",\"name\":\"x\",\"days\":366}", ERR_USAGE },
        { "{\"do\":\"token-new\",\"name\":\"x\",\"days\":\"9\"}", ERR_USAGE },
        { "{\"do\":\"token-revoke\"}", ERR_NOT_FOUND },
        { "{\"do\":\"token-list\",\"all\":true}", ERR_USAGE },
        { "{\"do\":\"crate-show\",\"name\":\"none\"}", ERR_NOT_FOUND },
    };
    struct fixture *f = *state;
    struct str before = temp_registry_admin(f->t, "{\"do\":\"token-list\"}", ERR_NONE);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)temp_registry_admin(f->t, rows[i].request, rows[i].kind);
        struct str after = temp_registry_admin(f->t, "{\"do\":\"token-list\"}", ERR_NONE);
        assert_true(str_eq(before, after));
    }
}

static void a_revoked_token_is_dead_at_once(void **state)
{
    struct fixture *f = *state;
    struct str revoke =
        arena_printf(f->t->arena, "{\"do\":\"token-revoke\",\"id\":%u}", f->bob.token);
    (void)temp_registry_admin(f->t, revoke.p, ERR_NONE);
    assert_int_equal(temp_registry_publish(f->t, &f->bob, "b", "1.0.0").kind, ERR_UNAUTHORIZED);
    (void)temp_registry_admin(f->t, revoke.p, ERR_NONE); /* again: fine */
}

static size_t count_word(struct str s, struct str word)
{
    size_t n = 0, at;
    for (; (at = str_find_str(s, word)) != STR_NPOS; n++)
        s = str_skip(s, at + word.n);
    return n;
}

static void a_secret_is_shown_once(void **state)
{
    struct fixture *f = *state;
    struct str list = temp_registry_admin(f->t, "{\"do\":\"token-list\"}", ERR_NONE);
    assert_int_equal(count_word(list, STR("\"account\":\"local:anna\"")), 1);
    assert_true(str_find_str(list, STR("sgp_")) == STR_NPOS);
}

static void a_new_token_does_not_unblock_its_principal(void **state)
{
    struct fixture *f = *state;
    struct caller c;
    struct access_door door = { .anonymous_read = true };
    json_t *j AUTO_JSON = NULL;
    struct access_principal bob = {
        .id = f->bob.principal, .key = STR("local:bob"), .blocked = true
    };
    access_put_principal(f->t->reg->access, &bob);
    struct str made =
        temp_registry_admin(f->t, "{\"do\":\"token-new\",\"name\":\"bob\"}", ERR_NONE);
    assert_int_equal(json_read(made, &j, NULL), 0);
    struct str token = json_str(json_object_get(j, "token"));
    assert_int_equal(
        access_identify(f->t->reg->access, &door, NULL, token, clock_wall_s(), &c, NULL), -1);
}

/* ---- rebuild-index ---- */

static void count_report(void *ctx, struct str crate, struct str version)
{
    (void)crate;
    (void)version;
    ++*(int *)ctx;
}

/* Opens the folder as the command line does, spoils one line and one file, and mends them. */
static void a_rebuild_finds_the_same_bytes(void **state)
{
    struct fixture *f = *state;
    struct rebuild_result r;
    int n = 0;
    struct str want = line(f);
    struct db *d = f->t->reg->db; /* nobody writes meanwhile */
    temp_registry_settle(f->t);
    assert_int_equal(rebuild_index(d, false, count_report, &n, &r, NULL), 0);
    assert_int_equal(n, 0);
    assert_int_equal(r.n_different, 0);
    assert_int_equal(r.n_versions, 1);

    assert_int_equal(db_begin(d, NULL), 0);
    assert_int_equal(meta_version_set_yanked(d, 1, false, STR("{}\n"), NULL), 0);
    assert_int_equal(db_commit(d, NULL), 0);
    assert_int_equal(rebuild_index(d, false, count_report, &n, &r, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(rebuild_index(d, true, count_report, &n, &r, NULL), 0);
    assert_int_equal(rebuild_index(d, false, count_report, &n, &r, NULL), 0);
    assert_int_equal(r.n_different, 0);
    temp_registry_reopen(f->t);
    assert_true(str_eq(line(f), want));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_yank_flips_one_word_and_an_unyank_flips_it_back),
        T(a_yank_does_not_let_publish_times_go_back),
        T(a_yank_may_come_twice),
        T(a_yank_of_nothing_says_what_is_missing),
        T(a_stranger_may_not_yank),
        T(the_highest_version_is_the_highest_not_yanked),
        T(a_first_version_below_0_0_0_is_the_highest),
        T(an_owner_who_was_added_may_publish_and_one_removed_may_not),
        T(a_change_of_owners_that_cannot_be_is_refused),
        T(a_name_that_is_blocked_becomes_no_owner_whomever_it_acts_as),
        T(a_request_that_is_not_understood_widens_nothing),
        T(a_revoked_token_is_dead_at_once),
        T(a_secret_is_shown_once),
        T(a_new_token_does_not_unblock_its_principal),
        T(a_rebuild_finds_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
