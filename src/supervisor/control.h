/* The control socket: one request a connection, `status`, `restart NAME` or `stop NAME` and a line
 * feed; the answer is text that ends with the connection, its first line `ok` or `error: …`. Mode
 * 0600, and the peer must be root or our own user. CONTROL_CLIENTS at a time; one that sends
 * nothing for 5 s is closed. */
#pragma once
#include "base/buf.h"
#include "supervisor/events.h"

#define CONTROL_CLIENTS 8
#define CONTROL_REQUEST_MAX 512
#define CONTROL_ANSWER_MAX (256u << 10)

struct control;

struct control_calls {
    void *ctx;
    /* Writes a line for each process. */
    void (*status)(void *ctx, struct buf *out);
    /* 0: accepted; the end comes by control_done with that token. -1: refused, e says why. */
    int (*restart)(void *ctx, struct str name, uint64_t token, struct err *e);
    int (*stop)(void *ctx, struct str name, uint64_t token, struct err *e);
};

/* A socket file that a dead server left is replaced; one that answers is an error. */
int control_open(struct control **ret, struct events *ev, const char *path,
    const struct control_calls *calls, struct err *e) MUST_CHECK;
void control_close(struct control *c); /* removes the file; NULL is fine */
/* What a restart or stop came to; error NULL: ok. A client that has gone meanwhile is no matter. */
void control_done(struct control *c, uint64_t token, const char *error);

/* The other side: `groundcontrol --control SOCKET WORDS…`. Prints the answer's rest to standard
 * output, an error to standard error. Exit status 0, 1 (refused, not reachable), 2 (usage). Blocks.
 */
int control_client(const char *path, int argc, char **argv);
