/* Text is formatted beside the object first: it may be made from the object's own old text
 * ("line 3: %s"), and a few bytes more than fit are needed to see whether the cut is at a
 * character. */
#include "base/err.h"

#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CUT_MARGIN 4

static const char *const kind_names[ERR_KINDS] = {
    [ERR_NONE] = "none",
    [ERR_INVALID] = "invalid",
    [ERR_UNAUTHORIZED] = "unauthorized",
    [ERR_FORBIDDEN] = "forbidden",
    [ERR_NOT_FOUND] = "not-found",
    [ERR_CONFLICT] = "conflict",
    [ERR_TOO_LARGE] = "too-large",
    [ERR_TIMEOUT] = "timeout",
    [ERR_BUSY] = "busy",
    [ERR_FULL] = "full",
    [ERR_IO] = "io",
    [ERR_CORRUPT] = "corrupt",
    [ERR_USAGE] = "usage",
    [ERR_UNSUPPORTED] = "unsupported",
};

static void copy_clipped(char *out, size_t size, const char *text)
{
    struct str s = utf8_clip(str_from(text), size - 1);
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
}

static void __attribute__((format(printf, 2, 0)))
add_cause(struct err *e, const char *fmt, va_list ap)
{
    char more[sizeof(e->cause) + CUT_MARGIN];
    (void)vsnprintf(more, sizeof(more), fmt, ap);
    size_t n = strlen(e->cause);
    if (n && n + 3 < sizeof(e->cause)) {
        memcpy(e->cause + n, "; ", 3);
        n += 2;
    }
    copy_clipped(e->cause + n, sizeof(e->cause) - n, more);
}

int err_fill(struct err *e, enum err_kind kind, const char *file, int line, const char *fmt, ...)
{
    if (!e)
        return -1;
    char text[ERR_TEXT_MAX + CUT_MARGIN];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    e->kind = kind;
    e->file = file;
    e->line = line;
    e->sys = 0;
    e->cause[0] = '\0';
    copy_clipped(e->text, sizeof(e->text), text);
    return -1;
}

int err_fill_sys(struct err *e, const char *file, int line, const char *fmt, ...)
{
    int sys = errno;
    if (!e)
        return -1;
    enum err_kind kind = ERR_IO;
    const char *text = "the system refused to read or write; the log says why";
    if (sys == ENOSPC || sys == EDQUOT) {
        kind = ERR_FULL;
        text = "no space is left on the disk; free some and try again";
    } else if (sys == EMFILE || sys == ENFILE || sys == ENOMEM) {
        kind = ERR_BUSY; /* load, not a disk that fails */
        text = "the server has no file descriptor or memory left for this; try again in a moment";
    } else if (sys == ENOENT) {
        kind = ERR_NOT_FOUND;
        text = "there is no such file";
    }
    char act[sizeof(e->cause)];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(act, sizeof(act), fmt, ap);
    va_end(ap);
    (void)err_fill(e, kind, file, line, "%s", text);
    e->sys = sys;
    errno = sys; /* for %m */
    err_cause(e, "%s: %m", act);
    errno = sys;
    return -1;
}

void err_cause(struct err *e, const char *fmt, ...)
{
    if (!e)
        return;
    va_list ap;
    va_start(ap, fmt);
    add_cause(e, fmt, ap);
    va_end(ap);
}

void err_clear(struct err *e)
{
    if (e)
        *e = ERR_INIT;
}

const char *err_kind_name(enum err_kind kind)
{
    assert(kind < ERR_KINDS);
    return kind_names[kind];
}
