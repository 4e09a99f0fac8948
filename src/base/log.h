/* Log lines on standard error: one event a line, key=value (quoted where needed) or JSON.
 * A line is built in a caller's stack buffer and written with one write(2); lines longer than
 * LOG_LINE_MAX are cut. Any thread. Never give it a secret. */
#pragma once
#include "base/err.h"
#include "base/str.h"

#define LOG_LINE_MAX 2048

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_KV, LOG_JSON };

/* The one piece of process-wide state that may change; set at start. */
void log_setup(enum log_level level, enum log_format format, int fd);
bool log_on(enum log_level level);

struct log_line {
    char text[LOG_LINE_MAX];
    size_t n;
    bool json;
};

void log_begin(struct log_line *l, enum log_level level, const char *event);
void log_str(struct log_line *l, const char *key, struct str value);
void log_u64(struct log_line *l, const char *key, uint64_t value);
void log_err(struct log_line *l, const struct err *e); /* error=… cause=… at=file:line */
void log_end(struct log_line *l);                      /* writes it */

/* Short form: one event with a printf text under msg=. */
void log_msg(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The finished line without writing it, for callers that gather lines (the access log). */
struct str log_finish(struct log_line *l);
void log_write(struct str lines);
