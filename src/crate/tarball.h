/* The strict walk over a .crate: one gzip member holding one tar whose entries all are regular
 * files or folders below NAME-VERSION/. Accepts less than any tar program (reliability: T-01…T-52),
 * streams, and holds a bounded amount of memory whatever the archive claims. No I/O of its own. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct tarball_limits {
    uint64_t unpacked_max; /* bytes; the rule is max(512 MiB, 20 x packed), cargo's own cut */
    uint32_t entries_max;
    uint32_t manifest_max; /* bytes of Cargo.toml */
    int64_t cpu_ms_max;    /* of this thread; 0: no limit */
    /* Told of each entry that is accepted so far, in order; NULL: nobody. path is borrowed. */
    void (*on_entry)(void *ctx, struct str path, bool is_dir, uint64_t size);
    void *on_entry_ctx;
};

/* Next bytes of the archive into p, at most n: bytes read, 0 at the end, -1 on failure. */
typedef ssize_t (*tarball_read_fn)(void *ctx, void *p, size_t n, struct err *e);

struct tarball_info {
    struct str manifest; /* the bytes of Cargo.toml, in the arena */
    struct str vcs_info; /* .cargo_vcs_info.json if present and small (64 KiB), else p NULL */
    uint64_t unpacked;   /* bytes of all files */
    uint32_t n_files;
    bool has_lib_rs, has_main_rs; /* src/lib.rs, src/main.rs */
};

struct tarball_source {
    tarball_read_fn read;
    void *ctx;
};

/* prefix: "NAME-VERSION". Errors are ERR_INVALID (400) with the path or rule in words. */
int tarball_check(struct arena *a, struct str prefix, const struct tarball_limits *limits,
    const struct tarball_source *source, struct tarball_info *ret_info, struct err *e) MUST_CHECK;
