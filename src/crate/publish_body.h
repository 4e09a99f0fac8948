/* The body of PUT /api/v1/crates/new: u32le length, JSON, u32le length, archive.
 * The framing is followed as bytes arrive, in 64 bits, and nothing is allocated from a claim.
 * Pure; one thread at a time. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

#define PUBLISH_JSON_MAX (1u << 20)

struct publish_limits {
    uint64_t json_max;  /* bytes */
    uint64_t crate_max; /* bytes */
};

enum publish_part { PUBLISH_JSON, PUBLISH_CRATE };

struct publish_frame { /* private to publish_body.c but for json_len */
    struct publish_limits limits;
    uint64_t body_len; /* Content-Length; 0 when not known */
    unsigned char head[4];
    unsigned n_head, state;
    uint64_t json_len, left;
};

/* body_len is the request's Content-Length (0: unknown). */
void publish_frame_init(struct publish_frame *f, struct publish_limits limits, uint64_t body_len);
/* Takes a piece from the front of *in: 1 and a run of bytes of one part, 0 when *in is used up,
 * -1 on a framing error (400, or 413 as soon as a length passes its limit). */
int publish_frame_next(struct publish_frame *f, struct str *in, enum publish_part *ret_part,
    struct str *ret_bytes, struct err *e) MUST_CHECK;
bool publish_frame_json_done(const struct publish_frame *f);
/* At the end of the body: -1 when it stops inside a part, naming the bytes that are missing. */
int publish_frame_end(const struct publish_frame *f, struct err *e) MUST_CHECK;

/* What the registry takes from the JSON: identity, the readme, and a copy of what the manifest is
 * compared with (the manifest wins). */
struct publish_dep {
    struct str name, explicit_name, req, target, kind, registry; /* p NULL when absent or null */
    struct str *features;
    size_t n_features;
    bool optional, default_features;
};
struct publish_meta {
    struct str name, vers;
    struct str readme, readme_file; /* p NULL when null */
    struct str description, homepage, documentation, repository, license, license_file, links,
        rust_version;
    struct str *authors, *keywords, *categories;
    size_t n_authors, n_keywords, n_categories;
    struct publish_dep *deps;
    size_t n_deps;
    struct crate_feature *features;
    size_t n_features;
};

/* Depth 64, 500 deps, 1,000 features; names, versions and types are checked here, with the text a
 * publisher reads. The result lives in the arena. */
int publish_meta_parse(
    struct arena *a, struct str json, struct publish_meta *ret_m, struct err *e) MUST_CHECK;
