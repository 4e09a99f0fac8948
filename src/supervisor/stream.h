/* A pipe from a command to its lines. Streams come from a pool that is made at load; one lives
 * until the last writer has closed the pipe, which may be long after the command has ended. When
 * the pool is empty the oldest one whose command has ended is closed to make room. Reads are
 * bounded by the round, so one chatty command starves nobody. */
#pragma once
#include "supervisor/output.h"

struct streams;
struct stream;

struct stream_use {
    struct source *source;
    const char *phase; /* static text or NULL, as in source_line */
    enum channel channel;
    void (*line)(void *ctx, struct str text); /* for the `log` probe; may be NULL */
    void *ctx;
};

int streams_open(struct streams **ret, struct events *ev, size_t pool, struct err *e) MUST_CHECK;
void streams_close(struct streams *ss); /* NULL is fine */

/* Takes the read end (closed by the stream, also on failure) and makes it non-blocking. NULL when
 * all streams belong to commands that run, or epoll refuses. */
struct stream *stream_open(struct streams *ss, int fd, const struct stream_use *use);
/* The command has ended: reads what is there now, gives the unfinished last line; the stream stays
 * open while somebody else holds the pipe, but no longer calls `line`, and may be closed to make
 * room. The pointer is dead for the caller after this. NULL is fine. */
void stream_ended(struct stream *s);
/* Closes all streams of that source: it goes away. */
void streams_drop(struct streams *ss, const struct source *source);
/* Is something of a command that has ended still unread? */
bool streams_behind(const struct streams *ss);
