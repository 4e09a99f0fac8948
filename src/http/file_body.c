/* Reading a file without blocking the loop: pages that are in memory are read at once; for others a
 * worker reads one piece. The job owns a descriptor of its own, so neither side waits for the other
 * when the connection ends. */
#include "http/conn.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>

struct file_job {
    struct worker_job job; /* first */
    struct exchange *ex;   /* NULL: nobody waits any more */
    int fd;
    uint64_t at;
    size_t want;
    ssize_t got;
    char *piece;
};

static void job_run(struct worker_job *job)
{
    struct file_job *j = CONTAINER_OF(job, struct file_job, job);
    do
        j->got = pread(j->fd, j->piece, j->want, (off_t)j->at);
    while (j->got < 0 && errno == EINTR);
}

static void job_done(struct worker_job *job)
{
    struct file_job *j = CONTAINER_OF(job, struct file_job, job);
    struct exchange *ex = j->ex;
    if (ex) {
        struct file_body *f = &ex->file;
        f->job = NULL;
        f->piece = TAKE(j->piece);
        f->piece_at = j->at;
        f->piece_n = j->got > 0 ? (size_t)j->got : 0;
        f->failed = j->got <= 0;
        if (ex->conn) {
            if (ex->req.version == HTTP_2)
                h2_file_ready(ex);
            conn_kick(ex->conn);
        }
    }
    (void)close(j->fd);
    free(j->piece);
    free(j);
}

/* 0: a worker reads; -1: it cannot. */
static ssize_t ask_worker(struct exchange *ex, size_t want)
{
    struct http_server *s = ex->server;
    struct file_job *j = MEM_NEW(struct file_job);
    j->job.run = job_run;
    j->job.done = job_done;
    j->ex = ex;
    j->at = ex->file.at;
    j->want = want;
    j->piece = mem_alloc(want);
    j->fd = fcntl(ex->file.fd, F_DUPFD_CLOEXEC, 0);
    if (j->fd >= 0 && s->workers && worker_submit(s->workers, &j->job, &s->err) == 0) {
        ex->file.job = j;
        return 0;
    }
    bool retry = s->workers && (j->fd < 0 ? errno == EMFILE : s->err.kind == ERR_BUSY);
    if (j->fd >= 0)
        (void)close(j->fd);
    free(j->piece);
    free(j);
    if (!retry)
        return -1;
    /* No descriptor is free, or all workers have work to the brim: ask again in a moment. */
    ex->file.retry = true;
    conn_arm(ex->conn, loop_now_ms(s->loop) + 20);
    return 0;
}

static ssize_t take_piece(struct file_body *f, char *out, size_t n)
{
    uint64_t skip = f->at - f->piece_at;
    size_t left = f->piece_n - (size_t)skip;
    if (n > left)
        n = left;
    memcpy(out, f->piece + skip, n);
    return (ssize_t)n;
}

ssize_t file_body_read(struct exchange *ex, char *out, size_t n)
{
    struct file_body *f = &ex->file;
    if (f->failed)
        return -1;
    if (f->job)
        return 0;
    f->retry = false;
    if (f->piece && f->at >= f->piece_at && f->at < f->piece_at + f->piece_n)
        return take_piece(f, out, n);
    free(TAKE(f->piece));
    if (n > f->end - f->at)
        n = (size_t)(f->end - f->at);
    struct iovec iov = { out, n };
    ssize_t got = preadv2(f->fd, &iov, 1, (off_t)f->at, RWF_NOWAIT);
    if (got > 0)
        return got;
    if (got == 0) /* shorter than its size says */
        return -1;
    if (errno != EAGAIN && errno != EOPNOTSUPP && errno != EINTR)
        return -1;
    size_t want = f->end - f->at < FILE_PIECE ? (size_t)(f->end - f->at) : FILE_PIECE;
    return ask_worker(ex, want);
}

void file_body_close(struct exchange *ex)
{
    struct file_body *f = &ex->file;
    if (f->job) {
        f->job->ex = NULL;
        f->job = NULL;
    }
    free(TAKE(f->piece));
    if (f->fd >= 0)
        (void)close(f->fd);
    f->fd = -1;
}
