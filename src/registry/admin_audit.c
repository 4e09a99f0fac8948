#include "registry/admin_private.h"

#include "crate/name.h"

#define PAGE 1000 /* the writer waits meanwhile */

struct page {
    struct json_out *out;
    uint32_t n;
};

static int put_event(void *ctx, int64_t number, struct str body, struct err *e)
{
    struct page *p = ctx;
    (void)number;
    (void)e;
    if (p->n++ < PAGE)
        json_put_raw(p->out, body);
    return 0;
}

int admin_audit(struct admin_call *c, struct err *e)
{
    struct page p = { .out = &c->out };
    struct str crate = admin_text(c, "crate");
    struct event_query q = {
        .after = json_integer_value(json_object_get(c->request, "after")),
        .since = json_integer_value(json_object_get(c->request, "since")),
        .by = admin_text(c, "by"),
        .crate = crate.n > 0 ? crate_name_canonical(c->arena, crate) : STR_NONE,
        .limit = PAGE + 1,
    };
    json_object_begin(&c->out);
    json_key(&c->out, STR("events"));
    json_array_begin(&c->out);
    if (meta_each_event(c->db, &q, put_event, &p, e) < 0)
        return -1;
    json_array_end(&c->out);
    json_key(&c->out, STR("more"));
    json_put_bool(&c->out, p.n > PAGE);
    json_object_end(&c->out);
    return 0;
}
