/* A long cable for one machine: joins two network namespaces by a pair of TUN devices, both called
 * wan0, and holds every packet back for a fixed time each way. It stands in for `tc netem`, which
 * many kernels lack. Needs root.
 *
 *     wanline NAMESPACE_A NAMESPACE_B DELAY_US
 *
 * Prints "ready" once both devices exist; ends when it is killed, or by itself after an hour. */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define QUEUE_LEN 65536u /* a power of two: positions run on and wrap */
#define PACKET_MAX 65536
#define LIFE_S 3600

struct packet {
    int64_t due;
    size_t n;
    char *bytes;
};

struct way {
    int from, to;
    unsigned head, tail;
    struct packet queue[QUEUE_LEN];
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int open_tun_in(const char *netns)
{
    char path[128];
    snprintf(path, sizeof path, "/var/run/netns/%s", netns);
    int ns = open(path, O_RDONLY | O_CLOEXEC);
    if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
        die(path);
    close(ns);
    struct ifreq req = { .ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "wan0" };
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &req) < 0)
        die("/dev/net/tun");
    return fd;
}

static void take_in(struct way *w, int64_t delay)
{
    static char bytes[PACKET_MAX];
    ssize_t n;
    while (w->tail - w->head < QUEUE_LEN && (n = read(w->from, bytes, sizeof bytes)) > 0) {
        struct packet *p = &w->queue[w->tail++ % QUEUE_LEN];
        p->due = now_ns() + delay;
        p->n = (size_t)n;
        p->bytes = malloc(p->n);
        if (p->bytes == NULL)
            die("malloc");
        memcpy(p->bytes, bytes, p->n);
    }
}

static void let_out(struct way *w)
{
    int64_t now = now_ns();
    while (w->head != w->tail && w->queue[w->head % QUEUE_LEN].due <= now) {
        struct packet *p = &w->queue[w->head++ % QUEUE_LEN];
        /* A far end that is down loses the packet, as a line does. */
        ssize_t written = write(w->to, p->bytes, p->n);
        (void)written;
        free(p->bytes);
    }
}

static int64_t next_due(const struct way ways[2])
{
    int64_t next = 0;
    for (int i = 0; i < 2; i++) {
        const struct way *w = &ways[i];
        int64_t due = w->head == w->tail ? 0 : w->queue[w->head % QUEUE_LEN].due;
        if (due && (!next || due < next))
            next = due;
    }
    return next;
}

int main(int argc, char **argv)
{
    static struct way ways[2];
    if (argc != 4) {
        fputs("usage: wanline NAMESPACE_A NAMESPACE_B DELAY_US\n", stderr);
        return 2;
    }
    alarm(LIFE_S);
    int64_t delay = (int64_t)strtoull(argv[3], NULL, 10) * 1000;
    ways[0].from = ways[1].to = open_tun_in(argv[1]);
    ways[1].from = ways[0].to = open_tun_in(argv[2]);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (timer < 0)
        die("timerfd_create");
    puts("ready");
    fflush(stdout);
    for (;;) {
        int64_t next = next_due(ways);
        struct itimerspec at = { .it_value = { next / NS_PER_S, next % NS_PER_S } };
        timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
        struct pollfd p[3] = { { .fd = ways[0].from, .events = POLLIN },
            { .fd = ways[1].from, .events = POLLIN }, { .fd = timer, .events = POLLIN } };
        poll(p, 3, -1);
        for (int i = 0; i < 2; i++) {
            take_in(&ways[i], delay);
            let_out(&ways[i]);
        }
    }
}
