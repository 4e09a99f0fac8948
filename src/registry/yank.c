#include "registry/yank.h"

#include "crate/name.h"
#include "crate/semver.h"
#include "registry/draft.h"
#include "registry/lookup.h"

struct yank_task {
    struct task task;
    struct yank_request q;
};

struct highest {
    struct arena *arena;
    struct str num; /* p NULL: none yet */
    struct semver version;
};

static int see_version(void *ctx, const struct version_row *row, struct err *e)
{
    struct highest *h = ctx;
    struct semver v;
    if (row->yanked)
        return 0;
    struct str num = arena_str(h->arena, row->num);
    if (semver_parse(num, &v, e) < 0)
        return -1;
    if (h->num.p == NULL || semver_precedence(&v, &h->version) > 0) {
        h->num = num;
        h->version = v;
    }
    return 0;
}

/* The highest version not yanked decides what search shows; a yank may change it. */
static int update_highest(
    struct task *t, struct db *d, const struct crate_row *crate, struct err *e)
{
    struct highest h = { .arena = t->arena };
    if (meta_each_version(d, crate->id, see_version, &h, e) < 0)
        return -1;
    struct str max = h.num.p ? h.num : STR("0.0.0");
    /* Never back: publish times are held to it. */
    int64_t now = clock_wall_s();
    return meta_crate_update(
        d, crate->id, crate->description, max, now > crate->updated ? now : crate->updated, e);
}

static int apply(struct change *c, struct db *d, struct err *e)
{
    struct yank_task *y = CONTAINER_OF(c, struct yank_task, task.change);
    struct task *t = &y->task;
    struct crate_row crate;
    struct version_row row;
    if (lookup_version(d, t->arena, y->q.name, y->q.version, &crate, &row, e) < 0)
        return -1;
    if (task_check(t, RIGHT_YANK, crate.canonical, crate.name, e) < 0)
        return -1;
    if (row.yanked == y->q.yanked)
        return 0;
    row.yanked = y->q.yanked;
    struct str line;
    if (draft_line(t->arena, crate.name, &row, &line, e) < 0 ||
        meta_version_set_yanked(d, row.id, row.yanked, line, e) < 0)
        return -1;
    if (update_highest(t, d, &crate, e) < 0)
        return -1;
    if (task_event(t, d, y->q.yanked ? "yank" : "unyank", crate.name, row.num, STR_NONE, e) < 0)
        return -1;
    return task_remake_index(t, d, crate.id, crate.name, e);
}

void yank_set(struct registry *r, const struct caller *c, const struct yank_request *q,
    task_done_fn done, void *ctx)
{
    struct task *t = task_new(r, c, sizeof(struct yank_task), done, ctx);
    struct yank_task *y = CONTAINER_OF(t, struct yank_task, task);
    y->q = (struct yank_request){ arena_str(t->arena, q->name), arena_str(t->arena, q->version),
        q->yanked };
    t->change.apply = apply;
    task_submit(t);
}
