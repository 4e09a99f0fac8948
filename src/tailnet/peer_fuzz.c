/* Whatever tailscaled says: nobody, or somebody who is exactly one of a person and a tagged node.
 */
#include "tailnet/peer.h"

#include "base/json.h"

#include <assert.h>

#define CAP "superguppy.internal/cap/registry"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_plain(struct str s)
{
    assert(utf8_valid(s));
    for (size_t i = 0; i < s.n; i++)
        assert((unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7f);
}

static void is_json(struct str s)
{
    AUTO_JSON json_t *j = NULL;
    struct err e = ERR_INIT;
    int rc = json_read(s, &j, &e);
    assert(rc == 0 && !json_is_null(j));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ARENA struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct tailnet_peer p;
    if (tailnet_peer_parse(a, (struct str){ (const char *)data, size }, STR(CAP), &p, &e) < 0) {
        assert(e.kind == ERR_INVALID && e.text[0] && utf8_valid(str_from(e.text)));
        return 0;
    }
    assert(p.stable_id.n > 0 && p.n_addresses > 0);
    assert((p.n_tags > 0) == (p.login.n == 0) && (p.n_tags > 0) == (p.user_id == 0));
    assert(!(p.shared && p.n_tags > 0) && p.user_id >= 0);
    is_plain(p.login);
    is_plain(p.node);
    for (size_t i = 0; i < p.n_tags; i++) {
        is_plain(p.tags[i]);
        assert(str_starts(p.tags[i], STR("tag:")));
        assert(i == 0 || str_cmp(p.tags[i - 1], p.tags[i]) < 0);
    }
    if (p.capability.p)
        is_json(p.capability);
    return 0;
}
