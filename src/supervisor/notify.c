/* The socket is abstract, so that it needs no folder and is gone with its descriptor, also in a
 * container whose file system is read-only. Its name is random: an abstract socket has no owner
 * and no mode, who knows the name may write.
 *
 * Descriptors that come with a datagram (FDSTORE=1, BARRIER=1) are nothing we keep. A recv without
 * room for control data has the kernel close them before they ever get a number here, which is all
 * that the barrier of sd_notify_barrier waits for. */
#include "supervisor/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#define DATAGRAM_MAX 4096 /* systemd's NOTIFY_BUFFER_MAX: longer ones are not read there either */
#define DATAGRAMS 16      /* a round, so that a chatty process leaves the others their turn */

static bool is_line(struct notify *n, struct str line)
{
    int fd = n->watch.fd;
    if (str_eq(line, STR("READY=1")))
        n->message(n, NOTIFY_READY, STR_NONE);
    else if (str_eq(line, STR("WATCHDOG=1")))
        n->message(n, NOTIFY_WATCHDOG, STR_NONE);
    else if (str_starts(line, STR("STATUS=")))
        n->message(n, NOTIFY_STATUS, str_skip(line, sizeof("STATUS=") - 1));
    return n->watch.fd == fd; /* message may have closed it */
}

void notify_parse(struct notify *n, struct str datagram)
{
    if (datagram.n > 0 && datagram.p[datagram.n - 1] == '\0')
        datagram.n--; /* systemd allows one that C has left */
    if (str_has(datagram, '\0'))
        return;
    while (datagram.n > 0)
        if (!is_line(n, str_cut(&datagram, '\n')))
            return;
}

static void readable(struct watch *w, uint32_t what)
{
    struct notify *n = CONTAINER_OF(w, struct notify, watch);
    char datagram[DATAGRAM_MAX];
    (void)what;
    for (int i = 0; i < DATAGRAMS && w->fd >= 0; i++) {
        ssize_t got = recv(w->fd, datagram, sizeof(datagram), MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return;
        if ((size_t)got <= sizeof(datagram))
            notify_parse(n, (struct str){ datagram, (size_t)got });
    }
}

static int choose_address(char *address, size_t size, struct err *e)
{
    unsigned char secret[16];
    char hex[2 * sizeof(secret) + 1];
    if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
        return err_sys(e, "read random bytes for a notify socket");
    for (size_t i = 0; i < sizeof(secret); i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", secret[i]);
    (void)snprintf(address, size, "@groundcontrol/%d/%s", (int)getpid(), hex);
    return 0;
}

int notify_open(struct notify *n, struct events *ev, struct err *e)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    n->ev = ev;
    n->watch = (struct watch){ .ready = readable, .fd = -1 };
    if (choose_address(n->address, sizeof(n->address), e) < 0)
        return -1;
    size_t len = strlen(n->address);
    memcpy(name.sun_path + 1, n->address + 1, len - 1); /* '@' stands for the NUL */
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(e, "open a notify socket");
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (bind(fd, (const struct sockaddr *)&name, size) < 0)
        return err_sys(e, "bind a notify socket");
    n->watch.fd = fd;
    if (watch_add(ev, &n->watch, EPOLLIN, e) < 0) {
        n->watch.fd = -1;
        return -1;
    }
    (void)TAKE_FD(fd);
    return 0;
}

void notify_close(struct notify *n)
{
    if (n->watch.fd < 0)
        return;
    watch_remove(n->ev, &n->watch);
    (void)close(n->watch.fd);
    n->watch.fd = -1;
}
