/* One request, as a handler sees it, whatever the protocol. Made and freed by the connection;
 * loop thread only.
 *
 * Contract: http_handler.on_request is called once the head is complete and checked. The handler
 * answers exactly once, now or later, with request_reply or request_reply_file; until then req and
 * its arena stay valid, even if the peer went away (then the reply is dropped, and frees req). */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "http/answer.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_PUT,
    HTTP_POST,
    HTTP_DELETE,
    HTTP_PATCH,
    HTTP_OPTIONS,
    HTTP_METHODS
};
enum http_version { HTTP_1_0, HTTP_1_1, HTTP_2 };

enum http_header {
#define HEADER(id, name) HEADER_##id,
#include "http/header.def"
#undef HEADER
    HTTP_HEADERS
};

#define BODY_LEN_CHUNKED                                                                           \
    (-1) /* length not known before the end (chunked, or h2 without a length) */

struct request {
    enum http_method method;
    enum http_version version;
    struct str target; /* as sent, for the log */
    struct str path;   /* percent-decoded, "//" merged, starts with '/', no "." or ".." segment,
                          UTF-8, no control byte */
    struct str query;  /* raw, without '?'; p NULL when there is none */
    struct str host;   /* authority as sent, lower-cased; n 0 only in HTTP/1.0 */
    struct str
        header[HTTP_HEADERS]; /* trimmed; p NULL when absent; repeated ones joined with ", " by
                               * the list rule, but those that must be single are refused */
    int64_t body_len;
    uint64_t id; /* unique in this process */
    struct arena *arena;
    void *listener;     /* the tag given to http_listen */
    struct str trusted; /* value of the field that http_keep_field named; p NULL when absent */
    unsigned n_trusted; /* how many such fields came; only of 1 the value means anything */
    int64_t start_mono_ms;
    uint64_t start_ns;

    /* the handler's */
    void *user;
    struct str log_principal; /* for the access log; in the arena or static */
    struct str log_node;      /* the same; p NULL when no node is known */
    const char *route;        /* for the access log; static */
};

/* No call of a sink comes inside request_read_body, and none after the reply. */
struct body_sink {
    /* Bytes of the body, valid during the call. */
    void (*on_data)(struct request *req, struct str bytes);
    void (*on_end)(struct request *req);
    /* The body will not come whole: peer gone, too slow, malformed. A reply is still owed. */
    void (*on_abort)(struct request *req, const struct err *why);
};

/* Starts reading: sends 100 Continue if the client waits for it. More than max bytes ends in
 * on_abort with ERR_TOO_LARGE. A handler that replies without calling this refuses the body:
 * the connection then sees that the reply reaches a client that is still sending. */
void request_read_body(struct request *req, const struct body_sink *sink, uint64_t max);
/* Back-pressure: no on_data between pause and resume; the peer's window stays shut meanwhile. */
void request_body_pause(struct request *req);
void request_body_resume(struct request *req);

/* HEAD sends the head alone; If-None-Match (list, "*", weak comparison) that meets the answer's
 * ETag sends 304. Takes its own reference. */
void request_reply(struct request *req, struct answer *a);
/* A 200 whose body is `size` bytes of fd from 0 (owned from now on). Range and If-Range are
 * obeyed for one range (206, 416); several ranges are answered 200. a is made with has_file. */
void request_reply_file(struct request *req, struct answer *a, int fd, uint64_t size);

bool request_gone(const struct request *req);         /* the peer will not see a reply */
bool request_accepts_gzip(const struct request *req); /* RFC 9110 12.5.3 */
/* Text of the peer's address, "127.0.0.1:5044" or "unix"; lives as long as req. */
struct str request_peer(const struct request *req);
/* The peer's address as text, IPv4 in IPv6 unwrapped; false for a unix socket. Borrowed as above.
 */
bool request_peer_address(const struct request *req, struct str *ret_ip, uint16_t *ret_port);
/* A unix socket's peer, as it was when it connected (SO_PEERCRED); false for TCP. */
bool request_peer_uid(const struct request *req, uint32_t *ret_uid);
/* Is the TCP connection established in both directions now (TCP_INFO)? A peer that has sent its FIN
 * is not: whoever has its port next would be taken for it. */
bool request_is_established(const struct request *req);
/* Smoothed round trip as the kernel sees it; -1 when it does not know. */
int64_t request_round_trip_us(const struct request *req);
/* One pointer for the application's use, of the connection that the request came by; NULL at first.
 * http_handler.peer_gone gets it, if it is not NULL, once connection and requests are all gone. */
void **request_peer_slot(struct request *req);
/* The connection ends with this request's answer (Connection: close, GOAWAY). */
void request_end_connection(struct request *req);
const char *http_method_name(enum http_method m);
const char *http_version_name(enum http_version v); /* "1.0", "1.1", "2" */
