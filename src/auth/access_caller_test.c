/* Who asks: first sight, doors, words and tokens, and what a person reads when it is in vain. */
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
#define DAY 86400

static void says(const struct world *w, const char *words)
{
    if (!strstr(w->e.text, words))
        fail_msg("\"%s\" is not in: %s", words, w->e.text);
}

static void put(struct world *w, struct access_principal p)
{
    access_put_principal(w->access, &p);
}

/* ---- first sight ---- */

static void is_seen_as(struct world *w, const struct identity *peer, int sight)
{
    enum access_sight got;
    err_clear(&w->e);
    assert_int_equal(access_sight(w->access, peer, &got, &w->e), 0);
    assert_int_equal(got, sight);
}

static void is_refused(struct world *w, const struct identity *peer, const char *words)
{
    enum access_sight got;
    err_clear(&w->e);
    assert_int_equal(access_sight(w->access, peer, &got, &w->e), -1);
    assert_int_equal(w->e.kind, ERR_FORBIDDEN);
    says(w, words);
}

static void a_person_is_known_by_login_and_id_together(void **state)
{
    struct world *w = *state;
    struct identity *anna = world_peer(w, ANNA, NULL);
    is_seen_as(w, anna, ACCESS_KNOWN);
    is_seen_as(w, world_peer(w, "new@corp.test", NULL), ACCESS_UNSEEN);
    anna->keys[0] = STR("anna.smith@corp.test"); /* the id of one who is known */
    is_refused(w, anna, "`superguppy principal rebind " ANNA " anna.smith@corp.test`");
    anna->keys[0] = STR(BEN); /* both known, of two people */
    is_refused(w, anna, "superguppy principal rebind");
    anna = world_peer(w, ANNA, NULL);
    anna->user_id = 70; /* the login of one who is known */
    is_refused(w, anna, "`superguppy principal rebind " ANNA "`");
}

static void a_login_of_the_configuration_binds_at_first_sight(void **state)
{
    struct world *w = *state;
    struct identity *carl = world_peer(w, "carl@corp.test", NULL);
    world_put(w, 20, "carl@corp.test", 0);
    is_seen_as(w, carl, ACCESS_UNSEEN);
    world_put(w, 20, "carl@corp.test", 99);
    is_seen_as(w, carl, ACCESS_KNOWN);
    world_put(w, 20, "carl@corp.test", 0); /* rebind: the next person with that login */
    is_seen_as(w, carl, ACCESS_UNSEEN);
}

static void an_id_is_of_its_control_server(void **state)
{
    struct world *w = *state;
    struct identity *anna = world_peer(w, ANNA, NULL), *new = world_peer(w, "new@corp.test", NULL);
    anna->control = STR("https://other.test");
    is_refused(w, anna, "another person");
    new->user_id = 7; /* Anna's, but elsewhere */
    is_refused(w, new, "superguppy principal rebind");
    new->control = STR("https://other.test");
    is_seen_as(w, new, ACCESS_UNSEEN);
}

static void a_renamed_person_is_known_by_the_new_login_alone(void **state)
{
    struct world *w = *state;
    struct identity *anna = world_peer(w, ANNA, NULL);
    world_put(w, WORLD_ANNA, "anna.smith@corp.test", 7);
    is_refused(w, anna, "anna.smith@corp.test");
    anna->keys[0] = STR("anna.smith@corp.test");
    is_seen_as(w, anna, ACCESS_KNOWN);
}

static void a_guest_is_bound_as_a_person_is(void **state)
{
    struct world *w = *state;
    struct identity *gina = world_peer(w, "shared:gina@elsewhere.test", NULL);
    is_seen_as(w, gina, ACCESS_UNSEEN);
    world_put(w, 20, "shared:gina@elsewhere.test", 99);
    is_seen_as(w, gina, ACCESS_KNOWN);
    gina->user_id = 98;
    is_refused(w, gina, "another person");
}

static void machines_and_proxys_users_are_known_when_each_name_is(void **state)
{
    struct world *w = *state;
    is_seen_as(w, world_peer(w, "tag:ci tag:deploy", NULL), ACCESS_KNOWN);
    is_seen_as(w, world_peer(w, "tag:ci tag:new", NULL), ACCESS_UNSEEN);
    is_seen_as(w, world_peer(w, "header:anna", NULL), ACCESS_UNSEEN);
    is_seen_as(w, world_peer(w, "self", NULL), ACCESS_UNSEEN);
    world_put(w, 20, "header:anna", 0);
    is_seen_as(w, world_peer(w, "header:anna", NULL), ACCESS_KNOWN);
}

/* ---- doors ---- */

enum { TOKENS = 1, READ = 2 }; /* what a door says */
enum { BARE, WORD, JUNK, TOKEN, SENT };

/* For each kind of header: "" and who it is, or the refusal. */
static const struct {
    enum listen_identity identity;
    int says;
    bool peer;
    const char *verdicts[SENT];
} doors[] = {
    { LISTEN_NO_IDENTITY, 0, false, { "", "U", "U", "" } },
    { LISTEN_NO_IDENTITY, READ, false, { "", "U", "U", "" } },
    { LISTEN_TAILSCALE, 0, false, { "F", "F", "F", "F" } },
    { LISTEN_TAILSCALE, TOKENS, false, { "U", "U", "U", "" } },
    { LISTEN_TAILSCALE, READ, false, { "", "F", "F", "F" } },
    { LISTEN_TAILSCALE, TOKENS | READ, false, { "", "U", "U", "" } },
    { LISTEN_HEADER, 0, false, { "F", "F", "F", "F" } },
    { LISTEN_HEADER, TOKENS, false, { "U", "U", "U", "" } },
    { LISTEN_TAILSCALE, 0, true, { "", "", "U", "" } },
    { LISTEN_TAILSCALE, TOKENS, true, { "", "", "U", "" } },
    { LISTEN_TAILSCALE, READ, true, { "", "", "U", "" } },
};

static void each_door_takes_what_it_says(void **state)
{
    struct world *w = *state;
    const struct identity *anna = world_peer(w, ANNA, NULL);
    struct access_token t = world_token(w, WORLD_BOB, "any");
    const char *const headers[SENT] = { NULL, "tailscale", "nonsense", w->text };
    access_put_token(w->access, &t);
    for (size_t i = 0; i < ARRAY_LEN(doors); i++) {
        const struct access_door door = { .identity = doors[i].identity,
            .token_reads = doors[i].says & TOKENS,
            .anonymous_read = doors[i].says & READ };
        for (int sent = 0; sent < SENT; sent++) {
            struct caller c;
            const char *got = world_comes(w, &door, doors[i].peer ? anna : NULL, headers[sent], &c);
            if (strcmp(got, doors[i].verdicts[sent]) != 0)
                fail_msg("door %zu, header %d: %s %s", i, sent, got, w->e.text);
            if (*got)
                continue;
            bool nobody = sent == BARE && !doors[i].peer;
            assert_int_equal(c.kind, nobody ? CALLER_ANONYMOUS : CALLER_PRINCIPAL);
            assert_int_equal(c.token, sent == TOKEN ? 7 : 0);
            assert_int_equal(c.sent_credential, sent != BARE);
            if (sent == TOKEN)
                assert_int_equal(c.principal, WORLD_BOB); /* it replaces the peer */
            else if (doors[i].peer)
                assert_int_equal(c.principal, WORLD_ANNA);
        }
    }
}

static void the_sentence_for_a_stranger_is_the_networks_own(void **state)
{
    struct world *w = *state;
    struct access_door door = { .identity = LISTEN_TAILSCALE };
    const struct access_peer peer = { .why = "the key of laptop.rig.test has expired" };
    struct caller c;
    assert_int_equal(
        access_identify(w->access, &door, &peer, STR("network"), WORLD_NOW, &c, &w->e), -1);
    assert_int_equal(w->e.kind, ERR_FORBIDDEN);
    assert_string_equal(w->e.text, peer.why);
    err_clear(&w->e); /* no better token would be a cure */
    assert_int_equal(
        access_identify(w->access, &door, &peer, STR("nonsense"), WORLD_NOW, &c, &w->e), -1);
    assert_string_equal(w->e.text, peer.why);
    door.token_reads = true;
    err_clear(&w->e);
    assert_int_equal(access_identify(w->access, &door, &peer, STR_NONE, WORLD_NOW, &c, &w->e), -1);
    assert_int_equal(w->e.kind, ERR_UNAUTHORIZED);
    says(w, peer.why);
    says(w, "cargo login");
}

static void a_peer_reads_without_a_header_and_changes_with_the_word(void **state)
{
    const struct access_door door = { .identity = LISTEN_TAILSCALE };
    struct world *w = *state;
    struct caller c;
    w->config.members = STR("publish");
    world_load(w);
    assert_string_equal(world_comes(w, &door, world_peer(w, ANNA, NULL), NULL, &c), "");
    assert_string_equal(world_may(w, &c, RIGHT_READ, "acme"), "");
    assert_string_equal(world_may(w, &c, RIGHT_YANK, "mine"), "U");
    says(w, "token = \"tailscale\"");
    says(w, ANNA " (node laptop.rig.test, 100.64.0.7)");
    assert_string_equal(world_comes(w, &door, world_peer(w, ANNA, NULL), "network", &c), "");
    assert_string_equal(world_may(w, &c, RIGHT_YANK, "mine"), "");
}

/* ---- tokens on the network ---- */

static void a_token_works_where_it_says(void **state)
{
    static const struct {
        uint32_t principal;
        const char *from, *peer, *verdict;
    } cases[] = {
        { WORLD_ANNA, "own", ANNA, "" },
        { WORLD_ANNA, "own", BEN, "U" },
        { WORLD_ANNA, "own", "tag:ci", "U" },
        { WORLD_ANNA, "own", "shared:" ANNA, "U" },
        { WORLD_ANNA, "own", "header:" ANNA, "U" },
        { WORLD_ANNA, "own", "self", "U" },
        { WORLD_ANNA, "own", NULL, "U" },
        { WORLD_ANNA, "any", ANNA, "" },
        { WORLD_ANNA, "any", BEN, "" },
        { WORLD_ANNA, "any", "tag:ci", "" },
        { WORLD_ANNA, "any", NULL, "" },
        { WORLD_ANNA, "tag:ci", "tag:ci", "" },
        { WORLD_ANNA, "tag:ci", "tag:ci tag:deploy", "" },
        { WORLD_ANNA, "tag:deploy", "tag:ci tag:deploy", "" },
        { WORLD_ANNA, "tag:ci", "tag:deploy", "U" },
        { WORLD_ANNA, "tag:ci", "tag:ci-release", "U" },
        { WORLD_ANNA, "tag:ci", ANNA, "U" },
        { WORLD_ANNA, "tag:ci", NULL, "U" },
        { WORLD_CI, "own", "tag:ci", "" },
        { WORLD_CI, "own", "tag:ci tag:deploy", "" },
        { WORLD_CI, "own", "tag:deploy", "U" },
        { WORLD_BOB, "", NULL, "" }, /* of before there were places */
        { WORLD_BOB, "", ANNA, "" },
    };
    const struct access_door door = { .identity = LISTEN_TAILSCALE, .token_reads = true };
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct access_token t = world_token(w, cases[i].principal, cases[i].from);
        const struct identity *peer = cases[i].peer ? world_peer(w, cases[i].peer, NULL) : NULL;
        struct caller c;
        access_put_token(w->access, &t);
        const char *got = world_comes(w, &door, peer, w->text, &c);
        if (strcmp(got, cases[i].verdict) != 0)
            fail_msg("case %zu: %s %s", i, got, w->e.text);
        if (*got)
            says(w, "--from");
    }
}

static void a_token_works_from_the_nodes_of_who_acts_as_its_principal(void **state)
{
    const struct access_door door = { .identity = LISTEN_TAILSCALE };
    struct world *w = *state;
    struct access_token t = world_token(w, WORLD_BEN, "own");
    struct caller c;
    put(w, (struct access_principal){ .id = WORLD_BEN, .key = STR(BEN), .link = WORLD_ANNA });
    access_put_token(w->access, &t);
    assert_string_equal(world_comes(w, &door, world_peer(w, ANNA, NULL), w->text, &c), "");
    assert_int_equal(c.principal, WORLD_ANNA);
    assert_string_equal(world_comes(w, &door, world_peer(w, BEN, NULL), w->text, &c), "");
}

static void a_token_carries_the_policy_of_when_it_was_made_and_nothing_of_the_peer(void **state)
{
    static const char release[] = "[{\"do\":[\"release\"],\"crates\":[\"acme\"]}]";
    static const char admin[] = "[{\"do\":[\"admin\"],\"crates\":[\"*\"]}]";
    const struct access_door door = { .identity = LISTEN_TAILSCALE };
    struct world *w = *state;
    struct access_token t = world_token(w, WORLD_ANNA, "any");
    struct caller c;
    char rights[RIGHTS + 1];
    w->config.tagged = STR("admin");
    world_load(w);
    access_put_token(w->access, &t);
    assert_string_equal(world_comes(w, &door, world_peer(w, ANNA, admin), w->text, &c), "");
    world_rights(w, &c, "acme", rights);
    assert_string_equal(rights, "");
    assert_string_equal(world_comes(w, &door, world_peer(w, "tag:ci", admin), w->text, &c), "");
    world_rights(w, &c, "acme", rights);
    assert_string_equal(rights, "");
    t.capability = str_from(release);
    access_put_token(w->access, &t);
    assert_string_equal(world_comes(w, &door, world_peer(w, ANNA, NULL), w->text, &c), "");
    world_rights(w, &c, "acme", rights);
    assert_string_equal(rights, "ru");
}

static void a_token_counts_while_its_person_was_seen_in_the_last_30_days(void **state)
{
    const struct access_door door = { .identity = LISTEN_NO_IDENTITY };
    struct world *w = *state;
    struct access_token t = world_token(w, WORLD_ANNA, "any");
    struct access_principal anna = { .id = WORLD_ANNA, .key = STR(ANNA) };
    struct caller c;
    access_put_token(w->access, &t);
    anna.last_seen = WORLD_NOW - 30 * DAY;
    put(w, anna);
    assert_string_equal(world_comes(w, &door, NULL, w->text, &c), "");
    assert_int_equal(access_still(w->access, &c, WORLD_NOW, NULL), 0);
    assert_int_equal(access_still(w->access, &c, WORLD_NOW + 1, NULL), -1);
    anna.last_seen--;
    put(w, anna);
    assert_string_equal(world_comes(w, &door, NULL, w->text, &c), "U");
    says(w, "30 days");
    says(w, "/me");
    uint64_t before = access_generation(w->access);
    access_saw(w->access, WORLD_ANNA, WORLD_NOW);
    assert_true(access_generation(w->access) != before);
    assert_string_equal(world_comes(w, &door, NULL, w->text, &c), "");
    before = access_generation(w->access);
    access_saw(w->access, WORLD_ANNA, WORLD_NOW + 1); /* which decides nothing anew */
    assert_true(access_generation(w->access) == before);
    access_saw(w->access, WORLD_ANNA, 1); /* an earlier sight takes nothing back */
    access_saw(w->access, 999, WORLD_NOW);
    assert_string_equal(world_comes(w, &door, NULL, w->text, &c), "");
}

static void only_people_have_to_be_seen(void **state)
{
    static const struct {
        const char *key, *verdict;
    } cases[] = { { "local:bob", "" }, { "ktra-secure-auth:bob", "" }, { "tag:ci", "" },
        { "header:anna", "" }, { "new@corp.test", "U" }, { "shared:gina@elsewhere.test", "U" } };
    const struct access_door door = { .identity = LISTEN_NO_IDENTITY };
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct access_token t = world_token(w, 20, "any");
        struct caller c;
        world_put(w, 20, cases[i].key, 0);
        access_put_token(w->access, &t);
        assert_string_equal(world_comes(w, &door, NULL, w->text, &c), cases[i].verdict);
    }
}

static void who_is_blocked_does_not_come_back_with_anothers_token(void **state)
{
    const struct access_door door = { .identity = LISTEN_TAILSCALE, .token_reads = true };
    struct world *w = *state;
    struct access_token t = world_token(w, WORLD_BOB, "any");
    struct caller before, c;
    w->config.accounts = STR("publish");
    world_load(w);
    access_put_token(w->access, &t);
    const struct identity *anna = world_peer(w, ANNA, NULL);
    assert_string_equal(world_comes(w, &door, anna, w->text, &before), "");
    put(w, (struct access_principal){ .id = WORLD_ANNA, .key = STR(ANNA), .blocked = true });
    assert_string_equal(world_comes(w, &door, anna, w->text, &c), "F");
    says(w, ANNA " is blocked");
    assert_int_equal(access_still(w->access, &before, WORLD_NOW, NULL), -1);
    assert_string_equal(world_comes(w, &door, world_peer(w, BEN, NULL), w->text, &c), "");
}

/* ---- sentences ---- */

#define LONG_CRATE "a234567890123456789012345678901234567890123456789012345678901234"

static struct identity *longest_peer(struct world *w, const char *prefix)
{
    char key[251];
    memset(key, 'x', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    memcpy(key, prefix, strlen(prefix));
    struct identity *id = world_peer(w, key, NULL);
    id->node =
        STR("node-with-a-label-of-63-bytes-as-long-as-dns-allows-it-to-be-abc.tail1234.ts.net");
    id->address = STR("fd7a:115c:a1e0:ab12:4843:cd96:6263:1234");
    return id;
}

/* cargo prints it word for word, and no more than this of it. */
static void is_a_sentence(const struct world *w, const char *what_to_do)
{
    assert_in_range(strlen(w->e.text), 1, 511);
    assert_true(utf8_valid(str_from(w->e.text)));
    says(w, what_to_do);
}

static void the_longest_names_leave_room_for_what_to_do(void **state)
{
    static const char *const kinds[] = { "", "tag:", "shared:", "header:" };
    struct world *w = *state;
    w->config.members = w->config.tagged = STR("publish");
    world_load(w);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct identity *peer = longest_peer(w, kinds[i]);
        struct caller c = world_caller(w, peer);
        for (unsigned right = 1; right < RIGHTS; right++) {
            if (!*world_may(w, &c, (enum right)right, LONG_CRATE))
                continue;
            is_a_sentence(w, "ask an admin");
            says(w, kinds[i]);
            says(w, "xxxxxxxx");
            says(w, "node-with-a-label");
            says(w, peer->address.p);
        }
        c.sent_credential = false;
        assert_string_equal(world_may(w, &c, RIGHT_YANK, LONG_CRATE), "U");
        is_a_sentence(w, "token = \"tailscale\"");
    }
}

static void the_longest_owners_leave_room_for_what_to_do(void **state)
{
    static const enum right owners_rights[] = { RIGHT_PUBLISH_UPDATE, RIGHT_YANK,
        RIGHT_CHANGE_OWNERS };
    struct world *w = *state;
    w->config.members = STR("publish");
    world_load(w);
    struct caller c = world_caller(w, longest_peer(w, ""));
    for (uint32_t id = 100; id < 110; id++) {
        char *key = str_cstr(w->arena, longest_peer(w, "header:")->keys[0]);
        key[20] = (char)('a' + (id - 100));
        world_put(w, id, key, 0);
        access_put_owner(w->access, str_from(LONG_CRATE), id);
    }
    for (size_t i = 0; i < ARRAY_LEN(owners_rights); i++) {
        assert_string_equal(world_may(w, &c, owners_rights[i], LONG_CRATE), "F");
        is_a_sentence(w, "ask an owner to run `cargo owner --add xxx");
        says(w, LONG_CRATE " --registry NAME`");
        says(w, "node-with-a-label");
        says(w, " …");
    }
}

static void the_longest_names_of_both_leave_room_for_what_to_do(void **state)
{
    const struct access_door door = { .identity = LISTEN_TAILSCALE };
    struct world *w = *state;
    struct identity *peer = longest_peer(w, "shared:");
    struct caller c;
    w->config.changes_need_token = true;
    w->config.members = STR("publish");
    world_load(w);
    world_put(w, 20, str_cstr(w->arena, longest_peer(w, "header:")->keys[0]), 0);
    struct access_token t = world_token(w, 20, "any");
    access_put_token(w->access, &t);
    assert_string_equal(world_comes(w, &door, peer, w->text, &c), "");
    assert_string_equal(world_may(w, &c, RIGHT_PUBLISH_NEW, LONG_CRATE), "F");
    is_a_sentence(w, "use a token of your own");
    t.from = STR("own");
    access_put_token(w->access, &t);
    assert_string_equal(world_comes(w, &door, peer, w->text, &c), "U");
    is_a_sentence(w, "make one with --from for that place");
    says(w, "node-with-a-label");
    assert_string_equal(world_comes(w, &door, peer, "tailscale", &c), "");
    assert_string_equal(world_may(w, &c, RIGHT_PUBLISH_NEW, LONG_CRATE), "U");
    is_a_sentence(w, "cargo login");
}

static void the_longest_logins_leave_room_for_what_to_do(void **state)
{
    struct world *w = *state;
    struct identity *peer = longest_peer(w, ""), *known = longest_peer(w, "y");
    world_put(w, 20, str_cstr(w->arena, known->keys[0]), peer->user_id);
    is_refused(w, peer, "superguppy principal rebind y");
    is_a_sentence(w, "xxx`");
    peer->user_id = 98;
    world_put(w, 20, str_cstr(w->arena, peer->keys[0]), 97);
    is_refused(w, peer, "superguppy principal rebind x");
    is_a_sentence(w, "xxx`");
}

static void who_has_no_rights_is_told_which_setting_gives_none(void **state)
{
    static const struct {
        const char *keys, *capability, *words;
    } cases[] = {
        { ANNA, NULL, "access.members gives none" },
        { "tag:ci", NULL, "access.tagged gives none" },
        { "shared:gina@elsewhere.test", NULL, "shared:LOGIN" },
        { "self", NULL, "names it as self" },
        { "header:anna", NULL, "no grant names them" },
        { ANNA, "[{\"do\":[\"x\"]}]", "/me says why" },
        { "shared:gina@elsewhere.test", "[{\"do\":[\"x\"]}]", "shared:LOGIN" },
    };
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct caller c = world_caller(w, world_peer(w, cases[i].keys, cases[i].capability));
        assert_string_equal(world_may(w, &c, RIGHT_READ, "acme"), "F");
        is_a_sentence(w, "ask an admin for a grant");
        says(w, cases[i].words);
        says(w, cases[i].keys);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(a_person_is_known_by_login_and_id_together),
        T(a_login_of_the_configuration_binds_at_first_sight),
        T(an_id_is_of_its_control_server),
        T(a_renamed_person_is_known_by_the_new_login_alone),
        T(a_guest_is_bound_as_a_person_is),
        T(machines_and_proxys_users_are_known_when_each_name_is),
        T(each_door_takes_what_it_says),
        T(the_sentence_for_a_stranger_is_the_networks_own),
        T(a_peer_reads_without_a_header_and_changes_with_the_word),
        T(a_token_works_where_it_says),
        T(a_token_works_from_the_nodes_of_who_acts_as_its_principal),
        T(a_token_carries_the_policy_of_when_it_was_made_and_nothing_of_the_peer),
        T(a_token_counts_while_its_person_was_seen_in_the_last_30_days),
        T(only_people_have_to_be_seen),
        T(who_is_blocked_does_not_come_back_with_anothers_token),
        T(the_longest_names_leave_room_for_what_to_do),
        T(the_longest_owners_leave_room_for_what_to_do),
        T(the_longest_names_of_both_leave_room_for_what_to_do),
        T(the_longest_logins_leave_room_for_what_to_do),
        T(who_has_no_rights_is_told_which_setting_gives_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
