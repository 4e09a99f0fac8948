#include "registry/publish_store.h"

#include "crate/semver.h"
#include "registry/publish_check.h"
#include "registry/task.h"

struct store_task {
    struct task task;
    const struct draft *draft;
    uint32_t *new_owners; /* of a new crate */
    size_t n_new_owners;
    bool is_new;
};

static bool is_higher(struct str num, struct str than)
{
    struct semver a, b;
    if (semver_parse(num, &a, NULL) < 0 || semver_parse(than, &b, NULL) < 0)
        return true;
    return semver_precedence(&a, &b) > 0;
}

/* The highest version after this one was added. "0.0.0" also stands for none, and a first version
 * may be below it: then only a real 0.0.0 stays above. */
static int choose_max(struct store_task *s, struct db *d, const struct crate_row *crate,
    struct str num, struct str *ret, struct err *e)
{
    struct version_row zero;
    *ret = num;
    if (is_higher(num, crate->max_version))
        return 0;
    if (str_eq(crate->max_version, STR("0.0.0"))) {
        int found = meta_version_find(d, s->task.arena, crate->id, STR("0.0.0"), &zero, e);
        if (found < 0)
            return -1;
        if (found == 0 || zero.yanked)
            return 0;
    }
    *ret = crate->max_version;
    return 0;
}

/* Whoever publishes a crate first owns it; a tagged node acts for all its tags. */
static void choose_owners(struct store_task *s)
{
    const struct access *a = s->task.registry->writer_access;
    const struct caller *c = &s->task.caller;
    bool tagged = c->token == 0 && c->peer && c->peer->kind == IDENTITY_TAGGED;
    size_t n = tagged ? c->peer->n_keys : 1;
    s->new_owners = arena_array(s->task.arena, n, sizeof(uint32_t));
    for (size_t i = 0; i < n; i++) {
        struct str key = tagged ? c->peer->keys[i] : access_principal_key(a, c->principal);
        /* Perhaps linked to another since it began; the admin socket owns nothing. */
        uint32_t id = access_acting_id(a, key);
        if (id != 0)
            s->new_owners[s->n_new_owners++] = id;
    }
}

static int add_owners(struct store_task *s, struct db *d, int64_t crate, struct err *e)
{
    choose_owners(s);
    for (size_t i = 0; i < s->n_new_owners; i++) {
        if (meta_owner_add(d, crate, s->new_owners[i], s->draft->row.pubtime, e) < 0)
            return -1;
    }
    return 0;
}

/* Finds the crate or makes it, with the caller as its owner. */
static int ensure_crate(struct store_task *s, struct db *d, struct crate_row *crate, struct err *e)
{
    const struct draft *draft = s->draft;
    int found = meta_crate_find(d, s->task.arena, draft->canonical, crate, e);
    if (found < 0)
        return -1;
    s->is_new = found == 0;
    enum right right = s->is_new ? RIGHT_PUBLISH_NEW : RIGHT_PUBLISH_UPDATE;
    if (task_check(&s->task, right, draft->canonical, draft->name, e) < 0)
        return -1;
    if (!s->is_new)
        return str_eq(crate->name, draft->name)
                   ? 0
                   : publish_refuse_spelling(draft->name, crate->name, e);

    *crate = (struct crate_row){
        .name = draft->name,
        .canonical = draft->canonical,
        .description = draft->row.description,
        .created = draft->row.pubtime,
        .updated = draft->row.pubtime,
        .max_version = draft->row.num,
    };
    if (meta_crate_add(d, crate, &crate->id, e) < 0)
        return -1;
    return add_owners(s, d, crate->id, e);
}

/* Publish times of a crate never go back, whatever the clock does: who hides what is younger than
 * some days counts on their order. */
static int keep_time_order(
    struct store_task *s, const struct crate_row *crate, struct version_row *row, struct err *e)
{
    if (row->pubtime >= crate->updated)
        return 0;
    row->pubtime = crate->updated;
    return draft_line(s->task.arena, s->draft->name, row, &row->line, e);
}

static int add_version(
    struct store_task *s, struct db *d, const struct crate_row *crate, struct err *e)
{
    struct version_row row = s->draft->row;
    struct version_row old;
    int64_t id;
    int found = meta_version_find(d, s->task.arena, crate->id, row.num_key, &old, e);
    if (found != 0)
        return found == 1 ? publish_refuse_existing(crate->name, old.num, e) : -1;
    struct str max;
    if (choose_max(s, d, crate, row.num, &max, e) < 0)
        return -1;
    if (keep_time_order(s, crate, &row, e) < 0)
        return -1;
    row.crate = crate->id;
    row.published_by = s->task.caller.principal;
    if (meta_version_add(d, &row, &id, e) < 0)
        return -1;
    return meta_crate_update(d, crate->id, row.description, max, row.pubtime, e);
}

static int apply(struct change *c, struct db *d, struct err *e)
{
    struct store_task *s = CONTAINER_OF(c, struct store_task, task.change);
    const struct draft *draft = s->draft;
    struct crate_row crate;
    if (ensure_crate(s, d, &crate, e) < 0 || add_version(s, d, &crate, e) < 0)
        return -1;
    char sum[SHA256_HEX_LEN + 1];
    hex_format(draft->row.cksum, SHA256_LEN, sum);
    struct str detail = arena_printf(
        s->task.arena, "{\"cksum\":\"%s\",\"size\":%lld}", sum, (long long)draft->row.size);
    if (task_event(&s->task, d, "publish", draft->name, draft->row.num, detail, e) < 0)
        return -1;
    return task_remake_index(&s->task, d, crate.id, crate.name, e);
}

static void remember(struct access *a, const struct store_task *s)
{
    if (!s->is_new)
        return;
    access_put_crate(a, s->draft->canonical);
    for (size_t i = 0; i < s->n_new_owners; i++)
        access_put_owner(a, s->draft->canonical, s->new_owners[i]);
}

static void applied(struct change *c)
{
    struct store_task *s = CONTAINER_OF(c, struct store_task, task.change);
    remember(s->task.registry->writer_access, s);
}

static void committed(struct task *t)
{
    remember(t->registry->access, CONTAINER_OF(t, struct store_task, task));
}

void publish_store(struct registry *r, const struct caller *c, const struct draft *draft,
    void (*done)(void *ctx, const struct err *e), void *ctx)
{
    struct task *t = task_new(r, c, sizeof(struct store_task), done, ctx);
    struct store_task *s = CONTAINER_OF(t, struct store_task, task);
    s->draft = draft;
    t->change.apply = apply;
    t->change.applied = applied;
    t->committed = committed;
    task_submit(t);
}
