#include "support/temp_registry.h"

#include "base/json.h"
#include "index/index_file.h"
#include "registry/admin.h"
#include "support/forge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#define PATIENCE_MS 60000

static void open_registry(struct temp_registry *t)
{
    static const uint16_t ports[] = { 8000 };
    struct err e = ERR_INIT;
    if (data_dir_open(str_from(t->folder->path), true, &t->folder->dir, &e) < 0 ||
        worker_pool_new(2, 1000, &t->pool, &e) < 0 ||
        registry_open(t->config, t->folder->dir, t->pool, &t->reg, &e) < 0)
        fail_msg("%s", e.text);
    t->reg->own = own_urls_new(t->arena, t->config, STR("http://127.0.0.1:8000"), ports, NULL);
}

static void close_registry(struct temp_registry *t)
{
    temp_registry_settle(t);
    registry_close(t->reg);
    worker_pool_free(t->pool);
    data_dir_close(TAKE(t->folder->dir));
}

struct temp_registry *temp_registry_new(void)
{
    struct temp_registry *t = test_calloc(1, sizeof(*t));
    struct config_sources nothing = { .file = STR("/dev/null") };
    t->folder = temp_folder_new();
    t->arena = arena_new();
    assert_int_equal(config_load(t->arena, &nothing, &t->config, NULL), 0);
    open_registry(t);
    return t;
}

void temp_registry_free(struct temp_registry *t)
{
    close_registry(t);
    temp_store_free(t->folder);
    arena_free(t->arena);
    test_free(t);
}

void temp_registry_reopen(struct temp_registry *t)
{
    close_registry(t);
    open_registry(t);
}

static void collect(struct temp_registry *t, int64_t end)
{
    struct pollfd p = { .fd = worker_fd(t->pool), .events = POLLIN };
    if (clock_mono_ms() > end)
        fail_msg("nothing came back in time");
    (void)poll(&p, 1, 100);
    worker_collect(t->pool);
}

void temp_registry_wait(struct temp_registry *t, const bool *flag)
{
    int64_t end = clock_mono_ms() + PATIENCE_MS;
    while (!*flag)
        collect(t, end);
}

void temp_registry_settle(struct temp_registry *t)
{
    int64_t end = clock_mono_ms() + PATIENCE_MS;
    while (worker_pending(t->pool) + writer_pending(t->reg->writer) > 0)
        collect(t, end);
}

size_t temp_registry_temps(const struct temp_registry *t)
{
    DIR *dir = fdopendir(openat(t->folder->dir->tmp_fd, ".", O_RDONLY | O_DIRECTORY));
    size_t n = 0;
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    return n - 2;
}

/* ---- administration ---- */

struct admin_outcome {
    struct arena *arena;
    bool over;
    struct err err;
    struct str result;
};

static void on_admin(void *ctx, const struct err *e, struct str result)
{
    struct admin_outcome *o = ctx;
    o->over = true;
    o->err = *e;
    o->result = arena_str(o->arena, result);
}

struct str temp_registry_admin(struct temp_registry *t, const char *request, enum err_kind kind)
{
    struct admin_outcome o = { .arena = t->arena };
    admin_run(t->reg, str_from(request), on_admin, &o);
    temp_registry_wait(t, &o.over);
    if (o.err.kind != kind)
        fail_msg("%s: %s", request, o.err.text);
    return o.result;
}

struct caller temp_registry_caller(struct temp_registry *t, const char *name)
{
    struct str request = arena_printf(t->arena, "{\"do\":\"token-new\",\"name\":\"%s\"}", name);
    json_t *j AUTO_JSON = NULL;
    struct caller c;
    struct access_door door = { .anonymous_read = true };
    struct str result = temp_registry_admin(t, request.p, ERR_NONE);
    assert_int_equal(json_read(result, &j, NULL), 0);
    struct str token = json_str(json_object_get(j, "token"));
    assert_int_equal(
        access_identify(t->reg->access, &door, NULL, token, clock_wall_s(), &c, NULL), 0);
    return c;
}

/* ---- publishing ---- */

static void add_part(struct buf *body, struct str part)
{
    for (unsigned i = 0; i < 4; i++)
        buf_add_byte(body, (char)(part.n >> (8 * i)));
    buf_add(body, part);
}

struct str temp_registry_body(struct temp_registry *t, const char *name, const char *vers)
{
    struct buf tar AUTO_BUF = BUF_INIT(1u << 20), gz AUTO_BUF = BUF_INIT(1u << 20),
                   body AUTO_BUF = BUF_INIT(1u << 20);
    struct arena *a = t->arena;
    struct str toml = arena_printf(a, "[package]\nname = \"%s\"\nversion = \"%s\"\n", name, vers);
    struct str json = arena_printf(
        a, "{\"name\":\"%s\",\"vers\":\"%s\",\"deps\":[],\"features\":{}}", name, vers);
    forge_file(&tar, arena_printf(a, "%s-%s/Cargo.toml", name, vers).p, toml);
    forge_file(&tar, arena_printf(a, "%s-%s/src/lib.rs", name, vers).p, STR("pub fn f() {}\n"));
    forge_end(&tar);
    forge_gzip(&gz, buf_str(&tar), &(struct forge_gzip){ .name = NULL });
    add_part(&body, json);
    add_part(&body, buf_str(&gz));
    assert_true(buf_ok(&body));
    return arena_str(a, buf_str(&body));
}

static void on_published(void *ctx, const struct err *e, const struct publish_result *r)
{
    struct publish_outcome *o = ctx;
    assert_false(o->over);
    o->over = true;
    o->err = *e;
    o->n_warnings = r->n_warnings;
}

static void on_pause(void *ctx)
{
    ((struct publish_outcome *)ctx)->n_paused++;
}

static void on_resume(void *ctx)
{
    ((struct publish_outcome *)ctx)->n_resumed++;
}

const struct publish_events temp_registry_events = { on_published, on_pause, on_resume };

struct err temp_registry_publish(
    struct temp_registry *t, const struct caller *c, const char *name, const char *vers)
{
    struct publish_outcome o = { .over = false };
    struct str body = temp_registry_body(t, name, vers);
    struct publish *p = publish_begin(t->reg, c, body.n, &temp_registry_events, &o);
    publish_feed(p, body);
    if (!o.over)
        publish_end(p);
    temp_registry_wait(t, &o.over);
    return o.err;
}

struct str temp_registry_lines(struct temp_registry *t, const char *lower_name)
{
    struct answer *a = sparse_find(t->reg->sparse, str_from(lower_name));
    struct answer *plain AUTO_ANSWER = NULL;
    if (!a)
        return STR_NONE;
    if (!index_file_is_packed(a))
        return answer_body(a);
    assert_int_equal(index_file_unpack(a, &plain, NULL), 0);
    return arena_str(t->arena, answer_body(plain));
}
