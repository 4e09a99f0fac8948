/* What everybody says, as lines on the supervisor's standard output, which may be full, slow,
 * closed or a terminal and never holds anybody up. Each process has a ring of its own (RING bytes,
 * mapped at load, touched when used); lines leave in the order in which they came, over all rings.
 * A full ring drops the new line and counts it; a line says how many when there is room again.
 * After loading nothing is allocated. */
#pragma once
#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"
#include "supervisor/events.h"

#define OUTPUT_RING (1u << 20)
#define OUTPUT_LINE_MAX 8192 /* bytes of a line's text; longer ones are split */

enum say_level { SAY_ERROR, SAY_WARN, SAY_INFO, SAY_DEBUG };
enum channel { CHANNEL_STDOUT, CHANNEL_STDERR };

struct output;
struct source; /* one that speaks: a process, or the supervisor itself */

struct output_style {
    bool timestamps; /* text only */
    bool json;
    bool colour;
    const char *filter; /* RUST_LOG: comma-separated `level`, `target` or `target=level`; targets
                           are stdout, stderr and groundcontrol. NULL: info */
};

/* fd is not closed. At most `sources` sources at a time beside the supervisor's own. Where the
 * descriptor can only be made non-blocking for everyone that shares it, that is undone by
 * output_close. */
int output_open(struct output **ret, struct events *ev, int fd, size_t sources,
    const struct output_style *style, struct err *e) MUST_CHECK;
/* Writes what waits, for at most flush_ms and a second without progress, then frees. NULL is fine.
 */
void output_close(struct output *o, int64_t flush_ms);
uint64_t output_bytes(const struct output *o);                           /* written so far */
void output_restyle(struct output *o, const struct output_style *style); /* after a reload */

/* A source for the process of that name (copied; shown up to 64 bytes, control characters escaped).
 * daemon: coloured by turns; else bold. NULL when all are taken. */
struct source *source_open(struct output *o, const char *name, bool daemon);
void source_close(struct source *s); /* what waits in its ring still goes out; NULL is fine */

/* One line of a process: phase is NULL for run, else "pre", "stop" or "post".
 * Bytes that are no UTF-8 and control characters other than tab are escaped. */
void source_line(struct source *s, const char *phase, enum channel channel, struct str text);

/* The supervisor's own lines: `groundcontrol: text`, for WARN and ERROR with the level's name
 * before the text. */
void say(struct output *o, enum say_level level, const char *fmt, ...) PRINTF_LIKE(3, 4);
