/* Archives. A worker finds and opens the file; the connection sends it. */
#include "api/internal.h"
#include "base/mem.h"
#include "registry/lookup.h"

struct download_job {
    struct worker_job job;
    struct call *call;
    struct lookup_archive archive;
    struct answer *head;
    struct err err;
};

static struct answer *make_head(const uint8_t cksum[SHA256_LEN])
{
    char hex[SHA256_HEX_LEN + 1];
    hex_format(cksum, SHA256_LEN, hex);
    struct buf etag AUTO_BUF = BUF_INIT(64);
    buf_addf(&etag, "\"%.32s\"", hex);
    struct answer_spec spec = {
        .status = 200,
        .content_type = STR("application/gzip"),
        .cache_control = STR("private, max-age=31536000, immutable"),
        .etag = buf_str(&etag),
        .has_file = true,
    };
    return answer_new(&spec);
}

static void run(struct worker_job *j)
{
    struct download_job *d = CONTAINER_OF(j, struct download_job, job);
    struct call *c = d->call;
    if (lookup_download(c->api->registry, c->params[0], c->params[1], &d->archive, &d->err) == 0)
        d->head = make_head(d->archive.cksum);
}

static void done(struct worker_job *j)
{
    struct download_job *d = CONTAINER_OF(j, struct download_job, job);
    struct call *c = d->call;
    if (d->head) {
        if (c->req->method == HTTP_GET)
            tally_download(c->api->registry->tally, d->archive.version_id);
        request_reply_file(c->req, d->head, d->archive.fd, d->archive.size);
    } else {
        problem_reply(c, &d->err);
    }
    answer_unref(d->head);
    free(d);
}

void api_download(struct call *c)
{
    struct download_job *d = MEM_NEW(struct download_job);
    d->job.run = run;
    d->job.done = done;
    d->call = c;
    if (worker_submit(c->api->registry->pool, &d->job, &d->err) < 0)
        done(&d->job);
}
