/* Whatever tailscaled says of our node: what is taken can stand in a URL and on a terminal. */
#include "tailnet/node.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_plain(struct str s)
{
    assert(utf8_valid(s));
    for (size_t i = 0; i < s.n; i++)
        assert((unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ARENA struct arena *a = arena_new();
    struct str body = { (const char *)data, size }, control = STR("");
    struct err e = ERR_INIT;
    struct tailnet_node n, again;
    if (tailnet_control_parse(a, body, &control, &e) < 0)
        assert(e.kind == ERR_INVALID && e.text[0]);
    is_plain(control);
    e = ERR_INIT;
    if (tailnet_node_parse(a, body, &n, &e) < 0) {
        assert(e.kind == ERR_INVALID && e.text[0] && utf8_valid(str_from(e.text)));
        return 0;
    }
    assert(n.state.n > 0 && n.key_expiry >= 0);
    assert(!n.running || (n.n_addresses > 0 && n.stable_id.n > 0));
    assert(n.n_tags == 0 || n.login.n == 0);
    for (size_t i = 0; i < n.n_addresses; i++)
        assert(i == 0 || str_has(n.addresses[i], ':') || !str_has(n.addresses[i - 1], ':'));
    for (size_t i = 0; i < n.n_health; i++)
        is_plain(n.health[i]);
    is_plain(n.name);
    is_plain(n.login);
    is_plain(n.auth_url);
    int rc = tailnet_node_parse(a, body, &again, &e);
    assert(rc == 0 && tailnet_node_eq(&n, &again));
    return 0;
}
