/* The reading half of entry.h. Where cargo is lenient and other readers are not (Renovate and
 * binstall parse every line and give up on the whole crate at a bad one), the strictest wins. */
#include "base/clock.h"
#include "base/json.h"
#include "crate/cfg.h"
#include "crate/entry.h"
#include "crate/json_field.h"
#include "crate/name.h"
#include "crate/semver.h"

#include <stdlib.h>
#include <string.h>

static int read_kind(const struct field_from *from, enum dep_kind *ret, struct err *e)
{
    struct str kind;
    if (field_str(from, "kind", FIELD_OPTIONAL, &kind, e) < 0)
        return -1;
    *ret = DEP_NORMAL; /* also for a kind it does not know, as cargo takes it */
    if (str_eq(kind, STR("build")))
        *ret = DEP_BUILD;
    else if (str_eq(kind, STR("dev")))
        *ret = DEP_DEV;
    return 0;
}

static int read_unstable(const struct field_from *from, struct crate_dep *d, struct err *e)
{
    if (field_bool(from, "public", FIELD_OPTIONAL, &d->public_, e) < 0 ||
        field_strs(from, "artifact", FIELD_OPTIONAL, &d->artifact, &d->n_artifact, e) < 0 ||
        field_str(from, "bindep_target", FIELD_OPTIONAL, &d->bindep_target, e) < 0 ||
        field_bool(from, "lib", FIELD_NOT_NULL, &d->lib, e) < 0)
        return -1;
    return 0;
}

static int check_dep(const struct field_from *from, const struct crate_dep *d, struct err *e)
{
    struct semver_req req;
    if (crate_alias_check(d->name, e) < 0)
        return field_wrong(from, "name", e);
    if (semver_req_parse(d->req, &req, e) < 0)
        return field_wrong(from, "req", e);
    /* cargo takes "" for no URL at all in one of these and panics at the other */
    if (d->package.p && crate_name_check(d->package, e) < 0)
        return field_wrong(from, "package", e);
    if (d->registry.p && d->registry.n == 0) {
        (void)err_set(e, ERR_INVALID, "it must be the URL of an index, or absent");
        return field_wrong(from, "registry", e);
    }
    if (d->target.p && cfg_target_check(d->target, e) < 0)
        return field_wrong(from, "target", e);
    if (d->optional && d->kind == DEP_DEV) {
        (void)err_set(e, ERR_INVALID, "a dev-dependency must not be optional");
        return field_wrong(from, "optional", e);
    }
    return 0;
}

static int read_dep(const struct field_from *from, struct crate_dep *d, struct err *e)
{
    d->default_features = true;
    if (field_str(from, "name", FIELD_REQUIRED, &d->name, e) < 0 ||
        field_str(from, "req", FIELD_REQUIRED, &d->req, e) < 0 ||
        field_strs(from, "features", FIELD_NOT_NULL, &d->features, &d->n_features, e) < 0 ||
        field_bool(from, "optional", FIELD_NOT_NULL, &d->optional, e) < 0 ||
        field_bool(from, "default_features", FIELD_NOT_NULL, &d->default_features, e) < 0 ||
        field_str(from, "target", FIELD_OPTIONAL, &d->target, e) < 0 ||
        read_kind(from, &d->kind, e) < 0 ||
        field_str(from, "registry", FIELD_OPTIONAL, &d->registry, e) < 0 ||
        field_str(from, "package", FIELD_OPTIONAL, &d->package, e) < 0 ||
        read_unstable(from, d, e) < 0)
        return -1;
    return check_dep(from, d, e);
}

static int read_deps(
    struct arena *a, json_t *array, struct crate_dep **ret_deps, size_t *ret_n, struct err *e)
{
    struct field_from from = { .arena = a };
    size_t n = json_array_size(array);
    struct crate_dep *deps = n ? arena_array(a, n, sizeof(*deps)) : NULL;
    for (size_t i = 0; i < n; i++) {
        struct field_from dep;
        if (field_element(&from, "deps", array, i, &dep, e) < 0 || read_dep(&dep, &deps[i], e) < 0)
            return -1;
    }
    *ret_deps = deps;
    *ret_n = n;
    return 0;
}

static int cmp_feature(const void *pa, const void *pb)
{
    const struct crate_feature *a = pa, *b = pb;
    return str_cmp(a->name, b->name);
}

static void append_values(
    struct arena *a, struct crate_feature *to, const struct crate_feature *more)
{
    size_t n = to->n_values + more->n_values;
    if (more->n_values == 0)
        return;
    struct str *values = arena_array(a, n, sizeof(*values));
    if (to->n_values)
        memcpy(values, to->values, to->n_values * sizeof(*values));
    memcpy(values + to->n_values, more->values, more->n_values * sizeof(*values));
    to->values = values;
    to->n_values = n;
}

/* cargo adds features2 to features, value by value where a name stands in both. Both lists are
 * free of duplicates, so merging them sorted meets each name at most twice. */
static void merge_features(
    struct arena *a, struct index_entry *en, struct crate_feature *more, size_t n_more)
{
    if (n_more == 0)
        return;
    size_t n = en->n_features + n_more, out = 0, i = 0, k = 0;
    struct crate_feature *all = arena_array(a, n, sizeof(*all));
    if (en->n_features > 1)
        qsort(en->features, en->n_features, sizeof(*all), cmp_feature);
    qsort(more, n_more, sizeof(*all), cmp_feature);
    while (i < en->n_features || k < n_more) {
        int d = i == en->n_features ? 1
                : k == n_more       ? -1
                                    : str_cmp(en->features[i].name, more[k].name);
        all[out] = d <= 0 ? en->features[i++] : more[k++];
        if (d == 0)
            append_values(a, &all[out], &more[k++]);
        out++;
    }
    en->features = all;
    en->n_features = out;
}

static int read_all_features(const struct field_from *from, struct index_entry *en, struct err *e)
{
    struct crate_feature *more;
    size_t n_more;
    if (field_features(from, "features", FIELD_NOT_NULL, &en->features, &en->n_features, e) < 0 ||
        field_features(from, "features2", FIELD_OPTIONAL, &more, &n_more, e) < 0)
        return -1;
    merge_features(from->arena, en, more, n_more);
    return 0;
}

static int read_checksum(const struct field_from *from, struct index_entry *en, struct err *e)
{
    struct str sum;
    if (field_str(from, "cksum", FIELD_REQUIRED, &sum, e) < 0)
        return -1;
    bool ok = sum.n == sizeof(en->cksum) - 1;
    /* cargo compares the text, so upper case would fail every download */
    for (size_t i = 0; ok && i < sum.n; i++)
        ok = ascii_is_digit(sum.p[i]) || (sum.p[i] >= 'a' && sum.p[i] <= 'f');
    if (!ok)
        return err_set(e, ERR_INVALID, "field `cksum` must be 64 lower-case hex digits");
    memcpy(en->cksum, sum.p, sum.n);
    en->cksum[sum.n] = '\0';
    return 0;
}

static int read_pubtime(const struct field_from *from, struct index_entry *en, struct err *e)
{
    struct str time;
    if (field_str(from, "pubtime", FIELD_OPTIONAL, &time, e) < 0)
        return -1;
    if (time.p && !clock_parse_rfc3339(time, &en->pubtime))
        return err_set(e, ERR_INVALID, "field `pubtime` must have the form YYYY-MM-DDThh:mm:ssZ");
    return 0;
}

static int read_schema_version(const struct field_from *from, struct err *e)
{
    json_t *v = NULL;
    int found = field_get(from, "v", FIELD_OPTIONAL, &v, e);
    if (found <= 0)
        return found;
    if (!json_is_integer(v) || json_integer_value(v) < 1)
        return err_set(e, ERR_INVALID, "field `v` must be a positive number");
    if (json_integer_value(v) > 3)
        return err_set(e, ERR_UNSUPPORTED, "index version %lld is not known",
            (long long)json_integer_value(v));
    return 0;
}

static int read_identity(const struct field_from *from, struct index_entry *en, struct err *e)
{
    struct semver v;
    if (field_str(from, "name", FIELD_REQUIRED, &en->name, e) < 0 ||
        field_str(from, "vers", FIELD_REQUIRED, &en->vers, e) < 0)
        return -1;
    if (crate_name_check(en->name, e) < 0)
        return field_wrong(from, "name", e);
    if (semver_parse(en->vers, &v, e) < 0)
        return field_wrong(from, "vers", e);
    return 0;
}

static int read_rest(const struct field_from *from, struct index_entry *en, struct err *e)
{
    if (field_bool(from, "yanked", FIELD_NOT_NULL, &en->yanked, e) < 0 ||
        field_str(from, "links", FIELD_OPTIONAL, &en->links, e) < 0 ||
        field_str(from, "rust_version", FIELD_OPTIONAL, &en->rust_version, e) < 0 ||
        read_pubtime(from, en, e) < 0 || read_schema_version(from, e) < 0)
        return -1;
    if (en->rust_version.p && semver_rust_version_check(en->rust_version, e) < 0)
        return field_wrong(from, "rust_version", e);
    return 0;
}

int entry_parse(struct arena *a, struct str line, struct index_entry *ret_entry, struct err *e)
{
    AUTO_JSON json_t *root = NULL;
    if (json_read(line, &root, e) < 0)
        return -1;
    if (!json_is_object(root))
        return err_set(e, ERR_INVALID, "an index line must be a JSON object");
    struct index_entry en = { 0 };
    struct field_from from = { .arena = a, .object = root };
    json_t *deps;
    if (read_identity(&from, &en, e) < 0 ||
        field_array(&from, "deps", FIELD_REQUIRED, &deps, e) < 0 ||
        read_deps(a, deps, &en.deps, &en.n_deps, e) < 0 || read_checksum(&from, &en, e) < 0 ||
        read_all_features(&from, &en, e) < 0 || read_rest(&from, &en, e) < 0)
        return -1;
    *ret_entry = en;
    return 0;
}

int entry_parse_deps(
    struct arena *a, struct str json, struct crate_dep **ret_deps, size_t *ret_n, struct err *e)
{
    AUTO_JSON json_t *root = NULL;
    if (json_read(json, &root, e) < 0)
        return -1;
    if (!json_is_array(root))
        return err_set(e, ERR_INVALID, "dependencies must be a JSON array");
    return read_deps(a, root, ret_deps, ret_n, e);
}

int entry_parse_features(
    struct arena *a, struct str json, struct crate_feature **ret_f, size_t *ret_n, struct err *e)
{
    AUTO_JSON json_t *root = NULL;
    if (json_read(json, &root, e) < 0)
        return -1;
    if (!json_is_object(root))
        return err_set(e, ERR_INVALID, "features must be a JSON object");
    return field_features_of(a, root, ret_f, ret_n, e);
}
