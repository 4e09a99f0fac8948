/* The image's first step; see preflight.h. */
#include "base/num.h"
#include "cli/cli.h"
#include "cli/preflight.h"

#include <stdio.h>

/* The users of the image; their groups have the same numbers. */
#define REGISTRY 10001
#define TAILSCALED 10003

static int read_id(struct cli *c, const char *option, uint32_t otherwise, uid_t *ret, struct err *e)
{
    struct str given = args_get(&c->args, option);
    uint32_t id = otherwise;
    if (given.p && !num_parse_u32(given, &id))
        return err_set(e, ERR_USAGE, "--%s needs the number of a user", option);
    *ret = id;
    return 0;
}

int cmd_preflight(struct cli *c, struct err *e)
{
    struct str volume = args_get(&c->args, "volume"), run = args_get(&c->args, "run");
    struct preflight p = {
        .volume = volume.p ? str_cstr(c->arena, volume) : "/data",
        .run = run.p ? str_cstr(c->arena, run) : "/run",
        .env = environ,
    };
    if (read_id(c, "registry", REGISTRY, &p.registry, e) < 0 ||
        read_id(c, "tailscaled", TAILSCALED, &p.tailscaled, e) < 0)
        return -1;
    return preflight_run(c->arena, &p, e);
}
