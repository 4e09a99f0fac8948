/* The one error object. The function where an error begins fills it once and returns -1; callers
 * pass -1 up untouched or fill it anew in their own words. Only the top of a thread logs it. */
#pragma once
#include "base/attr.h"

enum err_kind {
    ERR_NONE = 0,
    ERR_INVALID,      /* the input is wrong; text says how to mend it */
    ERR_UNAUTHORIZED, /* no usable credential */
    ERR_FORBIDDEN,    /* known, but may not */
    ERR_NOT_FOUND,
    ERR_CONFLICT, /* exists already, or changed meanwhile */
    ERR_TOO_LARGE,
    ERR_TIMEOUT,
    ERR_BUSY,    /* try again later: a queue is full, we are stopping */
    ERR_FULL,    /* no space left on the device, or no inodes */
    ERR_IO,      /* the system refused; cause has errno's text */
    ERR_CORRUPT, /* stored data is not what we wrote */
    ERR_USAGE,   /* command line or configuration: exit status 2 */
    ERR_UNSUPPORTED,
    ERR_KINDS
};

#define ERR_TEXT_MAX 512

/* text: one sentence, no path, secret or SQL; a client may see it. cause: for the log alone. */
struct err {
    enum err_kind kind;
    int line;
    const char *file;
    int sys; /* errno, when kind came from err_sys */
    char text[ERR_TEXT_MAX];
    char cause[256];
};

#define ERR_INIT ((struct err){ .kind = ERR_NONE })

/* Fill e (may be NULL) and return -1. Text longer than its array is cut at a character. The -1
 * stands here for the compiler and the static analyser to see. */
#define err_set(e, kind, ...) ((void)err_fill((e), (kind), __FILE__, __LINE__, __VA_ARGS__), -1)
/* As err_set with the kind taken from errno (ENOSPC, EDQUOT: ERR_FULL; ENOENT: ERR_NOT_FOUND;
 * else ERR_IO) and "what: strerror" in cause; text is neutral. The format names the act. */
#define err_sys(e, ...) ((void)err_fill_sys((e), __FILE__, __LINE__, __VA_ARGS__), -1)
/* Adds to cause what only the log should say. */
void err_cause(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

int err_fill(struct err *e, enum err_kind kind, const char *file, int line, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
int err_fill_sys(struct err *e, const char *file, int line, const char *fmt, ...) PRINTF_LIKE(4, 5);
void err_clear(struct err *e);
const char *err_kind_name(enum err_kind kind);
