/* Reads the lines of tests/semver-oracle on standard input and prints each anew with what
 * crate/semver.c makes of its three inputs (fields 1, 4 and 8). Equal output means equal minds. */
#include "base/buf.h"
#include "crate/semver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD_MAX 65536

static int hex_value(char c)
{
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

static void unescape(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\\' && i + 3 < text.n) {
            buf_add_byte(out, (char)(hex_value(text.p[i + 2]) * 16 + hex_value(text.p[i + 3])));
            i += 3;
        } else {
            buf_add_byte(out, text.p[i]);
        }
    }
}

static void put_escaped(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c >= 0x21 && c <= 0x7e && c != '\\')
            buf_add_byte(out, (char)c);
        else
            buf_addf(out, "\\x%02x", c);
    }
}

static void put_version(struct buf *out, struct str input, bool ok, const struct semver *v)
{
    AUTO_BUF struct buf printed = BUF_INIT(FIELD_MAX);
    buf_add(out, input);
    if (!ok) {
        buf_add(out, STR("\terr\t-"));
        return;
    }
    semver_format(&printed, v);
    buf_add(out, STR("\tok\t"));
    put_escaped(out, buf_str(&printed));
}

static void put_req(struct buf *out, struct str input, bool ok, const struct semver_req *req)
{
    AUTO_BUF struct buf printed = BUF_INIT(FIELD_MAX);
    buf_add(out, input);
    if (!ok) {
        buf_add(out, STR("\terr\t-"));
        return;
    }
    semver_req_format(&printed, req);
    buf_add(out, STR("\tok\t"));
    put_escaped(out, buf_str(&printed));
}

static const char *order(int d)
{
    return d < 0 ? "<" : d > 0 ? ">" : "=";
}

static void put_case(struct buf *out, struct str a, struct str q, struct str b)
{
    AUTO_BUF struct buf ta = BUF_INIT(FIELD_MAX), tb = BUF_INIT(FIELD_MAX),
                        tq = BUF_INIT(FIELD_MAX);
    struct semver va, vb;
    struct semver_req vq;
    unescape(a, &ta);
    unescape(b, &tb);
    unescape(q, &tq);
    bool ok_a = semver_parse(buf_str(&ta), &va, NULL) == 0;
    bool ok_b = semver_parse(buf_str(&tb), &vb, NULL) == 0;
    bool ok_q = semver_req_parse(buf_str(&tq), &vq, NULL) == 0;
    put_version(out, a, ok_a, &va);
    buf_add_byte(out, '\t');
    put_req(out, q, ok_q, &vq);
    if (ok_a && ok_q)
        buf_addf(out, "\t%s\t", semver_req_matches(&vq, &va) ? "yes" : "no");
    else
        buf_add(out, STR("\t-\t"));
    put_version(out, b, ok_b, &vb);
    if (ok_a && ok_b)
        buf_addf(
            out, "\t%s\t%s\n", order(semver_cmp(&va, &vb)), order(semver_precedence(&va, &vb)));
    else
        buf_add(out, STR("\t-\t-\n"));
}

int main(void)
{
    static char line[FIELD_MAX];
    while (fgets(line, sizeof(line), stdin)) {
        struct str rest = str_from(line), fields[8] = { 0 };
        for (size_t i = 0; i < ARRAY_LEN(fields); i++)
            fields[i] = str_cut(&rest, '\t');
        AUTO_BUF struct buf out = BUF_INIT(16 * FIELD_MAX);
        put_case(&out, fields[0], fields[3], fields[7]);
        if (!buf_ok(&out) || fwrite(out.p, 1, out.n, stdout) != out.n)
            return 1;
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
