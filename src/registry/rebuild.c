#include "registry/rebuild.h"

#include "base/gzip.h"
#include "index/index_file.h"
#include "registry/draft.h"

struct rebuild {
    struct db *db;
    bool fix;
    rebuild_report_fn report;
    void *ctx;
    struct rebuild_result result;
    struct arena *names; /* crate rows of the walk */
    struct crate_row *crates;
    size_t n_crates, cap;

    const struct crate_row *crate; /* the one in hand */
    struct arena *arena;           /* its */
    struct buf lines;
    struct wrong *wrong;
};

struct wrong { /* lines to store after the walk over the versions */
    int64_t id;
    bool yanked;
    struct str line;
    struct wrong *next;
};

static int check_version(void *ctx, const struct version_row *row, struct err *e)
{
    struct rebuild *b = ctx;
    struct str line;
    if (draft_line(b->arena, b->crate->name, row, &line, e) < 0)
        return -1;
    b->result.n_versions++;
    buf_add(&b->lines, line);
    if (str_eq(line, row->line))
        return 0;
    b->result.n_different++;
    b->report(b->ctx, b->crate->name, row->num);
    struct wrong *w = ARENA_NEW(b->arena, struct wrong);
    *w = (struct wrong){ .id = row->id, .yanked = row->yanked, .line = line, .next = b->wrong };
    b->wrong = w;
    return 0;
}

static int fix_lines(struct rebuild *b, struct err *e)
{
    for (const struct wrong *w = b->wrong; w; w = w->next) {
        if (meta_version_set_yanked(b->db, w->id, w->yanked, w->line, e) < 0)
            return -1;
    }
    return 0;
}

/* Another zlib may pack otherwise; what counts is what a client unpacks. */
static bool same_file(const struct index_file_row *f, struct str sum, struct str lines)
{
    struct buf unpacked AUTO_BUF = BUF_INIT(INDEX_FILE_MAX);
    if (!str_eq(f->sum, sum))
        return false;
    if (f->plain.p)
        return str_eq(f->plain, lines);
    return gzip_inflate(f->packed, &unpacked, NULL) == 0 && str_eq(buf_str(&unpacked), lines);
}

static int check_file(struct rebuild *b, struct err *e)
{
    struct index_file_row want, have;
    if (!buf_ok(&b->lines))
        return err_set(e, ERR_TOO_LARGE, "the index file of `%" STR_FMT "` would pass %u MiB",
            STR_ARG(b->crate->name), INDEX_FILE_MAX >> 20);
    if (b->lines.n == 0)
        return 0;
    if (index_file_make(
            b->arena, arena_lower(b->arena, b->crate->name), buf_str(&b->lines), &want, e) < 0)
        return -1;
    int found = meta_index_file_find(b->db, b->arena, b->crate->id, &have, e);
    if (found < 0)
        return -1;
    if (found == 1 && same_file(&have, want.sum, buf_str(&b->lines)))
        return 0;
    if (!b->wrong) {
        b->result.n_different++;
        b->report(b->ctx, b->crate->name, STR_NONE);
    }
    return b->fix ? meta_index_file_put(b->db, b->crate->id, &want, e) : 0;
}

static int check_crate(struct rebuild *b, const struct crate_row *crate, struct err *e)
{
    struct arena *arena AUTO_ARENA = arena_new();
    b->crate = crate;
    b->arena = arena;
    b->wrong = NULL;
    buf_clear(&b->lines);
    if (meta_each_version(b->db, crate->id, check_version, b, e) < 0)
        return -1;
    if (b->fix && fix_lines(b, e) < 0)
        return -1;
    return check_file(b, e);
}

static int keep_crate(void *ctx, const struct crate_row *c, struct err *e)
{
    struct rebuild *b = ctx;
    (void)e;
    if (b->n_crates == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 256;
        struct crate_row *more = arena_array(b->names, cap, sizeof(*more));
        for (size_t i = 0; i < b->n_crates; i++)
            more[i] = b->crates[i];
        b->crates = more;
        b->cap = cap;
    }
    b->crates[b->n_crates++] =
        (struct crate_row){ .id = c->id, .name = arena_str(b->names, c->name) };
    return 0;
}

static int check_all(struct rebuild *b, struct err *e)
{
    if (meta_each_crate(b->db, keep_crate, b, e) < 0)
        return -1;
    for (size_t i = 0; i < b->n_crates; i++) {
        if (check_crate(b, &b->crates[i], e) < 0)
            return -1;
    }
    b->result.n_crates = b->n_crates;
    return 0;
}

int rebuild_index(struct db *d, bool fix, rebuild_report_fn report, void *ctx,
    struct rebuild_result *ret, struct err *e)
{
    struct arena *names AUTO_ARENA = arena_new();
    struct rebuild b = { .db = d,
        .fix = fix,
        .report = report,
        .ctx = ctx,
        .names = names,
        .lines = BUF_INIT(INDEX_FILE_MAX) };
    int rc = db_begin(d, e);
    if (rc == 0) {
        rc = check_all(&b, e);
        if (rc == 0)
            rc = db_commit(d, e);
        if (rc < 0)
            db_rollback(d);
    }
    buf_deinit(&b.lines);
    if (rc == 0)
        *ret = b.result;
    return rc;
}
