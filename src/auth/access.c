/* A decision is a few look-ups and a walk over the configured grants; it holds no lock and asks no
 * database, so a closed registry answers as fast as an open one, and a change counts from the next
 * request on. */
#include "auth/access_private.h"

#include "base/buf.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

#define ID_KEY(id) ((struct str){ (const char *)&(id), sizeof(id) })

/* ---- making ---- */

static struct rule grant_rule(const struct config_grant *g)
{
    struct rule r = { .source = "access.grant", .line = g->line, .crates = g->crates };
    enum role role;
    for (size_t i = 0; i < g->roles.n; i++) {
        if (role_from_name(g->roles.items[i], &role))
            r.roles |= 1u << role;
    }
    return r;
}

static struct rule default_rule(const char *source, struct str setting)
{
    struct rule r = { .source = source };
    enum role role;
    if (role_from_name(setting, &role))
        r.roles = 1u << role;
    return r;
}

static void read_config(struct access *a, const struct config *c)
{
    a->accounts = default_rule("access.accounts", c->accounts);
    a->members = default_rule("access.members", c->members);
    a->tagged = default_rule("access.tagged", c->tagged);
    a->admins = default_rule("access.admins", STR("admin"));
    a->grants = mem_array(c->n_grants, sizeof(*a->grants));
    for (size_t i = 0; i < c->n_grants; i++) {
        if (c->grants[i].void_reason.p)
            a->n_void++;
        else
            a->grants[i] = grant_rule(&c->grants[i]);
    }
}

struct access *access_new(const struct config *c)
{
    struct access *a = MEM_NEW(struct access);
    a->config = c;
    read_config(a, c);
    a->principals = map_new();
    a->principal_keys = map_new();
    a->persons = map_new();
    a->tokens = map_new();
    a->token_hashes = map_new();
    a->crates = map_new();
    return a;
}

static void free_owners(void *value)
{
    struct owners *o = value;
    free(o->ids);
    free(o);
}

static void free_token(void *value)
{
    struct token *t = value;
    arena_free(t->arena);
    free(t);
}

void access_free(struct access *a)
{
    if (!a)
        return;
    map_free(a->principal_keys, NULL);
    map_free(a->persons, NULL);
    map_free(a->token_hashes, NULL);
    map_free(a->principals, free);
    map_free(a->tokens, free_token);
    map_free(a->crates, free_owners);
    free(a->grants);
    free(a);
}

/* ---- changes ---- */

/* Appends s behind a struct that was allocated with room for it. */
static struct str put_behind(char **at, struct str s)
{
    struct str kept = { *at, s.n };
    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return kept;
}

static void person_key(struct str control, int64_t user_id, struct buf *out)
{
    buf_addf(out, "%lld ", (long long)user_id);
    buf_add(out, control);
}

static void index_person(struct access *a, const struct principal *p, bool on)
{
    struct buf key AUTO_BUF = BUF_INIT(4096);
    if (p->user_id == 0)
        return;
    person_key(p->control, p->user_id, &key);
    if (on)
        (void)map_put(a->persons, buf_str(&key), (void *)(uintptr_t)p);
    else if (map_get(a->persons, buf_str(&key)) == p)
        (void)map_remove(a->persons, buf_str(&key));
}

void access_put_principal(struct access *a, const struct access_principal *from)
{
    assert(from->id != 0);
    struct principal *p = mem_zalloc(sizeof(*p) + from->key.n + from->control.n), *old;
    char *at = (char *)(p + 1);
    p->id = from->id;
    p->link = from->link;
    p->blocked = from->blocked;
    p->user_id = from->user_id;
    p->last_seen = from->last_seen;
    p->key = put_behind(&at, from->key);
    p->control = put_behind(&at, from->control);
    old = map_put(a->principals, ID_KEY(p->id), p);
    if (old) {
        index_person(a, old, false);
        (void)map_remove(a->principal_keys, old->key);
    }
    (void)map_put(a->principal_keys, p->key, p);
    index_person(a, p, true);
    free(old);
    a->generation++;
}

void access_saw(struct access *a, uint32_t principal, int64_t now)
{
    struct principal *p = map_get(a->principals, ID_KEY(principal));
    if (!p || now <= p->last_seen)
        return;
    if (now > p->last_seen + SEEN_WITHIN_S)
        a->generation++; /* their tokens count again */
    p->last_seen = now;
}

void access_drop_token(struct access *a, uint32_t id)
{
    struct token *t = map_remove(a->tokens, ID_KEY(id));
    if (!t)
        return;
    (void)map_remove(a->token_hashes, (struct str){ (const char *)t->hash, sizeof(t->hash) });
    free_token(t);
    a->generation++;
}

void access_put_token(struct access *a, const struct access_token *from)
{
    assert(from->id != 0 && from->principal != 0);
    access_drop_token(a, from->id);
    struct token *t = mem_zalloc(sizeof(*t) + from->patterns.n + from->from.n);
    char *at = (char *)(t + 1);
    t->id = from->id;
    t->principal = from->principal;
    t->scopes = from->scopes;
    t->expires = from->expires;
    memcpy(t->hash, from->hash, sizeof(t->hash));
    t->patterns = put_behind(&at, from->patterns);
    t->from = put_behind(&at, from->from);
    if (from->capability.n > 0) {
        t->arena = arena_new();
        capability_parse(t->arena, from->capability, &t->capability);
    }
    (void)map_put(a->tokens, ID_KEY(t->id), t);
    (void)map_put(a->token_hashes, (struct str){ (const char *)t->hash, sizeof(t->hash) }, t);
    a->generation++;
}

static struct owners *ensure_crate(struct access *a, struct str canonical)
{
    struct owners *o = map_get(a->crates, canonical);
    if (!o) {
        o = MEM_NEW(struct owners);
        (void)map_put(a->crates, canonical, o);
    }
    return o;
}

void access_put_crate(struct access *a, struct str canonical)
{
    (void)ensure_crate(a, canonical);
}

static size_t find_owner(const struct owners *o, uint32_t principal)
{
    size_t i = 0;
    while (i < o->n && o->ids[i] != principal)
        i++;
    return i;
}

void access_put_owner(struct access *a, struct str canonical, uint32_t principal)
{
    struct owners *o = ensure_crate(a, canonical);
    if (find_owner(o, principal) < o->n)
        return;
    if (o->n == o->cap) {
        o->cap = o->cap ? 2 * o->cap : 1;
        o->ids = mem_realloc(o->ids, o->cap * sizeof(*o->ids));
    }
    o->ids[o->n++] = principal;
    a->generation++;
}

void access_drop_owner(struct access *a, struct str canonical, uint32_t principal)
{
    struct owners *o = map_get(a->crates, canonical);
    if (!o)
        return;
    size_t i = find_owner(o, principal);
    if (i == o->n)
        return;
    o->n--;
    memmove(o->ids + i, o->ids + i + 1, (o->n - i) * sizeof(*o->ids));
    a->generation++;
}

/* ---- look-ups ---- */

const struct principal *access_find_principal(const struct access *a, uint32_t id)
{
    return map_get(a->principals, ID_KEY(id));
}

const struct principal *access_find_key(const struct access *a, struct str key)
{
    return map_get(a->principal_keys, key);
}

const struct principal *access_follow(const struct access *a, const struct principal *p)
{
    const struct principal *to = p && p->link ? access_find_principal(a, p->link) : NULL;
    return to ? to : p;
}

const struct principal *access_find_person(
    const struct access *a, struct str control, int64_t user_id)
{
    struct buf key AUTO_BUF = BUF_INIT(4096);
    person_key(control, user_id, &key);
    return map_get(a->persons, buf_str(&key));
}

const struct token *access_find_token(const struct access *a, uint32_t id)
{
    return map_get(a->tokens, ID_KEY(id));
}

bool access_has_crate(const struct access *a, struct str canonical)
{
    return map_get(a->crates, canonical) != NULL;
}

uint32_t access_principal_id(const struct access *a, struct str key)
{
    const struct principal *p = access_find_key(a, key);
    return p ? p->id : 0;
}

bool access_is_blocked(const struct access *a, uint32_t id)
{
    const struct principal *p = access_find_principal(a, id);
    return p && p->blocked;
}

uint32_t access_acting_id(const struct access *a, struct str key)
{
    const struct principal *p = access_follow(a, access_find_key(a, key));
    return p ? p->id : 0;
}

struct str access_principal_key(const struct access *a, uint32_t id)
{
    const struct principal *p = access_find_principal(a, id);
    return p ? p->key : STR_NONE;
}

const uint32_t *access_owners(const struct access *a, struct str canonical, size_t *ret_n)
{
    const struct owners *o = map_get(a->crates, canonical);
    *ret_n = o ? o->n : 0;
    return o ? o->ids : NULL;
}

bool access_owns(const struct access *a, struct str canonical, uint32_t principal)
{
    const struct owners *o = map_get(a->crates, canonical);
    return o && find_owner(o, principal) < o->n;
}

size_t access_void_grants(const struct access *a)
{
    return a->n_void;
}

uint64_t access_generation(const struct access *a)
{
    return a->generation;
}

void access_succeed(struct access *a, const struct access *before)
{
    a->generation += before->generation + 1;
}

bool access_nobody_is_admin(const struct access *a)
{
    unsigned roles = a->members.roles | a->tagged.roles | a->accounts.roles;
    for (size_t i = 0; i < a->config->n_grants; i++)
        roles |= a->grants[i].roles;
    return a->config->admins.n == 0 && !(roles >> ROLE_ADMIN & 1);
}
