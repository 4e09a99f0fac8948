/* The application behind the HTTP server: finds the route, asks access, runs the use case, answers.
 * Loop thread only. */
#pragma once
#include "http/server.h"
#include "registry/registry.h"

struct api;

/* The tag of a listener: what comes in through it may do. */
struct api_door {
    struct access_door access;
    bool only_health;
    bool admin; /* the admin socket: /admin alone */
};

struct api_site {        /* what answers say of us; lives as long as the api */
    struct str base_url; /* no slash at the end */
    const char *version;
};

/* Made before the registry is open, so that a busy port is found before the folder is touched. */
struct api *api_new(struct loop *loop);
/* Once, before the first request. */
void api_open(struct api *a, struct registry *r, const struct api_site *site);
void api_free(struct api *a);
struct http_handler api_handler(struct api *a);
/* While stopping, /readyz says 503. */
void api_set_stopping(struct api *a);
