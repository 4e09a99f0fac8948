#include "supervisor/child.h"

#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

static void a_limit_has_the_kernels_name(void **state)
{
    int v = -1;
    (void)state;
    assert_true(child_limit(STR("nofile"), &v));
    assert_int_equal(v, RLIMIT_NOFILE);
    assert_true(child_limit(STR("as"), &v));
    assert_int_equal(v, RLIMIT_AS);
    v = 77;
    static const char *const unknown[] = { "", "NOFILE", "nofiles", "nofil", "RLIMIT_NOFILE" };
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        assert_false(child_limit(str_from(unknown[i]), &v));
    assert_int_equal(v, 77);
}

static void every_limit_has_a_name(void **state)
{
    static const char *const names[] = { "as", "core", "cpu", "data", "fsize", "locks", "memlock",
        "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack" };
    uint64_t seen = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        int v;
        assert_true(child_limit(str_from(names[i]), &v));
        seen |= UINT64_C(1) << v;
    }
    assert_int_equal(seen, (UINT64_C(1) << RLIM_NLIMITS) - 1);
}

static void a_capability_is_written_in_two_ways(void **state)
{
    int v = -1;
    (void)state;
    assert_true(child_capability(STR("net_bind_service"), &v));
    assert_int_equal(v, CAP_NET_BIND_SERVICE);
    assert_true(child_capability(STR("CAP_CHECKPOINT_RESTORE"), &v));
    assert_int_equal(v, CAP_CHECKPOINT_RESTORE);
    v = 77;
    static const char *const unknown[] = { "", "CAP_", "NET_RAW", "cap_net_raw", "CAP_net_raw",
        "Net_Raw", "net-raw", "CAP_A_NAME_THAT_IS_LONGER_THAN_ANY_OF_THEM_IS" };
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        assert_false(child_capability(str_from(unknown[i]), &v));
    assert_int_equal(v, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_has_the_kernels_name),
        cmocka_unit_test(every_limit_has_a_name),
        cmocka_unit_test(a_capability_is_written_in_two_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
