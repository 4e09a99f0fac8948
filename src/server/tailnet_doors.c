#include "server/tailnet_doors.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

#define AGAIN_MS 1000
#define PORTS_MAX 16
#define PLACES_MAX 256 /* address and port; a node that changes its address more often restarts */
#define IP_MAX 46

/* One address and port. Connections keep pointing at the door: places are closed, never freed. */
struct place {
    char ip[IP_MAX];
    uint16_t port;
    struct api_door door;
    bool open, wanted;
};

struct tailnet_doors {
    struct loop *loop;
    struct http_server *http;
    struct loop_timer again;
    size_t n_ports, n_places;
    struct {
        uint16_t port;
        const struct api_door *door;
    } ports[PORTS_MAX];
    struct place *places[PLACES_MAX];
};

static int open_missing(struct tailnet_doors *d, struct err *e);

static void try_again(struct loop_timer *t)
{
    struct tailnet_doors *d = CONTAINER_OF(t, struct tailnet_doors, again);
    struct err e = ERR_INIT;
    struct log_line l;
    if (open_missing(d, &e) == 0)
        return;
    log_begin(&l, LOG_ERROR, "listen_failed");
    log_err(&l, &e);
    log_end(&l);
}

struct tailnet_doors *tailnet_doors_new(struct loop *l, struct http_server *http)
{
    struct tailnet_doors *d = MEM_NEW(struct tailnet_doors);
    d->loop = l;
    d->http = http;
    d->again.fire = try_again;
    return d;
}

void tailnet_doors_free(struct tailnet_doors *d)
{
    if (!d)
        return;
    loop_timer_cancel(d->loop, &d->again);
    for (size_t i = 0; i < d->n_places; i++)
        free(d->places[i]);
    free(d);
}

void tailnet_doors_add(struct tailnet_doors *d, uint16_t port, const struct api_door *door)
{
    if (d->n_ports == PORTS_MAX)
        return;
    d->ports[d->n_ports].port = port;
    d->ports[d->n_ports++].door = door;
}

static struct place *find_place(struct tailnet_doors *d, struct str ip, uint16_t port)
{
    for (size_t i = 0; i < d->n_places; i++) {
        if (d->places[i]->port == port && str_eq(str_from(d->places[i]->ip), ip))
            return d->places[i];
    }
    return NULL;
}

static void want(struct tailnet_doors *d, struct str ip, size_t i)
{
    struct place *p = find_place(d, ip, d->ports[i].port);
    if (!p && d->n_places < PLACES_MAX && ip.n < IP_MAX) {
        p = MEM_NEW(struct place);
        memcpy(p->ip, ip.p, ip.n);
        p->port = d->ports[i].port;
        p->door = *d->ports[i].door;
        d->places[d->n_places++] = p;
    }
    if (p)
        p->wanted = true;
}

static int refused(const struct place *p, struct err *e)
{
    struct err why = *e;
    bool v6 = strchr(p->ip, ':') != NULL;
    return err_set(e, why.kind,
        "cannot listen on %s%s%s:%u of the tailnet: %.200s (another port: --listen "
        "'http://tailnet:8000?identity=tailscale')",
        v6 ? "[" : "", p->ip, v6 ? "]" : "", p->port, why.text);
}

/* 1: not there yet. */
static int open_place(struct tailnet_doors *d, struct place *p, struct err *e)
{
    struct err why = ERR_INIT;
    if (http_listen_tcp(d->http, str_from(p->ip), p->port, &p->door, NULL, &why) < 0) {
        if (why.kind == ERR_USAGE)
            return 1;
        *e = why;
        return refused(p, e);
    }
    p->open = true;
    log_msg(LOG_INFO, "listening", "on the tailnet address %s, port %u", p->ip, p->port);
    return 0;
}

static int open_missing(struct tailnet_doors *d, struct err *e)
{
    bool missing = false;
    for (size_t i = 0; i < d->n_places; i++) {
        struct place *p = d->places[i];
        int rc = p->wanted && !p->open ? open_place(d, p, e) : 0;
        if (rc < 0)
            return -1;
        missing = missing || rc > 0;
    }
    if (missing)
        loop_timer_set(d->loop, &d->again, loop_now_ms(d->loop) + AGAIN_MS);
    return http_start(d->http, e);
}

static void close_unwanted(struct tailnet_doors *d)
{
    for (size_t i = 0; i < d->n_places; i++) {
        struct place *p = d->places[i];
        if (p->wanted || !p->open)
            continue;
        http_unlisten(d->http, &p->door);
        p->open = false;
    }
}

int tailnet_doors_follow(struct tailnet_doors *d, const struct tailnet_node *node, struct err *e)
{
    for (size_t i = 0; i < d->n_places; i++)
        d->places[i]->wanted = false;
    for (size_t k = 0; node->tun && k < node->n_addresses; k++) {
        for (size_t i = 0; i < d->n_ports; i++)
            want(d, node->addresses[k], i);
    }
    close_unwanted(d);
    return open_missing(d, e);
}
