/* The inside of an HTTP/2 connection, shared by h2*.c. */
#pragma once
#include "http/conn.h"

#include <nghttp2/nghttp2.h>

/* Until the client's preface is there it may still read the 101 with a small buffer: curl before 8
 * fails when more than 16 to 32 KiB come along with it. It is a first flight of TCP, no more. */
#define FIRST_FLIGHT 6144
#define FIRST_FRAME 8192

#define H2_CUT 32
#define H2_FRAME_HEAD 9
#define H2_PREFACE 24

struct h2 {
    nghttp2_session *session;
    struct conn *c;
    struct exchange *head;     /* whose HEADERS are being read */
    struct exchange *finished; /* every frame gathered, not yet with the kernel; linked by next */
    uint8_t frame_head[H2_FRAME_HEAD]; /* h2_scan.c: head of a frame, n_frame_head bytes of it */
    unsigned n_frame_head;
    size_t frame_left;         /* bytes until the next head */
    bool heard;                /* the client's preface came */
    int64_t credit, credit_ms; /* h2_guard.c */
    int32_t last_stream;       /* highest one a request came on */
    int32_t cut[H2_CUT];       /* streams we have reset last: frames may still be on their way */
    unsigned n_cut;
    int32_t ended; /* stream whose end was noted last: spares a look-up */
    bool calmed;   /* GOAWAY for abuse is on its way */
    bool said_goodbye;
    bool ending;             /* GOAWAY without haste */
    int64_t final_goaway_ms; /* of a drain; 0: none due */
};

/* h2_flush.c */
void h2_finished_done(struct h2 *h2);
bool h2_gather_is_full(const struct h2 *h2);
void h2_gather_data(struct h2 *h2, const uint8_t *head, struct str body); /* body: an answer's */

/* h2_in.c */
void h2_in_callbacks(nghttp2_session_callbacks *cb);

/* h2_scan.c */
/* Gives input to nghttp2 and looks at every frame on the way; 0, or what nghttp2 says is fatal. */
int h2_scan(struct h2 *h2, struct str in);

/* h2_out.c */
void h2_out_callbacks(nghttp2_session_callbacks *cb);

/* h2_guard.c: what a peer may make us do for nothing */
enum h2_charge {
    H2_CHARGE_RESET,   /* received or sent */
    H2_CHARGE_INVALID, /* a frame that is wrong */
    H2_CHARGE_EMPTY,   /* DATA of no bytes that ends nothing */
    H2_CHARGE_CONTROL, /* PING, SETTINGS */
    H2_CHARGE_MINOR,   /* PRIORITY, WINDOW_UPDATE, unknown frames */
};
void h2_guard_init(struct h2 *h2);
void h2_charge(struct h2 *h2, enum h2_charge what);
void h2_earn(struct h2 *h2, uint64_t body_bytes); /* honest work: an answer, and its bytes */
