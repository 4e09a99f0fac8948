#include "cli/cli.h"
#include "cli/http_get.h"

#include <stdio.h>

/* A listener for TCP that is not wildcard can be asked at its own address; a wildcard one and the
 * tailnet's at loopback. */
static void ask_listener(const struct listen_url *l, struct cli *c, struct http_ask *ask)
{
    if (l->scheme == LISTEN_UNIX) {
        ask->unix_path = l->path;
        ask->host = STR("localhost");
        return;
    }
    ask->host = l->host;
    if (l->is_tailnet || str_eq(l->host, STR("0.0.0.0")))
        ask->host = STR("127.0.0.1");
    else if (str_eq(l->host, STR("::")))
        ask->host = STR("::1");
    ask->port = arena_printf(c->arena, "%u", l->port);
}

static int ask_url(struct str url, struct http_ask *ask, struct err *e)
{
    if (!str_starts(url, STR("http://")))
        return err_set(e, ERR_USAGE, "--url needs a URL such as http://127.0.0.1:8000");
    struct str rest = str_skip(url, 7);
    struct str authority = str_cut(&rest, '/');
    size_t colon = str_rfind(authority, ':');
    bool has_port = colon != STR_NPOS && !str_ends(authority, STR("]"));
    ask->host = str_trim(has_port ? str_from_to(authority, 0, colon) : authority, STR("[]"));
    ask->port = has_port ? str_skip(authority, colon + 1) : STR("80");
    return 0;
}

int cmd_health(struct cli *c, struct err *e)
{
    struct config *config;
    struct http_ask ask = { .method = "GET",
        .path = args_has(&c->args, "ready") ? STR("/readyz") : STR("/healthz") };
    struct str url = args_get(&c->args, "url");
    if (cli_load_config(c, &config, e) < 0)
        return -1;
    if (url.p && ask_url(url, &ask, e) < 0)
        return -1;
    if (!url.p)
        ask_listener(&config->listeners[0], c, &ask);
    struct http_reply reply AUTO(http_reply_deinit) = { .body = BUF_INIT(64u << 10) };
    if (http_ask(&ask, &reply, e) < 0)
        return -1;
    printf("%" STR_FMT, STR_ARG(buf_str(&reply.body)));
    return reply.status == 200 ? 0 : 1;
}
