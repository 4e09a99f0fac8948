/* Any bytes as an index line, as dependencies and as features: what parses is written, parses
 * again, and is then written to the same bytes. */
#include "base/buf.h"
#include "crate/entry.h"

#include <assert.h>

#define OUT_MAX (16u << 20)

static void check_line(struct arena *a, struct str text)
{
    struct index_entry e, again;
    struct err err = ERR_INIT;
    if (entry_parse(a, text, &e, &err) < 0) {
        assert(err.kind != ERR_NONE && utf8_valid(str_from(err.text)));
        return;
    }
    AUTO_BUF struct buf once = BUF_INIT(OUT_MAX), twice = BUF_INIT(OUT_MAX);
    entry_write(&once, &e);
    assert(buf_ok(&once) && str_find(buf_str(&once), '\n') == once.n - 1);
    int ret = entry_parse(a, buf_str(&once), &again, &err);
    assert(ret == 0 && again.n_deps == e.n_deps && again.n_features == e.n_features);
    entry_write(&twice, &again);
    assert(str_eq(buf_str(&once), buf_str(&twice)));
}

static void check_stored(struct arena *a, struct str text)
{
    struct crate_dep *deps;
    struct crate_feature *features;
    size_t n;
    if (entry_parse_deps(a, text, &deps, &n, NULL) == 0) {
        AUTO_BUF struct buf out = BUF_INIT(OUT_MAX);
        entry_write_deps(&out, deps, n);
        int ret = entry_parse_deps(a, buf_str(&out), &deps, &n, NULL);
        assert(ret == 0);
    }
    if (entry_parse_features(a, text, &features, &n, NULL) == 0) {
        AUTO_BUF struct buf out = BUF_INIT(OUT_MAX);
        entry_write_features(&out, features, n);
        int ret = entry_parse_features(a, buf_str(&out), &features, &n, NULL);
        assert(ret == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ARENA struct arena *a = arena_new();
    struct str text = { (const char *)data, size };
    check_line(a, text);
    check_stored(a, text);
    return 0;
}
