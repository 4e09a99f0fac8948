#include "base/num.h"
#include "cli/cli.h"
#include "server/server.h"

#include <fcntl.h>

static int read_ready_fd(struct cli *c, int *ret, struct err *e)
{
    uint32_t fd;
    struct str text = args_get(&c->args, "ready-fd");
    *ret = -1;
    if (text.p == NULL)
        return 0;
    if (!num_parse_u32(text, &fd) || fd > 65535 || fcntl((int)fd, F_GETFD) < 0)
        return err_set(e, ERR_USAGE, "--ready-fd needs the number of an open descriptor");
    *ret = (int)fd;
    return 0;
}

int cmd_serve(struct cli *c, struct err *e)
{
    struct config *config;
    struct server_options o = { 0 };
    if (read_ready_fd(c, &o.ready_fd, e) < 0 || cli_load_config(c, &config, e) < 0)
        return -1;
    o.config = config;
    return server_run(&o, e);
}
