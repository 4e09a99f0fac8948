#include "auth/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_header_names_a_principal_of_its_own_kind(void **state)
{
    struct arena *a AUTO_ARENA = arena_new();
    struct identity *id;
    (void)state;
    assert_int_equal(identity_from_header(a, STR("anna"), &id, NULL), 0);
    assert_true(str_eq(id->keys[0], STR("header:anna")));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(
        a_header_names_a_principal_of_its_own_kind) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
