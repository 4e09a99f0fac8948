/* GET /me and the two forms on it. A token is made and revoked without an Authorization header: the
 * network says who it is, Origin that our page sent it, and the key that it was shown to them. */
#include "api/form.h"
#include "api/me.h"
#include "base/num.h"
#include "registry/own_tokens.h"

#define PAGE_MAX_BYTES (256u << 10)

struct me_call {
    struct me me;
    struct call *call;
};

static bool wants_html(const struct request *req)
{
    return str_find_str(req->header[HEADER_ACCEPT], STR("text/html")) != STR_NPOS;
}

static void reply_html(struct call *c, unsigned status, const struct buf *body)
{
    const struct answer_field fields[] = {
        { STR("x-content-type-options"), STR("nosniff") },
        { STR("content-security-policy"), str_from(ME_POLICY) },
        /* With no-referrer Chromium sends "Origin: null" along with our own form. */
        { STR("referrer-policy"), STR("same-origin") },
        { STR("vary"), STR("accept") },
    };
    struct answer_spec spec = {
        .status = status,
        .content_type = STR("text/html; charset=utf-8"),
        .cache_control = STR("no-store"),
        .body = buf_str(body),
        .fields = fields,
        .n_fields = ARRAY_LEN(fields),
    };
    struct answer *a AUTO_ANSWER = answer_new(&spec);
    request_reply(c->req, a);
}

static void show(struct me_call *m)
{
    struct buf b AUTO_BUF = BUF_INIT(PAGE_MAX_BYTES);
    if (wants_html(m->call->req)) {
        me_html(&m->me, &b);
        reply_html(m->call, 200, &b);
    } else {
        me_text(&m->me, &b);
        reply_text(m->call, 200, &b);
    }
    secret_wipe(b.p, b.n);
}

static void on_tokens(void *ctx, const struct err *e, const struct token_row *rows, size_t n)
{
    struct me_call *m = ctx;
    if (e->kind != ERR_NONE) {
        problem_reply(m->call, e);
        return;
    }
    m->me.tokens = rows;
    m->me.n_tokens = n;
    show(m);
}

/* Tokens are for people whom the network names; a tagged node has none of its own. */
static bool may_have_tokens(const struct call *c)
{
    return c->peer && c->caller.token == 0 && c->caller.kind == CALLER_PRINCIPAL &&
           c->peer->kind != IDENTITY_TAGGED && c->peer->kind != IDENTITY_SELF;
}

/* Where every change needs a token besides the identity, the identity alone must not make one: any
 * program of that person's could. */
static int check_may_make(const struct call *c, struct err *e)
{
    if (!call_may_read(c))
        return err_set(e, ERR_FORBIDDEN,
            "%" STR_FMT " may do nothing here, so a token could not either; ask an admin for a "
            "grant",
            STR_ARG(access_caller_name(c->api->registry->access, &c->caller)));
    if (!c->api->registry->config->changes_need_token)
        return 0;
    return err_set(e, ERR_FORBIDDEN,
        "on this registry (access.changes_need_token) an admin makes the tokens: `superguppy token "
        "new %" STR_FMT "`",
        STR_ARG(access_caller_name(c->api->registry->access, &c->caller)));
}

static struct me_call *me_new(struct call *c)
{
    struct me_call *m = ARENA_NEW(c->req->arena, struct me_call);
    m->call = c;
    m->me.call = c;
    m->me.may_have_tokens = may_have_tokens(c);
    m->me.may_make_tokens = m->me.may_have_tokens && check_may_make(c, NULL) == 0;
    return m;
}

/* The peer that a handler keeps while it waits is the caller's copy. */
void api_me(struct call *c)
{
    struct me_call *m = me_new(c);
    c->peer = c->caller.peer;
    if (m->me.may_have_tokens)
        own_tokens_list(c->api->registry, &c->caller, on_tokens, m);
    else
        show(m);
}

/* ---- making ---- */

static void on_made(void *ctx, const struct err *e, struct str token, int64_t id)
{
    struct me_call *m = ctx;
    (void)id;
    if (e->kind != ERR_NONE) {
        problem_reply(m->call, e);
        return;
    }
    m->me.made = token;
    m->me.may_have_tokens = m->me.may_make_tokens = false; /* one thing a page */
    show(m);
}

static int read_request(
    struct call *c, const struct form *f, struct own_token_request *q, struct err *e)
{
    uint32_t days;
    if (form_check_key(c, "token-new", form_get(f, "key"), e) < 0 || check_may_make(c, e) < 0)
        return -1;
    if (!num_parse_u32(form_get(f, "days"), &days))
        return err_set(e, ERR_INVALID, "days is a number from 1 to 90");
    *q = (struct own_token_request){
        .name = form_get(f, "name"),
        .crates = form_get(f, "crates"),
        .from = form_get(f, "from"),
        .scopes = SCOPE(RIGHT_READ),
        .days = days,
    };
    for (size_t i = 0; i < f->n; i++) {
        enum right right;
        if (!str_eq(f->fields[i].name, STR("scope")))
            continue;
        if (!right_from_name(f->fields[i].value, &right))
            return err_set(e, ERR_INVALID, "there is no such scope");
        q->scopes |= SCOPE(right);
    }
    return 0;
}

static void on_new_form(struct call *c, struct str body)
{
    struct form *f = ARENA_NEW(c->req->arena, struct form);
    struct own_token_request q;
    struct err e = ERR_INIT;
    c->peer = c->caller.peer;
    if (form_parse(c->req->arena, body, f, &e) < 0 || read_request(c, f, &q, &e) < 0)
        problem_reply(c, &e);
    else
        own_token_new(c->api->registry, &c->caller, &q, on_made, me_new(c));
}

void api_me_token_new(struct call *c)
{
    body_collect(c, FORM_MAX, on_new_form);
}

/* ---- revoking ---- */

static void on_revoked(void *ctx, const struct err *e)
{
    struct call *c = ctx;
    const struct answer_field back = { STR("location"), STR("/me") };
    if (e->kind != ERR_NONE) {
        problem_reply(c, e);
        return;
    }
    struct answer_spec spec = {
        .status = 303, .cache_control = STR("no-store"), .fields = &back, .n_fields = 1
    };
    struct answer *a AUTO_ANSWER = answer_new(&spec);
    request_reply(c->req, a);
}

static void on_revoke_form(struct call *c, struct str body)
{
    struct form *f = ARENA_NEW(c->req->arena, struct form);
    struct err e = ERR_INIT;
    uint32_t id;
    if (form_parse(c->req->arena, body, f, &e) < 0 ||
        form_check_key(c, "token-revoke", form_get(f, "key"), &e) < 0) {
        problem_reply(c, &e);
    } else if (!num_parse_u32(c->params[0], &id)) {
        (void)err_set(&e, ERR_NOT_FOUND, "there is no such token");
        problem_reply(c, &e);
    } else {
        own_token_revoke(c->api->registry, &c->caller, id, on_revoked, c);
    }
}

void api_me_token_revoke(struct call *c)
{
    body_collect(c, FORM_MAX, on_revoke_form);
}
