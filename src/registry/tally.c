#include "registry/tally.h"

#include "base/mem.h"
#include "registry/registry.h"
#include "store/meta.h"

#define SECONDS_A_DAY 86400
#define SEEN_EVERY_S 3600

/* An open-addressed table keyed by id: counting is one probe and no allocation. */
struct cell {
    int64_t id; /* 0: free */
    int64_t value;
};
struct cells {
    struct cell *v;
    size_t cap, n;
};

struct tally {
    struct cells downloads; /* version -> how many */
    struct cells tokens;    /* token -> when last */
    struct cells seen;      /* principal -> when last, if it is to be stored */
    struct cells stored;    /* principal -> when last stored */
};

struct tally_change {
    struct change change;
    struct cells downloads, tokens, seen;
    int64_t day;
    const struct registry *registry; /* whose writer learns who was seen; NULL: nobody */
};

static size_t slot_of(const struct cells *c, int64_t id)
{
    size_t i = (size_t)((uint64_t)id * 0x9E3779B97F4A7C15u) & (c->cap - 1);
    while (c->v[i].id != 0 && c->v[i].id != id)
        i = (i + 1) & (c->cap - 1);
    return i;
}

static void cells_grow(struct cells *c)
{
    struct cells bigger = { .cap = c->cap ? c->cap * 2 : 64, .n = c->n };
    bigger.v = mem_array(bigger.cap, sizeof(struct cell));
    for (size_t i = 0; i < c->cap; i++) {
        if (c->v[i].id != 0)
            bigger.v[slot_of(&bigger, c->v[i].id)] = c->v[i];
    }
    free(c->v);
    *c = bigger;
}

static struct cell *cells_at(struct cells *c, int64_t id)
{
    if ((c->n + 1) * 4 > c->cap * 3)
        cells_grow(c);
    struct cell *cell = &c->v[slot_of(c, id)];
    if (cell->id == 0) {
        cell->id = id;
        c->n++;
    }
    return cell;
}

struct tally *tally_new(void)
{
    return MEM_NEW(struct tally);
}

void tally_free(struct tally *t)
{
    if (!t)
        return;
    free(t->downloads.v);
    free(t->tokens.v);
    free(t->seen.v);
    free(t->stored.v);
    free(t);
}

void tally_download(struct tally *t, int64_t version_id)
{
    cells_at(&t->downloads, version_id)->value++;
}

void tally_token(struct tally *t, uint32_t token_id, int64_t now)
{
    cells_at(&t->tokens, token_id)->value = now;
}

void tally_seen(struct tally *t, uint32_t principal_id, int64_t now)
{
    if (principal_id == 0)
        return;
    struct cell *stored = cells_at(&t->stored, principal_id);
    if (now - stored->value < SEEN_EVERY_S)
        return;
    stored->value = now;
    cells_at(&t->seen, principal_id)->value = now;
}

static int apply(struct change *c, struct db *d, struct err *e)
{
    struct tally_change *t = CONTAINER_OF(c, struct tally_change, change);
    for (size_t i = 0; i < t->downloads.cap; i++) {
        const struct cell *cell = &t->downloads.v[i];
        if (cell->id != 0 && meta_downloads_add(d, cell->id, cell->value, t->day, e) < 0)
            return -1;
    }
    for (size_t i = 0; i < t->tokens.cap; i++) {
        const struct cell *cell = &t->tokens.v[i];
        if (cell->id != 0 && meta_token_used(d, cell->id, cell->value, e) < 0)
            return -1;
    }
    for (size_t i = 0; i < t->seen.cap; i++) {
        const struct cell *cell = &t->seen.v[i];
        if (cell->id != 0 && meta_principal_saw(d, cell->id, cell->value, e) < 0)
            return -1;
    }
    return 0;
}

static void applied(struct change *c)
{
    struct tally_change *t = CONTAINER_OF(c, struct tally_change, change);
    struct access *a = t->registry ? t->registry->writer_access : NULL;
    for (size_t i = 0; a && i < t->seen.cap; i++) {
        const struct cell *cell = &t->seen.v[i];
        if (cell->id != 0)
            access_saw(a, (uint32_t)cell->id, cell->value);
    }
}

static void done(struct change *c)
{
    struct tally_change *t = CONTAINER_OF(c, struct tally_change, change);
    free(t->downloads.v);
    free(t->tokens.v);
    free(t->seen.v);
    free(t);
}

struct change *tally_change(struct tally *t, const struct registry *r, int64_t now)
{
    if (t->downloads.n == 0 && t->tokens.n == 0 && t->seen.n == 0)
        return NULL;
    struct tally_change *c = MEM_NEW(struct tally_change);
    c->change.apply = apply;
    c->change.applied = applied;
    c->change.done = done;
    c->registry = r;
    c->downloads = t->downloads;
    c->tokens = t->tokens;
    c->seen = t->seen;
    c->day = now / SECONDS_A_DAY;
    *t = (struct tally){ .stored = t->stored };
    return &c->change;
}
