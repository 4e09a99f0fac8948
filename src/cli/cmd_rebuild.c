#include "cli/cli.h"
#include "registry/rebuild.h"

#include <stdio.h>

static void report(void *ctx, struct str crate, struct str version)
{
    (void)ctx;
    if (version.p)
        printf("%" STR_FMT " %" STR_FMT ": its index line differs\n", STR_ARG(crate),
            STR_ARG(version));
    else
        printf("%" STR_FMT ": its index file differs\n", STR_ARG(crate));
}

int cmd_rebuild_index(struct cli *c, struct err *e)
{
    struct config *config;
    struct data_dir *data;
    bool check = args_has(&c->args, "check");
    struct rebuild_result r = { 0 };
    if (cli_load_config(c, &config, e) < 0 || data_dir_open(config->data, false, &data, e) < 0)
        return -1;
    struct db *d = NULL;
    int rc = db_open_writer(data, &d, e);
    if (rc == 0)
        rc = rebuild_index(d, !check, report, NULL, &r, e);
    db_close(d);
    data_dir_close(data);
    if (rc < 0)
        return -1;
    printf("%llu crates, %llu versions: %llu differ%s\n", (unsigned long long)r.n_crates,
        (unsigned long long)r.n_versions, (unsigned long long)r.n_different,
        r.n_different == 0 ? ""
        : check            ? "; run it without --check to mend them"
                           : " and were mended");
    return check && r.n_different > 0 ? 1 : 0;
}
