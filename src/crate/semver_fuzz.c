/* Any bytes, as a version, a requirement and both (split at the first newline): what parses prints,
 * and what was printed parses to the same; orders are antisymmetric. */
#include "crate/semver.h"

#include <assert.h>

static void check_version(struct str text)
{
    struct semver v, again;
    if (semver_parse(text, &v, NULL) < 0)
        return;
    AUTO_BUF struct buf out = BUF_INIT(1u << 20);
    semver_format(&out, &v);
    assert(buf_ok(&out) && str_eq(buf_str(&out), text));
    assert(semver_parse(buf_str(&out), &again, NULL) == 0 && semver_cmp(&v, &again) == 0);
}

static void check_req(struct str text, const struct semver *v)
{
    struct semver_req req, again;
    if (semver_req_parse(text, &req, NULL) < 0)
        return;
    AUTO_BUF struct buf out = BUF_INIT(1u << 20), twice = BUF_INIT(1u << 20);
    semver_req_format(&out, &req);
    int ret = semver_req_parse(buf_str(&out), &again, NULL);
    assert(ret == 0 && again.n == req.n);
    semver_req_format(&twice, &again);
    assert(str_eq(buf_str(&out), buf_str(&twice)));
    if (v)
        assert(semver_req_matches(&req, v) == semver_req_matches(&again, v));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data, size };
    struct err e = ERR_INIT;
    struct str first = str_cut(&rest, '\n');
    struct semver a, b;
    check_version(first);
    check_version(rest);
    bool ok = semver_parse(first, &a, &e) == 0;
    assert(ok || utf8_valid(str_from(e.text)));
    check_req(rest, ok ? &a : NULL);
    if (ok && semver_parse(rest, &b, NULL) == 0) {
        int d = semver_cmp(&a, &b), back = semver_cmp(&b, &a);
        assert((d > 0) - (d < 0) == (back < 0) - (back > 0));
    }
    return 0;
}
