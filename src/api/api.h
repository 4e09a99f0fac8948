/* The application behind the HTTP server: finds the route, asks access, runs the use case, answers.
 * Loop thread only. */
#pragma once
#include "http/server.h"
#include "registry/registry.h"

struct api;
struct tailnet;

/* The tag of a listener: what comes in through it may do. */
struct api_door {
    struct access_door access;
    bool only_health;
    bool admin; /* the admin socket: /admin alone */
    /* access.identity is LISTEN_HEADER: */
    struct str trusted_field;  /* for sentences */
    const uint32_t *peer_uids; /* who is believed */
    size_t n_peer_uids;
};

struct api_site {        /* what answers say of us; what it points to lives as long as the api */
    struct str base_url; /* no slash at the end */
    const char *version;
    bool on_tailnet; /* people are to come over a listener with identity=tailscale */
};

/* Made before the registry is open, so that a busy port is found before the folder is touched. */
struct api *api_new(struct loop *loop);
/* Once, before the first request. */
void api_open(struct api *a, struct registry *r);
/* Before the first request, and whenever name or address change. */
void api_set_site(struct api *a, const struct api_site *site);
/* For the listeners that ask it; NULL before it is freed: then nobody is known any more. */
void api_set_tailnet(struct api *a, struct tailnet *t);
void api_free(struct api *a);
struct http_handler api_handler(struct api *a);
/* While stopping, /readyz says 503. */
void api_set_stopping(struct api *a);
