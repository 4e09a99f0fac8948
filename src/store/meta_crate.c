/* Crates, their versions and index files. */
#include "store/meta.h"

#include "store/meta_row.h"

#include <assert.h>
#include <string.h>

/* ---- crates ---- */

struct crate_row meta_read_crate(struct db_stmt *s)
{
    return (struct crate_row){
        .id = db_int(s, 0),
        .name = db_str(s, 1),
        .canonical = db_str(s, 2),
        .description = db_str(s, 3),
        .created = db_int(s, 4),
        .updated = db_int(s, 5),
        .downloads = db_int(s, 6),
        .max_version = db_str(s, 7),
    };
}

int meta_crate_find(
    struct db *d, struct arena *a, struct str canonical, struct crate_row *ret, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "SELECT " CRATE_COLUMNS " WHERE canonical = ?1", &s, e) < 0)
        return -1;
    db_bind_str(s, 1, canonical);
    int rc = db_step(s, e);
    if (rc > 0) {
        *ret = meta_read_crate(s);
        ret->name = keep(a, ret->name);
        ret->canonical = keep(a, ret->canonical);
        ret->description = keep(a, ret->description);
        ret->max_version = keep(a, ret->max_version);
    }
    return rc;
}

int meta_crate_add(struct db *d, const struct crate_row *c, int64_t *ret_id, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d,
            "INSERT INTO crate (name, canonical, created, updated, downloads, max_version,"
            " description) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &s, e) < 0)
        return -1;
    db_bind_str(s, 1, c->name);
    db_bind_str(s, 2, c->canonical);
    db_bind_int(s, 3, c->created);
    db_bind_int(s, 4, c->updated);
    db_bind_int(s, 5, c->downloads);
    db_bind_str(s, 6, c->max_version);
    db_bind_str(s, 7, c->description);
    if (db_run(s, e) < 0)
        return -1;
    *ret_id = db_last_id(d);
    return 0;
}

int meta_crate_update(struct db *d, int64_t id, struct str description, struct str max_version,
    int64_t now, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d,
            "UPDATE crate SET description = ?2, max_version = ?3, updated = ?4 WHERE id = ?1", &s,
            e) < 0)
        return -1;
    db_bind_int(s, 1, id);
    db_bind_str(s, 2, description);
    db_bind_str(s, 3, max_version);
    db_bind_int(s, 4, now);
    return db_run(s, e);
}

int meta_each_crate(struct db *d, meta_crate_fn visit, void *ctx, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    int rc;
    if (db_prepare(d, "SELECT " CRATE_COLUMNS " ORDER BY canonical", &s, e) < 0)
        return -1;
    while ((rc = db_step(s, e)) > 0) {
        struct crate_row row = meta_read_crate(s);
        if (visit(ctx, &row, e) < 0)
            return -1;
    }
    return rc;
}

int meta_each_name(struct db *d, meta_name_fn visit, void *ctx, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    int rc;
    if (db_prepare(d, "SELECT canonical FROM crate ORDER BY canonical", &s, e) < 0)
        return -1;
    while ((rc = db_step(s, e)) > 0) {
        if (visit(ctx, db_str(s, 0), e) < 0)
            return -1;
    }
    return rc;
}

/* ---- versions ---- */

static int add_version_row(struct db *d, const struct version_row *v, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d,
            "INSERT INTO version (crate, num, num_key, cksum, size, pubtime, published_by, yanked,"
            " has_lib, links, rust_version, edition, license, license_file, readme_file, homepage,"
            " documentation, repository, authors, keywords, categories, bin_names, description,"
            " features, deps) VALUES (?1, ?2, ?3, ?4, ?5, ?6, nullif(?7, 0), ?8, ?9, ?10, ?11,"
            " ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)",
            &s, e) < 0)
        return -1;
    db_bind_int(s, 1, v->crate);
    db_bind_str(s, 2, v->num);
    db_bind_str(s, 3, v->num_key);
    db_bind_blob(s, 4, (struct str){ (const char *)v->cksum, sizeof(v->cksum) });
    db_bind_int(s, 5, v->size);
    db_bind_int(s, 6, v->pubtime);
    db_bind_int(s, 7, v->published_by); /* 0: the admin socket */
    db_bind_int(s, 8, v->yanked);
    db_bind_int(s, 9, v->has_lib);
    const struct str texts[] = { v->links, v->rust_version, v->edition, v->license, v->license_file,
        v->readme_file, v->homepage, v->documentation, v->repository, v->authors, v->keywords,
        v->categories, v->bin_names, v->description, v->features, v->deps };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        db_bind_str(s, 10 + (int)i, texts[i]);
    return db_run(s, e);
}

static int add_line(struct db *d, int64_t id, struct str line, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "INSERT INTO version_line (version, line) VALUES (?1, ?2)", &s, e) < 0)
        return -1;
    db_bind_int(s, 1, id);
    db_bind_str(s, 2, line);
    return db_run(s, e);
}

static int add_readme(struct db *d, int64_t id, struct str readme, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (!readme.p)
        return 0;
    if (db_prepare(d, "INSERT INTO version_readme (version, readme) VALUES (?1, ?2)", &s, e) < 0)
        return -1;
    db_bind_int(s, 1, id);
    db_bind_str(s, 2, readme);
    return db_run(s, e);
}

int meta_version_add(struct db *d, const struct version_row *v, int64_t *ret_id, struct err *e)
{
    if (add_version_row(d, v, e) < 0)
        return -1;
    int64_t id = db_last_id(d);
    if (add_line(d, id, v->line, e) < 0 || add_readme(d, id, v->readme, e) < 0)
        return -1;
    *ret_id = id;
    return 0;
}

#define VERSION_COLUMNS                                                                            \
    "v.id, v.crate, v.num, v.num_key, v.cksum, v.size, v.pubtime, v.published_by, v.yanked,"       \
    " v.has_lib, v.links, v.rust_version, v.edition, v.license, v.license_file, v.readme_file,"    \
    " v.homepage, v.documentation, v.repository, v.authors, v.keywords, v.categories,"             \
    " v.bin_names, v.description, v.features, v.deps, l.line, coalesce(n.downloads, 0)"            \
    " FROM version AS v LEFT JOIN version_line AS l ON l.version = v.id"                           \
    " LEFT JOIN version_count AS n ON n.version = v.id"
#define VERSION_TEXTS 17

/* The text columns from `links` to `line`, in the order of VERSION_COLUMNS. */
static void version_texts(struct version_row *v, struct str *ret[VERSION_TEXTS])
{
    struct str *const texts[VERSION_TEXTS] = { &v->links, &v->rust_version, &v->edition,
        &v->license, &v->license_file, &v->readme_file, &v->homepage, &v->documentation,
        &v->repository, &v->authors, &v->keywords, &v->categories, &v->bin_names, &v->description,
        &v->features, &v->deps, &v->line };
    memcpy(ret, texts, sizeof(texts));
}

/* Strings borrowed from the row. */
static struct version_row read_version(struct db_stmt *s)
{
    struct version_row v = {
        .id = db_int(s, 0),
        .crate = db_int(s, 1),
        .num = db_str(s, 2),
        .num_key = db_str(s, 3),
        .size = db_int(s, 5),
        .pubtime = db_int(s, 6),
        .published_by = db_int(s, 7),
        .yanked = db_int(s, 8),
        .has_lib = db_int(s, 9),
        .downloads = db_int(s, 10 + VERSION_TEXTS),
    };
    struct str sum = db_blob(s, 4), *texts[VERSION_TEXTS];
    assert(sum.n == sizeof(v.cksum)); /* the table checks it */
    memcpy(v.cksum, sum.p, sizeof(v.cksum));
    version_texts(&v, texts);
    for (size_t i = 0; i < VERSION_TEXTS; i++)
        *texts[i] = db_str(s, 10 + (int)i);
    return v;
}

int meta_version_find(struct db *d, struct arena *a, int64_t crate, struct str num_key,
    struct version_row *ret, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "SELECT " VERSION_COLUMNS " WHERE v.crate = ?1 AND v.num_key = ?2", &s, e) <
        0)
        return -1;
    db_bind_int(s, 1, crate);
    db_bind_str(s, 2, num_key);
    int rc = db_step(s, e);
    if (rc <= 0)
        return rc;
    struct str *texts[VERSION_TEXTS];
    *ret = read_version(s);
    ret->num = keep(a, ret->num);
    ret->num_key = keep(a, ret->num_key);
    version_texts(ret, texts);
    for (size_t i = 0; i < VERSION_TEXTS; i++)
        *texts[i] = keep(a, *texts[i]);
    return 1;
}

int meta_each_version(struct db *d, int64_t crate, meta_version_fn visit, void *ctx, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    int rc;
    if (db_prepare(d, "SELECT " VERSION_COLUMNS " WHERE v.crate = ?1 ORDER BY v.id", &s, e) < 0)
        return -1;
    db_bind_int(s, 1, crate);
    while ((rc = db_step(s, e)) > 0) {
        struct version_row row = read_version(s);
        if (visit(ctx, &row, e) < 0)
            return -1;
    }
    return rc;
}

static int set_line(struct db *d, int64_t id, struct str line, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d,
            "INSERT INTO version_line (version, line) VALUES (?1, ?2)"
            " ON CONFLICT (version) DO UPDATE SET line = excluded.line",
            &s, e) < 0)
        return -1;
    db_bind_int(s, 1, id);
    db_bind_str(s, 2, line);
    return db_run(s, e);
}

int meta_version_set_yanked(struct db *d, int64_t id, bool yanked, struct str line, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "UPDATE version SET yanked = ?2 WHERE id = ?1", &s, e) < 0)
        return -1;
    db_bind_int(s, 1, id);
    db_bind_int(s, 2, yanked);
    return db_run(s, e) < 0 ? -1 : set_line(d, id, line, e);
}

int meta_index_lines(struct db *d, int64_t crate, struct buf *out, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    int rc;
    if (db_prepare(d,
            "SELECT l.line FROM version AS v CROSS JOIN version_line AS l"
            " WHERE v.crate = ?1 AND l.version = v.id ORDER BY v.id",
            &s, e) < 0)
        return -1;
    db_bind_int(s, 1, crate);
    while ((rc = db_step(s, e)) > 0)
        buf_add(out, db_str(s, 0));
    return rc;
}

/* ---- downloads ---- */

int meta_download_find(struct db *d, struct str canonical, struct str num_key,
    int64_t *ret_version_id, uint8_t ret_cksum[SHA256_LEN], struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d,
            "SELECT v.id, v.cksum FROM crate AS c JOIN version AS v ON v.crate = c.id"
            " WHERE c.canonical = ?1 AND v.num_key = ?2",
            &s, e) < 0)
        return -1;
    db_bind_str(s, 1, canonical);
    db_bind_str(s, 2, num_key);
    int rc = db_step(s, e);
    if (rc <= 0)
        return rc;
    struct str sum = db_blob(s, 1);
    assert(sum.n == SHA256_LEN);
    *ret_version_id = db_int(s, 0);
    memcpy(ret_cksum, sum.p, SHA256_LEN);
    return 1;
}

/* args: the version as ?1, the number as ?2, the day as ?3 where it is wanted. */
static int count(struct db *d, const char *sql, const int64_t *args, int n_args, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, sql, &s, e) < 0)
        return -1;
    for (int i = 0; i < n_args; i++)
        db_bind_int(s, i + 1, args[i]);
    return db_run(s, e);
}

int meta_downloads_add(struct db *d, int64_t version, int64_t n, int64_t day, struct err *e)
{
    const int64_t args[] = { version, n, day };
    if (count(d,
            "INSERT INTO version_download (version, day, n) VALUES (?1, ?3, ?2)"
            " ON CONFLICT (version, day) DO UPDATE SET n = n + ?2",
            args, 3, e) < 0)
        return -1;
    if (count(d,
            "INSERT INTO version_count (version, downloads) VALUES (?1, ?2)"
            " ON CONFLICT (version) DO UPDATE SET downloads = downloads + ?2",
            args, 2, e) < 0)
        return -1;
    return count(d,
        "UPDATE crate SET downloads = downloads + ?2"
        " WHERE id = (SELECT crate FROM version WHERE id = ?1)",
        args, 2, e);
}

/* ---- index files ---- */

int meta_index_file_put(struct db *d, int64_t crate, const struct index_file_row *f, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d,
            "INSERT INTO index_file (crate, name, sum, plain_size, packed, plain)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (crate) DO UPDATE SET sum = ?3,"
            " plain_size = ?4, packed = ?5, plain = ?6",
            &s, e) < 0)
        return -1;
    db_bind_int(s, 1, crate);
    db_bind_str(s, 2, f->name);
    db_bind_str(s, 3, f->sum);
    db_bind_int(s, 4, f->plain_size);
    db_bind_blob(s, 5, f->packed);
    db_bind_blob(s, 6, f->plain);
    return db_run(s, e);
}

int meta_index_file_find(
    struct db *d, struct arena *a, int64_t crate, struct index_file_row *ret, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d,
            "SELECT name, sum, plain_size, packed, plain FROM index_file WHERE crate = ?1", &s,
            e) < 0)
        return -1;
    db_bind_int(s, 1, crate);
    int rc = db_step(s, e);
    if (rc > 0)
        *ret = (struct index_file_row){
            .name = keep(a, db_str(s, 0)),
            .sum = keep(a, db_str(s, 1)),
            .plain_size = db_int(s, 2),
            .packed = keep(a, db_blob(s, 3)),
            .plain = keep(a, db_blob(s, 4)),
        };
    return rc;
}

int meta_each_index_file(struct db *d, meta_index_file_fn visit, void *ctx, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    int rc;
    if (db_prepare(d, "SELECT name, sum, plain_size, packed, plain FROM index_file ORDER BY crate",
            &s, e) < 0)
        return -1;
    while ((rc = db_step(s, e)) > 0) {
        struct index_file_row row = {
            .name = db_str(s, 0),
            .sum = db_str(s, 1),
            .plain_size = db_int(s, 2),
            .packed = db_blob(s, 3),
            .plain = db_blob(s, 4),
        };
        if (visit(ctx, &row, e) < 0)
            return -1;
    }
    return rc;
}
