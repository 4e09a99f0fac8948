/* One line a request, gathered during a turn of the loop and written in one go. */
#include "api/internal.h"
#include "base/log.h"

#include <string.h>

#define LOG_GATHER_MAX (256u << 10)
#define LOG_WRITE_AT (48u << 10)
#define SECRET_MIN 16 /* characters behind sgp_ */

static void flush(struct api *a)
{
    log_write(buf_str(&a->log));
    buf_clear(&a->log);
}

static void run_flush(struct loop_task *t)
{
    flush(CONTAINER_OF(t, struct api, log_flush));
}

void access_log_init(struct api *a)
{
    a->log = BUF_INIT(LOG_GATHER_MAX);
    a->log_flush.run = run_flush;
}

/* Whoever puts a token into a URL has shown it, but not through this log. The name of a crate may
 * begin in the same way and is shorter. */
static struct str without_tokens(const struct request *req)
{
    struct str prefix = STR("sgp_"), target = req->target;
    if (str_find_str(target, prefix) == STR_NPOS)
        return target;
    char *copy = memcpy(arena_alloc(req->arena, target.n), target.p, target.n);
    for (size_t i = 0; i < target.n;) {
        if (!str_starts(str_skip(target, i), prefix)) {
            i++;
            continue;
        }
        size_t from = i += prefix.n;
        while (i < target.n && ascii_is_alnum(target.p[i]))
            i++;
        if (i - from >= SECRET_MIN)
            memset(copy + from, '*', i - from);
    }
    return (struct str){ copy, target.n };
}

void access_log_line(struct api *a, const struct request *req, const struct http_result *r)
{
    /* Who probes health does so for ever, and is of no interest while that works. */
    const struct api_door *door = req->listener;
    enum log_level level = door && door->only_health ? LOG_DEBUG : LOG_INFO;
    struct log_line l;
    if (!log_on(level))
        return;
    log_begin(&l, level, "request");
    log_u64(&l, "id", req->id);
    log_str(&l, "peer", request_peer(req));
    log_str(&l, "who", req->log_principal.p ? req->log_principal : STR("-"));
    if (req->log_node.p)
        log_str(&l, "node", req->log_node);
    log_str(&l, "method", str_from(http_method_name(req->method)));
    log_str(&l, "target", without_tokens(req));
    log_str(&l, "http", str_from(http_version_name(req->version)));
    log_u64(&l, "status", r->status);
    log_u64(&l, "bytes", r->bytes);
    log_u64(&l, "us", r->duration_us);
    buf_add(&a->log, log_finish(&l));
    if (a->log.n >= LOG_WRITE_AT)
        flush(a);
    else
        loop_defer(a->loop, &a->log_flush);
}
