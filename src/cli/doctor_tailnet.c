/* What tailscaled says, asked by the same code as the server does, on a loop that lives as long as
 * the questions: first how the node is, then who the others are. Each round has 2 s. */
#include "cli/doctor.h"
#include "tailnet/local_api.h"
#include "tailnet/peer.h"
#include "tailnet/said.h"
#include "tailnet/tailnet.h"
#include "tailnet/trouble.h"

enum { ASK_STATUS, ASK_PEERS, ASK_PREFS, ASK_SERVE, QUESTIONS };

struct answer {
    struct gathering *g;
    unsigned status;
    struct str body;
    struct err why;
};

struct gathering {
    struct arena *a;
    struct doctor_facts *f;
    struct loop *loop;
    struct answer answers[QUESTIONS];
    size_t n_open;
    struct str addresses[DOCTOR_PEERS_MAX]; /* of peers */
    size_t n_addresses, n_asked;
    int64_t deadline_ms;
};

static void end_one(struct gathering *g)
{
    if (--g->n_open == 0)
        loop_stop(g->loop);
}

static void on_answer(void *ctx, unsigned status, struct str body, const struct err *e)
{
    struct answer *x = ctx;
    x->status = status;
    x->body = arena_str(x->g->a, body);
    x->why = *e;
    end_one(x->g);
}

static void ask_all(struct gathering *g)
{
    static const char *const paths[QUESTIONS] = { "/localapi/v0/status?peers=false",
        "/localapi/v0/status", "/localapi/v0/prefs", "/localapi/v0/serve-config" };
    int64_t deadline = loop_now_ms(g->loop) + TAILNET_DEADLINE_MS;
    g->n_open = QUESTIONS;
    for (size_t i = 0; i < QUESTIONS; i++) {
        g->answers[i].g = g;
        (void)local_call_new(
            g->loop, g->f->socket, str_from(paths[i]), deadline, on_answer, &g->answers[i]);
    }
    loop_run(g->loop);
}

/* ---- the node ---- */

static void tell_silence(struct gathering *g, const struct err *why)
{
    struct buf text AUTO_BUF = BUF_INIT(4096);
    trouble_of_silence(why, g->f->socket, &text);
    g->f->silence = arena_str(g->a, buf_str(&text));
}

static int read_node(struct gathering *g)
{
    struct answer *x = &g->answers[ASK_STATUS];
    struct tailnet_node *node = ARENA_NEW(g->a, struct tailnet_node);
    if (x->status == 200 && tailnet_node_parse(g->a, x->body, node, &x->why) == 0) {
        g->f->node = node;
        return 0;
    }
    if (x->status != 0 && x->status != 200)
        (void)err_set(
            &x->why, ERR_INVALID, "it answers status %u when it is asked how it is", x->status);
    tell_silence(g, &x->why);
    return -1;
}

/* The hostname that it asks for stands in its settings, or is the machine's. */
static void read_wanted_name(struct gathering *g)
{
    json_t *root AUTO_JSON = NULL, *status AUTO_JSON = NULL;
    const json_t *self;
    struct str name = STR("");
    const struct answer *prefs = &g->answers[ASK_PREFS], *st = &g->answers[ASK_STATUS];
    if (prefs->status == 200 && said_root(prefs->body, &root, NULL) == 0 &&
        said_text(g->a, root, "Hostname", &name, NULL) < 0)
        name = STR("");
    if (name.n == 0 && said_root(st->body, &status, NULL) == 0 &&
        said_object(status, "Self", &self, NULL) == 0 && self &&
        said_text(g->a, self, "HostName", &name, NULL) < 0)
        name = STR("");
    g->f->wanted_name = name;
}

/* ---- the others ---- */

static void ask_next(struct gathering *g);

static void add_peer(struct gathering *g, const struct tailnet_peer *peer)
{
    struct doctor_peer *p = &g->f->peers[g->f->n_peers++];
    p->name = arena_str(g->a, peer->node.n ? peer->node : peer->stable_id);
    p->tagged = peer->n_tags > 0;
    capability_parse(g->a, peer->capability, &p->capability);
}

static void on_peer(void *ctx, unsigned status, struct str body, const struct err *e)
{
    struct gathering *g = ctx;
    struct tailnet_peer peer;
    (void)e;
    if (status != 200 || tailnet_peer_parse(g->a, body, g->f->config->capability, &peer, NULL) < 0)
        g->f->n_unclear++;
    else if (!peer.shared && !peer.expired)
        add_peer(g, &peer);
    ask_next(g);
    end_one(g);
}

static void ask_next(struct gathering *g)
{
    if (g->n_asked == g->n_addresses)
        return;
    struct str ip = g->addresses[g->n_asked++];
    struct str path =
        arena_printf(g->a, "/localapi/v0/whois?addr=%" STR_FMT "&proto=tcp", STR_ARG(ip));
    g->n_open++;
    (void)local_call_new(g->loop, g->f->socket, path, g->deadline_ms, on_peer, g);
}

/* The first address of each that is online. */
static void list_peers(struct gathering *g)
{
    json_t *root AUTO_JSON = NULL, *peer;
    const char *key;
    const struct answer *x = &g->answers[ASK_PEERS];
    g->f->peers_unsaid = x->status != 200 || said_root(x->body, &root, NULL) < 0;
    if (g->f->peers_unsaid)
        return;
    json_object_foreach(json_object_get(root, "Peer"), key, peer)
    {
        struct str ip = json_str(json_array_get(json_object_get(peer, "TailscaleIPs"), 0));
        if (!json_is_true(json_object_get(peer, "Online")) || !tailnet_has_address(ip))
            continue;
        g->f->n_online++;
        if (g->n_addresses < DOCTOR_PEERS_MAX)
            g->addresses[g->n_addresses++] = arena_str(g->a, ip);
    }
}

static void ask_peers(struct gathering *g)
{
    list_peers(g);
    g->f->peers = arena_array(g->a, DOCTOR_PEERS_MAX, sizeof(*g->f->peers));
    g->deadline_ms = clock_mono_ms() + TAILNET_DEADLINE_MS;
    while (g->n_open < TAILNET_ASKS_MAX && g->n_asked < g->n_addresses)
        ask_next(g);
    if (g->n_open > 0)
        loop_run(g->loop);
}

void doctor_ask_tailnet(struct arena *a, struct doctor_facts *f)
{
    struct gathering g = { .a = a, .f = f };
    struct err e = ERR_INIT;
    if (f->socket.n == 0 || loop_new(&g.loop, &e) < 0) {
        tell_silence(&g, &e);
        return;
    }
    ask_all(&g);
    if (read_node(&g) == 0) {
        const struct answer *serve = &g.answers[ASK_SERVE];
        read_wanted_name(&g);
        f->serve_said = serve->status == 200 ? serve->body : STR_NONE;
        if (f->config && f->node->running)
            ask_peers(&g);
    }
    loop_free(g.loop);
}
