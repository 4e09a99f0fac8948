/* Looks and does not touch: nothing is made, locked or changed. A port is tried by asking it, and
 * only when nobody answers by binding it for a moment. */
#include "auth/access.h"
#include "base/clock.h"
#include "cli/doctor.h"
#include "cli/http_get.h"
#include "tailnet/tailnet.h"

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define REPLY_MAX (64u << 10)
#define DOORS_EACH_MAX 8 /* loopback and the node's addresses */

/* ---- data and server ---- */

static enum doctor_data look_at_data(struct arena *a, struct str data)
{
    struct str format = arena_printf(a, "%" STR_FMT "/format", STR_ARG(data));
    struct stat st;
    if (stat(str_cstr(a, data), &st) < 0)
        return errno == EACCES ? DATA_CLOSED : DATA_ABSENT;
    if (access(str_cstr(a, data), R_OK | X_OK) < 0)
        return DATA_CLOSED;
    return stat(format.p, &st) < 0 ? DATA_FOREIGN : DATA_GOOD;
}

/* Any answer on the admin socket will do: readiness is asked at a door, as the socket is for
 * administration alone. */
static void ask_server(struct arena *a, struct doctor_facts *f)
{
    struct err e = ERR_INIT;
    struct http_reply reply AUTO(http_reply_deinit) = { .body = BUF_INIT(REPLY_MAX) };
    struct http_ask ask = {
        .unix_path = arena_printf(a, "%" STR_FMT "/run/admin.sock", STR_ARG(f->config->data)),
        .host = STR("admin"),
        .method = "GET",
        .path = STR("/readyz"),
    };
    f->server = SERVER_READY;
    if (http_ask(&ask, &reply, &e) == 0)
        return;
    f->server_text = arena_str(a, str_from(e.text));
    f->server = SERVER_BROKEN;
    if (e.kind == ERR_FORBIDDEN)
        f->server = SERVER_CLOSED;
    if (e.kind == ERR_NOT_FOUND)
        f->server = f->data == DATA_CLOSED ? SERVER_CLOSED : SERVER_NONE;
}

/* ask: at a door where ours answered. */
static void ask_ready(struct arena *a, struct doctor_facts *f, const struct http_ask *door)
{
    struct http_reply reply AUTO(http_reply_deinit) = { .body = BUF_INIT(REPLY_MAX) };
    struct http_ask ask = *door;
    ask.path = STR("/readyz");
    if (f->server != SERVER_READY || f->server_text.n > 0 || http_ask(&ask, &reply, NULL) < 0)
        return;
    f->server_text = arena_str(a, str_trim_ws(buf_str(&reply.body)));
    if (reply.status != 200)
        f->server = SERVER_NOT_READY;
}

/* ---- doors ---- */

/* Whether this user could listen there. port "0": whether the address is this machine's. */
static enum doctor_door_state try_bind(struct arena *a, struct str host, struct str port)
{
    struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM }, *found;
    if (getaddrinfo(str_cstr(a, host), str_cstr(a, port), &hints, &found) != 0)
        return DOOR_ELSEWHERE;
    int on = 1;
    int fd AUTO_CLOSE = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = fd < 0 ? -1 : 0;
    if (rc == 0 && found->ai_family == AF_INET6)
        rc = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (rc == 0) /* as the server does: what is left of a connection that ended is not in the way */
        rc = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (rc == 0)
        rc = bind(fd, found->ai_addr, found->ai_addrlen);
    if (rc == 0)
        rc = listen(fd, 1);
    int sys = errno;
    freeaddrinfo(found);
    if (rc == 0)
        return DOOR_FREE;
    if (sys == EADDRINUSE)
        return DOOR_TAKEN;
    return sys == EACCES || sys == EPERM ? DOOR_FORBIDDEN : DOOR_ELSEWHERE;
}

static bool is_ours(const struct http_reply *reply)
{
    struct str body = buf_str(&reply->body);
    return reply->status == 200 && (str_eq(body, STR("ok\n")) || str_starts(body, STR("degraded")));
}

static enum doctor_door_state try_door(
    struct arena *a, struct doctor_facts *f, struct http_ask *ask, struct str listen_host)
{
    struct err e = ERR_INIT;
    struct http_reply reply AUTO(http_reply_deinit) = { .body = BUF_INIT(REPLY_MAX) };
    ask->method = "GET";
    ask->path = STR("/healthz");
    if (!ask->unix_path.p && try_bind(a, listen_host, STR("0")) != DOOR_FREE)
        return DOOR_ELSEWHERE; /* nor is anybody asked there */
    if (http_ask(ask, &reply, &e) == 0 && !is_ours(&reply))
        return DOOR_TAKEN;
    if (e.kind == ERR_NONE) {
        ask_ready(a, f, ask);
        return DOOR_OURS;
    }
    if (e.kind != ERR_NOT_FOUND)
        return e.kind == ERR_FORBIDDEN ? DOOR_OURS : DOOR_TAKEN;
    if (f->server != SERVER_NONE && f->server != SERVER_CLOSED)
        return DOOR_DEAF;
    return ask->unix_path.p ? DOOR_FREE : try_bind(a, listen_host, ask->port);
}

static void add_tcp(struct arena *a, struct doctor_facts *f, struct str host, uint16_t port)
{
    bool v6 = str_has(host, ':');
    struct http_ask ask = { .host = host, .port = arena_printf(a, "%u", port) };
    if (str_eq(host, STR("0.0.0.0")))
        ask.host = STR("127.0.0.1");
    else if (str_eq(host, STR("::")))
        ask.host = STR("::1");
    f->doors[f->n_doors++] = (struct doctor_door){
        .where = arena_printf(
            a, "%s%" STR_FMT "%s:%u", v6 ? "[" : "", STR_ARG(host), v6 ? "]" : "", port),
        .port = port,
        .state = try_door(a, f, &ask, host),
        .tailnet = tailnet_has_address(host),
    };
}

static void add_listener(struct arena *a, struct doctor_facts *f, const struct listen_url *l)
{
    const struct tailnet_node *node = f->node;
    if (l->scheme == LISTEN_UNIX) {
        struct http_ask ask = { .unix_path = l->path, .host = STR("localhost") };
        f->doors[f->n_doors++] =
            (struct doctor_door){ .where = l->path, .state = try_door(a, f, &ask, STR("")) };
        return;
    }
    if (l->port == 0) /* any free one: there is nothing to try */
        return;
    add_tcp(a, f, l->is_tailnet ? STR("127.0.0.1") : l->host, l->port);
    if (!l->is_tailnet || !node || !node->running || !node->tun)
        return;
    for (size_t i = 0; i < node->n_addresses && i + 1 < DOORS_EACH_MAX; i++) {
        add_tcp(a, f, node->addresses[i], l->port);
        /* A machine without IPv6 has the node's other address alone, and that suffices. */
        if (str_has(node->addresses[i], ':') && f->doors[f->n_doors - 1].state == DOOR_ELSEWHERE)
            f->n_doors--;
    }
}

/* ---- all ---- */

static bool has_no_admin(const struct config *c)
{
    struct access *access = access_new(c);
    bool nobody = access_nobody_is_admin(access);
    access_free(access);
    return nobody;
}

void doctor_gather(struct arena *a, struct doctor_facts *f)
{
    const struct config *c = f->config;
    f->now = clock_wall_s();
    if (f->socket.n == 0)
        f->socket = tailnet_find_socket();
    if (c) {
        f->nobody_is_admin = has_no_admin(c);
        f->data = look_at_data(a, c->data);
        ask_server(a, f);
        f->doors = arena_array(a, c->n_listeners * DOORS_EACH_MAX, sizeof(*f->doors));
    }
    doctor_ask_tailnet(a, f);
    for (size_t i = 0; c && i < c->n_listeners; i++)
        add_listener(a, f, &c->listeners[i]);
    doctor_read_serve(a, f);
}
