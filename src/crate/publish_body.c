/* Every length is checked the moment its fourth byte is there: against its limit first (413), then
 * against what the request can still hold (400), so an upload that cannot succeed is refused before
 * its bytes are read. The sums are of 32-bit numbers in 64 bits and cannot overflow. */
#include "crate/publish_body.h"

#include "base/num.h"
#include "crate/dep.h"
#include "crate/json_field.h"
#include "crate/manifest.h"
#include "crate/name.h"
#include "crate/semver.h"
#include "crate/url_field.h"

#include <inttypes.h>
#include <string.h>

enum { AT_JSON_LEN, AT_JSON, AT_CRATE_LEN, AT_CRATE, AT_END };

void publish_frame_init(struct publish_frame *f, struct publish_limits limits, uint64_t body_len)
{
    *f = (struct publish_frame){ .limits = limits, .body_len = body_len };
}

/* Gathers four bytes; false while some are missing. */
static bool take_head(struct publish_frame *f, struct str *in)
{
    size_t n = sizeof(f->head) - f->n_head;
    if (n > in->n)
        n = in->n;
    if (n > 0)
        memcpy(f->head + f->n_head, in->p, n);
    f->n_head += (unsigned)n;
    *in = str_skip(*in, n);
    return f->n_head == sizeof(f->head);
}

static int begin_json(struct publish_frame *f, struct err *e)
{
    uint64_t n = num_get_le32(f->head);
    if (n > f->limits.json_max)
        return err_set(e, ERR_TOO_LARGE,
            "the metadata is %" PRIu64 " bytes; this registry takes at most %" PRIu64, n,
            f->limits.json_max);
    if (n == 0)
        return err_set(e, ERR_INVALID, "the length of the metadata is 0");
    if (f->body_len && f->body_len < 4 + n)
        return err_set(e, ERR_INVALID,
            "the metadata is announced with %" PRIu64 " bytes, but the request holds %" PRIu64
            " of them",
            n, f->body_len < 4 ? 0 : f->body_len - 4);
    if (f->body_len && f->body_len < 8 + n)
        return err_set(e, ERR_INVALID, "the request ends before the length of the archive");
    f->json_len = f->left = n;
    f->state = AT_JSON;
    f->n_head = 0;
    return 0;
}

static int begin_crate(struct publish_frame *f, struct err *e)
{
    uint64_t n = num_get_le32(f->head);
    if (n > f->limits.crate_max)
        return err_set(e, ERR_TOO_LARGE,
            "the archive is %" PRIu64 " bytes; this registry takes at most %" PRIu64, n,
            f->limits.crate_max);
    if (n == 0)
        return err_set(e, ERR_INVALID, "the length of the archive is 0");
    uint64_t whole = 8 + f->json_len + n;
    if (f->body_len && f->body_len < whole)
        return err_set(e, ERR_INVALID,
            "the archive is announced with %" PRIu64 " bytes, but the request ends %" PRIu64
            " bytes too early",
            n, whole - f->body_len);
    if (f->body_len && f->body_len > whole)
        return err_set(e, ERR_INVALID, "%" PRIu64 " bytes follow the archive", f->body_len - whole);
    f->left = n;
    f->state = AT_CRATE;
    f->n_head = 0;
    return 0;
}

int publish_frame_next(struct publish_frame *f, struct str *in, enum publish_part *ret_part,
    struct str *ret_bytes, struct err *e)
{
    while (in->n > 0) {
        if (f->state == AT_END)
            return err_set(e, ERR_INVALID, "more bytes follow the archive");
        if (f->state == AT_JSON || f->state == AT_CRATE) {
            size_t n = f->left < in->n ? (size_t)f->left : in->n;
            *ret_part = f->state == AT_JSON ? PUBLISH_JSON : PUBLISH_CRATE;
            *ret_bytes = str_from_to(*in, 0, n);
            *in = str_skip(*in, n);
            f->left -= n;
            if (f->left == 0)
                f->state++;
            return 1;
        }
        if (!take_head(f, in))
            return 0;
        if ((f->state == AT_JSON_LEN ? begin_json(f, e) : begin_crate(f, e)) < 0)
            return -1;
    }
    return 0;
}

bool publish_frame_json_done(const struct publish_frame *f)
{
    return f->state > AT_JSON;
}

int publish_frame_end(const struct publish_frame *f, struct err *e)
{
    unsigned head_left = (unsigned)sizeof(f->head) - f->n_head;
    switch (f->state) {
    case AT_JSON_LEN:
        return err_set(e, ERR_INVALID,
            "the request ends inside the length of the metadata: %u bytes are missing", head_left);
    case AT_JSON:
        return err_set(e, ERR_INVALID,
            "the request ends inside the metadata: %" PRIu64 " bytes are missing", f->left);
    case AT_CRATE_LEN:
        return err_set(e, ERR_INVALID,
            "the request ends inside the length of the archive: %u bytes are missing", head_left);
    case AT_CRATE:
        return err_set(e, ERR_INVALID,
            "the request ends inside the archive: %" PRIu64 " bytes are missing", f->left);
    default:
        return 0;
    }
}

static int read_identity(const struct field_from *from, struct publish_meta *m, struct err *e)
{
    if (field_str(from, "name", FIELD_REQUIRED, &m->name, e) < 0 ||
        field_str(from, "vers", FIELD_REQUIRED, &m->vers, e) < 0)
        return -1;
    if (crate_name_check(m->name, e) < 0)
        return field_wrong(from, "name", e);
    struct semver v;
    if (semver_published_check(m->vers, &v, e) < 0)
        return field_wrong(from, "vers", e);
    return 0;
}

static int read_texts(const struct field_from *from, struct publish_meta *m, struct err *e)
{
    const struct {
        const char *key;
        struct str *ret;
        bool url;
    } texts[] = { { "readme", &m->readme, false }, { "readme_file", &m->readme_file, false },
        { "description", &m->description, false }, { "homepage", &m->homepage, true },
        { "documentation", &m->documentation, true }, { "repository", &m->repository, true },
        { "license", &m->license, false }, { "license_file", &m->license_file, false },
        { "links", &m->links, false }, { "rust_version", &m->rust_version, false } };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (field_str(from, texts[i].key, FIELD_OPTIONAL, texts[i].ret, e) < 0)
            return -1;
        if (texts[i].url && url_field_check(*texts[i].ret, e) < 0)
            return field_wrong(from, texts[i].key, e);
    }
    if (m->rust_version.p && semver_rust_version_check(m->rust_version, e) < 0)
        return field_wrong(from, "rust_version", e);
    if (field_strs(from, "authors", FIELD_OPTIONAL, &m->authors, &m->n_authors, e) < 0 ||
        field_strs(from, "keywords", FIELD_OPTIONAL, &m->keywords, &m->n_keywords, e) < 0 ||
        field_strs(from, "categories", FIELD_OPTIONAL, &m->categories, &m->n_categories, e) < 0)
        return -1;
    if (m->n_keywords > CRATE_KEYWORDS_MAX)
        return err_set(e, ERR_INVALID, "field `keywords` has %zu entries; at most %d are taken",
            m->n_keywords, CRATE_KEYWORDS_MAX);
    return 0;
}

static int check_dep(const struct field_from *from, const struct publish_dep *d, struct err *e)
{
    struct semver_req req;
    if (crate_name_check(d->name, e) < 0)
        return field_wrong(from, "name", e);
    if (semver_req_parse(d->req, &req, e) < 0)
        return field_wrong(from, "version_req", e);
    if (d->explicit_name.p && crate_alias_check(d->explicit_name, e) < 0)
        return field_wrong(from, "explicit_name_in_toml", e);
    if (d->kind.p && !str_eq(d->kind, STR("normal")) && !str_eq(d->kind, STR("dev")) &&
        !str_eq(d->kind, STR("build"))) {
        (void)err_set(e, ERR_INVALID, "it must be \"normal\", \"dev\" or \"build\"");
        return field_wrong(from, "kind", e);
    }
    return 0;
}

static int read_dep(const struct field_from *from, struct publish_dep *d, struct err *e)
{
    d->default_features = true;
    if (field_str(from, "name", FIELD_REQUIRED, &d->name, e) < 0 ||
        field_str(from, "version_req", FIELD_REQUIRED, &d->req, e) < 0 ||
        field_str(from, "explicit_name_in_toml", FIELD_OPTIONAL, &d->explicit_name, e) < 0 ||
        field_str(from, "target", FIELD_OPTIONAL, &d->target, e) < 0 ||
        field_str(from, "kind", FIELD_OPTIONAL, &d->kind, e) < 0 ||
        field_str(from, "registry", FIELD_OPTIONAL, &d->registry, e) < 0 ||
        field_strs(from, "features", FIELD_OPTIONAL, &d->features, &d->n_features, e) < 0 ||
        field_bool(from, "optional", FIELD_OPTIONAL, &d->optional, e) < 0 ||
        field_bool(from, "default_features", FIELD_OPTIONAL, &d->default_features, e) < 0)
        return -1;
    return check_dep(from, d, e);
}

static int read_deps(const struct field_from *from, struct publish_meta *m, struct err *e)
{
    json_t *array;
    if (field_array(from, "deps", FIELD_OPTIONAL, &array, e) < 0)
        return -1;
    size_t n = json_array_size(array);
    if (n > CRATE_DEPS_MAX)
        return err_set(e, ERR_INVALID, "field `deps` has %zu entries; at most %d are taken", n,
            CRATE_DEPS_MAX);
    if (n == 0)
        return 0;
    m->deps = arena_array(from->arena, n, sizeof(*m->deps));
    m->n_deps = n;
    for (size_t i = 0; i < n; i++) {
        struct field_from dep;
        if (field_element(from, "deps", array, i, &dep, e) < 0 ||
            read_dep(&dep, &m->deps[i], e) < 0)
            return -1;
    }
    return 0;
}

static int read_features(const struct field_from *from, struct publish_meta *m, struct err *e)
{
    json_t *map = NULL;
    if (field_get(from, "features", FIELD_OPTIONAL, &map, e) < 0)
        return -1;
    if (json_object_size(map) > CRATE_FEATURES_MAX) /* before anything is made of them */
        return err_set(e, ERR_INVALID, "field `features` has %zu entries; at most %d are taken",
            json_object_size(map), CRATE_FEATURES_MAX);
    return field_features(from, "features", FIELD_OPTIONAL, &m->features, &m->n_features, e);
}

int publish_meta_parse(struct arena *a, struct str json, struct publish_meta *ret_m, struct err *e)
{
    AUTO_JSON json_t *root = NULL;
    if (json_read(json, &root, e) < 0)
        return -1;
    if (!json_is_object(root))
        return err_set(e, ERR_INVALID, "the metadata must be a JSON object");
    struct publish_meta m = { 0 };
    struct field_from from = { .arena = a, .object = root };
    if (read_identity(&from, &m, e) < 0 || read_texts(&from, &m, e) < 0 ||
        read_deps(&from, &m, e) < 0 || read_features(&from, &m, e) < 0)
        return -1;
    *ret_m = m;
    return 0;
}
