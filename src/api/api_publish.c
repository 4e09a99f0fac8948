/* PUT /api/v1/crates/new */
#include "api/session.h"
#include "registry/publish.h"

struct upload {
    struct call *call;
    struct publish *publish; /* NULL once it is over */
    bool confirming;         /* nothing may be answered meanwhile */
    struct err failure;      /* that came meanwhile */
};

#define EXPIRY_WARNING_S (14 * 86400)

/* When the registry's own key on the tailnet ends, nobody reaches it any more; those who publish
 * are the ones who read warnings. */
static void warn_of_expiry(const struct call *c, struct json_out *j)
{
    const struct tailnet_node *node = api_tailnet_node(c->api, NULL);
    char date[CLOCK_RFC3339_LEN + 1];
    if (!node || node->key_expiry == 0 ||
        node->key_expiry - loop_wall_s(c->api->loop) > EXPIRY_WARNING_S)
        return;
    clock_format_rfc3339(node->key_expiry, date);
    json_put_str(j, arena_printf(c->req->arena,
                        "this registry's own key on the tailnet ends on %.10s, and then nobody "
                        "reaches it: tell its admin (`superguppy doctor` says what to do)",
                        date));
}

static void reply_warnings(struct call *c, const struct publish_result *r)
{
    struct buf b AUTO_BUF = BUF_INIT(64u << 10);
    struct json_out j = JSON_OUT(&b);
    json_object_begin(&j);
    json_key(&j, STR("warnings"));
    json_object_begin(&j);
    json_key(&j, STR("invalid_categories"));
    json_put_raw(&j, STR("[]"));
    json_key(&j, STR("invalid_badges"));
    json_put_raw(&j, STR("[]"));
    json_key(&j, STR("other"));
    json_array_begin(&j);
    for (size_t i = 0; i < r->n_warnings; i++)
        json_put_str(&j, r->warnings[i]);
    warn_of_expiry(c, &j);
    json_array_end(&j);
    json_object_end(&j);
    json_object_end(&j);
    reply_json(c, buf_str(&b));
}

static void on_published(void *ctx, const struct err *e, const struct publish_result *r)
{
    struct upload *u = ctx;
    u->publish = NULL;
    if (u->confirming)
        u->failure = *e; /* it is not complete yet, so it cannot have gone well */
    else if (e->kind == ERR_NONE)
        reply_warnings(u->call, r);
    else
        problem_reply(u->call, e);
}

static void on_pause(void *ctx)
{
    request_body_pause(((struct upload *)ctx)->call->req);
}

static void on_resume(void *ctx)
{
    request_body_resume(((struct upload *)ctx)->call->req);
}

static struct upload *upload_of(struct request *req)
{
    return req->user;
}

static void on_data(struct request *req, struct str bytes)
{
    struct upload *u = upload_of(req);
    if (u->publish)
        publish_feed(u->publish, bytes);
}

static void on_confirmed(struct call *c)
{
    struct upload *u = upload_of(c->req);
    u->confirming = false;
    if (!u->publish) {
        problem_reply(c, &u->failure);
    } else if (c->refusal) {
        publish_abort(TAKE(u->publish));
        problem_reply(c, c->refusal);
    } else {
        publish_end(u->publish);
    }
}

static void on_end(struct request *req)
{
    struct upload *u = upload_of(req);
    if (!u->publish)
        return;
    u->confirming = true;
    session_confirm(u->call, on_confirmed);
}

static void on_abort(struct request *req, const struct err *why)
{
    struct upload *u = upload_of(req);
    if (!u->publish)
        return;
    struct publish *p = u->publish;
    struct call *c = u->call;
    u->publish = NULL;
    publish_abort(p);
    problem_reply(c, why);
}

static int check_length(const struct call *c, uint64_t max, struct err *e)
{
    if (c->req->body_len > 0 && (uint64_t)c->req->body_len > max)
        return err_set(e, ERR_TOO_LARGE,
            "max upload size is: %llu bytes for the archive; exclude files from the package or ask "
            "an admin to raise publish.crate_max",
            (unsigned long long)c->api->registry->config->crate_max);
    return 0;
}

void api_publish(struct call *c)
{
    static const struct publish_events events = { on_published, on_pause, on_resume };
    static const struct body_sink sink = { on_data, on_end, on_abort };
    struct registry *r = c->api->registry;
    struct err e = ERR_INIT;
    uint64_t max = publish_body_max(r->config);
    if (c->req->body_len == BODY_LEN_CHUNKED && c->req->version != HTTP_2) {
        struct problem p = { .shape = SHAPE_JSON,
            .status = 411,
            .text = STR("a publish must say its Content-Length, as cargo does"),
            .request_id = c->req->id };
        struct answer *a AUTO_ANSWER = problem_answer(c->api, &p);
        request_reply(c->req, a);
        return;
    }
    if (check_length(c, max, &e) < 0) {
        problem_reply(c, &e);
        return;
    }
    struct upload *u = ARENA_NEW(c->req->arena, struct upload);
    u->call = c;
    c->req->user = u;
    u->publish = publish_begin(
        r, &c->caller, c->req->body_len > 0 ? (uint64_t)c->req->body_len : 0, &events, u);
    request_read_body(c->req, &sink, max);
}
