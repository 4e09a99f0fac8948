#include "registry/owners.h"

#include "base/json_write.h"
#include "crate/name.h"

struct owners_task {
    struct task task;
    struct owners_request q;
    struct str canonical;
    uint32_t *ids;                 /* of q.keys */
    struct access_principal *made; /* tags named for the first time; id 0: was there already */
};

static int refuse_unknown(struct str key, struct err *e)
{
    struct str shown = utf8_clip(key, 100);
    if (str_has(key, '@') || str_starts(key, STR("shared:")))
        return err_set(e, ERR_INVALID,
            "`%" STR_FMT "` is not known here yet; ask them to open /me once", STR_ARG(shown));
    if (!str_has(key, ':'))
        return err_set(e, ERR_INVALID,
            "`%" STR_FMT "` is not known here; owners are named with their kind, such as "
            "local:%" STR_FMT ", and people of the tailnet by their login: ask them to open /me "
            "once",
            STR_ARG(shown), STR_ARG(shown));
    return err_set(e, ERR_INVALID,
        "`%" STR_FMT
        "` is not known here; an admin makes an account with `superguppy token new NAME`",
        STR_ARG(shown));
}

/* A tag needs no first sight: the tailnet's policy says who may have it. */
static int make_tag(struct owners_task *o, struct db *d, size_t i, struct err *e)
{
    struct str key = o->q.keys[i];
    int64_t id, now = clock_wall_s();
    if (config_principal_wrong(key))
        return refuse_unknown(key, e);
    if (meta_principal_ensure(d, key, now, &id, NULL, e) < 0)
        return -1;
    o->made[i] = (struct access_principal){ .id = (uint32_t)id, .key = key };
    o->ids[i] = (uint32_t)id;
    return 0;
}

static int refuse_other(const struct owners_task *o, struct str key, struct err *e)
{
    return err_set(e, ERR_INVALID, "%" STR_FMT " does not own `%" STR_FMT "`",
        STR_ARG(utf8_clip(key, 100)), STR_ARG(o->q.name));
}

/* The name itself, too: one that is blocked says nothing, whomever it acts as. */
static bool is_blocked(const struct access *a, struct str key, uint32_t acting)
{
    return access_is_blocked(a, acting) || access_is_blocked(a, access_principal_id(a, key));
}

static int find_principals(struct owners_task *o, struct db *d, struct err *e)
{
    const struct access *a = o->task.registry->writer_access;
    for (size_t i = 0; i < o->q.n; i++) {
        struct str key = o->q.keys[i];
        o->ids[i] = access_acting_id(a, key);
        if (o->ids[i] != 0 && o->q.add && is_blocked(a, key, o->ids[i]))
            return err_set(e, ERR_INVALID, "%" STR_FMT " is blocked on this registry; ask an admin",
                STR_ARG(utf8_clip(key, 100)));
        if (o->ids[i] != 0)
            continue;
        if (!o->q.add)
            return refuse_other(o, key, e);
        if (!str_starts(key, STR("tag:")))
            return refuse_unknown(key, e);
        if (make_tag(o, d, i, e) < 0)
            return -1;
    }
    return 0;
}

static int change_one(struct owners_task *o, struct db *d, int64_t crate, size_t i, struct err *e)
{
    struct str key = o->q.keys[i];
    if (o->q.add) {
        int added = meta_owner_add(d, crate, o->ids[i], clock_wall_s(), e);
        if (added == 0)
            return err_set(e, ERR_INVALID, "%" STR_FMT " owns `%" STR_FMT "` already", STR_ARG(key),
                STR_ARG(o->q.name));
        return added < 0 ? -1 : 0;
    }
    int removed = meta_owner_remove(d, crate, o->ids[i], e);
    if (removed == 0)
        return refuse_other(o, key, e);
    return removed < 0 ? -1 : 0;
}

static struct str keys_json(struct owners_task *o)
{
    struct buf b AUTO_BUF = BUF_INIT(16384);
    struct json_out j = JSON_OUT(&b);
    json_object_begin(&j);
    json_key(&j, STR("users"));
    json_array_begin(&j);
    for (size_t i = 0; i < o->q.n; i++)
        json_put_str(&j, o->q.keys[i]);
    json_array_end(&j);
    json_object_end(&j);
    return arena_str(o->task.arena, buf_str(&b));
}

static int apply_all(
    struct owners_task *o, struct db *d, const struct crate_row *crate, struct err *e)
{
    for (size_t i = 0; i < o->q.n; i++) {
        if (change_one(o, d, crate->id, i, e) < 0)
            return -1;
    }
    int64_t left;
    if (meta_owner_count(d, crate->id, &left, e) < 0)
        return -1;
    if (left == 0)
        return err_set(e, ERR_INVALID,
            "`%" STR_FMT "` would be left without an owner; add another one first",
            STR_ARG(crate->name));
    return task_event(&o->task, d, o->q.add ? "owner-add" : "owner-remove", crate->name, STR_NONE,
        keys_json(o), e);
}

static int apply(struct change *c, struct db *d, struct err *e)
{
    struct owners_task *o = CONTAINER_OF(c, struct owners_task, task.change);
    struct crate_row crate;
    int found = meta_crate_find(d, o->task.arena, o->canonical, &crate, e);
    if (found == 0)
        return err_set(
            e, ERR_NOT_FOUND, "there is no crate `%" STR_FMT "` here", STR_ARG(o->q.name));
    if (found < 0 ||
        task_check(&o->task, RIGHT_CHANGE_OWNERS, crate.canonical, crate.name, e) < 0 ||
        find_principals(o, d, e) < 0)
        return -1;
    return apply_all(o, d, &crate, e);
}

static void remember(struct access *a, const struct owners_task *o)
{
    for (size_t i = 0; i < o->q.n; i++) {
        if (o->made[i].id != 0)
            access_put_principal(a, &o->made[i]);
    }
    for (size_t i = 0; i < o->q.n; i++)
        (o->q.add ? access_put_owner : access_drop_owner)(a, o->canonical, o->ids[i]);
}

static void applied(struct change *c)
{
    struct owners_task *o = CONTAINER_OF(c, struct owners_task, task.change);
    remember(o->task.registry->writer_access, o);
}

static void committed(struct task *t)
{
    remember(t->registry->access, CONTAINER_OF(t, struct owners_task, task));
}

void owners_change(struct registry *r, const struct caller *c, const struct owners_request *q,
    task_done_fn done, void *ctx)
{
    struct task *t = task_new(r, c, sizeof(struct owners_task), done, ctx);
    struct owners_task *o = CONTAINER_OF(t, struct owners_task, task);
    struct str *keys = arena_array(t->arena, q->n, sizeof(struct str));
    for (size_t i = 0; i < q->n; i++)
        keys[i] = arena_str(t->arena, q->keys[i]);
    o->q = (struct owners_request){
        .name = arena_str(t->arena, q->name), .keys = keys, .n = q->n, .add = q->add
    };
    o->canonical = crate_name_canonical(t->arena, q->name);
    o->ids = arena_array(t->arena, q->n, sizeof(uint32_t));
    o->made = arena_array(t->arena, q->n, sizeof(*o->made));
    t->change.apply = apply;
    t->change.applied = applied;
    t->committed = committed;
    task_submit(t);
}
