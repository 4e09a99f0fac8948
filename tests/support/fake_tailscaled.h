/* A tailscaled on the test's own loop: it takes questions and answers them when and how the test
 * says, also wrongly, in part or never. */
#pragma once
#include "base/str.h"
#include "http/loop.h"

struct fake_conn;

struct fake_tailscaled {
    struct loop *loop;
    char dir[32], path[64];
    struct loop_io io;
    bool listening;
    void (*asked)(struct fake_tailscaled *f, struct fake_conn *c); /* a whole question is there */
    struct fake_conn *first;
    unsigned n_asked, n_open, n_open_max; /* open: asked and neither answered nor left */
};

struct fake_conn {
    struct loop_io io;
    struct fake_tailscaled *fake;
    struct fake_conn *next, **prev;
    bool has_asked, floods;
    char text[2048]; /* the question */
    size_t n;
    struct str target;
};

/* The loop is borrowed. Listens in a folder of its own. */
void fake_start(struct fake_tailscaled *f, struct loop *l);
void fake_listen(struct fake_tailscaled *f, int backlog); /* anew, as after a restart */
void fake_unlisten(struct fake_tailscaled *f);            /* its socket file goes too */
void fake_pause(struct fake_tailscaled *f, bool pause);   /* no accepting */
void fake_end(struct fake_tailscaled *f);

void fake_say(struct fake_conn *c, struct str bytes);
void fake_hang_up(struct fake_conn *c);
void fake_reply(struct fake_conn *c, unsigned status, struct str body); /* and hangs up */
void fake_flood(struct fake_conn *c); /* says more and more until the other side hangs up */
