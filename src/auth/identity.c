#include "auth/identity.h"

#include <string.h>

#define HEADER_VALUE_MAX 200
#define OWN_NAMES "self admin anonymous unknown" /* that no person may have */

/* A login stands for itself alone: it may not read as another kind of principal. */
static bool is_plain_login(struct str login)
{
    struct str rest = STR(OWN_NAMES), word;
    if (config_principal_wrong(login) || str_has(login, ':') || str_has(login, ','))
        return false;
    while (str_next_word(&rest, &word)) {
        if (str_eq(word, login))
            return false;
    }
    return true;
}

static bool has_address(const struct tailnet_peer *p, struct str address)
{
    for (size_t i = 0; i < p->n_addresses; i++) {
        if (str_eq(p->addresses[i], address))
            return true;
    }
    return false;
}

static void set_key(struct arena *a, struct identity *id, enum identity_kind kind, struct str key)
{
    id->kind = kind;
    id->keys = arena_array(a, 1, sizeof(struct str));
    id->keys[0] = key;
    id->n_keys = 1;
}

static void set_tags(struct arena *a, struct identity *id, const struct tailnet_peer *p)
{
    id->kind = IDENTITY_TAGGED;
    id->n_keys = p->n_tags;
    id->keys = arena_array(a, p->n_tags, sizeof(struct str));
    for (size_t i = 0; i < p->n_tags; i++)
        id->keys[i] = arena_str(a, p->tags[i]);
}

static int set_person(
    struct arena *a, struct identity *id, const struct tailnet_peer *p, struct err *e)
{
    if (!is_plain_login(p->login))
        return err_set(e, ERR_FORBIDDEN,
            "the login `%" STR_FMT "` cannot be used here; ask an admin",
            STR_ARG(utf8_clip(p->login, 100)));
    id->user_id = p->user_id;
    if (p->shared)
        set_key(a, id, IDENTITY_SHARED, arena_printf(a, "shared:%" STR_FMT, STR_ARG(p->login)));
    else
        set_key(a, id, IDENTITY_PERSON, arena_str(a, p->login));
    return 0;
}

int identity_from_peer(struct arena *a, const struct tailnet_peer *p, struct str own_id,
    struct str control, struct str address, struct identity **ret, struct err *e)
{
    struct identity *id = ARENA_NEW(a, struct identity);
    if (p->expired)
        return err_set(e, ERR_FORBIDDEN,
            "the key of %" STR_FMT " on the tailnet has expired; run `tailscale up` there",
            STR_ARG(utf8_clip(p->node.n ? p->node : p->stable_id, 100)));
    if (address.n > 0 && !has_address(p, address))
        return err_set(e, ERR_FORBIDDEN,
            "%" STR_FMT " is behind %" STR_FMT " but is no node of the tailnet itself; come "
            "directly from a node, not through a subnet "
            "router",
            STR_ARG(address), STR_ARG(utf8_clip(p->node, 100)));
    id->node = arena_str(a, p->node);
    id->stable_id = arena_str(a, p->stable_id);
    id->address = arena_str(a, address.n > 0 || p->n_addresses == 0 ? address : p->addresses[0]);
    id->control = arena_str(a, control);
    capability_parse(a, p->capability, &id->capability);
    /* Ourselves before tags, tags before users: a tagged node has no user. */
    if (own_id.n > 0 && str_eq(p->stable_id, own_id))
        set_key(a, id, IDENTITY_SELF, STR("self"));
    else if (p->n_tags > IDENTITY_KEYS_MAX)
        return err_set(e, ERR_FORBIDDEN, "%" STR_FMT " has more than %d tags; take some away",
            STR_ARG(utf8_clip(p->node, 100)), IDENTITY_KEYS_MAX);
    else if (p->n_tags > 0 && !p->shared)
        set_tags(a, id, p);
    else if (set_person(a, id, p, e) < 0)
        return -1;
    *ret = id;
    return 0;
}

int identity_from_header(struct arena *a, struct str value, struct identity **ret, struct err *e)
{
    struct identity *id = ARENA_NEW(a, struct identity);
    struct str key = arena_printf(a, "header:%" STR_FMT, STR_ARG(value));
    /* The printed key would end at a NUL. */
    if (value.n == 0 || value.n > HEADER_VALUE_MAX || !utf8_valid(value) || str_has(value, '\0') ||
        config_principal_wrong(key))
        return err_set(e, ERR_FORBIDDEN,
            "the proxy in front of this registry named you in a way that is no name here: 1 to %d "
            "bytes of UTF-8 without blanks, stars and control characters",
            HEADER_VALUE_MAX);
    set_key(a, id, IDENTITY_HEADER, key);
    *ret = id;
    return 0;
}

struct identity *identity_copy(struct arena *a, const struct identity *id)
{
    struct identity *copy = ARENA_NEW(a, struct identity);
    *copy = *id;
    copy->keys = arena_array(a, id->n_keys, sizeof(struct str));
    for (size_t i = 0; i < id->n_keys; i++)
        copy->keys[i] = arena_str(a, id->keys[i]);
    copy->control = arena_str(a, id->control);
    copy->node = arena_str(a, id->node);
    copy->stable_id = arena_str(a, id->stable_id);
    copy->address = arena_str(a, id->address);
    capability_parse(a, id->capability.text, &copy->capability);
    return copy;
}

bool identity_eq(const struct identity *x, const struct identity *y)
{
    if (x->kind != y->kind || x->n_keys != y->n_keys || x->user_id != y->user_id ||
        !str_eq(x->control, y->control) || !str_eq(x->node, y->node) ||
        !str_eq(x->stable_id, y->stable_id) || !str_eq(x->address, y->address) ||
        (x->capability.text.p == NULL) != (y->capability.text.p == NULL) ||
        !str_eq(x->capability.text, y->capability.text))
        return false;
    for (size_t i = 0; i < x->n_keys; i++) {
        if (!str_eq(x->keys[i], y->keys[i]))
            return false;
    }
    return true;
}

void identity_name(const struct identity *id, struct buf *out)
{
    for (size_t i = 0; i < id->n_keys; i++)
        buf_addf(out, "%s%" STR_FMT, i ? "," : "", STR_ARG(id->keys[i]));
}
