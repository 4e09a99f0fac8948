#include "server/welcome.h"

#include "api/guide.h"

#include <errno.h>

static void add_authority(struct buf *out, struct str host, uint16_t port)
{
    bool v6 = str_has(host, ':');
    buf_addf(out, v6 ? "http://[%" STR_FMT "]" : "http://%" STR_FMT, STR_ARG(host));
    if (port != 80)
        buf_addf(out, ":%u", port);
}

static void add_url(struct buf *out, const struct listen_url *l, uint16_t port)
{
    if (l->scheme == LISTEN_UNIX)
        buf_addf(out, "unix:%" STR_FMT, STR_ARG(l->path));
    else
        add_authority(out, l->is_tailnet ? STR("127.0.0.1") : l->host, port);
}

static bool serves(const struct listen_url *l)
{
    return l->scheme == LISTEN_HTTP && !l->only_health;
}

struct str welcome_base_url(
    struct arena *a, const struct config *c, const uint16_t *ports, struct str node)
{
    if (c->url.n > 0)
        return c->url;
    struct buf b AUTO_BUF = BUF_INIT(1024);
    for (size_t i = 0; i < c->n_listeners && b.n == 0 && node.n > 0; i++) {
        if (serves(&c->listeners[i]) && c->listeners[i].identity == LISTEN_TAILSCALE)
            add_authority(&b, node, ports[i]);
    }
    for (size_t i = 0; i < c->n_listeners && b.n == 0; i++) {
        if (serves(&c->listeners[i]))
            add_url(&b, &c->listeners[i], ports[i]);
    }
    return arena_str(a, buf_str(&b));
}

void welcome_urls(struct buf *out, const struct config *c, const uint16_t *ports)
{
    for (size_t i = 0; i < c->n_listeners; i++) {
        add_url(out, &c->listeners[i], ports[i]);
        buf_add_byte(out, '\n');
    }
}

/* ---- on a tailnet ---- */

static void add_other_listeners(struct buf *out, const struct config *c, const uint16_t *ports)
{
    for (size_t i = 0; i < c->n_listeners; i++) {
        if (c->listeners[i].is_tailnet)
            continue;
        buf_add(out, STR("  listens on      "));
        add_url(out, &c->listeners[i], ports[i]);
        buf_add(out, c->listeners[i].only_health ? STR("  (health alone)\n") : STR("\n"));
    }
}

void welcome_waiting(struct buf *out, const struct config *c, const uint16_t *ports)
{
    buf_add(out, STR("Super Guppy " SUPERGUPPY_VERSION " asks tailscaled who this node is.\n"));
    for (size_t i = 0; i < c->n_listeners; i++) {
        if (!c->listeners[i].is_tailnet)
            continue;
        buf_add(out, STR("  health          "));
        add_url(out, &c->listeners[i], ports[i]);
        buf_add(out, STR("/healthz\n"));
    }
    add_other_listeners(out, c, ports);
}

static void add_role(struct buf *out, const char *whom, struct str role, const char *setting)
{
    bool none = str_eq(role, STR("none"));
    buf_addf(out, "                  %s: %" STR_FMT "  (%s)\n", whom,
        STR_ARG(none ? STR("nothing of their own") : role), setting);
}

static void add_who(struct buf *out, const struct config *c)
{
    buf_add(out, STR("  who may what\n"));
    add_role(out, "people of the tailnet", c->members, "access.members");
    add_role(out, "tagged nodes", c->tagged, "access.tagged");
    buf_addf(out, "                  whom the tailnet's policy grants %" STR_FMT ": that, too\n",
        STR_ARG(c->capability));
    if (c->n_grants > 0)
        buf_addf(out,
            "                  whom the configuration's %zu [[access.grant]] name: that, too\n",
            c->n_grants);
    buf_add(
        out, STR("                  nodes shared with this tailnet, and this node itself: nothing, "
                 "unless named\n"));
}

static void add_admins(struct buf *out, const struct config *c, const struct access *a)
{
    buf_add(out, STR("  admins          "));
    if (access_nobody_is_admin(a)) {
        buf_add(
            out, STR("nobody yet; name yourself, as in access.admins = [\"you@example.com\"] or\n"
                     "                  SUPERGUPPY_ACCESS__ADMINS=you@example.com, and restart\n"));
        return;
    }
    for (size_t i = 0; i < c->admins.n; i++)
        buf_addf(out, "%s%" STR_FMT, i ? ", " : "", STR_ARG(c->admins.items[i]));
    buf_add(out, c->admins.n > 0 ? STR("\n") : STR("by [[access.grant]]\n"));
}

void welcome_tailnet(struct buf *out, const struct config *c, const struct tailnet_node *node,
    struct str base_url, const struct access *a)
{
    buf_addf(out,
        "Super Guppy " SUPERGUPPY_VERSION " is ready on the tailnet.\n"
        "  send people to  %" STR_FMT "/\n"
        "  this node       %" STR_FMT " (",
        STR_ARG(base_url), STR_ARG(node->name.n > 0 ? node->name : node->stable_id));
    for (size_t i = 0; i < node->n_addresses; i++)
        buf_addf(out, "%s%" STR_FMT, i ? ", " : "", STR_ARG(node->addresses[i]));
    buf_addf(out, "), %s\n  data in         %" STR_FMT "\n",
        node->tun ? "TUN mode" : "userspace mode: peers come by way of 127.0.0.1",
        STR_ARG(c->data));
    add_who(out, c);
    add_admins(out, c, a);
    buf_add(out, STR("\n"));
    guide_tailnet_steps(out, base_url);
}

/* ---- without one ---- */

void welcome_text(struct buf *out, const struct config *c, struct str base_url,
    const uint16_t *ports, const struct access_door *first)
{
    buf_add(out, STR("Super Guppy " SUPERGUPPY_VERSION " is ready.\n"));
    for (size_t i = 0; i < c->n_listeners; i++) {
        buf_add(out, STR("  listens on  "));
        add_url(out, &c->listeners[i], ports[i]);
        buf_add(out, c->listeners[i].only_health ? STR("  (health alone)\n") : STR("\n"));
    }
    buf_addf(out, "  data in     %" STR_FMT "\n", STR_ARG(c->data));
    if (base_url.n == 0) /* every listener is for health alone */
        return;
    if (first->identity == LISTEN_HEADER) {
        buf_add(
            out, STR("  who asks    is said by the program in front; what header:NAME may do say "
                     "access.grant and access.admins\n\n"));
        guide_tailnet_steps(out, base_url);
        return;
    }
    buf_addf(out,
        "  reading     %s\n"
        "  publishing  needs a token: %s token new NAME --data %" STR_FMT "\n"
        "\n",
        first->anonymous_read ? "open to all who reach it" : "needs a token too",
        program_invocation_name, STR_ARG(c->data)); /* as it was called: it may not be on PATH */
    guide_steps(out, base_url);
}

enum log_level welcome_log_level(const struct config *c)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = { { "error", LOG_ERROR }, { "warn", LOG_WARN }, { "info", LOG_INFO },
        { "debug", LOG_DEBUG } };
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (str_eq(c->log_level, str_from(levels[i].name)))
            return levels[i].level;
    }
    return LOG_INFO;
}
