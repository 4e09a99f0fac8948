#include "registry/admin_private.h"

#include "registry/task.h"

#define EVENTS_MAX (1u << 20)

void admin_put_time(struct json_out *j, struct str key, int64_t when)
{
    json_key(j, key);
    if (when == 0)
        json_put_null(j);
    else
        json_put_time(j, when);
}

void admin_put_str(struct json_out *j, struct str key, struct str value)
{
    json_key(j, key);
    json_put_str_or_null(j, value);
}

void admin_put_int(struct json_out *j, struct str key, int64_t v)
{
    json_key(j, key);
    json_put_int(j, v);
}

struct str admin_text(const struct admin_call *c, const char *key)
{
    return json_str(json_object_get(c->request, key));
}

int admin_event(struct admin_call *c, const char *what, struct str crate, const struct buf *detail,
    struct err *e)
{
    struct event ev = { .time = c->now,
        .principal = STR("admin"),
        .grant = STR("admin socket"),
        .what = str_from(what),
        .crate = crate,
        .detail = buf_str(detail) };
    if (c->effect->events.n > 0)
        buf_add_byte(&c->effect->events, '\n');
    return meta_event_add(c->db, &ev, &c->effect->events, e);
}

static const struct admin_act {
    const char *name;
    const char *keys; /* that the request may have besides "do" */
    int (*run)(struct admin_call *c, struct err *e);
} ADMIN_ACTS[] = {
    { "token-new", "name scopes crates days from", admin_token_new },
    { "token-list", "", admin_token_list },
    { "token-revoke", "id", admin_token_revoke },
    { "crate-list", "", admin_crate_list },
    { "crate-show", "name", admin_crate_show },
    { "principal-list", "", admin_principal_list },
    { "principal-show", "name", admin_principal_show },
    { "principal-link", "old new", admin_principal_link },
    { "principal-block", "name", admin_principal_block },
    { "principal-unblock", "name", admin_principal_unblock },
    { "principal-rebind", "name login", admin_principal_rebind },
    { "principal-remove", "name to", admin_principal_remove },
    { "audit", "after since by crate", admin_audit },
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
    *ret_effect = (struct admin_effect){ .events = BUF_INIT(EVENTS_MAX) };
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
    struct access *fresh, *fresh_writer; /* ADMIN_RELOAD: the two memories, made anew */
    admin_done_fn done;
    void *ctx;
};

/* Within the transaction, so both know what it and those before it did. */
static int reload(struct admin_task *t, struct db *d, struct err *e)
{
    const struct config *c = t->task.registry->config;
    if (access_load(c, d, &t->fresh, e) < 0 || access_load(c, d, &t->fresh_writer, e) < 0)
        return -1;
    return 0;
}

static int apply(struct change *c, struct db *d, struct err *e)
{
    struct admin_task *t = CONTAINER_OF(c, struct admin_task, task.change);
    if (admin_apply(d, t->task.arena, t->request, &t->out, &t->effect, e) < 0)
        return -1;
    return t->effect.kind == ADMIN_RELOAD ? reload(t, d, e) : 0;
}

static void replace(struct access **of, struct access **by)
{
    access_succeed(*by, *of);
    access_free(*of);
    *of = TAKE(*by);
}

static void remember(struct access *a, const struct admin_effect *effect)
{
    if (effect->kind == ADMIN_TOKEN_REVOKE)
        access_drop_token(a, effect->token.id);
    if (effect->kind != ADMIN_TOKEN_NEW)
        return;
    if (access_principal_id(a, effect->principal.key) ==
        0) /* a known one may have been seen since */
        access_put_principal(a, &effect->principal);
    access_put_token(a, &effect->token);
}

static void applied(struct change *c)
{
    struct admin_task *t = CONTAINER_OF(c, struct admin_task, task.change);
    if (t->effect.kind == ADMIN_RELOAD)
        replace(&t->task.registry->writer_access, &t->fresh_writer);
    else
        remember(t->task.registry->writer_access, &t->effect);
}

static void committed(struct task *base)
{
    struct admin_task *t = CONTAINER_OF(base, struct admin_task, task);
    if (t->effect.kind == ADMIN_RELOAD)
        replace(&base->registry->access, &t->fresh);
    else
        remember(base->registry->access, &t->effect);
    buf_add(&base->events, buf_str(&t->effect.events));
}

static void finished(void *ctx, const struct err *e)
{
    struct admin_task *t = ctx;
    t->done(t->ctx, e, buf_str(&t->out));
    secret_wipe(t->out.p, t->out.n);
    buf_deinit(&t->out);
    buf_deinit(&t->effect.events);
    access_free(t->fresh);
    access_free(t->fresh_writer);
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
