/* The inside of an HTTP/2 connection, shared by h2*.c. */
#pragma once
#include "http/conn.h"

#include <nghttp2/nghttp2.h>

/* Until the client's preface is there it may still read the 101 with a small buffer: curl before 8
 * fails when more than 16 to 32 KiB come along with it. It is a first flight of TCP, no more. */
#define FIRST_FLIGHT 6144
#define FIRST_FRAME 8192

struct h2 {
    nghttp2_session *session;
    struct conn *c;
    struct exchange *finished; /* every frame gathered, not yet with the kernel; linked by next */
    int64_t unseen;            /* bytes read and not accounted for by a frame we were told of */
    bool heard;                /* the client's preface came */
    size_t n_gathered;         /* bytes in the server's out buffer during a flush */
    int64_t credit, credit_ms; /* h2_guard.c */
    bool calmed;               /* GOAWAY for abuse is on its way */
    bool said_goodbye;
    int64_t final_goaway_ms; /* of a drain; 0: none due */
};

size_t h2_out_limit(const struct h2 *h2);

/* h2_in.c */
void h2_in_callbacks(nghttp2_session_callbacks *cb);

/* h2_out.c */
void h2_out_callbacks(nghttp2_session_callbacks *cb);

/* h2_guard.c: what a peer may make us do for nothing */
enum h2_charge {
    H2_CHARGE_RESET,   /* received or sent */
    H2_CHARGE_INVALID, /* a frame that is wrong */
    H2_CHARGE_EMPTY,   /* DATA of no bytes that ends nothing */
    H2_CHARGE_CONTROL, /* PING, SETTINGS */
    H2_CHARGE_MINOR,   /* PRIORITY, WINDOW_UPDATE */
    H2_CHARGE_IGNORED, /* H2_IGNORED_BYTES in frames of unknown types */
};
#define H2_IGNORED_BYTES 4096
void h2_guard_init(struct h2 *h2);
void h2_charge(struct h2 *h2, enum h2_charge what);
void h2_earn(struct h2 *h2, uint64_t body_bytes); /* honest work: an answer, and its bytes */
