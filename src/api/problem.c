/* Errors to answers. */
#include "api/internal.h"
#include "base/log.h"

#include <string.h>

static const unsigned STATUS[ERR_KINDS] = {
    [ERR_INVALID] = 400,
    [ERR_UNAUTHORIZED] = 401,
    [ERR_FORBIDDEN] = 403,
    [ERR_NOT_FOUND] = 404,
    [ERR_CONFLICT] = 409,
    [ERR_TOO_LARGE] = 413,
    [ERR_TIMEOUT] = 408,
    [ERR_BUSY] = 503,
    [ERR_FULL] = 507,
    [ERR_IO] = 500,
    [ERR_CORRUPT] = 500,
    [ERR_USAGE] = 400,
    [ERR_UNSUPPORTED] = 501,
};

unsigned problem_status(enum err_kind kind)
{
    unsigned status = kind < ERR_KINDS ? STATUS[kind] : 0;
    return status ? status : 500;
}

static void write_body(struct buf *b, enum error_shape shape, struct str text)
{
    if (shape == SHAPE_TEXT) {
        buf_addf(b, "%" STR_FMT "\n", STR_ARG(text));
        return;
    }
    struct json_out j = JSON_OUT(b);
    json_object_begin(&j);
    json_key(&j, STR("errors"));
    json_array_begin(&j);
    json_object_begin(&j);
    json_key(&j, STR("detail"));
    json_put_str(&j, text);
    json_object_end(&j);
    json_array_end(&j);
    json_object_end(&j);
}

struct answer *problem_answer(const struct api *a, const struct problem *p)
{
    struct buf body AUTO_BUF = BUF_INIT(8192), challenge AUTO_BUF = BUF_INIT(1024),
                    id AUTO_BUF = BUF_INIT(64);
    struct answer_field fields[N_SAFE_FIELDS + 3];
    size_t n = N_SAFE_FIELDS;
    memcpy(fields, safe_fields, sizeof(safe_fields));
    write_body(&body, p->shape, p->text);
    if (p->allow.n > 0)
        fields[n++] = (struct answer_field){ STR("allow"), p->allow };
    if (p->status == 401) {
        buf_addf(&challenge, "Cargo login_url=\"%" STR_FMT "/me\"", STR_ARG(a->site.base_url));
        fields[n++] = (struct answer_field){ STR("www-authenticate"), buf_str(&challenge) };
    }
    if (p->status == 503)
        fields[n++] = (struct answer_field){ STR("retry-after"), STR("1") };
    /* cargo prints this one of all headers (cargo 1.95, errors.rs), so a person can quote it. */
    buf_add_u64(&id, p->request_id);
    fields[n++] = (struct answer_field){ STR("x-amz-request-id"), buf_str(&id) };
    struct answer_spec spec = {
        .status = p->status,
        .content_type =
            p->shape == SHAPE_JSON ? STR("application/json") : STR("text/plain; charset=utf-8"),
        .cache_control = STR("no-store"),
        .body = buf_str(&body),
        .fields = fields,
        .n_fields = n,
    };
    return answer_new(&spec);
}

static void log_problem(const struct call *c, unsigned status, const struct err *e)
{
    /* A client that went away is no failure of ours; what the system refused has a cause. */
    if (status < 500 || (request_gone(c->req) && e->cause[0] == '\0'))
        return;
    struct log_line l;
    log_begin(&l, status == 503 ? LOG_WARN : LOG_ERROR, "request_failed");
    log_u64(&l, "id", c->req->id);
    log_str(&l, "route", c->route ? str_from(c->route->path) : STR_NONE);
    log_err(&l, e);
    log_end(&l);
}

/* On the web API cargo expects 403 for a token that is no good and 401 for none; the challenge of
 * the index stays with every 401. Where no token could help, a 401 would only hide the sentence:
 * cargo prints that of a 403 word for word. */
static unsigned status_for(const struct call *c, const struct err *e)
{
    struct str token;
    bool sent = credential_read(c->req->header[HEADER_AUTHORIZATION], &token) != CREDENTIAL_NONE;
    bool api = c->route && c->route->shape == SHAPE_JSON;
    unsigned status = problem_status(e->kind);
    if (status == 401 && ((api && sent) || !access_door_takes_tokens(&c->door->access)))
        return 403;
    return status;
}

void problem_reply(struct call *c, const struct err *e)
{
    unsigned status = status_for(c, e);
    struct problem p = { .shape = c->route ? c->route->shape : SHAPE_TEXT,
        .status = status,
        .text = str_from(e->text),
        .request_id = c->req->id };
    log_problem(c, status, e);
    struct answer *a AUTO_ANSWER = problem_answer(c->api, &p);
    request_reply(c->req, a);
}
