/* Whose rights they are, which rules apply to them, and what these give. Rules are united and
 * nothing subtracts, so the order of the walk means nothing. */
#include "auth/access_private.h"

#include <string.h>

/* ---- subjects ---- */

enum principal_kind principal_kind(struct str key)
{
    static const struct {
        struct str prefix;
        enum principal_kind kind;
    } kinds[] = {
        { { "local:", 6 }, PRINCIPAL_ACCOUNT },
        { { "ktra-secure-auth:", 17 }, PRINCIPAL_ACCOUNT },
        { { "tag:", 4 }, PRINCIPAL_TAG },
        { { "header:", 7 }, PRINCIPAL_HEADER },
        { { "shared:", 7 }, PRINCIPAL_SHARED },
    };
    if (str_eq(key, STR("self")))
        return PRINCIPAL_SELF;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (str_starts(key, kinds[i].prefix))
            return kinds[i].kind;
    }
    return PRINCIPAL_PERSON;
}

static void add_key(
    const struct access *a, struct subject *s, const struct principal *p, struct str key)
{
    /* A block holds for the name that was blocked, whomever it acts as. */
    const struct principal *as = p && p->blocked ? p : access_follow(a, p);
    if (s->n == SUBJECT_KEYS_MAX)
        return;
    s->keys[s->n] = as ? as->key : key;
    s->principals[s->n++] = as;
}

static bool lists(const struct config_list *who, const struct subject *s)
{
    for (size_t i = 0; i < who->n; i++) {
        for (size_t k = 0; k < s->n; k++) {
            if (str_eq(who->items[i], s->keys[k]))
                return true;
        }
    }
    return false;
}

/* Those who are shared in and the registry's own node get nothing, the policy's grants included,
 * unless the configuration names them as what they are. */
static bool capability_counts(const struct access *a, const struct subject *s)
{
    bool named = lists(&a->config->admins, s);
    for (size_t i = 0; i < s->n; i++) {
        enum principal_kind kind = principal_kind(s->keys[i]);
        if (kind != PRINCIPAL_SHARED && kind != PRINCIPAL_SELF)
            return true;
    }
    for (size_t i = 0; i < a->config->n_grants && !named; i++)
        named = lists(&a->config->grants[i].who, s);
    return named;
}

static void set_capability(
    const struct access *a, struct subject *s, const struct capability *capability)
{
    s->capability = capability->n > 0 && capability_counts(a, s) ? capability : NULL;
}

bool access_subject_of_peer(
    const struct access *a, const struct identity *peer, struct subject *ret)
{
    ret->n = 0;
    for (size_t i = 0; i < peer->n_keys; i++)
        add_key(a, ret, access_find_key(a, peer->keys[i]), peer->keys[i]);
    set_capability(a, ret, &peer->capability);
    return ret->n > 0;
}

/* A token replaces the peer: it is its principal's, with what the policy gave when it was made. */
static bool subject_of_token(const struct access *a, const struct token *t, struct subject *ret)
{
    const struct principal *p = access_find_principal(a, t->principal);
    if (!p)
        return false;
    add_key(a, ret, p, p->key);
    set_capability(a, ret, &t->capability);
    return true;
}

bool access_subject(const struct access *a, const struct caller *c, struct subject *ret)
{
    ret->n = 0;
    ret->capability = NULL;
    if (c->kind != CALLER_PRINCIPAL)
        return false;
    if (c->token != 0) {
        const struct token *t = access_find_token(a, c->token);
        return t && subject_of_token(a, t, ret);
    }
    if (c->peer)
        return access_subject_of_peer(a, c->peer, ret);
    const struct principal *p = access_find_principal(a, c->principal);
    if (p)
        add_key(a, ret, p, p->key);
    return p != NULL;
}

const struct principal *access_blocked(const struct subject *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->principals[i] && s->principals[i]->blocked)
            return s->principals[i];
    }
    return NULL;
}

bool access_acts_for(const struct access *a, const struct identity *peer, uint32_t principal)
{
    const struct principal *want = access_follow(a, access_find_principal(a, principal));
    struct subject s;
    if (!want || !access_subject_of_peer(a, peer, &s))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.principals[i] == want)
            return true;
    }
    return false;
}

bool access_subject_owns(const struct access *a, const struct subject *s, struct str canonical)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->principals[i] && access_owns(a, canonical, s->principals[i]->id))
            return true;
    }
    return false;
}

bool access_is_owner(const struct access *a, const struct caller *c, struct str canonical)
{
    struct subject s;
    return access_subject(a, c, &s) && access_subject_owns(a, &s, canonical);
}

/* ---- rules ---- */

enum { RULE_ACCOUNTS, RULE_MEMBERS, RULE_TAGGED, RULE_ADMINS, RULE_GRANTS };

size_t access_n_rules(const struct access *a, const struct subject *s)
{
    return RULE_GRANTS + a->config->n_grants + (s->capability ? s->capability->n : 0);
}

static bool has_kind(const struct subject *s, enum principal_kind kind)
{
    for (size_t i = 0; i < s->n; i++) {
        if (principal_kind(s->keys[i]) == kind)
            return true;
    }
    return false;
}

static bool grant_rule(const struct access *a, const struct subject *s, size_t i, struct rule *ret)
{
    if (i < a->config->n_grants) {
        *ret = a->grants[i];
        return lists(&a->config->grants[i].who, s);
    }
    i -= a->config->n_grants;
    if (!s->capability)
        return false;
    *ret = (struct rule){
        .roles = s->capability->rules[i].roles,
        .crates = s->capability->rules[i].crates,
        .source = "tailnet policy",
        .line = (int)i + 1,
    };
    return true;
}

bool access_rule(const struct access *a, const struct subject *s, size_t i, struct rule *ret)
{
    bool applies = false;
    switch (i) {
    case RULE_ACCOUNTS:
        *ret = a->accounts;
        applies = has_kind(s, PRINCIPAL_ACCOUNT);
        break;
    case RULE_MEMBERS:
        *ret = a->members;
        applies = has_kind(s, PRINCIPAL_PERSON);
        break;
    case RULE_TAGGED:
        *ret = a->tagged;
        applies = has_kind(s, PRINCIPAL_TAG);
        break;
    case RULE_ADMINS:
        *ret = a->admins;
        applies = lists(&a->config->admins, s);
        break;
    default:
        applies = grant_rule(a, s, i - RULE_GRANTS, ret);
        break;
    }
    return applies && ret->roles != 0;
}

/* Reading and administering are of the whole registry; patterns bound what may be changed. */
bool access_rule_covers(const struct rule *r, enum right right, struct str canonical)
{
    if (r->crates.n == 0 || !canonical.p || right == RIGHT_READ || right == RIGHT_ADMIN)
        return true;
    for (size_t i = 0; i < r->crates.n; i++) {
        if (pattern_matches(r->crates.items[i], canonical))
            return true;
    }
    return false;
}

static enum extent rule_extent(const struct rule *r, enum right right)
{
    enum extent widest = EXTENT_NONE;
    for (unsigned role = 0; role < ROLES; role++) {
        enum extent extent = role_extent((enum role)role, right);
        if (r->roles >> role & 1 && extent > widest)
            widest = extent;
    }
    return widest;
}

enum extent access_extent(
    const struct access *a, const struct subject *s, enum right right, struct str canonical)
{
    enum extent widest = EXTENT_NONE;
    size_t n = access_n_rules(a, s);
    for (size_t i = 0; i < n && widest < EXTENT_ANY; i++) {
        struct rule r;
        if (!access_rule(a, s, i, &r) || !access_rule_covers(&r, right, canonical))
            continue;
        enum extent extent = rule_extent(&r, right);
        if (extent > widest)
            widest = extent;
    }
    return widest;
}

/* ---- the decision ---- */

bool access_token_covers(const struct token *t, struct str canonical)
{
    struct str rest = t->patterns, pattern;
    while (str_next_word(&rest, &pattern)) {
        if (!canonical.p || pattern_matches(pattern, canonical))
            return true;
    }
    return false;
}

static bool token_may(const struct token *t, enum right right, struct str canonical)
{
    if (right == RIGHT_READ)
        return true; /* in every token, as far as its principal may */
    if (!(t->scopes & SCOPE(right)))
        return false;
    /* Administering is not of one crate, so a token for some crates alone cannot do it. */
    return access_token_covers(t, right == RIGHT_ADMIN ? STR("") : canonical);
}

bool access_has_both(const struct access *a, const struct caller *c)
{
    const struct token *t = c->token ? access_find_token(a, c->token) : NULL;
    return t && c->peer && access_acts_for(a, c->peer, t->principal);
}

static bool subject_may(
    const struct access *a, const struct subject *s, enum right right, struct str canonical)
{
    enum extent extent = access_extent(a, s, right, canonical);
    if (extent != EXTENT_OWN)
        return extent == EXTENT_ANY;
    return !canonical.p || access_subject_owns(a, s, canonical);
}

static bool known_may(
    const struct access *a, const struct caller *c, enum right right, struct str canonical)
{
    struct subject s;
    if (!access_subject(a, c, &s) || access_blocked(&s))
        return false;
    if (right != RIGHT_READ && a->config->changes_need_token && !access_has_both(a, c))
        return false;
    if (c->token == 0 && right != RIGHT_READ && !c->sent_credential)
        return false;
    if (c->token != 0 && !token_may(access_find_token(a, c->token), right, canonical))
        return false;
    return subject_may(a, &s, right, canonical);
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

/* ---- which grant it was ---- */

static void add_source(const struct rule *r, struct buf *out)
{
    buf_addf(out, "%s", r->source);
    if (r->line > 0)
        buf_addf(
            out, ", %s %d", strcmp(r->source, "tailnet policy") == 0 ? "object" : "line", r->line);
}

static void add_grant(const struct access *a, const struct subject *s, enum right right,
    struct str canonical, struct buf *out)
{
    bool owns = access_subject_owns(a, s, canonical);
    for (size_t i = access_n_rules(a, s); i-- > 0;) { /* what names them before the defaults */
        struct rule r;
        if (!access_rule(a, s, i, &r) || !access_rule_covers(&r, right, canonical))
            continue;
        enum extent extent = rule_extent(&r, right);
        if (extent == EXTENT_ANY || (extent == EXTENT_OWN && owns)) {
            add_source(&r, out);
            return;
        }
    }
}

void access_grant_used(const struct access *a, const struct caller *c, enum right right,
    struct str canonical, struct buf *out)
{
    struct subject s;
    if (!may(a, c, right, canonical))
        return;
    if (c->kind == CALLER_ADMIN)
        buf_add(out, STR("admin socket"));
    else if (access_subject(a, c, &s) && access_extent(a, &s, right, canonical) != EXTENT_NONE)
        add_grant(a, &s, right, canonical, out);
    else
        buf_add(out, STR("anonymous"));
}
