/* One small HTTP/1.1 request of the command line to a server of ours, over TCP or a unix socket.
 * Blocking, with a time limit of a few seconds a step. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

struct http_ask {
    struct str unix_path;  /* p NULL: TCP */
    struct str host, port; /* host also goes into Host */
    const char *method;
    struct str path;
    struct str body;
};
struct http_reply {
    unsigned status;
    struct buf body; /* made by the caller with its ceiling */
};
void http_reply_deinit(struct http_reply *r); /* wipes the body: it may hold a secret */

/* ERR_NOT_FOUND: nobody listens there. */
int http_ask(const struct http_ask *ask, struct http_reply *ret, struct err *e) MUST_CHECK;
