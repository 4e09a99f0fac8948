#include "registry/readers.h"

#include "base/mem.h"

#include <pthread.h>

#define READERS_KEPT 16

struct readers {
    const struct data_dir *data;
    pthread_mutex_t lock; /* guards idle and n_idle */
    struct db *idle[READERS_KEPT];
    size_t n_idle;
};

struct readers *readers_new(const struct data_dir *data)
{
    struct readers *r = MEM_NEW(struct readers);
    r->data = data;
    (void)pthread_mutex_init(&r->lock, NULL);
    return r;
}

void readers_free(struct readers *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_idle; i++)
        db_close(r->idle[i]);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

int readers_take(struct readers *r, struct db **ret, struct err *e)
{
    struct db *d = NULL;
    (void)pthread_mutex_lock(&r->lock);
    if (r->n_idle > 0)
        d = r->idle[--r->n_idle];
    (void)pthread_mutex_unlock(&r->lock);
    if (!d)
        return db_open_reader(r->data, ret, e);
    *ret = d;
    return 0;
}

void readers_give(struct readers *r, struct db *d)
{
    if (!d)
        return;
    (void)pthread_mutex_lock(&r->lock);
    bool kept = r->n_idle < READERS_KEPT;
    if (kept)
        r->idle[r->n_idle++] = d;
    (void)pthread_mutex_unlock(&r->lock);
    if (!kept)
        db_close(d);
}
