#include "registry/draft.h"

#include "base/json_write.h"
#include "crate/name.h"
#include "crate/semver.h"

#define COLUMN_MAX (8u << 20)

static void warn(struct draft *d, struct str text)
{
    if (d->n_warnings < DRAFT_WARNINGS_MAX)
        d->warnings[d->n_warnings++] = text;
}

static struct str json_list(struct arena *a, const struct str *items, size_t n)
{
    struct buf b AUTO_BUF = BUF_INIT(COLUMN_MAX);
    struct json_out j = JSON_OUT(&b);
    json_array_begin(&j);
    for (size_t i = 0; i < n; i++)
        json_put_str(&j, items[i]);
    json_array_end(&j);
    return arena_str(a, buf_str(&b));
}

/* The stored form of a dependency's registry: none when it is ours. */
static int resolve_registries(
    struct crate_dep *deps, size_t n, const struct own_urls *own, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        struct str url = deps[i].registry.p ? deps[i].registry : STR(CRATE_IO_INDEX);
        if (own_urls_resolve(own, url, &deps[i].registry, e) < 0)
            return -1;
    }
    return 0;
}

static void warn_stars(struct arena *a, struct draft *d, const struct crate_dep *deps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(deps[i].req, STR("*")) && deps[i].kind != DEP_DEV)
            warn(d, arena_printf(a,
                        "dependency `%" STR_FMT
                        "` accepts any version (`*`); give a requirement such as \"1.2\"",
                        STR_ARG(deps[i].name)));
    }
}

static bool same_text(struct str a, struct str b)
{
    return str_eq(a, b); /* absent and empty are alike */
}

static bool same_list(const struct str *a, size_t n_a, const struct str *b, size_t n_b)
{
    if (n_a != n_b)
        return false;
    for (size_t i = 0; i < n_a; i++) {
        bool found = false;
        for (size_t k = 0; k < n_b && !found; k++)
            found = str_eq(a[i], b[k]);
        if (!found)
            return false;
    }
    return true;
}

static enum dep_kind kind_from(struct str kind)
{
    if (str_eq(kind, STR("dev")))
        return DEP_DEV;
    return str_eq(kind, STR("build")) ? DEP_BUILD : DEP_NORMAL;
}

static bool same_req(struct str a, struct str b)
{
    struct semver_req ra, rb;
    struct buf ta AUTO_BUF = BUF_INIT(4096), tb AUTO_BUF = BUF_INIT(4096);
    if (semver_req_parse(a, &ra, NULL) < 0 || semver_req_parse(b, &rb, NULL) < 0)
        return false;
    semver_req_format(&ta, &ra);
    semver_req_format(&tb, &rb);
    return str_eq(buf_str(&ta), buf_str(&tb));
}

static bool same_dep(const struct publish_dep *p, const struct crate_dep *m)
{
    struct str package = m->package.p ? m->package : m->name;
    struct str alias = p->explicit_name.p ? p->explicit_name : p->name;
    return str_eq(p->name, package) && str_eq(alias, m->name) && kind_from(p->kind) == m->kind &&
           same_text(p->target, m->target) && p->optional == m->optional &&
           p->default_features == m->default_features && same_req(p->req, m->req) &&
           same_list(p->features, p->n_features, m->features, m->n_features);
}

/* Each metadata dependency must have its twin in the manifest, and the counts must agree. Bounded
 * by 500 x 500. */
static bool same_deps(const struct publish_meta *p, const struct manifest *m)
{
    if (p->n_deps != m->n_deps)
        return false;
    for (size_t i = 0; i < p->n_deps; i++) {
        bool found = false;
        for (size_t k = 0; k < m->n_deps && !found; k++)
            found = same_dep(&p->deps[i], &m->deps[k]);
        if (!found)
            return false;
    }
    return true;
}

static bool same_features(const struct publish_meta *p, const struct manifest *m)
{
    if (p->n_features != m->n_features)
        return false;
    for (size_t i = 0; i < p->n_features; i++) {
        bool found = false;
        for (size_t k = 0; k < m->n_features && !found; k++)
            found = str_eq(p->features[i].name, m->features[k].name) &&
                    same_list(p->features[i].values, p->features[i].n_values, m->features[k].values,
                        m->features[k].n_values);
        if (!found)
            return false;
    }
    return true;
}

static void warn_differences(
    struct arena *a, struct draft *d, const struct publish_meta *p, const struct manifest *m)
{
    const struct {
        const char *what;
        bool same;
    } rows[] = {
        { "dependencies", same_deps(p, m) },
        { "features", same_features(p, m) },
        { "links", same_text(p->links, m->links) },
        { "rust-version", same_text(p->rust_version, m->rust_version) },
        { "license", same_text(p->license, m->license) },
        { "description", same_text(p->description, m->description) },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!rows[i].same)
            warn(d, arena_printf(a,
                        "the %s in the metadata sent differ from those in the archive's "
                        "Cargo.toml; Cargo.toml was stored",
                        rows[i].what));
    }
}

static int check_identity(const struct publish_meta *p, const struct manifest *m, struct err *e)
{
    if (!str_eq(p->name, m->name))
        return err_set(e, ERR_INVALID,
            "the metadata names the crate `%" STR_FMT "`, its Cargo.toml `%" STR_FMT
            "`; they must be the same",
            STR_ARG(p->name), STR_ARG(m->name));
    if (!str_eq(p->vers, m->version))
        return err_set(e, ERR_INVALID,
            "the metadata gives version `%" STR_FMT "`, its Cargo.toml `%" STR_FMT
            "`; they must be the same",
            STR_ARG(p->vers), STR_ARG(m->version));
    return 0;
}

static struct str version_key(struct str num)
{
    size_t plus = str_find(num, '+');
    return plus == STR_NPOS ? num : str_from_to(num, 0, plus);
}

/* Before cargo 1.79 a packed manifest does not list what src/main.rs makes. */
static struct str bin_names(struct arena *a, const struct draft_input *in)
{
    const struct manifest *m = in->manifest;
    if (m->n_bin_names == 0 && in->tar->has_main_rs)
        return json_list(a, &m->name, 1);
    return json_list(a, m->bin_names, m->n_bin_names);
}

static void fill_row(struct arena *a, const struct draft_input *in, struct version_row *row)
{
    const struct manifest *m = in->manifest;
    *row = (struct version_row){
        .num = m->version,
        .num_key = version_key(m->version),
        .size = (int64_t)in->size,
        .pubtime = in->now,
        .links = m->links,
        .rust_version = m->rust_version,
        .edition = m->edition,
        .description = m->description,
        .homepage = m->homepage,
        .documentation = m->documentation,
        .repository = m->repository,
        .license = m->license,
        .license_file = m->license_file,
        .readme = in->meta->readme,
        .readme_file = in->meta->readme_file,
        .authors = json_list(a, m->authors, m->n_authors),
        .keywords = json_list(a, m->keywords, m->n_keywords),
        .categories = json_list(a, m->categories, m->n_categories),
        .bin_names = bin_names(a, in),
        .has_lib = m->has_lib || in->tar->has_lib_rs,
    };
    for (size_t i = 0; i < SHA256_LEN; i++)
        row->cksum[i] = in->sum[i];
}

static int fill_deps(
    struct arena *a, const struct manifest *m, struct version_row *row, struct err *e)
{
    struct buf deps AUTO_BUF = BUF_INIT(COLUMN_MAX), features AUTO_BUF = BUF_INIT(COLUMN_MAX);
    entry_write_deps(&deps, m->deps, m->n_deps);
    entry_write_features(&features, m->features, m->n_features);
    if (!buf_ok(&deps) || !buf_ok(&features))
        return err_set(e, ERR_TOO_LARGE,
            "the dependencies or features of this version are too large for the index");
    row->deps = arena_str(a, buf_str(&deps));
    row->features = arena_str(a, buf_str(&features));
    return 0;
}

int draft_make(struct arena *a, const struct own_urls *own, const struct draft_input *in,
    struct draft *ret, struct err *e)
{
    struct draft d = { .name = in->meta->name,
        .canonical = crate_name_canonical(a, in->meta->name) };
    struct manifest m = *in->manifest;
    if (check_identity(in->meta, &m, e) < 0 || resolve_registries(m.deps, m.n_deps, own, e) < 0)
        return -1;
    warn_differences(a, &d, in->meta, &m);
    warn_stars(a, &d, m.deps, m.n_deps);
    fill_row(a, in, &d.row);
    if (fill_deps(a, &m, &d.row, e) < 0 || draft_line(a, d.name, &d.row, &d.row.line, e) < 0)
        return -1;
    *ret = d;
    return 0;
}

int draft_line(struct arena *a, struct str name, const struct version_row *row,
    struct str *ret_line, struct err *e)
{
    struct index_entry entry = {
        .name = name,
        .vers = row->num,
        .yanked = row->yanked,
        .links = row->links,
        .rust_version = row->rust_version,
        .pubtime = row->pubtime,
    };
    if (entry_parse_deps(a, row->deps, &entry.deps, &entry.n_deps, e) < 0 ||
        entry_parse_features(a, row->features, &entry.features, &entry.n_features, e) < 0)
        return -1;
    hex_format(row->cksum, SHA256_LEN, entry.cksum);

    struct buf line AUTO_BUF = BUF_INIT(COLUMN_MAX);
    entry_write(&line, &entry);
    if (!buf_ok(&line))
        return err_set(
            e, ERR_TOO_LARGE, "the index line of this version would be larger than 8 MiB");
    /* What cargo could not read must never get into an index file: read it back first. */
    struct index_entry back;
    if (entry_parse(a, str_from_to(buf_str(&line), 0, line.n - 1), &back, e) < 0)
        return -1;
    *ret_line = arena_str(a, buf_str(&line));
    return 0;
}
