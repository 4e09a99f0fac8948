/* audit: the event log, a page at a time, so that a long one is neither held in memory here nor
 * made in one piece by the server. */
#include "base/clock.h"
#include "base/json.h"
#include "cli/admin_call.h"
#include "cli/print.h"
#include "cli/since.h"
#include "registry/audit.h"

#include <stdio.h>

#define REQUEST_MAX (16u << 10)
#define LINE_MAX_BYTES (4u << 20)

struct query {
    struct str by, crate;
    int64_t since, after;
};

static int read_query(const struct cli *c, struct query *q, struct err *e)
{
    struct str since = args_get(&c->args, "since");
    *q = (struct query){ .by = args_get(&c->args, "by"), .crate = args_get(&c->args, "crate") };
    if (since.p && !since_parse(since, clock_wall_s(), &q->since))
        return err_set(e, ERR_USAGE,
            "--since needs a day such as 2026-03-01, a time such as 2026-03-01T12:00:00Z, or an "
            "age such as 7d, 24h or 30m");
    if ((q->by.p && q->by.n == 0) || !utf8_valid(q->by))
        return err_set(e, ERR_USAGE, "--by needs a principal, or a node's name or address");
    if ((q->crate.p && q->crate.n == 0) || !utf8_valid(q->crate))
        return err_set(e, ERR_USAGE, "--crate needs the name of a crate");
    return 0;
}

static void write_request(const struct query *q, struct buf *b)
{
    struct json_out j = JSON_OUT(b);
    json_object_begin(&j);
    json_key(&j, STR("do"));
    json_put_str(&j, STR("audit"));
    json_key(&j, STR("after"));
    json_put_int(&j, q->after);
    json_key(&j, STR("since"));
    json_put_int(&j, q->since);
    if (q->by.p) {
        json_key(&j, STR("by"));
        json_put_str(&j, q->by);
    }
    if (q->crate.p) {
        json_key(&j, STR("crate"));
        json_put_str(&j, q->crate);
    }
    json_object_end(&j);
}

/* The bytes that the log holds and hashes: written as they were the first time, members in their
 * order (jansson keeps it; base/json.h bounds the depth). There are no fractions in events. */
static void put_value(struct json_out *j, json_t *v)
{
    size_t i;
    const char *key;
    json_t *member;
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        json_object_begin(j);
        json_object_foreach(v, key, member)
        {
            json_key(j, str_from(key));
            put_value(j, member);
        }
        json_object_end(j);
        break;
    case JSON_ARRAY:
        json_array_begin(j);
        json_array_foreach(v, i, member) put_value(j, member);
        json_array_end(j);
        break;
    case JSON_STRING:
        json_put_str(j, json_str(v));
        break;
    case JSON_INTEGER:
        json_put_int(j, json_integer_value(v));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        json_put_bool(j, json_is_true(v));
        break;
    case JSON_REAL:
    case JSON_NULL:
        json_put_null(j);
        break;
    }
}

static int print_event(json_t *event, bool json, struct err *e)
{
    struct buf body AUTO_BUF = BUF_INIT(LINE_MAX_BYTES);
    struct buf line AUTO_BUF = BUF_INIT(LINE_MAX_BYTES);
    struct buf clean AUTO_BUF = BUF_INIT(LINE_MAX_BYTES);
    struct json_out j = JSON_OUT(&body);
    put_value(&j, event);
    if (!json && audit_line(buf_str(&body), &line, e) < 0)
        return -1;
    print_clean(&clean, str_trim(buf_str(&line), STR("\n")));
    printf("%" STR_FMT "\n", STR_ARG(buf_str(json ? &body : &clean)));
    return 0;
}

/* 1: there may be more behind q->after. */
static int print_page(struct cli *c, struct query *q, struct err *e)
{
    struct buf request AUTO_BUF = BUF_INIT(REQUEST_MAX);
    json_t *result AUTO_JSON = NULL;
    bool json = args_has(&c->args, "json");
    size_t i;
    json_t *event;
    write_request(q, &request);
    if (!buf_ok(&request))
        return err_set(e, ERR_USAGE, "--by or --crate is too long");
    if (admin_call(c, buf_str(&request), &result, e) < 0)
        return -1;
    const json_t *events = json_object_get(result, "events");
    json_array_foreach(events, i, event)
    {
        if (print_event(event, json, e) < 0)
            return -1;
        q->after = json_integer_value(json_object_get(event, "number"));
    }
    /* An empty page ends it whatever it says: there is nothing to go on after. */
    return i > 0 && json_is_true(json_object_get(result, "more")) && !ferror(stdout);
}

int cmd_audit(struct cli *c, struct err *e)
{
    struct query q;
    int more = read_query(c, &q, e);
    if (more < 0)
        return -1;
    do
        more = print_page(c, &q, e);
    while (more > 0);
    return more;
}
