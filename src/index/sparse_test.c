#include "index/sparse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct answer *answer_of(struct str body)
{
    return answer_new(&(struct answer_spec){ .status = 200, .body = body });
}

static int new_sparse(void **state)
{
    struct sparse *s = sparse_new();
    sparse_put(s, STR("a"), answer_of(STR("one")));
    sparse_put(s, STR("ab"), answer_of(STR("two")));
    sparse_put(s, STR("abc"), answer_of(STR("three")));
    sparse_put(s, STR("my-crate"), answer_of(STR("dash")));
    *state = s;
    return 0;
}

static int free_sparse(void **state)
{
    sparse_free(*state);
    return 0;
}

static void the_last_segment_decides(void **state)
{
    static const struct {
        struct str path, body; /* body p NULL: no such crate */
    } rows[] = {
        { { "1/a", 3 }, { "one", 3 } },
        { { "2/ab", 4 }, { "two", 3 } },
        { { "3/a/abc", 7 }, { "three", 5 } },
        { { "3/ab/abc", 8 }, { "three", 5 } }, /* Dependabot's wrong folder */
        { { "my/-c/my-crate", 14 }, { "dash", 4 } },
        { { "My/-C/My-Crate", 14 }, { "dash", 4 } }, /* Dependabot does not lower */
        { { "my-crate", 8 }, { "dash", 4 } },
        { { "x/y/z/my-crate", 14 }, { "dash", 4 } },
        { { "my/_c/my_crate", 14 }, { NULL, 0 } }, /* '-' and '_' are not folded: cargo asks both */
        { { "my/-c/my-crate/", 15 }, { NULL, 0 } },
        { { "my/-c/my-crat", 13 }, { NULL, 0 } },
        { { "", 0 }, { NULL, 0 } },
        { { "/", 1 }, { NULL, 0 } },
        { { NULL, 0 }, { NULL, 0 } },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct answer *a = sparse_find(*state, rows[i].path);
        if ((a != NULL) != (rows[i].body.p != NULL))
            fail_msg("%.*s", STR_ARG(rows[i].path));
        if (a)
            assert_true(str_eq(answer_body(a), rows[i].body));
    }
}

static void a_name_longer_than_any_crates_is_not_looked_up(void **state)
{
    char name[65];
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = 'A';
    assert_null(sparse_find(*state, (struct str){ name, 65 }));
    assert_null(sparse_find(*state, (struct str){ name, 64 }));
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = 'a';
    sparse_put(*state, (struct str){ name, 64 }, answer_of(STR("long")));
    assert_non_null(sparse_find(*state, (struct str){ name, 64 }));
    assert_null(sparse_find(*state, (struct str){ name, 65 }));
}

static void a_new_answer_replaces_the_old_and_spares_who_still_sends_it(void **state)
{
    struct answer *old AUTO_ANSWER = answer_ref(sparse_find(*state, STR("1/a")));
    size_t before = sparse_count(*state);
    sparse_put(*state, STR("a"), answer_of(STR("newer")));
    assert_true(str_eq(answer_body(sparse_find(*state, STR("1/a"))), STR("newer")));
    assert_true(str_eq(answer_body(old), STR("one")));
    assert_int_equal(sparse_count(*state), before);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, new_sparse, free_sparse)
    const struct CMUnitTest tests[] = {
        T(the_last_segment_decides),
        T(a_name_longer_than_any_crates_is_not_looked_up),
        T(a_new_answer_replaces_the_old_and_spares_who_still_sends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
