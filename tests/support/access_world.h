/* People, machines and crates for tests of access: Anna, Ben and Olga of the tailnet, two tags, and
 * whoever else comes. Olga owns acme, Anna owns mine, tag:deploy owns deployed, orphan has no
 * owner. Settings are changed in config and by world_grant, then world_load makes it count. */
#pragma once
#include "auth/access.h"

#define WORLD_NOW 100000000
#define WORLD_CONTROL STR("https://control.test")

enum { WORLD_ANNA = 1, WORLD_BEN, WORLD_OLGA, WORLD_CI, WORLD_DEPLOY, WORLD_BOB };

struct world {
    struct arena *arena;
    struct config config; /* all defaults "none" */
    struct config_grant grants[4];
    struct access *access;
    struct err e;
    char text[TOKEN_LEN + 1]; /* of token 7, once put */
};

int world_setup(void **state); /* for cmocka */
int world_teardown(void **state);

struct config_list world_list(struct world *w, const char *words);
void world_grant(struct world *w, const char *who, const char *roles, const char *crates);
void world_load(struct world *w); /* forgets what was put after the last one */
void world_put(struct world *w, uint32_t id, const char *key, int64_t user_id);

/* keys: by blanks. A person's id on the tailnet is 7 for Anna, 8 for Ben, 9 for Olga, else 99. */
struct identity *world_peer(struct world *w, const char *keys, const char *capability);
/* As access_identify says it: "" and the caller, or "U", "F" and w->e. header NULL: none. */
const char *world_comes(struct world *w, const struct access_door *door,
    const struct identity *peer, const char *header, struct caller *ret);
struct caller world_caller(struct world *w, const struct identity *peer); /* with the word */
/* "", or "U", "F" and w->e. */
const char *world_may(struct world *w, const struct caller *c, enum right right, const char *crate);
/* The rights of a caller on a crate: of "rnuyoa" those that they have. */
void world_rights(struct world *w, const struct caller *c, const char *crate, char ret[RIGHTS + 1]);

/* Token 7 of principal, with all scopes and crates. */
struct access_token world_token(struct world *w, uint32_t principal, const char *from);
