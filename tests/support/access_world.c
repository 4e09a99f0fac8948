#include "support/access_world.h"

#include "base/mem.h"

#include <string.h>

int world_setup(void **state)
{
    struct world *w = MEM_NEW(struct world);
    w->arena = arena_new();
    w->config.members = w->config.tagged = w->config.accounts = STR("none");
    w->config.grants = w->grants;
    token_make(w->text);
    world_load(w);
    *state = w;
    return 0;
}

int world_teardown(void **state)
{
    struct world *w = *state;
    access_free(w->access);
    arena_free(w->arena);
    free(w);
    return 0;
}

struct config_list world_list(struct world *w, const char *words)
{
    struct config_list l = { .items = arena_array(w->arena, 16, sizeof(struct str)) };
    struct str rest = arena_str(w->arena, str_from(words)), word;
    while (l.n < 16 && str_next_word(&rest, &word))
        l.items[l.n++] = word;
    return l;
}

void world_grant(struct world *w, const char *who, const char *roles, const char *crates)
{
    struct config_grant *g = &w->grants[w->config.n_grants++];
    *g = (struct config_grant){ .who = world_list(w, who),
        .roles = world_list(w, roles),
        .crates = world_list(w, crates),
        .line = (int)(10 + w->config.n_grants) };
}

void world_put(struct world *w, uint32_t id, const char *key, int64_t user_id)
{
    struct access_principal p = { .id = id,
        .key = str_from(key),
        .control = user_id ? WORLD_CONTROL : STR_NONE,
        .user_id = user_id,
        .last_seen = user_id ? WORLD_NOW : 0 };
    access_put_principal(w->access, &p);
}

void world_load(struct world *w)
{
    access_free(w->access);
    w->access = access_new(&w->config);
    world_put(w, WORLD_ANNA, "anna@corp.test", 7);
    world_put(w, WORLD_BEN, "ben@corp.test", 8);
    world_put(w, WORLD_OLGA, "olga@corp.test", 9);
    world_put(w, WORLD_CI, "tag:ci", 0);
    world_put(w, WORLD_DEPLOY, "tag:deploy", 0);
    world_put(w, WORLD_BOB, "local:bob", 0);
    access_put_owner(w->access, STR("acme"), WORLD_OLGA);
    access_put_owner(w->access, STR("mine"), WORLD_ANNA);
    access_put_owner(w->access, STR("deployed"), WORLD_DEPLOY);
    access_put_crate(w->access, STR("orphan"));
}

static enum identity_kind kind_of(struct str key)
{
    if (str_starts(key, STR("tag:")))
        return IDENTITY_TAGGED;
    if (str_starts(key, STR("shared:")))
        return IDENTITY_SHARED;
    if (str_starts(key, STR("header:")))
        return IDENTITY_HEADER;
    return str_eq(key, STR("self")) ? IDENTITY_SELF : IDENTITY_PERSON;
}

static int64_t user_id_of(const struct identity *id)
{
    static const char *const logins[] = { "anna@corp.test", "ben@corp.test", "olga@corp.test" };
    if (id->kind != IDENTITY_PERSON && id->kind != IDENTITY_SHARED)
        return 0;
    for (int i = 0; i < (int)ARRAY_LEN(logins); i++) {
        if (str_eq(id->keys[0], str_from(logins[i])))
            return 7 + i;
    }
    return 99;
}

struct identity *world_peer(struct world *w, const char *keys, const char *capability)
{
    struct identity *id = ARENA_NEW(w->arena, struct identity);
    struct config_list list = world_list(w, keys);
    id->keys = list.items;
    id->n_keys = list.n;
    id->kind = kind_of(id->keys[0]);
    id->user_id = user_id_of(id);
    if (id->user_id)
        id->control = WORLD_CONTROL;
    if (id->kind != IDENTITY_HEADER) {
        id->node = STR("laptop.rig.test");
        id->stable_id = STR("nLAPTOP");
        id->address = STR("100.64.0.7");
    }
    capability_parse(w->arena, str_from(capability), &id->capability);
    return id;
}

static const char *verdict(const struct err *e)
{
    if (!e->text[0] || !utf8_valid(str_from(e->text)))
        return "no sentence";
    if (e->kind == ERR_UNAUTHORIZED)
        return "U";
    return e->kind == ERR_FORBIDDEN ? "F" : "another kind of error";
}

const char *world_comes(struct world *w, const struct access_door *door,
    const struct identity *peer, const char *header, struct caller *ret)
{
    const struct access_peer p = { .identity = peer };
    err_clear(&w->e);
    *ret = (struct caller){ 0 };
    if (access_identify(w->access, door, &p, str_from(header), WORLD_NOW, ret, &w->e) == 0)
        return "";
    return verdict(&w->e);
}

struct caller world_caller(struct world *w, const struct identity *peer)
{
    const struct access_door door = { .identity = LISTEN_TAILSCALE };
    struct caller c;
    (void)world_comes(w, &door, peer, "tailscale", &c);
    return c;
}

const char *world_may(struct world *w, const struct caller *c, enum right right, const char *crate)
{
    err_clear(&w->e);
    if (access_may(w->access, c, right, str_from(crate), &w->e) == 0)
        return "";
    return verdict(&w->e);
}

void world_rights(struct world *w, const struct caller *c, const char *crate, char ret[RIGHTS + 1])
{
    size_t n = 0;
    for (unsigned right = 0; right < RIGHTS; right++) {
        if (access_may(w->access, c, (enum right)right, str_from(crate), NULL) == 0)
            ret[n++] = "rnuyoa"[right];
    }
    ret[n] = '\0';
}

struct access_token world_token(struct world *w, uint32_t principal, const char *from)
{
    struct access_token t = { .id = 7,
        .principal = principal,
        .scopes = SCOPES_ALL,
        .patterns = STR("*"),
        .from = str_from(from) };
    token_hash(str_from(w->text), t.hash);
    return t;
}
