#include "registry/audit.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#define OBJECT_MAX (64u << 10)

static struct str text(const json_t *event, const char *key)
{
    return json_str(json_object_get(event, key));
}

/* As it is, but for what would move a terminal's cursor or end the line. */
static void add_plain(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        buf_add_byte(out, c < 0x20 || c == 0x7f ? '?' : (char)c);
    }
}

static void add_word(struct buf *out, const char *before, struct str s, const char *after)
{
    if (s.n == 0)
        return;
    buf_addf(out, "%s", before);
    add_plain(out, s);
    buf_addf(out, "%s", after);
}

/* Whom or what a change was about, as its detail names it: a block without a name says nothing. The
 * first sight of a principal is about the one who came. */
static void add_object(const json_t *event, struct buf *out)
{
    static const struct {
        const char *key, *before;
    } rows[] = { { "name", " " }, { "account", " " }, { "to", " to " }, { "before", " before " } };
    const json_t *detail = json_object_get(event, "detail");
    const json_t *users = json_object_get(detail, "users");
    json_int_t token = json_integer_value(json_object_get(detail, "token"));
    if (token != 0)
        buf_addf(out, " %lld", (long long)token);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str s = text(detail, rows[i].key);
        if (!str_eq(s, text(event, "principal")))
            add_word(out, rows[i].before, s, "");
    }
    for (size_t i = 0; i < json_array_size(users); i++)
        add_word(out, " ", json_str(json_array_get(users, i)), "");
}

int audit_line(struct str body, struct buf *out, struct err *e)
{
    json_t *event AUTO_JSON = NULL;
    char when[CLOCK_RFC3339_LEN + 1];
    if (json_read(body, &event, e) < 0)
        return -1;
    clock_format_rfc3339(json_integer_value(json_object_get(event, "time")), when);
    buf_addf(out, "%s", when);
    add_word(out, "  ", text(event, "principal"), "");
    add_word(out, " from ", text(event, "node"), "");
    add_word(out, " (", text(event, "address"), ")");
    add_word(out, "  ", text(event, "what"), "");
    add_word(out, " ", text(event, "crate"), "");
    add_word(out, " ", text(event, "version"), "");
    add_object(event, out);
    json_int_t token = json_integer_value(json_object_get(event, "token"));
    if (token != 0)
        buf_addf(out, "  token %lld", (long long)token);
    add_word(out, "  by ", text(event, "grant"), "");
    buf_add_byte(out, '\n');
    return 0;
}

void audit_log(struct str body)
{
    static const char *const keys[] = { "principal", "node", "node_id", "address", "grant", "crate",
        "version" };
    struct buf object AUTO_BUF = BUF_INIT(OBJECT_MAX);
    json_t *event AUTO_JSON = NULL;
    struct log_line l;
    if (!log_on(LOG_INFO) || json_read(body, &event, NULL) < 0)
        return;
    log_begin(&l, LOG_INFO, "event");
    log_u64(&l, "number", (uint64_t)json_integer_value(json_object_get(event, "number")));
    log_str(&l, "what", text(event, "what"));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (json_object_get(event, keys[i]))
            log_str(&l, keys[i], text(event, keys[i]));
    }
    add_object(event, &object);
    if (object.n > 0)
        log_str(&l, "object", str_trim(buf_str(&object), STR(" ")));
    if (json_object_get(event, "token"))
        log_u64(&l, "token", (uint64_t)json_integer_value(json_object_get(event, "token")));
    log_end(&l);
}
