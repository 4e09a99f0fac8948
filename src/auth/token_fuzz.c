/* Any header: what is read as a token is a piece of the header, has the form, and is read the same
 * when sent bare. */
#include "auth/token.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str header = { (const char *)data, size }, token = STR_NONE, again = STR_NONE;
    enum credential_kind kind = credential_read(header, &token);
    if (!header.p)
        assert(kind == CREDENTIAL_NONE);
    if (kind != CREDENTIAL_TOKEN) {
        assert(!token.p && !token_has_form(header));
        return 0;
    }
    assert(token_has_form(token) && str_ends(header, token));
    kind = credential_read(token, &again);
    assert(kind == CREDENTIAL_TOKEN && str_eq(token, again));
    uint8_t hash[SHA256_LEN];
    token_hash(token, hash);
    return 0;
}
