/* Everything here leans to nobody: a node that could be read in two ways (tags on a node of another
 * tailnet, the pseudo-user without tags, a profile that is not the node's user) is refused, for a
 * right given by mistake is worse than a question to ask again. */
#include "tailnet/peer.h"

#include "tailnet/said.h"

#include <stdlib.h>

static int unclear(struct err *e, const char *what)
{
    return err_set(e, ERR_INVALID, "tailscaled does not say clearly who this is: %s", what);
}

/* "100.64.0.7/32", "fd7a:115c:a1e0::7/128": a longer range would be a route, not an address. */
static int read_addresses(
    struct arena *a, const json_t *node, struct tailnet_peer *ret, struct err *e)
{
    struct said_texts list;
    if (said_texts(a, node, "Addresses", &list, e) < 0)
        return -1;
    if (list.n == 0)
        return unclear(e, "the node has no address");
    for (size_t i = 0; i < list.n; i++) {
        struct str length = list.items[i], ip = str_cut(&length, '/');
        bool v6 = str_has(ip, ':');
        if (!str_eq(length, v6 ? STR("128") : STR("32")) || !said_address(a, ip, &list.items[i]))
            return unclear(e, "the node has an address that is none");
    }
    ret->addresses = list.items;
    ret->n_addresses = list.n;
    return 0;
}

static int read_tags(struct arena *a, const json_t *node, struct tailnet_peer *ret, struct err *e)
{
    struct said_texts tags;
    if (said_tags(a, node, &tags, e) < 0)
        return -1;
    ret->tags = tags.items;
    ret->n_tags = tags.n;
    return 0;
}

static int read_node(struct arena *a, const json_t *node, struct tailnet_peer *ret, struct err *e)
{
    const json_t *host;
    if (said_text(a, node, "StableID", &ret->stable_id, e) < 0 ||
        said_text(a, node, "Name", &ret->node, e) < 0 ||
        said_bool(node, "Expired", &ret->expired, e) < 0 ||
        said_object(node, "Hostinfo", &host, e) < 0 ||
        (host && said_bool(host, "ShareeNode", &ret->shared, e) < 0) ||
        read_addresses(a, node, ret, e) < 0 || read_tags(a, node, ret, e) < 0)
        return -1;
    if (ret->stable_id.n == 0)
        return unclear(e, "the node has no StableID");
    if (ret->shared && ret->n_tags > 0)
        return unclear(e, "a node of another tailnet has tags");
    ret->node = said_name(ret->node);
    return 0;
}

/* A ':' in a login would make it read as another kind of principal ("tag:ci"). */
static int read_person(struct arena *a, const json_t *node, const json_t *profile,
    struct tailnet_peer *ret, struct err *e)
{
    int64_t owner;
    if (!profile)
        return unclear(e, "the node has neither tags nor a user");
    if (said_text(a, profile, "LoginName", &ret->login, e) < 0 ||
        said_int(profile, "ID", &ret->user_id, e) < 0 || said_int(node, "User", &owner, e) < 0)
        return -1;
    if (ret->login.n == 0 || ret->user_id <= 0)
        return unclear(e, "its user lacks a login or an id");
    if (owner != 0 && owner != ret->user_id)
        return unclear(e, "the node's user is another one");
    if (str_eq(ret->login, STR("tagged-devices")) || str_has(ret->login, ':'))
        return unclear(e, "its login is that of no person");
    return 0;
}

static int read_capability(
    struct arena *a, const json_t *root, struct str name, struct str *ret, struct err *e)
{
    const json_t *map;
    if (said_object(root, "CapMap", &map, e) < 0)
        return -1;
    const json_t *value = map && name.n ? json_object_getn(map, name.p, name.n) : NULL;
    if (!value || json_is_null(value))
        return 0;
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        abort(); /* out of memory: all else was read from JSON */
    *ret = arena_str(a, str_from(text));
    free(text);
    return 0;
}

int tailnet_peer_parse(struct arena *a, struct str body, struct str capability,
    struct tailnet_peer *ret, struct err *e)
{
    AUTO_JSON json_t *root = NULL;
    const json_t *node, *profile;
    *ret = (struct tailnet_peer){ .login = STR(""), .capability = STR_NONE };
    if (said_root(body, &root, e) < 0 || said_object(root, "Node", &node, e) < 0 ||
        said_object(root, "UserProfile", &profile, e) < 0)
        return -1;
    if (!node)
        return unclear(e, "there is no node");
    if (read_node(a, node, ret, e) < 0 ||
        (ret->n_tags == 0 && read_person(a, node, profile, ret, e) < 0))
        return -1;
    return read_capability(a, root, capability, &ret->capability, e);
}
