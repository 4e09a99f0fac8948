/* Two passes: the first only looks for the end of the head and already refuses bare line feeds and
 * what is too long, so a client that never ends its head cannot make us keep more than the limits;
 * the second reads a head that is known to be whole. */
#include "http/h1_parse.h"

#include "base/num.h"
#include "http/header.h"

#include <string.h>

#define NAME_MAX_LEN 256
#define CHUNK_LINE_MAX 256       /* size and extensions */
#define CHUNK_OVERHEAD_MAX 65536 /* framing bytes beyond the data bytes they carry */
#define CHUNK_SIZE_DIGITS 16
#define TRAILER_MAX 8192

static int refuse(unsigned *ret_status, unsigned status, struct err *e, const char *text)
{
    *ret_status = status;
    return err_set(e, ERR_INVALID, "%s", text);
}

/* A token byte of RFC 9110 5.6.2. */
static const bool is_token_byte[256] = {
    ['!'] = 1,
    ['#'] = 1,
    ['$'] = 1,
    ['%'] = 1,
    ['&'] = 1,
    ['\''] = 1,
    ['*'] = 1,
    ['+'] = 1,
    ['-'] = 1,
    ['.'] = 1,
    ['^'] = 1,
    ['_'] = 1,
    ['`'] = 1,
    ['|'] = 1,
    ['~'] = 1,
    ['0' ... '9'] = 1,
    ['a' ... 'z'] = 1,
    ['A' ... 'Z'] = 1,
};

/* A byte of a field value: visible, blank, tab, or above ASCII (RFC 9110 5.5). */
static bool is_value(struct str s)
{
    unsigned bad = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bad |= (c < 0x20 && c != '\t') | (c == 0x7f);
    }
    return bad == 0;
}

int h1_find_head(const struct h1_limits *limits, struct str in, size_t *scanned, size_t *ret_size,
    unsigned *ret_status, struct err *e)
{
    /* RFC 9112 2.2: one empty line before the request line is forgiven. */
    size_t start = in.n > 0 && in.p[0] == '\r' ? 2 : 0;
    if (start == 2 && in.n > 1 && in.p[1] != '\n')
        return refuse(ret_status, 400, e, "the request begins with a carriage return");
    size_t line = *scanned > start ? *scanned : start;
    while (line < in.n) {
        const char *lf = memchr(in.p + line, '\n', in.n - line);
        size_t end = lf ? (size_t)(lf - in.p) : in.n;
        if (line == start && end - line > limits->line_max + 1u)
            return refuse(ret_status, 414, e, "the request line is too long");
        if (end - line > limits->line_max + 1u || end > limits->head_max)
            return refuse(ret_status, 431, e, "the request head is too large");
        if (!lf)
            break;
        if (end == line || in.p[end - 1] != '\r')
            return refuse(ret_status, 400, e, "a line of the request ends without CR LF");
        if (end == line + 1) {
            if (line == start)
                return refuse(ret_status, 400, e, "the request line is empty");
            *ret_size = end + 1;
            return 1;
        }
        line = end + 1;
        *scanned = line;
    }
    return 0;
}

/* The next line without its CR LF. */
static struct str cut_line(struct str *rest)
{
    const char *lf = memchr(rest->p, '\n', rest->n);
    size_t n = (size_t)(lf - rest->p);
    struct str line = { rest->p, n - 1 };
    *rest = str_skip(*rest, n + 1);
    return line;
}

/* False for other protocols; true for a target with a blank in it. */
static bool names_http(struct str s)
{
    while (s.n > 0) {
        if (str_starts_nocase(s, STR("HTTP")))
            return true;
        (void)str_cut(&s, ' ');
    }
    return false;
}

static int parse_version(struct str s, struct h1_head *ret, unsigned *ret_status, struct err *e)
{
    if (s.n > 0 && ascii_is_alpha(s.p[0]) && !names_http(s)) /* it would not read an answer */
        return refuse(ret_status, 0, e, "the request is not HTTP");
    if (s.n != 8 || !str_starts(s, STR("HTTP/")) || !ascii_is_digit(s.p[5]) || s.p[6] != '.' ||
        !ascii_is_digit(s.p[7]))
        return refuse(ret_status, 400, e, "the request line does not end in HTTP/1.1");
    if (s.p[5] != '1')
        return refuse(ret_status, 505, e, "this server speaks HTTP/1.1 and HTTP/2");
    ret->version = s.p[7] == '0' ? HTTP_1_0 : HTTP_1_1;
    return 0;
}

static int parse_request_line(
    struct str line, struct h1_head *ret, unsigned *ret_status, struct err *e)
{
    size_t n = 0;
    while (n < line.n && is_token_byte[(unsigned char)line.p[n]])
        n++;
    if (n == 0 || n == line.n || line.p[n] != ' ')
        return refuse(ret_status, 400, e, "the request line has no method");
    ret->method_known = http_method_find(str_from_to(line, 0, n), &ret->method);
    size_t from = n + 1, to = from;
    while (to < line.n && line.p[to] > 0x20 && line.p[to] < 0x7f)
        to++;
    if (to == from || to == line.n || line.p[to] != ' ')
        return refuse(
            ret_status, 400, e, "the request line has no target, or a byte that must be escaped");
    ret->target = str_from_to(line, from, to);
    return parse_version(str_skip(line, to + 1), ret, ret_status, e);
}

struct seen {
    struct str kept; /* the name whose fields are kept as trusted; n 0: none */
    unsigned count[HTTP_HEADERS];
};

/* Keeps a field: repeated list fields are joined, the rest must be single. */
static int keep_field(
    struct arena *a, struct h1_head *ret, struct seen *seen, enum http_header h, struct str value)
{
    if (seen->count[h]++ == 0) {
        ret->header[h] = value;
        return 0;
    }
    switch (http_header_rule(h)) {
    case HEADER_FIRST:
        return 0;
    case HEADER_LIST:
        ret->header[h] =
            arena_printf(a, "%" STR_FMT ", %" STR_FMT, STR_ARG(ret->header[h]), STR_ARG(value));
        return 0;
    case HEADER_SINGLE:
        break;
    }
    return -1;
}

static int parse_field(struct arena *a, struct str line, struct h1_head *ret, struct seen *seen,
    unsigned *ret_status, struct err *e)
{
    size_t n = 0;
    while (n < line.n && is_token_byte[(unsigned char)line.p[n]])
        n++;
    if (n == 0 || n == line.n || line.p[n] != ':')
        return refuse(ret_status, 400, e, "a header field has no proper name");
    if (n > NAME_MAX_LEN)
        return refuse(ret_status, 431, e, "a header name is too long");
    struct str value = str_skip(line, n + 1);
    while (value.n > 0 && (value.p[0] == ' ' || value.p[0] == '\t'))
        value = str_skip(value, 1);
    while (value.n > 0 && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
        value.n--;
    if (!is_value(value))
        return refuse(ret_status, 400, e, "a header value has a control byte");
    if (n == seen->kept.n && str_eq_nocase((struct str){ line.p, n }, seen->kept) &&
        ret->n_trusted++ == 0)
        ret->trusted = value;
    enum http_header h;
    if (http_header_find((struct str){ line.p, n }, &h) && keep_field(a, ret, seen, h, value) < 0)
        return refuse(ret_status, 400, e, "a header that must be single is given twice");
    return 0;
}

static bool has_token(struct str list, struct str token)
{
    while (list.n > 0)
        if (str_eq_nocase(str_trim_ws(str_cut(&list, ',')), token))
            return true;
    return false;
}

/* How long the body is (RFC 9112 6.3); what could be read in two ways is refused. */
static int parse_body_length(struct h1_head *ret, unsigned *ret_status, struct err *e)
{
    struct str te = ret->header[HEADER_TRANSFER_ENCODING];
    struct str length = ret->header[HEADER_CONTENT_LENGTH];
    if (te.p) {
        if (length.p || ret->version == HTTP_1_0)
            return refuse(ret_status, 400, e, "the length of the body is given in two ways");
        for (size_t i = 0; i < te.n; i++)
            if (te.p[i] < 0x20 || te.p[i] >= 0x7f)
                return refuse(
                    ret_status, 400, e, "the transfer coding has a byte that is not ASCII");
        if (!str_eq_nocase(te, STR("chunked")))
            return refuse(ret_status, 501, e, "the only transfer coding taken is chunked");
        ret->body_len = BODY_LEN_CHUNKED;
        return 0;
    }
    if (!length.p)
        return 0;
    uint64_t n;
    if (!num_parse_u64(length, &n) || n > INT64_MAX)
        return refuse(ret_status, 400, e, "Content-Length is not a number");
    ret->body_len = (int64_t)n;
    return 0;
}

static int parse_meaning(
    struct h1_head *ret, const struct seen *seen, unsigned *ret_status, struct err *e)
{
    struct str connection = ret->header[HEADER_CONNECTION], expect = ret->header[HEADER_EXPECT];
    if (ret->version != HTTP_1_0 && !ret->header[HEADER_HOST].p)
        return refuse(ret_status, 400, e, "the request has no Host header");
    if (parse_body_length(ret, ret_status, e) < 0)
        return -1;
    ret->keep_alive = ret->version != HTTP_1_0;
    if (connection.p) {
        if (has_token(connection, STR("close")))
            ret->keep_alive = false;
        else if (ret->version == HTTP_1_0)
            ret->keep_alive = has_token(connection, STR("keep-alive"));
    }
    if (expect.p && ret->version != HTTP_1_0) {
        if (!str_eq_nocase(expect, STR("100-continue")))
            return refuse(ret_status, 417, e, "the only expectation met is 100-continue");
        ret->expect_continue = ret->body_len != 0;
    }
    ret->upgrade_h2c = ret->header[HEADER_UPGRADE].p && ret->version != HTTP_1_0 &&
                       seen->count[HEADER_HTTP2_SETTINGS] == 1 && connection.p &&
                       has_token(ret->header[HEADER_UPGRADE], STR("h2c")) &&
                       has_token(connection, STR("upgrade")) &&
                       has_token(connection, STR("http2-settings"));
    return 0;
}

int h1_parse_head(struct arena *a, const struct h1_limits *limits, struct str in, size_t *scanned,
    struct h1_head *ret, unsigned *ret_status, struct err *e)
{
    struct seen seen = { .kept = limits->kept };
    struct h1_head head = { 0 };
    int r = h1_find_head(limits, in, scanned, &head.size, ret_status, e);
    if (r != 1)
        return r;
    struct str rest = str_from_to(in, in.p[0] == '\r' ? 2 : 0, head.size);
    if (parse_request_line(cut_line(&rest), &head, ret_status, e) < 0)
        return -1;
    for (uint32_t n = 0;; n++) {
        struct str line = cut_line(&rest);
        if (line.n == 0)
            break;
        if (n == limits->headers_max)
            return refuse(ret_status, 431, e, "the request has too many headers");
        if (parse_field(a, line, &head, &seen, ret_status, e) < 0)
            return -1;
    }
    if (parse_meaning(&head, &seen, ret_status, e) < 0)
        return -1;
    *ret = head;
    return 1;
}

enum chunk_state {
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    CHUNKS_END_LF,
    CHUNKS_END,
    CHUNKS_BAD,
};

static bool chunk_size_byte(struct h1_chunks *c, char b)
{
    uint64_t digit;
    if (num_parse_hex((struct str){ &b, 1 }, &digit)) {
        c->left = c->left * 16 + digit;
        return ++c->n_digits <= CHUNK_SIZE_DIGITS && c->left <= INT64_MAX / 16;
    }
    if (c->n_digits == 0 || (b != '\r' && b != ';'))
        return false;
    c->state = b == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
    return true;
}

static bool trailer_byte(struct h1_chunks *c, char b)
{
    enum http_header h;
    if (c->state == TRAILER_START)
        c->n_name = 0;
    if (c->state == TRAILER_VALUE) {
        if (b == '\r')
            c->state = TRAILER_LF;
        return b == '\r' || is_value((struct str){ &b, 1 });
    }
    if (b == ':') {
        c->state = TRAILER_VALUE;
        /* A field that frames, routes or authorises must not come late (RFC 9110 6.5.1). */
        return c->n_name > 0 && !http_header_find((struct str){ c->name, c->n_name }, &h);
    }
    if (!is_token_byte[(unsigned char)b])
        return false;
    c->state = TRAILER_NAME;
    if (c->n_name < sizeof(c->name)) /* a longer name is none of those looked for */
        c->name[c->n_name++] = b;
    return true;
}

/* One byte of framing; false when it is malformed. */
static bool frame_byte(struct h1_chunks *c, char b)
{
    switch ((enum chunk_state)c->state) {
    case CHUNK_SIZE:
        return chunk_size_byte(c, b);
    case CHUNK_EXTENSION:
        if (b == '\r')
            c->state = CHUNK_SIZE_LF;
        return b == '\r' || is_value((struct str){ &b, 1 });
    case CHUNK_SIZE_LF:
        c->state = c->left > 0 ? CHUNK_DATA : TRAILER_START;
        c->n_line = 0;
        return b == '\n';
    case CHUNK_DATA_CR:
        c->state = CHUNK_DATA_LF;
        return b == '\r';
    case CHUNK_DATA_LF:
        c->state = CHUNK_SIZE;
        c->n_digits = c->n_line = 0;
        return b == '\n';
    case TRAILER_START:
        if (b == '\r') {
            c->state = CHUNKS_END_LF;
            return true;
        }
        return trailer_byte(c, b);
    case TRAILER_NAME:
    case TRAILER_VALUE:
        return trailer_byte(c, b);
    case TRAILER_LF:
        c->state = TRAILER_START;
        return b == '\n';
    case CHUNKS_END_LF:
        c->state = CHUNKS_END;
        return b == '\n';
    case CHUNK_DATA:
    case CHUNKS_END:
    case CHUNKS_BAD:
        break;
    }
    return false;
}

static bool overhead_fits(struct h1_chunks *c)
{
    bool trailer = c->state >= TRAILER_START;
    c->n_line++;
    c->overhead++;
    return c->n_line <= (trailer ? TRAILER_MAX : CHUNK_LINE_MAX) &&
           c->overhead <= CHUNK_OVERHEAD_MAX;
}

int h1_chunks_next(struct h1_chunks *c, struct str *in, struct str *ret_bytes, struct err *e)
{
    while (in->n > 0 && c->state != CHUNKS_END && c->state != CHUNKS_BAD) {
        if (c->state == CHUNK_DATA) {
            size_t n = c->left < in->n ? (size_t)c->left : in->n;
            *ret_bytes = str_from_to(*in, 0, n);
            *in = str_skip(*in, n);
            c->left -= n;
            c->overhead -= c->overhead < n / 2 ? c->overhead : n / 2;
            if (c->left == 0)
                c->state = CHUNK_DATA_CR;
            return 1;
        }
        char b = in->p[0];
        *in = str_skip(*in, 1);
        if (!frame_byte(c, b) || !overhead_fits(c))
            c->state = CHUNKS_BAD;
    }
    if (c->state == CHUNKS_BAD)
        return err_set(e, ERR_INVALID, "the chunked body is malformed");
    return c->state == CHUNKS_END ? 2 : 0;
}
