#include "api/session.h"

struct collector {
    struct call *call;
    struct buf body;
    void (*ready)(struct call *c, struct str body);
};

static void on_data(struct request *req, struct str bytes)
{
    struct collector *k = req->user;
    buf_add(&k->body, bytes);
}

static void on_confirmed(struct call *c)
{
    struct collector *k = c->req->user;
    struct buf body AUTO_BUF = k->body;
    k->body = BUF_INIT(0);
    if (c->refusal)
        problem_reply(c, c->refusal);
    else
        k->ready(c, buf_str(&body));
}

static void on_end(struct request *req)
{
    struct collector *k = req->user;
    session_confirm(k->call, on_confirmed);
}

static void on_abort(struct request *req, const struct err *why)
{
    struct collector *k = req->user;
    buf_deinit(&k->body);
    problem_reply(k->call, why);
}

void body_collect(struct call *c, size_t max, void (*ready)(struct call *c, struct str body))
{
    static const struct body_sink sink = { on_data, on_end, on_abort };
    struct collector *k = ARENA_NEW(c->req->arena, struct collector);
    k->call = c;
    k->body = BUF_INIT(max);
    k->ready = ready;
    c->req->user = k;
    request_read_body(c->req, &sink, max);
}
