/* Publishes ready-made bodies to a registry from a number of connections at once, and may read one
 * index file all the while. Prints what it measured as one JSON object.
 *
 *     PUBLISH_TOKEN=... publish_load ADDRESS PORT BODIES PUBLISHERS SECONDS [INDEX_PATH]
 *
 * BODIES holds u32le length, body, and so on (graph.py). It ends with the bodies or after SECONDS.
 * A thread a connection, which only copies from mapped memory: 16 of them cost less CPU than one
 * server thread that parses what they send. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAX 2048
#define ANSWER_MAX 65536
#define BODIES_MAX 100000u
#define READS_MAX 1000000u
#define PUBLISHERS_MAX 64
#define READ_PAUSE_NS 1000000

struct body {
    const char *p;
    size_t n;
};

struct samples {
    uint32_t *us;
    _Atomic uint32_t n;
};

struct load {
    struct sockaddr_in addr;
    const char *host, *token, *index_path;
    struct body *bodies;
    uint32_t n_bodies;
    _Atomic uint32_t next, failed;
    struct samples published, read;
    int64_t stop_at;
    _Atomic bool over;
};

struct peer {
    int fd;
    size_t n; /* bytes of answer, of which a whole one is taken at once */
    char answer[ANSWER_MAX];
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
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void peer_open(const struct load *l, struct peer *p)
{
    int on = 1;
    struct timeval limit = { .tv_sec = 30 };
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    p->n = 0;
    if (p->fd < 0 || connect(p->fd, (const struct sockaddr *)&l->addr, sizeof l->addr) < 0)
        die("connect");
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

static void send_all(const struct peer *p, struct iovec *v, int n)
{
    while (n > 0) {
        ssize_t sent = writev(p->fd, v, n);
        if (sent < 0)
            die("send");
        for (; n > 0 && (size_t)sent >= v->iov_len; v++, n--)
            sent -= (ssize_t)v->iov_len;
        if (n > 0) {
            v->iov_base = (char *)v->iov_base + sent;
            v->iov_len -= (size_t)sent;
        }
    }
}

/* Reads one answer with a Content-Length, as both routes send it: its status. */
static unsigned read_answer(struct peer *p)
{
    const char *end = NULL, *field;
    size_t whole = ANSWER_MAX;
    p->n = 0;
    while (p->n < whole) {
        ssize_t got = recv(p->fd, p->answer + p->n, sizeof p->answer - 1 - p->n, 0);
        if (got <= 0)
            die("the server closed the connection");
        p->n += (size_t)got;
        p->answer[p->n] = '\0';
        if (end == NULL && (end = strstr(p->answer, "\r\n\r\n")) != NULL) {
            field = strcasestr(p->answer, "\r\ncontent-length:");
            if (field == NULL || field > end)
                die("an answer without Content-Length");
            whole = (size_t)(end + 4 - p->answer) + strtoul(field + 17, NULL, 10);
            if (whole >= ANSWER_MAX)
                die("an answer that is too long");
        }
    }
    return (unsigned)strtoul(p->answer + 9, NULL, 10);
}

static void sample_add(struct samples *s, uint32_t max, int64_t since)
{
    uint32_t at = atomic_fetch_add(&s->n, 1);
    if (at < max)
        s->us[at] = (uint32_t)((now_ns() - since) / 1000);
}

static void *run_publisher(void *arg)
{
    struct load *l = arg;
    struct peer *p = malloc(sizeof *p);
    char head[HEAD_MAX];
    uint32_t i;
    if (p == NULL)
        die("malloc");
    peer_open(l, p);
    while (now_ns() < l->stop_at && (i = atomic_fetch_add(&l->next, 1)) < l->n_bodies) {
        const struct body *b = &l->bodies[i];
        int n = snprintf(head, sizeof head,
            "PUT /api/v1/crates/new HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n"
            "Authorization: %s\r\nContent-Length: %zu\r\n\r\n",
            l->host, l->token, b->n);
        struct iovec v[2] = { { head, (size_t)n }, { (void *)(uintptr_t)b->p, b->n } };
        int64_t start = now_ns();
        send_all(p, v, 2);
        if (read_answer(p) == 200)
            sample_add(&l->published, BODIES_MAX, start);
        else if (atomic_fetch_add(&l->failed, 1) == 0)
            fprintf(stderr, "publish_load: refused: %s\n", p->answer);
    }
    close(p->fd);
    free(p);
    return NULL;
}

static void *run_reader(void *arg)
{
    struct load *l = arg;
    struct peer *p = malloc(sizeof *p);
    char head[HEAD_MAX];
    if (p == NULL)
        die("malloc");
    peer_open(l, p);
    int n = snprintf(head, sizeof head,
        "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/plain\r\nAccept-Encoding: deflate, "
        "gzip\r\n\r\n",
        l->index_path, l->host);
    while (!atomic_load(&l->over)) {
        struct iovec v = { head, (size_t)n };
        struct timespec pause = { .tv_nsec = READ_PAUSE_NS };
        int64_t start = now_ns();
        send_all(p, &v, 1);
        if (read_answer(p) != 200) {
            fprintf(stderr, "publish_load: index: %s\n", p->answer);
            exit(1);
        }
        sample_add(&l->read, READS_MAX, start);
        nanosleep(&pause, NULL);
    }
    close(p->fd);
    free(p);
    return NULL;
}

static void map_bodies(struct load *l, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        die(path);
    size_t size = (size_t)st.st_size, at = 0;
    const char *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (p == MAP_FAILED)
        die("mmap");
    close(fd);
    while (at + 4 <= size && l->n_bodies < BODIES_MAX) {
        uint32_t n;
        memcpy(&n, p + at, sizeof n);
        at += 4;
        if (n > size - at)
            die("a body that is cut short");
        l->bodies[l->n_bodies++] = (struct body){ p + at, n };
        at += n;
    }
}

static int by_value(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void print_samples(const char *name, struct samples *s, uint32_t max)
{
    uint32_t n = s->n < max ? s->n : max;
    printf("\"%s\": {\"n\": %u", name, n);
    if (n > 0) {
        qsort(s->us, n, sizeof *s->us, by_value);
        printf(", \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f", s->us[n / 2] / 1e3,
            s->us[(uint64_t)n * 99 / 100] / 1e3, s->us[n - 1] / 1e3);
    }
    printf("}");
}

static void run(struct load *l, unsigned publishers)
{
    pthread_t threads[PUBLISHERS_MAX], reader;
    int64_t start = now_ns();
    for (unsigned i = 0; i < publishers; i++) {
        if (pthread_create(&threads[i], NULL, run_publisher, l) != 0)
            die("pthread_create");
    }
    if (l->index_path && pthread_create(&reader, NULL, run_reader, l) != 0)
        die("pthread_create");
    for (unsigned i = 0; i < publishers; i++)
        pthread_join(threads[i], NULL);
    int64_t took = now_ns() - start;
    atomic_store(&l->over, true);
    if (l->index_path)
        pthread_join(reader, NULL);
    printf("{\"seconds\": %.3f, \"failed\": %u, ", (double)took / 1e9, l->failed);
    print_samples("publish", &l->published, BODIES_MAX);
    printf(", ");
    print_samples("index", &l->read, READS_MAX);
    printf("}\n");
}

int main(int argc, char **argv)
{
    static struct load l;
    static char host[64];
    if (argc < 6 || argc > 7 || getenv("PUBLISH_TOKEN") == NULL) {
        fputs("usage: PUBLISH_TOKEN=T publish_load ADDRESS PORT BODIES PUBLISHERS SECONDS "
              "[INDEX_PATH]\n",
            stderr);
        return 2;
    }
    unsigned long publishers = strtoul(argv[4], NULL, 10);
    if (publishers < 1 || publishers > PUBLISHERS_MAX)
        die("PUBLISHERS");
    snprintf(host, sizeof host, "%s:%s", argv[1], argv[2]);
    l.host = host;
    l.token = getenv("PUBLISH_TOKEN");
    l.index_path = argc == 7 ? argv[6] : NULL;
    l.addr.sin_family = AF_INET;
    l.addr.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
    if (inet_pton(AF_INET, argv[1], &l.addr.sin_addr) != 1)
        die(argv[1]);
    l.bodies = calloc(BODIES_MAX, sizeof *l.bodies);
    l.published.us = calloc(BODIES_MAX, sizeof *l.published.us);
    l.read.us = calloc(READS_MAX, sizeof *l.read.us);
    if (l.bodies == NULL || l.published.us == NULL || l.read.us == NULL)
        die("calloc");
    map_bodies(&l, argv[3]);
    l.stop_at = now_ns() + (int64_t)(strtod(argv[5], NULL) * 1e9);
    run(&l, (unsigned)publishers);
    return l.failed > 0;
}
