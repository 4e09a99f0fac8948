/* tar_list NAME-VERSION < FILE.crate: one line for each entry, "size path" ("path/" and 0 for a
 * folder), as the registry's own walk sees it. Exit status 1 and the reason when it refuses. */
#include "crate/tarball.h"

#include <stdio.h>

static void print_entry(void *ctx, struct str path, bool is_dir, uint64_t size)
{
    (void)ctx;
    printf("%llu %" STR_FMT "%s\n", (unsigned long long)size, STR_ARG(path), is_dir ? "/" : "");
}

static ssize_t read_input(void *ctx, void *p, size_t n, struct err *e)
{
    size_t got = fread(p, 1, n, ctx);
    return got == 0 && ferror(ctx) ? err_sys(e, "read") : (ssize_t)got;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: tar_list NAME-VERSION < FILE.crate\n");
        return 2;
    }
    AUTO_ARENA struct arena *a = arena_new();
    struct tarball_limits limits = { .unpacked_max = 512u << 20,
        .entries_max = 50000,
        .manifest_max = 1u << 20,
        .on_entry = print_entry };
    struct tarball_info info;
    struct err e = ERR_INIT;
    if (tarball_check(a, str_from(argv[1]), &limits, &(struct tarball_source){ read_input, stdin },
            &info, &e) == 0)
        return 0;
    (void)fprintf(stderr, "%s\n", e.text);
    return 1;
}
