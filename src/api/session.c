/* One answer serves all that waits for it, so a hundred streams cost one question. What borrows the
 * identity of a session may do so until the handler returns; who needs it longer makes a copy
 * (caller_keep). */
#include "api/session.h"

#include "base/log.h"
#include "base/mem.h"
#include "registry/principals.h"
#include "tailnet/tailnet.h"

#include <string.h>

#define KEPT_MS 10000
#define NOBODY_KEPT_MS 1000 /* a stranger on loopback makes tailscaled search for long */

struct calls {
    struct call *first, **end;
};

struct session {
    struct api *api;
    struct arena *arena;             /* identity lives there; NULL while nobody is known */
    const struct identity *identity; /* NULL: nobody */
    struct err refusal;              /* why */
    struct known known;              /* of identity */
    struct arena *names;             /* for the log: a request may be told of after another came */
    char stable_id[64];              /* the node that this connection belongs to; "": none yet */
    int64_t asked_ms;                /* when the answer at hand was asked for */
    bool has_answer;
    bool asking;
    struct calls now, later; /* waiting for the answer under way; for one asked after it */

    /* the answer under way */
    struct arena *fresh_arena;
    struct identity *fresh;
    int64_t fresh_ms;

    bool busy, gone; /* gone: to be freed when no longer busy */
};

static void calls_add(struct calls *q, struct call *c)
{
    c->next = NULL;
    if (!q->first)
        q->end = &q->first;
    *q->end = c;
    q->end = &c->next;
}

static void free_session(struct session *s)
{
    arena_free(s->arena);
    arena_free(s->fresh_arena);
    arena_free(s->names);
    free(s);
}

void session_gone(void *ctx, void *slot)
{
    struct session *s = slot;
    (void)ctx;
    if (s->busy)
        s->gone = true;
    else
        free_session(s);
}

static struct session *session_of(struct call *c)
{
    void **slot = request_peer_slot(c->req);
    if (!*slot) {
        struct session *s = MEM_NEW(struct session);
        s->api = c->api;
        s->names = arena_new();
        *slot = s;
    }
    return *slot;
}

static void hand_out(struct session *s, struct call *c)
{
    c->peer = s->identity;
    c->known = s->identity ? &s->known : NULL;
    c->refusal = s->identity ? NULL : &s->refusal;
}

static void begin(struct session *s);

/* Every call that waited for this answer; answering one may end the connection, and the session
 * with it. */
static void serve(struct session *s)
{
    struct call *c = s->now.first;
    s->now.first = NULL;
    s->asking = false;
    s->busy = true;
    while (c) {
        struct call *next = c->next;
        hand_out(s, c);
        c->then(c);
        c = next;
    }
    s->busy = false;
    if (s->gone) {
        free_session(s);
    } else if (s->later.first && !s->asking) {
        s->now = s->later; /* not empty, so its end points into a call */
        s->later.first = NULL;
        begin(s);
    }
}

static void name_identity(struct session *s)
{
    struct buf name AUTO_BUF = BUF_INIT(4096);
    identity_name(s->identity, &name);
    s->known = (struct known){
        .name = arena_str(s->names, buf_str(&name)),
        .node = s->identity->node.n > 0 ? arena_str(s->names, s->identity->node) : STR_NONE,
    };
}

static void conclude(struct session *s, const struct err *why)
{
    s->has_answer = true;
    s->asked_ms = s->fresh_ms;
    if (why) {
        s->refusal = *why;
        arena_free(TAKE(s->arena));
        arena_free(TAKE(s->fresh_arena));
        s->identity = NULL;
    } else if (s->identity && identity_eq(s->identity, s->fresh)) {
        arena_free(TAKE(s->fresh_arena));
    } else {
        arena_free(s->arena);
        s->arena = TAKE(s->fresh_arena);
        s->identity = s->fresh;
        name_identity(s);
        api_note_identity(s->api, s->identity);
    }
    s->fresh = NULL;
    serve(s);
}

static void see(struct session *s)
{
    struct registry *r = s->api->registry;
    enum access_sight sight;
    struct err e = ERR_INIT;
    int64_t now = loop_wall_s(s->api->loop);
    if (access_sight(r->access, s->fresh, &sight, &e) == 0) {
        uint32_t id = access_principal_id(r->access, s->fresh->keys[0]);
        access_saw(r->access, id, now);
        tally_seen(r->tally, id, now);
    }
    conclude(s, e.kind == ERR_NONE ? NULL : &e);
}

static void on_bound(void *ctx, const struct err *e)
{
    struct session *s = ctx;
    if (e->kind == ERR_NONE)
        see(s);
    else
        conclude(s, e);
}

/* A node whose place was taken by another since this connection began: nobody, and the end of it.
 */
static int check_same_node(struct session *s, const struct tailnet_peer *p, struct err *e)
{
    if (p->stable_id.n == 0 || p->stable_id.n >= sizeof(s->stable_id))
        return err_set(e, ERR_FORBIDDEN, "tailscaled named a node that has no usable id");
    if (s->stable_id[0] == '\0')
        memcpy(s->stable_id, p->stable_id.p, p->stable_id.n);
    if (str_eq(str_from(s->stable_id), p->stable_id))
        return 0;
    for (struct call *c = s->now.first; c; c = c->next)
        request_end_connection(c->req);
    return err_set(e, ERR_FORBIDDEN,
        "the node behind this connection is another one than when it began; connect again");
}

static int read_answer(struct session *s, const struct tailnet_peer *p, struct err *e)
{
    const struct tailnet_node *node = api_tailnet_node(s->api, e);
    struct request *req = s->now.first->req;
    struct str ip = STR_NONE;
    uint16_t port;
    if (!node)
        return -1;
    if (!request_is_established(req))
        return err_set(e, ERR_FORBIDDEN, "the connection ended while its peer was looked up");
    if (node->tun)
        (void)request_peer_address(req, &ip, &port);
    if (check_same_node(s, p, e) < 0)
        return -1;
    s->fresh_arena = arena_new();
    return identity_from_peer(s->fresh_arena, p, node->stable_id, node->control, ip, &s->fresh, e);
}

/* What the person can do about it, in place of what went wrong inside. Nobody is let in by it. */
static void explain(struct session *s, const struct err *why, struct err *e)
{
    const char *address = request_peer(s->now.first->req).p;
    struct log_line l;
    if (why->kind == ERR_NOT_FOUND) {
        (void)err_set(e, ERR_FORBIDDEN,
            "the tailnet does not know who is at %s: come directly from a node of the tailnet, not "
            "through a subnet router or a proxy, or try again if this node has just joined",
            address);
        return;
    }
    log_begin(&l, LOG_WARN, "whois_failed");
    log_str(&l, "peer", str_from(address));
    log_err(&l, why);
    log_end(&l);
    if (why->kind == ERR_BUSY)
        (void)err_set(e, ERR_BUSY,
            "tailscaled did not say in time who you are; try again, and tell the admin if it stays "
            "so");
    else
        (void)err_set(e, ERR_FORBIDDEN,
            "what tailscaled says of you is not clear, so you are nobody here; an admin finds the "
            "reason in the log");
}

static void on_whois(void *ctx, const struct err *why, const struct tailnet_peer *p)
{
    struct session *s = ctx;
    struct err e = ERR_INIT;
    enum access_sight sight;
    if (why->kind != ERR_NONE)
        explain(s, why, &e);
    else if (read_answer(s, p, &e) == 0 &&
             access_sight(s->api->registry->access, s->fresh, &sight, &e) == 0) {
        if (sight == ACCESS_UNSEEN)
            principals_bind(s->api->registry, s->fresh, on_bound, s);
        else
            see(s);
        return;
    }
    conclude(s, &e);
}

/* What tailscaled is asked for; -1 for an address that can be nobody's, of which it is not asked.
 */
static int question(const struct session *s, struct str *ret, struct err *e)
{
    const struct tailnet_node *node = api_tailnet_node(s->api, e);
    struct request *req = s->now.first->req;
    struct str ip;
    uint16_t port;
    if (!node)
        return -1;
    if (!request_peer_address(req, &ip, &port))
        return err_set(e, ERR_FORBIDDEN, "this listener has no peer address to ask about");
    bool from_tailscaled = !node->tun && str_starts(ip, STR("127."));
    if (!from_tailscaled && !(node->tun && tailnet_has_address(ip)))
        return err_set(e, ERR_FORBIDDEN,
            "%" STR_FMT " is not an address of the tailnet, so nobody is known there; use "
            "%" STR_FMT " from a node of the tailnet",
            STR_ARG(ip), STR_ARG(s->api->site.base_url));
    *ret = from_tailscaled
               ? arena_printf(req->arena, "%" STR_FMT ":%u", STR_ARG(ip), (unsigned)port)
               : ip;
    return 0;
}

/* While it waited for its turn, all who asked may have gone. */
static bool is_wanted(void *ctx)
{
    const struct session *s = ctx;
    for (const struct call *c = s->now.first; c; c = c->next) {
        if (!request_gone(c->req))
            return true;
    }
    return false;
}

static void begin(struct session *s)
{
    struct err e = ERR_INIT;
    struct str address;
    s->asking = true;
    s->fresh_ms = loop_now_ms(s->api->loop);
    if (question(s, &address, &e) < 0)
        conclude(s, &e);
    else
        tailnet_whois(s->api->tailnet, address, is_wanted, on_whois, s);
}

static bool is_usable(const struct session *s, int64_t now)
{
    if (!s->has_answer || (!s->identity && s->refusal.kind == ERR_BUSY))
        return false;
    return now - s->asked_ms <= (s->identity ? KEPT_MS : NOBODY_KEPT_MS);
}

void session_identify(struct call *c, bool fresh, void (*then)(struct call *c))
{
    struct session *s = session_of(c);
    if (!fresh && is_usable(s, loop_now_ms(s->api->loop))) {
        hand_out(s, c);
        then(c);
        return;
    }
    c->then = then;
    if (s->busy || (s->asking && fresh)) {
        calls_add(&s->later, c);
        return;
    }
    calls_add(&s->now, c);
    if (!s->asking)
        begin(s);
}

static void compare(struct call *c)
{
    if (!c->refusal && !identity_eq(c->peer, c->caller.peer)) {
        struct err *e = ARENA_NEW(c->req->arena, struct err);
        (void)err_set(e, ERR_FORBIDDEN,
            "what the tailnet says of you has changed while this was sent; try again");
        c->refusal = e;
    }
    c->peer = c->caller.peer;
    c->confirmed(c);
}

/* A body may take minutes, and in them a grant or a node can be taken away. */
void session_confirm(struct call *c, void (*then)(struct call *c))
{
    bool late = loop_now_ms(c->api->loop) - c->req->start_mono_ms > KEPT_MS;
    if (c->door->access.identity != LISTEN_TAILSCALE || !c->caller.peer || !late) {
        c->refusal = NULL;
        then(c);
        return;
    }
    c->confirmed = then;
    session_identify(c, true, compare);
}
