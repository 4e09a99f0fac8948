#include "server/welcome.h"

#include "api/guide.h"

#include <errno.h>

static void add_url(struct buf *out, const struct listen_url *l, uint16_t port)
{
    if (l->scheme == LISTEN_UNIX) {
        buf_addf(out, "unix:%" STR_FMT, STR_ARG(l->path));
        return;
    }
    bool v6 = str_has(l->host, ':');
    buf_addf(out, v6 ? "http://[%" STR_FMT "]" : "http://%" STR_FMT, STR_ARG(l->host));
    if (port != 80)
        buf_addf(out, ":%u", port);
}

struct str welcome_base_url(struct arena *a, const struct config *c, const uint16_t *ports)
{
    if (c->url.n > 0)
        return c->url;
    struct buf b AUTO_BUF = BUF_INIT(1024);
    for (size_t i = 0; i < c->n_listeners && b.n == 0; i++) {
        if (c->listeners[i].scheme == LISTEN_HTTP && !c->listeners[i].only_health)
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
