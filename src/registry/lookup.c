#include "registry/lookup.h"

#include "crate/name.h"
#include "crate/semver.h"

#define SHOWN 100 /* bytes of a name from outside that a message repeats */

static int parse_key(struct str name, struct str version, char ret_canonical[CRATE_NAME_MAX],
    struct str *ret_num_key, struct err *e)
{
    struct semver v;
    if (crate_name_check(name, e) < 0)
        return -1;
    if (version.n > SEMVER_TEXT_MAX || semver_parse(version, &v, NULL) < 0) {
        struct str shown = utf8_clip(version, SHOWN);
        return err_set(e, ERR_INVALID, "`%" STR_FMT "` is not a version; one looks like 1.2.3",
            STR_ARG(shown));
    }
    crate_name_canonical_to(name, ret_canonical);
    *ret_num_key = str_cut(&version, '+');
    return 0;
}

int lookup_version(struct db *d, struct arena *a, struct str name, struct str version,
    struct crate_row *ret_crate, struct version_row *ret_version, struct err *e)
{
    char canonical[CRATE_NAME_MAX];
    struct str num_key;
    if (parse_key(name, version, canonical, &num_key, e) < 0)
        return -1;
    int found = meta_crate_find(d, a, (struct str){ canonical, name.n }, ret_crate, e);
    if (found == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no crate `%" STR_FMT "` here", STR_ARG(name));
    if (found < 0)
        return -1;
    found = meta_version_find(d, a, ret_crate->id, num_key, ret_version, e);
    if (found == 0)
        return err_set(e, ERR_NOT_FOUND, "crate `%" STR_FMT "` has no version `%" STR_FMT "`",
            STR_ARG(ret_crate->name), STR_ARG(version));
    return found < 0 ? -1 : 0;
}

static int open_archive(struct registry *r, struct db *d, struct str canonical, struct str num_key,
    struct lookup_archive *ret, struct err *e)
{
    int found = meta_download_find(d, canonical, num_key, &ret->version_id, ret->cksum, e);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no such crate or version here");
    found = blob_open(r->data, ret->cksum, &ret->fd, &ret->size, e);
    if (found == 0)
        return err_set(e, ERR_CORRUPT,
            "the archive of this version is missing on the server; an admin must restore it from a "
            "backup");
    return found < 0 ? -1 : 0;
}

int lookup_download(struct registry *r, struct str name, struct str version,
    struct lookup_archive *ret, struct err *e)
{
    char canonical[CRATE_NAME_MAX];
    struct str num_key;
    struct db *d;
    if (parse_key(name, version, canonical, &num_key, NULL) < 0)
        return err_set(e, ERR_NOT_FOUND, "there is no such crate or version here");
    if (readers_take(r->readers, &d, e) < 0)
        return -1;
    int rc = open_archive(r, d, (struct str){ canonical, name.n }, num_key, ret, e);
    readers_give(r->readers, d);
    return rc;
}

struct hits {
    struct arena *arena;
    struct lookup_page *page;
};

static int add_hit(void *ctx, const struct crate_row *c, struct err *e)
{
    struct hits *h = ctx;
    (void)e;
    h->page->hits[h->page->n++] = (struct lookup_hit){
        .name = arena_str(h->arena, c->name),
        .max_version = arena_str(h->arena, c->max_version),
        .description = c->description.p ? arena_str(h->arena, c->description) : STR_NONE,
        .downloads = c->downloads,
        .created = c->created,
        .updated = c->updated,
    };
    return 0;
}

static size_t split_words(struct arena *a, struct str q, struct str *words)
{
    size_t n = 0;
    char *p = arena_alloc(a, q.n + 1);
    for (size_t i = 0; i < q.n; i++)
        p[i] = q.p[i] == '+' ? ' ' : q.p[i];
    struct str rest = { p, q.n };
    while (n < LOOKUP_WORDS_MAX && str_next_word(&rest, &words[n]))
        n++;
    return n;
}

int lookup_search(struct registry *r, struct arena *a, struct str q, uint32_t per_page,
    uint32_t page, struct lookup_page *ret, struct err *e)
{
    struct str words[LOOKUP_WORDS_MAX];
    struct search_query query = {
        .words = words,
        .n_words = split_words(a, q, words),
        .per_page = per_page,
        .offset = (page - 1) * per_page,
    };
    struct lookup_page found = { .hits = arena_array(a, per_page, sizeof(struct lookup_hit)) };
    struct hits hits = { a, &found };
    struct db *d;
    if (readers_take(r->readers, &d, e) < 0)
        return -1;
    int rc = meta_search(d, &query, add_hit, &hits, &found.total, e);
    readers_give(r->readers, d);
    if (rc < 0)
        return -1;
    *ret = found;
    return 0;
}
