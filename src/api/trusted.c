#include "api/trusted.h"

#include "registry/principals.h"

static bool may_speak(const struct call *c)
{
    uint32_t uid;
    if (!request_peer_uid(c->req, &uid))
        return false;
    for (size_t i = 0; i < c->door->n_peer_uids; i++) {
        if (c->door->peer_uids[i] == uid)
            return true;
    }
    return false;
}

static int read_field(struct call *c, struct identity **ret, struct err *e)
{
    struct str field = c->door->trusted_field;
    if (!may_speak(c))
        return err_set(e, ERR_FORBIDDEN,
            "the program that connected here is not one whose users are believed; an admin lists "
            "it "
            "in the listener's peer=");
    if (c->req->n_trusted == 0)
        return err_set(e, ERR_FORBIDDEN,
            "the proxy in front of this registry did not say who you are (it sent no %" STR_FMT
            "); sign in there first",
            STR_ARG(field));
    if (c->req->n_trusted > 1)
        return err_set(e, ERR_FORBIDDEN,
            "the proxy in front of this registry sent %" STR_FMT
            " more than once; it has to drop what clients send under that name",
            STR_ARG(field));
    return identity_from_header(c->req->arena, c->req->trusted, ret, e);
}

static void refuse(struct call *c, const struct err *e)
{
    struct err *kept = ARENA_NEW(c->req->arena, struct err);
    *kept = *e;
    c->peer = NULL;
    c->refusal = kept;
    c->then(c);
}

static void on_bound(void *ctx, const struct err *e)
{
    struct call *c = ctx;
    if (e->kind != ERR_NONE)
        refuse(c, e);
    else
        c->then(c);
}

void trusted_identify(struct call *c, void (*then)(struct call *c))
{
    struct identity *id = NULL;
    struct err e = ERR_INIT;
    enum access_sight sight;
    c->then = then;
    if (read_field(c, &id, &e) < 0 || access_sight(c->api->registry->access, id, &sight, &e) < 0) {
        refuse(c, &e);
        return;
    }
    c->peer = id;
    if (sight == ACCESS_UNSEEN)
        principals_bind(c->api->registry, id, on_bound, c);
    else
        then(c);
}
