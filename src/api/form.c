#include "api/form.h"

#include "base/digest.h"
#include "base/num.h"

#include <string.h>

/* ---- fields ---- */

static int hex_digit(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    return ascii_is_xdigit(c) ? ascii_lower(c) - 'a' + 10 : -1;
}

/* '+' is a blank, %XX a byte (URL standard, 5.1). */
static int decode(struct arena *a, struct str in, struct str *ret, struct err *e)
{
    char *out = arena_alloc(a, in.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i] == '+' ? ' ' : in.p[i];
        if (c == '%') {
            int high = i + 2 < in.n ? hex_digit(in.p[i + 1]) : -1;
            int low = i + 2 < in.n ? hex_digit(in.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return err_set(e, ERR_INVALID, "the form has an escape that is not %%XX");
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return err_set(e, ERR_INVALID, "the form has a NUL");
        out[n++] = c;
    }
    out[n] = '\0';
    *ret = (struct str){ out, n };
    return utf8_valid(*ret) ? 0 : err_set(e, ERR_INVALID, "the form is not UTF-8");
}

int form_parse(struct arena *a, struct str body, struct form *ret, struct err *e)
{
    ret->n = 0;
    while (body.n > 0) {
        struct str value = str_cut(&body, '&');
        if (value.n == 0)
            continue;
        if (ret->n == FORM_FIELDS_MAX)
            return err_set(e, ERR_INVALID, "the form has more than %d fields", FORM_FIELDS_MAX);
        struct str name = str_cut(&value, '=');
        struct form_field *f = &ret->fields[ret->n++];
        if (decode(a, name, &f->name, e) < 0 || decode(a, value, &f->value, e) < 0)
            return -1;
    }
    return 0;
}

struct str form_get(const struct form *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++) {
        if (str_eq(f->fields[i].name, str_from(name)))
            return f->fields[i].value;
    }
    return STR_NONE;
}

/* ---- where it comes from ---- */

/* A proxy in front may speak https; then server.url says so. */
static struct str own_origin(const struct call *c)
{
    struct str base = c->api->site.base_url;
    size_t at = str_find_str(base, STR("://"));
    if (at != STR_NPOS && str_eq_nocase(str_skip(base, at + 3), c->req->host))
        return base;
    return arena_printf(c->req->arena, "http://%" STR_FMT, STR_ARG(c->req->host));
}

int form_check_origin(const struct call *c, struct err *e)
{
    struct str origin = c->req->header[HEADER_ORIGIN];
    if (origin.p && str_eq_nocase(origin, own_origin(c)))
        return 0;
    return err_set(e, ERR_FORBIDDEN,
        "this form is taken from this registry's own page alone: open %" STR_FMT "/me and send it "
        "from there",
        STR_ARG(c->api->site.base_url));
}

/* ---- keys ---- */

/* EXPIRES-HMAC(secret of this process, "PRINCIPAL ACTION EXPIRES") */
static void write_key(const struct call *c, const char *action, int64_t expires, struct buf *out)
{
    uint8_t sum[SHA256_LEN];
    char text[SHA256_HEX_LEN + 1];
    struct str what =
        arena_printf(c->req->arena, "%u %s %lld", c->caller.principal, action, (long long)expires);
    hmac_sha256((struct str){ (const char *)c->api->form_secret, SHA256_LEN }, what, sum);
    hex_format(sum, sizeof(sum), text);
    buf_addf(out, "%lld-%s", (long long)expires, text);
}

void form_key(const struct call *c, const char *action, struct buf *out)
{
    write_key(c, action, loop_wall_s(c->api->loop) + FORM_KEY_S, out);
}

int form_check_key(const struct call *c, const char *action, struct str key, struct err *e)
{
    struct buf want AUTO_BUF = BUF_INIT(256);
    struct str rest = key;
    uint64_t expires;
    int64_t now = loop_wall_s(c->api->loop);
    if (num_parse_u64(str_cut(&rest, '-'), &expires) && expires <= (uint64_t)now + FORM_KEY_S) {
        write_key(c, action, (int64_t)expires, &want);
        if (digest_equal(buf_str(&want), key) && (int64_t)expires >= now)
            return 0;
    }
    return err_set(e, ERR_FORBIDDEN,
        "this form is too old, or was shown to somebody else: open %" STR_FMT "/me again and send "
        "it from there",
        STR_ARG(c->api->site.base_url));
}
