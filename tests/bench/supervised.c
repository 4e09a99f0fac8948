/* What runs under each supervisor of the benchmark `supervisor`, and what reads its output.
 *
 *     supervised wait FIFO            waits for a signal
 *     supervised orphans FIFO COUNT   makes so many orphans; then it says how many, and in how long
 *     supervised lines FIFO COUNT     writes so many lines to stdout; says the same
 *     supervised drain FIFO           reads these lines from stdin; says the same
 *
 * What it says goes to FIFO as a line of its own, first `0 0` when it runs; times are nanoseconds.
 * The second and the third begin when somebody opens FIFO.go for writing. SIGTERM ends it at once:
 * there is no handler. Static, so that 40,000 forks are cheap. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE 100
#define BLOCK 41 /* lines a write: what stdio makes of them, near enough */
#define LAST "this was the last line\n"
#define PAUSE_NS 100000000

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void say(const char *fifo, int64_t a, int64_t b)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%" PRId64 " %" PRId64 "\n", a, b);
    int fd = open(fifo, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, (size_t)n) != n)
        fail(fifo);
    close(fd);
}

/* Not before the supervisor's own start is over. */
static int64_t begin(const char *fifo)
{
    char path[4096];
    say(fifo, 0, 0);
    snprintf(path, sizeof path, "%s.go", fifo);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail(path);
    close(fd);
    return now();
}

static void orphan(void)
{
    pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    if (!pid) {
        pid_t grandchild = fork();
        _exit(grandchild < 0);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid || status)
        fail("an orphan");
}

static void all(const char *p, size_t n)
{
    while (n) {
        ssize_t done = write(STDOUT_FILENO, p, n);
        if (done < 0)
            fail("write");
        p += done;
        n -= (size_t)done;
    }
}

static void lines(long count)
{
    static char block[LINE * BLOCK];
    memset(block, 'x', sizeof block);
    for (size_t i = 1; i <= BLOCK; i++)
        block[i * LINE - 1] = '\n';
    for (; count > 0; count -= BLOCK)
        all(block, LINE * (size_t)(count < BLOCK ? count : BLOCK));
}

/* Counts the lines before the last one, which a read may cut in two; not the supervisor's own. */
static void drain(const char *fifo)
{
    static char buf[64 + 65536];
    int64_t seen = 0, start = 0;
    size_t kept = 0;
    for (;;) {
        ssize_t n = read(STDIN_FILENO, buf + kept, sizeof buf - kept);
        if (n < 0)
            fail("read");
        if (!n)
            break;
        start = start ? start : now();
        char *end = buf + kept + n, *last = memmem(buf, (size_t)(end - buf), LAST, strlen(LAST));
        for (char *p = buf + kept; (p = memchr(p, '\n', (size_t)(end - p))); p++)
            seen += (!last || p < last) && p > buf && p[-1] == 'x';
        if (last)
            break;
        kept = end - buf < 64 ? (size_t)(end - buf) : 64;
        memmove(buf, end - kept, kept);
    }
    say(fifo, seen, now() - start);
    while (read(STDIN_FILENO, buf, sizeof buf) > 0)
        ;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 2 ? argv[1] : "", *fifo = argc > 2 ? argv[2] : "";
    long count = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
    if (!strcmp(mode, "wait")) {
        say(fifo, 0, 0);
    } else if (!strcmp(mode, "orphans")) {
        int64_t start = begin(fifo);
        for (long i = 0; i < count; i++)
            orphan();
        say(fifo, count, now() - start);
    } else if (!strcmp(mode, "lines")) {
        int64_t start = begin(fifo);
        lines(count);
        say(fifo, count, now() - start);
        /* Again and again: a supervisor that drops lines may drop this one too. */
        for (;;) {
            all(LAST, strlen(LAST));
            nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
        }
    } else if (!strcmp(mode, "drain")) {
        drain(fifo);
        return 0;
    } else {
        fputs("usage: supervised wait|orphans|lines|drain FIFO [COUNT]\n", stderr);
        return 2;
    }
    for (;;)
        pause();
}
