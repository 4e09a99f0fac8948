#include "crate/manifest.h"

#include "crate/feature_map.h"
#include "crate/manifest_dep.h"
#include "crate/name.h"
#include "crate/semver.h"
#include "crate/toml_field.h"
#include "crate/url_field.h"

static int read_identity(const struct toml_from *package, struct manifest *m, struct err *e)
{
    struct semver v;
    if (toml_field_str(package, STR("name"), &m->name, e) < 0 ||
        toml_field_str(package, STR("version"), &m->version, e) < 0)
        return -1;
    if (!m->name.p || !m->version.p)
        return err_set(e, ERR_INVALID, "Cargo.toml: `%" STR_FMT ".%s` is missing",
            STR_ARG(package->key), m->name.p ? "version" : "name");
    if (crate_name_check(m->name, e) < 0)
        return toml_field_wrong(package, STR("name"), e);
    if (semver_published_check(m->version, &v, e) < 0)
        return toml_field_wrong(package, STR("version"), e);
    return 0;
}

static int read_texts(const struct toml_from *package, struct manifest *m, struct err *e)
{
    const struct {
        struct str key;
        struct str *ret;
        bool url;
    } texts[] = { { STR("edition"), &m->edition, false },
        { STR("rust-version"), &m->rust_version, false }, { STR("links"), &m->links, false },
        { STR("description"), &m->description, false }, { STR("license"), &m->license, false },
        { STR("license-file"), &m->license_file, false }, { STR("homepage"), &m->homepage, true },
        { STR("documentation"), &m->documentation, true },
        { STR("repository"), &m->repository, true } };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (toml_field_str(package, texts[i].key, texts[i].ret, e) < 0)
            return -1;
        if (texts[i].url && url_field_check(*texts[i].ret, e) < 0)
            return toml_field_wrong(package, texts[i].key, e);
    }
    if (m->rust_version.p && semver_rust_version_check(m->rust_version, e) < 0)
        return toml_field_wrong(package, STR("rust-version"), e);
    return 0;
}

/* readme = "FILE", false, or true for README.md. */
static int read_readme(const struct toml_from *package, struct manifest *m, struct err *e)
{
    bool present = false;
    if (toml_get_bool(package->table, STR("readme"), &present)) {
        m->readme_file = present ? STR("README.md") : STR_NONE;
        return 0;
    }
    return toml_field_str(package, STR("readme"), &m->readme_file, e);
}

static int read_lists(const struct toml_from *package, struct manifest *m, struct err *e)
{
    struct str keywords = STR("keywords");
    if (toml_field_strs(package, STR("authors"), &m->authors, &m->n_authors, e) < 0 ||
        toml_field_strs(package, keywords, &m->keywords, &m->n_keywords, e) < 0 ||
        toml_field_strs(package, STR("categories"), &m->categories, &m->n_categories, e) < 0)
        return -1;
    if (m->n_keywords > CRATE_KEYWORDS_MAX) {
        (void)err_set(e, ERR_INVALID, "at most %d keywords are taken", CRATE_KEYWORDS_MAX);
        return toml_field_wrong(package, keywords, e);
    }
    for (size_t i = 0; i < m->n_keywords; i++) {
        if (keyword_check(m->keywords[i], e) < 0)
            return toml_field_wrong(package, keywords, e);
    }
    return 0;
}

/* Also for keys that nothing here reads; `metadata` is the author's own. */
static int check_not_inherited(const struct toml_from *package, struct err *e)
{
    for (const struct toml_pair *p = package->table->first; p; p = p->next) {
        if (toml_field_is_inherited(p->value) && !str_eq(p->key, STR("metadata")))
            return toml_field_inherited(package, p->key, e);
    }
    return 0;
}

static int read_package(const struct toml_from *root, struct manifest *m, struct err *e)
{
    struct toml_from package;
    int found = toml_field_table(root, STR("package"), &package, e);
    if (found == 0)
        found = toml_field_table(root, STR("project"), &package, e); /* before Rust 1.0 */
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(e, ERR_INVALID, "Cargo.toml has no [package]");
    if (check_not_inherited(&package, e) < 0 || read_identity(&package, m, e) < 0 ||
        read_texts(&package, m, e) < 0 || read_readme(&package, m, e) < 0)
        return -1;
    return read_lists(&package, m, e);
}

static int read_feature(
    const struct toml_from *table, struct str name, struct crate_feature *ret, struct err *e)
{
    if (crate_feature_name_check(name, e) < 0)
        return toml_field_wrong(table, name, e);
    ret->name = name;
    if (toml_field_strs(table, name, &ret->values, &ret->n_values, e) < 0)
        return -1;
    if (ret->n_values > CRATE_FEATURE_VALUES_MAX) {
        (void)err_set(e, ERR_INVALID, "at most %d values are taken", CRATE_FEATURE_VALUES_MAX);
        return toml_field_wrong(table, name, e);
    }
    for (size_t i = 0; i < ret->n_values; i++) {
        if (crate_feature_value_check(ret->values[i], e) < 0)
            return toml_field_wrong(table, name, e);
    }
    return 0;
}

static int read_features(const struct toml_from *root, struct manifest *m, struct err *e)
{
    struct toml_from table;
    int found = toml_field_table(root, STR("features"), &table, e);
    if (found <= 0 || table.table->n == 0)
        return found < 0 ? -1 : 0;
    if (table.table->n > CRATE_FEATURES_MAX)
        return err_set(e, ERR_INVALID, "Cargo.toml has %zu features; at most %d are taken",
            table.table->n, CRATE_FEATURES_MAX);
    m->features = arena_array(root->arena, table.table->n, sizeof(*m->features));
    for (const struct toml_pair *p = table.table->first; p; p = p->next) {
        if (read_feature(&table, p->key, &m->features[m->n_features++], e) < 0)
            return -1;
    }
    return 0;
}

/* Cargo since 1.79 lists every target of a packed crate; for older ones the archive's src/lib.rs
 * and src/main.rs say what is not written here. */
static int read_targets(const struct toml_from *root, struct manifest *m, struct err *e)
{
    struct toml_from lib;
    int found = toml_field_table(root, STR("lib"), &lib, e);
    if (found < 0)
        return -1;
    m->has_lib = found == 1;
    struct str key = STR("bin");
    const struct toml_value *bins = toml_get(root->table, key);
    if (!bins)
        return 0;
    if (bins->type != TOML_ARRAY)
        return toml_field_wrong_type(root, key, "an array of tables", bins, e);
    m->bin_names = arena_array(root->arena, bins->array.n, sizeof(*m->bin_names));
    for (size_t i = 0; i < bins->array.n; i++) {
        struct toml_pair pair = { .key = key, .value = bins->array.items[i] };
        struct toml_from bin;
        struct str *name = &m->bin_names[m->n_bin_names];
        if (toml_field_enter(root, &pair, &bin, e) < 0 ||
            toml_field_str(&bin, STR("name"), name, e) < 0)
            return -1;
        m->n_bin_names += name->n > 0;
    }
    return 0;
}

static int check_features(const struct manifest *m, struct err *e)
{
    return feature_map_check(m->features, m->n_features, m->deps, m->n_deps, e);
}

int manifest_parse(struct arena *a, struct str toml, struct manifest *ret_m, struct err *e)
{
    if (toml.n > MANIFEST_SIZE_MAX)
        return err_set(e, ERR_INVALID, "Cargo.toml is larger than %u bytes", MANIFEST_SIZE_MAX);
    struct toml_table *table;
    if (toml_parse(a, toml, &table, e) < 0) {
        struct str text = e ? arena_str(a, str_from(e->text)) : STR_NONE;
        return err_set(e, ERR_INVALID, "Cargo.toml is not valid TOML: %" STR_FMT, STR_ARG(text));
    }
    struct toml_from root = { .arena = a, .table = table };
    struct manifest m = { 0 };
    if (toml_get(table, STR("patch")))
        return err_set(e, ERR_INVALID,
            "Cargo.toml has a [patch] section, which no user of the crate would see: remove it");
    if (read_package(&root, &m, e) < 0 || manifest_read_deps(&root, &m, e) < 0 ||
        read_features(&root, &m, e) < 0 || read_targets(&root, &m, e) < 0 ||
        check_features(&m, e) < 0)
        return -1;
    *ret_m = m;
    return 0;
}
