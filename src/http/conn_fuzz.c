/* A whole connection, HTTP/1.1, upgraded or HTTP/2, over a socket pair: the first byte says where
 * the rest is cut in two. Every request that reaches the handler is answered, at once, after its
 * body or after the connection's end, and every answered one is reported done. */
#include "http/conn.h"

#include "base/mem.h"

#include <assert.h>
#include <sys/epoll.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
    struct loop *loop;
    struct answer *answer;
    struct request *held[256];
    size_t n_held, n_begun, n_done;
    struct loop_timer stop;
};

static void on_data(struct request *req, struct str bytes)
{
    if (bytes.n > 0 && bytes.p[0] == 'p')
        request_body_pause(req);
    if (bytes.n > 0 && bytes.p[0] == 'r')
        request_reply(req, ((struct fuzz *)req->listener)->answer);
}

static void on_end(struct request *req)
{
    request_reply(req, ((struct fuzz *)req->listener)->answer);
}

static void on_abort(struct request *req, const struct err *why)
{
    assert(why->kind != ERR_NONE);
    on_end(req);
}

static const struct body_sink sink = { on_data, on_end, on_abort };

static void on_request(void *ctx, struct request *req)
{
    struct fuzz *f = ctx;
    assert(req->path.n > 0 && req->path.p[0] == '/');
    f->n_begun++;
    if (req->method == HTTP_PUT)
        request_read_body(req, &sink, 64);
    else if (req->method == HTTP_HEAD && f->n_held < ARRAY_LEN(f->held))
        f->held[f->n_held++] = req;
    else
        request_reply(req, f->answer);
}

static void on_done(void *ctx, const struct request *req, const struct http_result *r)
{
    (void)r;
    if (req->path.n > 0)
        ((struct fuzz *)ctx)->n_done++;
}

static void stop(struct loop_timer *t)
{
    loop_stop(CONTAINER_OF(t, struct fuzz, stop)->loop);
}

static void turns(struct fuzz *f, int n)
{
    while (n-- > 0) {
        loop_timer_set(f->loop, &f->stop, 0);
        loop_run(f->loop);
    }
}

static void converse(
    struct fuzz *f, struct http_server *s, struct http_listener *l, struct str in, size_t cut)
{
    int fd[2];
    char sink_bytes[65536];
    assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
    struct conn *c = conn_new(s, l, fd[1]);
    assert(c);
    c->peer = MEM_NEW(struct peer);
    c->peer->refs = 1;
    s->n_conns++;
    for (int i = 0; i < 2; i++) {
        struct str part = i ? str_skip(in, cut) : str_from_to(in, 0, cut);
        ssize_t n = send(fd[0], part.p, part.n, MSG_NOSIGNAL);
        turns(f, 4);
        while (n >= 0 && recv(fd[0], sink_bytes, sizeof(sink_bytes), 0) > 0)
            turns(f, 1);
    }
    close(fd[0]);
    turns(f, 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz f = { .stop.fire = stop };
    struct http_handler handler = { .ctx = &f, .on_request = on_request, .on_done = on_done };
    struct answer_spec spec = { .status = 200, .etag = STR("\"e\""), .body = STR("hello") };
    struct http_limits limits = http_limits_default;
    struct http_listener *listener = MEM_NEW(struct http_listener);
    struct http_server *s;
    if (size == 0) {
        free(listener);
        return 0;
    }
    if (loop_new(&f.loop, NULL) < 0 ||
        http_server_new(f.loop, NULL, &limits, &handler, &s, NULL) < 0)
        abort();
    f.answer = answer_new(&spec);
    listener->tag = &f;
    listener->server = s;
    listener->io.fd = -1;
    s->listeners = listener;
    converse(&f, s, listener, (struct str){ (const char *)data + 1, size - 1 }, data[0]);
    for (size_t i = 0; i < f.n_held; i++)
        request_reply(f.held[i], f.answer);
    while (s->conns)
        conn_free(s->conns);
    assert(f.n_done >= f.n_begun);
    http_server_free(s);
    turns(&f, 1);
    loop_free(f.loop);
    answer_unref(f.answer);
    return 0;
}
