/* Two layers over one 64 KiB window. Below, zlib fills the window whole, so that 512-byte tar
 * blocks never straddle two fills and are read in place; the gzip member has to end where the input
 * ends. Above, a walk over headers that keeps a hash of each name and nothing else of an entry. A
 * size is held against what is left of the limit as soon as it is claimed, before anything behind
 * it is inflated: an archive that claims too much costs one header. */
#include "crate/tarball.h"

#include "base/mem.h"
#include "crate/tar_header.h"
#include "crate/tar_path.h"

#include <string.h>
#include <time.h>
#include <zlib.h>

#define CHUNK 65536
#define GZIP_HEADER_MAX 4096 /* name, comment and extra field together */
#define VCS_INFO_MAX 65536
#define PADDING_MAX (1u << 20) /* zeros behind the end; GNU tar fills up to 10 KiB */

struct walk {
    const struct tarball_limits *limits;
    tarball_read_fn read;
    void *ctx;
    struct arena *arena;
    struct str prefix;
    struct tarball_info *info;
    int64_t cpu_end; /* ms of this thread; 0: no limit */

    z_stream z;
    gz_header gz_head;
    bool gz_ended;
    size_t pos, len;   /* of out */
    uint64_t inflated; /* up to the end of out */

    uint32_t n_entries;
    bool has_manifest;
    struct tar_names names;
    struct str long_path; /* for the next entry, in meta; p NULL when none */
    bool meta_waits;      /* an 'L' or 'x' stands before the next entry */
    struct tar_pax pax;
    char meta[TAR_PAX_MAX];
    struct tar_fold fold;
    unsigned char in[CHUNK], out[CHUNK];
};

static int64_t thread_cpu_ms(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) < 0)
        return 0;
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- gzip --- */

/* 1 when there is input, 0 at its end. Headers are read in small bites to hold their bound. */
static int refill_input(struct walk *w, struct err *e)
{
    size_t want = CHUNK;
    if (w->z.total_in < GZIP_HEADER_MAX)
        want = GZIP_HEADER_MAX - (size_t)w->z.total_in;
    ssize_t got = w->read(w->ctx, w->in, want, e);
    if (got < 0)
        return -1;
    w->z.next_in = w->in;
    w->z.avail_in = (uInt)got;
    return got > 0;
}

/* A second member is legal gzip, and read by some programs and not by others. */
static int expect_end_of_input(struct walk *w, struct err *e)
{
    int more = w->z.avail_in > 0 ? 1 : refill_input(w, e);
    if (more > 0)
        return err_set(e, ERR_INVALID, "the archive has bytes behind its gzip stream");
    return more;
}

static int inflate_some(struct walk *w, struct err *e)
{
    if (w->z.avail_in == 0) {
        int more = refill_input(w, e);
        if (more < 0)
            return -1;
        if (more == 0)
            return err_set(
                e, ERR_INVALID, "the archive is cut short: its gzip stream does not end");
    }
    w->z.next_out = w->out + w->len;
    w->z.avail_out = (uInt)(CHUNK - w->len);
    int rc = inflate(&w->z, Z_NO_FLUSH);
    w->len = CHUNK - w->z.avail_out;
    if (rc == Z_STREAM_END) {
        w->gz_ended = true;
        return expect_end_of_input(w, e);
    }
    if (rc != Z_OK)
        return err_set(e, ERR_INVALID, "the archive is not a valid gzip file: %s",
            w->z.msg ? w->z.msg : "damaged");
    if (w->gz_head.done == 0 && w->z.total_in >= GZIP_HEADER_MAX)
        return err_set(e, ERR_INVALID, "the archive has a gzip header of more than 4096 bytes");
    return 0;
}

/* The next window: CHUNK bytes, or fewer at the end. */
static int fill(struct walk *w, struct err *e)
{
    w->pos = w->len = 0;
    if (w->cpu_end && thread_cpu_ms() > w->cpu_end)
        return err_set(e, ERR_INVALID, "the archive takes more than %lld ms to check",
            (long long)w->limits->cpu_ms_max);
    while (w->len < CHUNK && !w->gz_ended) {
        if (inflate_some(w, e) < 0)
            return -1;
    }
    w->inflated += w->len;
    if (w->inflated > w->limits->unpacked_max)
        return err_set(e, ERR_INVALID, "the archive is larger than %llu bytes when unpacked",
            (unsigned long long)w->limits->unpacked_max);
    return 0;
}

static int truncated(struct err *e)
{
    return err_set(e, ERR_INVALID,
        "the archive is cut short: its tar ends inside an entry or without its two zero blocks");
}

static int next_block(struct walk *w, const unsigned char **ret_block, struct err *e)
{
    if (w->pos == w->len && fill(w, e) < 0)
        return -1;
    if (w->len - w->pos < TAR_BLOCK)
        return truncated(e);
    *ret_block = w->out + w->pos;
    w->pos += TAR_BLOCK;
    return 0;
}

/* An entry's bytes, into `to` unless NULL, and the zeros up to the next block. */
static int take_body(struct walk *w, uint64_t size, char *to, struct err *e)
{
    size_t padding = (size_t)(-size & (TAR_BLOCK - 1));
    while (size > 0) {
        if (w->pos == w->len && fill(w, e) < 0)
            return -1;
        size_t n = w->len - w->pos;
        if (n == 0)
            return truncated(e);
        if (n > size)
            n = (size_t)size;
        if (to) {
            memcpy(to, w->out + w->pos, n);
            to += n;
        }
        w->pos += n;
        size -= n;
    }
    if (w->len - w->pos <
        padding) /* it lies in the window of the last byte: windows hold whole blocks */
        return truncated(e);
    if (!tar_is_zero(w->out + w->pos, padding))
        return err_set(e, ERR_INVALID, "the archive hides bytes in the padding behind a file");
    w->pos += padding;
    return 0;
}

/* --- tar --- */

static int refuse(struct err *e, struct str path, const char *why)
{
    char shown[TAR_SHOW_MAX];
    return err_set(e, ERR_INVALID, "archive entry \"%s\": %s", tar_show(path, shown), why);
}

static int check_claim(struct walk *w, uint64_t size, struct str path, struct err *e)
{
    uint64_t consumed = w->inflated - (w->len - w->pos);
    if (size > w->limits->unpacked_max - consumed)
        return refuse(e, path, "with it the archive is larger than allowed when unpacked");
    return 0;
}

/* 'L', 'x' and 'g': small bodies that concern the entry behind them. One at a time, because readers
 * differ in which of two wins. */
static int take_meta(struct walk *w, const struct tar_header *h, struct err *e)
{
    char shown[TAR_SHOW_MAX];
    size_t max = h->kind == TAR_LONG_NAME ? TAR_LONG_NAME_MAX : TAR_PAX_MAX;
    if (w->meta_waits)
        return err_set(e, ERR_INVALID, "the archive has %s where the entry of another must follow",
            tar_type_name(h->type));
    if (h->size > max)
        return err_set(e, ERR_INVALID, "archive entry \"%s\": %s of more than %zu bytes",
            tar_show((struct str){ h->name, h->n_name }, shown), tar_type_name(h->type), max);
    if (take_body(w, h->size, w->meta, e) < 0)
        return -1;
    struct str body = { w->meta, (size_t)h->size };
    w->meta_waits = h->kind != TAR_PAX_GLOBAL;
    if (h->kind == TAR_LONG_NAME)
        return tar_long_name_parse(body, &w->long_path, e);
    if (tar_pax_parse(body, h->kind, &w->pax, e) < 0)
        return -1;
    w->long_path = w->pax.path;
    return 0;
}

static int check_entry(struct walk *w, const struct tar_header *h, struct str path, struct err *e)
{
    if (h->kind == TAR_OTHER) {
        char shown[TAR_SHOW_MAX];
        return err_set(e, ERR_INVALID,
            "archive entry \"%s\": is %s (type 0x%02x); only files and folders are allowed",
            tar_show(path, shown), tar_type_name(h->type), (unsigned char)h->type);
    }
    if (tar_path_check(path, w->prefix, e) < 0)
        return -1;
    if (w->pax.has_size && w->pax.size != h->size)
        return refuse(e, path, "its PAX header and its tar header disagree about the size");
    if (h->kind == TAR_DIR && h->size != 0)
        return refuse(e, path, "is a folder with content");
    if (h->kind == TAR_FILE && path.n == w->prefix.n)
        return refuse(e, path, "is a file where the folder of the crate belongs");
    if (h->mode & 07000)
        return refuse(e, path, "has a setuid, setgid or sticky mode");
    if (h->mode & 00002)
        return refuse(e, path, "is writable for everyone");
    return check_claim(w, h->size, path, e);
}

/* Names in the root that mean something to cargo, in any spelling some file system takes for them.
 */
static int check_root_name(
    struct walk *w, struct str path, struct str folded, bool is_dir, struct err *e)
{
    struct str rest = str_skip(folded, w->prefix.n + 1);
    struct str first = str_cut(&rest, '/');
    /* cargo before 1.64 took this file for its own "unpacked completely" mark (CVE-2022-36113). */
    if (str_eq(first, STR(".cargo-ok")))
        return refuse(e, path, "the name .cargo-ok is cargo's own");
    if (!str_eq(first, STR("cargo.toml")))
        return 0;
    if (is_dir || rest.p)
        return refuse(e, path, "Cargo.toml must be a file");
    if (!str_eq(str_skip(path, w->prefix.n + 1), STR("Cargo.toml")))
        return refuse(e, path, "the manifest must be spelled Cargo.toml");
    return 0;
}

static int take_kept(struct walk *w, uint64_t size, struct str *ret_text, struct err *e)
{
    char *p = arena_alloc(w->arena, (size_t)size + 1);
    if (take_body(w, size, p, e) < 0)
        return -1;
    p[size] = '\0';
    *ret_text = (struct str){ p, (size_t)size };
    return 0;
}

static int take_file(struct walk *w, struct str path, uint64_t size, struct err *e)
{
    struct str name = str_skip(path, w->prefix.n + 1);
    struct tarball_info *info = w->info;
    info->n_files++;
    info->unpacked += size;
    if (str_eq(name, STR("src/lib.rs")))
        info->has_lib_rs = true;
    if (str_eq(name, STR("src/main.rs")))
        info->has_main_rs = true;
    if (str_eq(name, STR(".cargo_vcs_info.json")) && size <= VCS_INFO_MAX)
        return take_kept(w, size, &info->vcs_info, e);
    if (!str_eq(name, STR("Cargo.toml")))
        return take_body(w, size, NULL, e);
    if (size > w->limits->manifest_max)
        return err_set(
            e, ERR_INVALID, "Cargo.toml is larger than %u bytes", w->limits->manifest_max);
    w->has_manifest = true;
    if (take_kept(w, size, &info->manifest, e) < 0)
        return -1;
    if (!utf8_valid(info->manifest))
        return err_set(e, ERR_INVALID, "Cargo.toml is not valid UTF-8");
    return 0;
}

static int take_entry(struct walk *w, const struct tar_header *h, struct err *e)
{
    struct str path = w->long_path.p ? w->long_path : (struct str){ h->name, h->n_name }, folded;
    bool is_dir = h->kind == TAR_DIR;
    if (is_dir && str_ends(path, STR("/")))
        path.n--;
    if (check_entry(w, h, path, e) < 0 || tar_path_fold(&w->fold, path, &folded, e) < 0)
        return -1;
    if (path.n > w->prefix.n && check_root_name(w, path, folded, is_dir, e) < 0)
        return -1;
    if (tar_names_add(&w->names, folded, is_dir, path, e) < 0)
        return -1;
    if (w->limits->on_entry)
        w->limits->on_entry(w->limits->on_entry_ctx, path, is_dir, h->size);
    w->meta_waits = false;
    w->pax = (struct tar_pax){ .path = STR_NONE };
    w->long_path = STR_NONE;
    return is_dir ? 0 : take_file(w, path, h->size, e);
}

/* Behind the first zero block: another, then zeros up to the end of the stream. */
static int take_end(struct walk *w, struct err *e)
{
    const unsigned char *block = NULL;
    if (w->meta_waits)
        return err_set(e, ERR_INVALID,
            "the archive ends with a GNU long name or PAX header that no entry follows");
    if (next_block(w, &block, e) < 0)
        return -1;
    bool zero = tar_is_zero(block, TAR_BLOCK);
    uint64_t stop = w->inflated + PADDING_MAX;
    while (zero && w->len > 0) {
        if (w->inflated > stop)
            return err_set(
                e, ERR_INVALID, "the archive has more than 1 MiB of zeros behind its tar");
        zero = tar_is_zero(w->out + w->pos, w->len - w->pos);
        if (w->len % TAR_BLOCK)
            return truncated(e);
        if (fill(w, e) < 0)
            return -1;
    }
    if (!zero)
        return err_set(e, ERR_INVALID, "the archive has data behind the end of its tar");
    return w->has_manifest ? 0 : err_set(e, ERR_INVALID, "the archive has no Cargo.toml");
}

static int walk_entries(struct walk *w, struct err *e)
{
    struct tar_header h;
    for (;;) {
        const unsigned char *block = NULL;
        if (next_block(w, &block, e) < 0)
            return -1;
        if (tar_is_zero(block, TAR_BLOCK))
            return take_end(w, e);
        if (w->n_entries++ >= w->limits->entries_max)
            return err_set(
                e, ERR_INVALID, "the archive has more than %u entries", w->limits->entries_max);
        if (tar_header_parse(block, &h, e) < 0)
            return -1;
        bool meta = h.kind == TAR_LONG_NAME || h.kind == TAR_PAX || h.kind == TAR_PAX_GLOBAL;
        if ((meta ? take_meta(w, &h, e) : take_entry(w, &h, e)) < 0)
            return -1;
    }
}

/* zlib would say "incorrect header check" of a zip file, an xz file or a bare tar. */
static int begin(struct walk *w, struct err *e)
{
    static const unsigned char magic[] = { 0x1f, 0x8b, 8 }; /* RFC 1952: ID1, ID2, deflate */
    size_t n = 0;
    while (n < sizeof(magic)) {
        ssize_t got = w->read(w->ctx, w->in + n, GZIP_HEADER_MAX - n, e);
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    if (n < sizeof(magic) || memcmp(w->in, magic, sizeof(magic)) != 0)
        return err_set(e, ERR_INVALID, "the archive is not a gzip file");
    w->z.next_in = w->in;
    w->z.avail_in = (uInt)n;
    return 0;
}

static void walk_freep(struct walk **w)
{
    (void)inflateEnd(&(*w)->z);
    tar_names_deinit(&(*w)->names);
    free(*w);
}

int tarball_check(struct arena *a, struct str prefix, const struct tarball_limits *limits,
    const struct tarball_source *source, struct tarball_info *ret_info, struct err *e)
{
    AUTO(walk_freep) struct walk *w = MEM_NEW(struct walk);
    *ret_info = (struct tarball_info){ .vcs_info = STR_NONE };
    w->limits = limits;
    w->read = source->read;
    w->ctx = source->ctx;
    w->arena = a;
    w->prefix = prefix;
    w->info = ret_info;
    w->cpu_end = limits->cpu_ms_max > 0 ? thread_cpu_ms() + limits->cpu_ms_max : 0;
    tar_names_init(&w->names, 2 * (size_t)limits->entries_max);
    if (inflateInit2(&w->z, 16 + MAX_WBITS) != Z_OK || /* 16: gzip alone, no zlib format */
        inflateGetHeader(&w->z, &w->gz_head) != Z_OK)
        return err_set(e, ERR_IO, "cannot set up the archive check");
    if (begin(w, e) < 0)
        return -1;
    return walk_entries(w, e);
}
