/* access.changes_need_token: the network and a token, both of the same one. */
#include "support/access_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define ANNA "anna@corp.test"
#define BEN "ben@corp.test"

static void says(const struct world *w, const char *words)
{
    if (!strstr(w->e.text, words))
        fail_msg("\"%s\" is not in: %s", words, w->e.text);
}

static void a_change_needs_both_of_the_same_one(void **state)
{
    static const struct {
        const char *peer;
        uint32_t token;
        const char *verdict, *words;
    } cases[] = {
        { ANNA, WORLD_ANNA, "", "" },
        { ANNA, 0, "U", "needs a token of yours" },
        { NULL, WORLD_ANNA, "F", "needs to know you by the network" },
        { BEN, WORLD_ANNA, "F", "have to name the same one" },
        { "tag:ci", WORLD_ANNA, "F", "have to name the same one" },
        { "tag:ci tag:deploy", WORLD_DEPLOY, "", "" },
        { "tag:ci", WORLD_DEPLOY, "F", "have to name the same one" },
        { "tag:deploy", 0, "U", "needs a token of yours" },
        { NULL, WORLD_BOB, "F", "needs to know you by the network" },
    };
    struct world *w = *state;
    w->config.changes_need_token = true;
    w->config.members = w->config.tagged = w->config.accounts = STR("maintain");
    world_load(w);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct access_door door = { .identity = cases[i].peer ? LISTEN_TAILSCALE
                                                                    : LISTEN_NO_IDENTITY };
        const struct identity *peer = cases[i].peer ? world_peer(w, cases[i].peer, NULL) : NULL;
        struct caller c;
        if (cases[i].token) {
            struct access_token t = world_token(w, cases[i].token, "any");
            access_put_token(w->access, &t);
        }
        assert_string_equal(
            world_comes(w, &door, peer, cases[i].token ? w->text : "tailscale", &c), "");
        assert_string_equal(world_may(w, &c, RIGHT_READ, "acme"), "");
        const char *got = world_may(w, &c, RIGHT_YANK, "acme");
        if (strcmp(got, cases[i].verdict) != 0)
            fail_msg("case %zu: %s %s", i, got, w->e.text);
        says(w, cases[i].words);
        struct buf used AUTO_BUF = BUF_INIT(256);
        access_grant_used(w->access, &c, RIGHT_YANK, STR("acme"), &used);
        assert_int_equal(used.n == 0, *got != '\0');
    }
}

static void who_has_neither_is_told_of_both(void **state)
{
    static const struct access_door doors[] = { { .identity = LISTEN_NO_IDENTITY },
        { .identity = LISTEN_NO_IDENTITY, .anonymous_read = true },
        { .identity = LISTEN_TAILSCALE, .anonymous_read = true },
        { .identity = LISTEN_TAILSCALE, .anonymous_read = true, .token_reads = true } };
    struct world *w = *state;
    w->config.changes_need_token = true;
    world_load(w);
    for (size_t i = 0; i < ARRAY_LEN(doors); i++) {
        struct caller c;
        assert_string_equal(world_comes(w, &doors[i], NULL, NULL, &c), "");
        for (unsigned right = RIGHT_READ + 1; right < RIGHTS; right++) {
            assert_string_equal(world_may(w, &c, (enum right)right, "acme"), "F");
            says(w, "by the network and a token of yours (access.changes_need_token)");
            says(w, "use its address on the tailnet");
        }
    }
}

static void both_count_through_a_link(void **state)
{
    const struct access_door door = { .identity = LISTEN_TAILSCALE };
    struct world *w = *state;
    struct caller c;
    w->config.changes_need_token = true;
    w->config.members = STR("publish");
    world_load(w);
    struct access_principal ben = { .id = WORLD_BEN, .key = STR(BEN), .link = WORLD_ANNA };
    access_put_principal(w->access, &ben);
    struct access_token t = world_token(w, WORLD_ANNA, "own");
    access_put_token(w->access, &t);
    assert_string_equal(world_comes(w, &door, world_peer(w, BEN, NULL), w->text, &c), "");
    assert_string_equal(world_may(w, &c, RIGHT_YANK, "mine"), "");
}

static void the_admin_socket_needs_no_token(void **state)
{
    struct world *w = *state;
    const struct access_door door = { .admin = true };
    struct caller c;
    w->config.changes_need_token = true;
    world_load(w);
    assert_string_equal(world_comes(w, &door, NULL, NULL, &c), "");
    assert_string_equal(world_may(w, &c, RIGHT_YANK, "acme"), "");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(a_change_needs_both_of_the_same_one),
        T(who_has_neither_is_told_of_both),
        T(both_count_through_a_link),
        T(the_admin_socket_needs_no_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
