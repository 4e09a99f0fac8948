#include "auth/capability.h"

#include "auth/right.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_grant_gives_its_roles_on_its_crates(void **state)
{
    struct arena *a AUTO_ARENA = arena_new();
    struct capability c;
    (void)state;
    capability_parse(a, STR("[{\"do\":[\"release\"],\"crates\":[\"Acme-*\"]}]"), &c);
    assert_int_equal(c.n, 1);
    assert_int_equal(c.n_void, 0);
    assert_int_equal(c.rules[0].roles, 1u << ROLE_RELEASE);
    assert_true(str_eq(c.rules[0].crates.items[0], STR("acme_*")));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_grant_gives_its_roles_on_its_crates) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
