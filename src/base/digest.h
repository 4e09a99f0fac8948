/* SHA-256, random bytes and equal-time comparison, all from OpenSSL. Any thread. */
#pragma once
#include "base/str.h"

#define SHA256_LEN 32
#define SHA256_HEX_LEN 64

struct sha256; /* a running hash */
struct sha256 *sha256_new(void);
void sha256_free(struct sha256 *h);
void sha256_add(struct sha256 *h, struct str s);
void sha256_end(struct sha256 *h, uint8_t ret_sum[SHA256_LEN]); /* h must not be added to after */
void sha256(struct str s, uint8_t ret_sum[SHA256_LEN]);

void hmac_sha256(struct str key, struct str s, uint8_t ret_sum[SHA256_LEN]); /* RFC 2104 */
void hex_format(const uint8_t *p, size_t n, char *out); /* 2n lower-case digits, then NUL */
/* RFC 4648 5 without padding: (4n+2)/3 digits, then NUL. */
void base64url_format(const uint8_t *p, size_t n, char *out);

void random_bytes(void *p, size_t n);          /* from the kernel; aborts when there are none */
bool digest_equal(struct str a, struct str b); /* time depends on lengths alone */
void secret_wipe(void *p, size_t n);
