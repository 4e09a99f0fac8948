/* Where the parts of a publish body go while they arrive: the metadata into memory when it is
 * small, else into a temp file; the archive into a temp file, hashed on the way. Holds at most
 * SPOOL_HELD bytes. */
#pragma once
#include "base/buf.h"
#include "crate/publish_body.h"
#include "store/blob.h"

#define SPOOL_CHUNK (64u << 10)
#define SPOOL_HELD (256u << 10)
#define SPOOL_JSON_IN_MEMORY (96u << 10)

struct spool {
    const struct data_dir *data;
    struct buf json;            /* the metadata, when small; else filled by spool_finish */
    struct blob_temp json_temp; /* when large */
    struct blob_temp crate_temp;
    struct sha256 *hash;
    uint64_t crate_size;
    struct buf fill[2], flight[2]; /* by enum publish_part: arriving; being written */
};

void spool_init(struct spool *s, const struct data_dir *data);
/* Loop thread. False when it already holds too much (a bug of the caller's pausing). */
bool spool_add(
    struct spool *s, enum publish_part part, struct str bytes, uint64_t json_len) MUST_CHECK;
bool spool_wants_flush(const struct spool *s); /* a chunk is full */
void spool_swap(struct spool *s); /* what arrived becomes what is written; loop thread */
/* Worker thread: writes what is in flight. */
int spool_write(struct spool *s, struct err *e) MUST_CHECK;
/* Worker thread, after the last write: ends the hash, reads large metadata back. */
int spool_finish(struct spool *s, uint8_t ret_sum[SHA256_LEN], struct err *e) MUST_CHECK;
void spool_drop(
    struct spool *s); /* frees; unlinks temp files that were not given away. Worker thread. */
