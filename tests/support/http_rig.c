#include "support/http_rig.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <netinet/in.h>

#define PATIENCE_MS 5000

static void reply_text(struct request *req, unsigned status, struct str text)
{
    struct answer_spec spec = { .status = status, .content_type = STR("text/plain"), .body = text };
    AUTO_ANSWER struct answer *a = answer_new(&spec);
    request_reply(req, a);
}

static struct rig *rig_of(struct request *req)
{
    return req->listener;
}

static void on_data(struct request *req, struct str bytes)
{
    *(uint64_t *)req->user += bytes.n;
    atomic_fetch_add(&rig_of(req)->n_bytes, (unsigned)bytes.n);
}

static void on_data_early(struct request *req, struct str bytes)
{
    (void)bytes;
    request_reply(req, rig_of(req)->refused);
}

static void on_data_pause(struct request *req, struct str bytes)
{
    struct rig *r = rig_of(req);
    if (*(uint64_t *)req->user == 0) {
        request_body_pause(req);
        r->held[r->n_held++] = req;
    }
    on_data(req, bytes);
}

static void on_end(struct request *req)
{
    reply_text(
        req, 200, arena_printf(req->arena, "got %llu", (unsigned long long)*(uint64_t *)req->user));
}

static void on_abort(struct request *req, const struct err *why)
{
    struct rig *r = rig_of(req);
    atomic_store(&r->abort_kind, (unsigned)why->kind);
    atomic_fetch_add(&r->n_aborts, 1);
    for (size_t i = 0; i < r->n_held; i++)
        if (r->held[i] == req)
            r->held[i--] = r->held[--r->n_held];
    reply_text(req,
        why->kind == ERR_TOO_LARGE ? 413
        : why->kind == ERR_TIMEOUT ? 408
                                   : 400,
        str_from(why->text));
}

static const struct body_sink sink = { on_data, on_end, on_abort };
static const struct body_sink early_sink = { on_data_early, on_end, on_abort };
static const struct body_sink pause_sink = { on_data_pause, on_end, on_abort };

void rig_release(struct rig *r)
{
    size_t n = r->n_held;
    r->n_held = 0;
    for (size_t i = 0; i < n; i++) {
        if (r->held[i]->user)
            request_body_resume(r->held[i]);
        else
            reply_text(r->held[i], 200, STR("released"));
    }
}

static void on_upload(struct rig *r, struct request *req)
{
    if (str_eq(req->path, STR("/refuse"))) {
        request_reply(req, r->no_auth);
        return;
    }
    req->user = arena_zalloc(req->arena, sizeof(uint64_t));
    if (str_eq(req->path, STR("/early")))
        request_read_body(req, &early_sink, RIG_FILE);
    else if (str_eq(req->path, STR("/pause")))
        request_read_body(req, &pause_sink, RIG_FILE);
    else
        request_read_body(req, &sink, str_eq(req->path, STR("/small")) ? 10 : RIG_FILE);
}

static struct str peer_text(struct request *req)
{
    struct str ip = STR("none"), trusted = req->trusted.p ? req->trusted : STR("(null)");
    uint16_t port = 0;
    uint32_t uid = UINT32_MAX;
    bool seen = *request_peer_slot(req) != NULL;
    *request_peer_slot(req) = rig_of(req);
    (void)request_peer_address(req, &ip, &port);
    (void)request_peer_uid(req, &uid);
    return arena_printf(req->arena,
        "ip=%" STR_FMT " port=%u uid=%u established=%d rtt=%d seen=%d trusted=%u:%" STR_FMT ".",
        STR_ARG(ip), port, uid, request_is_established(req), request_round_trip_us(req) > 0, seen,
        req->n_trusted, STR_ARG(trusted));
}

static void peer_gone(void *ctx, void *slot)
{
    struct rig *r = ctx;
    if (slot == r)
        atomic_fetch_add(&r->n_peers_gone, 1);
}

static void on_request(void *ctx, struct request *req)
{
    struct rig *r = ctx;
    atomic_fetch_add(&r->n_requests, 1);
    if (req->method == HTTP_PUT) {
        on_upload(r, req);
    } else if (str_eq(req->path, STR("/hold"))) {
        r->held[r->n_held++] = req;
    } else if (str_eq(req->path, STR("/release"))) {
        rig_release(r);
        request_reply(req, r->hello);
    } else if (str_eq(req->path, STR("/end"))) {
        request_end_connection(req);
        request_reply(req, r->hello);
    } else if (str_eq(req->path, STR("/peer"))) {
        reply_text(req, 200, peer_text(req));
    } else if (str_eq(req->path, STR("/host"))) {
        reply_text(req, 200, req->host);
    } else if (str_eq(req->path, STR("/file")) || str_eq(req->path, STR("/cold"))) {
        if (str_eq(req->path, STR("/cold"))) {
            (void)fdatasync(r->file_fd);
            (void)posix_fadvise(r->file_fd, 0, 0, POSIX_FADV_DONTNEED);
        }
        request_reply_file(req, r->file, dup(r->file_fd), RIG_FILE);
    } else if (str_eq(req->path, STR("/big"))) {
        request_reply(req, r->big);
    } else {
        request_reply(req, str_eq(req->path, STR("/hello")) ? r->hello : r->missing);
    }
}

static void on_done(void *ctx, const struct request *req, const struct http_result *result)
{
    struct rig *r = ctx;
    (void)req;
    if (result->status == 0)
        atomic_fetch_add(&r->n_gone, 1);
    atomic_fetch_add(&r->n_done, 1);
}

static void woken(struct loop_io *io, uint32_t events)
{
    struct rig *r = CONTAINER_OF(io, struct rig, wake);
    uint64_t n;
    (void)events;
    ssize_t got = read(io->fd, &n, sizeof(n));
    assert(got == sizeof(n));
    r->call(r);
    pthread_mutex_lock(&r->lock);
    r->call = NULL;
    pthread_cond_signal(&r->called);
    pthread_mutex_unlock(&r->lock);
    (void)got;
}

static void collect(struct loop_io *io, uint32_t events)
{
    (void)events;
    worker_collect(CONTAINER_OF(io, struct rig, work)->workers);
}

static void *run(void *arg)
{
    struct rig *r = arg;
    loop_run(r->loop);
    return NULL;
}

void rig_call(struct rig *r, void (*call)(struct rig *r))
{
    uint64_t one = 1;
    pthread_mutex_lock(&r->lock);
    r->call = call;
    ssize_t n = write(r->wake.fd, &one, sizeof(one));
    assert(n == sizeof(one));
    while (r->call)
        pthread_cond_wait(&r->called, &r->lock);
    pthread_mutex_unlock(&r->lock);
    (void)n;
}

static struct answer *text_answer(unsigned status, struct str text, struct str etag)
{
    struct answer_spec spec = { .status = status, .body = text, .etag = etag };
    return answer_new(&spec);
}

static void make_answers(struct rig *r)
{
    struct answer_spec file = { .status = 200, .has_file = true, .etag = STR("\"f\"") };
    char *big = mem_zalloc(RIG_BIG);
    r->hello = text_answer(200, STR("hello"), STR("\"h\""));
    r->big = text_answer(200, (struct str){ big, RIG_BIG }, STR_NONE);
    r->missing = text_answer(404, STR("missing"), STR_NONE);
    r->no_auth = text_answer(401, STR("log in first"), STR_NONE);
    r->refused = text_answer(403, STR("you may not"), STR_NONE);
    r->file = answer_new(&file);
    for (size_t i = 0; i < RIG_FILE; i++)
        big[i] = (char)(i * 7 >> 3);
    r->file_fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    assert(r->file_fd >= 0);
    ssize_t n = write(r->file_fd, big, RIG_FILE);
    assert(n == RIG_FILE);
    (void)n;
    free(big);
}

struct rig *rig_new(const struct http_limits *limits)
{
    struct rig *r = MEM_NEW(struct rig);
    struct http_handler handler = {
        .ctx = r, .on_request = on_request, .on_done = on_done, .peer_gone = peer_gone
    };
    struct err e = ERR_INIT;
    r->limits = limits ? *limits : http_limits_default;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->called, NULL);
    make_answers(r);
    int failed = loop_new(&r->loop, &e) || worker_pool_new(1, 16, &r->workers, &e) ||
                 http_server_new(r->loop, r->workers, &r->limits, &handler, &r->http, &e) ||
                 http_listen_tcp(r->http, STR("127.0.0.1"), 0, r, &r->port, &e) ||
                 http_start(r->http, &e);
    r->wake = (struct loop_io){ eventfd(0, EFD_CLOEXEC), woken };
    r->work = (struct loop_io){ worker_fd(r->workers), collect };
    failed = failed || loop_add(r->loop, &r->wake, EPOLLIN, &e) ||
             loop_add(r->loop, &r->work, EPOLLIN, &e) || pthread_create(&r->thread, NULL, run, r);
    assert(!failed);
    (void)failed;
    return r;
}

static void stop(struct rig *r)
{
    rig_release(r);
    loop_stop(r->loop);
}

void rig_stop(struct rig *r)
{
    rig_call(r, stop);
    pthread_join(r->thread, NULL);
    http_server_free(TAKE(r->http));
}

void rig_free(struct rig *r)
{
    if (r->http)
        rig_stop(r);
    worker_pool_free(r->workers);
    close(r->wake.fd);
    close(r->file_fd);
    loop_free(r->loop);
    answer_unref(r->hello);
    answer_unref(r->big);
    answer_unref(r->missing);
    answer_unref(r->no_auth);
    answer_unref(r->refused);
    answer_unref(r->file);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->called);
    free(r);
}

int rig_connect(const struct rig *r)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET,
        .sin_port = htons(r->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failed = connect(fd, (struct sockaddr *)&at, sizeof(at));
    assert(!failed);
    (void)failed;
    return fd;
}

bool rig_try_send(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n < 0)
            return false;
        s = str_skip(s, (size_t)n);
    }
    return true;
}

void rig_send(int fd, struct str s)
{
    bool sent = rig_try_send(fd, s);
    assert(sent);
    (void)sent;
}

char *rig_read(int fd, const char *until)
{
    size_t n = 0, cap = 65536;
    char *text = mem_alloc(cap);
    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        text[n] = 0;
        if (until && strstr(text, until))
            return text;
        if (poll(&p, 1, PATIENCE_MS) != 1) {
            (void)snprintf(text + n, cap - n, "<nothing more came>");
            return text;
        }
        ssize_t got = recv(fd, text + n, cap - n - 64, 0);
        if (got <= 0) {
            if (got < 0)
                (void)snprintf(text + n, cap - n, "<%s>", strerror(errno));
            return text;
        }
        n += (size_t)got;
        if (cap - n < 4096)
            text = mem_realloc(text, cap *= 2);
    }
}

char *rig_ask(const struct rig *r, struct str request)
{
    int fd = rig_connect(r);
    (void)rig_try_send(fd, request);
    char *text = rig_read(fd, NULL);
    close(fd);
    return text;
}

size_t rig_count(const char *text, const char *needle)
{
    size_t n = 0;
    for (const char *p = strstr(text, needle); p; p = strstr(p + 1, needle))
        n++;
    return n;
}

bool rig_wait(atomic_uint *n, unsigned at_least)
{
    for (int i = 0; i < PATIENCE_MS; i++) {
        if (atomic_load(n) >= at_least)
            return true;
        (void)poll(NULL, 0, 1);
    }
    return false;
}
