#include "support/temp_store.h"

#include "base/mem.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void need(int rc, const struct err *e)
{
    if (rc >= 0)
        return;
    (void)fprintf(stderr, "temp_store: %s (%s)\n", e->text, e->cause);
    abort();
}

struct temp_store *temp_folder_new(void)
{
    struct temp_store *t = MEM_NEW(struct temp_store);
    /* In memory where that can be: a test of durability it is not, and fsync costs nothing there.
     */
    (void)snprintf(t->root, sizeof(t->root), "%s/superguppy-XXXXXX",
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(t->root))
        abort();
    (void)snprintf(t->path, sizeof(t->path), "%s/data", t->root);
    return t;
}

void temp_store_reopen(struct temp_store *t)
{
    struct err e = ERR_INIT;
    need(data_dir_open(str_from(t->path), true, &t->dir, &e), &e);
    need(db_open_writer(t->dir, &t->db, &e), &e);
}

struct temp_store *temp_store_new(void)
{
    struct temp_store *t = temp_folder_new();
    temp_store_reopen(t);
    return t;
}

void temp_store_close(struct temp_store *t)
{
    db_close(TAKE(t->db));
    data_dir_close(TAKE(t->dir));
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void temp_store_free(struct temp_store *t)
{
    if (!t)
        return;
    temp_store_close(t);
    (void)nftw(t->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(t);
}
