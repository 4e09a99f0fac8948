#include "registry/admin.h"

#include "auth/token.h"
#include "base/json.h"
#include "base/json_write.h"
#include "crate/name.h"
#include "registry/task.h"
#include "store/meta.h"

#define SECONDS_A_DAY 86400
#define ACCOUNT_NAME_MAX 64

struct admin_call {
    struct db *db;
    struct arena *arena;
    json_t *request;
    struct json_out out;
    struct admin_effect *effect;
    int64_t now;
};

static void put_time(struct json_out *j, struct str key, int64_t when)
{
    json_key(j, key);
    if (when == 0)
        json_put_null(j);
    else
        json_put_time(j, when);
}

static void put_str(struct json_out *j, struct str key, struct str value)
{
    json_key(j, key);
    json_put_str_or_null(j, value);
}

static void put_int(struct json_out *j, struct str key, int64_t v)
{
    json_key(j, key);
    json_put_int(j, v);
}

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

/* ---- tokens ---- */

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
        struct str text = json_str(item);
        bool prefix = str_ends(text, STR("*"));
        struct str canonical =
            crate_name_canonical(a, prefix ? str_from_to(text, 0, text.n - 1) : text);
        struct str pattern =
            arena_printf(a, "%" STR_FMT "%s", STR_ARG(canonical), prefix ? "*" : "");
        if (pattern_check(pattern, e) < 0)
            return -1;
        buf_add(&b, b.n ? STR(" ") : STR_NONE);
        buf_add(&b, pattern);
    }
    *ret = b.n ? arena_str(a, buf_str(&b)) : STR("*");
    return 0;
}

static int read_days(const json_t *days, int64_t *ret, struct err *e)
{
    json_int_t n = days ? json_integer_value(days) : TOKEN_DAYS_DEFAULT;
    if (n < 1 || n > TOKEN_DAYS_MAX)
        return err_set(e, ERR_USAGE, "a token lives 1 to %d days", TOKEN_DAYS_MAX);
    *ret = n;
    return 0;
}

static int add_event(
    const struct admin_call *c, const char *what, int64_t token, struct str key, struct err *e)
{
    struct buf detail AUTO_BUF = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&detail);
    json_object_begin(&j);
    put_int(&j, STR("token"), token);
    put_str(&j, STR("account"), key);
    json_object_end(&j);
    struct event ev = { .time = c->now,
        .principal = STR("admin"),
        .what = str_from(what),
        .detail = buf_str(&detail) };
    return meta_event_add(c->db, &ev, e);
}

static int store_token(struct admin_call *c, struct token_row *row, struct err *e)
{
    char text[TOKEN_LEN + 1];
    token_make(text);
    token_hash(str_from(text), row->hash);
    int rc = meta_token_add(c->db, row, &row->id, e);
    if (rc == 0) {
        json_object_begin(&c->out);
        put_int(&c->out, STR("id"), row->id);
        put_str(&c->out, STR("token"), str_from(text));
        put_time(&c->out, STR("expires"), row->expires);
        json_object_end(&c->out);
    }
    secret_wipe(text, sizeof(text));
    return rc;
}

static int token_new(struct admin_call *c, struct err *e)
{
    struct str name = json_str(json_object_get(c->request, "name"));
    struct token_row row = { .created = c->now };
    int64_t days = 0;
    if (check_account_name(name, e) < 0 ||
        read_days(json_object_get(c->request, "days"), &days, e) < 0 ||
        read_scopes(json_object_get(c->request, "scopes"), &row.scopes, e) < 0 ||
        read_patterns(c->arena, json_object_get(c->request, "crates"), &row.patterns, e) < 0)
        return -1;
    struct str key = arena_printf(c->arena, "local:%" STR_FMT, STR_ARG(name));
    row.expires = c->now + days * SECONDS_A_DAY;
    if (meta_principal_ensure(c->db, key, c->now, &row.principal, e) < 0 ||
        store_token(c, &row, e) < 0 || add_event(c, "token-new", row.id, key, e) < 0)
        return -1;
    c->effect->kind = ADMIN_TOKEN_NEW;
    c->effect->principal_key = key;
    c->effect->token = (struct access_token){
        .id = (uint32_t)row.id,
        .principal = (uint32_t)row.principal,
        .scopes = row.scopes,
        .patterns = row.patterns,
        .expires = row.expires,
    };
    for (size_t i = 0; i < SHA256_LEN; i++)
        c->effect->token.hash[i] = row.hash[i];
    return 0;
}

static int list_token(void *ctx, const struct token_row *t, struct err *e)
{
    struct json_out *j = ctx;
    (void)e;
    json_object_begin(j);
    put_int(j, STR("id"), t->id);
    put_str(j, STR("account"), t->principal_key);
    put_scopes(j, t->scopes);
    put_str(j, STR("crates"), t->patterns);
    put_time(j, STR("created"), t->created);
    put_time(j, STR("expires"), t->expires);
    put_time(j, STR("last_used"), t->last_used);
    put_time(j, STR("revoked"), t->revoked);
    json_object_end(j);
    return 0;
}

static int token_list(struct admin_call *c, struct err *e)
{
    json_array_begin(&c->out);
    int rc = meta_each_token(c->db, false, c->now, list_token, &c->out, e);
    json_array_end(&c->out);
    return rc;
}

static int token_revoke(struct admin_call *c, struct err *e)
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
    put_int(&c->out, STR("revoked"), id);
    json_object_end(&c->out);
    return 0;
}

/* ---- crates ---- */

static int list_crate(void *ctx, const struct crate_row *row, struct err *e)
{
    struct json_out *j = ctx;
    (void)e;
    json_object_begin(j);
    put_str(j, STR("name"), row->name);
    put_str(j, STR("max_version"), row->max_version);
    put_int(j, STR("downloads"), row->downloads);
    put_time(j, STR("updated"), row->updated);
    put_str(j, STR("description"), row->description);
    json_object_end(j);
    return 0;
}

static int crate_list(struct admin_call *c, struct err *e)
{
    json_array_begin(&c->out);
    int rc = meta_each_crate(c->db, list_crate, &c->out, e);
    json_array_end(&c->out);
    return rc;
}

static int list_version(void *ctx, const struct version_row *v, struct err *e)
{
    struct json_out *j = ctx;
    char sum[SHA256_HEX_LEN + 1];
    (void)e;
    hex_format(v->cksum, SHA256_LEN, sum);
    json_object_begin(j);
    put_str(j, STR("version"), v->num);
    put_str(j, STR("cksum"), str_from(sum));
    put_int(j, STR("size"), v->size);
    put_time(j, STR("published"), v->pubtime);
    json_key(j, STR("yanked"));
    json_put_bool(j, v->yanked);
    put_int(j, STR("downloads"), v->downloads);
    json_object_end(j);
    return 0;
}

struct owner_list {
    struct admin_call *call;
    struct str canonical;
};

static int list_owner(void *ctx, struct str canonical, int64_t principal, struct err *e)
{
    struct owner_list *l = ctx;
    struct principal_row row;
    if (!str_eq(canonical, l->canonical))
        return 0;
    int found = meta_principal_get(l->call->db, l->call->arena, principal, &row, e);
    if (found == 1)
        json_put_str(&l->call->out, row.key);
    return found < 0 ? -1 : 0;
}

static int crate_show(struct admin_call *c, struct err *e)
{
    struct str name = json_str(json_object_get(c->request, "name"));
    struct crate_row row;
    struct owner_list owners = { c, STR_NONE };
    if (crate_name_check(name, e) < 0)
        return -1;
    owners.canonical = crate_name_canonical(c->arena, name);
    int found = meta_crate_find(c->db, c->arena, owners.canonical, &row, e);
    if (found == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no crate `%" STR_FMT "` here", STR_ARG(name));
    if (found < 0)
        return -1;
    struct json_out *j = &c->out;
    json_object_begin(j);
    put_str(j, STR("name"), row.name);
    put_str(j, STR("description"), row.description);
    put_str(j, STR("max_version"), row.max_version);
    put_int(j, STR("downloads"), row.downloads);
    json_key(j, STR("owners"));
    json_array_begin(j);
    if (meta_each_owner(c->db, list_owner, &owners, e) < 0)
        return -1;
    json_array_end(j);
    json_key(j, STR("versions"));
    json_array_begin(j);
    if (meta_each_version(c->db, row.id, list_version, j, e) < 0)
        return -1;
    json_array_end(j);
    json_object_end(j);
    return 0;
}

static const struct admin_act {
    const char *name;
    const char *keys; /* that the request may have besides "do" */
    int (*run)(struct admin_call *c, struct err *e);
} ADMIN_ACTS[] = {
    { "token-new", "name scopes crates days", token_new },
    { "token-list", "", token_list },
    { "token-revoke", "id", token_revoke },
    { "crate-list", "", crate_list },
    { "crate-show", "name", crate_show },
};

/* A key that is not understood must not be passed over: it may have been meant as a bound. */
static int check_keys(const struct admin_act *act, json_t *request, struct err *e)
{
    const char *key;
    const json_t *value;
    json_object_foreach(request, key, value)
    {
        struct str rest = str_from(act->keys), word, name = str_from(key);
        bool known = str_eq(name, STR("do"));
        while (!known && str_next_word(&rest, &word))
            known = str_eq(word, name);
        if (!known)
            return err_set(e, ERR_USAGE, "`%s` takes no \"%" STR_FMT "\"", act->name,
                STR_ARG(utf8_clip(name, 60)));
    }
    return 0;
}

int admin_apply(struct db *d, struct arena *a, struct str request, struct buf *out,
    struct admin_effect *ret_effect, struct err *e)
{
    json_t *j AUTO_JSON = NULL;
    *ret_effect = (struct admin_effect){ 0 };
    if (json_read(request, &j, e) < 0)
        return -1;
    struct admin_call c = {
        .db = d,
        .arena = a,
        .request = j,
        .out = JSON_OUT(out),
        .effect = ret_effect,
        .now = clock_wall_s(),
    };
    struct str what = json_str(json_object_get(j, "do"));
    for (size_t i = 0; i < ARRAY_LEN(ADMIN_ACTS); i++) {
        if (!str_eq(what, str_from(ADMIN_ACTS[i].name)))
            continue;
        if (check_keys(&ADMIN_ACTS[i], j, e) < 0 || ADMIN_ACTS[i].run(&c, e) < 0)
            return -1;
        return buf_ok(out) ? 0 : err_set(e, ERR_TOO_LARGE, "the result is too large");
    }
    return err_set(e, ERR_INVALID, "unknown administration request");
}

/* ---- through a running server ---- */

struct admin_task {
    struct task task;
    struct str request;
    struct buf out;
    struct admin_effect effect;
    admin_done_fn done;
    void *ctx;
};

static int apply(struct change *c, struct db *d, struct err *e)
{
    struct admin_task *t = CONTAINER_OF(c, struct admin_task, task.change);
    return admin_apply(d, t->task.arena, t->request, &t->out, &t->effect, e);
}

static void remember(struct access *a, const struct admin_effect *effect)
{
    switch (effect->kind) {
    case ADMIN_NOTHING:
        break;
    case ADMIN_TOKEN_NEW:
        if (access_principal_id(a, effect->principal_key) == 0)
            if (access_principal_id(a, effect->principal_key) == 0) /* a known one may be blocked */
                access_put_principal(a, effect->token.principal, effect->principal_key, false);
        access_put_token(a, &effect->token);
        break;
    case ADMIN_TOKEN_REVOKE:
        access_drop_token(a, effect->token.id);
        break;
    }
}

static void applied(struct change *c)
{
    struct admin_task *t = CONTAINER_OF(c, struct admin_task, task.change);
    remember(t->task.registry->writer_access, &t->effect);
}

static void committed(struct task *t)
{
    remember(t->registry->access, &CONTAINER_OF(t, struct admin_task, task)->effect);
}

static void finished(void *ctx, const struct err *e)
{
    struct admin_task *t = ctx;
    t->done(t->ctx, e, buf_str(&t->out));
    secret_wipe(t->out.p, t->out.n);
    buf_deinit(&t->out);
}

void admin_run(struct registry *r, struct str request, admin_done_fn done, void *ctx)
{
    struct caller admin = { .kind = CALLER_ADMIN };
    struct task *base = task_new(r, &admin, sizeof(struct admin_task), finished, NULL);
    struct admin_task *t = CONTAINER_OF(base, struct admin_task, task);
    base->ctx = t;
    base->change.apply = apply;
    base->change.applied = applied;
    base->committed = committed;
    t->request = arena_str(base->arena, request);
    t->out = BUF_INIT(ADMIN_RESULT_MAX);
    t->done = done;
    t->ctx = ctx;
    task_submit(base);
}
