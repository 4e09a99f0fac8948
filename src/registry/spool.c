#include "registry/spool.h"

#include "base/file.h"

#include <errno.h>

void spool_init(struct spool *s, const struct data_dir *data)
{
    *s = (struct spool){
        .data = data,
        .json = BUF_INIT(PUBLISH_JSON_MAX),
        .json_temp = BLOB_TEMP_NONE,
        .crate_temp = BLOB_TEMP_NONE,
        .hash = sha256_new(),
        .fill = { BUF_INIT(SPOOL_HELD), BUF_INIT(SPOOL_HELD) },
        .flight = { BUF_INIT(SPOOL_HELD), BUF_INIT(SPOOL_HELD) },
    };
}

bool spool_add(struct spool *s, enum publish_part part, struct str bytes, uint64_t json_len)
{
    struct buf *b = &s->fill[part];
    if (part == PUBLISH_JSON && json_len <= SPOOL_JSON_IN_MEMORY)
        b = &s->json;
    buf_add(b, bytes);
    return buf_ok(b);
}

bool spool_wants_flush(const struct spool *s)
{
    return s->fill[PUBLISH_JSON].n + s->fill[PUBLISH_CRATE].n >= SPOOL_CHUNK;
}

void spool_swap(struct spool *s)
{
    for (int i = 0; i < 2; i++) {
        struct buf written = s->flight[i];
        s->flight[i] = s->fill[i];
        s->fill[i] = written;
        buf_clear(&s->fill[i]);
    }
}

static int write_part(struct spool *s, struct buf *b, struct blob_temp *t, struct err *e)
{
    if (b->n == 0)
        return 0;
    if (t->fd < 0 && blob_temp_open(s->data, t, e) < 0)
        return -1;
    if (file_write_all(t->fd, buf_str(b), e) < 0)
        return -1;
    buf_clear(b);
    return 0;
}

int spool_write(struct spool *s, struct err *e)
{
    struct str crate = buf_str(&s->flight[PUBLISH_CRATE]);
    sha256_add(s->hash, crate);
    s->crate_size += crate.n;
    if (write_part(s, &s->flight[PUBLISH_JSON], &s->json_temp, e) < 0)
        return -1;
    return write_part(s, &s->flight[PUBLISH_CRATE], &s->crate_temp, e);
}

static int read_json_back(struct spool *s, struct err *e)
{
    for (off_t at = 0;;) {
        char part[16384];
        ssize_t n = pread(s->json_temp.fd, part, sizeof(part), at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, "read the metadata back");
        if (n == 0)
            return 0;
        buf_add(&s->json, (struct str){ part, (size_t)n });
        at += n;
    }
}

int spool_finish(struct spool *s, uint8_t ret_sum[SHA256_LEN], struct err *e)
{
    sha256_end(s->hash, ret_sum);
    return s->json_temp.fd < 0 ? 0 : read_json_back(s, e);
}

void spool_drop(struct spool *s)
{
    blob_temp_drop(s->data, &s->json_temp);
    blob_temp_drop(s->data, &s->crate_temp);
    sha256_free(s->hash);
    s->hash = NULL; /* it may be dropped again */
    buf_deinit(&s->json);
    for (int i = 0; i < 2; i++) {
        buf_deinit(&s->fill[i]);
        buf_deinit(&s->flight[i]);
    }
}
