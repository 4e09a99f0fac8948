#include "auth/capability.h"

#include "auth/right.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a AUTO_ARENA = arena_new();
    struct capability c;
    size_t n_void = 0;
    capability_parse(a, (struct str){ (const char *)data, size }, &c);
    assert(c.n <= CAPABILITY_OBJECTS_MAX);
    for (size_t i = 0; i < c.n; i++) {
        const struct capability_rule *r = &c.rules[i];
        n_void += r->void_reason.p != NULL;
        assert((r->roles != 0) == (r->void_reason.p == NULL));
        assert((r->crates.n != 0) == (r->void_reason.p == NULL));
        for (size_t k = 0; k < r->crates.n; k++)
            assert(pattern_check(r->crates.items[k], NULL) == 0);
    }
    assert(n_void == c.n_void);
    return 0;
}
