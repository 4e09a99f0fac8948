#include "support/tarball_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

const struct tarball_limits case_limits = {
    .unpacked_max = 512u << 20, .entries_max = 50000, .manifest_max = 1u << 20
};

ssize_t case_read(void *ctx, void *p, size_t n, struct err *e)
{
    struct case_source *s = ctx;
    (void)e;
    if (n > s->left.n)
        n = s->left.n;
    if (s->step && n > s->step)
        n = s->step;
    if (n > 0)
        memcpy(p, s->left.p, n);
    s->left = str_skip(s->left, n);
    return (ssize_t)n;
}

int case_check(struct arena *a, struct str gz, struct tarball_info *info, struct err *e)
{
    struct case_source s = { .left = gz };
    return tarball_check(
        a, STR("acme-1.2.3"), &case_limits, &(struct tarball_source){ case_read, &s }, info, e);
}

void case_refused(struct str gz, const char *phrase)
{
    AUTO_ARENA struct arena *a = arena_new();
    struct tarball_info info;
    struct err e = ERR_INIT;
    if (case_check(a, gz, &info, &e) == 0)
        fail_msg("accepted, expected: %s", phrase);
    assert_int_equal(e.kind, ERR_INVALID);
    if (!strstr(e.text, phrase))
        fail_msg("refused with: %s (expected: %s)", e.text, phrase);
}

void case_accepted(struct str gz, uint32_t n_files)
{
    AUTO_ARENA struct arena *a = arena_new();
    struct tarball_info info;
    struct err e = ERR_INIT;
    if (case_check(a, gz, &info, &e) < 0)
        fail_msg("refused: %s", e.text);
    assert_int_equal(info.n_files, n_files);
    assert_true(str_eq(info.manifest, STR(CASE_TOML)));
}

void case_add_crate(struct buf *tar)
{
    forge_file(tar, IN("Cargo.toml"), STR(CASE_TOML));
    forge_file(tar, IN("src/lib.rs"), STR("pub fn f() {}\n"));
}

void case_pack(struct buf *gz, const struct buf *tar)
{
    forge_gzip(gz, buf_str(tar), &(struct forge_gzip){ .name = "acme-1.2.3.crate" });
}

void case_end_refused(struct buf *tar, const char *phrase)
{
    AUTO_BUF struct buf gz = BUF_INIT(16 << 20);
    forge_end(tar);
    case_pack(&gz, tar);
    case_refused(buf_str(&gz), phrase);
}
