/* What those may whom the network names: people, machines, guests, our own node, proxies' users. */
#include "support/access_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define ANNA "anna@corp.test"
#define BEN "ben@corp.test"
#define GUEST "shared:gina@elsewhere.test"
#define OBJECT(role, crate) "[{\"do\":[\"" role "\"],\"crates\":[\"" crate "\"]}]"

/* On a crate of another and on one that they own. */
static void has(struct world *w, const struct identity *peer, const char *other, const char *owned,
    const char *their_crate)
{
    struct caller c = world_caller(w, peer);
    char rights[RIGHTS + 1];
    world_rights(w, &c, "acme", rights);
    assert_string_equal(rights, other);
    world_rights(w, &c, their_crate, rights);
    assert_string_equal(rights, owned);
}

static void has_nothing(struct world *w, const struct identity *peer)
{
    has(w, peer, "", "", "orphan");
}

/* The table of docs/access.md, by letters. */
static const struct {
    const char *role, *other, *owned;
} roles[] = {
    { "none", "", "" },
    { "read", "r", "r" },
    { "publish", "rn", "rnuyo" },
    { "release", "ru", "ru" },
    { "maintain", "rnuy", "rnuy" },
    { "admin", "rnuyoa", "rnuyoa" },
};

static const char *object(struct world *w, const char *role)
{
    return arena_printf(w->arena, "[{\"do\":[\"%s\"],\"crates\":[\"*\"]}]", role).p;
}

/* ---- each source, for people and for machines ---- */

static void the_default_of_members_is_for_people(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        w->config.members = str_from(roles[i].role);
        world_load(w);
        has(w, world_peer(w, ANNA, NULL), roles[i].other, roles[i].owned, "mine");
        has_nothing(w, world_peer(w, "tag:ci", NULL));
        has_nothing(w, world_peer(w, "header:anna", NULL));
        has_nothing(w, world_peer(w, GUEST, NULL));
        has_nothing(w, world_peer(w, "self", NULL));
    }
}

static void the_default_of_tagged_is_for_machines(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        w->config.tagged = str_from(roles[i].role);
        world_load(w);
        has(w, world_peer(w, "tag:deploy", NULL), roles[i].other, roles[i].owned, "deployed");
        has_nothing(w, world_peer(w, ANNA, NULL));
        has_nothing(w, world_peer(w, "header:anna", NULL));
        has_nothing(w, world_peer(w, GUEST, NULL));
        has_nothing(w, world_peer(w, "self", NULL));
    }
}

static void a_grant_of_the_configuration_gives_each_role(void **state)
{
    struct world *w = *state;
    for (size_t i = 1; i < ARRAY_LEN(roles); i++) {
        w->config.n_grants = 0;
        world_grant(w, "anna@corp.test tag:deploy", roles[i].role, "*");
        world_load(w);
        has(w, world_peer(w, ANNA, NULL), roles[i].other, roles[i].owned, "mine");
        has(w, world_peer(w, "tag:deploy", NULL), roles[i].other, roles[i].owned, "deployed");
        has_nothing(w, world_peer(w, BEN, NULL));
        has_nothing(w, world_peer(w, "tag:ci", NULL));
    }
}

static void the_tailnets_policy_gives_each_role(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) { /* "none" is no role there: void */
        const char *capability = object(w, roles[i].role);
        has(w, world_peer(w, ANNA, capability), roles[i].other, roles[i].owned, "mine");
        has(w, world_peer(w, "tag:deploy", capability), roles[i].other, roles[i].owned, "deployed");
    }
}

static void the_tailnets_policy_bounds_what_may_be_changed_by_crate(void **state)
{
    struct world *w = *state;
    has(w, world_peer(w, ANNA, OBJECT("release", "ac*")), "ru", "r", "mine");
    has(w, world_peer(w, ANNA, OBJECT("publish", "mine")), "r", "rnuyo", "mine");
}

static void a_capability_is_for_its_connection_alone(void **state)
{
    struct world *w = *state;
    has(w, world_peer(w, ANNA, OBJECT("maintain", "*")), "rnuy", "rnuy", "mine");
    has_nothing(w, world_peer(w, ANNA, NULL));
    has_nothing(w, world_peer(w, ANNA, "[]"));
    has_nothing(w, world_peer(w, ANNA, "null"));
    has_nothing(w, world_peer(w, ANNA, "[{\"do\":[\"maintain\"],\"crate\":[\"*\"]}]"));
}

static void all_sources_are_united(void **state)
{
    struct world *w = *state;
    w->config.members = STR("publish");
    world_grant(w, ANNA, "release", "ac*");
    world_load(w);
    has(w, world_peer(w, ANNA, OBJECT("maintain", "mine")), "rnu", "rnuyo", "mine");
}

static void who_is_named_an_admin_may_everything(void **state)
{
    static const char *const names[] = { ANNA, "tag:ci", GUEST, "self", "header:anna" };
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        w->config.admins = world_list(w, names[i]);
        world_load(w);
        has(w, world_peer(w, names[i], NULL), "rnuyoa", "rnuyoa", "orphan");
        has_nothing(w, world_peer(w, BEN, NULL));
    }
}

/* ---- tags ---- */

static void a_machine_acts_for_all_its_tags(void **state)
{
    struct world *w = *state;
    world_grant(w, "tag:ci", "release", "acme");
    world_grant(w, "tag:deploy", "publish", "*");
    world_load(w);
    has(w, world_peer(w, "tag:ci", NULL), "ru", "r", "deployed");
    has(w, world_peer(w, "tag:deploy", NULL), "rn", "rnuyo", "deployed");
    has(w, world_peer(w, "tag:ci tag:deploy", NULL), "rnu", "rnuyo", "deployed");
    has(w, world_peer(w, "tag:ci tag:deploy tag:new", NULL), "rnu", "rnuyo", "deployed");
}

static void a_machine_owns_what_any_of_its_tags_owns(void **state)
{
    struct world *w = *state;
    struct caller c = world_caller(w, world_peer(w, "tag:ci tag:deploy", NULL));
    assert_true(access_is_owner(w->access, &c, STR("deployed")));
    assert_false(access_is_owner(w->access, &c, STR("acme")));
    c = world_caller(w, world_peer(w, "tag:ci", NULL));
    assert_false(access_is_owner(w->access, &c, STR("deployed")));
}

static void put_blocked(struct world *w, uint32_t id, const char *key, uint32_t link)
{
    struct access_principal p = { .id = id, .key = str_from(key), .blocked = true, .link = link };
    access_put_principal(w->access, &p);
}

static void a_machine_is_blocked_by_any_of_its_tags(void **state)
{
    const struct access_door door = { .identity = LISTEN_TAILSCALE };
    struct world *w = *state;
    struct caller c, before;
    w->config.tagged = STR("admin");
    world_load(w);
    const struct identity *both = world_peer(w, "tag:ci tag:deploy", NULL);
    assert_string_equal(world_comes(w, &door, both, "tailscale", &before), "");
    put_blocked(w, WORLD_DEPLOY, "tag:deploy", 0);
    assert_string_equal(world_comes(w, &door, both, "tailscale", &c), "F");
    assert_non_null(strstr(w->e.text, "tag:deploy is blocked"));
    assert_string_equal(world_comes(w, &door, both, NULL, &c), "F");
    assert_int_equal(access_still(w->access, &before, WORLD_NOW, NULL), -1);
    assert_string_equal(world_may(w, &before, RIGHT_READ, "acme"), "F");
    has(w, world_peer(w, "tag:ci", NULL), "rnuyoa", "rnuyoa", "orphan");
}

/* ---- guests, ourselves, a proxy's users ---- */

static void guests_and_our_own_node_get_nothing_from_the_policy(void **state)
{
    static const char *const names[] = { GUEST, "self" };
    struct world *w = *state;
    w->config.members = w->config.tagged = w->config.accounts = STR("admin");
    world_grant(w, "gina@elsewhere.test tag:ci shared:other@elsewhere.test", "admin", "*");
    world_load(w);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        has_nothing(w, world_peer(w, names[i], OBJECT("publish", "*")));
        has_nothing(w, world_peer(w, names[i], OBJECT("admin", "*")));
    }
}

static void guests_and_our_own_node_get_what_names_them_and_then_the_policys(void **state)
{
    static const char *const names[] = { GUEST, "self" };
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        w->config.n_grants = 0;
        world_grant(w, names[i], "read", "*");
        world_load(w);
        has(w, world_peer(w, names[i], NULL), "r", "r", "orphan");
        has(w, world_peer(w, names[i], OBJECT("release", "acme")), "ru", "r", "orphan");
    }
}

static void a_void_grant_names_nobody(void **state)
{
    struct world *w = *state;
    world_grant(w, "", "", "");
    w->grants[0].void_reason = STR("unknown key");
    world_load(w);
    has_nothing(w, world_peer(w, GUEST, OBJECT("publish", "*")));
}

static void a_proxys_user_gets_what_names_them(void **state)
{
    struct world *w = *state;
    world_grant(w, "header:anna", "publish", "*");
    world_load(w);
    world_put(w, 20, "header:anna", 0);
    access_put_owner(w->access, STR("theirs"), 20);
    has(w, world_peer(w, "header:anna", NULL), "rn", "rnuyo", "theirs");
    has_nothing(w, world_peer(w, "header:ben", NULL));
    has_nothing(w, world_peer(w, "header:anna@corp.test", NULL));
    has_nothing(w, world_peer(w, ANNA, NULL));
}

/* ---- links and blocks ---- */

static void put_linked(struct world *w, uint32_t id, const char *key, uint32_t to)
{
    struct access_principal p = { .id = id, .key = str_from(key), .link = to };
    access_put_principal(w->access, &p);
}

static void who_is_linked_acts_as_the_other(void **state)
{
    struct world *w = *state;
    world_grant(w, ANNA, "publish", "*");
    world_grant(w, "local:bob", "admin", "*");
    world_load(w);
    put_linked(w, 20, "header:anna", WORLD_ANNA);
    has(w, world_peer(w, "header:anna", NULL), "rn", "rnuyo", "mine");
    struct caller c = world_caller(w, world_peer(w, "header:anna", NULL));
    assert_int_equal(c.principal, WORLD_ANNA);
    assert_true(str_eq(access_caller_name(w->access, &c), STR(ANNA)));
    assert_int_equal(access_acting_id(w->access, STR("header:anna")), WORLD_ANNA);
    put_linked(w, WORLD_BOB, "local:bob", WORLD_ANNA); /* the old name's grants are gone with it */
    c = (struct caller){
        .kind = CALLER_PRINCIPAL, .principal = WORLD_BOB, .sent_credential = true
    };
    assert_string_equal(world_may(w, &c, RIGHT_ADMIN, NULL), "F");
    assert_string_equal(world_may(w, &c, RIGHT_YANK, "mine"), "");
}

static void a_token_of_who_is_linked_is_the_others(void **state)
{
    const struct access_door door = { .identity = LISTEN_NO_IDENTITY };
    struct world *w = *state;
    struct caller c;
    w->config.members = STR("publish");
    world_load(w);
    put_linked(w, WORLD_BOB, "local:bob", WORLD_ANNA);
    struct access_token t = world_token(w, WORLD_BOB, "any");
    access_put_token(w->access, &t);
    assert_string_equal(world_comes(w, &door, NULL, w->text, &c), "");
    assert_int_equal(c.principal, WORLD_ANNA);
    assert_string_equal(world_may(w, &c, RIGHT_YANK, "mine"), "");
    assert_string_equal(world_may(w, &c, RIGHT_YANK, "acme"), "F");
}

static void a_blocked_name_stays_blocked_whomever_it_acts_as(void **state)
{
    const struct access_door door = { .identity = LISTEN_TAILSCALE };
    struct world *w = *state;
    struct caller c;
    w->config.members = STR("admin");
    world_load(w);
    put_linked(w, WORLD_BEN, BEN, WORLD_ANNA);
    struct caller before = world_caller(w, world_peer(w, BEN, NULL));
    assert_string_equal(world_may(w, &before, RIGHT_YANK, "mine"), "");
    put_blocked(w, WORLD_BEN, BEN, WORLD_ANNA);
    assert_string_equal(world_comes(w, &door, world_peer(w, BEN, NULL), "tailscale", &c), "F");
    assert_string_equal(world_comes(w, &door, world_peer(w, BEN, NULL), NULL, &c), "F");
    assert_int_equal(access_still(w->access, &before, WORLD_NOW, NULL), -1);
    assert_string_equal(world_may(w, &before, RIGHT_READ, "mine"), "F");
    has(w, world_peer(w, ANNA, NULL), "rnuyoa", "rnuyoa", "mine");
}

static void who_acts_as_somebody_blocked_is_blocked(void **state)
{
    const struct access_door door = { .identity = LISTEN_TAILSCALE };
    struct world *w = *state;
    struct caller c;
    put_linked(w, WORLD_BEN, BEN, WORLD_ANNA);
    put_blocked(w, WORLD_ANNA, ANNA, 0);
    assert_string_equal(world_comes(w, &door, world_peer(w, BEN, NULL), "tailscale", &c), "F");
    assert_non_null(strstr(w->e.text, ANNA " is blocked"));
}

static void a_peer_without_a_row_is_blocked_by_nothing_and_may_what_names_them(void **state)
{
    struct world *w = *state;
    w->config.members = STR("publish");
    world_grant(w, "new@corp.test", "release", "*");
    world_load(w);
    struct caller c = world_caller(w, world_peer(w, "new@corp.test", NULL));
    assert_int_equal(c.kind, CALLER_PRINCIPAL);
    assert_int_equal(c.principal, 0);
    assert_true(str_eq(access_caller_name(w->access, &c), STR("new@corp.test")));
    has(w, world_peer(w, "new@corp.test", NULL), "rnu", "rnu", "mine");
}

/* ---- for the log and for /me ---- */

static void uses(
    struct world *w, const struct caller *c, enum right right, const char *crate, const char *grant)
{
    struct buf b AUTO_BUF = BUF_INIT(256);
    access_grant_used(w->access, c, right, str_from(crate), &b);
    buf_add_byte(&b, '\0');
    assert_string_equal(b.p, grant);
}

static void an_event_says_which_grant_was_used(void **state)
{
    struct world *w = *state;
    const struct caller admin = { .kind = CALLER_ADMIN };
    const struct caller anonymous = { .door = { .anonymous_read = true } };
    w->config.members = STR("publish");
    w->config.tagged = STR("read");
    w->config.accounts = STR("read");
    w->config.admins = world_list(w, "olga@corp.test");
    world_grant(w, "nobody@corp.test", "release", "*");
    world_grant(w, ANNA " tag:ci", "release", "acme");
    world_load(w);
    struct caller c = world_caller(w, world_peer(w, ANNA, NULL));
    uses(w, &c, RIGHT_YANK, "mine", "access.members");
    uses(w, &c, RIGHT_PUBLISH_UPDATE, "acme", "access.grant, line 12");
    uses(w, &c, RIGHT_YANK, "acme", "");
    uses(w, &c, RIGHT_ADMIN, NULL, "");
    c = world_caller(
        w, world_peer(w, ANNA, "[{\"do\":[\"x\"]},{\"do\":[\"maintain\"],\"crates\":[\"acme\"]}]"));
    uses(w, &c, RIGHT_YANK, "acme", "tailnet policy, object 2");
    c = world_caller(w, world_peer(w, "tag:ci", NULL));
    uses(w, &c, RIGHT_PUBLISH_UPDATE, "acme", "access.grant, line 12");
    uses(w, &c, RIGHT_PUBLISH_UPDATE, "mine", "");
    c = world_caller(w, world_peer(w, "tag:deploy", NULL));
    uses(w, &c, RIGHT_READ, NULL, "access.tagged");
    c = world_caller(w, world_peer(w, "olga@corp.test", NULL));
    uses(w, &c, RIGHT_ADMIN, NULL, "access.admins");
    c = (struct caller){ .kind = CALLER_PRINCIPAL, .principal = WORLD_BOB };
    uses(w, &c, RIGHT_READ, NULL, "access.accounts");
    uses(w, &admin, RIGHT_ADMIN, NULL, "admin socket");
    uses(w, &anonymous, RIGHT_READ, NULL, "anonymous");
    uses(w, &anonymous, RIGHT_YANK, "acme", "");
}

static void describes(struct world *w, const struct caller *c, const char *lines)
{
    struct buf b AUTO_BUF = BUF_INIT(4096);
    access_describe(w->access, c, &b);
    buf_add_byte(&b, '\0');
    assert_string_equal(b.p, lines);
}

static void me_names_void_objects_and_what_is_in_force_besides(void **state)
{
    static const char both[] =
        "[{\"do\":[\"release\"],\"crates\":[\"acme\",\"b-*\"]},{\"do\":[\"x\"],"
        "\"crates\":[\"*\"]}]";
#define VOID_LINE                                                                                  \
    "(tailnet policy, object 2 counts for nothing: do: \"x\" is no role; the roles are read, "     \
    "publish, release, maintain, admin)\n"
#define BOTH_LINE "(the tailnet's policy and access.members, access.tagged are both in force)\n"
    struct world *w = *state;
    struct caller c = world_caller(w, world_peer(w, ANNA, both));
    describes(w, &c, "release  crates acme b_*  (tailnet policy, object 1)\n" VOID_LINE);
    w->config.tagged = STR("read");
    world_load(w);
    describes(w, &c, "release  crates acme b_*  (tailnet policy, object 1)\n" VOID_LINE BOTH_LINE);
    w->config.members = STR("publish");
    world_load(w);
    describes(w, &c,
        "publish  (access.members)\n"
        "release  crates acme b_*  (tailnet policy, object 1)\n" VOID_LINE BOTH_LINE);
    c = world_caller(w, world_peer(w, ANNA, NULL));
    describes(w, &c, "publish  (access.members)\n");
}

static void me_tells_guests_and_our_own_node_that_the_policy_waits_for_their_name(void **state)
{
    static const char *const names[] = { GUEST, "self" };
    struct world *w = *state;
    w->config.members = STR("publish");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        w->config.n_grants = 0;
        world_load(w);
        struct caller c = world_caller(w, world_peer(w, names[i], OBJECT("release", "acme")));
        describes(w, &c,
            "nothing\n(the tailnet's policy counts for nothing until access.grant or "
            "access.admins names you)\n");
        world_grant(w, names[i], "read", "*");
        world_load(w);
        describes(w, &c,
            "read  crates *  (access.grant, line 11)\n"
            "release  crates acme  (tailnet policy, object 1)\n" BOTH_LINE);
    }
}

static void me_says_nothing_when_there_is_nothing(void **state)
{
    struct world *w = *state;
    struct caller c = world_caller(w, world_peer(w, ANNA, NULL));
    describes(w, &c, "nothing\n");
    c = world_caller(w, world_peer(w, ANNA, "{}"));
    describes(w, &c,
        "nothing\n(tailnet policy, object 1 counts for nothing: it is no list of objects)\n");
    c.door.anonymous_read = true;
    c.peer = world_peer(w, ANNA, NULL);
    describes(w, &c, "read  (this listener: anonymous=read)\n");
}

static void nobody_is_admin_until_the_configuration_says_so(void **state)
{
    struct world *w = *state;
    w->config.members = STR("maintain");
    world_grant(w, ANNA, "maintain release", "*");
    world_grant(w, "", "", "");
    w->grants[1].void_reason = STR("unknown key");
    world_load(w);
    assert_true(access_nobody_is_admin(w->access));
    world_grant(w, ANNA, "read admin", "*");
    world_load(w);
    assert_false(access_nobody_is_admin(w->access));
    w->config.n_grants = 0;
    w->config.admins = world_list(w, ANNA);
    world_load(w);
    assert_false(access_nobody_is_admin(w->access));
    w->config.admins.n = 0;
    struct str *const defaults[] = { &w->config.members, &w->config.tagged, &w->config.accounts };
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
        *defaults[i] = STR("admin");
        world_load(w);
        assert_false(access_nobody_is_admin(w->access));
        *defaults[i] = STR("none");
        world_load(w);
        assert_true(access_nobody_is_admin(w->access));
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(the_default_of_members_is_for_people),
        T(the_default_of_tagged_is_for_machines),
        T(a_grant_of_the_configuration_gives_each_role),
        T(the_tailnets_policy_gives_each_role),
        T(the_tailnets_policy_bounds_what_may_be_changed_by_crate),
        T(a_capability_is_for_its_connection_alone),
        T(all_sources_are_united),
        T(who_is_named_an_admin_may_everything),
        T(a_machine_acts_for_all_its_tags),
        T(a_machine_owns_what_any_of_its_tags_owns),
        T(a_machine_is_blocked_by_any_of_its_tags),
        T(guests_and_our_own_node_get_nothing_from_the_policy),
        T(guests_and_our_own_node_get_what_names_them_and_then_the_policys),
        T(a_void_grant_names_nobody),
        T(a_proxys_user_gets_what_names_them),
        T(who_is_linked_acts_as_the_other),
        T(a_token_of_who_is_linked_is_the_others),
        T(a_blocked_name_stays_blocked_whomever_it_acts_as),
        T(who_acts_as_somebody_blocked_is_blocked),
        T(a_peer_without_a_row_is_blocked_by_nothing_and_may_what_names_them),
        T(an_event_says_which_grant_was_used),
        T(me_names_void_objects_and_what_is_in_force_besides),
        T(me_tells_guests_and_our_own_node_that_the_policy_waits_for_their_name),
        T(me_says_nothing_when_there_is_nothing),
        T(nobody_is_admin_until_the_configuration_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
