/* Cargo normalises before it packs: a registry's name has become registry-index, an inherited
 * dependency is written out, a path or git source is gone wherever a version stood beside it. What
 * still carries one of those was not packed by cargo, or names something no user of the crate could
 * fetch. */
#include "crate/manifest_dep.h"

#include "crate/cfg.h"
#include "crate/name.h"
#include "crate/semver.h"
#include "crate/url_field.h"

struct dep_sink {
    struct crate_dep *deps; /* NULL while counting */
    size_t n;
};

static int wrong(const struct toml_from *from, struct str key, const char *text, struct err *e)
{
    (void)err_set(e, ERR_INVALID, "%s", text);
    return toml_field_wrong(from, key, e);
}

static int read_req(
    const struct toml_from *from, struct str key, struct str text, struct str *ret, struct err *e)
{
    struct semver_req req;
    if (semver_req_parse(text, &req, e) < 0)
        return toml_field_wrong(from, key, e);
    AUTO_BUF struct buf printed = BUF_INIT(MANIFEST_SIZE_MAX);
    semver_req_format(&printed, &req);
    if (!buf_ok(&printed))
        return wrong(from, key, "the requirement is too long", e);
    *ret = arena_str(from->arena, buf_str(&printed));
    return 0;
}

static int read_version(const struct toml_from *from, struct crate_dep *d, struct err *e)
{
    struct str text;
    if (toml_field_str(from, STR("version"), &text, e) < 0)
        return -1;
    if (text.p)
        return read_req(from, STR("version"), text, &d->req, e);
    bool elsewhere = toml_get(from->table, STR("path")) || toml_get(from->table, STR("git"));
    if (elsewhere && d->kind != DEP_DEV)
        return wrong(from, STR("version"),
            "it is missing, and users of the crate cannot fetch from its `path` or `git`", e);
    d->req = STR("*");
    return 0;
}

static int read_registry(const struct toml_from *from, struct crate_dep *d, struct err *e)
{
    struct str key = STR("registry-index");
    if (toml_field_str(from, key, &d->registry, e) < 0)
        return -1;
    if (!d->registry.p && toml_get(from->table, STR("registry")))
        return wrong(from, STR("registry"),
            "only the packer knows what this name stands for; `cargo package` replaces it by "
            "`registry-index`",
            e);
    if (!d->registry.p)
        return 0;
    if (d->registry.n == 0 || d->registry.n > URL_FIELD_MAX)
        return wrong(from, key, "it must be the URL of an index", e);
    for (size_t i = 0; i < d->registry.n; i++) {
        unsigned char c = (unsigned char)d->registry.p[i];
        if (c <= 0x20 || c >= 0x7f)
            return wrong(from, key, "a URL holds printable ASCII alone", e);
    }
    return 0;
}

static int read_names(const struct toml_from *from, struct crate_dep *d, struct err *e)
{
    struct str package;
    if (toml_field_str(from, STR("package"), &package, e) < 0)
        return -1;
    struct str real = package.p ? package : d->name;
    if (crate_name_check(real, e) < 0)
        return toml_field_wrong(from, STR("package"), e);
    if (!str_eq(real, d->name))
        d->package = real;
    return 0;
}

static int read_dep_features(const struct toml_from *from, struct crate_dep *d, struct err *e)
{
    if (toml_field_strs(from, STR("features"), &d->features, &d->n_features, e) < 0)
        return -1;
    if (d->n_features > CRATE_FEATURE_VALUES_MAX)
        return wrong(from, STR("features"), "more than 300 features are asked for", e);
    size_t kept = 0;
    for (size_t i = 0; i < d->n_features; i++) {
        if (d->features[i].n == 0) /* cargo drops these too */
            continue;
        if (crate_feature_value_check(d->features[i], e) < 0)
            return toml_field_wrong(from, STR("features"), e);
        d->features[kept++] = d->features[i];
    }
    d->n_features = kept;
    return 0;
}

static bool is_artifact(struct str kind)
{
    if (str_starts(kind, STR("bin:")))
        return kind.n > 4;
    return str_eq(kind, STR("bin")) || str_eq(kind, STR("cdylib")) ||
           str_eq(kind, STR("staticlib"));
}

/* -Zbindeps: artifact = "bin" or a list, and then `target` and `lib`. */
static int read_artifact(const struct toml_from *from, struct crate_dep *d, struct err *e)
{
    struct str key = STR("artifact");
    const struct toml_value *value = toml_get(from->table, key);
    if (value && value->type == TOML_STRING) {
        d->artifact = ARENA_NEW(from->arena, struct str);
        d->n_artifact = 1;
        if (toml_field_str(from, key, d->artifact, e) < 0)
            return -1;
    } else if (toml_field_strs(from, key, &d->artifact, &d->n_artifact, e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < d->n_artifact; i++) {
        if (!is_artifact(d->artifact[i]))
            return wrong(from, key, "it must be bin, bin:NAME, cdylib or staticlib", e);
    }
    if (toml_field_str(from, STR("target"), &d->bindep_target, e) < 0 ||
        toml_field_bool(from, STR("lib"), &d->lib, e) < 0)
        return -1;
    if (d->n_artifact == 0 && (d->lib || d->bindep_target.p))
        return wrong(from, key, "`target` and `lib` stand only beside `artifact`", e);
    return 0;
}

static int read_flags(const struct toml_from *from, struct crate_dep *d, struct err *e)
{
    if (toml_field_bool(from, STR("optional"), &d->optional, e) < 0 ||
        toml_field_bool(from, STR("default_features"), &d->default_features, e) < 0 ||
        toml_field_bool(from, STR("default-features"), &d->default_features, e) < 0 ||
        toml_field_bool(from, STR("public"), &d->public_, e) < 0)
        return -1;
    if (d->optional && d->kind == DEP_DEV)
        return wrong(from, STR("optional"), "a dev-dependency must not be optional", e);
    return 0;
}

static int read_table_dep(const struct toml_from *from, struct crate_dep *d, struct err *e)
{
    if (toml_get(from->table, STR("workspace")))
        return toml_field_inherited(from->parent, d->name, e);
    if (read_names(from, d, e) < 0 || read_version(from, d, e) < 0 ||
        read_registry(from, d, e) < 0 || read_flags(from, d, e) < 0 ||
        read_dep_features(from, d, e) < 0)
        return -1;
    return read_artifact(from, d, e);
}

static int read_dep(
    const struct toml_from *list, const struct toml_pair *pair, struct crate_dep *d, struct err *e)
{
    if (crate_alias_check(pair->key, e) < 0)
        return toml_field_wrong(list, pair->key, e);
    d->name = pair->key;
    d->default_features = true;
    if (pair->value->type != TOML_STRING) {
        struct toml_from from;
        if (toml_field_enter(list, pair, &from, e) < 0)
            return -1;
        return read_table_dep(&from, d, e);
    }
    if (crate_name_check(pair->key, e) < 0)
        return toml_field_wrong(list, pair->key, e);
    return read_req(list, pair->key, pair->value->string, &d->req, e);
}

/* The three lists below `from`; cargo takes the old spelling only where the new one is absent. */
static int read_lists(
    const struct toml_from *from, struct str target, struct dep_sink *sink, struct err *e)
{
    const struct {
        struct str key, old;
        enum dep_kind kind;
    } lists[] = { { STR("dependencies"), STR_NONE, DEP_NORMAL },
        { STR("build-dependencies"), STR("build_dependencies"), DEP_BUILD },
        { STR("dev-dependencies"), STR("dev_dependencies"), DEP_DEV } };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct toml_from list;
        int found = toml_field_table(from, lists[i].key, &list, e);
        if (found == 0 && lists[i].old.p)
            found = toml_field_table(from, lists[i].old, &list, e);
        if (found < 0)
            return -1;
        for (struct toml_pair *p = found ? list.table->first : NULL; p; p = p->next, sink->n++) {
            if (!sink->deps)
                continue;
            struct crate_dep *d = &sink->deps[sink->n];
            *d = (struct crate_dep){ .kind = lists[i].kind, .target = target };
            if (read_dep(&list, p, d, e) < 0)
                return -1;
        }
    }
    return 0;
}

static int read_all(const struct toml_from *root, struct dep_sink *sink, struct err *e)
{
    struct toml_from targets;
    if (read_lists(root, STR_NONE, sink, e) < 0)
        return -1;
    int found = toml_field_table(root, STR("target"), &targets, e);
    if (found <= 0)
        return found;
    for (struct toml_pair *p = targets.table->first; p; p = p->next) {
        struct toml_from target;
        if (cfg_target_check(p->key, e) < 0)
            return toml_field_wrong(&targets, p->key, e);
        AUTO_BUF struct buf printed = BUF_INIT(3 * CFG_SIZE_MAX);
        cfg_target_format(&printed, p->key);
        if (toml_field_enter(&targets, p, &target, e) < 0 ||
            read_lists(&target, arena_str(root->arena, buf_str(&printed)), sink, e) < 0)
            return -1;
    }
    return 0;
}

int manifest_read_deps(const struct toml_from *root, struct manifest *m, struct err *e)
{
    struct dep_sink sink = { 0 };
    if (read_all(root, &sink, e) < 0)
        return -1;
    if (sink.n > CRATE_DEPS_MAX)
        return err_set(e, ERR_INVALID, "Cargo.toml has %zu dependencies; at most %d are taken",
            sink.n, CRATE_DEPS_MAX);
    if (sink.n == 0)
        return 0;
    sink = (struct dep_sink){ .deps = arena_array(root->arena, sink.n, sizeof(*sink.deps)) };
    if (read_all(root, &sink, e) < 0)
        return -1;
    m->deps = sink.deps;
    m->n_deps = sink.n;
    return 0;
}
