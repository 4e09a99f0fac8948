#include "store/meta.h"

#include "crate/name.h"
#include "support/temp_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int setup(void **state)
{
    *state = temp_store_new();
    return 0;
}

static int teardown(void **state)
{
    temp_store_free(*state);
    return 0;
}

static void add_crate(struct temp_store *t, const char *name, const char *description)
{
    AUTO_ARENA struct arena *a = arena_new();
    struct crate_row c = {
        .name = str_from(name),
        .canonical = crate_name_canonical(a, str_from(name)),
        .description = str_from(description),
        .max_version = STR("1.0.0"),
    };
    int64_t id;
    assert_int_equal(meta_crate_add(t->db, &c, &id, NULL), 0);
}

static int see_crate(void *ctx, const struct crate_row *c, struct err *e)
{
    (void)e;
    buf_addf(ctx, "%" STR_FMT " ", STR_ARG(c->name));
    return 0;
}

/* text: words with blanks between. */
static void expect_page(struct temp_store *t, const char *text, uint32_t per_page, uint32_t offset,
    const char *want, uint64_t want_total)
{
    struct str words[16], rest = str_from(text);
    struct search_query q = { .words = words, .per_page = per_page, .offset = offset };
    uint64_t total = 0;
    while (q.n_words < ARRAY_LEN(words) && str_next_word(&rest, &words[q.n_words]))
        q.n_words++;
    struct buf seen AUTO_BUF = BUF_INIT(4096);
    assert_int_equal(meta_search(t->db, &q, see_crate, &seen, &total, NULL), 0);
    if (!str_eq(buf_str(&seen), str_from(want)))
        fail_msg("%s: got \"%" STR_FMT "\", expected \"%s\"", text, STR_ARG(buf_str(&seen)), want);
    assert_int_equal(total, want_total);
}

static void expect(struct temp_store *t, const char *text, const char *want, uint64_t want_total)
{
    expect_page(t, text, 10, 0, want, want_total);
}

static void add_crates(struct temp_store *t)
{
    add_crate(t, "z-json", "about JSON");
    add_crate(t, "json-tree", "a tree");
    add_crate(t, "json", "text");
    add_crate(t, "Json_Able", NULL);
    add_crate(t, "serde", "JSON and more, 100% safe_ish");
    add_crate(t, "other", "nothing");
}

static void a_search_ranks_exact_prefix_name_then_description(void **state)
{
    struct temp_store *t = *state;
    add_crates(t);
    expect(t, "json", "json Json_Able json-tree z-json serde ", 5);
    expect(t, "JSON", "json Json_Able json-tree z-json serde ", 5);
    expect(t, "xyz", "", 0);
}

static void all_words_must_occur(void **state)
{
    struct temp_store *t = *state;
    add_crates(t);
    expect(t, "json tree", "json-tree ", 1);
    expect(t, "tree json", "json-tree ", 1);
    expect(t, "json more", "serde ", 1);
    expect(t, "json nothing", "", 0);
}

static void hyphen_and_underscore_are_alike_in_names(void **state)
{
    struct temp_store *t = *state;
    add_crates(t);
    expect(t, "json_tree", "json-tree ", 1);
    expect(t, "JSON-ABLE", "Json_Able ", 1);
}

static void wildcards_are_plain_characters(void **state)
{
    struct temp_store *t = *state;
    add_crates(t);
    expect(t, "%", "serde ", 1);
    expect(t, "100%", "serde ", 1);
    expect(t, "safe_ish", "serde ", 1);
    expect(t, "saf_", "", 0);
    expect(t, "j*n", "", 0);
    expect(t, "\\", "", 0);
}

static void no_words_find_all_by_name(void **state)
{
    struct temp_store *t = *state;
    add_crates(t);
    expect(t, "", "json Json_Able json-tree other serde z-json ", 6);
}

static void pages_join_without_a_gap_and_the_total_is_of_all(void **state)
{
    struct temp_store *t = *state;
    add_crates(t);
    expect_page(t, "json", 2, 0, "json Json_Able ", 5);
    expect_page(t, "json", 2, 2, "json-tree z-json ", 5);
    expect_page(t, "json", 2, 4, "serde ", 5);
    expect_page(t, "json", 2, 6, "", 5);
    expect_page(t, "json", 0, 0, "", 5);
    expect_page(t, "json", UINT32_MAX, UINT32_MAX, "", 5);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_search_ranks_exact_prefix_name_then_description),
        T(all_words_must_occur),
        T(hyphen_and_underscore_are_alike_in_names),
        T(wildcards_are_plain_characters),
        T(no_words_find_all_by_name),
        T(pages_join_without_a_gap_and_the_total_is_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
