/* What a person reads: why something was refused and who can change that, and what they may. */
#include "auth/access_private.h"

#define LIST_MAX 200 /* of names in a sentence */

struct str access_caller_name(const struct access *a, const struct caller *c)
{
    switch (c->kind) {
    case CALLER_ADMIN:
        return STR("admin");
    case CALLER_PRINCIPAL: {
        struct str key = access_principal_key(a, c->principal);
        return key.p ? key : STR("unknown");
    }
    case CALLER_ANONYMOUS:
        break;
    }
    return STR("anonymous");
}

/* ---- lists of names ---- */

static void add_item(struct buf *out, struct str item, const char *between)
{
    if (out->n > 0)
        buf_addf(out, "%s", between);
    buf_add(out, item);
}

/* A list that was cut says so. */
static const char *ellipsis(const struct buf *list)
{
    return buf_ok(list) ? "" : " …";
}

static void list_scopes(struct buf *out, const struct token *t)
{
    for (unsigned i = 0; i < RIGHTS; i++) {
        if (t->scopes >> i & 1)
            add_item(out, str_from(right_name((enum right)i)), " ");
    }
}

static void list_roles(struct buf *out, unsigned roles)
{
    for (unsigned i = 0; i < ROLES; i++) {
        if (roles >> i & 1)
            add_item(out, str_from(role_name((enum role)i)), ", ");
    }
}

static void list_owners(struct buf *out, const struct access *a, struct str canonical)
{
    size_t n;
    const uint32_t *ids = access_owners(a, canonical, &n);
    for (size_t i = 0; i < n && buf_ok(out); i++)
        add_item(out, access_principal_key(a, ids[i]), ", ");
}

static unsigned all_roles(const struct access *a, const struct principal *p)
{
    unsigned roles = 0;
    for (size_t i = 0, n = access_n_rules(a); i < n; i++) {
        const struct rule *r = access_rule(a, p, i);
        if (r)
            roles |= r->roles;
    }
    return roles;
}

/* ---- refusals ---- */

/* "yank acme"; the crate is left out while it is not known. */
static void add_act(struct buf *out, enum right right, struct str crate)
{
    static const struct {
        const char *one, *any;
    } acts[RIGHTS] = {
        [RIGHT_READ] = { "read this registry", "read this registry" },
        [RIGHT_PUBLISH_NEW] = { "publish the new crate ", "publish" },
        [RIGHT_PUBLISH_UPDATE] = { "publish a version of ", "publish" },
        [RIGHT_YANK] = { "yank ", "yank" },
        [RIGHT_CHANGE_OWNERS] = { "change the owners of ", "change owners" },
        [RIGHT_ADMIN] = { "administer this registry", "administer this registry" },
    };
    bool whole = right == RIGHT_READ || right == RIGHT_ADMIN || !crate.p;
    buf_addf(out, "%s", whole ? acts[right].any : acts[right].one);
    if (!whole)
        buf_add(out, utf8_clip(crate, 64));
}

static int refuse_anonymous(struct str act, enum right right, struct err *e)
{
    if (right == RIGHT_READ)
        return err_set(e, ERR_UNAUTHORIZED,
            "this registry is read with a token; ask an admin for one (`superguppy token new`) and "
            "store it with `cargo login`");
    return err_set(e, ERR_UNAUTHORIZED,
        "to %" STR_FMT " you need a token; ask an admin for one (`superguppy token new`) and store "
        "it with `cargo login`",
        STR_ARG(act));
}

static int refuse_token(const struct access *a, const struct caller *c, const struct token *t,
    enum right right, struct str act, struct err *e)
{
    struct buf list AUTO_BUF = BUF_INIT(LIST_MAX);
    struct str name = access_caller_name(a, c);
    if (!(t->scopes & SCOPE(right))) {
        list_scopes(&list, t);
        return err_set(e, ERR_FORBIDDEN,
            "token %u of %" STR_FMT " may not %" STR_FMT ": it lacks the scope %s (it has: "
            "%" STR_FMT "%s); ask an admin for a token with that scope",
            t->id, STR_ARG(utf8_clip(name, 64)), STR_ARG(act), right_name(right),
            STR_ARG(buf_str(&list)), ellipsis(&list));
    }
    struct str patterns = { t->patterns, t->n_patterns };
    return err_set(e, ERR_FORBIDDEN,
        "token %u of %" STR_FMT " may not %" STR_FMT ": it is for the crates %" STR_FMT "%s only; "
        "ask an admin for another token",
        t->id, STR_ARG(utf8_clip(name, 64)), STR_ARG(act), STR_ARG(utf8_clip(patterns, LIST_MAX)),
        patterns.n > LIST_MAX ? " …" : "");
}

static int refuse_stranger(const struct access *a, const struct principal *p, struct str act,
    struct str canonical, struct str crate, struct err *e)
{
    struct buf list AUTO_BUF = BUF_INIT(LIST_MAX);
    struct str name = utf8_clip((struct str){ p->key, p->n_key }, 64);
    list_owners(&list, a, canonical);
    if (list.n == 0)
        return err_set(e, ERR_FORBIDDEN,
            "%" STR_FMT " may not %" STR_FMT ": not an owner, and the crate has none; ask an admin",
            STR_ARG(name), STR_ARG(act));
    return err_set(e, ERR_FORBIDDEN,
        "%" STR_FMT " may not %" STR_FMT ": not an owner (owners: %" STR_FMT "%s); ask an owner to "
        "run `cargo owner --add %" STR_FMT " %" STR_FMT " --registry NAME`",
        STR_ARG(name), STR_ARG(act), STR_ARG(buf_str(&list)), ellipsis(&list), STR_ARG(name),
        STR_ARG(utf8_clip(crate, 64)));
}

static int refuse_roles(
    const struct access *a, const struct principal *p, struct str act, struct err *e)
{
    struct buf list AUTO_BUF = BUF_INIT(LIST_MAX);
    list_roles(&list, all_roles(a, p));
    if (list.n == 0)
        buf_add(&list, STR("none"));
    return err_set(e, ERR_FORBIDDEN,
        "%" STR_FMT " may not %" STR_FMT ": no role of theirs allows it (roles: %" STR_FMT
        "); ask an admin for a grant",
        STR_ARG(utf8_clip((struct str){ p->key, p->n_key }, 64)), STR_ARG(act),
        STR_ARG(buf_str(&list)));
}

int access_refuse(const struct access *a, const struct caller *c, enum right right,
    struct str canonical, struct str name, struct err *e)
{
    struct buf act AUTO_BUF = BUF_INIT(128);
    add_act(&act, right, name);
    if (c->kind != CALLER_PRINCIPAL)
        return refuse_anonymous(buf_str(&act), right, e);
    if (access_still(a, c, INT64_MIN, e) < 0) /* expiry was judged when the caller was identified */
        return -1;
    const struct principal *p = access_find_principal(a, c->principal);
    if (c->token != 0) {
        const struct token *t = access_find_token(a, c->token);
        bool covers = access_token_covers(t, right == RIGHT_ADMIN ? STR("") : canonical);
        if (!(t->scopes & SCOPE(right)) || !covers)
            return refuse_token(a, c, t, right, buf_str(&act), e);
    } else if (right != RIGHT_READ && !c->sent_credential) {
        return err_set(e, ERR_UNAUTHORIZED,
            "to %" STR_FMT " send an Authorization header, be it only the word `tailscale`: `cargo "
            "login` stores it",
            STR_ARG(buf_str(&act)));
    }
    if (access_extent(a, p, right, canonical) == EXTENT_OWN)
        return refuse_stranger(a, p, buf_str(&act), canonical, name, e);
    return refuse_roles(a, p, buf_str(&act), e);
}

/* ---- /me ---- */

static void describe_rule(struct buf *out, const struct rule *r)
{
    struct buf roles AUTO_BUF = BUF_INIT(LIST_MAX);
    list_roles(&roles, r->roles);
    buf_add(out, buf_str(&roles));
    if (r->crates.n > 0)
        buf_add(out, STR("  crates"));
    for (size_t i = 0; i < r->crates.n; i++) {
        buf_add_byte(out, ' ');
        buf_add(out, r->crates.items[i]);
    }
    buf_addf(out, "  (%s", r->source);
    if (r->line > 0)
        buf_addf(out, ", line %d", r->line);
    buf_add(out, STR(")\n"));
}

static void describe_principal(const struct access *a, const struct caller *c, struct buf *out)
{
    const struct principal *p = access_find_principal(a, c->principal);
    const struct token *t = c->token ? access_find_token(a, c->token) : NULL;
    if (!p)
        return;
    if (t) {
        struct buf scopes AUTO_BUF = BUF_INIT(LIST_MAX);
        list_scopes(&scopes, t);
        buf_addf(out, "token %u: scopes %" STR_FMT ", crates %" STR_FMT "\n", t->id,
            STR_ARG(buf_str(&scopes)), (int)t->n_patterns, t->patterns);
    }
    for (size_t i = 0, n = access_n_rules(a); i < n; i++) {
        const struct rule *r = access_rule(a, p, i);
        if (r)
            describe_rule(out, r);
    }
}

void access_describe(const struct access *a, const struct caller *c, struct buf *out)
{
    size_t before = out->n;
    if (c->kind == CALLER_ADMIN)
        buf_add(out, STR("everything  (admin socket)\n"));
    if (c->kind == CALLER_PRINCIPAL)
        describe_principal(a, c, out);
    if (c->door.anonymous_read)
        buf_add(out, STR("read  (this listener: anonymous=read)\n"));
    if (out->n == before)
        buf_add(out, STR("nothing\n"));
}
