/* Principals: who is who. All but showing is rare, so the memories are made anew afterwards. */
#include "registry/admin_private.h"

#define SHOWN 100 /* bytes of a name in a sentence */

int admin_find_principal(
    struct admin_call *c, struct str name, struct principal_row *ret, struct err *e)
{
    int found = name.n == 0 ? 0 : meta_principal_find(c->db, c->arena, name, ret, e);
    if (found == 0 && name.n > 0 && !str_has(name, ':'))
        found = meta_principal_find(
            c->db, c->arena, arena_printf(c->arena, "local:%" STR_FMT, STR_ARG(name)), ret, e);
    if (found == 0)
        return err_set(e, ERR_NOT_FOUND,
            "`%" STR_FMT "` is not known here; `superguppy principal list` shows who is",
            STR_ARG(utf8_clip(name, SHOWN)));
    return found < 0 ? -1 : 0;
}

/* ---- showing ---- */

struct count {
    int64_t principal;
    int64_t crates, tokens;
    struct admin_call *call; /* names are put out as well, unless NULL */
};

static int count_owner(void *ctx, struct str canonical, int64_t principal, struct err *e)
{
    struct count *n = ctx;
    struct crate_row row;
    if (principal != n->principal)
        return 0;
    n->crates++;
    if (!n->call)
        return 0;
    int found = meta_crate_find(n->call->db, n->call->arena, canonical, &row, e);
    if (found > 0)
        json_put_str(&n->call->out, row.name);
    return found < 0 ? -1 : 0;
}

static int count_token(void *ctx, const struct token_row *t, struct err *e)
{
    struct count *n = ctx;
    (void)e;
    n->tokens += t->principal == n->principal;
    return 0;
}

static void put_bool(struct json_out *j, struct str key, bool v)
{
    json_key(j, key);
    json_put_bool(j, v);
}

static int put_principal(
    struct admin_call *c, const struct principal_row *p, bool with_crates, struct err *e)
{
    struct json_out *j = &c->out;
    struct count n = { .principal = p->id };
    struct principal_row to;
    int linked = p->link ? meta_principal_get(c->db, c->arena, p->link, &to, e) : 0;
    if (linked < 0 || meta_each_owner(c->db, count_owner, &n, e) < 0 ||
        meta_each_token(c->db, true, c->now, count_token, &n, e) < 0)
        return -1;
    json_object_begin(j);
    admin_put_str(j, STR("name"), p->key);
    admin_put_int(j, STR("id"), p->id);
    put_bool(j, STR("person"), p->user_id != 0);
    put_bool(j, STR("blocked"), p->blocked);
    admin_put_str(j, STR("linked_to"), linked > 0 ? to.key : STR_NONE);
    admin_put_time(j, STR("removed"), p->removed);
    admin_put_time(j, STR("created"), p->created);
    admin_put_time(j, STR("last_seen"), p->last_seen);
    admin_put_int(j, STR("crates"), n.crates);
    admin_put_int(j, STR("tokens"), n.tokens);
    if (with_crates) {
        json_key(j, STR("owns"));
        json_array_begin(j);
        n.call = c;
        if (meta_each_owner(c->db, count_owner, &n, e) < 0)
            return -1;
        json_array_end(j);
    }
    json_object_end(j);
    return 0;
}

/* A row is borrowed only during its visit, in which no other query may run: they are kept first. */
struct kept {
    struct arena *arena;
    struct principal_row *rows;
    size_t n, cap;
};

static int keep_row(void *ctx, const struct principal_row *p, struct err *e)
{
    struct kept *k = ctx;
    (void)e;
    if (k->n == k->cap) {
        struct principal_row *more = arena_array(k->arena, 2 * k->cap + 16, sizeof(*more));
        for (size_t i = 0; i < k->n; i++)
            more[i] = k->rows[i];
        k->rows = more;
        k->cap = 2 * k->cap + 16;
    }
    k->rows[k->n] = *p;
    k->rows[k->n].key = arena_str(k->arena, p->key);
    k->rows[k->n++].control = STR_NONE;
    return 0;
}

int admin_principal_list(struct admin_call *c, struct err *e)
{
    struct kept k = { .arena = c->arena };
    if (meta_each_principal(c->db, keep_row, &k, e) < 0)
        return -1;
    json_array_begin(&c->out);
    for (size_t i = 0; i < k.n; i++) {
        if (put_principal(c, &k.rows[i], false, e) < 0)
            return -1;
    }
    json_array_end(&c->out);
    return 0;
}

int admin_principal_show(struct admin_call *c, struct err *e)
{
    struct principal_row p;
    if (admin_find_principal(c, admin_text(c, "name"), &p, e) < 0)
        return -1;
    return put_principal(c, &p, true, e);
}

/* ---- changing ---- */

/* Stores the row, notes who and what in an event, and answers with the row. */
static int finish(struct admin_call *c, const char *what, const struct principal_row *p,
    struct str other_key, struct str other, struct err *e)
{
    struct buf detail AUTO_BUF = BUF_INIT(8192);
    struct json_out j = JSON_OUT(&detail);
    if (meta_principal_update(c->db, p, e) < 0)
        return -1;
    json_object_begin(&j);
    admin_put_str(&j, STR("name"), p->key);
    if (other.p)
        admin_put_str(&j, other_key, other);
    json_object_end(&j);
    c->effect->kind = ADMIN_RELOAD;
    if (admin_event(c, what, STR_NONE, &detail, e) < 0)
        return -1;
    return put_principal(c, p, false, e);
}

static int set_blocked(struct admin_call *c, bool blocked, struct err *e)
{
    struct principal_row p;
    if (admin_find_principal(c, admin_text(c, "name"), &p, e) < 0)
        return -1;
    p.blocked = blocked;
    if (!blocked)
        p.removed = 0;
    return finish(c, blocked ? "principal-block" : "principal-unblock", &p, STR_NONE, STR_NONE, e);
}

int admin_principal_block(struct admin_call *c, struct err *e)
{
    return set_blocked(c, true, e);
}

int admin_principal_unblock(struct admin_call *c, struct err *e)
{
    return set_blocked(c, false, e);
}

/* Whoever gets what was another's has to be able to act for it. */
static int check_heir(const struct principal_row *to, struct err *e)
{
    if (to->removed == 0 && !to->blocked)
        return 0;
    return err_set(e, ERR_CONFLICT,
        "`%" STR_FMT "` %s and cannot get what is another's; name somebody else, or run "
        "`superguppy principal unblock` first",
        STR_ARG(utf8_clip(to->key, SHOWN)), to->removed ? "was removed" : "is blocked");
}

/* What was linked to `from` is linked to `to`: links never chain. */
static int move_links(struct admin_call *c, int64_t from, int64_t to, struct err *e)
{
    struct kept k = { .arena = c->arena };
    struct principal_row p;
    if (meta_each_principal(c->db, keep_row, &k, e) < 0)
        return -1;
    for (size_t i = 0; i < k.n; i++) {
        if (k.rows[i].link != from)
            continue;
        if (meta_principal_get(c->db, c->arena, k.rows[i].id, &p, e) < 0)
            return -1;
        p.link = to;
        if (meta_principal_update(c->db, &p, e) < 0)
            return -1;
    }
    return 0;
}

int admin_principal_link(struct admin_call *c, struct err *e)
{
    struct principal_row old, to;
    uint64_t ended;
    if (admin_find_principal(c, admin_text(c, "old"), &old, e) < 0 ||
        admin_find_principal(c, admin_text(c, "new"), &to, e) < 0)
        return -1;
    if (check_heir(&to, e) < 0)
        return -1;
    if (to.link == old.id || to.id == old.id)
        return err_set(e, ERR_CONFLICT, "nobody can be linked to themselves");
    if (to.link != 0 || to.removed != 0)
        return err_set(e, ERR_CONFLICT,
            "`%" STR_FMT "` acts as somebody else already, or was removed; link to that one",
            STR_ARG(utf8_clip(to.key, SHOWN)));
    /* Whoever was shut out must not come back as another by what they still hold. */
    if (old.blocked && meta_principal_revoke_tokens(c->db, old.id, c->now, &ended, e) < 0)
        return -1;
    if (meta_principal_hand_over(c->db, old.id, to.id, true, e) < 0 ||
        move_links(c, old.id, to.id, e) < 0)
        return -1;
    old.link = to.id;
    return finish(c, "principal-link", &old, STR("to"), to.key, e);
}

static bool is_login(struct str s)
{
    return str_starts(s, STR("shared:")) || (!str_has(s, ':') && !str_eq(s, STR("self")));
}

/* A login that another has is not taken from them. */
static int check_free(struct admin_call *c, struct str login, struct err *e)
{
    struct principal_row other;
    if (!is_login(login))
        return err_set(e, ERR_USAGE,
            "`%" STR_FMT "` is no login of a person; give the one that the tailnet has for them",
            STR_ARG(utf8_clip(login, SHOWN)));
    int found = meta_principal_find(c->db, c->arena, login, &other, e);
    if (found == 0 && !config_principal_wrong(login))
        return 0;
    if (found == 0)
        return err_set(e, ERR_USAGE, "`%" STR_FMT "` %s", STR_ARG(utf8_clip(login, SHOWN)),
            config_principal_wrong(login));
    if (found > 0)
        return err_set(e, ERR_CONFLICT,
            "`%" STR_FMT "` is somebody here already; to make the two one: `superguppy principal "
            "link`",
            STR_ARG(utf8_clip(login, SHOWN)));
    return -1;
}

int admin_principal_rebind(struct admin_call *c, struct err *e)
{
    struct principal_row p;
    struct str login = admin_text(c, "login");
    if (admin_find_principal(c, admin_text(c, "name"), &p, e) < 0)
        return -1;
    if (p.user_id == 0)
        return err_set(e, ERR_CONFLICT,
            "`%" STR_FMT "` is bound to nobody on the tailnet; there is nothing to rebind",
            STR_ARG(utf8_clip(p.key, SHOWN)));
    struct str before = p.key;
    if (login.n > 0) { /* the same person under another login */
        if (check_free(c, login, e) < 0)
            return -1;
        p.key = login;
    } else { /* the next person with that login */
        p.control = STR_NONE;
        p.user_id = 0;
    }
    return finish(c, "principal-rebind", &p, STR("before"), before, e);
}

int admin_principal_remove(struct admin_call *c, struct err *e)
{
    struct principal_row p, to;
    uint64_t ended;
    if (admin_find_principal(c, admin_text(c, "name"), &p, e) < 0 ||
        admin_find_principal(c, admin_text(c, "to"), &to, e) < 0)
        return -1;
    if (to.link != 0 && meta_principal_get(c->db, c->arena, to.link, &to, e) < 0)
        return -1;
    if (to.id == p.id)
        return err_set(
            e, ERR_CONFLICT, "what they own has to go to somebody else who is known here");
    if (check_heir(&to, e) < 0 || meta_principal_hand_over(c->db, p.id, to.id, false, e) < 0 ||
        meta_principal_revoke_tokens(c->db, p.id, c->now, &ended, e) < 0)
        return -1;
    p.removed = c->now;
    return finish(c, "principal-remove", &p, STR("to"), to.key, e);
}
