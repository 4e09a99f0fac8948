/* GET /api/v1/crates?q=…&per_page=…&page=… */
#include "api/internal.h"
#include "base/mem.h"
#include "base/num.h"
#include "http/url.h"
#include "registry/lookup.h"

#define PER_PAGE_DEFAULT 10
#define PAGE_MAX 200 /* as crates.io */
#define QUERY_MAX 1024
#define DESCRIPTION_SHOWN 1000 /* bytes; crates.io takes no longer one */

struct search_job {
    struct worker_job job;
    struct call *call;
    struct str q;
    uint32_t per_page, page;
    struct lookup_page found;
    struct buf body;
    struct err err;
};

static void put_hit(struct json_out *j, const struct lookup_hit *h)
{
    json_object_begin(j);
    json_key(j, STR("id"));
    json_put_str(j, h->name);
    json_key(j, STR("name"));
    json_put_str(j, h->name);
    json_key(j, STR("max_version"));
    json_put_str(j, h->max_version);
    json_key(j, STR("description"));
    json_put_str_or_null(j, utf8_clip(h->description, DESCRIPTION_SHOWN));
    json_key(j, STR("downloads"));
    json_put_int(j, h->downloads);
    json_key(j, STR("created_at"));
    json_put_time(j, h->created);
    json_key(j, STR("updated_at"));
    json_put_time(j, h->updated);
    json_object_end(j);
}

static void write_page(struct search_job *s)
{
    struct json_out j = JSON_OUT(&s->body);
    json_object_begin(&j);
    json_key(&j, STR("crates"));
    json_array_begin(&j);
    for (size_t i = 0; i < s->found.n; i++)
        put_hit(&j, &s->found.hits[i]);
    json_array_end(&j);
    json_key(&j, STR("meta"));
    json_object_begin(&j);
    json_key(&j, STR("total"));
    json_put_int(&j, (int64_t)s->found.total);
    json_object_end(&j);
    json_object_end(&j);
}

static void run(struct worker_job *job)
{
    struct search_job *s = CONTAINER_OF(job, struct search_job, job);
    struct arena *a AUTO_ARENA = arena_new();
    if (lookup_search(s->call->api->registry, a, s->q, s->per_page, s->page, &s->found, &s->err) ==
        0)
        write_page(s);
}

static void done(struct worker_job *job)
{
    struct search_job *s = CONTAINER_OF(job, struct search_job, job);
    if (s->err.kind == ERR_NONE)
        reply_json(s->call, buf_str(&s->body));
    else
        problem_reply(s->call, &s->err);
    buf_deinit(&s->body);
    free(s);
}

static int get_number(
    struct call *c, struct str key, uint32_t fallback, uint32_t max, uint32_t *ret, struct err *e)
{
    struct str text;
    int found = url_query_get(c->req->arena, c->req->query, key, &text, e);
    *ret = fallback;
    if (found <= 0)
        return found;
    if (!num_parse_u32(text, ret) || *ret < 1 || *ret > max)
        return err_set(
            e, ERR_INVALID, "%" STR_FMT " must be a number from 1 to %u", STR_ARG(key), max);
    return 0;
}

static int read_query(struct search_job *s, struct err *e)
{
    struct call *c = s->call;
    int found = url_query_get(c->req->arena, c->req->query, STR("q"), &s->q, e);
    if (found < 0 ||
        get_number(c, STR("per_page"), PER_PAGE_DEFAULT, LOOKUP_PER_PAGE_MAX, &s->per_page, e) <
            0 ||
        get_number(c, STR("page"), 1, PAGE_MAX, &s->page, e) < 0)
        return -1;
    if (found == 0)
        s->q = STR_NONE;
    if (s->q.n > QUERY_MAX || !utf8_valid(s->q))
        return err_set(e, ERR_INVALID, "a search has at most %d bytes of UTF-8", QUERY_MAX);
    return 0;
}

void api_search(struct call *c)
{
    struct search_job *s = MEM_NEW(struct search_job);
    s->job.run = run;
    s->job.done = done;
    s->call = c;
    s->body = BUF_INIT(16u << 20);
    if (read_query(s, &s->err) < 0 || worker_submit(c->api->registry->pool, &s->job, &s->err) < 0)
        done(&s->job);
}
