#include "base/digest.h"

#include "base/mem.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/random.h>

struct sha256 {
    EVP_MD_CTX *ctx;
};

/* With valid arguments OpenSSL fails here only for want of memory, which aborts everywhere. */
static void must(bool ok)
{
    if (!ok)
        abort();
}

struct sha256 *sha256_new(void)
{
    struct sha256 *h = MEM_NEW(struct sha256);
    h->ctx = EVP_MD_CTX_new();
    must(h->ctx && EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) == 1);
    return h;
}

void sha256_free(struct sha256 *h)
{
    if (!h)
        return;
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

void sha256_freep(struct sha256 **h)
{
    sha256_free(*h);
}

void sha256_add(struct sha256 *h, struct str s)
{
    must(EVP_DigestUpdate(h->ctx, s.p, s.n) == 1);
}

void sha256_end(struct sha256 *h, uint8_t ret_sum[SHA256_LEN])
{
    must(EVP_DigestFinal_ex(h->ctx, ret_sum, NULL) == 1);
}

void sha256(struct str s, uint8_t ret_sum[SHA256_LEN])
{
    must(EVP_Digest(s.p, s.n, ret_sum, NULL, EVP_sha256(), NULL) == 1);
}

void hex_format(const uint8_t *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = '\0';
}

static int hex_value(char c)
{
    char low = ascii_lower(c);
    if (!ascii_is_xdigit(low))
        return -1;
    return ascii_is_digit(low) ? low - '0' : low - 'a' + 10;
}

bool hex_parse(struct str s, uint8_t *out, size_t n)
{
    if (s.n % 2 != 0 || s.n / 2 != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = hex_value(s.p[2 * i]), low = hex_value(s.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void base64url_format(const uint8_t *p, size_t n, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned have = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | p[i];
        for (have += 8; have >= 6; have -= 6)
            *out++ = digits[bits >> (have - 6) & 63];
    }
    if (have)
        *out++ = digits[bits << (6 - have) & 63];
    *out = '\0';
}

static int base64url_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool base64url_parse(struct str s, uint8_t *out, size_t max, size_t *ret_n)
{
    size_t n = s.n / 4 * 3 + s.n % 4 * 3 / 4;
    if (s.n % 4 == 1 || n > max)
        return false;
    unsigned have = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < s.n; i++) {
        int v = base64url_value(s.p[i]);
        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            *out++ = (uint8_t)(bits >> have);
        }
    }
    /* Bits left over must be zero: one value has one spelling. */
    if (bits & ((1u << have) - 1))
        return false;
    *ret_n = n;
    return true;
}

void random_bytes(void *p, size_t n)
{
    uint8_t *at = p;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        must(got > 0);
        at += got;
        n -= (size_t)got;
    }
}

bool digest_equal(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

void secret_wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}
