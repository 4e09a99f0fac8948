/* The prefix lets secret scanners find a token that was committed somewhere, the check characters
 * let them (and us) tell a token from a look-alike before anything is looked up. */
#include "auth/token.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

#define PREFIX "sgp_"
#define RANDOM_CHARS 43 /* 62^43 > 2^256 */
#define CHECK_CHARS 6
#define BASE 62

static const char digits[BASE + 1] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static void check_chars(const char *p, size_t n, char out[CHECK_CHARS])
{
    unsigned long crc = crc32(0, (const unsigned char *)p, (unsigned)n);
    for (size_t i = CHECK_CHARS; i-- > 0; crc /= BASE)
        out[i] = digits[crc % BASE];
}

/* Bytes that would favour the first digits are thrown away. */
static void random_digits(char *out, size_t n)
{
    uint8_t pool[64];
    size_t at = sizeof(pool);
    while (n > 0) {
        if (at == sizeof(pool)) {
            random_bytes(pool, sizeof(pool));
            at = 0;
        }
        uint8_t byte = pool[at++];
        if (byte < 256 / BASE * BASE) {
            *out++ = digits[byte % BASE];
            n--;
        }
    }
    secret_wipe(pool, sizeof(pool));
}

void token_make(char ret_token[TOKEN_LEN + 1])
{
    static_assert(sizeof(PREFIX) - 1 + RANDOM_CHARS + CHECK_CHARS == TOKEN_LEN, "token.h says so");
    size_t n = sizeof(PREFIX) - 1;
    memcpy(ret_token, PREFIX, n);
    random_digits(ret_token + n, RANDOM_CHARS);
    n += RANDOM_CHARS;
    check_chars(ret_token, n, ret_token + n);
    ret_token[TOKEN_LEN] = '\0';
}

bool token_has_form(struct str token)
{
    if (token.n != TOKEN_LEN || !str_starts(token, STR(PREFIX)))
        return false;
    for (size_t i = sizeof(PREFIX) - 1; i < token.n; i++) {
        if (!ascii_is_alnum(token.p[i]))
            return false;
    }
    char check[CHECK_CHARS];
    check_chars(token.p, TOKEN_LEN - CHECK_CHARS, check);
    return digest_equal(
        (struct str){ check, CHECK_CHARS }, str_skip(token, TOKEN_LEN - CHECK_CHARS));
}

void token_hash(struct str token, uint8_t ret_hash[SHA256_LEN])
{
    sha256(token, ret_hash);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* RFC 9110 11.1: the scheme is read in any case; RFC 6750 2.1 has one blank, clients have more. */
static struct str skip_scheme(struct str s)
{
    struct str scheme = STR("Bearer");
    if (s.n <= scheme.n || !str_starts_nocase(s, scheme) || !is_blank(s.p[scheme.n]))
        return s;
    s = str_skip(s, scheme.n);
    while (s.n > 0 && is_blank(s.p[0]))
        s = str_skip(s, 1);
    return s;
}

enum credential_kind credential_read(struct str header, struct str *ret_token)
{
    if (!header.p)
        return CREDENTIAL_NONE;
    struct str token = skip_scheme(header);
    /* Dependabot sends this text where it was given no token. */
    if (str_eq(token, STR("placeholder_token")))
        return CREDENTIAL_NONE;
    if (str_eq(token, STR("tailscale")) || str_eq(token, STR("network")))
        return CREDENTIAL_NETWORK;
    if (!token_has_form(token))
        return CREDENTIAL_OTHER;
    *ret_token = token;
    return CREDENTIAL_TOKEN;
}
