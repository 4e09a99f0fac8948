#include "registry/principals.h"

#include "base/json_write.h"

struct bind_task {
    struct task task;
    const struct identity *peer;   /* the task's copy */
    struct access_principal *made; /* one for each of peer->keys; id 0: was there already */
};

static bool is_person(const struct identity *peer)
{
    return peer->kind == IDENTITY_PERSON || peer->kind == IDENTITY_SHARED;
}

/* A first sight is a change like others: it stands in the log. */
static int add_event(struct bind_task *b, struct db *d, struct str key, struct err *e)
{
    struct buf detail AUTO_BUF = BUF_INIT(8192);
    struct json_out j = JSON_OUT(&detail);
    json_object_begin(&j);
    json_key(&j, STR("name"));
    json_put_str(&j, key);
    if (is_person(b->peer)) {
        json_key(&j, STR("control"));
        json_put_str(&j, b->peer->control);
        json_key(&j, STR("user_id"));
        json_put_int(&j, b->peer->user_id);
    }
    json_object_end(&j);
    return task_event(&b->task, d, "principal-new", STR_NONE, STR_NONE, buf_str(&detail), e);
}

static int bind_one(struct bind_task *b, struct db *d, size_t i, struct err *e)
{
    struct str key = b->peer->keys[i];
    struct principal_row row;
    int64_t id, now = clock_wall_s();
    bool is_new;
    if (meta_principal_ensure(d, key, now, &id, &is_new, e) < 0 ||
        meta_principal_get(d, b->task.arena, id, &row, e) < 0)
        return -1;
    bool bind = is_person(b->peer) && row.user_id == 0;
    if (!is_new && !bind)
        return 0;
    if (bind) {
        row.control = b->peer->control;
        row.user_id = b->peer->user_id;
    }
    row.last_seen = now;
    if (meta_principal_update(d, &row, e) < 0 || add_event(b, d, key, e) < 0)
        return -1;
    b->made[i] = access_principal_of(&row);
    return 0;
}

static int apply(struct change *c, struct db *d, struct err *e)
{
    struct bind_task *b = CONTAINER_OF(c, struct bind_task, task.change);
    enum access_sight sight;
    /* Somebody may have come first. */
    if (access_sight(b->task.registry->writer_access, b->peer, &sight, e) < 0)
        return -1;
    for (size_t i = 0; i < b->peer->n_keys; i++) {
        if (bind_one(b, d, i, e) < 0)
            return -1;
    }
    return 0;
}

static void remember(struct access *a, const struct bind_task *b)
{
    for (size_t i = 0; i < b->peer->n_keys; i++) {
        if (b->made[i].id != 0)
            access_put_principal(a, &b->made[i]);
    }
}

static void applied(struct change *c)
{
    struct bind_task *b = CONTAINER_OF(c, struct bind_task, task.change);
    remember(b->task.registry->writer_access, b);
}

static void committed(struct task *t)
{
    remember(t->registry->access, CONTAINER_OF(t, struct bind_task, task));
}

void principals_bind(struct registry *r, const struct identity *peer, task_done_fn done, void *ctx)
{
    struct caller c = { .kind = CALLER_PRINCIPAL, .peer = peer };
    struct task *t = task_new(r, &c, sizeof(struct bind_task), done, ctx);
    struct bind_task *b = CONTAINER_OF(t, struct bind_task, task);
    b->peer = t->caller.peer;
    b->made = arena_array(t->arena, b->peer->n_keys, sizeof(*b->made));
    t->change.apply = apply;
    t->change.applied = applied;
    t->committed = committed;
    task_submit(t);
}
