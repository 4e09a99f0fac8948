#include "registry/task.h"

#include "base/mem.h"
#include "index/index_file.h"
#include "registry/audit.h"

#include <errno.h>

#define EVENTS_MAX (1u << 20)
#define GRANT_MAX 256

static void log_events(struct str lines)
{
    while (lines.n > 0)
        audit_log(str_cut(&lines, '\n'));
}

static void finish(struct change *c)
{
    struct task *t = CONTAINER_OF(c, struct task, change);
    if (c->err.kind == ERR_IO && c->err.sys == EIO)
        registry_note_disk_failure(t->registry);
    if (c->err.kind == ERR_NONE && t->index_answer)
        sparse_put(t->registry->sparse, t->index_name, TAKE(t->index_answer));
    if (c->err.kind == ERR_NONE && t->committed)
        t->committed(t);
    if (c->err.kind == ERR_NONE)
        log_events(buf_str(&t->events));
    t->done(t->ctx, &c->err);
    buf_deinit(&t->events);
    answer_unref(t->index_answer);
    arena_free(t->arena);
}

struct task *task_new(
    struct registry *r, const struct caller *c, size_t n, task_done_fn done, void *ctx)
{
    struct arena *a = arena_new();
    struct task *t = arena_zalloc(a, n);
    t->registry = r;
    t->arena = a;
    t->caller = caller_keep(a, c);
    t->events = BUF_INIT(EVENTS_MAX);
    t->done = done;
    t->ctx = ctx;
    t->change.done = finish;
    return t;
}

void task_submit(struct task *t)
{
    struct registry *r = t->registry;
    if (registry_check_writable(r, &t->change.err) < 0 ||
        writer_submit(r->writer, &t->change, &t->change.err) < 0)
        finish(&t->change);
}

/* A tagged node acts for all its tags. */
struct str task_principal(const struct task *t)
{
    const struct caller *c = &t->caller;
    struct buf name AUTO_BUF = BUF_INIT(8192);
    if (c->kind != CALLER_PRINCIPAL || c->token != 0 || !c->peer || c->peer->n_keys < 2)
        return access_caller_name(t->registry->writer_access, c);
    identity_name(c->peer, &name);
    return arena_str(t->arena, buf_str(&name));
}

/* A link may have come since the caller was let in: what they make now would else be of the name
 * that was linked, and so of nobody. */
static void follow_link(struct task *t)
{
    const struct access *a = t->registry->writer_access;
    uint32_t id = access_acting_id(a, access_principal_key(a, t->caller.principal));
    if (id != 0)
        t->caller.principal = id;
}

int task_check(
    struct task *t, enum right right, struct str canonical, struct str name, struct err *e)
{
    const struct access *a = t->registry->writer_access;
    struct buf grant AUTO_BUF = BUF_INIT(GRANT_MAX);
    if (access_still(a, &t->caller, clock_wall_s(), e) < 0 ||
        access_may_named(a, &t->caller, right, canonical, name, e) < 0)
        return -1;
    follow_link(t);
    access_grant_used(a, &t->caller, right, canonical, &grant);
    t->grant = grant.n > 0 ? arena_str(t->arena, buf_str(&grant)) : STR_NONE;
    return 0;
}

static struct str or_none(struct str s)
{
    return s.n > 0 ? s : STR_NONE;
}

static void set_peer(struct event *ev, const struct identity *peer)
{
    if (!peer)
        return;
    ev->node = or_none(peer->node);
    ev->node_id = or_none(peer->stable_id);
    ev->address = or_none(peer->address);
    if (peer->kind == IDENTITY_TAGGED) {
        ev->tags = peer->keys;
        ev->n_tags = peer->n_keys;
    }
}

int task_event(struct task *t, struct db *d, const char *what, struct str crate, struct str version,
    struct str detail, struct err *e)
{
    struct event ev = {
        .time = clock_wall_s(),
        .principal = task_principal(t),
        .token = t->caller.token,
        .grant = t->grant,
        .what = str_from(what),
        .crate = crate,
        .version = version,
        .detail = detail,
    };
    set_peer(&ev, t->caller.peer);
    if (t->events.n > 0)
        buf_add_byte(&t->events, '\n');
    return meta_event_add(d, &ev, &t->events, e);
}

int task_remake_index(struct task *t, struct db *d, int64_t crate, struct str name, struct err *e)
{
    struct buf lines AUTO_BUF = BUF_INIT(INDEX_FILE_MAX);
    struct index_file_row f;
    t->index_name = arena_lower(t->arena, name);
    if (meta_index_lines(d, crate, &lines, e) < 0)
        return -1;
    if (!buf_ok(&lines))
        return err_set(e, ERR_TOO_LARGE, "the index file of this crate would pass %u MiB",
            INDEX_FILE_MAX >> 20);
    if (index_file_make(t->arena, t->index_name, buf_str(&lines), &f, e) < 0 ||
        meta_index_file_put(d, crate, &f, e) < 0)
        return -1;
    t->index_answer = index_file_answer(&f);
    return 0;
}
