#include "http/server.h"
#include "http/conn.h"
#include "http/h2_mem.h"

#include "base/map.h"
#include "base/mem.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>

#define OUT_ROOM (OUT_MAX + 16384 + 65536 + 1024) /* and one more DATA or HEADERS frame */

const struct http_limits http_limits_default = {
    .header_ms = 10000,
    .body_ms = 600000,
    .stall_window_ms = 30000,
    .stall_min_rate = 1024,
    .write_stall_ms = 60000,
    .idle_ms = 60000,
    .h2_idle_ms = 120000,
    .conns_max = 10000,
    .conns_per_peer = 256,
    .streams_max = 128,
    .jobs_per_conn = 128,
    .line_max = 8192,
    .head_max = 16384,
    .headers_max = 100,
    .window = 256 * 1024,
};

int http_server_new(struct loop *l, struct worker_pool *workers, const struct http_limits *limits,
    const struct http_handler *handler, struct http_server **ret, struct err *e)
{
    struct http_server *s = MEM_NEW(struct http_server);
    s->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (s->reserve_fd < 0) {
        free(s);
        return err_sys(e, "open /dev/null");
    }
    s->loop = l;
    s->workers = workers;
    s->limits = *limits;
    s->handler = *handler;
    s->peers = map_new();
    s->cap_scratch = limits->head_max + (size_t)4 * FILE_PIECE;
    s->scratch = mem_alloc(s->cap_scratch);
    s->out = mem_alloc(OUT_ROOM);
    s->h2_mem = mem_pool_new();
    *ret = s;
    return 0;
}

static void free_shell(struct http_server *s)
{
    while (s->spare) {
        struct exchange *ex = s->spare;
        s->spare = ex->next;
        arena_free(ex->req.arena);
        free(ex);
    }
    free(s);
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    listen_close(s);
    while (s->conns)
        conn_free(s->conns);
    while (s->listeners) {
        struct http_listener *l = s->listeners;
        s->listeners = l->next;
        free(l->path);
        free(l);
    }
    loop_timer_cancel(s->loop, &s->drain_timer);
    loop_timer_cancel(s->loop, &s->accept_again);
    (void)close(s->reserve_fd);
    map_free(s->peers, free);
    mem_pool_free(s->h2_mem);
    free(s->scratch);
    free(s->out);
    s->freed = true;
    if (s->n_orphans == 0)
        free_shell(s);
}

/* Requests that outlive their connections keep what they stand on until their reply. */
void server_orphan_gone(struct http_server *s)
{
    s->n_orphans--;
    if (s->freed && s->n_orphans == 0)
        free_shell(s);
}

void server_conn_gone(struct http_server *s, struct conn *c)
{
    if (c->count && --c->count->n == 0)
        free(map_remove(s->peers, (struct str){ c->count->key, c->count->n_key }));
    s->n_conns--;
    server_check_drained(s);
}

static void drained(struct http_server *s)
{
    void (*done)(void *ctx) = s->drain_done;
    s->drain_done = NULL;
    loop_timer_cancel(s->loop, &s->drain_timer);
    if (done)
        done(s->drain_ctx);
}

static void drain_deadline(struct loop_timer *t)
{
    struct http_server *s = CONTAINER_OF(t, struct http_server, drain_timer);
    s->cutting = true;
    while (s->conns)
        conn_free(s->conns);
    s->cutting = false;
    drained(s);
}

void server_check_drained(struct http_server *s)
{
    if (s->draining && !s->conns && !s->cutting)
        loop_timer_set(s->loop, &s->drain_timer, loop_now_ms(s->loop));
}

static void shorten(int64_t *limit_ms, int64_t most)
{
    if (*limit_ms > most)
        *limit_ms = most;
}

/* What makes progress is finished; what does not is cut much sooner than at other times. */
static void lose_patience(struct http_limits *l)
{
    shorten(&l->header_ms, LEAVE_HEAD_MS);
    shorten(&l->stall_window_ms, LEAVE_STALL_MS);
    shorten(&l->write_stall_ms, LEAVE_STALL_MS);
}

/* done is called by a timer even when nothing is open: never inside this call. */
void http_drain(struct http_server *s, int64_t deadline_mono_ms, void (*done)(void *ctx), void *ctx)
{
    assert(!s->draining);
    s->draining = true;
    s->drain_done = done;
    s->drain_ctx = ctx;
    s->drain_timer.fire = drain_deadline;
    lose_patience(&s->limits);
    listen_take_waiting(s);
    listen_close(s);
    loop_timer_set(s->loop, &s->drain_timer, s->conns ? deadline_mono_ms : loop_now_ms(s->loop));
    for (struct conn *c = s->conns; c; c = c->next)
        conn_begin_drain(c);
}
