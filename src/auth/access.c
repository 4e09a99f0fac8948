/* A decision is a few look-ups and a walk over the configured grants; it holds no lock and asks no
 * database, so a closed registry answers as fast as an open one, and a change counts from the next
 * request on. */
#include "auth/access_private.h"

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

static void read_config(struct access *a, const struct config *c)
{
    enum role role;
    a->accounts = (struct rule){ .source = "access.accounts" };
    if (role_from_name(c->accounts, &role))
        a->accounts.roles = 1u << role;
    a->admins = (struct rule){ .source = "access.admins", .roles = 1u << ROLE_ADMIN };
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

void access_free(struct access *a)
{
    if (!a)
        return;
    map_free(a->principal_keys, NULL);
    map_free(a->token_hashes, NULL);
    map_free(a->principals, free);
    map_free(a->tokens, free);
    map_free(a->crates, free_owners);
    free(a->grants);
    free(a);
}

/* ---- changes ---- */

void access_put_principal(struct access *a, uint32_t id, struct str key, bool blocked)
{
    assert(id != 0);
    struct principal *p = mem_zalloc(sizeof(*p) + key.n), *old;
    p->id = id;
    p->blocked = blocked;
    p->n_key = key.n;
    if (key.n)
        memcpy(p->key, key.p, key.n);
    old = map_put(a->principals, ID_KEY(id), p);
    if (old)
        (void)map_remove(a->principal_keys, (struct str){ old->key, old->n_key });
    (void)map_put(a->principal_keys, key, p);
    free(old);
}

void access_drop_token(struct access *a, uint32_t id)
{
    struct token *t = map_remove(a->tokens, ID_KEY(id));
    if (!t)
        return;
    (void)map_remove(a->token_hashes, (struct str){ (const char *)t->hash, sizeof(t->hash) });
    free(t);
}

void access_put_token(struct access *a, const struct access_token *from)
{
    assert(from->id != 0 && from->principal != 0);
    access_drop_token(a, from->id);
    struct token *t = mem_zalloc(sizeof(*t) + from->patterns.n);
    t->id = from->id;
    t->principal = from->principal;
    t->scopes = from->scopes;
    t->expires = from->expires;
    memcpy(t->hash, from->hash, sizeof(t->hash));
    t->n_patterns = from->patterns.n;
    if (t->n_patterns)
        memcpy(t->patterns, from->patterns.p, t->n_patterns);
    (void)map_put(a->tokens, ID_KEY(t->id), t);
    (void)map_put(a->token_hashes, (struct str){ (const char *)t->hash, sizeof(t->hash) }, t);
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
}

/* ---- look-ups ---- */

const struct principal *access_find_principal(const struct access *a, uint32_t id)
{
    return map_get(a->principals, ID_KEY(id));
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
    const struct principal *p = map_get(a->principal_keys, key);
    return p ? p->id : 0;
}

struct str access_principal_key(const struct access *a, uint32_t id)
{
    const struct principal *p = access_find_principal(a, id);
    return p ? (struct str){ p->key, p->n_key } : STR_NONE;
}

const uint32_t *access_owners(const struct access *a, struct str canonical, size_t *ret_n)
{
    const struct owners *o = map_get(a->crates, canonical);
    *ret_n = o ? o->n : 0;
    return o ? o->ids : NULL;
}

size_t access_void_grants(const struct access *a)
{
    return a->n_void;
}

/* ---- who ---- */

static int check_principal(const struct access *a, uint32_t id, struct err *e)
{
    const struct principal *p = access_find_principal(a, id);
    if (!p)
        return err_set(e, ERR_UNAUTHORIZED, "the owner of this token is not known here any more");
    if (p->blocked)
        return err_set(e, ERR_UNAUTHORIZED,
            "%" STR_FMT " is blocked on this registry; ask an admin", (int)p->n_key, p->key);
    return 0;
}

static int check_token(const struct access *a, const struct token *t, int64_t now, struct err *e)
{
    if (!t)
        return err_set(e, ERR_UNAUTHORIZED,
            "this token is not known here: it was revoked or belongs to another registry; ask an "
            "admin for a new one");
    if (t->expires != 0 && t->expires <= now)
        return err_set(e, ERR_UNAUTHORIZED,
            "token %u has expired; ask an admin for a new one (`superguppy token new`)", t->id);
    return check_principal(a, t->principal, e);
}

static int identify_token(
    const struct access *a, struct str text, int64_t now, struct caller *ret, struct err *e)
{
    uint8_t hash[SHA256_LEN];
    token_hash(text, hash);
    const struct token *t =
        map_get(a->token_hashes, (struct str){ (const char *)hash, sizeof(hash) });
    if (check_token(a, t, now, e) < 0)
        return -1;
    ret->kind = CALLER_PRINCIPAL;
    ret->principal = t->principal;
    ret->token = t->id;
    return 0;
}

int access_identify(const struct access *a, const struct access_door *door,
    struct str authorization, int64_t now, struct caller *ret, struct err *e)
{
    struct str text;
    struct caller c = { .kind = door->admin ? CALLER_ADMIN : CALLER_ANONYMOUS, .door = *door };
    switch (credential_read(authorization, &text)) {
    case CREDENTIAL_NONE:
        break;
    case CREDENTIAL_NETWORK:
        if (!door->admin)
            return err_set(e, ERR_UNAUTHORIZED,
                "the words `tailscale` and `network` mean \"ask the network who I am\", and this "
                "listener cannot; use a token of your own (`superguppy token new`, then `cargo "
                "login`)");
        c.sent_credential = true;
        break;
    case CREDENTIAL_TOKEN:
        c.sent_credential = true;
        if (identify_token(a, text, now, &c, e) < 0)
            return -1;
        break;
    case CREDENTIAL_OTHER:
        return err_set(e, ERR_UNAUTHORIZED,
            "what was sent as a token is none of this registry (they begin with sgp_, with or "
            "without `Bearer ` before it), or was cut or mistyped; `cargo login` stores the right "
            "one");
    }
    *ret = c;
    return 0;
}

int access_still(const struct access *a, const struct caller *c, int64_t now, struct err *e)
{
    if (c->kind != CALLER_PRINCIPAL)
        return 0;
    if (c->token != 0)
        return check_token(a, access_find_token(a, c->token), now, e);
    return check_principal(a, c->principal, e);
}

/* ---- the decision ---- */

static bool names(const struct config_list *who, const struct principal *p)
{
    for (size_t i = 0; i < who->n; i++) {
        if (str_eq(who->items[i], (struct str){ p->key, p->n_key }))
            return true;
    }
    return false;
}

size_t access_n_rules(const struct access *a)
{
    return 2 + a->config->n_grants;
}

const struct rule *access_rule(const struct access *a, const struct principal *p, size_t i)
{
    const struct rule *r;
    bool applies;
    if (i == 0) {
        r = &a->accounts;
        applies = str_starts((struct str){ p->key, p->n_key }, STR("local:"));
    } else if (i == 1) {
        r = &a->admins;
        applies = names(&a->config->admins, p);
    } else {
        r = &a->grants[i - 2];
        applies = names(&a->config->grants[i - 2].who, p);
    }
    return applies && r->roles != 0 ? r : NULL;
}

/* Reading and administering are of the whole registry; patterns bound what may be changed. */
static bool rule_covers(const struct rule *r, enum right right, struct str canonical)
{
    if (r->crates.n == 0 || !canonical.p || right == RIGHT_READ || right == RIGHT_ADMIN)
        return true;
    for (size_t i = 0; i < r->crates.n; i++) {
        if (pattern_matches(r->crates.items[i], canonical))
            return true;
    }
    return false;
}

enum extent access_extent(
    const struct access *a, const struct principal *p, enum right right, struct str canonical)
{
    enum extent widest = EXTENT_NONE;
    for (size_t i = 0, n = access_n_rules(a); i < n; i++) {
        const struct rule *r = access_rule(a, p, i);
        if (!r || !rule_covers(r, right, canonical))
            continue;
        for (unsigned role = 0; role < ROLES; role++) {
            enum extent extent = role_extent((enum role)role, right);
            if (r->roles >> role & 1 && extent > widest)
                widest = extent;
        }
    }
    return widest;
}

bool access_token_covers(const struct token *t, struct str canonical)
{
    struct str rest = { t->patterns, t->n_patterns }, pattern;
    while (str_next_word(&rest, &pattern)) {
        if (!canonical.p || pattern_matches(pattern, canonical))
            return true;
    }
    return false;
}

static bool principal_may(
    const struct access *a, const struct principal *p, enum right right, struct str canonical)
{
    enum extent extent = access_extent(a, p, right, canonical);
    if (extent != EXTENT_OWN)
        return extent == EXTENT_ANY;
    const struct owners *o = canonical.p ? map_get(a->crates, canonical) : NULL;
    return !canonical.p || (o && find_owner(o, p->id) < o->n);
}

static bool token_may(const struct token *t, enum right right, struct str canonical)
{
    if (right == RIGHT_READ)
        return true;
    if (!(t->scopes & SCOPE(right)))
        return false;
    /* Administering is not of one crate, so a token for some crates alone cannot do it. */
    return access_token_covers(t, right == RIGHT_ADMIN ? STR("") : canonical);
}

static bool known_may(
    const struct access *a, const struct caller *c, enum right right, struct str canonical)
{
    const struct principal *p = access_find_principal(a, c->principal);
    if (!p || p->blocked)
        return false;
    if (c->token == 0)
        return (right == RIGHT_READ || c->sent_credential) && principal_may(a, p, right, canonical);
    const struct token *t = access_find_token(a, c->token);
    if (!t || !token_may(t, right, canonical))
        return false;
    return right == RIGHT_READ || principal_may(a, p, right, canonical);
}

static bool may(
    const struct access *a, const struct caller *c, enum right right, struct str canonical)
{
    switch (c->kind) {
    case CALLER_ADMIN:
        return true;
    case CALLER_PRINCIPAL:
        if (right == RIGHT_READ && c->door.anonymous_read)
            return true;
        return known_may(a, c, right, canonical);
    case CALLER_ANONYMOUS:
        break;
    }
    return right == RIGHT_READ && c->door.anonymous_read;
}

int access_may_named(const struct access *a, const struct caller *c, enum right right,
    struct str canonical, struct str name, struct err *e)
{
    if (may(a, c, right, canonical))
        return 0;
    /* Before its body is read a publish may still be of either kind. */
    if (!canonical.p && right == RIGHT_PUBLISH_NEW && may(a, c, RIGHT_PUBLISH_UPDATE, canonical))
        return 0;
    if (!canonical.p && right == RIGHT_PUBLISH_UPDATE && may(a, c, RIGHT_PUBLISH_NEW, canonical))
        return 0;
    return access_refuse(a, c, right, canonical, name, e);
}

int access_may(const struct access *a, const struct caller *c, enum right right,
    struct str canonical, struct err *e)
{
    return access_may_named(a, c, right, canonical, canonical, e);
}
