/* The server on a tailnet: what it is called, where it listens and what it tells people follow what
 * tailscaled says, from the first answer to the last. */
#include "server/server_private.h"

#include "base/log.h"
#include "server/welcome.h"

#include <stdio.h>

bool server_asks_tailnet(const struct server *s)
{
    for (size_t i = 0; i < s->config->n_listeners; i++) {
        if (s->config->listeners[i].identity == LISTEN_TAILSCALE)
            return true;
    }
    return false;
}

/* ---- names ---- */

/* The full name first, whichever of them people ask for: Cargo.lock is to have one. */
static struct own_names names_of(struct arena *a, const struct tailnet_node *node)
{
    struct str *names = arena_array(a, node->n_addresses + 2, sizeof(struct str));
    size_t n = 0;
    if (node->name.n > 0) {
        struct str rest = node->name;
        names[n++] = arena_str(a, node->name);
        names[n++] = arena_str(a, str_cut(&rest, '.'));
    }
    for (size_t i = 0; i < node->n_addresses; i++)
        names[n++] = arena_str(a, node->addresses[i]);
    return (struct own_names){ names, n };
}

void server_make_site(struct server *s, const struct tailnet_node *node)
{
    struct own_names names = { NULL, 0 };
    if (node)
        names = names_of(s->arena, node);
    s->site.version = SUPERGUPPY_VERSION;
    s->site.base_url =
        welcome_base_url(s->arena, s->config, s->ports, names.n > 0 ? names.names[0] : STR_NONE);
    s->site.on_tailnet = server_asks_tailnet(s);
    s->registry->own = own_urls_new(s->arena, s->config, s->site.base_url, s->ports, &names);
    api_set_site(s->api, &s->site);
}

/* ---- what changes ---- */

/* Old names stay in the arena, for answers under way may use them; so they are made anew only when
 * they are other ones. */
static bool is_news(struct server *s, const struct tailnet_node *node)
{
    struct buf b AUTO_BUF = BUF_INIT(64u << 10);
    buf_add(&b, node->name);
    for (size_t i = 0; i < node->n_addresses; i++)
        buf_addf(&b, " %" STR_FMT, STR_ARG(node->addresses[i]));
    if (str_eq(buf_str(&b), s->names))
        return false;
    s->names = arena_str(s->arena, buf_str(&b));
    return true;
}

static void print_welcome(struct server *s, const struct tailnet_node *node)
{
    struct buf text AUTO_BUF = BUF_INIT(64u << 10);
    welcome_tailnet(&text, s->config, node, s->site.base_url, s->registry->access);
    (void)fwrite(text.p, 1, text.n, stdout);
    (void)fflush(stdout);
}

static void on_running(struct server *s, const struct tailnet_node *node)
{
    struct err e = ERR_INIT;
    if (is_news(s, node))
        server_make_site(s, node);
    if (tailnet_doors_follow(s->tailnet_doors, node, &e) < 0) {
        if (!s->was_running) { /* as a port that is taken ends any start */
            s->failure = e;
            loop_stop(s->loop);
            return;
        }
        struct log_line l;
        log_begin(&l, LOG_ERROR, "listen_failed");
        log_err(&l, &e);
        log_end(&l);
    }
    log_msg(LOG_INFO, "tailnet", "running as %" STR_FMT " (%s)",
        STR_ARG(node->name.n ? node->name : node->stable_id), node->tun ? "TUN" : "userspace");
    if (!s->was_running)
        print_welcome(s, node);
    s->was_running = true;
}

static void on_changed(void *ctx)
{
    struct server *s = ctx;
    struct err e = ERR_INIT;
    const struct tailnet_node *node = tailnet_node(s->tailnet);
    if (s->stopping)
        return;
    if (node && node->running)
        on_running(s, node);
    else
        log_msg(LOG_WARN, "tailnet", "%" STR_FMT, STR_ARG(tailnet_trouble(s->tailnet)));
    if (s->failure.kind == ERR_NONE && server_tell_ready(s, &e) < 0) {
        s->failure = e; /* nobody waits any more: as at any start */
        loop_stop(s->loop);
    }
}

void server_open_tailnet(struct server *s)
{
    struct tailnet_options o = {
        .socket = s->config->tailscale_socket,
        .capability = s->config->capability,
        .changed = on_changed,
        .ctx = s,
    };
    s->tailnet_doors = tailnet_doors_new(s->loop, s->http);
    for (size_t i = 0; i < s->config->n_listeners; i++) {
        if (s->config->listeners[i].is_tailnet)
            tailnet_doors_add(s->tailnet_doors, s->ports[i], &s->doors[i]);
    }
    s->tailnet = tailnet_new(s->loop, &o);
    api_set_tailnet(s->api, s->tailnet);
}
