/* Download counts and last uses of tokens, gathered in memory so that neither costs a request a
 * write; flushed to the writer every few seconds and at the stop. Loop thread. */
#pragma once
#include "store/writer.h"

struct tally;
struct registry;

struct tally *tally_new(void);
void tally_free(struct tally *t);
void tally_download(struct tally *t, int64_t version_id);
void tally_token(struct tally *t, uint32_t token_id, int64_t now);
/* A person or machine was seen by the network; stored once an hour at most. */
void tally_seen(struct tally *t, uint32_t principal_id, int64_t now);
/* A change that stores all that was counted, or NULL when there is nothing; r's writer learns who
 * was seen (NULL: nobody does). If it fails, the counts are lost: they are statistics. */
struct change *tally_change(struct tally *t, const struct registry *r, int64_t now);
