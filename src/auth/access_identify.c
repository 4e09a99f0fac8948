/* Who asks: what the network says, and what was sent along with it. A token replaces the peer and
 * never adds to it; what is sent and is none is never passed over. */
#include "auth/access_private.h"

bool access_door_takes_tokens(const struct access_door *door)
{
    return door->identity == LISTEN_NO_IDENTITY || door->token_reads;
}

struct caller caller_keep(struct arena *a, const struct caller *c)
{
    struct caller kept = *c;
    if (c->peer)
        kept.peer = identity_copy(a, c->peer);
    return kept;
}

/* ---- people whom the network knows ---- */

static int other_login(const struct principal *known, const struct identity *peer, struct err *e)
{
    return err_set(e, ERR_FORBIDDEN,
        "the tailnet calls you %" STR_FMT ", but the same person is known here as %" STR_FMT
        "; an admin says that the login has changed: `superguppy principal rebind %" STR_FMT
        " %" STR_FMT "`",
        STR_ARG(utf8_clip(peer->keys[0], 80)), STR_ARG(utf8_clip(known->key, 80)),
        STR_ARG(utf8_clip(known->key, 80)), STR_ARG(utf8_clip(peer->keys[0], 80)));
}

static int other_person(const struct identity *peer, struct err *e)
{
    struct str login = utf8_clip(peer->keys[0], 100);
    return err_set(e, ERR_FORBIDDEN,
        "%" STR_FMT
        " is known here as another person of the tailnet, who had this login before; if "
        "you are to have what is theirs, an admin runs `superguppy principal rebind %" STR_FMT "`",
        STR_ARG(login), STR_ARG(login));
}

static int sight_of_person(
    const struct access *a, const struct identity *peer, enum access_sight *ret, struct err *e)
{
    const struct principal *by_login = access_find_key(a, peer->keys[0]);
    const struct principal *by_id = access_find_person(a, peer->control, peer->user_id);
    *ret = ACCESS_KNOWN;
    if (by_login && by_login == by_id)
        return 0;
    if (by_id)
        return other_login(by_id, peer, e);
    if (by_login && by_login->user_id != 0)
        return other_person(peer, e);
    *ret = ACCESS_UNSEEN;
    return 0;
}

int access_sight(
    const struct access *a, const struct identity *peer, enum access_sight *ret, struct err *e)
{
    if (peer->kind == IDENTITY_PERSON || peer->kind == IDENTITY_SHARED)
        return sight_of_person(a, peer, ret, e);
    *ret = ACCESS_KNOWN;
    for (size_t i = 0; i < peer->n_keys; i++) {
        if (!access_find_key(a, peer->keys[i]))
            *ret = ACCESS_UNSEEN;
    }
    return 0;
}

/* ---- tokens ---- */

static int refuse_blocked(const struct principal *p, enum err_kind kind, struct err *e)
{
    return err_set(e, kind, "%" STR_FMT " is blocked on this registry; ask an admin",
        STR_ARG(utf8_clip(p->key, 200)));
}

static int check_principal(const struct access *a, uint32_t id, struct err *e)
{
    const struct principal *p = access_find_principal(a, id), *as = access_follow(a, p);
    if (!p)
        return err_set(e, ERR_UNAUTHORIZED, "the owner of this token is not known here any more");
    if (p->blocked || as->blocked)
        return refuse_blocked(p->blocked ? p : as, ERR_UNAUTHORIZED, e);
    return 0;
}

/* A person who has left is not seen any more, and then their tokens end as well. */
static int check_seen(const struct access *a, const struct token *t, int64_t now, struct err *e)
{
    const struct principal *p = access_follow(a, access_find_principal(a, t->principal));
    enum principal_kind kind = principal_kind(p->key);
    if ((kind != PRINCIPAL_PERSON && kind != PRINCIPAL_SHARED) ||
        now <= p->last_seen + SEEN_WITHIN_S)
        return 0;
    return err_set(e, ERR_UNAUTHORIZED,
        "token %u counts for nothing: %" STR_FMT
        " was not seen on the tailnet for 30 days; they open /me once and it works again",
        t->id, STR_ARG(utf8_clip(p->key, 100)));
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
    if (check_principal(a, t->principal, e) < 0)
        return -1;
    return check_seen(a, t, now, e);
}

static bool has_tag(const struct identity *peer, struct str tag)
{
    for (size_t i = 0; peer->kind == IDENTITY_TAGGED && i < peer->n_keys; i++) {
        if (str_eq(peer->keys[i], tag))
            return true;
    }
    return false;
}

/* Where a token works: from its principal's own nodes, from a tag, or anywhere. */
static int check_from(
    const struct access *a, const struct token *t, const struct identity *peer, struct err *e)
{
    struct buf where AUTO_BUF = BUF_INIT(256);
    bool own = str_eq(t->from, STR("own"));
    if (t->from.n == 0 || str_eq(t->from, STR("any")))
        return 0;
    if (peer && (own ? access_acts_for(a, peer, t->principal) : has_tag(peer, t->from)))
        return 0;
    if (peer)
        access_describe_peer(peer, &where);
    else
        buf_add(&where, STR("somewhere that the network does not name"));
    struct str owner = access_principal_key(a, t->principal);
    return err_set(e, ERR_UNAUTHORIZED,
        "token %u of %" STR_FMT " works from %s%" STR_FMT " only, and came from %" STR_FMT
        "; make one with --from for that place",
        t->id, STR_ARG(utf8_clip(owner, 64)), own ? "their own nodes" : "nodes with ",
        STR_ARG(own ? STR_NONE : utf8_clip(t->from, 64)), STR_ARG(buf_str(&where)));
}

static int identify_token(
    const struct access *a, struct str text, int64_t now, struct caller *ret, struct err *e)
{
    uint8_t hash[SHA256_LEN];
    token_hash(text, hash);
    const struct token *t =
        map_get(a->token_hashes, (struct str){ (const char *)hash, sizeof(hash) });
    if (check_token(a, t, now, e) < 0 || check_from(a, t, ret->peer, e) < 0)
        return -1;
    ret->kind = CALLER_PRINCIPAL;
    ret->principal = access_follow(a, access_find_principal(a, t->principal))->id;
    ret->token = t->id;
    return 0;
}

/* ---- callers ---- */

static int identify_peer(const struct access *a, struct caller *ret, struct err *e)
{
    struct subject s;
    if (!access_subject_of_peer(a, ret->peer, &s))
        return err_set(e, ERR_FORBIDDEN, "the network names you in no way that is used here");
    const struct principal *blocked = access_blocked(&s);
    if (blocked)
        return refuse_blocked(blocked, ERR_FORBIDDEN, e);
    ret->kind = CALLER_PRINCIPAL;
    ret->principal = s.principals[0] ? s.principals[0]->id : 0;
    return 0;
}

/* 401 where a token of theirs would decide instead. */
static int nobody(const struct access_door *door, const char *why, struct err *e)
{
    if (!why)
        why = "the network does not know who you are";
    if (!door->token_reads)
        return err_set(e, ERR_FORBIDDEN, "%s", why);
    return err_set(e, ERR_UNAUTHORIZED, "%s; or use a token (`cargo login`)", why);
}

/* The word: "ask the network who I am". */
static int identify_word(const struct access *a, struct caller *ret, const char *why, struct err *e)
{
    ret->sent_credential = true;
    if (ret->door.admin)
        return 0;
    if (ret->peer)
        return identify_peer(a, ret, e);
    if (ret->door.identity != LISTEN_NO_IDENTITY)
        return nobody(&ret->door, why, e);
    return err_set(e, ERR_UNAUTHORIZED,
        "the words `tailscale` and `network` mean \"ask the network who I am\", and this "
        "listener cannot; use a token of your own (`superguppy token new`, then `cargo "
        "login`)");
}

static int identify_bare(const struct access *a, struct caller *ret, const char *why, struct err *e)
{
    const struct access_door *door = &ret->door;
    if (ret->peer)
        return identify_peer(a, ret, e);
    if (door->identity != LISTEN_NO_IDENTITY && !door->anonymous_read)
        return nobody(door, why, e);
    return 0;
}

/* text p NULL: what was sent is no token of ours. Where the network knows nobody and no token
 * counts, that is the reason, and a better token would be no cure. */
static int identify_sent(const struct access *a, struct caller *ret, const char *why,
    struct str text, int64_t now, struct err *e)
{
    struct caller as_peer = *ret;
    ret->sent_credential = true;
    if (!ret->peer && ret->door.identity != LISTEN_NO_IDENTITY && !ret->door.token_reads)
        return nobody(&ret->door, why, e);
    /* Somebody who is blocked does not come back with another's token. */
    if (ret->peer && identify_peer(a, &as_peer, e) < 0)
        return -1;
    if (text.p)
        return identify_token(a, text, now, ret, e);
    return err_set(e, ERR_UNAUTHORIZED,
        "what was sent as a token is none of this registry (they begin with sgp_, with or "
        "without `Bearer ` before it), or was cut or mistyped; `cargo login` stores the right "
        "one");
}

int access_identify(const struct access *a, const struct access_door *door,
    const struct access_peer *peer, struct str authorization, int64_t now, struct caller *ret,
    struct err *e)
{
    const char *why = peer ? peer->why : NULL;
    struct str text;
    struct caller c = { .kind = door->admin ? CALLER_ADMIN : CALLER_ANONYMOUS,
        .door = *door,
        .peer = peer ? peer->identity : NULL };
    int rc = 0;
    switch (credential_read(authorization, &text)) {
    case CREDENTIAL_NONE:
        rc = identify_bare(a, &c, why, e);
        break;
    case CREDENTIAL_NETWORK:
        rc = identify_word(a, &c, why, e);
        break;
    case CREDENTIAL_TOKEN:
        rc = identify_sent(a, &c, why, text, now, e);
        break;
    case CREDENTIAL_OTHER:
        rc = identify_sent(a, &c, why, STR_NONE, now, e);
        break;
    }
    if (rc == 0)
        *ret = c;
    return rc;
}

int access_still(const struct access *a, const struct caller *c, int64_t now, struct err *e)
{
    struct subject s;
    if (c->kind != CALLER_PRINCIPAL)
        return 0;
    if (c->token != 0 && check_token(a, access_find_token(a, c->token), now, e) < 0)
        return -1;
    if (c->peer && access_subject_of_peer(a, c->peer, &s)) {
        const struct principal *blocked = access_blocked(&s);
        return blocked ? refuse_blocked(blocked, ERR_FORBIDDEN, e) : 0;
    }
    return c->token != 0 ? 0 : check_principal(a, c->principal, e);
}
