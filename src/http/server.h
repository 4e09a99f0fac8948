/* The HTTP server: listeners, connections, limits, draining. Loop thread only.
 * Names nothing of crates or access: it hands requests to one http_handler. The worker pool reads
 * files that are not in memory; whoever owns the pool watches worker_fd on the loop and collects.
 */
#pragma once
#include "base/worker.h"
#include "http/loop.h"
#include "http/request.h"

struct http_result {
    unsigned status; /* 0: the peer went away before an answer */
    uint64_t bytes;  /* of body sent */
    uint64_t duration_us;
};

struct http_handler {
    void *ctx;
    void (*on_request)(void *ctx, struct request *req);
    /* The last byte was handed to the kernel, or the peer went away; req is freed after. Also
     * called for what was refused before on_request (route is NULL then). For the access log. */
    void (*on_done)(void *ctx, const struct request *req, const struct http_result *r);
    /* See request_peer_slot; may be NULL. Also called after http_server_free, when the last request
     * that was still owed a reply goes. */
    void (*peer_gone)(void *ctx, void *slot);
    /* An answer for a request that http itself refuses (bad syntax, limits): text is one sentence.
     * Lets the application give its error shape; NULL gives plain text. */
    struct answer *(*make_error)(
        void *ctx, const struct request *req_or_null, unsigned status, const char *text);
};

struct http_limits {   /* all from configuration; times in ms */
    int64_t header_ms; /* absolute, from accept or first byte of a request to the end of its head */
    int64_t body_ms;   /* absolute, whole body */
    int64_t stall_window_ms; /* a body or a reading client must average stall_min_rate over it */
    uint64_t stall_min_rate; /* bytes a second */
    int64_t write_stall_ms;  /* no byte accepted by the peer */
    int64_t idle_ms;         /* keep-alive, HTTP/1.1 */
    int64_t h2_idle_ms;      /* then GOAWAY */
    uint32_t conns_max;      /* all listeners */
    uint32_t conns_per_peer; /* one address (not loopback, not unix) */
    uint32_t streams_max;    /* MAX_CONCURRENT_STREAMS */
    uint32_t jobs_per_conn;  /* requests without their reply yet, reset streams included */
    uint32_t line_max;       /* request line, bytes */
    uint32_t head_max;       /* whole head, bytes */
    uint32_t headers_max;    /* fields */
    uint32_t window;         /* bytes a stream may send ahead */
};
extern const struct http_limits http_limits_default;

struct http_server;

int http_server_new(struct loop *l, struct worker_pool *workers, const struct http_limits *limits,
    const struct http_handler *handler, struct http_server **ret, struct err *e) MUST_CHECK;
void http_server_free(struct http_server *s); /* closes what is left; replies still owed
                                               * may come later, and are dropped */

/* Opens a listening socket now; connections are accepted after http_start. */
int http_listen_tcp(struct http_server *s, struct str host, uint16_t port, void *tag,
    uint16_t *ret_port, struct err *e) MUST_CHECK;
int http_listen_unix(
    struct http_server *s, const char *path, unsigned mode, void *tag, struct err *e) MUST_CHECK;
/* Also for listeners opened since the last call. */
int http_start(struct http_server *s, struct err *e) MUST_CHECK;
/* The listeners with that tag stop listening; their connections go on. */
void http_unlisten(struct http_server *s, const void *tag);
/* Requests through listeners with that tag keep the header field of that name (lower case,
 * borrowed) as request.trusted. All others drop it. */
void http_keep_field(struct http_server *s, const void *tag, struct str name);

/* Stop accepting, close idle connections, Connection: close, GOAWAY (shutdown notice first, the
 * final one a second later); done() once no connection is left or at the deadline, when the rest is
 * cut. Calls done exactly once, from the loop. */
void http_drain(
    struct http_server *s, int64_t deadline_mono_ms, void (*done)(void *ctx), void *ctx);
