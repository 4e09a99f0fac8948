/* What server.c shares with its other half, tailnet_part.c. */
#pragma once
#include "api/api.h"
#include "server/server.h"
#include "server/tailnet_doors.h"
#include "tailnet/tailnet.h"

struct server {
    const struct config *config;
    struct arena
        *arena; /* what lives as long as the server; a name that changes stays there, too */
    struct data_dir *data;
    struct worker_pool *pool;
    struct loop *loop;
    struct registry *registry;
    struct api *api;
    struct http_server *http;
    struct api_door *doors; /* one a listener, then the admin socket's */
    uint16_t *ports;
    struct api_site site;
    struct tailnet *tailnet; /* NULL: no listener asks it */
    struct tailnet_doors *tailnet_doors;

    struct loop_io worker_io, signal_io;
    struct loop_timer tally_timer;
    int ready_fd; /* who waits to be told that we are ready; -1: nobody, or told */
    bool stopping;
    struct str names;   /* that the site was made with */
    bool was_running;   /* the node, so that its welcome is printed once */
    struct err failure; /* why the loop was stopped, if not by a signal */
};

/* Tells whoever waits, once. On a tailnet that is after tailscaled's first answer, whatever it is.
 */
int server_tell_ready(struct server *s, struct err *e) MUST_CHECK;
/* Does a listener have identity=tailscale? */
bool server_asks_tailnet(const struct server *s);
/* Begins to ask tailscaled; site and listeners follow what it says. */
void server_open_tailnet(struct server *s);
/* base_url, hosts and what answers say, from configuration and node (NULL: none). */
void server_make_site(struct server *s, const struct tailnet_node *node);
