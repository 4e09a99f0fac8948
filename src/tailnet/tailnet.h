/* The tailscaled of this machine, asked over its unix socket by HTTP/1.0, one connection a
 * question, on our own loop: nothing here blocks. Loop thread only. */
#pragma once
#include "http/loop.h"
#include "tailnet/node.h"
#include "tailnet/peer.h"

#define TAILNET_ASKS_MAX 8       /* whois at a time: tailscaled looks up under its main lock */
#define TAILNET_WAITING_MAX 4096 /* more are refused at once */
#define TAILNET_DEADLINE_MS 2000 /* of a question, waiting included */
#define TAILNET_POLL_MS 5000     /* status; every second while it is not running */

struct tailnet;

struct tailnet_options {
    struct str socket;     /* path; where the default ones are tried, see tailnet_find_socket */
    struct str capability; /* the name under which grants carry our rights */
    /* Called from the loop after a status that says something new, and when tailscaled stops or
     * starts answering. */
    void (*changed)(void *ctx);
    void *ctx;
};

/* The first of the places where tailscaled puts its socket that exists, else the first into which
 * we may not look: a tailscaled that we cannot ask carries peers to loopback all the same. STR("")
 * when there is none. Static text. */
struct str tailnet_find_socket(void);

/* Copies the options. Begins to ask for the status at once. With an empty socket the default places
 * are looked at anew before each question. */
struct tailnet *tailnet_new(struct loop *l, const struct tailnet_options *o);
/* Every question still open is answered with ERR_BUSY first. */
void tailnet_free(struct tailnet *t);

/* NULL while tailscaled has not answered, or no longer answers; else borrowed until changed(). */
const struct tailnet_node *tailnet_node(const struct tailnet *t);
/* One sentence for people: why nobody can be served now and what to do ("tailscaled does not answer
 * at /run/…: is it running?", "this node is not logged in: …", "waiting for …"). Never empty while
 * the node is not running. */
struct str tailnet_trouble(const struct tailnet *t);

/* The answer to a question; e->kind: ERR_NONE with peer (borrowed during the call), ERR_NOT_FOUND
 * when tailscaled knows nobody there, ERR_BUSY when it did not answer in time, is gone, or too many
 * wait, ERR_INVALID when its answer is not clear. */
typedef void (*tailnet_whois_fn)(void *ctx, const struct err *e, const struct tailnet_peer *peer);
/* address: "IP" of a tailnet address, or "127.0.0.1:PORT"; asked with proto=tcp. fn is called from
 * the loop, exactly once, never before this returns. wanted (may be NULL) is asked when its turn
 * has come: if it says no, the question is not put, and fn gets ERR_BUSY. */
void tailnet_whois(struct tailnet *t, struct str address, bool (*wanted)(void *ctx),
    tailnet_whois_fn fn, void *ctx);
