/* One walk over an index that holds nothing but names and descriptions, in order of names. Hits
 * fall into one list a rank, so nothing needs to be sorted and the total comes for free; only the
 * rows of the page asked for are then read. 100,000 crates take some 20 ms. */
#include "store/meta.h"

#include "base/mem.h"
#include "crate/name.h"
#include "store/meta_row.h"

#include <string.h>

enum rank { RANK_EXACT, RANK_PREFIX, RANK_NAME, RANK_DESCRIPTION, RANKS, RANK_NONE = RANKS };

struct needle {
    struct str name; /* canonical form */
    struct str text; /* lower case */
};

struct hits {
    int64_t *ids;
    size_t n, cap;
};

struct search {
    struct needle *needles;
    size_t n_needles;
    struct str whole; /* all words as one name */
    struct buf lower; /* of the description at hand */
    struct hits hits[RANKS];
    uint64_t keep; /* hits of a rank that may be asked for */
    uint64_t total;
};

#define DESCRIPTION_MAX (1u << 20) /* what is behind is not searched */

/* Without a branch or a call, so that it is done many bytes at a time: most of a walk is this. */
static void lower_to(struct str s, char *out)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        out[i] = (char)(c | ((unsigned char)(c - 'A') < 26) << 5);
    }
}

static struct str lower(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n);
    lower_to(s, p);
    return (struct str){ p, s.n };
}

static void take_words(struct arena *a, const struct search_query *q, struct search *ret)
{
    ret->needles = arena_array(a, q->n_words, sizeof(*ret->needles));
    for (size_t i = 0; i < q->n_words; i++) {
        if (q->words[i].n == 0)
            continue;
        struct needle *n = &ret->needles[ret->n_needles++];
        n->name = crate_name_canonical(a, q->words[i]);
        n->text = lower(a, q->words[i]);
        ret->whole = ret->whole.n == 0 ? n->name
                                       : arena_printf(a, "%" STR_FMT "_%" STR_FMT,
                                             STR_ARG(ret->whole), STR_ARG(n->name));
    }
}

static bool in_description(struct search *f, struct str description, struct str word)
{
    if (f->lower.n == 0 && description.n > 0) {
        struct str s = str_from_to(description, 0, DESCRIPTION_MAX);
        char *p = buf_room(&f->lower, s.n);
        lower_to(s, p);
        buf_grew(&f->lower, s.n);
    }
    return str_find_str(buf_str(&f->lower), word) != STR_NPOS;
}

static enum rank rank_of(struct search *f, struct str canonical, struct str description)
{
    enum rank rank = RANK_NAME;
    buf_clear(&f->lower);
    if (f->n_needles == 0)
        return rank;
    if (str_eq(canonical, f->whole))
        return RANK_EXACT;
    for (size_t i = 0; i < f->n_needles; i++) {
        if (str_find_str(canonical, f->needles[i].name) != STR_NPOS)
            continue;
        if (!in_description(f, description, f->needles[i].text))
            return RANK_NONE;
        rank = RANK_DESCRIPTION;
    }
    return rank == RANK_NAME && str_starts(canonical, f->needles[0].name) ? RANK_PREFIX : rank;
}

static void add_hit(struct search *f, enum rank rank, int64_t id)
{
    struct hits *h = &f->hits[rank];
    f->total++;
    if (h->n >= f->keep)
        return;
    if (h->n == h->cap) {
        h->cap = h->cap ? 2 * h->cap : 64;
        h->ids = mem_realloc(h->ids, h->cap * sizeof(*h->ids));
    }
    h->ids[h->n++] = id;
}

static int walk(struct db *d, struct search *f, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    int rc;
    if (db_prepare(d,
            "SELECT canonical, description, id FROM crate INDEXED BY crate_search"
            " ORDER BY canonical",
            &s, e) < 0)
        return -1;
    while ((rc = db_step(s, e)) > 0) {
        enum rank rank = rank_of(f, db_str(s, 0), db_str(s, 1));
        if (rank != RANK_NONE)
            add_hit(f, rank, db_int(s, 2));
    }
    return rc;
}

static int visit_crate(struct db *d, int64_t id, meta_crate_fn visit, void *ctx, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "SELECT " CRATE_COLUMNS " WHERE id = ?1", &s, e) < 0)
        return -1;
    db_bind_int(s, 1, id);
    if (db_step(s, e) < 0)
        return -1;
    struct crate_row row = meta_read_crate(s); /* crates are never deleted */
    return visit(ctx, &row, e);
}

static int visit_page(struct db *d, const struct search *f, const struct search_query *q,
    meta_crate_fn visit, void *ctx, struct err *e)
{
    uint64_t skip = q->offset, left = q->per_page;
    for (size_t rank = 0; rank < RANKS; rank++) {
        const struct hits *h = &f->hits[rank];
        for (size_t i = 0; i < h->n && left > 0; i++) {
            if (skip > 0) {
                skip--;
                continue;
            }
            if (visit_crate(d, h->ids[i], visit, ctx, e) < 0)
                return -1;
            left--;
        }
    }
    return 0;
}

int meta_search(struct db *d, const struct search_query *q, meta_crate_fn visit, void *ctx,
    uint64_t *ret_total, struct err *e)
{
    AUTO_ARENA struct arena *a = arena_new();
    struct search f = {
        .lower = BUF_INIT(DESCRIPTION_MAX),
        .keep = (uint64_t)q->offset + q->per_page,
    };
    take_words(a, q, &f);
    int rc = walk(d, &f, e);
    if (rc == 0)
        rc = visit_page(d, &f, q, visit, ctx, e);
    buf_deinit(&f.lower);
    for (size_t i = 0; i < RANKS; i++)
        free(f.hits[i].ids);
    if (rc == 0)
        *ret_total = f.total;
    return rc;
}
