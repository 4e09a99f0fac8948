/* The writing half. crates.io made these bytes the reference of the format: its key order, its sort
 * order (old cargos misread a dependency that stands twice unless the normal one comes first) and
 * its split of features that cargo before 1.60 cannot read into features2. Keys that crates.io
 * never writes stand where cargo's own struct has them: registry before package, the unstable ones
 * last. */
#include "crate/entry.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

static int cmp_bool(bool a, bool b)
{
    return (a > b) - (a < b);
}

/* None sorts before every text, as in Rust's Option. */
static int cmp_option(struct str a, struct str b)
{
    if (!a.p || !b.p)
        return cmp_bool(a.p != NULL, b.p != NULL);
    return str_cmp(a, b);
}

static int cmp_list(const struct str *a, size_t n_a, const struct str *b, size_t n_b)
{
    for (size_t i = 0; i < n_a && i < n_b; i++) {
        int d = str_cmp(a[i], b[i]);
        if (d != 0)
            return d;
    }
    return (n_a > n_b) - (n_a < n_b);
}

/* crates.io's order, then what it does not have, so that equal inputs in any order give one line.
 */
static int cmp_dep(const void *pa, const void *pb)
{
    const struct crate_dep *a = pa, *b = pb;
    int d = str_cmp(a->name, b->name);
    if (d == 0)
        d = (int)a->kind - (int)b->kind;
    if (d == 0)
        d = str_cmp(a->req, b->req);
    if (d == 0)
        d = cmp_bool(a->optional, b->optional);
    if (d == 0)
        d = cmp_bool(a->default_features, b->default_features);
    if (d == 0)
        d = cmp_option(a->target, b->target);
    if (d == 0)
        d = cmp_option(a->package, b->package);
    if (d == 0)
        d = cmp_list(a->features, a->n_features, b->features, b->n_features);
    if (d == 0)
        d = cmp_option(a->registry, b->registry);
    if (d == 0)
        d = cmp_bool(a->public_, b->public_);
    if (d == 0)
        d = cmp_list(a->artifact, a->n_artifact, b->artifact, b->n_artifact);
    if (d == 0)
        d = cmp_option(a->bindep_target, b->bindep_target);
    return d ? d : cmp_bool(a->lib, b->lib);
}

static int cmp_feature(const void *pa, const void *pb)
{
    const struct crate_feature *a = pa, *b = pb;
    return str_cmp(a->name, b->name);
}

static void put_strs(struct json_out *j, const struct str *items, size_t n)
{
    json_array_begin(j);
    for (size_t i = 0; i < n; i++)
        json_put_str(j, items[i]);
    json_array_end(j);
}

static void put_str_unless_none(struct json_out *j, struct str key, struct str value)
{
    if (!value.p)
        return;
    json_key(j, key);
    json_put_str(j, value);
}

static struct str kind_name(enum dep_kind kind)
{
    switch (kind) {
    case DEP_BUILD:
        return STR("build");
    case DEP_DEV:
        return STR("dev");
    case DEP_NORMAL:
        break;
    }
    return STR("normal");
}

static void put_true(struct json_out *j, struct str key, bool value)
{
    if (!value)
        return;
    json_key(j, key);
    json_put_bool(j, true);
}

static void put_dep(struct json_out *j, const struct crate_dep *d)
{
    json_object_begin(j);
    json_key(j, STR("name"));
    json_put_str(j, d->name);
    json_key(j, STR("req"));
    json_put_str(j, d->req);
    json_key(j, STR("features"));
    put_strs(j, d->features, d->n_features);
    json_key(j, STR("optional"));
    json_put_bool(j, d->optional);
    json_key(j, STR("default_features"));
    json_put_bool(j, d->default_features);
    json_key(j, STR("target"));
    json_put_str_or_null(j, d->target);
    json_key(j, STR("kind"));
    json_put_str(j, kind_name(d->kind));
    put_str_unless_none(j, STR("registry"), d->registry);
    put_str_unless_none(j, STR("package"), d->package);
    put_true(j, STR("public"), d->public_);
    if (d->n_artifact > 0) {
        json_key(j, STR("artifact"));
        put_strs(j, d->artifact, d->n_artifact);
    }
    put_str_unless_none(j, STR("bindep_target"), d->bindep_target);
    put_true(j, STR("lib"), d->lib);
    json_object_end(j);
}

static void put_deps(struct json_out *j, struct crate_dep *deps, size_t n)
{
    if (n > 1)
        qsort(deps, n, sizeof(*deps), cmp_dep);
    json_array_begin(j);
    for (size_t i = 0; i < n; i++)
        put_dep(j, &deps[i]);
    json_array_end(j);
}

/* Those with moved[i] == which; all when moved is NULL. */
static void put_features(struct json_out *j, const struct crate_feature *features, size_t n,
    const bool *moved, bool which)
{
    json_object_begin(j);
    for (size_t i = 0; i < n; i++) {
        if (moved && moved[i] != which)
            continue;
        json_key(j, features[i].name);
        put_strs(j, features[i].values, features[i].n_values);
    }
    json_object_end(j);
}

static bool has_new_syntax(const struct crate_feature *f)
{
    for (size_t i = 0; i < f->n_values; i++) {
        if (str_starts(f->values[i], STR("dep:")) ||
            str_find_str(f->values[i], STR("?/")) != STR_NPOS)
            return true;
    }
    return false;
}

/* For each value of each feature in turn, the place of the feature it names, or n: looked up once,
 * so that the rounds of the split cost no comparisons. */
static uint32_t *resolve_values(const struct crate_feature *features, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += features[i].n_values;
    uint32_t *places = mem_array(total ? total : 1, sizeof(*places));
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < features[i].n_values; k++) {
            struct crate_feature key = { .name = features[i].values[k] };
            const struct crate_feature *hit =
                bsearch(&key, features, n, sizeof(*features), cmp_feature);
            places[at++] = hit ? (uint32_t)(hit - features) : (uint32_t)n;
        }
    }
    return places;
}

#define SPLIT_ROUNDS 100 /* crates.io's own bound */

/* One round: marks with 2 what names a feature moved before this round. */
static bool split_round(
    const struct crate_feature *features, size_t n, const uint32_t *places, uint8_t *mark)
{
    bool any = false;
    for (size_t i = 0, at = 0; i < n; at += features[i].n_values, i++) {
        for (size_t k = 0; k < features[i].n_values && !mark[i]; k++) {
            if (places[at + k] < n && mark[places[at + k]] == 1) {
                mark[i] = 2;
                any = true;
            }
        }
    }
    for (size_t i = 0; i < n; i++)
        mark[i] = mark[i] != 0;
    return any;
}

/* moved[i]: feature i goes to features2. features are sorted. Returns how many do. */
static size_t split_features(const struct crate_feature *features, size_t n, bool *moved)
{
    AUTO_FREE uint32_t *places = resolve_values(features, n);
    AUTO_FREE uint8_t *mark = mem_array(n ? n : 1, sizeof(*mark));
    for (size_t i = 0; i < n; i++)
        mark[i] = has_new_syntax(&features[i]);
    for (unsigned round = 0; round < SPLIT_ROUNDS; round++) {
        if (!split_round(features, n, places, mark))
            break;
    }
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        moved[i] = mark[i] != 0;
        count += moved[i];
    }
    return count;
}

/* 3 wherever a key of -Zbindeps stands: a cargo that does not know them would take the dependency
 * for a plain one. */
static unsigned schema_version(const struct index_entry *e, size_t n_moved)
{
    for (size_t i = 0; i < e->n_deps; i++) {
        const struct crate_dep *d = &e->deps[i];
        if (d->n_artifact > 0 || d->bindep_target.p || d->lib)
            return 3;
    }
    return n_moved > 0 ? 2 : 1;
}

static void put_tail(struct json_out *j, const struct index_entry *e, unsigned v)
{
    json_key(j, STR("yanked"));
    json_put_bool(j, e->yanked);
    put_str_unless_none(j, STR("links"), e->links);
    put_str_unless_none(j, STR("rust_version"), e->rust_version);
    if (e->pubtime != 0) {
        char time[CLOCK_RFC3339_LEN + 1];
        clock_format_rfc3339(e->pubtime, time);
        json_key(j, STR("pubtime"));
        json_put_str(j, str_from(time));
    }
    if (v > 1) {
        json_key(j, STR("v"));
        json_put_int(j, v);
    }
}

void entry_write(struct buf *out, struct index_entry *e)
{
    assert(strlen(e->cksum) == 64);
    if (e->n_features > 1)
        qsort(e->features, e->n_features, sizeof(*e->features), cmp_feature);
    AUTO_FREE bool *moved = mem_array(e->n_features ? e->n_features : 1, sizeof(*moved));
    size_t n_moved = split_features(e->features, e->n_features, moved);
    struct json_out j = JSON_OUT(out);
    json_object_begin(&j);
    json_key(&j, STR("name"));
    json_put_str(&j, e->name);
    json_key(&j, STR("vers"));
    json_put_str(&j, e->vers);
    json_key(&j, STR("deps"));
    put_deps(&j, e->deps, e->n_deps);
    json_key(&j, STR("cksum"));
    json_put_str(&j, str_from(e->cksum));
    json_key(&j, STR("features"));
    put_features(&j, e->features, e->n_features, moved, false);
    if (n_moved > 0) {
        json_key(&j, STR("features2"));
        put_features(&j, e->features, e->n_features, moved, true);
    }
    put_tail(&j, e, schema_version(e, n_moved));
    json_object_end(&j);
    buf_add_byte(out, '\n');
}

void entry_write_deps(struct buf *out, struct crate_dep *deps, size_t n)
{
    struct json_out j = JSON_OUT(out);
    put_deps(&j, deps, n);
}

void entry_write_features(struct buf *out, const struct crate_feature *features, size_t n)
{
    struct json_out j = JSON_OUT(out);
    put_features(&j, features, n, NULL, false);
}
