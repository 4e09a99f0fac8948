/* What the node is comes from a status asked again and again: tailscaled's stream of changes is not
 * promised to tell all of them. A running node is shown only together with its control server,
 * because that is part of who a person is; so prefs are asked between the status that finds it
 * running and the change told of it. */
#include "tailnet/tailnet.h"

#include "base/mem.h"
#include "tailnet/asks.h"
#include "tailnet/local_api.h"
#include "tailnet/trouble.h"

#include <errno.h>
#include <sys/stat.h>

#define POLL_NOT_RUNNING_MS 1000
#define TROUBLE_MAX 1024

enum said { SAID_NOTHING_YET, SAID_STATUS, SAID_NO_MORE };

struct tailnet {
    struct loop *loop;
    struct tailnet_options o;
    char *socket_copy;
    struct asks *asks;
    struct loop_timer poll;
    struct local_call *call; /* status or prefs */
    enum said said;
    struct arena *arena; /* of node; NULL with it */
    struct tailnet_node *node;
    struct arena *fresh_arena; /* of a status whose control is asked for */
    struct tailnet_node *fresh;
    struct arena *control_arena;
    struct str control, control_of; /* and the id of the node it was asked for; empty: none */
    struct buf trouble;
};

struct str tailnet_find_socket(void)
{
    /* systemd's, the same by its old name, the container image's, Synology's */
    static const char *const places[] = {
        "/run/tailscale/tailscaled.sock",
        "/var/run/tailscale/tailscaled.sock",
        "/tmp/tailscaled.sock",
        "/var/packages/Tailscale/var/tailscaled.sock",
    };
    struct stat st;
    struct str hidden = STR("");
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (stat(places[i], &st) == 0) {
            if (S_ISSOCK(st.st_mode))
                return str_from(places[i]);
        } else if (errno == EACCES && hidden.n == 0) {
            hidden = str_from(places[i]);
        }
    }
    return hidden;
}

static struct str socket_now(void *ctx)
{
    const struct tailnet *t = ctx;
    return t->o.socket.n > 0 ? t->o.socket : tailnet_find_socket();
}

static void drop_fresh(struct tailnet *t)
{
    arena_free(TAKE(t->fresh_arena));
    t->fresh = NULL;
}

static void forget_control(struct tailnet *t)
{
    arena_reset(t->control_arena);
    t->control = t->control_of = STR("");
}

/* Sets the next poll first, so that changed() finds all as it will stay. */
static void settle(struct tailnet *t, bool changed)
{
    bool running = t->node && t->node->running;
    loop_timer_set(t->loop, &t->poll,
        loop_now_ms(t->loop) + (running ? TAILNET_POLL_MS : POLL_NOT_RUNNING_MS));
    if (changed && t->o.changed)
        t->o.changed(t->o.ctx);
}

static void fall_silent(struct tailnet *t, const struct err *why)
{
    struct arena *old = TAKE(t->arena);
    bool changed = t->said != SAID_NO_MORE;
    t->said = SAID_NO_MORE;
    t->node = NULL;
    drop_fresh(t);
    forget_control(t);
    buf_clear(&t->trouble);
    trouble_of_silence(why, socket_now(t), &t->trouble);
    settle(t, changed);
    arena_free(old);
}

static void show_fresh(struct tailnet *t)
{
    struct arena *old = NULL;
    t->fresh->control = arena_str(t->fresh_arena, t->control);
    bool changed = !t->node || !tailnet_node_eq(t->node, t->fresh);
    t->said = SAID_STATUS;
    if (changed) { /* else what others borrowed stays */
        old = TAKE(t->arena);
        t->arena = TAKE(t->fresh_arena);
        t->node = TAKE(t->fresh);
    }
    drop_fresh(t);
    buf_clear(&t->trouble);
    trouble_of_node(t->node, loop_wall_s(t->loop), &t->trouble);
    settle(t, changed);
    arena_free(old);
}

/* 0 when the answer can be read. */
static int check_answer(unsigned status, const struct err *why, struct err *e)
{
    if (status == 0) {
        *e = *why;
        return -1;
    }
    if (status == 403)
        return err_set(e, ERR_INVALID, "it does not let the registry ask (status 403)");
    if (status >= 500)
        return err_set(
            e, ERR_BUSY, "it is not ready yet (status %u): if it stays so, see its log", status);
    if (status != 200)
        return err_set(e, ERR_INVALID, "it answers with status %u", status);
    return 0;
}

static void on_prefs(void *ctx, unsigned status, struct str body, const struct err *why)
{
    struct tailnet *t = ctx;
    struct err e = ERR_INIT;
    t->call = NULL;
    forget_control(t);
    if (check_answer(status, why, &e) < 0 ||
        tailnet_control_parse(t->control_arena, body, &t->control, &e) < 0) {
        fall_silent(t, &e);
        return;
    }
    t->control_of = arena_str(t->control_arena, t->fresh->stable_id);
    show_fresh(t);
}

static void ask(struct tailnet *t, struct str path, local_call_fn fn)
{
    int64_t deadline = loop_now_ms(t->loop) + TAILNET_DEADLINE_MS;
    t->call = local_call_new(t->loop, socket_now(t), path, deadline, fn, t);
}

static void on_status(void *ctx, unsigned status, struct str body, const struct err *why)
{
    struct tailnet *t = ctx;
    struct err e = ERR_INIT;
    t->call = NULL;
    t->fresh_arena = arena_new();
    t->fresh = ARENA_NEW(t->fresh_arena, struct tailnet_node);
    if (check_answer(status, why, &e) < 0 ||
        tailnet_node_parse(t->fresh_arena, body, t->fresh, &e) < 0) {
        fall_silent(t, &e);
        return;
    }
    if (!t->fresh->running)
        forget_control(t);
    else if (!str_eq(t->control_of, t->fresh->stable_id)) {
        ask(t, STR("/localapi/v0/prefs"), on_prefs);
        return;
    }
    show_fresh(t);
}

static void on_poll(struct loop_timer *timer)
{
    struct tailnet *t = CONTAINER_OF(timer, struct tailnet, poll);
    ask(t, STR("/localapi/v0/status?peers=false"), on_status);
}

/* A question found nobody to answer it: look now rather than at the next turn. */
static void on_gone(void *ctx)
{
    struct tailnet *t = ctx;
    if (t->node && !t->call)
        loop_timer_set(t->loop, &t->poll, loop_now_ms(t->loop));
}

struct tailnet *tailnet_new(struct loop *l, const struct tailnet_options *o)
{
    struct tailnet *t = MEM_NEW(struct tailnet);
    struct asks_options asks = { o->capability, socket_now, on_gone, t };
    t->loop = l;
    t->o = *o;
    t->socket_copy = mem_dup(o->socket.p ? o->socket.p : "", o->socket.n);
    t->o.socket = (struct str){ t->socket_copy, o->socket.n };
    t->asks = asks_new(l, &asks);
    t->control_arena = arena_new();
    forget_control(t);
    t->trouble = BUF_INIT(TROUBLE_MAX);
    buf_add(&t->trouble, STR("waiting for tailscaled to say how this node is: try again in a "
                             "moment"));
    t->poll.fire = on_poll;
    loop_timer_set(l, &t->poll, loop_now_ms(l));
    return t;
}

void tailnet_free(struct tailnet *t)
{
    if (!t)
        return;
    asks_free(t->asks);
    if (t->call)
        local_call_cancel(t->call);
    loop_timer_cancel(t->loop, &t->poll);
    drop_fresh(t);
    arena_free(t->arena);
    arena_free(t->control_arena);
    buf_deinit(&t->trouble);
    free(t->socket_copy);
    free(t);
}

const struct tailnet_node *tailnet_node(const struct tailnet *t)
{
    return t->node;
}

struct str tailnet_trouble(const struct tailnet *t)
{
    return buf_str(&t->trouble);
}

void tailnet_whois(struct tailnet *t, struct str address, bool (*wanted)(void *ctx),
    tailnet_whois_fn fn, void *ctx)
{
    struct question question = { address, wanted, fn, ctx };
    asks_add(t->asks, &question);
}
