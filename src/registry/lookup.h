/* Reads: versions, downloads, search. The blocking ones run on workers with a reader's connection.
 */
#pragma once
#include "registry/registry.h"
#include "store/meta.h"

/* Crate and version by the names in a URL (any spelling, build metadata ignored).
 * ERR_NOT_FOUND says which of the two is missing; ERR_INVALID when they could not be names at all.
 */
int lookup_version(struct db *d, struct arena *a, struct str name, struct str version,
    struct crate_row *ret_crate, struct version_row *ret_version, struct err *e) MUST_CHECK;

struct lookup_archive {
    int fd; /* the caller's */
    uint64_t size;
    int64_t version_id;
    uint8_t cksum[SHA256_LEN];
};
int lookup_download(struct registry *r, struct str name, struct str version,
    struct lookup_archive *ret, struct err *e) MUST_CHECK;

struct lookup_hit {
    struct str name, max_version, description;
    int64_t downloads, created, updated;
};
struct lookup_page {
    struct lookup_hit *hits;
    size_t n;
    uint64_t total;
};
#define LOOKUP_PER_PAGE_MAX 100
#define LOOKUP_WORDS_MAX 10
/* q: words separated by blanks or '+'. Results live in a. */
int lookup_search(struct registry *r, struct arena *a, struct str q, uint32_t per_page,
    uint32_t page, struct lookup_page *ret, struct err *e) MUST_CHECK;
