/* The promise behind "nothing subtracts": whatever rules there are, one more never takes a right
 * away, from anybody, on any crate. Random worlds, from a fixed seed. */
#include "auth/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ROUNDS 4000
#define NAMES_MAX 4

static const char *const roles[] = { "none", "read", "publish", "release", "maintain", "admin" };
static const char *const crates[] = { "*", "acme_*", "acme_core", "tools", "a*" };
static const char *const tried[] = { "acme_core", "acme_x", "tools", "other" };
static const char *const people[] = { "anna@corp.test", "ben@corp.test", "tag:ci", "tag:ops",
    "shared:guest@elsewhere.test", "self", "header:anna", "local:bob" };
static const char *const two_tags = "tag:ci tag:ops"; /* a machine acts for both */

struct world {
    struct arena *arena;
    uint64_t seed;
    struct config config;
    struct config_grant grants[NAMES_MAX];
    struct str admins[NAMES_MAX + 1];
    struct str texts[NAMES_MAX + 1]; /* objects of the capability */
    size_t n_texts;
};

/* Who asks, and how. */
struct asker {
    struct str name;    /* or names */
    struct str acts_as; /* linked to that one; n 0: to nobody */
    bool owner, token;  /* token: all scopes, made with what the policy gives */
};

static uint32_t roll(struct world *w, uint32_t n)
{
    w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(w->seed >> 33) % n;
}

#define PICK(w, table) str_from((table)[roll((w), ARRAY_LEN(table))])

static struct config_list one(struct world *w, struct str item)
{
    struct config_list l = { arena_array(w->arena, 1, sizeof(struct str)), 1 };
    l.items[0] = item;
    return l;
}

static void random_grant(struct world *w, struct config_grant *g)
{
    *g = (struct config_grant){ .line = 1 };
    if (roll(w, 8) == 0) { /* void: kept, with empty lists */
        g->void_reason = STR("unknown key");
        return;
    }
    g->who = one(w, PICK(w, people));
    g->roles = one(w, str_from(roles[1 + roll(w, ARRAY_LEN(roles) - 1)]));
    g->crates = one(w, PICK(w, crates));
}

static struct str random_object(struct world *w)
{
    static const char *const voids[] = { "null", "7", "[]", "{}", "\"release\"",
        "{\"do\":[],\"crates\":[\"*\"]}", "{\"do\":[\"admin\"]}",
        "{\"do\":[\"read\"],\"crates\":[\"a*\"]}", "{\"do\":\"admin\",\"crates\":[\"*\"]}",
        "{\"do\":[\"admin\"],\"crates\":[\"*\"],\"until\":1}" };
    if (roll(w, 8) == 0)
        return PICK(w, voids);
    struct str role = PICK(w, roles); /* "none" is no role: void */
    struct str pattern = PICK(w, crates);
    const char *key = roll(w, 8) == 0 ? "crate" : "crates";
    return arena_printf(w->arena, "{\"do\":[\"%" STR_FMT "\"],\"%s\":[\"%" STR_FMT "\"]}",
        STR_ARG(role), key, STR_ARG(pattern));
}

static void random_world(struct world *w)
{
    w->config = (struct config){
        .accounts = PICK(w, roles),
        .members = PICK(w, roles),
        .tagged = PICK(w, roles),
        .grants = w->grants,
        .n_grants = roll(w, NAMES_MAX),
    };
    for (size_t i = 0; i < NAMES_MAX; i++)
        random_grant(w, &w->grants[i]);
    for (size_t i = 0; i < ARRAY_LEN(w->admins); i++)
        w->admins[i] = PICK(w, people);
    w->config.admins = (struct config_list){ w->admins, roll(w, 4) ? 0 : 1 + roll(w, 2) };
    w->n_texts = roll(w, NAMES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(w->texts); i++)
        w->texts[i] = random_object(w);
}

/* ---- what somebody may ---- */

static struct identity somebody(struct world *w, struct str name)
{
    struct buf list AUTO_BUF = BUF_INIT(4096);
    struct identity id = { .kind = IDENTITY_PERSON };
    struct str rest = name;
    id.keys = arena_array(w->arena, 2, sizeof(struct str));
    while (id.n_keys < 2 && str_next_word(&rest, &id.keys[id.n_keys]))
        id.n_keys++;
    if (str_starts(name, STR("tag:")))
        id.kind = IDENTITY_TAGGED;
    else if (str_starts(name, STR("shared:")))
        id.kind = IDENTITY_SHARED;
    else if (str_eq(name, STR("self")))
        id.kind = IDENTITY_SELF;
    else if (str_starts(name, STR("header:")))
        id.kind = IDENTITY_HEADER;
    buf_add_byte(&list, '[');
    for (size_t i = 0; i < w->n_texts; i++)
        buf_addf(&list, "%s%" STR_FMT, i ? "," : "", STR_ARG(w->texts[i]));
    buf_add_byte(&list, ']');
    capability_parse(w->arena, buf_str(&list), &id.capability);
    return id;
}

static struct asker random_asker(struct world *w)
{
    struct asker who = { .name = roll(w, 8) ? PICK(w, people) : str_from(two_tags) };
    struct str to = PICK(w, people);
    if (roll(w, 8) == 0 && str_find_str(who.name, to) == STR_NPOS)
        who.acts_as = to;
    who.owner = roll(w, 2);
    who.token = roll(w, 4) == 0;
    return who;
}

static void put_asker(struct access *a, const struct asker *who, const struct identity *id)
{
    struct access_principal to = { .id = 9, .key = who->acts_as };
    struct access_token t = { .id = 7,
        .principal = 1,
        .scopes = SCOPES_ALL,
        .patterns = STR("*"),
        .from = STR("any"),
        .capability = id->capability.text };
    if (to.key.n > 0)
        access_put_principal(a, &to);
    for (size_t i = 0; i < id->n_keys; i++) {
        struct access_principal p = { .id = (uint32_t)i + 1, .key = id->keys[i] };
        p.link = i == 0 && to.key.n > 0 ? to.id : 0;
        access_put_principal(a, &p);
    }
    for (size_t i = 0; i < ARRAY_LEN(tried); i++)
        access_put_crate(a, str_from(tried[i]));
    if (who->owner)
        access_put_owner(a, STR("acme_core"), to.key.n > 0 ? to.id : 1);
    if (who->token)
        access_put_token(a, &t);
}

/* A bit for each right on each crate tried. */
static uint32_t may_do(struct world *w, const struct asker *who)
{
    struct access *a = access_new(&w->config);
    struct identity id = somebody(w, who->name);
    struct caller c = { .kind = CALLER_PRINCIPAL,
        .principal = 1,
        .token = who->token ? 7 : 0,
        .sent_credential = true,
        .peer = &id };
    uint32_t bits = 0;
    put_asker(a, who, &id);
    for (unsigned right = 0; right < RIGHTS; right++) {
        for (size_t i = 0; i < ARRAY_LEN(tried); i++) {
            bool yes = access_may(a, &c, (enum right)right, str_from(tried[i]), NULL) == 0;
            bits |= (uint32_t)yes << (right * ARRAY_LEN(tried) + i);
        }
    }
    access_free(a);
    return bits;
}

static void one_more_grant_never_takes_a_right_away(void **state)
{
    struct world w = { .arena = arena_new(), .seed = 5 };
    uint32_t gained = 0;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        arena_reset(w.arena);
        random_world(&w);
        struct asker who = random_asker(&w);
        size_t *const lists[] = { &w.config.n_grants, &w.n_texts, &w.config.admins.n };
        size_t *more = lists[roll(&w, ARRAY_LEN(lists))];
        uint32_t before = may_do(&w, &who);
        (*more)++;
        uint32_t after = may_do(&w, &who);
        if (before & ~after)
            fail_msg("round %d: %.*s lost %x", round, STR_ARG(who.name), before & ~after);
        gained += after != before;
    }
    assert_in_range(gained, ROUNDS / 50, ROUNDS); /* or the worlds say nothing */
    arena_free(w.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(one_more_grant_never_takes_a_right_away) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
