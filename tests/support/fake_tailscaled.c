#include "support/fake_tailscaled.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

static char many[65536];

static void leave(struct fake_conn *c)
{
    if (c->has_asked)
        c->fake->n_open--;
    loop_remove(c->fake->loop, &c->io);
    (void)close(c->io.fd);
    *c->prev = c->next;
    if (c->next)
        c->next->prev = c->prev;
    free(c);
}

void fake_hang_up(struct fake_conn *c)
{
    leave(c);
}

/* What a test says fits into a socket's buffer, or the other side has gone. */
void fake_say(struct fake_conn *c, struct str bytes)
{
    ssize_t n = send(c->io.fd, bytes.p, bytes.n, MSG_NOSIGNAL);
    assert(n == (ssize_t)bytes.n || errno == EPIPE || errno == ECONNRESET);
}

void fake_reply(struct fake_conn *c, unsigned status, struct str body)
{
    char head[128];
    int n = snprintf(head, sizeof(head),
        "HTTP/1.0 %u X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status,
        body.n);
    fake_say(c, (struct str){ head, (size_t)n });
    fake_say(c, body);
    fake_hang_up(c);
}

void fake_flood(struct fake_conn *c)
{
    fake_say(c, STR("HTTP/1.0 200 OK\r\n\r\n"));
    c->floods = true;
    loop_watch(c->fake->loop, &c->io, EPOLLIN | EPOLLOUT);
}

static bool take_question(struct fake_conn *c)
{
    c->text[c->n] = '\0';
    struct str all = { c->text, c->n };
    if (c->has_asked || !str_ends(all, STR("\r\n\r\n")))
        return false;
    struct str line = str_from_to(all, 0, str_find(all, '\r'));
    assert(str_eq(str_cut(&line, ' '), STR("GET")));
    c->target = str_cut(&line, ' ');
    assert(str_eq(line, STR("HTTP/1.0")));
    assert(strstr(c->text, "\r\nHost: local-tailscaled.sock\r\n"));
    assert(!strstr(c->text, "Origin:") && !strstr(c->text, "Referer:"));
    return c->has_asked = true;
}

static void on_conn(struct loop_io *io, uint32_t events)
{
    struct fake_conn *c = CONTAINER_OF(io, struct fake_conn, io);
    struct fake_tailscaled *f = c->fake;
    if (c->floods && send(io->fd, many, sizeof(many), MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
        leave(c);
        return;
    }
    if (!(events & ~(uint32_t)EPOLLOUT))
        return;
    ssize_t n = recv(io->fd, c->text + c->n, sizeof(c->text) - 1 - c->n, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        leave(c);
        return;
    }
    c->n += (size_t)n;
    if (!take_question(c))
        return;
    f->n_asked++;
    f->n_open++;
    f->n_open_max = f->n_open > f->n_open_max ? f->n_open : f->n_open_max;
    f->asked(f, c);
}

static void on_listener(struct loop_io *io, uint32_t events)
{
    struct fake_tailscaled *f = CONTAINER_OF(io, struct fake_tailscaled, io);
    (void)events;
    int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct fake_conn *c = MEM_NEW(struct fake_conn);
    c->io = (struct loop_io){ fd, on_conn };
    c->fake = f;
    c->next = f->first;
    c->prev = &f->first;
    if (c->next)
        c->next->prev = &c->next;
    f->first = c;
    int rc = loop_add(f->loop, &c->io, EPOLLIN, NULL);
    assert(rc == 0);
}

void fake_listen(struct fake_tailscaled *f, int backlog)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", f->path);
    f->io = (struct loop_io){ socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
        on_listener };
    assert(f->io.fd >= 0);
    int rc = bind(f->io.fd, (const struct sockaddr *)&a, sizeof(a));
    assert(rc == 0);
    rc = listen(f->io.fd, backlog);
    assert(rc == 0);
    rc = loop_add(f->loop, &f->io, EPOLLIN, NULL);
    assert(rc == 0);
    f->listening = true;
}

void fake_unlisten(struct fake_tailscaled *f)
{
    loop_remove(f->loop, &f->io);
    (void)close(f->io.fd);
    (void)unlink(f->path);
    f->listening = false;
}

void fake_pause(struct fake_tailscaled *f, bool pause)
{
    loop_watch(f->loop, &f->io, pause ? 0 : EPOLLIN);
}

void fake_start(struct fake_tailscaled *f, struct loop *l)
{
    f->loop = l;
    memcpy(f->dir, "/tmp/faketsXXXXXX", 18);
    const char *dir = mkdtemp(f->dir);
    assert(dir);
    (void)snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
    fake_listen(f, 4096);
}

void fake_end(struct fake_tailscaled *f)
{
    for (struct fake_conn *c = f->first, *next; c; c = next) {
        next = c->next;
        leave(c);
    }
    if (f->listening)
        fake_unlisten(f);
    (void)rmdir(f->dir);
}
