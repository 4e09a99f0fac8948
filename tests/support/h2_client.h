/* A blocking HTTP/2 client for tests, frame by frame. Its functions fail the test themselves. */
#pragma once
#include "support/http_rig.h"

#include <nghttp2/nghttp2.h>

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define END_STREAM 1
#define ACK 1
#define END_HEADERS 4
#define NV(n, v)                                                                                   \
    {                                                                                              \
        (uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), strlen(n), strlen(v), 0              \
    }

/* A client; what came is counted by kind. */
struct client {
    int fd;
    bool closed, mute; /* mute: says nothing by itself */
    char in[1 << 17];
    size_t n_in;
    nghttp2_hd_deflater *deflater;
    nghttp2_hd_inflater *inflater;
    unsigned n_frames[256];
    unsigned n_ended, n_resets, n_goaways, status[512];
    uint32_t reset_code, goaway_code;
    size_t n_data, window;
    char text[4096]; /* of DATA */
};

void client_frame(
    struct client *c, uint8_t type, uint8_t flags, uint32_t stream, struct str payload);
struct client *client_new(const struct rig *r); /* with preface and SETTINGS */
struct client *client_on(int fd);
void client_free(struct client *c);
/* A request of method and path with up to three more fields (ended by one without a name). */
void client_request(struct client *c, uint32_t stream, uint8_t flags, const char *method,
    const char *path, const nghttp2_nv *more);
void client_get(struct client *c, uint32_t stream, const char *path);
/* Reads once; false when nothing comes in time or the server has closed. */
bool client_read(struct client *c, int patience_ms);
void client_until(struct client *c, const unsigned *counter, unsigned at_least);
void client_until_closed(struct client *c);
