#include "base/digest.h"

#include "base/mem.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
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

void hmac_sha256(struct str key, struct str s, uint8_t ret_sum[SHA256_LEN])
{
    must(HMAC(EVP_sha256(), key.p, (int)key.n, (const unsigned char *)s.p, s.n, ret_sum, NULL) !=
         NULL);
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
