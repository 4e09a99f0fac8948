/* config show, check, --sample, --markdown */
#include "cli/cli.h"

#include <stdio.h>

#define OUT_MAX (1u << 20)

static int print(const struct buf *b)
{
    (void)fwrite(b->p, 1, b->n, stdout);
    return 0;
}

int cmd_config(struct cli *c, struct err *e)
{
    struct buf b AUTO_BUF = BUF_INIT(OUT_MAX);
    if (args_has(&c->args, "sample"))
        config_sample(&b);
    else if (args_has(&c->args, "markdown"))
        config_markdown(&b);
    else
        return err_set(e, ERR_USAGE,
            "use it so: superguppy config show, superguppy config check, or superguppy config "
            "--sample");
    return print(&b);
}

int cmd_config_show(struct cli *c, struct err *e)
{
    struct config *config;
    struct buf b AUTO_BUF = BUF_INIT(OUT_MAX);
    if (cli_load_config(c, &config, e) < 0)
        return -1;
    config_show(config, args_has(&c->args, "json"), &b);
    return print(&b);
}

int cmd_config_check(struct cli *c, struct err *e)
{
    struct config *config;
    size_t n_void = 0;
    if (cli_load_config(c, &config, e) < 0)
        return -1;
    for (size_t i = 0; i < config->n_grants; i++) {
        const struct config_grant *g = &config->grants[i];
        if (!g->void_reason.p)
            continue;
        n_void++;
        printf("the access.grant at line %d counts for nothing: %" STR_FMT "\n", g->line,
            STR_ARG(g->void_reason));
    }
    if (n_void > 0)
        return 1;
    (void)puts("the configuration is good");
    return 0;
}
