/* The rules of cargo's Summary::new. An optional dependency gives an implicit feature of its name
 * unless that name is a feature already or "dep:NAME" stands anywhere; one that no feature reaches
 * is an error. Dependencies of one name (say, normal and for a target) count as one, optional when
 * any of them is. */
#include "crate/feature_map.h"

#include "base/map.h"

enum { IS_FEATURE = 1, IS_DEP = 2, IS_OPTIONAL = 4, IS_LISTED = 8, IS_USED = 16 };

/* The flags live in the pointers themselves. */
static unsigned flags_of(const struct map *m, struct str name)
{
    return (unsigned)(uintptr_t)map_get(m, name);
}

static void add_flags(struct map *m, struct str name, unsigned flags)
{
    (void)map_put(m, name, (void *)(uintptr_t)(flags_of(m, name) | flags));
}

static void map_release(struct map **m)
{
    map_free(*m, NULL);
}

enum value_form { VALUE_FEATURE, VALUE_DEP, VALUE_DEP_FEATURE, VALUE_WEAK };

static enum value_form split_value(struct str value, struct str *ret_name)
{
    size_t slash = str_find(value, '/');
    if (slash != STR_NPOS) {
        *ret_name = str_from_to(value, 0, slash);
        if (!str_ends(*ret_name, STR("?")))
            return VALUE_DEP_FEATURE;
        ret_name->n--;
        return VALUE_WEAK;
    }
    *ret_name = value;
    if (!str_starts(value, STR("dep:")))
        return VALUE_FEATURE;
    *ret_name = str_skip(value, 4);
    return VALUE_DEP;
}

static const char *wrong_in(enum value_form form, unsigned flags)
{
    if (form == VALUE_FEATURE) {
        if (flags & IS_FEATURE)
            return NULL;
        if (!(flags & IS_DEP))
            return "is neither a dependency nor another feature";
        if (!(flags & IS_OPTIONAL))
            return "is a dependency, but not an optional one";
        return flags & IS_LISTED ? "is an optional dependency without an implicit feature: write "
                                   "`dep:` before its name"
                                 : NULL;
    }
    if (!(flags & IS_DEP))
        return "names what is not a dependency";
    if (form != VALUE_DEP_FEATURE && !(flags & IS_OPTIONAL))
        return "names a dependency that is not optional";
    return NULL;
}

static int check_values(const struct crate_feature *f, const struct map *names, struct err *e)
{
    for (size_t i = 0; i < f->n_values; i++) {
        struct str name;
        enum value_form form = split_value(f->values[i], &name);
        const char *wrong = wrong_in(form, flags_of(names, name));
        if (wrong)
            return err_set(e, ERR_INVALID,
                "feature `%" STR_FMT "` includes `%" STR_FMT "`, which %s",
                STR_ARG(utf8_clip(f->name, 100)), STR_ARG(utf8_clip(f->values[i], 140)), wrong);
    }
    return 0;
}

static void gather(struct map *names, const struct crate_feature *features, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        add_flags(names, features[i].name, IS_FEATURE);
        for (size_t k = 0; k < features[i].n_values; k++) {
            struct str name;
            enum value_form form = split_value(features[i].values[k], &name);
            if (form == VALUE_DEP)
                add_flags(names, name, IS_LISTED | IS_USED);
            else if (form != VALUE_FEATURE)
                add_flags(names, name, IS_USED);
        }
    }
}

int feature_map_check(const struct crate_feature *features, size_t n_features,
    const struct crate_dep *deps, size_t n_deps, struct err *e)
{
    AUTO(map_release) struct map *names = map_new();
    for (size_t i = 0; i < n_deps; i++)
        add_flags(names, deps[i].name, deps[i].optional ? IS_DEP | IS_OPTIONAL : IS_DEP);
    gather(names, features, n_features);
    for (size_t i = 0; i < n_features; i++) {
        if (check_values(&features[i], names, e) < 0)
            return -1;
    }
    for (size_t i = 0; i < n_deps; i++) {
        unsigned flags = flags_of(names, deps[i].name);
        bool reached = !(flags & IS_FEATURE) || (flags & IS_USED);
        if (deps[i].optional && !reached)
            return err_set(e, ERR_INVALID,
                "optional dependency `%" STR_FMT
                "` is not included in any feature: put `dep:%" STR_FMT "` into one",
                STR_ARG(deps[i].name), STR_ARG(deps[i].name));
    }
    return 0;
}
