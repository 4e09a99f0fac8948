/* Start and stop. Start: folder, memory, sockets, then requests. Stop: no new connections, what is
 * in flight, the workers, the writer, the folder. */
#include "server/server_private.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "server/welcome.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/un.h>

#define N_WORKERS 4
#define WORKER_QUEUE_MAX 20000
#define TALLY_EVERY_MS 5000
#define SETTLE_MS 5000 /* for workers and the writer after the last connection is gone */

static struct http_limits limits_from(const struct config *c)
{
    struct http_limits l = http_limits_default;
    l.header_ms = (int64_t)c->header_timeout * 1000;
    l.body_ms = (int64_t)c->body_timeout * 1000;
    l.stall_window_ms = (int64_t)c->stall_window * 1000;
    l.stall_min_rate = c->stall_rate;
    l.write_stall_ms = (int64_t)c->write_timeout * 1000;
    l.idle_ms = (int64_t)c->idle_timeout * 1000;
    l.h2_idle_ms = (int64_t)c->h2_idle_timeout * 1000;
    l.conns_max = (uint32_t)c->conns_max;
    l.conns_per_peer = (uint32_t)c->conns_per_peer;
    l.streams_max = (uint32_t)c->streams_max;
    l.jobs_per_conn = (uint32_t)c->jobs_per_conn;
    l.line_max = (uint32_t)c->line_max;
    l.head_max = (uint32_t)c->head_max;
    l.headers_max = (uint32_t)c->headers_max;
    l.window = (uint32_t)c->stream_window;
    return l;
}

/* In userspace mode tailscaled hands every peer to loopback, so the built-in listener is open only
 * where there is no tailscaled. */
static bool has_tailscaled(const struct server *s)
{
    return s->config->tailscale_socket.n > 0 || tailnet_find_socket().n > 0;
}

static struct api_door door_for(const struct server *s, const struct listen_url *l)
{
    return (struct api_door){
        .access = {
            .anonymous_read = l->anonymous_read && !(l->is_builtin && has_tailscaled(s)),
            .token_reads = l->token_reads,
            .identity = l->identity,
        },
        .only_health = l->only_health,
        .trusted_field = l->header,
    };
}

/* A user's name or a uid. */
static int find_uid(struct server *s, struct str who, uint32_t *ret, struct err *e)
{
    if (num_parse_u32(who, ret))
        return 0;
    errno = 0;
    const struct passwd *user = getpwnam(str_cstr(s->arena, who));
    if (!user)
        return err_set(e, ERR_USAGE,
            "this machine has no user `%" STR_FMT "`, whom a listener names with peer=; write an "
            "existing user's name or uid",
            STR_ARG(who));
    *ret = user->pw_uid;
    return 0;
}

static int listen_unix(
    struct server *s, const struct listen_url *l, struct api_door *door, struct err *e)
{
    uint32_t *uids = arena_array(s->arena, l->n_peers + 1, sizeof(uint32_t));
    for (size_t i = 0; i < l->n_peers; i++) {
        if (find_uid(s, l->peers[i], &uids[i], e) < 0)
            return -1;
    }
    door->peer_uids = uids;
    door->n_peer_uids = l->n_peers;
    if (http_listen_unix(s->http, str_cstr(s->arena, l->path), l->mode, door, e) < 0)
        return -1;
    if (l->identity == LISTEN_HEADER)
        http_keep_field(s->http, door, l->header);
    return 0;
}

/* The cure for the tailnet's listener is another than for the rest. */
static int listen_tailnet(struct server *s, size_t i, struct err *e)
{
    const struct listen_url *l = &s->config->listeners[i];
    if (http_listen_tcp(s->http, STR("127.0.0.1"), l->port, &s->doors[i], &s->ports[i], e) == 0)
        return 0;
    if (e->kind == ERR_CONFLICT)
        return err_set(e, ERR_CONFLICT,
            "port %u is taken: stop the other program or serve the tailnet on another port, such "
            "as "
            "--listen 'http://tailnet:8000?identity=tailscale'",
            l->port);
    if (e->kind == ERR_FORBIDDEN)
        return err_set(e, ERR_FORBIDDEN,
            "no permission to listen on port %u: run `setcap cap_net_bind_service=+ep` on this "
            "program as root, or serve the tailnet on a port above 1023, such as --listen "
            "'http://tailnet:8000?identity=tailscale'",
            l->port);
    return -1;
}

static int listen_one(struct server *s, size_t i, struct err *e)
{
    const struct listen_url *l = &s->config->listeners[i];
    s->doors[i] = door_for(s, l);
    if (l->scheme == LISTEN_UNIX)
        return listen_unix(s, l, &s->doors[i], e);
    if (l->is_tailnet)
        return listen_tailnet(s, i, e);
    return http_listen_tcp(s->http, l->host, l->port, &s->doors[i], &s->ports[i], e);
}

static int listen_admin(struct server *s, struct err *e)
{
    struct api_door *door = &s->doors[s->config->n_listeners];
    *door = (struct api_door){ .admin = true, .access = { .admin = true } };
    struct str path = arena_printf(s->arena, "%s/run/admin.sock", s->data->path);
    struct sockaddr_un limit;
    if (path.n >= sizeof(limit.sun_path)) /* a longer one goes by the folder's descriptor */
        path = arena_printf(s->arena, "/proc/self/fd/%d/run/admin.sock", s->data->fd);
    return http_listen_unix(s->http, path.p, 0600, door, e);
}

static int listen_all(struct server *s, struct err *e)
{
    size_t n = s->config->n_listeners;
    s->doors = arena_array(s->arena, n + 1, sizeof(struct api_door));
    s->ports = arena_array(s->arena, n, sizeof(uint16_t));
    for (size_t i = 0; i < n; i++) {
        if (listen_one(s, i, e) < 0)
            return -1;
    }
    return 0;
}

static void on_tally(struct loop_timer *t)
{
    struct server *s = CONTAINER_OF(t, struct server, tally_timer);
    registry_flush_tally(s->registry);
    loop_timer_set(s->loop, t, loop_now_ms(s->loop) + TALLY_EVERY_MS);
}

static void on_worker(struct loop_io *io, uint32_t events)
{
    (void)events;
    worker_collect(CONTAINER_OF(io, struct server, worker_io)->pool);
}

static void on_drained(void *ctx)
{
    loop_stop(((struct server *)ctx)->loop);
}

static void begin_stop(struct server *s)
{
    if (s->stopping) { /* asked twice: at once */
        loop_stop(s->loop);
        return;
    }
    s->stopping = true;
    log_msg(LOG_INFO, "stopping", "finishing what is in flight");
    api_set_stopping(s->api);
    http_drain(
        s->http, loop_now_ms(s->loop) + (int64_t)s->config->stop_timeout * 1000, on_drained, s);
}

static void on_signal(struct loop_io *io, uint32_t events)
{
    struct server *s = CONTAINER_OF(io, struct server, signal_io);
    struct signalfd_siginfo info;
    (void)events;
    if (read(io->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        begin_stop(s);
}

static int watch_signals(struct server *s, struct err *e)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return err_sys(e, "block signals");
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    if (sigaction(SIGPIPE, &ignore, NULL) < 0)
        return err_sys(e, "ignore SIGPIPE");
    s->signal_io = (struct loop_io){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
        .ready = on_signal };
    if (s->signal_io.fd < 0)
        return err_sys(e, "open a signal descriptor");
    return loop_add(s->loop, &s->signal_io, EPOLLIN, e);
}

/* Each connection and each download under way holds a descriptor, and the usual soft limit of 1024
 * is a leftover of select(). */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int start_loop(struct server *s, struct err *e)
{
    raise_descriptor_limit();
    if (loop_new(&s->loop, e) < 0 || watch_signals(s, e) < 0 ||
        worker_pool_new(N_WORKERS, WORKER_QUEUE_MAX, &s->pool, e) < 0)
        return -1;
    s->worker_io = (struct loop_io){ .fd = worker_fd(s->pool), .ready = on_worker };
    s->tally_timer.fire = on_tally;
    loop_timer_set(s->loop, &s->tally_timer, clock_mono_ms() + TALLY_EVERY_MS);
    return loop_add(s->loop, &s->worker_io, EPOLLIN, e);
}

static int open_ports(struct server *s, struct err *e)
{
    struct http_limits limits = limits_from(s->config);
    s->api = api_new(s->loop);
    struct http_handler handler = api_handler(s->api);
    if (http_server_new(s->loop, s->pool, &limits, &handler, &s->http, e) < 0)
        return -1;
    return listen_all(s, e);
}

static int open_stores(struct server *s, struct err *e)
{
    if (data_dir_open(s->config->data, true, &s->data, e) < 0 ||
        registry_open(s->config, s->data, s->pool, &s->registry, e) < 0)
        return -1;
    return listen_admin(s, e);
}

/* Ports before the folder: a port that is taken leaves no folder behind. */
static int start(struct server *s, struct err *e)
{
    if (start_loop(s, e) < 0 || open_ports(s, e) < 0 || open_stores(s, e) < 0)
        return -1;
    api_open(s->api, s->registry);
    server_make_site(s, NULL);
    if (server_asks_tailnet(s))
        server_open_tailnet(s);
    return http_start(s->http, e);
}

/* Jobs and changes in flight still call back; let them, within a bound. False: some are left. */
static bool settle(struct server *s)
{
    int64_t end = clock_mono_ms() + SETTLE_MS;
    struct pollfd p = { .fd = worker_fd(s->pool), .events = POLLIN };
    while (worker_pending(s->pool) + writer_pending(s->registry->writer) > 0) {
        if (clock_mono_ms() >= end)
            return false;
        (void)poll(&p, 1, 100);
        worker_collect(s->pool);
    }
    return true;
}

/* Connections first: uploads that are cut need the registry to put their temp files away. */
static void stop(struct server *s)
{
    http_server_free(s->http);
    if (s->tailnet) { /* those who wait to be looked up are told that we stop */
        api_set_tailnet(s->api, NULL);
        tailnet_free(s->tailnet);
    }
    if (s->registry && !settle(s)) {
        /* Jobs stand on all that would be freed now. What was answered is stored. */
        log_msg(LOG_WARN, "stop_cut", "work in flight did not end in %d s", SETTLE_MS / 1000);
        _exit(EXIT_SUCCESS);
    }
    registry_close(s->registry); /* its last changes come back through the pool */
    worker_pool_free(s->pool);
    tailnet_doors_free(s->tailnet_doors);
    api_free(s->api);
    data_dir_close(s->data);
    if (s->loop && s->signal_io.fd > 0)
        (void)close(s->signal_io.fd);
    loop_free(s->loop);
    arena_free(s->arena);
}

static void announce_void_grants(const struct server *s)
{
    for (size_t i = 0; i < s->config->n_grants; i++) {
        const struct config_grant *g = &s->config->grants[i];
        if (g->void_reason.p)
            log_msg(LOG_WARN, "grant_void",
                "the access.grant at line %d counts for nothing: %" STR_FMT, g->line,
                STR_ARG(g->void_reason));
    }
}

int server_tell_ready(struct server *s, struct err *e)
{
    struct buf urls AUTO_BUF = BUF_INIT(64u << 10);
    AUTO_CLOSE int fd = s->ready_fd;
    s->ready_fd = -1;
    if (fd < 0)
        return 0;
    welcome_urls(&urls, s->config, s->ports);
    return file_write_all(fd, buf_str(&urls), e);
}

static int announce(struct server *s, struct err *e)
{
    struct buf text AUTO_BUF = BUF_INIT(64u << 10);
    announce_void_grants(s);
    size_t first = 0; /* that clients are sent to */
    while (first + 1 < s->config->n_listeners && s->doors[first].only_health)
        first++;
    if (s->tailnet)
        welcome_waiting(&text, s->config, s->ports);
    else
        welcome_text(&text, s->config, s->site.base_url, s->ports, &s->doors[first].access);
    (void)fwrite(text.p, 1, text.n, stdout);
    (void)fflush(stdout);
    return s->tailnet ? 0 : server_tell_ready(s, e);
}

int server_run(const struct server_options *o, struct err *e)
{
    struct server s = { .config = o->config, .arena = arena_new(), .ready_fd = o->ready_fd };
    log_setup(welcome_log_level(o->config),
        str_eq(o->config->log_format, STR("json")) ? LOG_JSON : LOG_KV, STDERR_FILENO);
    int rc = start(&s, e);
    if (rc == 0)
        rc = announce(&s, e);
    if (rc == 0)
        loop_run(s.loop);
    if (s.failure.kind != ERR_NONE) {
        *e = s.failure;
        rc = -1;
    }
    stop(&s);
    return rc;
}
