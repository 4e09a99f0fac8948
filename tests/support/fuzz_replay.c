/* Runs a fuzz harness over every file of a corpus folder and reports in TAP: what a fuzzer once
 * found stays found, in every test run and under every sanitizer, without libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *folder, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return -1;
    uint8_t *data = NULL;
    size_t n = 0, cap = 0;
    for (;;) {
        if (n == cap) {
            cap = cap ? cap * 2 : 65536;
            data = realloc(data, cap);
            if (!data)
                abort();
        }
        size_t got = fread(data + n, 1, cap - n, f);
        if (got == 0)
            break;
        n += got;
    }
    (void)fclose(f);
    /* A copy of exactly n bytes, so that a sanitizer sees the first byte too many. */
    uint8_t *exact = malloc(n ? n : 1);
    if (!exact)
        abort();
    for (size_t i = 0; i < n; i++)
        exact[i] = data[i];
    free(data);
    (void)LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
    if (!d) {
        printf("1..1\nnot ok 1 - corpus folder %s\n", argc == 2 ? argv[1] : "(none given)");
        return 1;
    }
    int n = 0;
    for (struct dirent *f; (f = readdir(d));) {
        if (f->d_name[0] == '.')
            continue;
        n++;
        printf(
            "%s %d - %s\n", replay_file(argv[1], f->d_name) == 0 ? "ok" : "not ok", n, f->d_name);
        (void)fflush(stdout);
    }
    (void)closedir(d);
    if (n == 0)
        printf("not ok 1 - the corpus %s is empty\n", argv[1]);
    printf("1..%d\n", n ? n : 1);
    return n ? 0 : 1;
}
