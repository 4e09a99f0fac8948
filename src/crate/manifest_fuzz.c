/* Any bytes as a Cargo.toml: what is accepted makes an index line that entry_parse, which is as
 * strict as its strictest reader, accepts too. */
#include "base/buf.h"
#include "crate/entry.h"
#include "crate/manifest.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ARENA struct arena *a = arena_new();
    struct manifest m;
    struct err e = ERR_INIT;
    if (manifest_parse(a, (struct str){ (const char *)data, size }, &m, &e) < 0) {
        assert(e.kind == ERR_INVALID && utf8_valid(str_from(e.text)));
        return 0;
    }
    struct index_entry entry = { .name = m.name,
        .vers = m.version,
        .deps = m.deps,
        .n_deps = m.n_deps,
        .features = m.features,
        .n_features = m.n_features,
        .links = m.links,
        .rust_version = m.rust_version,
        .pubtime = 1767322985 };
    memset(entry.cksum, '0', sizeof(entry.cksum) - 1);
    AUTO_BUF struct buf line = BUF_INIT(64u << 20);
    struct index_entry again;
    entry_write(&line, &entry);
    int ret = entry_parse(a, buf_str(&line), &again, &e);
    assert(ret == 0 && again.n_deps == m.n_deps && again.n_features == m.n_features);
    return 0;
}
