/* The event log as a hash chain: whoever knows a later hash can tell that no earlier event was
 * changed, left out or put in. The number stands in the hashed body too, so rows cannot swap. */
#include "store/meta.h"

#include "base/json_write.h"
#include "store/meta_row.h"

#include <stdio.h>
#include <string.h>

#define BODY_MAX (1u << 20)

struct link {
    int64_t number;
    uint8_t hash[SHA256_LEN];
};

static void chain(const uint8_t before[SHA256_LEN], struct str body, uint8_t ret[SHA256_LEN])
{
    struct sha256 *h = sha256_new();
    sha256_add(h, (struct str){ (const char *)before, SHA256_LEN });
    sha256_add(h, body);
    sha256_end(h, ret);
    sha256_free(h);
}

static int read_last(struct db *d, struct link *ret, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "SELECT number, hash FROM event ORDER BY number DESC LIMIT 1", &s, e) < 0)
        return -1;
    int rc = db_step(s, e);
    if (rc < 0)
        return -1;
    *ret = (struct link){ .number = 0 };
    if (rc == 0)
        return 0;
    struct str hash = db_blob(s, 1);
    if (hash.n != SHA256_LEN)
        return err_set(e, ERR_CORRUPT, "the last event has no hash");
    ret->number = db_int(s, 0);
    memcpy(ret->hash, hash.p, SHA256_LEN);
    return 0;
}

static void put(struct json_out *j, const char *key, struct str value)
{
    if (!value.p)
        return;
    json_key(j, str_from(key));
    json_put_str(j, value);
}

static void put_tags(struct json_out *j, const struct event *ev)
{
    if (ev->n_tags == 0)
        return;
    json_key(j, STR("tags"));
    json_array_begin(j);
    for (size_t i = 0; i < ev->n_tags; i++)
        json_put_str(j, ev->tags[i]);
    json_array_end(j);
}

static void write_body(struct buf *out, const struct event *ev, int64_t number)
{
    struct json_out j = JSON_OUT(out);
    json_object_begin(&j);
    json_key(&j, STR("number"));
    json_put_int(&j, number);
    json_key(&j, STR("time"));
    json_put_int(&j, ev->time);
    put(&j, "principal", ev->principal);
    put(&j, "node", ev->node);
    put(&j, "node_id", ev->node_id);
    put(&j, "address", ev->address);
    put_tags(&j, ev);
    if (ev->token) {
        json_key(&j, STR("token"));
        json_put_int(&j, ev->token);
    }
    put(&j, "grant", ev->grant);
    put(&j, "what", ev->what);
    put(&j, "crate", ev->crate);
    put(&j, "version", ev->version);
    if (ev->detail.p) {
        json_key(&j, STR("detail"));
        json_put_raw(&j, ev->detail);
    }
    json_object_end(&j);
}

static int insert(
    struct db *d, int64_t number, struct str body, const uint8_t hash[SHA256_LEN], struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    if (db_prepare(d, "INSERT INTO event (number, body, hash) VALUES (?1, ?2, ?3)", &s, e) < 0)
        return -1;
    db_bind_int(s, 1, number);
    db_bind_str(s, 2, body);
    db_bind_blob(s, 3, (struct str){ (const char *)hash, SHA256_LEN });
    return db_run(s, e);
}

int meta_event_add(struct db *d, const struct event *ev, struct buf *ret_body, struct err *e)
{
    struct link last;
    if (read_last(d, &last, e) < 0)
        return -1;
    AUTO_BUF struct buf body = BUF_INIT(BODY_MAX);
    write_body(&body, ev, last.number + 1);
    if (!buf_ok(&body))
        return err_set(e, ERR_TOO_LARGE, "this change is too large for the event log");
    uint8_t hash[SHA256_LEN];
    chain(last.hash, buf_str(&body), hash);
    if (ret_body)
        buf_add(ret_body, buf_str(&body));
    return insert(d, last.number + 1, buf_str(&body), hash, e);
}

static bool fits(const struct link *last, int64_t number, struct str body, struct str hash)
{
    uint8_t want[SHA256_LEN];
    char head[48];
    (void)snprintf(head, sizeof(head), "{\"number\":%lld,", (long long)number);
    chain(last->hash, body, want);
    return number == last->number + 1 && hash.n == SHA256_LEN &&
           memcmp(want, hash.p, SHA256_LEN) == 0 && str_starts(body, str_from(head));
}

int meta_events_verify(struct db *d, uint64_t *ret_n, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    struct link last = { .number = 0 };
    int rc;
    if (db_prepare(d, "SELECT number, body, hash FROM event ORDER BY number", &s, e) < 0)
        return -1;
    while ((rc = db_step(s, e)) > 0) {
        int64_t number = db_int(s, 0);
        struct str hash = db_blob(s, 2);
        if (!fits(&last, number, db_str(s, 1), hash))
            return err_set(e, ERR_CORRUPT,
                "event %lld does not fit the events before it: the log was changed",
                (long long)number);
        last.number = number;
        memcpy(last.hash, hash.p, SHA256_LEN);
    }
    *ret_n = (uint64_t)last.number;
    return rc;
}

/* Names of crates are compared as the registry compares them: capitals and '-' make no difference.
 * A tagged node acts as all its tags, with ',' between them. */
#define EVENT_MATCHES                                                                              \
    " (?3 = '' OR replace(lower(body ->> 'crate'), '-', '_') = ?3)"                                \
    " AND (?4 = '' OR instr(',' || (body ->> 'principal') || ',', ',' || ?4 || ',') > 0"           \
    " OR body ->> 'node' = ?4 OR body ->> 'address' = ?4)"

int meta_each_event(
    struct db *d, const struct event_query *q, meta_event_fn visit, void *ctx, struct err *e)
{
    AUTO_STMT struct db_stmt *s = NULL;
    int rc;
    if (db_prepare(d,
            "SELECT number, body FROM event WHERE number > ?1 AND (body ->> 'time') >= ?2"
            " AND" EVENT_MATCHES " ORDER BY number LIMIT ?5",
            &s, e) < 0)
        return -1;
    db_bind_int(s, 1, q->after);
    db_bind_int(s, 2, q->since);
    db_bind_str(s, 3, q->crate.p ? q->crate : STR(""));
    db_bind_str(s, 4, q->by.p ? q->by : STR(""));
    db_bind_int(s, 5, q->limit);
    while ((rc = db_step(s, e)) > 0) {
        if (visit(ctx, db_int(s, 0), db_str(s, 1), e) < 0)
            return -1;
    }
    return rc;
}
