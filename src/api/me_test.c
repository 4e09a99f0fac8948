#include "api/me.h"

#include "base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <string.h>

static void nothing_from_outside_becomes_markup(void **state)
{
    struct buf b AUTO_BUF = BUF_INIT(256);
    (void)state;
    me_escape(&b, STR("<a href=\"x\" title='y'>&amp;"));
    assert_true(
        str_eq(buf_str(&b), STR("&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;")));
}

/* A browser drops a style whose digest the policy does not name. */
static void the_policy_names_the_style_sheet(void **state)
{
    uint8_t sum[SHA256_LEN];
    unsigned char text[64];
    (void)state;
    sha256(str_from(ME_STYLE), sum);
    assert_true(EVP_EncodeBlock(text, sum, sizeof(sum)) > 0);
    if (!strstr(ME_POLICY, (const char *)text))
        fail_msg("style-src has to be 'sha256-%s'", text);
    assert_null(strstr(ME_POLICY, "unsafe"));
    assert_non_null(strstr(ME_POLICY, "form-action 'self'"));
}

static void scopes_are_named(void **state)
{
    struct buf b AUTO_BUF = BUF_INIT(256);
    (void)state;
    me_scopes(SCOPE(RIGHT_READ) | SCOPE(RIGHT_YANK), &b);
    assert_true(str_eq(buf_str(&b), STR("read yank")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_from_outside_becomes_markup),
        cmocka_unit_test(the_policy_names_the_style_sheet),
        cmocka_unit_test(scopes_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
