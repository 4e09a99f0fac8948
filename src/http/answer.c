/* Both wire forms are made here, once; a connection then only adds the date. Fields whose value is
 * of this one answer are kept out of the peer's compression table: they would only push out the
 * ones that come again. */
#include "http/answer_parts.h"

#include "base/mem.h"
#include "base/num.h"

#include <assert.h>
#include <string.h>

#define TEXT_MAX (1u << 20)

const char *answer_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } reasons[] = {
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 206, "Partial Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 303, "See Other" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 308, "Permanent Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 411, "Length Required" },
        { 412, "Precondition Failed" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 416, "Range Not Satisfiable" },
        { 417, "Expectation Failed" },
        { 421, "Misdirected Request" },
        { 422, "Unprocessable Content" },
        { 426, "Upgrade Required" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
        { 507, "Insufficient Storage" },
    };
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Status";
}

/* One field on its way into both forms. */
struct line {
    struct str name, value;
    bool in_304, keep_out; /* of the compression table */
};

#define LINES_MAX 40

struct lines {
    struct line at[LINES_MAX];
    size_t n;
};

static void lines_add(
    struct lines *l, struct str name, struct str value, bool in_304, bool keep_out)
{
    if (!value.p)
        return;
    assert(l->n < LINES_MAX);
    l->at[l->n++] = (struct line){ name, value, in_304, keep_out };
}

static bool has_no_body(unsigned status)
{
    return status == 204 || status == 304 || status < 200;
}

/* A value without the bytes that would let it end its line. */
static void add_clean(struct buf *b, struct str value)
{
    for (size_t i = 0; value.p && i < value.n; i++)
        if (value.p[i] != '\r' && value.p[i] != '\n' && value.p[i] != 0)
            buf_add_byte(b, value.p[i]);
}

/* Writes the HTTP/1.1 head and lets the h2 fields point into it: a name and its value stand there
 * as "name: value". */
static void write_form(struct buf *text, const struct lines *l, unsigned status, bool only_304,
    nghttp2_nv *nv, size_t *n_nv)
{
    buf_addf(text, "HTTP/1.1 %u %s\r\n", status, answer_reason(status));
    for (size_t i = 0; i < l->n; i++) {
        const struct line *f = &l->at[i];
        if (only_304 && !f->in_304)
            continue;
        /* Places are offsets until the text has its final address. */
        size_t name_at = text->n;
        buf_add(text, f->name);
        buf_add(text, STR(": "));
        size_t value_at = text->n;
        add_clean(text, f->value);
        nghttp2_nv *v = &nv[(*n_nv)++];
        v->name = (uint8_t *)(uintptr_t)name_at;
        v->value = (uint8_t *)(uintptr_t)value_at;
        v->namelen = f->name.n;
        v->valuelen = text->n - value_at;
        v->flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE |
                   (f->keep_out ? NGHTTP2_NV_FLAG_NO_INDEX : 0);
        buf_add(text, STR("\r\n"));
    }
}

/* Turns offsets into places in the finished text; the status' three digits stand at status_at. */
static void place_nv(struct answer_form *f, char *text, size_t status_at)
{
    f->nv[0] = ANSWER_NV(STR(":status"), ((struct str){ text + status_at, 3 }), 0);
    for (size_t i = 1; i < f->n_nv; i++) {
        f->nv[i].name = (uint8_t *)text + (uintptr_t)f->nv[i].name;
        f->nv[i].value = (uint8_t *)text + (uintptr_t)f->nv[i].value;
    }
}

static void collect(struct lines *l, const struct answer_spec *s, struct str length)
{
    lines_add(l, STR("content-type"), s->content_type, false, false);
    lines_add(l, STR("content-encoding"), s->encoding, false, false);
    lines_add(l, STR("cache-control"), s->cache_control, true, false);
    if (s->vary_encoding)
        lines_add(l, STR("vary"), STR("accept-encoding"), true, false);
    for (size_t i = 0; i < s->n_fields; i++)
        lines_add(l, s->fields[i].name, s->fields[i].value, false, true);
    lines_add(l, STR("etag"), s->etag, true, true);
    if (s->has_file)
        lines_add(l, STR("accept-ranges"), STR("bytes"), false, false);
    else if (!has_no_body(s->status))
        lines_add(l, STR("content-length"), length, false, true);
}

struct answer *answer_new(const struct answer_spec *spec)
{
    char length[NUM_U64_MAX_DIGITS];
    struct lines lines = { .n = 0 };
    collect(&lines, spec, (struct str){ length, num_format_u64(spec->body.n, length) });

    struct answer *a = MEM_NEW(struct answer);
    size_t room = 1 + lines.n + ANSWER_NV_EXTRA;
    nghttp2_nv *nv = mem_array(2 * room, sizeof(*nv));
    struct buf text = BUF_INIT(TEXT_MAX);
    a->full = (struct answer_form){ .nv = nv, .n_nv = 1 };
    write_form(&text, &lines, spec->status, false, nv, &a->full.n_nv);
    size_t split = text.n;
    a->not_modified = (struct answer_form){ .nv = nv + room, .n_nv = 1 };
    if (spec->etag.p)
        write_form(&text, &lines, 304, true, nv + room, &a->not_modified.n_nv);
    size_t status_at = text.n;
    buf_addf(&text, "%03u304", spec->status % 1000);
    size_t etag_at = text.n;
    add_clean(&text, spec->etag);
    size_t body_at = text.n;
    assert(buf_ok(&text)); /* heads are ours and small */

    a->text = mem_alloc(text.n + spec->body.n + 1);
    memcpy(a->text, text.p, text.n);
    if (spec->body.n > 0)
        memcpy(a->text + body_at, spec->body.p, spec->body.n);
    buf_deinit(&text);
    a->refs = 1;
    a->status = spec->status;
    a->has_file = spec->has_file;
    a->nv_block = nv;
    a->full.h1 = (struct str){ a->text, split };
    a->not_modified.h1 = (struct str){ a->text + split, status_at - split };
    a->etag = spec->etag.p ? (struct str){ a->text + etag_at, body_at - etag_at } : STR_NONE;
    a->body = (struct str){ a->text + body_at, spec->body.n };
    place_nv(&a->full, a->text, status_at);
    place_nv(&a->not_modified, a->text, status_at + 3);
    return a;
}

struct answer *answer_ref(struct answer *a)
{
    a->refs++;
    return a;
}

bool answer_is_shared(const struct answer *a)
{
    return a->refs > 1;
}

void answer_unref(struct answer *a)
{
    if (!a || --a->refs > 0)
        return;
    free(a->nv_block);
    free(a->text);
    free(a);
}

void answer_unrefp(struct answer **a)
{
    answer_unref(*a);
}

struct str answer_body(const struct answer *a)
{
    return a->body;
}

struct str answer_etag(const struct answer *a)
{
    return a->etag;
}
