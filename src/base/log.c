/* What a client sent reaches the log only through put_value, which lets no byte through that could
 * end the line, close the quotes, drive a terminal or turn the reading direction round: nobody can
 * forge a line. Nothing here allocates. A value is cut after VALUE_MAX bytes, so that a long one
 * cannot push the fields behind it off the line; the last bytes of the line are kept back for what
 * closes it. */
#include "base/log.h"

#include "base/clock.h"
#include "base/num.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define VALUE_MAX 640
#define TAIL_MAX 6 /* ..."}\n */
#define BODY_MAX (LOG_LINE_MAX - TAIL_MAX)
#define ESCAPE_MAX 12

/* Read on every thread without a lock; a change is seen soon enough. */
static struct {
    _Atomic enum log_level level;
    _Atomic enum log_format format;
    _Atomic int fd;
} log_state = { LOG_INFO, LOG_KV, STDERR_FILENO };

static const char *const level_names[] = { "error", "warn", "info", "debug" };

void log_setup(enum log_level level, enum log_format format, int fd)
{
    atomic_store(&log_state.level, level);
    atomic_store(&log_state.format, format);
    atomic_store(&log_state.fd, fd);
}

bool log_on(enum log_level level)
{
    return level <= atomic_load_explicit(&log_state.level, memory_order_relaxed);
}

/* Into the part of the line that is never kept back. */
static void put(struct log_line *l, const char *p, size_t n)
{
    memcpy(l->text + l->n, p, n);
    l->n += n;
}

static bool is_unsafe(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || cp == 0x200e || cp == 0x200f ||
           (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff;
}

/* The form of the next character of s: its bytes are counted in *ret_taken. */
static size_t escape(struct str s, bool json, char out[ESCAPE_MAX], size_t *ret_taken)
{
    uint32_t cp;
    size_t n = utf8_next(s, &cp);
    *ret_taken = n ? n : 1;
    if (n == 0)
        return (size_t)(json ? snprintf(out, ESCAPE_MAX, "\\ufffd")
                             : snprintf(out, ESCAPE_MAX, "\\x%02x", (unsigned char)s.p[0]));
    if (is_unsafe(cp)) {
        if (cp == '\n' || cp == '\r' || cp == '\t') {
            memcpy(out, cp == '\n' ? "\\n" : cp == '\r' ? "\\r" : "\\t", 2);
            return 2;
        }
        return (size_t)snprintf(out, ESCAPE_MAX, "\\u%04x", cp);
    }
    if (cp == '"' || cp == '\\') {
        out[0] = '\\';
        out[1] = (char)cp;
        return 2;
    }
    memcpy(out, s.p, n);
    return n;
}

static bool is_bare(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '"' || s.p[i] == '=' || s.p[i] == '\\')
            return false;
    }
    return s.n > 0;
}

/* How many bytes from the start of s stand for themselves in quotes. */
static size_t plain_run(struct str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] >= ' ' && s.p[n] <= '~' && s.p[n] != '"' && s.p[n] != '\\')
        n++;
    return n;
}

/* Up to the end of s, of the value's share or of the line. */
static void put_value(struct log_line *l, struct str s)
{
    size_t end = l->n + VALUE_MAX < BODY_MAX ? l->n + VALUE_MAX : BODY_MAX;
    while (s.n) {
        struct str run = str_from_to(s, 0, plain_run(str_from_to(s, 0, end - l->n)));
        put(l, run.p, run.n);
        s = str_skip(s, run.n);
        if (s.n == 0)
            return;
        char form[ESCAPE_MAX];
        size_t taken, n = escape(s, l->json, form, &taken);
        if (l->n + n > end) {
            put(l, "...", 3);
            return;
        }
        put(l, form, n);
        s = str_skip(s, taken);
    }
}

/* Separator, key and what goes before the value. False when the line is full. */
static bool put_key(struct log_line *l, const char *key)
{
    size_t n = strlen(key);
    if (l->n == 0 || l->n + n + 5 > BODY_MAX)
        return false;
    if (l->json) {
        put(l, ",\"", 2);
        put(l, key, n);
        put(l, "\":", 2);
    } else {
        put(l, " ", 1);
        put(l, key, n);
        put(l, "=", 1);
    }
    return true;
}

void log_begin(struct log_line *l, enum log_level level, const char *event)
{
    l->n = 0; /* stays so when the level is off, and makes the rest do nothing */
    l->json = atomic_load_explicit(&log_state.format, memory_order_relaxed) == LOG_JSON;
    if (!log_on(level))
        return;
    char stamp[CLOCK_RFC3339_LEN + 1];
    int64_t now = clock_wall_ms();
    int ms = (int)(now % 1000);
    clock_format_rfc3339(now / 1000, stamp);
    put(l, l->json ? "{\"time\":\"" : "time=", l->json ? 9 : 5);
    put(l, stamp, CLOCK_RFC3339_LEN - 1);
    char fraction[] = { '.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
        (char)('0' + ms % 10), 'Z' };
    put(l, fraction, sizeof(fraction));
    if (l->json)
        put(l, "\"", 1);
    log_str(l, "level", str_from(level_names[level]));
    log_str(l, "event", str_from(event));
}

void log_str(struct log_line *l, const char *key, struct str value)
{
    if (!put_key(l, key))
        return;
    bool quoted = l->json || !is_bare(value);
    if (quoted)
        put(l, "\"", 1);
    put_value(l, value);
    if (quoted)
        put(l, "\"", 1);
}

void log_u64(struct log_line *l, const char *key, uint64_t value)
{
    if (l->n + strlen(key) + 5 + NUM_U64_MAX_DIGITS > BODY_MAX || !put_key(l, key))
        return;
    l->n += num_format_u64(value, l->text + l->n);
}

void log_err(struct log_line *l, const struct err *e)
{
    log_str(l, "kind", str_from(err_kind_name(e->kind)));
    log_str(l, "error", str_from(e->text));
    if (e->cause[0])
        log_str(l, "cause", str_from(e->cause));
    if (!e->file)
        return;
    /* From the source folder on, whatever the build folder was called. */
    const char *src = strstr(e->file, "src/");
    char at[128];
    (void)snprintf(at, sizeof(at), "%s:%d", src ? src + 4 : e->file, e->line);
    log_str(l, "at", str_from(at));
}

struct str log_finish(struct log_line *l)
{
    if (l->n == 0)
        return STR_NONE;
    if (l->json)
        put(l, "}", 1);
    put(l, "\n", 1);
    return (struct str){ l->text, l->n };
}

void log_end(struct log_line *l)
{
    log_write(log_finish(l));
}

/* A log that cannot be written is no reason to stop or to wait: the lines are lost. */
void log_write(struct str lines)
{
    int fd = atomic_load_explicit(&log_state.fd, memory_order_relaxed);
    int saved = errno;
    while (lines.n) {
        ssize_t n = write(fd, lines.p, lines.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        lines = str_skip(lines, (size_t)n);
    }
    errno = saved;
}

void log_msg(enum log_level level, const char *event, const char *fmt, ...)
{
    if (!log_on(level))
        return;
    char text[VALUE_MAX * 2];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    struct log_line l;
    log_begin(&l, level, event);
    log_str(&l, "msg", str_from(text));
    log_end(&l);
}
