/* The command line: a table of commands; each is one file. Exit status: 0 done, 1 it failed, 2 it
 * was asked wrongly. Errors are one line on standard error. */
#pragma once
#include "base/arena.h"
#include "cli/args.h"
#include "config/config.h"

struct cli {
    struct arena *arena;
    struct args args;
};

struct cli_command {
    const char *words; /* "token new" */
    const char *usage; /* its arguments */
    const char *help;
    const struct args_option *options;
    size_t n_options;
    size_t min_rest, max_rest;
    int (*run)(struct cli *c, struct err *e); /* -1 with e, else the exit status */
};

int cli_main(int argc, char **argv);

/* ---- for commands ---- */
/* The configuration with --data, --listen, --tailscale and --config as far as this command has
 * them.
 */
int cli_load_config(struct cli *c, struct config **ret, struct err *e) MUST_CHECK;

int cmd_serve(struct cli *c, struct err *e);
int cmd_token_new(struct cli *c, struct err *e);
int cmd_token_list(struct cli *c, struct err *e);
int cmd_token_revoke(struct cli *c, struct err *e);
int cmd_crate_list(struct cli *c, struct err *e);
int cmd_crate_show(struct cli *c, struct err *e);
int cmd_policy_check(struct cli *c, struct err *e);
int cmd_principal_list(struct cli *c, struct err *e);
int cmd_principal_show(struct cli *c, struct err *e);
int cmd_principal_link(struct cli *c, struct err *e);
int cmd_principal_block(struct cli *c, struct err *e);
int cmd_principal_unblock(struct cli *c, struct err *e);
int cmd_principal_rebind(struct cli *c, struct err *e);
int cmd_principal_remove(struct cli *c, struct err *e);
int cmd_audit(struct cli *c, struct err *e);
int cmd_config(struct cli *c, struct err *e);
int cmd_config_show(struct cli *c, struct err *e);
int cmd_config_check(struct cli *c, struct err *e);
int cmd_doctor(struct cli *c, struct err *e);
int cmd_health(struct cli *c, struct err *e);
int cmd_join(struct cli *c, struct err *e);
int cmd_preflight(struct cli *c, struct err *e);
int cmd_supervise(struct cli *c, struct err *e);
int cmd_rebuild_index(struct cli *c, struct err *e);
