/* Listening sockets. A flood of connections must neither starve those that are open (bursts are
 * short) nor spin when descriptors run out (one in reserve lets us turn the next caller away, then
 * accepting rests for a moment). */
#include "http/conn.h"

#include "base/map.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#define BURST 16
#define BACKLOG 1024
#define REST_MS 100

static void set_accepting(struct http_server *s, bool on)
{
    for (struct http_listener *l = s->listeners; l; l = l->next)
        if (l->watched)
            loop_watch(s->loop, &l->io, on ? EPOLLIN : 0);
}

static void accept_again(struct loop_timer *t)
{
    struct http_server *s = CONTAINER_OF(t, struct http_server, accept_again);
    if (s->reserve_fd < 0)
        s->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    set_accepting(s, true);
}

static void out_of_descriptors(struct http_listener *l)
{
    struct http_server *s = l->server;
    if (s->reserve_fd >= 0) {
        (void)close(s->reserve_fd);
        int fd = accept4(l->io.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            (void)close(fd);
        s->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    set_accepting(s, false);
    s->accept_again.fire = accept_again;
    loop_timer_set(s->loop, &s->accept_again, loop_now_ms(s->loop) + REST_MS);
}

static struct peer *peer_new(const struct sockaddr_storage *from, socklen_t n)
{
    struct peer *p = MEM_NEW(struct peer);
    char host[INET6_ADDRSTRLEN] = "";
    int len;
    p->refs = 1;
    if (from->ss_family == AF_INET || from->ss_family == AF_INET6)
        memcpy(&p->addr, from, n < sizeof(p->addr) ? n : sizeof(p->addr));
    else
        p->addr.any.sa_family = AF_UNIX;
    if (p->addr.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&p->addr.v6.sin6_addr)) {
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = p->addr.v6.sin6_port };
        memcpy(&v4.sin_addr, p->addr.v6.sin6_addr.s6_addr + 12, 4);
        p->addr.v4 = v4;
    }
    if (p->addr.any.sa_family == AF_INET) {
        (void)inet_ntop(AF_INET, &p->addr.v4.sin_addr, host, sizeof(host));
        len = snprintf(p->text, sizeof(p->text), "%s:%u", host, ntohs(p->addr.v4.sin_port));
    } else if (p->addr.any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &p->addr.v6.sin6_addr, host, sizeof(host));
        len = snprintf(p->text, sizeof(p->text), "[%s]:%u", host, ntohs(p->addr.v6.sin6_port));
    } else {
        len = snprintf(p->text, sizeof(p->text), "unix");
    }
    p->n_text = (size_t)len;
    return p;
}

static void note_uid(struct peer *p, int fd)
{
    struct ucred cred;
    socklen_t n = sizeof(cred);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0 || n != sizeof(cred))
        return;
    p->has_uid = true;
    p->uid = cred.uid;
}

/* The bytes of the address that connections are counted by; empty for those not counted. */
static struct str count_key(const struct peer *p)
{
    if (p->addr.any.sa_family == AF_INET) {
        const uint8_t *b = (const uint8_t *)&p->addr.v4.sin_addr;
        return b[0] == 127 ? STR_NONE : (struct str){ (const char *)b, 4 };
    }
    if (p->addr.any.sa_family == AF_INET6 && !IN6_IS_ADDR_LOOPBACK(&p->addr.v6.sin6_addr))
        return (struct str){ (const char *)&p->addr.v6.sin6_addr, 16 };
    return STR_NONE;
}

/* One more of this address; false when it has enough. */
static bool count_peer(struct http_server *s, const struct peer *p, struct peer_count **ret)
{
    struct str key = count_key(p);
    *ret = NULL;
    if (key.n == 0)
        return true;
    struct peer_count *n = map_get(s->peers, key);
    if (!n) {
        n = MEM_NEW(struct peer_count);
        memcpy(n->key, key.p, key.n);
        n->n_key = key.n;
        (void)map_put(s->peers, key, n);
    }
    if (n->n >= s->limits.conns_per_peer && n->n > 0)
        return false;
    n->n++;
    *ret = n;
    return true;
}

static void take(struct http_listener *l, int fd, const struct sockaddr_storage *from, socklen_t n)
{
    struct http_server *s = l->server;
    struct peer *p = peer_new(from, n);
    struct peer_count *count = NULL;
    struct conn *c = NULL;
    int on = 1;
    if (s->n_conns < s->limits.conns_max && count_peer(s, p, &count))
        c = conn_new(s, l, fd);
    if (!c) {
        if (count && --count->n == 0)
            free(map_remove(s->peers, (struct str){ count->key, count->n_key }));
        peer_unref(s, p);
        (void)close(fd);
        return;
    }
    c->peer = p;
    c->count = count;
    s->n_conns++;
    if (l->is_unix)
        note_uid(p, fd);
    else
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* False when none is left, or no descriptor for it. */
static bool accept_one(struct http_listener *l)
{
    struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
    socklen_t n = sizeof(from);
    int fd = accept4(l->io.fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        take(l, fd, &from, n);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        out_of_descriptors(l);
        return false;
    }
    return errno != EAGAIN && errno != EWOULDBLOCK; /* else that one is gone: the next */
}

static void listener_ready(struct loop_io *io, uint32_t events)
{
    struct http_listener *l = CONTAINER_OF(io, struct http_listener, io);
    (void)events;
    for (int i = 0; i < BURST && accept_one(l); i++)
        continue;
}

/* Those whom the kernel has let in already would get a reset when the listener closes. */
static void take_waiting(struct http_listener *l)
{
    for (int i = 0; l->watched && i < BACKLOG && accept_one(l); i++)
        continue;
}

void listen_take_waiting(struct http_server *s)
{
    for (struct http_listener *l = s->listeners; l; l = l->next)
        take_waiting(l);
}

static void add_listener(struct http_server *s, int fd, const char *unix_path, void *tag)
{
    struct http_listener *l = MEM_NEW(struct http_listener);
    l->server = s;
    l->io = (struct loop_io){ fd, listener_ready };
    l->tag = tag;
    l->is_unix = unix_path != NULL;
    if (unix_path)
        l->path = mem_dup(unix_path, strlen(unix_path));
    l->next = s->listeners;
    s->listeners = l;
}

static int bind_failed(struct err *e, uint16_t port)
{
    switch (errno) {
    case EADDRINUSE:
        return err_set(e, ERR_CONFLICT,
            "port %u is taken: stop the other program or choose another --listen", port);
    case EACCES:
        return err_set(e, ERR_FORBIDDEN,
            "no permission to listen on port %u: choose one above 1023 with --listen, or grant "
            "CAP_NET_BIND_SERVICE",
            port);
    case EADDRNOTAVAIL:
        return err_set(e, ERR_USAGE,
            "this machine does not have the address to listen on: choose another --listen");
    default:
        return err_sys(e, "listen on port %u", port);
    }
}

static int open_tcp(const struct addrinfo *ai, uint16_t port, int *ret_fd, struct err *e)
{
    int on = 1, off = 0;
    AUTO_CLOSE int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(e, "make a socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (ai->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
        return bind_failed(e, port);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int bound_port(int fd, uint16_t *ret_port, struct err *e)
{
    struct sockaddr_in6 at = { 0 }; /* sin_port of IPv4 stands where sin6_port does */
    socklen_t n = sizeof(at);
    if (getsockname(fd, (struct sockaddr *)&at, &n) < 0)
        return err_sys(e, "read the address of a socket");
    *ret_port = ntohs(at.sin6_port);
    return 0;
}

int http_listen_tcp(struct http_server *s, struct str host, uint16_t port, void *tag,
    uint16_t *ret_port, struct err *e)
{
    char name[256], service[8];
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    AUTO_CLOSE int fd = -1;
    if (host.n >= sizeof(name))
        return err_set(e, ERR_USAGE, "the host to listen on is too long");
    memcpy(name, host.p ? host.p : "", host.n);
    name[host.n] = 0;
    (void)snprintf(service, sizeof(service), "%u", port);
    int r = getaddrinfo(host.n > 0 ? name : NULL, service, &hints, &found);
    if (r != 0)
        return err_set(e, ERR_USAGE, "cannot listen on \"%s\": %s", name, gai_strerror(r));
    r = -1; /* the first of its addresses that this machine can listen on */
    for (const struct addrinfo *ai = found; ai && r < 0; ai = ai->ai_next)
        r = open_tcp(ai, port, &fd, e);
    freeaddrinfo(found);
    if (r < 0 || (ret_port && bound_port(fd, ret_port, e) < 0))
        return -1;
    add_listener(s, TAKE_FD(fd), NULL, tag);
    return 0;
}

/* A socket file that nobody answers on is a leftover of a run that was killed. */
static int remove_leftover(const struct sockaddr_un *at, struct err *e)
{
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(e, "make a socket");
    if (connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 || errno == EAGAIN)
        return err_set(e, ERR_CONFLICT, "another program listens on this unix socket: stop it");
    struct stat st;
    if (errno != ECONNREFUSED || lstat(at->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return 0;
    if (unlink(at->sun_path) < 0)
        return err_sys(e, "remove an old unix socket");
    return 0;
}

int http_listen_unix(
    struct http_server *s, const char *path, unsigned mode, void *tag, struct err *e)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(at.sun_path))
        return err_set(e, ERR_USAGE, "the path of the unix socket is longer than %zu bytes",
            sizeof(at.sun_path) - 1);
    memcpy(at.sun_path, path, strlen(path));
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(e, "make a socket");
    if (remove_leftover(&at, e) < 0)
        return -1;
    /* The mode is on the socket before it has a name: no moment in which it is open to others. */
    (void)fchmod(fd, 0600);
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
        if (errno == EADDRINUSE)
            return err_set(e, ERR_CONFLICT,
                "the path of the unix socket is taken by another file: move it away or choose "
                "another --listen");
        return err_sys(e, "bind the unix socket");
    }
    if (chmod(path, mode) < 0 || listen(fd, BACKLOG) < 0)
        return err_sys(e, "listen on the unix socket");
    add_listener(s, TAKE_FD(fd), path, tag);
    return 0;
}

int http_start(struct http_server *s, struct err *e)
{
    if (s->draining) {
        listen_close(s); /* one that was opened too late */
        return 0;
    }
    for (struct http_listener *l = s->listeners; l; l = l->next) {
        if (l->watched || l->closed)
            continue;
        if (loop_add(s->loop, &l->io, EPOLLIN, e) < 0)
            return -1;
        l->watched = true;
    }
    return 0;
}

static void close_one(struct http_listener *l)
{
    if (l->watched)
        loop_remove(l->server->loop, &l->io);
    l->watched = false;
    if (l->io.fd >= 0)
        (void)close(l->io.fd);
    l->io.fd = -1;
    if (l->path)
        (void)unlink(l->path);
    free(TAKE(l->path));
}

/* Connections point at their listener: it stays, without its socket. */
void listen_close(struct http_server *s)
{
    loop_timer_cancel(s->loop, &s->accept_again);
    for (struct http_listener *l = s->listeners; l; l = l->next)
        close_one(l);
}

static void free_if_unused(struct http_listener *l)
{
    struct http_listener **at = &l->server->listeners;
    if (!l->closed || l->n_conns > 0)
        return;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    free(l);
}

void listen_conn_gone(struct http_listener *l)
{
    l->n_conns--;
    free_if_unused(l);
}

void http_unlisten(struct http_server *s, const void *tag)
{
    for (struct http_listener *l = s->listeners, *next; l; l = next) {
        next = l->next;
        if (l->tag != tag || l->closed)
            continue;
        take_waiting(l);
        close_one(l);
        l->closed = true;
        free_if_unused(l);
    }
}

void http_keep_field(struct http_server *s, const void *tag, struct str name)
{
    for (struct http_listener *l = s->listeners; l; l = l->next)
        if (l->tag == tag)
            l->kept = name;
}
