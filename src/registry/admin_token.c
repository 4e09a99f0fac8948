/* Tokens that an admin makes for others. */
#include "registry/admin_private.h"

#include "auth/token.h"
#include "crate/name.h"
#include "registry/token_make.h"

#define ACCOUNT_NAME_MAX 64
#define PERSON_DAYS_MAX 90

static void put_scopes(struct json_out *j, unsigned scopes)
{
    json_key(j, STR("scopes"));
    json_array_begin(j);
    for (unsigned r = 0; r < RIGHTS; r++) {
        if (scopes & SCOPE(r))
            json_put_str(j, str_from(right_name(r)));
    }
    json_array_end(j);
}

/* ---- making ---- */

static int check_account_name(struct str name, struct err *e)
{
    bool good = name.n > 0 && name.n <= ACCOUNT_NAME_MAX;
    for (size_t i = 0; i < name.n && good; i++)
        good = ascii_is_alnum(name.p[i]) || (i > 0 && str_has(STR("-_.@+"), name.p[i]));
    if (good)
        return 0;
    return err_set(e, ERR_USAGE,
        "an account name has 1 to %d letters, digits, '-', '_', '.', '@' or '+', the first a "
        "letter or digit",
        ACCOUNT_NAME_MAX);
}

static int read_scopes(const json_t *list, unsigned *ret, struct err *e)
{
    unsigned scopes = 0;
    size_t i;
    json_t *item;
    if (list && !json_is_array(list))
        return err_set(e, ERR_USAGE, "scopes are a list, such as [\"read\"]");
    json_array_foreach(list, i, item)
    {
        enum right right;
        struct str name = json_str(item);
        if (!right_from_name(name, &right)) {
            struct str shown = utf8_clip(name, 60);
            return err_set(e, ERR_USAGE,
                "`%" STR_FMT "` is not a scope; there are read, publish-new, publish-update, yank, "
                "change-owners and admin",
                STR_ARG(shown));
        }
        scopes |= SCOPE(right);
    }
    *ret = scopes ? scopes | SCOPE(RIGHT_READ) : SCOPES_DEFAULT;
    return 0;
}

static int read_patterns(struct arena *a, const json_t *list, struct str *ret, struct err *e)
{
    struct buf b AUTO_BUF = BUF_INIT(ADMIN_REQUEST_MAX);
    size_t i;
    json_t *item;
    if (list && !json_is_array(list))
        return err_set(e, ERR_USAGE, "crates are a list, such as [\"acme-*\"]");
    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item) || json_str(item).n == 0)
            return err_set(e, ERR_INVALID,
                "a pattern is the name of a crate, or the beginning of one with * behind; none is "
                "empty");
        buf_addf(&b, "%s%" STR_FMT, b.n ? " " : "", STR_ARG(json_str(item)));
    }
    return token_patterns(a, buf_str(&b), ret, e);
}

static bool is_account(struct str key)
{
    return str_starts(key, STR("local:")) || str_starts(key, STR("ktra-secure-auth:"));
}

/* Somebody whom the network names; tokens of theirs live shorter. */
static bool is_person(struct str key)
{
    return !is_account(key) && !str_starts(key, STR("tag:"));
}

/* Accounts, tags and what a proxy names need no first sight. */
static int ensure_holder(struct admin_call *c, struct str key, struct err *e)
{
    int64_t id;
    if (!str_starts(key, STR("local:")) && !str_starts(key, STR("tag:")) &&
        !str_starts(key, STR("header:")))
        return 0;
    if (config_principal_wrong(key))
        return err_set(e, ERR_USAGE, "`%" STR_FMT "` %s", STR_ARG(utf8_clip(key, 100)),
            config_principal_wrong(key));
    return meta_principal_ensure(c->db, key, c->now, &id, NULL, e);
}

/* Whom a token is for: the one that a linked name acts as. */
static int find_holder(
    struct admin_call *c, struct str name, struct principal_row *ret, struct err *e)
{
    bool plain = !str_has(name, ':') && !str_has(name, '@');
    if ((plain || str_starts(name, STR("local:"))) &&
        check_account_name(plain ? name : str_skip(name, 6), e) < 0)
        return -1;
    struct str key = plain ? arena_printf(c->arena, "local:%" STR_FMT, STR_ARG(name)) : name;
    if (ensure_holder(c, key, e) < 0)
        return -1;
    int found = meta_principal_find(c->db, c->arena, key, ret, e);
    if (found > 0 && ret->link != 0)
        found = meta_principal_get(c->db, c->arena, ret->link, ret, e);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(e, ERR_NOT_FOUND,
            "`%" STR_FMT "` is not known here yet; ask them to open /me once (an account of that "
            "name is local:%" STR_FMT ")",
            STR_ARG(utf8_clip(key, 100)), STR_ARG(utf8_clip(key, 100)));
    if (ret->removed != 0)
        return err_set(e, ERR_CONFLICT,
            "%" STR_FMT " was removed; `superguppy principal unblock` "
            "brings them back",
            STR_ARG(utf8_clip(ret->key, 100)));
    return 0;
}

static int read_days(const json_t *days, bool person, int64_t *ret, struct err *e)
{
    json_int_t n = days ? json_integer_value(days) : TOKEN_DAYS_DEFAULT;
    int max = person ? PERSON_DAYS_MAX : TOKEN_DAYS_MAX;
    if (n < 1 || n > max)
        return err_set(
            e, ERR_USAGE, "a token%s lives 1 to %d days", person ? " of a person" : "", max);
    *ret = n;
    return 0;
}

static int read_request(
    struct admin_call *c, struct principal_row *holder, struct token_row *row, struct err *e)
{
    int64_t days = 0;
    if (find_holder(c, admin_text(c, "name"), holder, e) < 0 ||
        read_days(json_object_get(c->request, "days"), is_person(holder->key), &days, e) < 0 ||
        read_scopes(json_object_get(c->request, "scopes"), &row->scopes, e) < 0 ||
        read_patterns(c->arena, json_object_get(c->request, "crates"), &row->patterns, e) < 0)
        return -1;
    row->from = arena_str(c->arena, admin_text(c, "from")); /* outlives the request */
    if (row->from.n == 0)
        row->from = is_account(holder->key) ? STR("any") : STR("own");
    row->created = c->now;
    row->expires = c->now + days * SECONDS_A_DAY;
    row->principal = holder->id;
    return token_check_from(row->from, e);
}

/* Whom the tailnet's policy may grant something is told that this token has nothing of it. */
static void put_note(struct json_out *j, struct str holder)
{
    bool tag = str_starts(holder, STR("tag:"));
    if (is_account(holder) || str_starts(holder, STR("header:")))
        return;
    admin_put_str(j, STR("note"),
        tag ? STR("what the tailnet's policy grants does not count for this token")
            : STR("what the tailnet's policy grants does not count for this token; one that its "
                  "person made on /me carries a copy of it"));
}

static void put_result(
    struct admin_call *c, const struct token_row *row, struct str text, struct str holder)
{
    json_object_begin(&c->out);
    admin_put_int(&c->out, STR("id"), row->id);
    admin_put_str(&c->out, STR("token"), text);
    admin_put_str(&c->out, STR("principal"), holder);
    admin_put_str(&c->out, STR("from"), row->from);
    admin_put_time(&c->out, STR("expires"), row->expires);
    put_note(&c->out, holder);
    json_object_end(&c->out);
}

static int add_event(
    struct admin_call *c, const char *what, int64_t token, struct str key, struct err *e)
{
    struct buf detail AUTO_BUF = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&detail);
    json_object_begin(&j);
    admin_put_int(&j, STR("token"), token);
    admin_put_str(&j, STR("account"), key);
    json_object_end(&j);
    return admin_event(c, what, STR_NONE, &detail, e);
}

int admin_token_new(struct admin_call *c, struct err *e)
{
    struct principal_row holder;
    struct token_row row = { 0 };
    char text[TOKEN_LEN + 1];
    if (read_request(c, &holder, &row, e) < 0)
        return -1;
    token_make(text);
    token_hash(str_from(text), row.hash);
    int rc = meta_token_add(c->db, &row, &row.id, e);
    if (rc == 0)
        put_result(c, &row, str_from(text), holder.key);
    secret_wipe(text, sizeof(text));
    if (rc < 0 || add_event(c, "token-new", row.id, holder.key, e) < 0)
        return -1;
    c->effect->kind = ADMIN_TOKEN_NEW;
    c->effect->principal = access_principal_of(&holder);
    c->effect->token = access_token_of(&row);
    return 0;
}

/* ---- the rest ---- */

static int list_token(void *ctx, const struct token_row *t, struct err *e)
{
    struct json_out *j = ctx;
    (void)e;
    json_object_begin(j);
    admin_put_int(j, STR("id"), t->id);
    admin_put_str(j, STR("account"), t->principal_key);
    admin_put_str(j, STR("name"), t->name);
    admin_put_str(j, STR("from"), t->from);
    put_scopes(j, t->scopes);
    admin_put_str(j, STR("crates"), t->patterns);
    admin_put_time(j, STR("created"), t->created);
    admin_put_time(j, STR("expires"), t->expires);
    admin_put_time(j, STR("last_used"), t->last_used);
    admin_put_time(j, STR("revoked"), t->revoked);
    json_object_end(j);
    return 0;
}

int admin_token_list(struct admin_call *c, struct err *e)
{
    json_array_begin(&c->out);
    int rc = meta_each_token(c->db, false, c->now, list_token, &c->out, e);
    json_array_end(&c->out);
    return rc;
}

int admin_token_revoke(struct admin_call *c, struct err *e)
{
    int64_t id = json_integer_value(json_object_get(c->request, "id"));
    struct token_row row;
    int found = meta_token_find(c->db, c->arena, id, &row, e);
    if (found == 0)
        return err_set(e, ERR_NOT_FOUND,
            "there is no token %lld; `superguppy token list` shows them", (long long)id);
    int revoked = found < 0 ? -1 : meta_token_revoke(c->db, id, c->now, e);
    if (revoked < 0 || (revoked > 0 && add_event(c, "token-revoke", id, row.principal_key, e) < 0))
        return -1;
    c->effect->kind = ADMIN_TOKEN_REVOKE;
    c->effect->token.id = (uint32_t)id;
    json_object_begin(&c->out);
    admin_put_int(&c->out, STR("revoked"), id);
    json_object_end(&c->out);
    return 0;
}
