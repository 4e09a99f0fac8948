#include "registry/principals.h"

#include "base/json.h"
#include "registry/own_tokens.h"
#include "support/temp_registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define CONTROL STR("https://controlplane.tailscale.com")

static int setup(void **state)
{
    *state = temp_registry_new();
    return 0;
}

static int teardown(void **state)
{
    temp_registry_free(*state);
    return 0;
}

/* ---- people and machines ---- */

static struct identity *person(struct temp_registry *t, const char *login, int64_t id)
{
    struct identity *peer = ARENA_NEW(t->arena, struct identity);
    peer->kind = IDENTITY_PERSON;
    peer->keys = arena_array(t->arena, 1, sizeof(struct str));
    peer->keys[0] = str_from(login);
    peer->n_keys = 1;
    peer->control = CONTROL;
    peer->user_id = id;
    peer->node = STR("laptop.rig.test");
    peer->stable_id = STR("n1");
    peer->address = STR("100.64.0.7");
    capability_parse(
        t->arena, STR("[{\"do\":[\"publish\"],\"crates\":[\"*\"]}]"), &peer->capability);
    return peer;
}

static struct identity *tagged(struct temp_registry *t)
{
    struct identity *peer = person(t, "tag:ci", 0);
    peer->kind = IDENTITY_TAGGED;
    peer->keys = arena_array(t->arena, 2, sizeof(struct str));
    peer->keys[0] = STR("tag:ci");
    peer->keys[1] = STR("tag:deploy");
    peer->n_keys = 2;
    return peer;
}

struct end {
    bool over;
    struct err err;
};

static void on_end(void *ctx, const struct err *e)
{
    struct end *end = ctx;
    end->err = *e;
    end->over = true;
}

static struct err bind(struct temp_registry *t, const struct identity *peer)
{
    struct end end = { .over = false };
    principals_bind(t->reg, peer, on_end, &end);
    temp_registry_wait(t, &end.over);
    return end.err;
}

static struct caller caller_of(struct temp_registry *t, const struct identity *peer)
{
    struct access_peer says = { peer, NULL };
    struct access_door door = { .identity = LISTEN_TAILSCALE };
    struct caller c;
    assert_int_equal(
        access_identify(t->reg->access, &door, &says, STR("tailscale"), clock_wall_s(), &c, NULL),
        0);
    return c;
}

static struct caller seen(struct temp_registry *t, const struct identity *peer)
{
    struct err e = bind(t, peer);
    if (e.kind != ERR_NONE)
        fail_msg("%s", e.text);
    return caller_of(t, peer);
}

static bool has(struct str text, const char *part)
{
    return str_find_str(text, str_from(part)) != STR_NPOS;
}

static struct str admin(struct temp_registry *t, const char *request)
{
    return temp_registry_admin(t, request, ERR_NONE);
}

/* ---- first sights ---- */

static void a_person_is_bound_at_first_sight(void **state)
{
    struct temp_registry *t = *state;
    struct identity *anna = person(t, "anna@corp.test", 7);
    enum access_sight sight;
    assert_int_equal(access_sight(t->reg->access, anna, &sight, NULL), 0);
    assert_int_equal(sight, ACCESS_UNSEEN);
    assert_int_equal(bind(t, anna).kind, ERR_NONE);
    assert_int_equal(access_sight(t->reg->access, anna, &sight, NULL), 0);
    assert_int_equal(sight, ACCESS_KNOWN);
    temp_registry_reopen(t); /* and for good */
    assert_int_equal(access_sight(t->reg->access, anna, &sight, NULL), 0);
    assert_int_equal(sight, ACCESS_KNOWN);
    struct str shown = admin(t, "{\"do\":\"principal-show\",\"name\":\"anna@corp.test\"}");
    assert_true(has(shown, "\"person\":true"));
}

static void a_second_sight_leaves_nothing(void **state)
{
    struct temp_registry *t = *state;
    (void)seen(t, person(t, "anna@corp.test", 7));
    (void)seen(t, person(t, "anna@corp.test", 7));
    struct str log = admin(t, "{\"do\":\"audit\"}");
    assert_true(has(log, "principal-new") && has(log, "\"number\":1,"));
    assert_false(has(log, "\"number\":2,"));
}

static void each_tag_of_a_machine_is_a_principal(void **state)
{
    struct temp_registry *t = *state;
    struct caller ci = seen(t, tagged(t));
    assert_int_not_equal(access_principal_id(t->reg->access, STR("tag:ci")), 0);
    assert_int_not_equal(access_principal_id(t->reg->access, STR("tag:deploy")), 0);
    assert_int_equal(ci.principal, access_principal_id(t->reg->access, STR("tag:ci")));
}

static void somebody_else_with_that_login_is_not_bound(void **state)
{
    struct temp_registry *t = *state;
    (void)seen(t, person(t, "anna@corp.test", 7));
    assert_int_equal(bind(t, person(t, "anna@corp.test", 8)).kind, ERR_FORBIDDEN);
    assert_int_equal(bind(t, person(t, "anna@new.test", 7)).kind, ERR_FORBIDDEN);
}

/* ---- what they do ---- */

static void a_publish_is_logged_with_node_address_and_grant(void **state)
{
    struct temp_registry *t = *state;
    struct caller anna = seen(t, person(t, "anna@corp.test", 7));
    assert_int_equal(temp_registry_publish(t, &anna, "acme", "1.0.0").kind, ERR_NONE);
    struct str log = admin(t, "{\"do\":\"audit\",\"crate\":\"Acme\",\"by\":\"laptop.rig.test\"}");
    static const char *const parts[] = { "\"what\":\"publish\"", "\"principal\":\"anna@corp.test\"",
        "\"node\":\"laptop.rig.test\"", "\"node_id\":\"n1\"", "\"address\":\"100.64.0.7\"",
        "\"grant\":\"tailnet policy, object 1\"" };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (!has(log, parts[i]))
            fail_msg("%s is not in %.*s", parts[i], STR_ARG(log));
    }
    assert_false(has(admin(t, "{\"do\":\"audit\",\"by\":\"ben@corp.test\"}"), "publish"));
}

static void what_a_machine_publishes_is_of_all_its_tags(void **state)
{
    struct temp_registry *t = *state;
    struct caller ci = seen(t, tagged(t));
    size_t n;
    assert_int_equal(temp_registry_publish(t, &ci, "acme", "1.0.0").kind, ERR_NONE);
    (void)access_owners(t->reg->access, STR("acme"), &n);
    assert_int_equal(n, 2);
    struct str log = admin(t, "{\"do\":\"audit\",\"by\":\"tag:deploy\",\"crate\":\"acme\"}");
    assert_true(has(log, "\"principal\":\"tag:ci,tag:deploy\""));
    assert_true(has(log, "\"tags\":[\"tag:ci\",\"tag:deploy\"]"));
}

/* ---- who is who ---- */

static void a_link_hands_over_crates_and_tokens_and_the_name(void **state)
{
    struct temp_registry *t = *state;
    struct caller old = temp_registry_caller(t, "anna");
    assert_int_equal(temp_registry_publish(t, &old, "acme", "1.0.0").kind, ERR_NONE);
    struct caller anna = seen(t, person(t, "anna@corp.test", 7));
    (void)admin(t, "{\"do\":\"principal-link\",\"old\":\"anna\",\"new\":\"anna@corp.test\"}");
    assert_true(access_is_owner(t->reg->access, &anna, STR("acme")));
    assert_true(access_is_owner(t->reg->access, &old, STR("acme"))); /* its token is hers now */
    assert_int_equal(temp_registry_publish(t, &anna, "acme", "1.1.0").kind, ERR_NONE);
    assert_int_equal(temp_registry_publish(t, &old, "acme", "1.2.0").kind, ERR_NONE);
    assert_int_equal(
        access_acting_id(t->reg->access, STR("local:anna")), caller_of(t, anna.peer).principal);
}

/* An upload that was under way when the link came. */
static void who_was_let_in_before_a_link_acts_as_the_other(void **state)
{
    struct temp_registry *t = *state;
    struct caller old = temp_registry_caller(t, "anna");
    struct caller anna = seen(t, person(t, "anna@corp.test", 7));
    (void)admin(t, "{\"do\":\"principal-link\",\"old\":\"anna\",\"new\":\"anna@corp.test\"}");
    assert_int_equal(temp_registry_publish(t, &old, "acme", "1.0.0").kind, ERR_NONE);
    assert_true(access_is_owner(t->reg->access, &anna, STR("acme")));
    assert_true(
        has(admin(t, "{\"do\":\"audit\",\"crate\":\"acme\"}"), "\"principal\":\"anna@corp.test\""));
}

static void links_do_not_chain(void **state)
{
    struct temp_registry *t = *state;
    (void)temp_registry_caller(t, "a");
    (void)temp_registry_caller(t, "b");
    (void)temp_registry_caller(t, "c");
    (void)admin(t, "{\"do\":\"principal-link\",\"old\":\"a\",\"new\":\"b\"}");
    (void)admin(t, "{\"do\":\"principal-link\",\"old\":\"b\",\"new\":\"c\"}");
    uint32_t c = access_principal_id(t->reg->access, STR("local:c"));
    assert_int_equal(access_acting_id(t->reg->access, STR("local:a")), c);
    assert_int_equal(access_acting_id(t->reg->access, STR("local:b")), c);
    (void)temp_registry_admin(
        t, "{\"do\":\"principal-link\",\"old\":\"c\",\"new\":\"a\"}", ERR_CONFLICT);
    (void)temp_registry_admin(
        t, "{\"do\":\"principal-link\",\"old\":\"c\",\"new\":\"c\"}", ERR_CONFLICT);
}

static void a_block_is_known_to_loop_and_writer(void **state)
{
    struct temp_registry *t = *state;
    struct caller anna = seen(t, person(t, "anna@corp.test", 7));
    (void)admin(t, "{\"do\":\"principal-block\",\"name\":\"anna@corp.test\"}");
    assert_int_equal(access_still(t->reg->access, &anna, 0, NULL), -1);
    assert_int_equal(temp_registry_publish(t, &anna, "acme", "1.0.0").kind, ERR_FORBIDDEN);
    (void)admin(t, "{\"do\":\"principal-unblock\",\"name\":\"anna@corp.test\"}");
    assert_int_equal(temp_registry_publish(t, &anna, "acme", "1.0.0").kind, ERR_NONE);
}

static void a_new_login_keeps_what_was_theirs(void **state)
{
    struct temp_registry *t = *state;
    struct caller anna = seen(t, person(t, "anna@old.test", 7));
    assert_int_equal(temp_registry_publish(t, &anna, "acme", "1.0.0").kind, ERR_NONE);
    (void)admin(
        t, "{\"do\":\"principal-rebind\",\"name\":\"anna@old.test\",\"login\":\"anna@new.test\"}");
    struct caller renamed = seen(t, person(t, "anna@new.test", 7));
    assert_int_equal(renamed.principal, anna.principal);
    assert_true(access_is_owner(t->reg->access, &renamed, STR("acme")));
    struct caller ben = seen(t, person(t, "ben@corp.test", 8));
    (void)ben;
    (void)temp_registry_admin(t,
        "{\"do\":\"principal-rebind\",\"name\":\"anna@new.test\",\"login\":\"ben@corp.test\"}",
        ERR_CONFLICT);
}

static void one_who_is_removed_leaves_all_to_the_heir(void **state)
{
    struct temp_registry *t = *state;
    struct caller anna = seen(t, person(t, "anna@corp.test", 7));
    struct caller ben = seen(t, person(t, "ben@corp.test", 8));
    assert_int_equal(temp_registry_publish(t, &anna, "acme", "1.0.0").kind, ERR_NONE);
    (void)admin(
        t, "{\"do\":\"principal-remove\",\"name\":\"anna@corp.test\",\"to\":\"ben@corp.test\"}");
    assert_true(access_is_owner(t->reg->access, &ben, STR("acme")));
    assert_int_equal(access_still(t->reg->access, &anna, 0, NULL), -1);
    (void)temp_registry_admin(t,
        "{\"do\":\"principal-remove\",\"name\":\"ben@corp.test\",\"to\":\"anna@corp.test\"}",
        ERR_CONFLICT);
}

static void nothing_goes_to_one_who_may_not_have_it(void **state)
{
    static const char *const heirs[] = { "gone", "linked-to-gone", "blocked" };
    struct temp_registry *t = *state;
    struct caller dora = temp_registry_caller(t, "dora");
    assert_int_equal(temp_registry_publish(t, &dora, "acme", "1.0.0").kind, ERR_NONE);
    (void)temp_registry_caller(t, "ben");
    for (size_t i = 0; i < ARRAY_LEN(heirs); i++)
        (void)temp_registry_caller(t, heirs[i]);
    (void)admin(t, "{\"do\":\"principal-link\",\"old\":\"linked-to-gone\",\"new\":\"gone\"}");
    (void)admin(t, "{\"do\":\"principal-remove\",\"name\":\"gone\",\"to\":\"ben\"}");
    (void)admin(t, "{\"do\":\"principal-block\",\"name\":\"blocked\"}");
    for (size_t i = 0; i < ARRAY_LEN(heirs); i++) {
        struct str request = arena_printf(
            t->arena, "{\"do\":\"principal-remove\",\"name\":\"dora\",\"to\":\"%s\"}", heirs[i]);
        (void)temp_registry_admin(t, request.p, ERR_CONFLICT);
        request = arena_printf(
            t->arena, "{\"do\":\"principal-link\",\"old\":\"dora\",\"new\":\"%s\"}", heirs[i]);
        (void)temp_registry_admin(t, request.p, ERR_CONFLICT);
    }
    assert_int_equal(temp_registry_publish(t, &dora, "acme", "1.1.0").kind, ERR_NONE);
}

static void a_person_is_rebound_to_a_login_alone(void **state)
{
    static const char *const others[] = { "tag:ci", "local:anna", "header:anna", "self",
        "ktra-secure-auth:anna", "shared:" };
    struct temp_registry *t = *state;
    (void)seen(t, person(t, "anna@corp.test", 7));
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct str request = arena_printf(t->arena,
            "{\"do\":\"principal-rebind\",\"name\":\"anna@corp.test\",\"login\":\"%s\"}",
            others[i]);
        (void)temp_registry_admin(t, request.p, ERR_USAGE);
    }
    (void)admin(t, "{\"do\":\"principal-rebind\",\"name\":\"anna@corp.test\",\"login\":"
                   "\"shared:anna@corp.test\"}");
}

/* ---- tokens that an admin makes ---- */

static void a_token_for_a_person_is_short_and_bound_to_their_nodes(void **state)
{
    static const struct {
        const char *name, *from;
        enum err_kind after_a_year;
        const char *note;
    } rows[] = {
        { "bob", "any", ERR_NONE, NULL },
        { "tag:ci", "own", ERR_NONE, "does not count for this token\"" },
        { "header:anna", "own", ERR_USAGE, NULL },
        { "anna@corp.test", "own", ERR_USAGE, "made on /me carries a copy" },
        { "anna", "own", ERR_USAGE, "made on /me carries a copy" }, /* who is a person now */
    };
    struct temp_registry *t = *state;
    (void)seen(t, person(t, "anna@corp.test", 7));
    (void)temp_registry_caller(t, "anna");
    (void)admin(t, "{\"do\":\"principal-link\",\"old\":\"anna\",\"new\":\"anna@corp.test\"}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str request = arena_printf(
            t->arena, "{\"do\":\"token-new\",\"name\":\"%s\",\"days\":365}", rows[i].name);
        (void)temp_registry_admin(t, request.p, rows[i].after_a_year);
        request = arena_printf(
            t->arena, "{\"do\":\"token-new\",\"name\":\"%s\",\"days\":90}", rows[i].name);
        struct str made = admin(t, request.p);
        struct str from = arena_printf(t->arena, "\"from\":\"%s\"", rows[i].from);
        if (!has(made, from.p) || has(made, "\"note\"") != (rows[i].note != NULL) ||
            (rows[i].note && !has(made, rows[i].note)))
            fail_msg("%s: %.*s", rows[i].name, STR_ARG(made));
    }
    (void)temp_registry_admin(
        t, "{\"do\":\"token-new\",\"name\":\"ben@corp.test\"}", ERR_NOT_FOUND);
}

static void one_who_is_gone_gets_no_token_by_another_name(void **state)
{
    struct temp_registry *t = *state;
    (void)temp_registry_caller(t, "old");
    (void)temp_registry_caller(t, "new");
    (void)temp_registry_caller(t, "heir");
    (void)admin(t, "{\"do\":\"principal-link\",\"old\":\"old\",\"new\":\"new\"}");
    (void)admin(t, "{\"do\":\"principal-remove\",\"name\":\"new\",\"to\":\"heir\"}");
    (void)temp_registry_admin(t, "{\"do\":\"token-new\",\"name\":\"old\"}", ERR_CONFLICT);
}

/* ---- tokens of one's own ---- */

struct made {
    bool over;
    struct err err;
    struct str token;
    int64_t id;
    struct arena *arena;
};

static void on_made(void *ctx, const struct err *e, struct str token, int64_t id)
{
    struct made *m = ctx;
    m->err = *e;
    m->token = arena_str(m->arena, token);
    m->id = id;
    m->over = true;
}

static struct made make(
    struct temp_registry *t, const struct caller *c, const struct own_token_request *q)
{
    struct made m = { .arena = t->arena };
    own_token_new(t->reg, c, q, on_made, &m);
    temp_registry_wait(t, &m.over);
    return m;
}

static const struct own_token_request usual = {
    .name = { "laptop", 6 }, .crates = { "Acme-* tools", 12 }, .days = 30
};

static void a_person_makes_a_token_that_carries_what_the_policy_gave(void **state)
{
    struct temp_registry *t = *state;
    struct identity *peer = person(t, "anna@corp.test", 7);
    struct caller anna = seen(t, peer), by_token;
    struct made m = make(t, &anna, &usual);
    assert_int_equal(m.err.kind, ERR_NONE);
    struct access_peer says = { peer, NULL };
    struct access_door door = { .identity = LISTEN_TAILSCALE };
    assert_int_equal(
        access_identify(t->reg->access, &door, &says, m.token, clock_wall_s(), &by_token, NULL), 0);
    assert_int_equal(by_token.principal, anna.principal);
    assert_int_equal(
        access_may(t->reg->access, &by_token, RIGHT_PUBLISH_NEW, STR("acme_core"), NULL), 0);
    assert_int_equal(
        access_may(t->reg->access, &by_token, RIGHT_PUBLISH_NEW, STR("other"), NULL), -1);
}

static void what_is_no_token_is_refused(void **state)
{
    static const struct own_token_request rows[] = {
        { .days = 0 },
        { .days = 91 },
        { .days = 1, .crates = { "a*b", 3 } },
        { .days = 1, .from = { "home", 4 } },
        { .days = 1,
            .name = { "12345678901234567890123456789012345678901234567890123456789012345", 65 } },
    };
    struct temp_registry *t = *state;
    struct caller anna = seen(t, person(t, "anna@corp.test", 7));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(make(t, &anna, &rows[i]).err.kind, ERR_INVALID);
}

static void machines_and_tokens_make_none(void **state)
{
    struct temp_registry *t = *state;
    struct caller ci = seen(t, tagged(t)), account = temp_registry_caller(t, "bob");
    assert_int_equal(make(t, &ci, &usual).err.kind, ERR_FORBIDDEN);
    assert_int_equal(make(t, &account, &usual).err.kind, ERR_FORBIDDEN);
}

static void one_ends_ones_own_tokens_alone(void **state)
{
    struct temp_registry *t = *state;
    struct caller anna = seen(t, person(t, "anna@corp.test", 7));
    struct caller ben = seen(t, person(t, "ben@corp.test", 8));
    struct made m = make(t, &anna, &usual);
    struct end end = { .over = false }, own = { .over = false };
    own_token_revoke(t->reg, &ben, m.id, on_end, &end);
    temp_registry_wait(t, &end.over);
    assert_int_equal(end.err.kind, ERR_NOT_FOUND);
    own_token_revoke(t->reg, &anna, m.id, on_end, &own);
    temp_registry_wait(t, &own.over);
    assert_int_equal(own.err.kind, ERR_NONE);
    assert_true(has(admin(t, "{\"do\":\"audit\"}"), "token-revoke"));
}

struct listed {
    bool over;
    size_t n;
    bool good;
};

static void on_listed(void *ctx, const struct err *e, const struct token_row *rows, size_t n)
{
    struct listed *l = ctx;
    l->n = n;
    l->good = e->kind == ERR_NONE &&
              (n == 0 || (str_eq(rows[0].name, STR("laptop")) && str_eq(rows[0].from, STR("own"))));
    l->over = true;
}

static void one_sees_ones_own_tokens(void **state)
{
    struct temp_registry *t = *state;
    struct caller anna = seen(t, person(t, "anna@corp.test", 7));
    struct caller ben = seen(t, person(t, "ben@corp.test", 8));
    struct listed hers = { .over = false }, his = { .over = false };
    (void)make(t, &anna, &usual);
    own_tokens_list(t->reg, &anna, on_listed, &hers);
    own_tokens_list(t->reg, &ben, on_listed, &his);
    temp_registry_wait(t, &hers.over);
    temp_registry_wait(t, &his.over);
    assert_true(hers.good && hers.n == 1 && his.good && his.n == 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_person_is_bound_at_first_sight),
        T(a_second_sight_leaves_nothing),
        T(each_tag_of_a_machine_is_a_principal),
        T(somebody_else_with_that_login_is_not_bound),
        T(a_publish_is_logged_with_node_address_and_grant),
        T(what_a_machine_publishes_is_of_all_its_tags),
        T(a_link_hands_over_crates_and_tokens_and_the_name),
        T(who_was_let_in_before_a_link_acts_as_the_other),
        T(links_do_not_chain),
        T(a_block_is_known_to_loop_and_writer),
        T(a_new_login_keeps_what_was_theirs),
        T(one_who_is_removed_leaves_all_to_the_heir),
        T(nothing_goes_to_one_who_may_not_have_it),
        T(a_person_is_rebound_to_a_login_alone),
        T(a_token_for_a_person_is_short_and_bound_to_their_nodes),
        T(one_who_is_gone_gets_no_token_by_another_name),
        T(a_person_makes_a_token_that_carries_what_the_policy_gave),
        T(what_is_no_token_is_refused),
        T(machines_and_tokens_make_none),
        T(one_ends_ones_own_tokens_alone),
        T(one_sees_ones_own_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
