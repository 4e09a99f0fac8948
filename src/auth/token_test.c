#include "auth/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* Made apart from this program: zlib.crc32 in Python, then base 62. */
#define KNOWN "sgp_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg" KNOWN_CHECK
#define NO_DIGIT "sgp_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef-" KNOWN_CHECK
#define KNOWN_CHECK "0mVMaE"

static void a_made_token_has_the_form(void **state)
{
    (void)state;
    char a[TOKEN_LEN + 1], b[TOKEN_LEN + 1];
    for (int i = 0; i < 1000; i++) {
        token_make(a);
        assert_int_equal(strlen(a), TOKEN_LEN);
        assert_true(token_has_form(str_from(a)));
    }
    token_make(b);
    assert_string_not_equal(a, b);
}

static void the_check_characters_are_crc32_in_base_62(void **state)
{
    (void)state;
    assert_true(token_has_form(STR(KNOWN)));
}

static void any_changed_character_breaks_the_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < TOKEN_LEN; i++) {
        char text[] = KNOWN;
        text[i] = text[i] == 'x' ? 'y' : 'x';
        assert_false(token_has_form((struct str){ text, TOKEN_LEN }));
    }
}

static void other_texts_do_not_have_the_form(void **state)
{
    (void)state;
    static const char *const texts[] = { "", "sgp_", KNOWN "0", " " KNOWN, KNOWN " ", "cio_x",
        NO_DIGIT };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(token_has_form(str_from(texts[i])));
    assert_false(token_has_form(STR_NONE));
    assert_false(token_has_form((struct str){ KNOWN, TOKEN_LEN - 1 }));
}

static void the_hash_is_sha256_of_the_text(void **state)
{
    (void)state;
    uint8_t hash[SHA256_LEN], want[SHA256_LEN];
    token_hash(STR(KNOWN), hash);
    sha256(STR(KNOWN), want);
    assert_memory_equal(hash, want, SHA256_LEN);
}

static void a_header_is_read_in_every_spelling_that_clients_use(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum credential_kind want;
    } cases[] = {
        { NULL, CREDENTIAL_NONE },
        { "placeholder_token", CREDENTIAL_NONE },
        { "Bearer placeholder_token", CREDENTIAL_NONE },
        { KNOWN, CREDENTIAL_TOKEN },
        { "Bearer " KNOWN, CREDENTIAL_TOKEN },
        { "bearer " KNOWN, CREDENTIAL_TOKEN },
        { "BEARER \t  " KNOWN, CREDENTIAL_TOKEN },
        { "tailscale", CREDENTIAL_NETWORK },
        { "network", CREDENTIAL_NETWORK },
        { "Bearer tailscale", CREDENTIAL_NETWORK },
        { "Tailscale", CREDENTIAL_OTHER },
        { "", CREDENTIAL_OTHER },
        { "Bearer", CREDENTIAL_OTHER },
        { "Bearer ", CREDENTIAL_OTHER },
        { "Bearer" KNOWN, CREDENTIAL_OTHER },
        { "Bearer Bearer " KNOWN, CREDENTIAL_OTHER },
        { "Basic " KNOWN, CREDENTIAL_OTHER },
        { KNOWN ", " KNOWN, CREDENTIAL_OTHER },
        { KNOWN " ", CREDENTIAL_OTHER },
        { " " KNOWN, CREDENTIAL_OTHER },
        { "cioAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", CREDENTIAL_OTHER },
        { "\xc3\xa4", CREDENTIAL_OTHER },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str token = STR_NONE;
        enum credential_kind got = credential_read(str_from(cases[i].header), &token);
        if (got != cases[i].want)
            fail_msg("\"%s\": got %d", cases[i].header, got);
        if (got == CREDENTIAL_TOKEN)
            assert_true(str_eq(token, STR(KNOWN)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_made_token_has_the_form),
        cmocka_unit_test(the_check_characters_are_crc32_in_base_62),
        cmocka_unit_test(any_changed_character_breaks_the_form),
        cmocka_unit_test(other_texts_do_not_have_the_form),
        cmocka_unit_test(the_hash_is_sha256_of_the_text),
        cmocka_unit_test(a_header_is_read_in_every_spelling_that_clients_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
