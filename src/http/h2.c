/* HTTP/2 over nghttp2: sessions, and the one write of a turn.
 *
 * The upgrade (RFC 7540 3.2) is cargo's only way to HTTP/2 without TLS. 101, SETTINGS, the window
 * and the answer of stream 1 leave in the same write: waiting for the client's preface would cost
 * every first connection a round trip. */
#include "http/h2.h"
#include "http/h2_mem.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

#define CONN_WINDOW_MIN (1 << 20)
#define SETTINGS_MAX 192 /* bytes of an HTTP2-Settings payload that we look at: 32 entries */

static nghttp2_session *session_new(struct h2 *h2)
{
    nghttp2_session_callbacks *cb;
    nghttp2_option *option;
    nghttp2_session *session;
    if (nghttp2_session_callbacks_new(&cb) != 0 || nghttp2_option_new(&option) != 0)
        abort(); /* out of memory */
    h2_in_callbacks(cb);
    h2_out_callbacks(cb);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    if (nghttp2_session_server_new3(
            &session, cb, h2, option, mem_pool_nghttp2(h2->c->server->h2_mem)) != 0)
        abort();
    nghttp2_session_callbacks_del(cb);
    nghttp2_option_del(option);
    return session;
}

static void submit_settings(struct h2 *h2)
{
    const struct http_limits *l = &h2->c->server->limits;
    nghttp2_settings_entry entries[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, l->streams_max },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, l->window },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, l->head_max },
        { NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
    };
    uint32_t window = l->window < CONN_WINDOW_MIN / 4 ? CONN_WINDOW_MIN : l->window * 4;
    if (window > INT32_MAX)
        window = INT32_MAX;
    (void)nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, entries, ARRAY_LEN(entries));
    (void)nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0, (int32_t)window);
}

static struct h2 *h2_make(struct conn *c)
{
    struct h2 *h2 = MEM_NEW(struct h2);
    h2->c = c;
    h2->frame_left = H2_PREFACE;
    h2->session = session_new(h2);
    h2_guard_init(h2);
    return h2;
}

struct h2 *h2_new(struct conn *c)
{
    struct h2 *h2 = h2_make(c);
    submit_settings(h2);
    return h2;
}

void h2_free(struct h2 *h2)
{
    if (!h2)
        return;
    nghttp2_session_del(h2->session);
    h2_finished_done(h2);
    free(h2);
}

static int base64url_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* The payload of a SETTINGS frame in base64url without padding; false when it is none. */
static bool decode_settings(struct str in, uint8_t out[SETTINGS_MAX], size_t *ret_n)
{
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        int v = base64url_value(in.p[i]);
        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        n_bits += 6;
        if (n_bits < 8)
            continue;
        if (n == SETTINGS_MAX)
            return false;
        n_bits -= 8;
        out[n++] = (uint8_t)(bits >> n_bits);
    }
    *ret_n = n;
    return in.n % 4 != 1 && n % 6 == 0 && (bits & ((1u << n_bits) - 1)) == 0;
}

/* nghttp2 would answer a value out of range with 101 and then GOAWAY; such an offer is ignored. */
static bool settings_in_range(const uint8_t *p, size_t n)
{
    for (; n >= 6; p += 6, n -= 6) {
        unsigned id = (unsigned)p[0] << 8 | p[1];
        uint32_t v = (uint32_t)p[2] << 24 | (uint32_t)p[3] << 16 | (uint32_t)p[4] << 8 | p[5];
        if ((id == NGHTTP2_SETTINGS_ENABLE_PUSH && v > 1) ||
            (id == NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE && v > INT32_MAX) ||
            (id == NGHTTP2_SETTINGS_MAX_FRAME_SIZE && (v < 16384 || v > 16777215)))
            return false;
    }
    return true;
}

static const char switching[] = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                                "Upgrade: h2c\r\n\r\n";

int h2_upgrade(struct conn *c, struct exchange *ex, struct str settings)
{
    uint8_t payload[SETTINGS_MAX];
    size_t n;
    if (!decode_settings(settings, payload, &n) || !settings_in_range(payload, n))
        return -1;
    struct h2 *h2 = h2_make(c);
    bool head = ex->req.method == HTTP_HEAD;
    /* A server's upgrade forgets the user data given to it (nghttp2 1.52), so it is set apart. */
    if (nghttp2_session_upgrade2(h2->session, payload, n, head, NULL) != 0 ||
        nghttp2_session_set_stream_user_data(h2->session, 1, ex) != 0) {
        nghttp2_session_del(h2->session);
        free(h2);
        return -1;
    }
    c->h2 = h2;
    c->proto = PROTO_H2;
    c->out = mem_dup(switching, sizeof(switching) - 1);
    c->n_out = sizeof(switching) - 1;
    c->out_at = 0;
    ex->req.version = HTTP_2;
    h2->last_stream = ex->stream_id = 1;
    ex->ended = true;
    ex->close_after = false;
    submit_settings(h2);
    return 0;
}

void h2_input(struct conn *c, struct str in)
{
    struct h2 *h2 = c->h2;
    h2->heard = true;
    int n = h2_scan(h2, in);
    if (n >= 0)
        return;
    if (n == NGHTTP2_ERR_FLOODED || n == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS ||
        n == NGHTTP2_ERR_TOO_MANY_SETTINGS)
        h2_goaway(c, NGHTTP2_ENHANCE_YOUR_CALM);
    else
        h2_goaway(c, NGHTTP2_PROTOCOL_ERROR);
}

bool h2_wants_input(const struct conn *c)
{
    /* A peer that does not take our frames is not given reason for more of them. */
    return c->n_out == 0 && nghttp2_session_want_read(c->h2->session);
}

void h2_goaway(struct conn *c, uint32_t code)
{
    if (c->h2->said_goodbye)
        return;
    c->h2->said_goodbye = true;
    (void)nghttp2_session_terminate_session(c->h2->session, code);
    conn_kick(c);
}

void h2_begin_drain(struct conn *c)
{
    (void)nghttp2_submit_shutdown_notice(c->h2->session);
    c->h2->final_goaway_ms = loop_now_ms(c->server->loop) + 1000;
    conn_arm(c, c->h2->final_goaway_ms);
}

/* Streams that run are served to their end, and h2_flush closes after the last. Nothing is marked:
 * a peer that now abuses what is left still meets h2_goaway. */
void h2_end(struct conn *c)
{
    if (c->h2->said_goodbye || c->h2->ending)
        return;
    c->h2->ending = true;
    (void)nghttp2_submit_goaway(c->h2->session, NGHTTP2_FLAG_NONE,
        nghttp2_session_get_last_proc_stream_id(c->h2->session), NGHTTP2_NO_ERROR, NULL, 0);
    conn_kick(c);
}

/* The second GOAWAY of a drain: no stream after the last one that was seen. */
void h2_check_drain(struct conn *c, int64_t now)
{
    struct h2 *h2 = c->h2;
    if (h2->final_goaway_ms == 0)
        return;
    if (now < h2->final_goaway_ms) {
        conn_arm(c, h2->final_goaway_ms);
        return;
    }
    if (!h2->said_goodbye) {
        h2->said_goodbye = true;
        (void)nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
            nghttp2_session_get_last_proc_stream_id(h2->session), NGHTTP2_NO_ERROR, NULL, 0);
    }
}
