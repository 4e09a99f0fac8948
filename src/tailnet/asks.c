/* All deadlines are equally far away, so the first in the queue is the first to expire and one
 * timer suffices for those that wait; a question that is asked has the rest of its time in
 * local_api. What is refused at once still answers later, from a timer of its own, for callers are
 * never called back before they return. */
#include "tailnet/asks.h"

#include "base/mem.h"
#include "tailnet/local_api.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define PATH_MAX_BYTES 256

struct ask {
    struct ask *next;
    struct asks *asks;
    struct local_call *call; /* while it is asked */
    int64_t deadline_ms;
    struct question what;
    char address[];
};

struct ask_list {
    struct ask *first, **end;
    size_t n;
};

struct asks {
    struct loop *loop;
    struct asks_options o;
    struct ask_list waiting, asked, refused;
    struct loop_timer expire, refuse;
    struct arena *arena; /* of the answer at hand */
    bool ending;
};

static void list_init(struct ask_list *l)
{
    *l = (struct ask_list){ .end = &l->first };
}

static void list_add(struct ask_list *l, struct ask *a)
{
    a->next = NULL;
    *l->end = a;
    l->end = &a->next;
    l->n++;
}

static void list_remove(struct ask_list *l, struct ask *a)
{
    struct ask **at = &l->first;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    if (l->end == &a->next)
        l->end = at;
    l->n--;
}

/* a is in no list any more. */
static void answer(struct ask *a, const struct err *e, const struct tailnet_peer *peer)
{
    a->what.fn(a->what.ctx, e, peer);
    free(a);
}

static void answer_busy(struct ask *a, const char *text)
{
    struct err e = ERR_INIT;
    (void)err_set(&e, ERR_BUSY, "%s", text);
    answer(a, &e, NULL);
}

/* ---- answers ---- */

static int judge(
    struct asks *q, unsigned status, struct str body, struct tailnet_peer *ret, struct err *e)
{
    if (status == 200)
        return tailnet_peer_parse(q->arena, body, q->o.capability, ret, e);
    if (status == 404)
        return err_set(e, ERR_NOT_FOUND, "tailscaled knows nobody at this address");
    if (status >= 500)
        return err_set(e, ERR_BUSY,
            "tailscaled cannot say now who this is (status %u); try again in a moment", status);
    if (status == 403)
        return err_set(e, ERR_INVALID, "tailscaled does not let the registry ask who this is");
    return err_set(
        e, ERR_INVALID, "tailscaled's answer to the question who this is was status %u", status);
}

static void pump(struct asks *q);

static void on_answer(void *ctx, unsigned status, struct str body, const struct err *why)
{
    struct ask *a = ctx;
    struct asks *q = a->asks;
    struct tailnet_peer peer;
    struct err e = ERR_INIT;
    a->call = NULL;
    list_remove(&q->asked, a);
    arena_reset(q->arena);
    int rc = -1;
    if (status != 0)
        rc = judge(q, status, body, &peer, &e);
    else
        e = *why;
    if (status == 0 && e.kind != ERR_INVALID) {
        if (e.sys != ETIMEDOUT)
            q->o.gone(q->o.ctx);
        e.kind = ERR_BUSY;
    }
    pump(q);
    answer(a, &e, rc == 0 ? &peer : NULL);
}

/* ---- the queue ---- */

static bool needs_no_escape(char c)
{
    return ascii_is_alnum(c) || c == '.' || c == ':' || c == '-';
}

static void ask_now(struct asks *q, struct ask *a)
{
    struct buf path AUTO_BUF = BUF_INIT(PATH_MAX_BYTES);
    buf_add(&path, STR("/localapi/v0/whois?addr="));
    for (size_t i = 0; i < a->what.address.n; i++) {
        if (needs_no_escape(a->address[i]))
            buf_add_byte(&path, a->address[i]);
        else
            buf_addf(&path, "%%%02X", (unsigned char)a->address[i]);
    }
    buf_add(&path, STR("&proto=tcp"));
    assert(buf_ok(&path));
    list_add(&q->asked, a);
    a->call = local_call_new(
        q->loop, q->o.socket(q->o.ctx), buf_str(&path), a->deadline_ms, on_answer, a);
}

static void pump(struct asks *q)
{
    if (q->ending)
        return;
    while (q->waiting.first && q->asked.n < TAILNET_ASKS_MAX) {
        struct ask *a = q->waiting.first;
        list_remove(&q->waiting, a);
        if (a->what.wanted && !a->what.wanted(a->what.ctx))
            answer_busy(a, "who asked has gone");
        else
            ask_now(q, a);
    }
    if (q->waiting.first)
        loop_timer_set(q->loop, &q->expire, q->waiting.first->deadline_ms);
    else
        loop_timer_cancel(q->loop, &q->expire);
}

static void on_expire(struct loop_timer *timer)
{
    struct asks *q = CONTAINER_OF(timer, struct asks, expire);
    int64_t now = loop_now_ms(q->loop);
    while (q->waiting.first && q->waiting.first->deadline_ms <= now) {
        struct ask *a = q->waiting.first;
        list_remove(&q->waiting, a);
        answer_busy(a, "tailscaled is too slow for all who ask; try again in a moment");
    }
    pump(q);
}

static void on_refuse(struct loop_timer *timer)
{
    struct asks *q = CONTAINER_OF(timer, struct asks, refuse);
    for (size_t n = q->refused.n; n > 0; n--) {
        struct ask *a = q->refused.first;
        list_remove(&q->refused, a);
        answer_busy(a, "too many wait for tailscaled to say who they are; try again in a moment");
    }
}

void asks_add(struct asks *q, const struct question *question)
{
    struct str address = question->address;
    struct ask *a = mem_zalloc(sizeof(*a) + address.n);
    assert(address.n > 0 && address.n < PATH_MAX_BYTES / 4);
    a->asks = q;
    a->deadline_ms = loop_now_ms(q->loop) + TAILNET_DEADLINE_MS;
    a->what = *question;
    memcpy(a->address, address.p, address.n);
    a->what.address.p = a->address;
    if (q->waiting.n < TAILNET_WAITING_MAX) {
        list_add(&q->waiting, a);
        pump(q);
        return;
    }
    list_add(&q->refused, a);
    loop_timer_set(q->loop, &q->refuse, loop_now_ms(q->loop));
}

struct asks *asks_new(struct loop *l, const struct asks_options *o)
{
    struct asks *q = MEM_NEW(struct asks);
    q->loop = l;
    q->o = *o;
    q->o.capability =
        (struct str){ mem_dup(o->capability.p ? o->capability.p : "", o->capability.n),
            o->capability.n };
    list_init(&q->waiting);
    list_init(&q->asked);
    list_init(&q->refused);
    q->expire.fire = on_expire;
    q->refuse.fire = on_refuse;
    q->arena = arena_new();
    return q;
}

static struct ask_list *not_empty(struct asks *q)
{
    struct ask_list *order[] = { &q->asked, &q->waiting, &q->refused };
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        if (order[i]->first)
            return order[i];
    }
    return NULL;
}

void asks_free(struct asks *q)
{
    struct ask_list *l;
    q->ending = true;
    while ((l = not_empty(q)) != NULL) { /* those too that ask while they are answered */
        struct ask *a = l->first;
        list_remove(l, a);
        if (a->call)
            local_call_cancel(a->call);
        answer_busy(a, "the registry is stopping; try again in a moment");
    }
    loop_timer_cancel(q->loop, &q->expire);
    loop_timer_cancel(q->loop, &q->refuse);
    arena_free(q->arena);
    free((char *)(uintptr_t)q->o.capability.p);
    free(q);
}
