/* A stream reads into a buffer that is a little longer than the longest line, so it can see whether
 * a line of exactly that length ends there. Nothing else holds text: a process that writes a
 * gigabyte without a newline costs 8 KiB.
 *
 * When lines come faster than the output takes them, the stream stops reading for a moment: most
 * processes then just wait in write. Who is still ahead after that loses lines, but is not held up
 * any longer. That moment is looked after by a timer, for the output must not know the streams. */
#include "supervisor/stream.h"

#include "base/mem.h"
#include "supervisor/output_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define ROUND_BYTES (64u << 10)
#define BUFFER (OUTPUT_LINE_MAX + 64)
#define PAUSE_MS 5
#define POOL_MAX (4 * 4096)
/* What is there when a command has ended fits a pipe; who still writes is not listened to for
 * ever. */
#define LAST_BYTES (1u << 20)

struct stream {
    struct streams *ss;
    struct watch watch; /* fd is -1 when it is closed */
    struct stream_use use;
    uint64_t ended; /* order in which the commands ended; 0: it runs */
    uint32_t turn;  /* counts the uses of this place */
    bool taken;
    bool paused;
    bool cut; /* the line has begun in a piece before */
    char *buffer;
    size_t from, to; /* text not yet given */
};

struct streams {
    struct events *ev;
    struct timer timer; /* armed while one is paused */
    uint64_t ended;
    size_t n;
    struct stream *pool;
    char *buffers;
};

static void stream_free(struct stream *s)
{
    if (s->watch.fd >= 0) {
        watch_remove(s->ss->ev, &s->watch);
        (void)close(s->watch.fd);
    }
    s->watch.fd = -1;
    s->taken = s->paused = false;
    s->turn++;
}

/* False: `line` has closed this stream, and perhaps opened it for somebody else. */
static bool give(struct stream *s, struct str text)
{
    uint32_t turn = s->turn;
    source_line(s->use.source, s->use.phase, s->use.channel, text);
    if (s->use.line && !s->ended)
        s->use.line(s->use.ctx, text);
    return s->turn == turn;
}

/* The next line in the buffer, or a piece of one that is too long. */
static bool next_line(struct stream *s, struct str *ret)
{
    struct str all = { s->buffer + s->from, s->to - s->from };
    const char *end = all.n ? memchr(all.p, '\n', all.n) : NULL;
    size_t len = end ? (size_t)(end - all.p) : all.n;
    if (end && len && all.p[len - 1] == '\r')
        len--;
    if (len > OUTPUT_LINE_MAX || (!end && len == BUFFER)) {
        *ret = utf8_clip(all, OUTPUT_LINE_MAX);
        s->from += ret->n;
        s->cut = true;
        return true;
    }
    if (!end)
        return false;
    *ret = (struct str){ all.p, len };
    s->from += (size_t)(end - all.p) + 1;
    return true;
}

static bool must_wait(struct stream *s)
{
    return s->ended ? source_is_full(s->use.source) : source_asks_to_wait(s->use.source);
}

enum gave { GAVE_ALL, GAVE_SOME, GAVE_LOST };

/* Gives the whole lines. GAVE_SOME: the output asks to wait. GAVE_LOST: see give. */
static enum gave give_lines(struct stream *s, bool patient)
{
    struct str text;
    while (!(patient && must_wait(s))) {
        bool began = s->cut;
        s->cut = false;
        if (!next_line(s, &text)) {
            s->cut = began;
            memmove(s->buffer, s->buffer + s->from, s->to - s->from);
            s->to -= s->from;
            s->from = 0;
            return GAVE_ALL;
        }
        /* The end of a line that was given whole in pieces is no line. */
        if (began && !s->cut && text.n == 0)
            continue;
        if (!give(s, text))
            return GAVE_LOST;
    }
    return GAVE_SOME;
}

/* What stands there without a newline. */
static bool give_rest(struct stream *s)
{
    s->cut = false;
    while (s->from < s->to) {
        struct str rest = { s->buffer + s->from, s->to - s->from };
        rest = utf8_clip(rest, OUTPUT_LINE_MAX);
        s->from += rest.n;
        if (!give(s, rest))
            return false;
    }
    s->from = s->to = 0;
    return true;
}

static ssize_t read_some(struct stream *s)
{
    ssize_t n;
    do
        n = read(s->watch.fd, s->buffer + s->to, BUFFER - s->to);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        s->to += (size_t)n;
    return n;
}

static void close_fd(struct stream *s)
{
    watch_remove(s->ss->ev, &s->watch);
    (void)close(s->watch.fd);
    s->watch.fd = -1;
    s->paused = false;
    if (s->ended)
        stream_free(s);
}

static void pause_reading(struct stream *s)
{
    s->paused = true;
    watch_remove(s->ss->ev, &s->watch);
    if (!s->ss->timer.armed)
        timer_arm(s->ss->ev, &s->ss->timer, PAUSE_MS);
}

/* Reads at most that many bytes and gives their lines. False: the stream is closed. */
static bool read_lines(struct stream *s, size_t most, bool patient)
{
    size_t got = 0;
    for (;;) {
        enum gave gave = give_lines(s, patient);
        if (gave == GAVE_LOST)
            return false;
        if (gave == GAVE_SOME) {
            pause_reading(s);
            return true;
        }
        if (got >= most)
            return true;
        ssize_t n = read_some(s);
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n <= 0) {
            if (give_rest(s))
                close_fd(s);
            return false;
        }
        got += (size_t)n;
    }
}

static void watch_ready(struct watch *w, uint32_t what)
{
    (void)what;
    (void)read_lines(CONTAINER_OF(w, struct stream, watch), ROUND_BYTES, true);
}

static void resume(struct stream *s)
{
    s->paused = false;
    if (watch_add(s->ss->ev, &s->watch, EPOLLIN, NULL) < 0) {
        if (give_lines(s, false) != GAVE_LOST && give_rest(s))
            close_fd(s);
        return;
    }
    /* What is in the buffer stirs no descriptor. */
    (void)read_lines(s, 0, true);
}

static void timer_fire(struct timer *t)
{
    struct streams *ss = CONTAINER_OF(t, struct streams, timer);
    bool more = false;
    for (size_t i = 0; i < ss->n; i++) {
        struct stream *s = &ss->pool[i];
        if (s->paused && !must_wait(s))
            resume(s);
    }
    for (size_t i = 0; i < ss->n; i++)
        more = more || ss->pool[i].paused;
    if (more && !t->armed)
        timer_arm(ss->ev, t, PAUSE_MS);
}

/* Reads what is there now. False: the stream is closed. */
static bool read_last(struct stream *s, bool patient)
{
    int there = 0;
    if (ioctl(s->watch.fd, FIONREAD, &there) < 0 || there < 0)
        there = 0;
    if (s->paused)
        s->paused = watch_add(s->ss->ev, &s->watch, EPOLLIN, NULL) < 0;
    size_t most = (size_t)there < LAST_BYTES ? (size_t)there : LAST_BYTES;
    if (!read_lines(s, most, patient))
        return false;
    return s->paused || give_rest(s);
}

struct stream *stream_open(struct streams *ss, int fd, const struct stream_use *use)
{
    struct stream *s = NULL, *oldest = NULL;
    for (size_t i = 0; i < ss->n && !s; i++) {
        struct stream *at = &ss->pool[i];
        if (!at->taken)
            s = at;
        else if (at->ended && (!oldest || at->ended < oldest->ended))
            oldest = at;
    }
    if (!s && oldest) {
        if (read_last(oldest, false))
            stream_free(oldest);
        s = oldest;
    }
    int flags = fcntl(fd, F_GETFL);
    if (!s || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        (void)close(fd);
        return NULL;
    }
    s->watch.fd = fd;
    s->use = *use;
    s->ended = 0;
    s->from = s->to = 0;
    s->cut = false;
    s->taken = true;
    if (watch_add(ss->ev, &s->watch, EPOLLIN, NULL) == 0)
        return s;
    stream_free(s);
    return NULL;
}

void stream_ended(struct stream *s)
{
    if (!s)
        return;
    s->ended = ++s->ss->ended;
    if (s->watch.fd < 0)
        stream_free(s);
    else
        (void)read_last(s, true);
}

void streams_drop(struct streams *ss, const struct source *source)
{
    for (size_t i = 0; i < ss->n; i++) {
        struct stream *s = &ss->pool[i];
        if (!s->taken || s->use.source != source)
            continue;
        s->ended = ++ss->ended;
        if (s->watch.fd < 0 || read_last(s, false))
            stream_free(s);
    }
}

int streams_open(struct streams **ret, struct events *ev, size_t pool, struct err *e)
{
    if (pool > POOL_MAX)
        return err_set(e, ERR_USAGE, "There are too many processes");
    size_t n = pool ? pool : 1;
    char *buffers =
        mmap(NULL, n * BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffers == MAP_FAILED)
        return err_sys(e, "mapping the buffers of %zu streams", n);
    struct streams *ss = MEM_NEW(struct streams);
    ss->ev = ev;
    ss->n = pool;
    ss->timer = (struct timer){ .fire = timer_fire };
    ss->buffers = buffers;
    ss->pool = mem_array(n, sizeof(*ss->pool));
    for (size_t i = 0; i < pool; i++) {
        ss->pool[i].ss = ss;
        ss->pool[i].watch = (struct watch){ .ready = watch_ready, .fd = -1 };
        ss->pool[i].buffer = buffers + i * BUFFER;
    }
    *ret = ss;
    return 0;
}

void streams_close(struct streams *ss)
{
    if (!ss)
        return;
    timer_stop(&ss->timer);
    for (size_t i = 0; i < ss->n; i++)
        stream_free(&ss->pool[i]);
    (void)munmap(ss->buffers, (ss->n ? ss->n : 1) * BUFFER);
    free(ss->pool);
    free(ss);
}

bool streams_behind(const struct streams *ss)
{
    for (size_t i = 0; i < ss->n; i++) {
        const struct stream *s = &ss->pool[i];
        int there = 0;
        if (s->ended && s->watch.fd >= 0 &&
            (s->paused || (ioctl(s->watch.fd, FIONREAD, &there) == 0 && there > 0)))
            return true;
    }
    return false;
}
