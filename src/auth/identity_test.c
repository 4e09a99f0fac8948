#include "auth/identity.h"

#include "auth/right.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define CONTROL STR("https://control.test")
#define OWN_ID STR("nCRATES")
#define GRANT "[{\"do\":[\"release\"],\"crates\":[\"*\"]}]"

static struct str addresses[] = { { "100.64.0.7", 10 }, { "fd7a:115c:a1e0::7", 17 } };
static struct str two_tags[] = { { "tag:ci", 6 }, { "tag:deploy", 10 } };

static struct tailnet_peer annas(void)
{
    return (struct tailnet_peer){ .stable_id = STR("nANNA"),
        .node = STR("anna-laptop.rig.test"),
        .login = STR("anna@corp.test"),
        .user_id = 7,
        .addresses = addresses,
        .n_addresses = 2,
        .capability = STR(GRANT) };
}

static struct tailnet_peer robots(void)
{
    struct tailnet_peer p = annas();
    p.stable_id = STR("nCI");
    p.node = STR("ci-1.rig.test");
    p.login = STR_NONE;
    p.user_id = 0;
    p.tags = two_tags;
    p.n_tags = 2;
    return p;
}

struct fixture {
    struct arena *arena;
    struct identity *id;
    struct err e;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){ .arena = arena_new() };
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_free(f->arena);
    return 0;
}

static int from_peer(struct fixture *f, const struct tailnet_peer *p, const char *address)
{
    f->id = NULL;
    err_clear(&f->e);
    return identity_from_peer(f->arena, p, OWN_ID, CONTROL, str_from(address), &f->id, &f->e);
}

static void is_nobody(struct fixture *f, int rc, const char *words)
{
    assert_int_equal(rc, -1);
    assert_int_equal(f->e.kind, ERR_FORBIDDEN);
    assert_null(f->id);
    assert_true(utf8_valid(str_from(f->e.text)));
    if (!strstr(f->e.text, words))
        fail_msg("\"%s\" is not in: %s", words, f->e.text);
}

static void is_named(const struct identity *id, const char *name)
{
    struct buf b AUTO_BUF = BUF_INIT(4096);
    identity_name(id, &b);
    buf_add_byte(&b, '\0');
    assert_string_equal(b.p, name);
}

/* ---- from the tailnet ---- */

static void a_node_of_a_person_is_the_person(void **state)
{
    struct fixture *f = *state;
    struct tailnet_peer p = annas();
    assert_int_equal(from_peer(f, &p, "100.64.0.7"), 0);
    assert_int_equal(f->id->kind, IDENTITY_PERSON);
    is_named(f->id, "anna@corp.test");
    assert_int_equal(f->id->user_id, 7);
    assert_true(str_eq(f->id->control, CONTROL));
    assert_true(str_eq(f->id->node, STR("anna-laptop.rig.test")));
    assert_true(str_eq(f->id->stable_id, STR("nANNA")));
    assert_true(str_eq(f->id->address, STR("100.64.0.7")));
    assert_int_equal(f->id->capability.n, 1);
    assert_int_equal(f->id->capability.rules[0].roles, 1u << ROLE_RELEASE);
}

/* Or a block on one of those left out would not count. */
static void a_node_with_more_tags_than_are_judged_is_nobody(void **state)
{
    struct fixture *f = *state;
    struct tailnet_peer p = robots();
    struct str tags[IDENTITY_KEYS_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        tags[i] = arena_printf(f->arena, "tag:t%02zu", i);
    p.tags = tags;
    p.n_tags = IDENTITY_KEYS_MAX;
    assert_int_equal(from_peer(f, &p, ""), 0);
    p.n_tags++;
    assert_int_equal(from_peer(f, &p, ""), -1);
    assert_int_equal(f->e.kind, ERR_FORBIDDEN);
}

static void a_tagged_node_is_all_its_tags_and_no_person(void **state)
{
    struct fixture *f = *state;
    struct tailnet_peer p = robots();
    assert_int_equal(from_peer(f, &p, "100.64.0.7"), 0);
    assert_int_equal(f->id->kind, IDENTITY_TAGGED);
    is_named(f->id, "tag:ci,tag:deploy");
    assert_int_equal(f->id->user_id, 0);
    p.login = STR("anna@corp.test"); /* whoever tagged it does not stand behind it */
    p.user_id = 7;
    assert_int_equal(from_peer(f, &p, "100.64.0.7"), 0);
    is_named(f->id, "tag:ci,tag:deploy");
    assert_int_equal(f->id->user_id, 0);
}

static void a_node_shared_with_us_is_its_person_as_a_guest(void **state)
{
    struct fixture *f = *state;
    struct tailnet_peer p = annas();
    p.shared = true;
    assert_int_equal(from_peer(f, &p, "100.64.0.7"), 0);
    assert_int_equal(f->id->kind, IDENTITY_SHARED);
    is_named(f->id, "shared:anna@corp.test");
    assert_int_equal(f->id->user_id, 7);
    p.tags = two_tags; /* another tailnet's tags are none of ours */
    p.n_tags = 2;
    assert_int_equal(from_peer(f, &p, "100.64.0.7"), 0);
    is_named(f->id, "shared:anna@corp.test");
    p.login = STR_NONE;
    is_nobody(f, from_peer(f, &p, "100.64.0.7"), "cannot be used here");
}

static void our_own_node_is_itself_before_all_else(void **state)
{
    struct fixture *f = *state;
    struct tailnet_peer p = annas(), tagged = robots();
    p.stable_id = tagged.stable_id = OWN_ID;
    assert_int_equal(from_peer(f, &p, "100.64.0.7"), 0);
    assert_int_equal(f->id->kind, IDENTITY_SELF);
    is_named(f->id, "self");
    assert_int_equal(f->id->user_id, 0);
    assert_int_equal(from_peer(f, &tagged, "100.64.0.7"), 0);
    is_named(f->id, "self");
}

static void without_an_id_of_ours_nobody_is_our_own_node(void **state)
{
    struct fixture *f = *state;
    struct tailnet_peer p = annas();
    p.stable_id = STR("");
    assert_int_equal(identity_from_peer(f->arena, &p, STR(""), CONTROL, STR(""), &f->id, NULL), 0);
    is_named(f->id, "anna@corp.test");
}

static void a_node_whose_key_has_expired_is_nobody(void **state)
{
    struct fixture *f = *state;
    struct tailnet_peer p = annas();
    p.expired = true;
    is_nobody(f, from_peer(f, &p, "100.64.0.7"), "anna-laptop.rig.test");
    is_nobody(f, from_peer(f, &p, "100.64.0.7"), "tailscale up");
    p.node = STR("");
    is_nobody(f, from_peer(f, &p, "100.64.0.7"), "nANNA");
    p = robots();
    p.expired = true;
    is_nobody(f, from_peer(f, &p, "100.64.0.7"), "expired");
    p.stable_id = OWN_ID;
    is_nobody(f, from_peer(f, &p, "100.64.0.7"), "expired");
}

static void who_is_behind_a_subnet_router_is_nobody(void **state)
{
    static const char *const others[] = { "192.168.1.5", "100.64.0.70", "100.64.0.", "::1",
        "127.0.0.1", "100.64.0.7 ", "fd7a:115c:a1e0::8" };
    struct fixture *f = *state;
    struct tailnet_peer p = annas();
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        is_nobody(f, from_peer(f, &p, others[i]), others[i]);
        is_nobody(f, from_peer(f, &p, others[i]), "subnet router");
    }
    assert_int_equal(from_peer(f, &p, "fd7a:115c:a1e0::7"), 0);
    p.n_addresses = 0;
    is_nobody(f, from_peer(f, &p, "100.64.0.7"), "subnet router");
}

static void in_userspace_the_first_address_of_the_node_stands_for_the_peers(void **state)
{
    struct fixture *f = *state;
    struct tailnet_peer p = annas();
    assert_int_equal(from_peer(f, &p, ""), 0);
    assert_true(str_eq(f->id->address, STR("100.64.0.7")));
    p.n_addresses = 0;
    assert_int_equal(from_peer(f, &p, ""), 0);
    assert_true(str_eq(f->id->address, STR("")));
}

static void no_login_reads_as_another_kind_of_principal(void **state)
{
    static const char *const logins[] = { "", "self", "admin", "anonymous", "unknown", "tag:ci",
        "local:bob", "header:anna", "shared:anna@corp.test", "ktra-secure-auth:bob", "a:b",
        "https://id.test/anna", "anna corp", "anna,ben", "anna*", "anna\n", "a\x7f", " anna", "*" };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(logins); i++) {
        struct tailnet_peer p = annas();
        p.login = str_from(logins[i]);
        is_nobody(f, from_peer(f, &p, "100.64.0.7"), "cannot be used here");
        p.shared = true;
        is_nobody(f, from_peer(f, &p, "100.64.0.7"), "cannot be used here");
    }
}

static void logins_of_all_providers_are_people(void **state)
{
    static const char *const logins[] = { "anna@corp.test", "anna@github", "anna@passkey",
        "anna+x@corp.test", "Anna@Corp.Test", "anna", "selfie", "admin@corp.test",
        "an'na@corp.test", "\xc3\xa4nna@corp.test" };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(logins); i++) {
        struct tailnet_peer p = annas();
        p.login = str_from(logins[i]);
        assert_int_equal(from_peer(f, &p, "100.64.0.7"), 0);
        is_named(f->id, logins[i]); /* as it is spelled */
    }
}

static void what_the_policy_carries_is_kept_with_its_faults(void **state)
{
    static const struct {
        const char *text;
        size_t n, n_void;
    } cases[] = { { NULL, 0, 0 }, { "null", 0, 0 }, { "[]", 0, 0 }, { GRANT, 1, 0 },
        { "[{\"do\":[\"release\"]}]", 1, 1 }, { "{}", 1, 1 }, { "junk", 1, 1 } };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tailnet_peer p = annas();
        p.capability = str_from(cases[i].text);
        assert_int_equal(from_peer(f, &p, "100.64.0.7"), 0);
        assert_int_equal(f->id->capability.n, cases[i].n);
        assert_int_equal(f->id->capability.n_void, cases[i].n_void);
    }
}

/* ---- from a trusted header ---- */

static void a_header_names_a_principal_of_its_own_kind(void **state)
{
    static const char *const values[] = { "anna", "anna@corp.test", "self", "tag:ci", "local:bob",
        "header:anna", "admin", "\xc3\xa4nna", "a/b" };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        assert_int_equal(identity_from_header(f->arena, str_from(values[i]), &f->id, &f->e), 0);
        assert_int_equal(f->id->kind, IDENTITY_HEADER);
        assert_int_equal(f->id->n_keys, 1);
        assert_true(str_eq(f->id->keys[0],
            arena_printf(f->arena, "header:%" STR_FMT, STR_ARG(str_from(values[i])))));
        assert_int_equal(f->id->user_id, 0);
        assert_int_equal(f->id->capability.n, 0);
        assert_int_equal(f->id->node.n, 0);
    }
}

static void a_header_value_that_is_no_name_is_nobody(void **state)
{
    static const struct str values[] = { { NULL, 0 }, { "", 0 }, { "anna ben", 8 },
        { "anna,ben", 8 }, { "anna\t", 5 }, { "\0", 1 }, { "anna\0", 5 }, { "an*", 3 },
        { "\xff", 1 }, { "anna\xc3", 5 }, { "a\x7f", 2 }, { "a\r\nb", 4 } };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        f->id = NULL;
        err_clear(&f->e);
        is_nobody(f, identity_from_header(f->arena, values[i], &f->id, &f->e), "proxy");
    }
}

static void a_header_value_has_at_most_200_bytes(void **state)
{
    struct fixture *f = *state;
    char value[201];
    memset(value, 'a', sizeof(value));
    assert_int_equal(identity_from_header(f->arena, (struct str){ value, 200 }, &f->id, &f->e), 0);
    f->id = NULL;
    is_nobody(
        f, identity_from_header(f->arena, (struct str){ value, 201 }, &f->id, &f->e), "200 bytes");
}

/* ---- copies ---- */

static void a_copy_is_equal_and_its_own(void **state)
{
    struct fixture *f = *state;
    struct tailnet_peer peers[] = { annas(), robots(), annas(), annas() };
    peers[2].capability = STR("[{\"do\":[\"release\"]}]");
    peers[3].capability = STR_NONE;
    for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
        struct arena *own AUTO_ARENA = arena_new();
        assert_int_equal(from_peer(f, &peers[i], "100.64.0.7"), 0);
        struct identity *copy = identity_copy(own, f->id);
        size_t n = f->id->capability.n, n_void = f->id->capability.n_void;
        assert_true(identity_eq(f->id, copy));
        arena_reset(f->arena); /* what was copied from is gone */
        memset(arena_alloc(f->arena, 2048), 0xff, 2048);
        is_named(copy, i == 1 ? "tag:ci,tag:deploy" : "anna@corp.test");
        assert_int_equal(copy->capability.n, n);
        assert_int_equal(copy->capability.n_void, n_void);
        assert_true(str_eq(copy->node, peers[i].node));
        assert_true(n == 0 || (copy->capability.rules[0].void_reason.p != NULL) == (n_void > 0));
        if (n > n_void)
            assert_true(str_eq(copy->capability.rules[0].crates.items[0], STR("*")));
    }
}

static void identities_differ_by_each_of_their_parts(void **state)
{
    struct fixture *f = *state;
    struct tailnet_peer p = annas();
    assert_int_equal(from_peer(f, &p, "100.64.0.7"), 0);
    const struct identity *id = f->id;
    struct identity others[9];
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        others[i] = *identity_copy(f->arena, id);
        assert_true(identity_eq(id, &others[i]));
    }
    others[0].kind = IDENTITY_SHARED;
    others[1].keys[0] = STR("ben@corp.test");
    others[2].n_keys = 0;
    others[3].control = STR("https://other.test");
    others[4].user_id = 8;
    others[5].node = STR("anna-phone.rig.test");
    others[6].stable_id = STR("nANNA2");
    others[7].address = STR("100.64.0.8");
    capability_parse(f->arena, STR("[]"), &others[8].capability);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (identity_eq(id, &others[i]) || identity_eq(&others[i], id))
            fail_msg("%zu makes no difference", i);
    }
}

static void no_capability_is_not_an_empty_one(void **state)
{
    struct fixture *f = *state;
    struct tailnet_peer none = annas(), empty = annas();
    none.capability = STR_NONE;
    empty.capability = STR("[]");
    assert_int_equal(from_peer(f, &none, ""), 0);
    const struct identity *id = f->id;
    assert_int_equal(from_peer(f, &empty, ""), 0);
    assert_false(identity_eq(id, f->id));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_node_of_a_person_is_the_person),
        T(a_tagged_node_is_all_its_tags_and_no_person),
        T(a_node_with_more_tags_than_are_judged_is_nobody),
        T(a_node_shared_with_us_is_its_person_as_a_guest),
        T(our_own_node_is_itself_before_all_else),
        T(without_an_id_of_ours_nobody_is_our_own_node),
        T(a_node_whose_key_has_expired_is_nobody),
        T(who_is_behind_a_subnet_router_is_nobody),
        T(in_userspace_the_first_address_of_the_node_stands_for_the_peers),
        T(no_login_reads_as_another_kind_of_principal),
        T(logins_of_all_providers_are_people),
        T(what_the_policy_carries_is_kept_with_its_faults),
        T(a_header_names_a_principal_of_its_own_kind),
        T(a_header_value_that_is_no_name_is_nobody),
        T(a_header_value_has_at_most_200_bytes),
        T(a_copy_is_equal_and_its_own),
        T(identities_differ_by_each_of_their_parts),
        T(no_capability_is_not_an_empty_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
