#include "registry/own_tokens.h"

#include "auth/token.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "registry/token_make.h"

#define SECONDS_A_DAY 86400
#define DAYS_MAX 90
#define NAME_MAX_BYTES 64
#define TOKENS_MAX 100 /* live ones of a person: they are kept in memory */

static int check_caller(const struct caller *c, struct err *e)
{
    bool person = c->kind == CALLER_PRINCIPAL && c->token == 0 && c->peer &&
                  (c->peer->kind == IDENTITY_PERSON || c->peer->kind == IDENTITY_SHARED ||
                      c->peer->kind == IDENTITY_HEADER);
    if (person && c->principal != 0)
        return 0;
    if (c->token != 0)
        return err_set(e, ERR_FORBIDDEN, "no token makes or ends tokens; come without one");
    return err_set(e, ERR_FORBIDDEN,
        "only people have tokens of their own here; an admin makes one for a machine or an "
        "account: "
        "`superguppy token new`");
}

static int add_event(struct task *t, struct db *d, const char *what, int64_t id, struct err *e)
{
    struct buf detail AUTO_BUF = BUF_INIT(1024);
    struct json_out j = JSON_OUT(&detail);
    json_object_begin(&j);
    json_key(&j, STR("token"));
    json_put_int(&j, id);
    json_object_end(&j);
    return task_event(t, d, what, STR_NONE, STR_NONE, buf_str(&detail), e);
}

/* ---- making ---- */

struct make_task {
    struct task task;
    struct own_token_request q;
    struct token_row row;
    char text[TOKEN_LEN + 1];
    own_token_fn done;
    void *ctx;
};

/* Terminals show it. */
static bool is_plain(struct str s)
{
    uint32_t cp;
    for (size_t n; s.n > 0; s = str_skip(s, n)) {
        n = utf8_next(s, &cp);
        if (n == 0 || cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
            return false;
    }
    return true;
}

static int check_room(struct make_task *m, struct db *d, struct err *e)
{
    int64_t n;
    if (meta_token_count(d, m->row.principal, m->row.created, &n, e) < 0)
        return -1;
    if (n < TOKENS_MAX)
        return 0;
    return err_set(
        e, ERR_CONFLICT, "you have %d tokens already; revoke one of them first", TOKENS_MAX);
}

static int read_request(struct make_task *m, struct err *e)
{
    const struct own_token_request *q = &m->q;
    if (q->name.n > NAME_MAX_BYTES || !is_plain(q->name))
        return err_set(e, ERR_INVALID,
            "the name of a token has at most %d bytes and no control character", NAME_MAX_BYTES);
    if (q->days < 1 || q->days > DAYS_MAX)
        return err_set(e, ERR_INVALID, "a token of yours lives 1 to %d days", DAYS_MAX);
    m->row.from = q->from.n > 0 ? q->from : STR("own");
    if (token_check_from(m->row.from, e) < 0 ||
        token_patterns(m->task.arena, q->crates, &m->row.patterns, e) < 0) {
        e->kind = ERR_INVALID; /* of a form, not of a command */
        return -1;
    }
    m->row.name = q->name;
    m->row.scopes = q->scopes ? q->scopes | SCOPE(RIGHT_READ) : SCOPES_DEFAULT;
    return 0;
}

static int make_apply(struct change *c, struct db *d, struct err *e)
{
    struct make_task *m = CONTAINER_OF(c, struct make_task, task.change);
    const struct caller *who = &m->task.caller;
    int64_t now = clock_wall_s();
    if (access_still(m->task.registry->writer_access, who, now, e) < 0 || read_request(m, e) < 0)
        return -1;
    const struct access *a = m->task.registry->writer_access;
    m->row.principal = access_acting_id(a, access_principal_key(a, who->principal));
    m->row.created = now;
    m->row.expires = now + m->q.days * SECONDS_A_DAY;
    m->row.capability = who->peer->capability.text;
    if (check_room(m, d, e) < 0)
        return -1;
    token_make(m->text);
    token_hash(str_from(m->text), m->row.hash);
    if (meta_token_add(d, &m->row, &m->row.id, e) < 0)
        return -1;
    return add_event(&m->task, d, "token-new", m->row.id, e);
}

static void make_applied(struct change *c)
{
    struct make_task *m = CONTAINER_OF(c, struct make_task, task.change);
    struct access_token t = access_token_of(&m->row);
    access_put_token(m->task.registry->writer_access, &t);
}

static void make_committed(struct task *t)
{
    struct access_token token = access_token_of(&CONTAINER_OF(t, struct make_task, task)->row);
    access_put_token(t->registry->access, &token);
}

static void make_finished(void *ctx, const struct err *e)
{
    struct make_task *m = ctx;
    bool good = e->kind == ERR_NONE;
    m->done(m->ctx, e, good ? str_from(m->text) : STR_NONE, m->row.id);
    secret_wipe(m->text, sizeof(m->text));
}

void own_token_new(struct registry *r, const struct caller *c, const struct own_token_request *q,
    own_token_fn done, void *ctx)
{
    struct err e = ERR_INIT;
    if (check_caller(c, &e) < 0) {
        done(ctx, &e, STR_NONE, 0);
        return;
    }
    struct task *t = task_new(r, c, sizeof(struct make_task), make_finished, NULL);
    struct make_task *m = CONTAINER_OF(t, struct make_task, task);
    t->ctx = m;
    m->q = *q;
    m->q.name = arena_str(t->arena, q->name);
    m->q.crates = arena_str(t->arena, q->crates);
    m->q.from = arena_str(t->arena, q->from);
    m->done = done;
    m->ctx = ctx;
    t->change.apply = make_apply;
    t->change.applied = make_applied;
    t->committed = make_committed;
    task_submit(t);
}

/* ---- ending ---- */

struct revoke_task {
    struct task task;
    int64_t id;
};

static int revoke_apply(struct change *c, struct db *d, struct err *e)
{
    struct revoke_task *v = CONTAINER_OF(c, struct revoke_task, task.change);
    struct token_row row;
    int found = meta_token_find(d, v->task.arena, v->id, &row, e);
    if (found < 0)
        return -1;
    if (found == 0 || row.principal != v->task.caller.principal)
        return err_set(e, ERR_NOT_FOUND, "you have no such token");
    int revoked = meta_token_revoke(d, v->id, clock_wall_s(), e);
    if (revoked <= 0)
        return revoked;
    return add_event(&v->task, d, "token-revoke", v->id, e);
}

static void revoke_applied(struct change *c)
{
    struct revoke_task *v = CONTAINER_OF(c, struct revoke_task, task.change);
    access_drop_token(v->task.registry->writer_access, (uint32_t)v->id);
}

static void revoke_committed(struct task *t)
{
    access_drop_token(t->registry->access, (uint32_t)CONTAINER_OF(t, struct revoke_task, task)->id);
}

void own_token_revoke(
    struct registry *r, const struct caller *c, int64_t id, task_done_fn done, void *ctx)
{
    struct err e = ERR_INIT;
    if (check_caller(c, &e) < 0) {
        done(ctx, &e);
        return;
    }
    struct task *t = task_new(r, c, sizeof(struct revoke_task), done, ctx);
    CONTAINER_OF(t, struct revoke_task, task)->id = id;
    t->change.apply = revoke_apply;
    t->change.applied = revoke_applied;
    t->committed = revoke_committed;
    task_submit(t);
}

/* ---- listing ---- */

#define LIST_MAX 1000

struct list_job {
    struct worker_job job;
    struct registry *registry;
    struct arena *arena;
    int64_t principal;
    struct token_row *rows;
    size_t n;
    struct err err;
    own_tokens_fn done;
    void *ctx;
};

static int keep_own(void *ctx, const struct token_row *t, struct err *e)
{
    struct list_job *l = ctx;
    (void)e;
    if (t->principal != l->principal || l->n == LIST_MAX)
        return 0;
    struct token_row *row = &l->rows[l->n++];
    *row = *t;
    row->principal_key = STR_NONE;
    row->capability = STR_NONE;
    row->patterns = arena_str(l->arena, t->patterns);
    row->from = arena_str(l->arena, t->from);
    row->name = arena_str(l->arena, t->name);
    return 0;
}

static void list_run(struct worker_job *job)
{
    struct list_job *l = CONTAINER_OF(job, struct list_job, job);
    struct db *d = NULL;
    if (readers_take(l->registry->readers, &d, &l->err) < 0)
        return;
    l->rows = arena_array(l->arena, LIST_MAX, sizeof(*l->rows));
    if (meta_each_token(d, true, clock_wall_s(), keep_own, l, &l->err) < 0)
        l->n = 0;
    readers_give(l->registry->readers, d);
}

static void list_done(struct worker_job *job)
{
    struct list_job *l = CONTAINER_OF(job, struct list_job, job);
    l->done(l->ctx, &l->err, l->rows, l->n);
    arena_free(l->arena);
    free(l);
}

void own_tokens_list(struct registry *r, const struct caller *c, own_tokens_fn done, void *ctx)
{
    struct list_job *l = MEM_NEW(struct list_job);
    l->registry = r;
    l->arena = arena_new();
    l->principal = c->principal;
    l->done = done;
    l->ctx = ctx;
    l->job.run = list_run;
    l->job.done = list_done;
    if (check_caller(c, &l->err) < 0 || worker_submit(r->pool, &l->job, &l->err) < 0)
        list_done(&l->job);
}
