/* The inside of the HTTP server: a connection, the requests on it, and what its parts call of each
 * other. Loop thread only; nothing outside src/http includes this.
 *
 * Input and output happen at the entry points in conn.c alone (socket ready, timer, deferred turn).
 * Everything else changes state, marks the connection dead, or asks for a turn with conn_kick, so
 * no function here sees its connection freed under it. */
#pragma once
#include "http/answer_parts.h"
#include "http/h1_parse.h"
#include "http/server.h"

#include <netinet/in.h>
#include <sys/uio.h>
#include <sys/un.h>

#define FILE_PIECE 65536u        /* of a file read or sent at once */
#define TURN_BYTES (256u * 1024) /* a connection sends in one turn at most */
#define DRAIN_BYTES (16u << 20)  /* of a refused body swallowed */
#define DRAIN_MS 5000
#define FRESH_MS 1000        /* so long a drain waits for the first request of a new connection */
#define LEAVE_HEAD_MS 2000   /* the limits of a drain: cargo tries again for about ten seconds, */
#define LEAVE_STALL_MS 3000  /* so what no longer moves must not keep the next server waiting */
#define H1_QUEUE_MAX 64      /* pipelined answers waiting for the socket */
#define TICK_MS 1000         /* how often a busy connection is looked at */
#define OUT_MAX (64u * 1024) /* gathered HTTP/2 frames; one frame more fits behind */

struct conn;
struct h2;

/* How many connections an address has. */
struct peer_count {
    uint32_t n;
    size_t n_key;
    char key[16];
};

/* Who is at the other end; shared by a connection and its requests, which may outlive it. */
struct peer {
    unsigned refs;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } addr;
    void *slot; /* the application's; see request_peer_slot */
    bool has_uid;
    uint32_t uid; /* of a unix socket's peer */
    size_t n_text;
    char text[64];
};

enum body_state {
    BODY_NONE,   /* there is none, or it was read to its end */
    BODY_UNREAD, /* nobody has asked for it yet */
    BODY_READING,
    BODY_PAUSED,
    BODY_REFUSED, /* what still comes is dropped */
};

/* Progress over a window: is a slow peer too slow? */
struct rate {
    int64_t since_ms; /* 0: not running */
    uint64_t bytes;
};

/* One piece of a file, read by a worker because its pages were not in memory. */
struct file_job;

struct file_body {
    int fd; /* -1: none */
    uint64_t at, end, size;
    struct file_job *job; /* running; it finds its way back through ex */
    char *piece;          /* what a job has read, from piece_at on */
    uint64_t piece_at;
    size_t piece_n;
    bool failed, retry; /* retry: no worker was free */
};

struct exchange {
    struct request req; /* first */
    struct http_server *server;
    struct conn *conn; /* NULL: the connection is gone */
    struct peer *peer;
    struct exchange *prev, *next; /* in the connection's list, oldest first */
    struct loop_task task;        /* a body event that is due, never inside request_read_body */
    bool free_later, orphan, end_due;
    bool dispatched; /* given to the application */
    bool replied;
    bool head_only;     /* HEAD, 204, 304 */
    bool want_continue; /* the client waits for 100 Continue */
    bool allow;         /* 405: name the methods */
    bool close_after;   /* HTTP/1.1: last answer of its connection */
    bool stream_gone;   /* HTTP/2: reset before its reply */
    bool cut_short;     /* aborted before the body was asked for */

    struct answer *answer;
    unsigned status;
    struct file_body file;
    struct str head;            /* HTTP/1.1: prepared lines of the answer */
    size_t head_sent;           /* HTTP/1.1: of head and tail */
    uint64_t body_n, body_sent; /* bytes of body to send, and sent */
    char tail[320];
    size_t n_tail;
    struct str prefix; /* HTTP/1.1: 100 Continue on its way */
    size_t prefix_sent;
    int64_t progress_ms; /* HTTP/2: last byte of body sent */

    enum body_state body;
    struct body_sink sink;
    uint64_t body_max, body_got;
    int64_t body_since_ms;
    struct rate recv_rate;

    int32_t stream_id; /* HTTP/2 */
    char *held;        /* HTTP/2: body bytes nobody has taken yet */
    size_t n_held, cap_held;
    uint64_t dropped;       /* HTTP/2: bytes of a refused body */
    int64_t drain_until_ms; /* HTTP/2: answered, and the peer still sends */
    bool ended, end_sent;   /* HTTP/2: END_STREAM seen */
    bool bad_head;          /* HTTP/2: refuse with head_status */
    unsigned head_status;
    size_t head_bytes, n_fields;
    struct str authority;
    bool method_known;
};

enum conn_proto { PROTO_NEW, PROTO_H1, PROTO_H2, PROTO_LINGER };

struct conn {
    struct http_server *server;
    struct http_listener *listener;
    struct loop_io io;
    struct loop_timer timer;
    struct loop_task task;
    struct conn *prev, *next;
    enum conn_proto proto;
    bool busy, dead, eof;
    bool closing;      /* the last answer is sent or on its way: no more requests */
    bool gone;         /* freed by its queued task */
    bool again;        /* something to send came up after the turn had sent */
    bool read_blocked; /* input came that nobody wants yet */
    uint32_t watching;
    struct peer *peer;
    struct peer_count *count; /* NULL: not counted */

    char *in; /* read and not used yet */
    size_t n_in, cap_in;
    size_t scanned;
    struct h1_chunks chunks;
    uint64_t body_left; /* HTTP/1.1 with Content-Length */
    struct exchange *first, *last;
    uint32_t n_exchanges, n_jobs; /* all; those without a reply, reset ones included */
    struct exchange *reading;     /* HTTP/1.1: whose body is on the wire */
    bool had_request;
    char host[64]; /* the authority last found to be well-formed, in lower case */
    size_t n_host;

    struct h2 *h2;
    char *out; /* gathered and not accepted by the socket yet */
    size_t n_out, out_at;

    struct rate sending;
    int64_t head_since_ms; /* 0: no head has begun */
    int64_t idle_since_ms;
    int64_t write_since_ms; /* since when the socket accepts nothing; 0: it does */
    int64_t linger_until_ms;
    uint64_t drained;
};

struct http_listener {
    struct http_server *server;
    struct loop_io io;
    struct http_listener *next;
    void *tag;
    bool is_unix, watched;
    bool closed; /* by http_unlisten: goes with the last of its connections */
    size_t n_conns;
    struct str kept; /* by http_keep_field */
    char *path;      /* of a unix socket */
};

struct mem_pool;

#define OUT_PIECES 128

/* What one write of HTTP/2 sends; used within a flush alone. */
struct gather {
    size_t n_out, segment_at; /* bytes in the server's out buffer; from where on not in iov yet */
    size_t total;
    size_t n_iov;
    struct iovec iov[OUT_PIECES];
};

struct http_server {
    struct loop *loop;
    struct worker_pool *workers;
    struct http_limits limits;
    struct http_handler handler;
    struct http_listener *listeners;
    struct conn *conns; /* all */
    size_t n_conns;
    struct exchange *spare;
    size_t n_spare;
    size_t n_orphans; /* requests without a connection that are not freed yet: a reply is owed, or
                       * a task is queued */
    bool freed;       /* waits for them */
    struct map *peers;
    uint64_t next_request;
    uint64_t turn_ns; /* when the bytes at hand were read */
    uint64_t done_ns; /* when the last bytes were handed to the kernel */
    int reserve_fd;
    struct loop_timer accept_again;
    bool draining, cutting;
    struct loop_timer drain_timer;
    void (*drain_done)(void *ctx);
    void *drain_ctx;
    struct mem_pool *h2_mem;
    struct err err; /* scratch for failures that are answered at once */
    char *scratch;  /* one read */
    size_t cap_scratch;
    char *out; /* one gathered write, or a piece of a file */
    struct gather gather;
};

/* conn.c */
struct conn *conn_new(struct http_server *s, struct http_listener *l, int fd);
void conn_free(struct conn *c);
void conn_kick(struct conn *c); /* a turn soon: input left over, output, closing */
void conn_arm(struct conn *c, int64_t at_ms);
void conn_begin_drain(struct conn *c);
void conn_begin_linger(struct conn *c); /* all was sent: swallow input, then close */
/* What the socket took; less than asked: it is full, or the connection dead. */
size_t conn_write(struct conn *c, struct iovec *iov, size_t n);
void conn_remove(struct conn *c, struct exchange *ex); /* from its list */
int64_t conn_tick_ms(const struct http_limits *l);

void peer_unref(struct http_server *s, struct peer *p);

/* exchange.c */
struct exchange *exchange_new(struct conn *c);
void exchange_free(struct exchange *ex); /* no on_done */
void exchange_done(struct exchange *ex); /* on_done, then frees */
void exchange_conn_gone(struct exchange *ex);
void exchange_stream_gone(struct exchange *ex);
void exchange_pump_later(struct exchange *ex); /* a body event is due */
void exchange_dispatch(struct exchange *ex);   /* checks authority and target, then on_request */
void exchange_refuse(struct exchange *ex, unsigned status, const char *text);
void rate_start(struct rate *r, int64_t now);
bool rate_too_slow(struct rate *r, int64_t now, const struct http_limits *l);

/* body.c: the request body, whatever carries it */
bool body_length_fits(struct exchange *ex); /* false: aborted */
void body_data(struct exchange *ex, struct str bytes);
void body_end(struct exchange *ex);
void body_refuse(struct exchange *ex); /* replied: drop what still comes */
void body_abort(struct exchange *ex, enum err_kind kind, const char *text);
void body_check_time(struct exchange *ex, int64_t now);

/* file_body.c */
/* Up to n bytes at file.at, without moving it: > 0, 0 when a worker was asked, -1 when the file
 * fails. */
ssize_t file_body_read(struct exchange *ex, char *out, size_t n);
void file_body_close(struct exchange *ex);

/* h1.c */
void h1_input(struct conn *c, struct str *in); /* takes what can be used now */
bool h1_wants_input(const struct conn *c);
void h1_reply(struct exchange *ex); /* answer, status and file are set */
bool h1_flush(struct conn *c);      /* true: go on when the socket has room */
void h1_eof(struct conn *c);
void h1_refuse_head(struct conn *c, unsigned status, const char *text);

/* h2.c */
struct h2 *h2_new(struct conn *c);
void h2_free(struct h2 *h2);
int h2_upgrade(
    struct conn *c, struct exchange *ex, struct str settings); /* -1: bad settings, nothing done */
void h2_input(struct conn *c, struct str in);
bool h2_flush(struct conn *c);
bool h2_wants_input(const struct conn *c);
void h2_reply(struct exchange *ex);
void h2_continue(struct exchange *ex);     /* 100 */
void h2_body_pump(struct exchange *ex);    /* hands out what was held */
void h2_body_dropped(struct exchange *ex); /* lets go of what was held */
void h2_file_ready(struct exchange *ex);
void h2_begin_drain(struct conn *c);
void h2_check_drain(struct conn *c, int64_t now);
void h2_end(struct conn *c); /* GOAWAY; closed when the streams that run are done */
void h2_goaway(struct conn *c, uint32_t code);
void h2_reset(struct exchange *ex, uint32_t code);

/* listen.c */
void listen_take_waiting(struct http_server *s); /* accepts what stands in the queues */
void listen_close(struct http_server *s);
void listen_conn_gone(struct http_listener *l);

/* server.c */
void server_conn_gone(struct http_server *s, struct conn *c);
void server_check_drained(struct http_server *s);
void server_orphan_gone(struct http_server *s);
