#include "registry/registry.h"

#include "base/log.h"
#include "base/mem.h"
#include "index/index_file.h"
#include "registry/publish.h"

static int put_index_file(void *ctx, const struct index_file_row *f, struct err *e)
{
    struct sparse *s = ctx;
    (void)e;
    sparse_put(s, f->name, index_file_answer(f));
    return 0;
}

/* A commit failed after changes had been noted in the writer's memory: read it anew. */
static void reload_writer_access(void *ctx, struct db *d)
{
    struct registry *r = ctx;
    struct access *fresh;
    struct err e = ERR_INIT;
    if (access_load(r->config, d, &fresh, &e) < 0) {
        struct log_line l;
        log_begin(&l, LOG_ERROR, "access_reload_failed");
        log_err(&l, &e);
        log_end(&l);
        abort(); /* going on could let a change through that it must not */
    }
    access_succeed(fresh, r->writer_access);
    access_free(r->writer_access);
    r->writer_access = fresh;
}

static int open_parts(struct registry *r, struct err *e)
{
    if (db_open_writer(r->data, &r->db, e) < 0 ||
        access_load(r->config, r->db, &r->access, e) < 0 ||
        access_load(r->config, r->db, &r->writer_access, e) < 0 ||
        meta_each_index_file(r->db, put_index_file, r->sparse, e) < 0)
        return -1;
    return writer_new(r->db, r->pool, reload_writer_access, r, &r->writer, e);
}

int registry_open(const struct config *c, const struct data_dir *data, struct worker_pool *pool,
    struct registry **ret, struct err *e)
{
    struct registry *r = MEM_NEW(struct registry);
    r->config = c;
    r->data = data;
    r->pool = pool;
    r->readers = readers_new(data);
    r->sparse = sparse_new();
    r->tally = tally_new();
    r->gate = publish_gate_new();
    if (open_parts(r, e) < 0) {
        registry_close(r);
        return -1;
    }
    *ret = r;
    return 0;
}

void registry_note_disk_failure(struct registry *r)
{
    if (++r->disk_failures < 2 || r->read_only)
        return;
    r->read_only = true;
    log_msg(LOG_ERROR, "read_only",
        "the disk failed twice: no more changes until a restart; reading goes on");
}

int registry_check_writable(const struct registry *r, struct err *e)
{
    if (!r->read_only)
        return 0;
    return err_set(
        e, ERR_BUSY, "the disk failed; the registry is read-only until an admin restarts it");
}

void registry_flush_tally(struct registry *r)
{
    struct change *c = tally_change(r->tally, r, clock_wall_s());
    if (!c)
        return;
    if (writer_submit(r->writer, c, &c->err) < 0)
        c->done(c);
}

void registry_close(struct registry *r)
{
    if (!r)
        return;
    if (r->writer) {
        registry_flush_tally(r);
        writer_free(r->writer);
        worker_collect(r->pool);
    }
    readers_free(r->readers);
    db_close(r->db);
    access_free(r->access);
    access_free(r->writer_access);
    sparse_free(r->sparse);
    tally_free(r->tally);
    publish_gate_free(r->gate);
    free(r);
}
