/* A server of fixed answers, for curl, h2load and wrk: http_demo PORT [FILE].
 *   /small /mid /big  answers in memory     /echo  PUT, answered with the length of the body
 *   /file        FILE                   /no    PUT refused before its body is read */
#include "base/mem.h"
#include "base/num.h"
#include "http/server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

struct demo {
    struct loop *loop;
    struct worker_pool *workers;
    struct http_server *http;
    struct answer *small, *mid, *big, *missing, *no, *file_head;
    const char *file;
    struct loop_io worker_io, signal_io;
};

struct upload {
    uint64_t bytes;
};

static void echo_data(struct request *req, struct str bytes)
{
    ((struct upload *)req->user)->bytes += bytes.n;
}

static void reply_text(struct request *req, unsigned status, struct str text)
{
    struct answer_spec spec = { .status = status, .content_type = STR("text/plain"), .body = text };
    AUTO_ANSWER struct answer *a = answer_new(&spec);
    request_reply(req, a);
}

static void echo_end(struct request *req)
{
    const struct upload *u = req->user;
    reply_text(req, 200, arena_printf(req->arena, "%llu\n", (unsigned long long)u->bytes));
}

static void echo_abort(struct request *req, const struct err *why)
{
    reply_text(req, why->kind == ERR_TOO_LARGE ? 413 : 400, str_from(why->text));
}

static const struct body_sink echo = { echo_data, echo_end, echo_abort };

static void reply_disk_file(struct demo *d, struct request *req)
{
    struct stat st;
    int fd = d->file ? open(d->file, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &st) < 0) {
        request_reply(req, d->missing);
        return;
    }
    request_reply_file(req, d->file_head, fd, (uint64_t)st.st_size);
}

static void on_request(void *ctx, struct request *req)
{
    struct demo *d = ctx;
    if (req->method == HTTP_PUT && str_eq(req->path, STR("/no"))) {
        request_reply(req, d->no);
    } else if (req->method == HTTP_PUT) {
        req->user = ARENA_NEW(req->arena, struct upload);
        request_read_body(req, &echo, (uint64_t)1 << 32);
    } else if (str_eq(req->path, STR("/mid"))) {
        request_reply(req, d->mid);
    } else if (str_eq(req->path, STR("/big"))) {
        request_reply(req, d->big);
    } else if (str_eq(req->path, STR("/file"))) {
        reply_disk_file(d, req);
    } else {
        request_reply(req, str_eq(req->path, STR("/small")) ? d->small : d->missing);
    }
}

static void workers_ready(struct loop_io *io, uint32_t events)
{
    (void)events;
    worker_collect(CONTAINER_OF(io, struct demo, worker_io)->workers);
}

static void signal_ready(struct loop_io *io, uint32_t events)
{
    (void)events;
    loop_stop(CONTAINER_OF(io, struct demo, signal_io)->loop);
}

static struct answer *memory_answer(size_t n)
{
    AUTO_FREE char *body = mem_alloc(n);
    memset(body, 'x', n);
    struct answer_spec spec = {
        .status = 200,
        .content_type = STR("text/plain"),
        .cache_control = STR("no-cache"),
        .etag = STR("\"0123456789abcdef\""),
        .vary_encoding = true,
        .body = { body, n },
    };
    return answer_new(&spec);
}

static int run(struct demo *d, uint16_t port, struct err *e)
{
    struct http_handler handler = { .ctx = d, .on_request = on_request };
    struct signalfd_siginfo unused;
    sigset_t set;
    (void)unused;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (loop_new(&d->loop, e) < 0 || worker_pool_new(2, 64, &d->workers, e) < 0 ||
        http_server_new(d->loop, d->workers, &http_limits_default, &handler, &d->http, e) < 0 ||
        http_listen_tcp(d->http, STR("127.0.0.1"), port, NULL, &port, e) < 0 ||
        http_start(d->http, e) < 0)
        return -1;
    d->worker_io = (struct loop_io){ worker_fd(d->workers), workers_ready };
    d->signal_io = (struct loop_io){ signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), signal_ready };
    if (loop_add(d->loop, &d->worker_io, EPOLLIN, e) < 0 ||
        loop_add(d->loop, &d->signal_io, EPOLLIN, e) < 0)
        return -1;
    printf("listening on 127.0.0.1:%u\n", port);
    fflush(stdout);
    loop_run(d->loop);
    worker_pool_free(d->workers);
    http_server_free(d->http);
    loop_free(d->loop);
    return 0;
}

int main(int argc, char **argv)
{
    struct demo d = { .file = argc > 2 ? argv[2] : NULL };
    struct err e = ERR_INIT;
    uint32_t port = 0;
    if (argc > 1 && !num_parse_u32(str_from(argv[1]), &port))
        return 2;
    struct answer_spec missing = { .status = 404, .body = STR("not here\n") };
    struct answer_spec no = { .status = 403, .body = STR("you may not publish here\n") };
    struct answer_spec file = { .status = 200, .etag = STR("\"f\""), .has_file = true };
    d.small = memory_answer(1500);
    d.mid = memory_answer(6000);
    d.big = memory_answer(200000);
    d.missing = answer_new(&missing);
    d.no = answer_new(&no);
    d.file_head = answer_new(&file);
    int r = run(&d, (uint16_t)port, &e);
    if (r < 0)
        fprintf(stderr, "%s %s\n", e.text, e.cause);
    answer_unref(d.small);
    answer_unref(d.mid);
    answer_unref(d.big);
    answer_unref(d.missing);
    answer_unref(d.no);
    answer_unref(d.file_head);
    return r < 0 ? 1 : 0;
}
