/* What a person reads: why something was refused and who can change that, and what they may. */
#include "auth/access_private.h"

#include "base/clock.h"

#define LIST_MAX 200 /* of names in a sentence */
#define WHO_MAX 200

struct str access_caller_name(const struct access *a, const struct caller *c)
{
    switch (c->kind) {
    case CALLER_ADMIN:
        return STR("admin");
    case CALLER_PRINCIPAL: {
        struct str key = access_principal_key(a, c->principal);
        if (key.p)
            return key;
        return c->peer ? c->peer->keys[0] : STR("unknown");
    }
    case CALLER_ANONYMOUS:
        break;
    }
    return STR("anonymous");
}

void access_describe_peer(const struct identity *peer, struct buf *out)
{
    struct buf name AUTO_BUF = BUF_INIT(4096);
    identity_name(peer, &name);
    buf_add(out, utf8_clip(buf_str(&name), 64));
    if (peer->node.n > 0)
        buf_addf(out, " (node %" STR_FMT ", %" STR_FMT ")", STR_ARG(utf8_clip(peer->node, 64)),
            STR_ARG(utf8_clip(peer->address, 45)));
}

/* Who we think it is, for the beginning of a sentence. */
static void add_who(struct buf *out, const struct access *a, const struct caller *c)
{
    if (c->token == 0 && c->peer)
        access_describe_peer(c->peer, out);
    else
        buf_add(out, utf8_clip(access_caller_name(a, c), 80));
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
        add_item(out, utf8_clip(access_principal_key(a, ids[i]), 64), ", ");
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

static int refuse_anonymous(
    const struct access *a, const struct caller *c, struct str act, enum right right, struct err *e)
{
    if (right != RIGHT_READ && a->config->changes_need_token)
        return err_set(e, ERR_FORBIDDEN,
            "to %" STR_FMT " this registry needs to know you by the network and a token of yours "
            "(access.changes_need_token), and has neither: use its address on the tailnet, and ask "
            "an admin for a token (`superguppy token new`), which `cargo login` stores",
            STR_ARG(act));
    if (c->door.identity != LISTEN_NO_IDENTITY && !c->door.token_reads)
        return err_set(e, ERR_UNAUTHORIZED,
            "the network does not know who you are, so you may not %" STR_FMT
            "; come directly from a node of the tailnet",
            STR_ARG(act));
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
    return err_set(e, ERR_FORBIDDEN,
        "token %u of %" STR_FMT " may not %" STR_FMT ": it is for the crates %" STR_FMT "%s only; "
        "ask an admin for another token",
        t->id, STR_ARG(utf8_clip(name, 64)), STR_ARG(act),
        STR_ARG(utf8_clip(t->patterns, LIST_MAX)), t->patterns.n > LIST_MAX ? " …" : "");
}

/* What is being refused, for the functions below. */
struct refusal {
    const struct access *a;
    const struct caller *c;
    const struct subject *s;
    struct str who, act;
    struct str canonical, crate;
    enum right right;
};

static int refuse_stranger(const struct refusal *r, struct err *e)
{
    struct buf cure AUTO_BUF = BUF_INIT(ERR_TEXT_MAX);
    size_t n;
    (void)access_owners(r->a, r->canonical, &n);
    if (n == 0)
        return err_set(e, ERR_FORBIDDEN,
            "%" STR_FMT " may not %" STR_FMT ": not an owner, and the crate has none; ask an admin",
            STR_ARG(r->who), STR_ARG(r->act));
    buf_addf(&cure,
        "ask an owner to run `cargo owner --add %" STR_FMT " %" STR_FMT " --registry NAME`",
        STR_ARG(utf8_clip(r->s->keys[0], 64)), STR_ARG(utf8_clip(r->crate, 64)));
    /* What to do is not cut off by names, so these have the room that is left. */
    size_t taken = r->who.n + r->act.n + cure.n + sizeof(" may not : not an owner (owners:  …); ");
    size_t room = ERR_TEXT_MAX - taken;
    struct buf list AUTO_BUF = BUF_INIT(room < LIST_MAX ? room : LIST_MAX);
    list_owners(&list, r->a, r->canonical);
    return err_set(e, ERR_FORBIDDEN,
        "%" STR_FMT " may not %" STR_FMT ": not an owner (owners: %" STR_FMT "%s); %" STR_FMT,
        STR_ARG(r->who), STR_ARG(r->act), STR_ARG(buf_str(&list)), ellipsis(&list),
        STR_ARG(buf_str(&cure)));
}

static unsigned all_roles(const struct access *a, const struct subject *s)
{
    unsigned roles = 0;
    for (size_t i = 0, n = access_n_rules(a, s); i < n; i++) {
        struct rule r;
        if (access_rule(a, s, i, &r))
            roles |= r.roles;
    }
    return roles;
}

/* Which setting could have given something, when nothing did. */
static const char *why_no_role(const struct refusal *r)
{
    if (r->s->capability && r->s->capability->n_void > 0)
        return "what the tailnet's policy grants them is not understood; /me says why";
    switch (principal_kind(r->s->keys[0])) {
    case PRINCIPAL_PERSON:
        return "access.members gives none, and no grant names them";
    case PRINCIPAL_TAG:
        return "access.tagged gives none, and no grant names a tag of theirs";
    case PRINCIPAL_SHARED:
        return "people of other tailnets get nothing unless a grant names them as shared:LOGIN";
    case PRINCIPAL_SELF:
        return "the registry's own node gets nothing unless a grant names it as self";
    case PRINCIPAL_ACCOUNT:
        return "access.accounts gives none, and no grant names them";
    case PRINCIPAL_HEADER:
        break;
    }
    return "no grant names them";
}

static int refuse_roles(const struct refusal *r, struct err *e)
{
    struct buf list AUTO_BUF = BUF_INIT(LIST_MAX);
    list_roles(&list, all_roles(r->a, r->s));
    if (list.n == 0)
        return err_set(e, ERR_FORBIDDEN,
            "%" STR_FMT " may not %" STR_FMT ": no rights here (%s); ask an admin for a grant",
            STR_ARG(r->who), STR_ARG(r->act), why_no_role(r));
    return err_set(e, ERR_FORBIDDEN,
        "%" STR_FMT " may not %" STR_FMT ": no role of theirs allows it (roles: %" STR_FMT
        "); ask an admin for a grant",
        STR_ARG(r->who), STR_ARG(r->act), STR_ARG(buf_str(&list)));
}

/* With access.changes_need_token: the half that is missing. */
static int refuse_half(const struct refusal *r, struct err *e)
{
    if (!r->c->peer)
        return err_set(e, ERR_FORBIDDEN,
            "to %" STR_FMT " this registry needs to know you by the network besides the token "
            "(access.changes_need_token), and this listener does not: use its address on the "
            "tailnet",
            STR_ARG(r->act));
    if (r->c->token == 0)
        return err_set(e, ERR_UNAUTHORIZED,
            "%" STR_FMT ": to %" STR_FMT
            " this registry needs a token of yours besides the network "
            "(access.changes_need_token); ask an admin for one (`superguppy token new`) and store "
            "it "
            "with `cargo login`",
            STR_ARG(r->who), STR_ARG(r->act));
    struct buf peer AUTO_BUF = BUF_INIT(WHO_MAX);
    access_describe_peer(r->c->peer, &peer);
    return err_set(e, ERR_FORBIDDEN,
        "to %" STR_FMT " token and network have to name the same one (access.changes_need_token): "
        "the token is of %" STR_FMT ", the network says %" STR_FMT "; use a token of your own",
        STR_ARG(r->act), STR_ARG(r->who), STR_ARG(buf_str(&peer)));
}

static int refuse_unsent(const struct refusal *r, struct err *e)
{
    if (r->c->peer)
        return err_set(e, ERR_UNAUTHORIZED,
            "%" STR_FMT ": to %" STR_FMT " put `token = \"tailscale\"` under [registries.NAME] in "
            ".cargo/config.toml, so that cargo asks the network who you are",
            STR_ARG(r->who), STR_ARG(r->act));
    return err_set(e, ERR_UNAUTHORIZED,
        "to %" STR_FMT " send an Authorization header, be it only the word `tailscale`: `cargo "
        "login` stores it",
        STR_ARG(r->act));
}

static int refuse_known(const struct refusal *r, struct err *e)
{
    const struct access *a = r->a;
    const struct caller *c = r->c;
    if (r->right != RIGHT_READ && a->config->changes_need_token && !access_has_both(a, c))
        return refuse_half(r, e);
    if (c->token != 0) {
        const struct token *t = access_find_token(a, c->token);
        bool covers = access_token_covers(t, r->right == RIGHT_ADMIN ? STR("") : r->canonical);
        if (r->right != RIGHT_READ && (!(t->scopes & SCOPE(r->right)) || !covers))
            return refuse_token(a, c, t, r->right, r->act, e);
    } else if (r->right != RIGHT_READ && !c->sent_credential) {
        return refuse_unsent(r, e);
    }
    if (access_extent(a, r->s, r->right, r->canonical) == EXTENT_OWN)
        return refuse_stranger(r, e);
    return refuse_roles(r, e);
}

int access_refuse(const struct access *a, const struct caller *c, enum right right,
    struct str canonical, struct str name, struct err *e)
{
    struct buf act AUTO_BUF = BUF_INIT(128), who AUTO_BUF = BUF_INIT(WHO_MAX);
    struct subject s;
    add_act(&act, right, name);
    if (c->kind != CALLER_PRINCIPAL)
        return refuse_anonymous(a, c, buf_str(&act), right, e);
    if (access_still(a, c, INT64_MIN, e) < 0) /* expiry was judged when the caller was identified */
        return -1;
    if (!access_subject(a, c, &s))
        return err_set(e, ERR_UNAUTHORIZED, "who you are is not known here any more");
    add_who(&who, a, c);
    struct refusal r = { a, c, &s, buf_str(&who), buf_str(&act), canonical, name, right };
    return refuse_known(&r, e);
}

/* ---- /me ---- */

static void describe_rule(struct buf *out, const struct rule *r)
{
    struct buf roles AUTO_BUF = BUF_INIT(LIST_MAX);
    bool policy = str_eq(str_from(r->source), STR("tailnet policy"));
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
        buf_addf(out, ", %s %d", policy ? "object" : "line", r->line);
    buf_add(out, STR(")\n"));
}

static void describe_token(struct buf *out, const struct token *t)
{
    struct buf scopes AUTO_BUF = BUF_INIT(LIST_MAX);
    char ends[CLOCK_RFC3339_LEN + 1];
    list_scopes(&scopes, t);
    clock_format_rfc3339(t->expires, ends);
    buf_addf(out, "token %u: scopes %" STR_FMT ", crates %" STR_FMT, t->id,
        STR_ARG(buf_str(&scopes)), STR_ARG(t->patterns));
    if (t->from.n > 0)
        buf_addf(out, ", from %" STR_FMT, STR_ARG(t->from));
    if (t->expires != 0)
        buf_addf(out, ", until %.10s", ends);
    buf_add_byte(out, '\n');
}

/* What the policy carries and does not count, and what it does not decide alone. */
static void describe_policy(
    const struct access *a, const struct capability *capability, bool counts, struct buf *out)
{
    bool open = a->members.roles || a->tagged.roles;
    for (size_t i = 0; i < capability->n; i++) {
        struct str why = capability->rules[i].void_reason;
        if (why.p)
            buf_addf(out, "(tailnet policy, object %zu counts for nothing: %" STR_FMT ")\n", i + 1,
                STR_ARG(why));
    }
    if (capability->n > 0 && !counts)
        buf_add(out, STR("(the tailnet's policy counts for nothing until access.grant or "
                         "access.admins names you)\n"));
    else if (capability->n > 0 && open)
        buf_add(out, STR("(the tailnet's policy and access.members, access.tagged are both in "
                         "force)\n"));
}

static void describe_principal(const struct access *a, const struct caller *c, struct buf *out)
{
    const struct token *t = c->token ? access_find_token(a, c->token) : NULL;
    struct subject s;
    if (!access_subject(a, c, &s))
        return;
    if (t)
        describe_token(out, t);
    size_t before = out->n;
    for (size_t i = 0, n = access_n_rules(a, &s); i < n; i++) {
        struct rule r;
        if (access_rule(a, &s, i, &r))
            describe_rule(out, &r);
    }
    if (out->n == before && !c->door.anonymous_read)
        buf_add(out, STR("nothing\n"));
    if (t)
        describe_policy(a, &t->capability, s.capability != NULL, out);
    else if (c->peer)
        describe_policy(a, &c->peer->capability, s.capability != NULL, out);
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
