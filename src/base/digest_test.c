#include "base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"

#include <string.h>

/* FIPS 180-2 appendix B, and the empty message. */
static const struct {
    struct str s;
    const char *hex;
} sums[] = {
    { STR(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { STR("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

static void sha256_matches_the_standard_s_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
        uint8_t sum[SHA256_LEN];
        char hex[SHA256_HEX_LEN + 1];
        sha256(sums[i].s, sum);
        hex_format(sum, sizeof(sum), hex);
        assert_string_equal(hex, sums[i].hex);
    }
}

static void a_running_hash_does_not_care_about_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
        struct sha256 *h = sha256_new();
        for (size_t k = 0; k < sums[i].s.n; k++)
            sha256_add(h, str_from_to(sums[i].s, k, k + 1));
        sha256_add(h, STR_NONE);
        uint8_t sum[SHA256_LEN];
        char hex[SHA256_HEX_LEN + 1];
        sha256_end(h, sum);
        sha256_free(h);
        hex_format(sum, sizeof(sum), hex);
        assert_string_equal(hex, sums[i].hex);
    }
    sha256_free(NULL);
}

static void hmac_matches_rfc_4231(void **state)
{
    (void)state;
    uint8_t sum[SHA256_LEN];
    char text[SHA256_HEX_LEN + 1];
    hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), sum);
    hex_format(sum, sizeof(sum), text);
    assert_string_equal(text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void base64url_matches_rfc_4648(void **state)
{
    (void)state;
    static const struct {
        struct str plain;
        const char *text;
    } cases[] = {
        { STR(""), "" },
        { STR("f"), "Zg" },
        { STR("fo"), "Zm8" },
        { STR("foo"), "Zm9v" },
        { STR("foob"), "Zm9vYg" },
        { STR("fooba"), "Zm9vYmE" },
        { STR("foobar"), "Zm9vYmFy" },
        { STR("\xfb\xef\xff"), "--__" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[16];
        base64url_format((const uint8_t *)cases[i].plain.p, cases[i].plain.n, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void comparison_needs_equal_bytes_and_length(void **state)
{
    (void)state;
    assert_true(digest_equal(STR("abc"), STR("abc")));
    assert_true(digest_equal(STR_NONE, STR("")));
    assert_false(digest_equal(STR("abc"), STR("abd")));
    assert_false(digest_equal(STR("abc"), STR("abcd")));
}

static void random_bytes_fill_the_whole_and_differ(void **state)
{
    (void)state;
    uint8_t a[1000] = { 0 }, b[1000] = { 0 };
    random_bytes(a, sizeof(a));
    random_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a + 968, b + 968, 32);
    secret_wipe(a, sizeof(a));
    memset(b, 0, sizeof(b));
    assert_memory_equal(a, b, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_matches_the_standard_s_examples),
        cmocka_unit_test(a_running_hash_does_not_care_about_pieces),
        cmocka_unit_test(hmac_matches_rfc_4231),
        cmocka_unit_test(base64url_matches_rfc_4648),
        cmocka_unit_test(comparison_needs_equal_bytes_and_length),
        cmocka_unit_test(random_bytes_fill_the_whole_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
