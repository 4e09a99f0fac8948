/* superguppy doctor, in two halves: facts are gathered (doctor_gather.c, doctor_tailnet.c), then
 * judged (doctor.c and the doctor_*.c with a topic: pure, so that tests need no daemon). Blocking;
 * the command line's one thread. */
#pragma once
#include "auth/capability.h"
#include "tailnet/node.h"

#define DOCTOR_PEERS_MAX 100 /* asked about */
#define DOCTOR_KEY_WARN_DAYS 14

/* ---- facts ---- */

enum doctor_data { DATA_GOOD, DATA_ABSENT, DATA_FOREIGN, DATA_CLOSED };
enum doctor_server { SERVER_NONE, SERVER_READY, SERVER_NOT_READY, SERVER_CLOSED, SERVER_BROKEN };
enum doctor_door_state {
    DOOR_FREE,
    DOOR_OURS,      /* a Super Guppy answers */
    DOOR_TAKEN,     /* something else has it */
    DOOR_FORBIDDEN, /* the system does not let this user have it */
    DOOR_DEAF,      /* nobody answers, though the server runs */
    DOOR_ELSEWHERE  /* the address is none of this machine's */
};
struct doctor_door {
    struct str where; /* "127.0.0.1:80", "/run/x.sock" */
    uint16_t port;    /* 0: unix */
    enum doctor_door_state state;
    bool tailnet; /* at an address of the node */
};

/* What `tailscale serve` or Funnel do with one of our ports. */
struct doctor_serve {
    struct str where; /* "crates.tail1234.ts.net:443/", "port 80" */
    struct str target;
    bool funnel;
};

struct doctor_peer {
    struct str name; /* of the node */
    bool tagged;     /* else a person's */
    struct capability capability;
};

struct doctor_facts {
    int64_t now;

    const struct config *config; /* NULL: config_error says why */
    struct str config_error;
    bool nobody_is_admin; /* as far as the configuration says */

    enum doctor_data data;
    enum doctor_server server;
    struct str server_text; /* what /readyz said (empty: no door answered), or why none did */
    struct doctor_door *doors;
    size_t n_doors;

    struct str socket;               /* of tailscaled; empty: none was found */
    struct str silence;              /* why it does not answer, with the cure; empty when it does */
    const struct tailnet_node *node; /* NULL: it did not answer */
    struct str wanted_name;          /* the hostname that the node asks for; empty: not known */
    struct doctor_peer *peers;       /* members of the tailnet who are online and were judged */
    size_t n_peers;
    size_t n_online, n_unclear; /* all who are online; those of them without a clear answer */
    bool peers_unsaid;          /* it did not list the nodes: the counts say nothing */
    struct str serve_said;      /* p NULL: it did not say */
    bool serve_known;
    struct doctor_serve *serves;
    size_t n_serves;
};

/* ---- judging ---- */

enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };
struct doctor_finding {
    enum doctor_level level;
    const char *check;
    struct str text;
    struct str cure; /* p NULL when all is well */
};
struct doctor_report {
    struct arena *a;
    struct doctor_finding *items;
    size_t n, room;
    size_t count[DOCTOR_FAIL + 1];
    const char *check; /* private: being made */
};

/* The report is begun as { .a = arena }. */
void doctor_judge(const struct doctor_facts *f, struct doctor_report *ret);
const char *doctor_level_name(enum doctor_level level);

/* ---- gathering; facts live in a, as the configuration must ---- */
/* config or config_error, and socket (empty: where tailscaled puts it) are set before. */
void doctor_gather(struct arena *a, struct doctor_facts *f);
/* Asks tailscaled; some 4 seconds at the most. */
void doctor_ask_tailnet(struct arena *a, struct doctor_facts *f);
/* Pure. What concerns our doors (f->doors, f->node) in f->serve_said, the answer to GET
 * /localapi/v0/serve-config. */
void doctor_read_serve(struct arena *a, struct doctor_facts *f);
