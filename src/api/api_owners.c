/* GET, PUT and DELETE …/owners */
#include "api/internal.h"
#include "base/json.h"
#include "crate/name.h"
#include "registry/owners.h"

#define OWNERS_BODY_MAX (16u << 10)
#define OWNER_BYTES_MAX 1024 /* of one in a list */

void api_owners_list(struct call *c)
{
    const struct access *a = c->api->registry->access;
    struct str canonical = crate_name_canonical(c->req->arena, c->params[0]);
    if (!access_has_crate(a, canonical)) {
        struct err e = ERR_INIT;
        struct str shown = utf8_clip(c->params[0], 100);
        (void)err_set(&e, ERR_NOT_FOUND, "there is no crate `%" STR_FMT "` here", STR_ARG(shown));
        problem_reply(c, &e);
        return;
    }
    size_t n;
    const uint32_t *owners = access_owners(a, canonical, &n);
    struct buf b AUTO_BUF = BUF_INIT(1024 + n * OWNER_BYTES_MAX);
    struct json_out j = JSON_OUT(&b);
    json_object_begin(&j);
    json_key(&j, STR("users"));
    json_array_begin(&j);
    for (size_t i = 0; i < n; i++) {
        json_object_begin(&j);
        json_key(&j, STR("id"));
        json_put_int(&j, owners[i]);
        json_key(&j, STR("login"));
        json_put_str(&j, access_principal_key(a, owners[i]));
        json_key(&j, STR("name"));
        json_put_null(&j);
        json_object_end(&j);
    }
    json_array_end(&j);
    json_object_end(&j);
    reply_json(c, buf_str(&b));
}

struct change_call {
    struct call *call;
    struct owners_request q;
};

static void on_changed(void *ctx, const struct err *e)
{
    struct change_call *k = ctx;
    if (e->kind != ERR_NONE) {
        problem_reply(k->call, e);
        return;
    }
    struct buf msg AUTO_BUF = BUF_INIT(8192), b AUTO_BUF = BUF_INIT(16384);
    struct json_out j = JSON_OUT(&b);
    for (size_t i = 0; i < k->q.n; i++)
        buf_addf(&msg, "%s%" STR_FMT, i ? ", " : "", STR_ARG(k->q.keys[i]));
    buf_addf(
        &msg, k->q.add ? " now owns %" STR_FMT : " no longer owns %" STR_FMT, STR_ARG(k->q.name));
    json_object_begin(&j);
    json_key(&j, STR("ok"));
    json_put_bool(&j, true);
    json_key(&j, STR("msg"));
    json_put_str(&j, buf_str(&msg));
    json_object_end(&j);
    reply_json(k->call, buf_str(&b));
}

/* {"users":["local:bob"]}; crates.io takes "owners" as well. */
static int read_users(struct arena *a, struct str body, struct owners_request *q, struct err *e)
{
    json_t *j AUTO_JSON = NULL;
    if (json_read(body, &j, e) < 0)
        return -1;
    const json_t *list = json_object_get(j, "users");
    if (!list)
        list = json_object_get(j, "owners");
    size_t n = json_array_size(list), i;
    if (n == 0 || n > OWNERS_PER_REQUEST_MAX)
        return err_set(e, ERR_INVALID,
            "name 1 to %d owners in \"users\", such as {\"users\":[\"local:anna\"]}",
            OWNERS_PER_REQUEST_MAX);
    struct str *keys = arena_array(a, n, sizeof(struct str));
    for (i = 0; i < n; i++) {
        struct str key = json_str(json_array_get(list, i));
        if (key.n == 0 || key.n > 200)
            return err_set(
                e, ERR_INVALID, "an owner is a name of 1 to 200 bytes, such as local:anna");
        keys[i] = arena_str(a, key);
    }
    q->keys = keys;
    q->n = n;
    return 0;
}

static void change(struct call *c, struct str body, bool add)
{
    struct err e = ERR_INIT;
    struct change_call *k = ARENA_NEW(c->req->arena, struct change_call);
    k->call = c;
    k->q = (struct owners_request){ .name = c->params[0], .add = add };
    if (read_users(c->req->arena, body, &k->q, &e) < 0)
        problem_reply(c, &e);
    else
        owners_change(c->api->registry, &c->caller, &k->q, on_changed, k);
}

static void add(struct call *c, struct str body)
{
    change(c, body, true);
}

static void drop(struct call *c, struct str body)
{
    change(c, body, false);
}

void api_owners_add(struct call *c)
{
    body_collect(c, OWNERS_BODY_MAX, add);
}

void api_owners_remove(struct call *c)
{
    body_collect(c, OWNERS_BODY_MAX, drop);
}
