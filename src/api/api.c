/* From a request to its handler: route, host, who is there, caller, right, in this order. */
#include "api/form.h"
#include "api/session.h"
#include "api/trusted.h"

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "config/authority.h"

static struct answer *make_config(const struct api *a, bool closed)
{
    struct buf b AUTO_BUF = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&b);
    struct buf dl AUTO_BUF = BUF_INIT(1024);
    buf_addf(&dl, "%" STR_FMT "/dl", STR_ARG(a->site.base_url));
    json_object_begin(&j);
    json_key(&j, STR("dl"));
    json_put_str(&j, buf_str(&dl));
    json_key(&j, STR("api"));
    json_put_str(&j, a->site.base_url);
    if (closed) {
        json_key(&j, STR("auth-required"));
        json_put_bool(&j, true);
    }
    json_object_end(&j);
    /* Without an ETag: cargo takes a 304 for config.json as an error. */
    struct answer_spec spec = {
        .status = 200,
        .content_type = STR("application/json"),
        .cache_control = STR("no-cache"),
        .body = buf_str(&b),
    };
    return answer_new(&spec);
}

static struct answer *make_yes(void)
{
    struct answer_spec spec = {
        .status = 200,
        .content_type = STR("application/json"),
        .cache_control = STR("no-store"),
        .body = STR("{\"ok\":true}"),
    };
    return answer_new(&spec);
}

struct api *api_new(struct loop *loop)
{
    struct api *a = MEM_NEW(struct api);
    a->loop = loop;
    a->yes = make_yes();
    a->told_void = map_new();
    random_bytes(a->form_secret, sizeof(a->form_secret));
    access_log_init(a);
    unpacked_init(a);
    return a;
}

void api_open(struct api *a, struct registry *r)
{
    a->registry = r;
}

void api_set_site(struct api *a, const struct api_site *site)
{
    a->site = *site;
    answer_unref(a->config_open);
    answer_unref(a->config_closed);
    a->config_open = make_config(a, false);
    a->config_closed = make_config(a, true);
}

void api_set_tailnet(struct api *a, struct tailnet *t)
{
    a->tailnet = t;
}

const struct tailnet_node *api_tailnet_node(const struct api *a, struct err *e)
{
    const struct tailnet_node *node = a->tailnet ? tailnet_node(a->tailnet) : NULL;
    if (node && node->running)
        return node;
    /* The reason may name a page where somebody could log this node in to a tailnet of theirs: it
     * stands in the log. */
    (void)err_set(e, ERR_BUSY, "%s",
        a->tailnet
            ? "this registry waits for its tailnet; its admin finds the reason in its log, or "
              "by `superguppy doctor`"
            : "this registry is stopping");
    return NULL;
}

void api_free(struct api *a)
{
    if (!a)
        return;
    unpacked_free(a);
    answer_unref(a->config_open);
    answer_unref(a->config_closed);
    answer_unref(a->yes);
    map_free(a->told_void, NULL);
    log_write(buf_str(&a->log));
    buf_deinit(&a->log);
    free(a);
}

void api_set_stopping(struct api *a)
{
    a->stopping = true;
}

static bool is_health(const struct route *r)
{
    return r && (r->run == api_healthz || r->run == api_readyz);
}

/* Host decides before anything else, so that a page whose name was rebound to us gets nothing. */
static int check_host(const struct call *c, struct err *e)
{
    if (c->door->admin || own_urls_has_host(c->api->registry->own, c->req->host))
        return 0;
    struct str shown = utf8_clip(c->req->host, 200);
    struct authority au;
    const char *wrong;
    /* Who is on this machine is told where to go; a page whose name was rebound to us learns
     * nothing. */
    if (authority_parse(c->req->host, &au, &wrong) && authority_is_loopback(&au))
        return err_set(e, ERR_INVALID,
            "this registry is not known as `%" STR_FMT "`; use %" STR_FMT, STR_ARG(shown),
            STR_ARG(c->api->site.base_url));
    return err_set(e, ERR_INVALID,
        "this registry is not known as `%" STR_FMT "`; an admin can add the name to server.hosts",
        STR_ARG(shown));
}

/* What a listener does not serve is not there for it, under any method. */
static bool is_hidden(const struct call *c, const struct route *r)
{
    return (c->door->only_health && !is_health(r)) ||
           c->door->admin != (r->need == NEED_ADMIN_DOOR);
}

static int find_route(struct call *c, struct err *e)
{
    const struct route *other;
    c->route = route_find(c->req->method, c->req->path, c->params, &other);
    if (c->route && !is_hidden(c, c->route)) {
        c->req->route = c->route->path;
        return 0;
    }
    c->route = NULL;
    if (other && !is_hidden(c, other))
        return err_set(e, ERR_UNSUPPORTED, "this URL does not take the method %s",
            http_method_name(c->req->method));
    return err_set(e, ERR_NOT_FOUND,
        "there is nothing at this URL; the sparse index is at /index/, cargo's web API at "
        "/api/v1/");
}

/* A web page elsewhere must not change anything through a visitor's browser; cargo sends neither
 * field. Our own form is judged by form.c. */
static int check_origin(const struct call *c, struct err *e)
{
    struct str site = c->req->header[HEADER_SEC_FETCH_SITE];
    bool reads = c->req->method == HTTP_GET || c->req->method == HTTP_HEAD;
    if (reads || c->route->need == NEED_OWN_FORM ||
        (c->req->header[HEADER_ORIGIN].p == NULL &&
            (site.p == NULL || str_eq(site, STR("none")) || str_eq(site, STR("same-origin")))))
        return 0;
    return err_set(
        e, ERR_FORBIDDEN, "changes are not taken from web pages; use cargo or the command line");
}

static int check_need(struct call *c, struct err *e)
{
    const struct access *a = c->api->registry->access;
    switch (c->route->need) {
    case NEED_NOTHING:
    case NEED_ADMIN_DOOR:
        return 0;
    case NEED_READ:
        if (c->recalled && c->known->reads)
            return 0;
        return access_may(a, &c->caller, RIGHT_READ, STR_NONE, e);
    case NEED_PUBLISH:
        if (access_may(a, &c->caller, RIGHT_PUBLISH_NEW, STR_NONE, NULL) == 0)
            return 0;
        return access_may(a, &c->caller, RIGHT_PUBLISH_UPDATE, STR_NONE, e);
    case NEED_YANK:
        return access_may(a, &c->caller, RIGHT_YANK, STR_NONE, e);
    case NEED_CHANGE_OWNERS:
        return access_may(a, &c->caller, RIGHT_CHANGE_OWNERS, STR_NONE, e);
    case NEED_OWN_FORM:
        return form_check_origin(c, e);
    }
    return err_set(e, ERR_FORBIDDEN, "this route is closed");
}

/* For the log: who it is said to be, and from which node. */
static void note_caller(struct call *c)
{
    struct arena *a = c->req->arena;
    struct str name = access_caller_name(c->api->registry->access, &c->caller);
    c->req->log_principal = c->caller.kind == CALLER_PRINCIPAL ? arena_str(a, name) : name;
    if (c->peer && c->peer->node.n > 0)
        c->req->log_node = arena_str(a, c->peer->node);
}

/* Most requests of a connection are the same peer with nothing sent along. */
static bool recall(struct call *c)
{
    const struct known *k = c->known;
    if (!k || !k->is_set || c->req->header[HEADER_AUTHORIZATION].p || c->route->need != NEED_READ ||
        k->generation != access_generation(c->api->registry->access))
        return false;
    c->caller = k->caller;
    c->req->log_principal = k->name;
    c->req->log_node = k->node;
    c->recalled = true;
    return true;
}

static void remember(struct call *c)
{
    const struct access *a = c->api->registry->access;
    if (!c->known || c->req->header[HEADER_AUTHORIZATION].p || c->route->need != NEED_READ)
        return;
    c->known->is_set = true;
    c->known->generation = access_generation(a);
    c->known->caller = c->caller;
    c->known->reads = access_may(a, &c->caller, RIGHT_READ, STR_NONE, NULL) == 0;
}

static int identify(struct call *c, struct err *e)
{
    struct registry *r = c->api->registry;
    int64_t now = loop_wall_s(c->api->loop);
    if (recall(c))
        return 0;
    if (c->known) { /* also of who is refused */
        c->req->log_principal = c->known->name;
        c->req->log_node = c->known->node;
    }
    if (c->refusal && c->refusal->kind != ERR_FORBIDDEN) {
        *e = *c->refusal; /* not known whether anybody: no token makes up for that */
        return -1;
    }
    struct access_peer peer = { c->peer, c->refusal ? c->refusal->text : NULL };
    if (access_identify(r->access, &c->door->access, &peer, c->req->header[HEADER_AUTHORIZATION],
            now, &c->caller, e) < 0)
        return -1;
    /* A read is decided at once; all else may outlive the connection. */
    if (c->route->need != NEED_READ)
        c->caller = caller_keep(c->req->arena, &c->caller);
    note_caller(c);
    remember(c);
    if (c->caller.token != 0)
        tally_token(r->tally, c->caller.token, now);
    return 0;
}

static void refuse(struct call *c, const struct err *e, unsigned status)
{
    bool json = c->route ? c->route->shape == SHAPE_JSON : str_starts(c->req->path, STR("/api/"));
    struct buf allow AUTO_BUF = BUF_INIT(128);
    if (status == 405)
        route_methods(c->req->path, &allow);
    struct problem p = { json ? SHAPE_JSON : SHAPE_TEXT, status, str_from(e->text), c->req->id,
        buf_str(&allow) };
    struct answer *a AUTO_ANSWER = problem_answer(c->api, &p);
    request_reply(c->req, a);
}

static bool is_refused(struct call *c, struct err *e)
{
    if (c->route->need == NEED_NOTHING)
        return identify(c, e) < 0 && !is_health(c->route);
    return identify(c, e) < 0 || check_origin(c, e) < 0 || check_need(c, e) < 0;
}

/* Nothing is begun for somebody who left while they were looked up; at shutdown the loop that would
 * carry it on has ended. */
static void proceed(struct call *c)
{
    struct err e = ERR_INIT;
    if (request_gone(c->req))
        (void)err_set(&e, ERR_BUSY, "the client went away");
    if (e.kind != ERR_NONE || is_refused(c, &e))
        problem_reply(c, &e);
    else
        c->route->run(c);
}

static bool is_change(const struct route *r)
{
    return r->need != NEED_READ && r->need != NEED_NOTHING;
}

/* Funnel hands us the whole internet; tailscaled marks what came that way (since 1.72). */
static int check_funnel(const struct call *c, struct err *e)
{
    if (c->req->header[HEADER_TAILSCALE_FUNNEL_REQUEST].p == NULL)
        return 0;
    return err_set(e, ERR_FORBIDDEN,
        "this registry serves no one by way of Funnel; come from a node of the tailnet");
}

/* Only what serves somebody asks who they are: health must answer while the tailnet is away. */
static void find_peer(struct call *c)
{
    struct err e = ERR_INIT;
    switch (is_health(c->route) ? LISTEN_NO_IDENTITY : c->door->access.identity) {
    case LISTEN_NO_IDENTITY:
        proceed(c);
        break;
    case LISTEN_HEADER:
        trusted_identify(c, proceed);
        break;
    case LISTEN_TAILSCALE:
        if (check_funnel(c, &e) < 0)
            problem_reply(c, &e);
        else
            session_identify(c, is_change(c->route) || c->route->run == api_me, proceed);
        break;
    }
}

/* While the node is not up its names are not known either. */
static bool is_waiting(const struct call *c, struct err *e)
{
    return c->door->access.identity == LISTEN_TAILSCALE && !is_health(c->route) &&
           !api_tailnet_node(c->api, e);
}

static void on_request(void *ctx, struct request *req)
{
    struct call *c = ARENA_NEW(req->arena, struct call);
    struct err e = ERR_INIT;
    c->api = ctx;
    c->req = req;
    c->door = req->listener;
    if (find_route(c, &e) < 0)
        refuse(c, &e, e.kind == ERR_NOT_FOUND ? 404 : 405);
    else if (is_waiting(c, &e))
        problem_reply(c, &e);
    else if (!is_health(c->route) && check_host(c, &e) < 0)
        refuse(c, &e, 421);
    else
        find_peer(c);
}

static void on_done(void *ctx, const struct request *req, const struct http_result *r)
{
    struct api *a = ctx;
    if (a->registry->config->log_access)
        access_log_line(a, req, r);
}

static struct answer *make_error(
    void *ctx, const struct request *req, unsigned status, const char *text)
{
    bool json = req && str_starts(req->path, STR("/api/"));
    struct problem p = { .shape = json ? SHAPE_JSON : SHAPE_TEXT,
        .status = status,
        .text = str_from(text),
        .request_id = req ? req->id : 0 };
    return problem_answer(ctx, &p);
}

struct http_handler api_handler(struct api *a)
{
    return (struct http_handler){ .ctx = a,
        .on_request = on_request,
        .on_done = on_done,
        .make_error = make_error,
        .peer_gone = session_gone };
}

const struct answer_field safe_fields[N_SAFE_FIELDS] = {
    { { "x-content-type-options", 22 }, { "nosniff", 7 } },
    { { "content-security-policy", 23 }, { "default-src 'none'; frame-ancestors 'none'", 42 } },
    { { "referrer-policy", 15 }, { "no-referrer", 11 } },
};

void reply_json(struct call *c, struct str body)
{
    struct answer_spec spec = {
        .status = 200,
        .content_type = STR("application/json"),
        .cache_control = STR("no-store"),
        .body = body,
        .fields = safe_fields,
        .n_fields = N_SAFE_FIELDS,
    };
    struct answer *a AUTO_ANSWER = answer_new(&spec);
    request_reply(c->req, a);
}

void reply_text(struct call *c, unsigned status, const struct buf *body)
{
    struct answer_spec spec = {
        .status = status,
        .content_type = STR("text/plain; charset=utf-8"),
        .cache_control = STR("no-store"),
        .body = buf_str(body),
        .fields = safe_fields,
        .n_fields = N_SAFE_FIELDS,
    };
    struct answer *a AUTO_ANSWER = answer_new(&spec);
    request_reply(c->req, a);
}

bool call_may_read(const struct call *c)
{
    return access_may(c->api->registry->access, &c->caller, RIGHT_READ, STR_NONE, NULL) == 0;
}
