#include "cli/admin_call.h"

#include "base/json.h"
#include "cli/http_get.h"
#include "registry/admin.h"
#include "store/db.h"

#include <stdio.h>

/* The server's answer: its result, or its refusal in our words. */
static int read_reply(const struct http_reply *r, json_t **ret_result, struct err *e)
{
    json_t *j AUTO_JSON = NULL;
    if (json_read(buf_str(&r->body), &j, e) < 0)
        return err_set(e, ERR_IO,
            "the server's answer cannot be read; are it and this command of the same version?");
    if (r->status == 200) {
        *ret_result = TAKE(j);
        return 0;
    }
    struct str text =
        json_str(json_object_get(json_array_get(json_object_get(j, "errors"), 0), "detail"));
    if (text.n == 0)
        return err_set(e, ERR_IO, "the server answered %u and did not say why", r->status);
    return err_set(e, r->status == 400 ? ERR_USAGE : ERR_CONFLICT, "%" STR_FMT, STR_ARG(text));
}

static int call_folder(
    struct data_dir *data, struct str request, struct buf *out, struct arena *a, struct err *e)
{
    struct db *d AUTO_DB = NULL;
    struct admin_effect effect;
    if (db_open_writer(data, &d, e) < 0 || db_begin(d, e) < 0)
        return -1;
    int rc = admin_apply(d, a, request, out, &effect, e);
    buf_deinit(&effect.events);
    if (rc < 0) {
        db_rollback(d);
        return -1;
    }
    return db_commit(d, e);
}

int admin_call(struct cli *c, struct str request, json_t **ret_result, struct err *e)
{
    struct config *config;
    if (cli_load_config(c, &config, e) < 0)
        return -1;
    struct str socket =
        arena_printf(c->arena, "%" STR_FMT "/run/admin.sock", STR_ARG(config->data));
    struct http_reply reply AUTO(http_reply_deinit) = { .body = BUF_INIT(ADMIN_RESULT_MAX) };
    struct http_ask ask = { .unix_path = socket,
        .method = "POST",
        .path = STR("/admin"),
        .host = STR("admin"),
        .body = request };
    int rc = http_ask(&ask, &reply, e);
    if (rc == 0)
        return read_reply(&reply, ret_result, e);
    if (e->kind != ERR_NOT_FOUND)
        return -1;

    /* No server runs: the folder is ours to open, which its lock makes sure of. */
    struct data_dir *data;
    err_clear(e);
    if (data_dir_open(config->data, false, &data, e) < 0)
        return -1;
    rc = call_folder(data, request, &reply.body, c->arena, e);
    data_dir_close(data);
    if (rc < 0)
        return -1;
    return json_read(buf_str(&reply.body), ret_result, e);
}
