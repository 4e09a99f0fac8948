#include "registry/publish_check.h"

#include "crate/name.h"
#include "crate/semver.h"

#include <errno.h>

#define CHECK_CPU_MS 5000
#define UNPACK_RATIO 20 /* cargo unpacks up to max(512 MiB, 20 x packed) */

int publish_refuse_existing(struct str name, struct str num, struct err *e)
{
    return err_set(e, ERR_CONFLICT,
        "crate version `%" STR_FMT "@%" STR_FMT
        "` is already uploaded; versions never change: raise the version in Cargo.toml",
        STR_ARG(name), STR_ARG(num));
}

int publish_refuse_spelling(struct str name, struct str stored, struct err *e)
{
    return err_set(e, ERR_CONFLICT,
        "crate `%" STR_FMT "` exists here under the spelling `%" STR_FMT
        "`; publish it under that name",
        STR_ARG(name), STR_ARG(stored));
}

static struct str num_key(struct str vers)
{
    return str_cut(&vers, '+');
}

static int check_against(
    struct db *d, struct arena *a, const struct publish_meta *meta, bool *ret_is_new, struct err *e)
{
    struct crate_row crate;
    int found = meta_crate_find(d, a, crate_name_canonical(a, meta->name), &crate, e);
    if (found < 0)
        return -1;
    *ret_is_new = found == 0;
    if (found == 0)
        return crate_name_check_new(meta->name, e);
    if (!str_eq(crate.name, meta->name))
        return publish_refuse_spelling(meta->name, crate.name, e);

    struct version_row version;
    found = meta_version_find(d, a, crate.id, num_key(meta->vers), &version, e);
    return found == 1 ? publish_refuse_existing(crate.name, version.num, e) : found;
}

int publish_check_meta(struct registry *r, struct arena *a, struct str json,
    struct publish_meta *ret_meta, bool *ret_is_new, struct err *e)
{
    struct db *d;
    if (publish_meta_parse(a, json, ret_meta, e) < 0 || readers_take(r->readers, &d, e) < 0)
        return -1;
    int rc = check_against(d, a, ret_meta, ret_is_new, e);
    readers_give(r->readers, d);
    return rc;
}

struct file_source {
    int fd;
    off_t at;
};

static ssize_t read_file(void *ctx, void *p, size_t n, struct err *e)
{
    struct file_source *f = ctx;
    ssize_t got;
    do
        got = pread(f->fd, p, n, f->at);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return err_sys(e, "read the archive back");
    f->at += got;
    return got;
}

int publish_check_archive(struct registry *r, struct arena *a, struct spool *s,
    const struct publish_meta *meta, const uint8_t sum[SHA256_LEN], struct draft *ret_draft,
    struct err *e)
{
    const struct config *c = r->config;
    struct file_source source = { .fd = s->crate_temp.fd };
    struct tarball_limits limits = {
        .unpacked_max = s->crate_size * UNPACK_RATIO > c->unpacked_max
                            ? s->crate_size * UNPACK_RATIO
                            : c->unpacked_max,
        .entries_max = (uint32_t)c->entries_max,
        .manifest_max = MANIFEST_SIZE_MAX,
        .cpu_ms_max = CHECK_CPU_MS,
    };
    struct tarball_info tar;
    struct manifest manifest;
    struct str prefix =
        arena_printf(a, "%" STR_FMT "-%" STR_FMT, STR_ARG(meta->name), STR_ARG(meta->vers));
    if (tarball_check(a, prefix, &limits, &(struct tarball_source){ read_file, &source }, &tar, e) <
        0)
        return -1;
    if (manifest_parse(a, tar.manifest, &manifest, e) < 0)
        return -1;
    struct draft_input in = {
        .meta = meta,
        .manifest = &manifest,
        .tar = &tar,
        .size = s->crate_size,
        .now = clock_wall_s(),
    };
    for (size_t i = 0; i < SHA256_LEN; i++)
        in.sum[i] = sum[i];
    return draft_make(a, r->own, &in, ret_draft, e);
}
