/* What the files of api/ share. */
#pragma once
#include "api/api.h"
#include "base/digest.h"
#include "base/json_write.h"
#include "base/map.h"
#include "tailnet/tailnet.h"

struct api {
    struct registry *registry;
    struct loop *loop;
    struct api_site site;
    struct tailnet *tailnet;         /* NULL: no listener asks it */
    uint8_t form_secret[SHA256_LEN]; /* form.c; a restart makes open forms void */
    bool stopping;
    bool told_both_in_force; /* notice.c: log lines that are written once */
    struct map *told_void;
    struct answer *config_open, *config_closed; /* config.json without and with auth-required */
    struct answer *yes;                         /* {"ok":true} */
    struct loop_task log_flush;
    struct buf log;            /* access lines of this turn */
    struct unpacked *unpacked; /* unpacked.c */
    struct loop_timer unpacked_sweep;
};

/* Who a peer is and whether they may read, when nothing is sent along: remembered by its session
 * while access stays as it is, for most requests of a connection are alike. */
struct known {
    bool is_set, reads;
    uint64_t generation; /* of access */
    struct caller caller;
    struct str name, node; /* for the log; live as long as the session */
};

#define PARAMS_MAX 2

/* What a handler gets: the request, who asks, and the {} segments of its path. In the request's
 * arena. */
struct call {
    struct api *api;
    struct request *req;
    const struct route *route;
    const struct api_door *door;
    const struct identity *peer; /* whom the network says it is; NULL: nobody, or not asked */
    const struct err *refusal;   /* why nobody; NULL otherwise */
    struct known *known;         /* of the peer's session; NULL without one */
    bool recalled;               /* caller came from there */
    struct caller caller;
    struct str params[PARAMS_MAX];

    void (*then)(struct call *c); /* session.c, trusted.c: while it waits to be told who it is */
    struct call *next;
    void (*confirmed)(struct call *c); /* session_confirm */
};

/* The kind of answer that a refusal has: cargo's JSON below /api/, one sentence of text elsewhere.
 */
enum error_shape { SHAPE_TEXT, SHAPE_JSON };

/* Never left out: a route without a need does not compile (-Werror=missing-field-initializers). */
enum need {
    NEED_NOTHING = 1, /* health, and pages that show only what the caller may see */
    NEED_ADMIN_DOOR,
    NEED_READ,
    NEED_PUBLISH, /* some crate; the use case asks again for the one */
    NEED_YANK,
    NEED_CHANGE_OWNERS,
    NEED_OWN_FORM, /* our own page sent it: form.h; for changes to what is one's own alone */
};

struct route {
    enum http_method method;
    const char *path; /* segments; "{}" is one segment, "**" the rest */
    enum need need;
    enum error_shape shape;
    void (*run)(struct call *c);
};

extern const struct route API_ROUTES[];
extern const size_t API_N_ROUTES;
/* The route of method and path, its parameters filled; NULL with *ret_other saying whether the path
 * exists under another method. HEAD finds GET's. */
const struct route *route_find(enum http_method method, struct str path,
    struct str params[PARAMS_MAX], const struct route **ret_other);
/* The methods that path takes, as in an Allow field (RFC 9110 10.2.1). */
void route_methods(struct str path, struct buf *out);

/* ---- problem.c: the only place that knows status codes ---- */
unsigned problem_status(enum err_kind kind);
/* Answers with e: status, shape, challenge where a token could help, and logs what is ours to mend.
 */
void problem_reply(struct call *c, const struct err *e);
struct problem {
    enum error_shape shape;
    unsigned status;
    struct str text;
    uint64_t request_id;
    struct str allow; /* methods, with a 405; else empty */
};
struct answer *problem_answer(const struct api *a, const struct problem *p);

/* ---- whom the tailnet knows ---- */
/* Our node while it is running; NULL with ERR_BUSY and the sentence for people otherwise. */
const struct tailnet_node *api_tailnet_node(const struct api *a, struct err *e);
/* Somebody was seen whom we had not seen so: tells the log what is wrong with their grants. */
void api_note_identity(struct api *a, const struct identity *id);

/* ---- answers ---- */
void reply_json(struct call *c, struct str body);
void reply_text(struct call *c, unsigned status, const struct buf *body);
/* What keeps a browser from making more of an answer than it is; on all but files and the index. */
#define N_SAFE_FIELDS 3
extern const struct answer_field safe_fields[N_SAFE_FIELDS];

/* The sentence of a refusal for reading through HTML-free eyes: used by pages. */
bool call_may_read(const struct call *c);

/* ---- handlers, a file a topic ---- */
void api_config(struct call *c);
void api_index(struct call *c);
void api_download(struct call *c);
void api_publish(struct call *c);
void api_yank(struct call *c);
void api_unyank(struct call *c);
void api_owners_list(struct call *c);
void api_owners_add(struct call *c);
void api_owners_remove(struct call *c);
void api_search(struct call *c);
void api_root(struct call *c);
void api_me(struct call *c);
void api_me_token_new(struct call *c);
void api_me_token_revoke(struct call *c);
void api_healthz(struct call *c);
void api_readyz(struct call *c);
void api_admin(struct call *c);

/* A small request body gathered in memory, then handed over; larger than max is 413. */
void body_collect(struct call *c, size_t max, void (*ready)(struct call *c, struct str body));

/* ---- unpacked.c: index files for clients that take no gzip ---- */
void unpacked_reply(struct call *c, struct answer *packed);
void unpacked_init(struct api *a);
void unpacked_free(struct api *a);

/* ---- access_log.c ---- */
void access_log_line(struct api *a, const struct request *req, const struct http_result *r);
void access_log_init(struct api *a);
