/* Reads a Cargo.toml on standard input and prints the index line it makes:
 * index_line CKSUM PUBTIME true|false, with PUBTIME as in the line or empty for none. */
#include "base/buf.h"
#include "base/clock.h"
#include "crate/entry.h"
#include "crate/manifest.h"

#include <stdio.h>
#include <string.h>

static int read_input(struct buf *out)
{
    char piece[4096];
    size_t n;
    while ((n = fread(piece, 1, sizeof(piece), stdin)) > 0)
        buf_add(out, (struct str){ piece, n });
    return buf_ok(out) ? 0 : -1;
}

int main(int argc, char **argv)
{
    AUTO_ARENA struct arena *a = arena_new();
    AUTO_BUF struct buf text = BUF_INIT(MANIFEST_SIZE_MAX), line = BUF_INIT(4 * MANIFEST_SIZE_MAX);
    struct manifest m;
    struct err e = ERR_INIT;
    if (argc != 4 || strlen(argv[1]) != 64 || read_input(&text) < 0)
        return 2;
    if (manifest_parse(a, buf_str(&text), &m, &e) < 0) {
        (void)fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    struct index_entry entry = { .name = m.name,
        .vers = m.version,
        .deps = m.deps,
        .n_deps = m.n_deps,
        .features = m.features,
        .n_features = m.n_features,
        .yanked = strcmp(argv[3], "true") == 0,
        .links = m.links,
        .rust_version = m.rust_version };
    (void)snprintf(entry.cksum, sizeof(entry.cksum), "%s", argv[1]);
    if (argv[2][0] && !clock_parse_rfc3339(str_from(argv[2]), &entry.pubtime))
        return 2;
    entry_write(&line, &entry);
    return fwrite(line.p, 1, line.n, stdout) == line.n ? 0 : 1;
}
