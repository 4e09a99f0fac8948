/* The rings of one output lie side by side in one mapping. A record is a finished line with a
 * header; records of all rings hang on one list in the order in which they came, so leaving in that
 * order needs no search. A record never wraps around the end of its ring: it can be handed to
 * writev as it lies. A ring that runs empty begins again at its start, so a quiet process has
 * touched a page or two of its megabyte.
 *
 * Lines are gathered until 64 wait or the loop comes round (a timer of 0 ms), then leave in one
 * call. EPOLLOUT is watched only while something waits: a closed pipe would else wake the loop for
 * ever. */
#include "supervisor/output.h"

#include "base/clock.h"
#include "base/mem.h"
#include "supervisor/output_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define GATHER 256
#define STALL_MS 1000 /* at the end, for a reader that does not read */
#define SOURCES_MAX 4096
#define HOLD_MS 500     /* how long a full pipe behind us may hold up who writes */
#define RETRY_MS 1000   /* a full disk */
#define KEEP (1u << 16) /* bytes an empty ring keeps */
#define NO_WRAP SIZE_MAX

struct record {
    struct record *next;
    struct source *source;
    uint32_t len;  /* of the line, which follows */
    uint32_t size; /* taken in the ring */
};

struct source {
    struct output *o;
    char *ring;
    size_t head, tail; /* oldest record; where the next one goes */
    size_t wrap;       /* after a record that ends here the next is at 0 */
    size_t used, touched;
    size_t records;
    uint64_t dropped;
    int64_t crowded_ms; /* since when the ring is more than half full; -1: it is not */
    bool taken, open;
    unsigned colour;
    size_t name_n;
    char name[NAME_SHOWN];
};

struct output {
    struct events *ev;
    int fd;         /* written to */
    int own_fd;     /* the same opened anew, to be closed; or -1 */
    int old_flags;  /* to be put back, or -1 */
    bool is_socket; /* non-blocking call by call */
    bool dead;      /* nobody reads any more */
    bool waiting;   /* for room, in the watch or the timer */
    int trouble;    /* errno while it cannot be written (a full disk), else 0 */
    struct watch watch;
    struct timer timer;
    struct record *first, *last;
    size_t queued, written; /* records; bytes of the first that are out */
    uint64_t bytes_out;
    struct output_style style;
    struct filter filter;
    unsigned turn;
    char *rings;
    size_t n; /* sources; the first is the supervisor's own */
    struct source *sources;
    char line[LINE_OUT_MAX];
    char notice[LINE_OUT_MAX]; /* may come between making a line and keeping it */
};

enum write_out { OUT_ALL, OUT_WAIT, OUT_RETRY };

static char *record_text(struct record *r)
{
    return (char *)(r + 1);
}

/* Where a record of that size can lie; STR_NPOS: nowhere. tail never catches up with head. */
static size_t ring_place(struct source *s, size_t size)
{
    if (s->wrap != NO_WRAP)
        return s->head - s->tail > size ? s->tail : STR_NPOS;
    if (OUTPUT_RING - s->tail >= size)
        return s->tail;
    if (s->head <= size)
        return STR_NPOS;
    s->wrap = s->tail;
    s->tail = 0;
    return 0;
}

static bool ring_put(struct source *s, const char *line, size_t n)
{
    struct output *o = s->o;
    size_t size = (sizeof(struct record) + n + 7) & ~(size_t)7;
    size_t at = ring_place(s, size);
    if (at == STR_NPOS)
        return false;
    struct record *r = (struct record *)(void *)(s->ring + at);
    *r = (struct record){ .source = s, .len = (uint32_t)n, .size = (uint32_t)size };
    memcpy(record_text(r), line, n);
    s->tail = at + size;
    s->touched = s->tail > s->touched ? s->tail : s->touched;
    s->used += size;
    s->records++;
    if (o->last)
        o->last->next = r;
    else
        o->first = r;
    o->last = r;
    o->queued++;
    return true;
}

/* Starts again at the beginning, and gives back what a burst has touched. */
static void ring_rest(struct source *s)
{
    s->head = s->tail = 0;
    s->wrap = NO_WRAP;
    if (s->touched > KEEP) {
        (void)madvise(s->ring + KEEP, OUTPUT_RING - KEEP, MADV_DONTNEED);
        s->touched = KEEP;
    }
}

static size_t format_own(
    struct output *o, char out[LINE_OUT_MAX], enum say_level level, struct str text)
{
    struct line line = { .own = true, .level = level, .text = text, .wall_ms = clock_wall_ms() };
    return line_format(out, &o->style, &line);
}

/* Only once a quarter of the ring is free: else a slow reader would get one such line for each
 * line. False: not yet. */
static bool tell_dropped(struct source *s)
{
    struct output *o = s->o;
    char text[256];
    if (o->dead || o->filter.highest[TARGET_OWN] < SAY_WARN) {
        s->dropped = 0;
        return true;
    }
    if (s->used > OUTPUT_RING / 4 * 3)
        return false;
    int n = snprintf(text, sizeof(text), "%.*s%s%llu line%s dropped: the standard output %s%s",
        (int)s->name_n, s->name, s->name_n ? ": " : "", (unsigned long long)s->dropped,
        s->dropped == 1 ? "" : "s", o->trouble ? "cannot be written: " : "is not read fast enough",
        o->trouble ? strerror(o->trouble) : "");
    size_t len = n > 0 ? (size_t)n : 0;
    size_t out = format_own(
        o, o->notice, SAY_WARN, (struct str){ text, len < sizeof(text) ? len : sizeof(text) - 1 });
    if (!ring_put(s, o->notice, out))
        return false;
    s->dropped = 0;
    return true;
}

static void pop(struct output *o)
{
    struct record *r = o->first;
    struct source *s = r->source;
    o->first = r->next;
    if (!o->first)
        o->last = NULL;
    o->queued--;
    o->written = 0;
    s->head += r->size;
    s->used -= r->size;
    s->records--;
    if (s->records == 0) {
        ring_rest(s);
    } else if (s->head == s->wrap) {
        s->head = 0;
        s->wrap = NO_WRAP;
    }
    if (s->used <= OUTPUT_RING / 2)
        s->crowded_ms = -1;
    if (s->dropped)
        (void)tell_dropped(s);
    if (!s->open && s->records == 0)
        s->taken = false;
}

static void give_up(struct output *o)
{
    o->dead = true;
    while (o->first)
        pop(o);
}

static ssize_t write_some(struct output *o)
{
    struct iovec iov[GATHER];
    int n = 0;
    for (struct record *r = o->first; r && n < GATHER; r = r->next)
        iov[n++] = (struct iovec){ record_text(r), r->len };
    iov[0].iov_base = record_text(o->first) + o->written;
    iov[0].iov_len -= o->written;
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)n };
    if (o->is_socket)
        return sendmsg(o->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    return writev(o->fd, iov, n);
}

static enum write_out write_out(struct output *o)
{
    while (o->first) {
        ssize_t ret = write_some(o);
        if (ret < 0 && errno == EINTR)
            continue;
        if (ret < 0 && errno == EAGAIN)
            return OUT_WAIT;
        if (ret < 0 &&
            (errno == ENOSPC || errno == EDQUOT || errno == ENOBUFS || errno == ENOMEM)) {
            o->trouble = errno;
            return OUT_RETRY;
        }
        if (ret < 0) {
            give_up(o);
            break;
        }
        size_t left = (size_t)ret;
        o->bytes_out += left;
        while (left && left >= o->first->len - o->written) {
            left -= o->first->len - o->written;
            pop(o);
        }
        o->written += left;
        if (ret > 0)
            o->trouble = 0;
    }
    return OUT_ALL;
}

/* watch_add refuses what epoll cannot watch; then only trying again helps. */
static void drain(struct output *o)
{
    enum write_out ret = write_out(o);
    o->waiting = ret != OUT_ALL;
    if (ret != OUT_WAIT)
        watch_remove(o->ev, &o->watch);
    timer_stop(&o->timer);
    if (ret == OUT_RETRY ||
        (ret == OUT_WAIT && !o->watch.on && watch_add(o->ev, &o->watch, EPOLLOUT, NULL) < 0))
        timer_arm(o->ev, &o->timer, RETRY_MS);
}

static void watch_ready(struct watch *w, uint32_t what)
{
    (void)what;
    drain(CONTAINER_OF(w, struct output, watch));
}

static void timer_fire(struct timer *t)
{
    drain(CONTAINER_OF(t, struct output, timer));
}

/* o->line has n bytes to be said by s. When the ring is full, the reader may have made room since
 * epoll was last asked; that is tried once, not for each line that is lost. */
static void enqueue(struct source *s, size_t n)
{
    struct output *o = s->o;
    bool fits = ring_put(s, o->line, n);
    if (!fits && o->trouble == 0) {
        drain(o);
        fits = !o->dead && ring_put(s, o->line, n);
    }
    if (o->dead)
        return;
    if (!fits)
        s->dropped++;
    if (o->waiting)
        return;
    if (o->queued >= GATHER)
        drain(o);
    else if (!o->timer.armed)
        timer_arm(o->ev, &o->timer, 0);
}

/* Can s say something now? Else that is counted. */
static bool may_speak(struct source *s, enum target target, enum say_level level)
{
    if (s->o->dead || s->o->filter.highest[target] < (int)level)
        return false;
    if (s->dropped == 0 || tell_dropped(s))
        return true;
    s->dropped++;
    return false;
}

void source_line(struct source *s, const char *phase, enum channel channel, struct str text)
{
    if (!s)
        return;
    struct output *o = s->o;
    enum target target = channel == CHANNEL_STDERR ? TARGET_STDERR : TARGET_STDOUT;
    struct line line = { .channel = channel,
        .colour = s->colour,
        .name = { s->name, s->name_n },
        .phase = phase,
        .wall_ms = clock_wall_ms() };
    do {
        line.text = utf8_clip(text, OUTPUT_LINE_MAX);
        text = str_skip(text, line.text.n);
        if (may_speak(s, target, SAY_INFO))
            enqueue(s, line_format(o->line, &o->style, &line));
    } while (text.n);
}

void say(struct output *o, enum say_level level, const char *fmt, ...)
{
    char text[OUTPUT_LINE_MAX];
    if (!o || !may_speak(&o->sources[0], TARGET_OWN, level))
        return;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    struct str all = { text, n > 0 ? (size_t)n : 0 };
    if (all.n >= sizeof(text)) {
        all.n = sizeof(text) - 1;
        all = utf8_clip(all, all.n - 1);
    }
    enqueue(&o->sources[0], format_own(o, o->line, level, all));
}

bool source_asks_to_wait(struct source *s)
{
    if (!s || s->used <= OUTPUT_RING / 2)
        return false;
    int64_t now = s->o->ev->now_ms();
    if (s->crowded_ms < 0)
        s->crowded_ms = now;
    return now - s->crowded_ms < HOLD_MS;
}

bool source_is_full(const struct source *s)
{
    return s && s->used > OUTPUT_RING / 8 * 7;
}

uint64_t output_bytes(const struct output *o)
{
    return o->bytes_out;
}

static void source_begin(struct source *s, struct str name, unsigned colour)
{
    name = utf8_clip(name, NAME_SHOWN);
    if (name.n)
        memcpy(s->name, name.p, name.n);
    s->name_n = name.n;
    s->colour = colour;
    s->dropped = 0;
    s->crowded_ms = -1;
    s->taken = s->open = true;
}

/* The lines of one that is gone, for the benefit of one that comes; not the one half written. */
static void forget_lines(struct source *s)
{
    struct output *o = s->o;
    struct record **link = &o->first, *last = NULL;
    if (o->first && o->written) {
        last = o->first;
        link = &o->first->next;
    }
    while (*link) {
        if ((*link)->source == s) {
            *link = (*link)->next;
            o->queued--;
        } else {
            last = *link;
            link = &last->next;
        }
    }
    o->last = last;
    s->used = s->records = 0;
    ring_rest(s);
    s->taken = false;
}

struct source *source_open(struct output *o, const char *name, bool daemon)
{
    struct source *gone = NULL, *s = NULL;
    for (size_t i = 1; i < o->n && !s; i++) {
        if (!o->sources[i].taken)
            s = &o->sources[i];
        else if (!o->sources[i].open && !(o->written && o->first->source == &o->sources[i]))
            gone = &o->sources[i];
    }
    if (!s && gone) {
        forget_lines(gone);
        s = gone;
    }
    if (s)
        source_begin(s, str_from(name), daemon ? 1 + o->turn++ % COLOURS : COLOUR_BOLD);
    return s;
}

void source_close(struct source *s)
{
    if (!s)
        return;
    s->open = false;
    if (s->records == 0)
        s->taken = false;
}

void output_restyle(struct output *o, const struct output_style *style)
{
    o->style = *style;
    o->style.filter = NULL; /* not ours to keep */
    filter_parse(&o->filter, style->filter);
}

/* What is non-blocking is the open file, which a shell and our children may share; so we open it
 * anew where that gives an independent one. /proc may be missing, or the file may belong to
 * somebody else; then it is made so for all, for as long as we live. A regular file opened anew
 * would be written from its start, and never blocks. */
static void make_nonblocking(struct output *o)
{
    struct stat st;
    char path[40];
    if (fstat(o->fd, &st) < 0) {
        o->dead = true;
        return;
    }
    o->is_socket = S_ISSOCK(st.st_mode);
    if (!S_ISFIFO(st.st_mode) && !isatty(o->fd))
        return;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", o->fd);
    o->own_fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (o->own_fd >= 0) {
        o->fd = o->own_fd;
        return;
    }
    int flags = fcntl(o->fd, F_GETFL);
    if (flags < 0 || flags & O_NONBLOCK)
        return;
    if (fcntl(o->fd, F_SETFL, flags | O_NONBLOCK) == 0)
        o->old_flags = flags;
}

int output_open(struct output **ret, struct events *ev, int fd, size_t sources,
    const struct output_style *style, struct err *e)
{
    if (sources > SOURCES_MAX)
        return err_set(e, ERR_USAGE, "There are more than %d processes", SOURCES_MAX);
    size_t n = sources + 1;
    char *rings = mmap(NULL, n * OUTPUT_RING, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (rings == MAP_FAILED)
        return err_sys(e, "mapping the buffers of %zu processes", sources);
    struct output *o = MEM_NEW(struct output);
    o->ev = ev;
    o->fd = fd;
    o->own_fd = o->old_flags = -1;
    o->rings = rings;
    o->n = n;
    o->sources = mem_array(n, sizeof(*o->sources));
    for (size_t i = 0; i < n; i++) {
        o->sources[i].o = o;
        o->sources[i].ring = rings + i * OUTPUT_RING;
        ring_rest(&o->sources[i]);
    }
    source_begin(&o->sources[0], STR_NONE, COLOUR_BOLD);
    make_nonblocking(o);
    o->watch = (struct watch){ .ready = watch_ready, .fd = o->fd };
    o->timer = (struct timer){ .fire = timer_fire };
    output_restyle(o, style);
    *ret = o;
    return 0;
}

/* Who reads gets the time there is; who does not read is not waited for that long. */
static void flush(struct output *o, int64_t flush_ms)
{
    int64_t end = clock_mono_ms() + flush_ms, stall_end = 0;
    uint64_t seen = UINT64_MAX;
    for (enum write_out how = write_out(o); how != OUT_ALL; how = write_out(o)) {
        int64_t now = clock_mono_ms();
        if (o->bytes_out != seen)
            stall_end = now + STALL_MS;
        seen = o->bytes_out;
        int64_t left = (end < stall_end ? end : stall_end) - now;
        if (left <= 0)
            break;
        struct pollfd p = { .fd = how == OUT_WAIT ? o->fd : -1, .events = POLLOUT };
        (void)poll(&p, 1, (int)(left < 100 ? left : 100));
    }
}

void output_close(struct output *o, int64_t flush_ms)
{
    if (!o)
        return;
    timer_stop(&o->timer);
    watch_remove(o->ev, &o->watch);
    flush(o, flush_ms);
    if (o->own_fd >= 0)
        (void)close(o->own_fd);
    if (o->old_flags >= 0)
        (void)fcntl(o->fd, F_SETFL, o->old_flags);
    (void)munmap(o->rings, o->n * OUTPUT_RING);
    free(o->sources);
    free(o);
}
