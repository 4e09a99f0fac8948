#include "registry/draft.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define PUBTIME 1767323045 /* 2026-01-02T03:04:05Z */
#define SUM "0101010101010101010101010101010101010101010101010101010101010101"

static int new_arena(void **state)
{
    *state = arena_new();
    return 0;
}

static int free_arena(void **state)
{
    arena_free(*state);
    return 0;
}

static struct str registries[] = { { CRATE_IO_INDEX, sizeof(CRATE_IO_INDEX) - 1 } };

static const struct own_urls *urls(struct arena *a)
{
    struct config *c = ARENA_NEW(a, struct config);
    c->registries = (struct config_list){ registries, 1 };
    return own_urls_new(a, c, STR("http://base"), NULL, NULL);
}

/* What of these two a publish would store, of an archive with src/lib.rs and src/main.rs. */
static int make(
    struct arena *a, const char *json, const char *toml, struct draft *ret, struct err *e)
{
    struct publish_meta meta;
    struct manifest manifest;
    struct tarball_info tar = { .has_lib_rs = true, .has_main_rs = true };
    if (publish_meta_parse(a, str_from(json), &meta, e) < 0 ||
        manifest_parse(a, str_from(toml), &manifest, e) < 0)
        fail_msg("%s", e->text);
    struct draft_input in = {
        .meta = &meta, .manifest = &manifest, .tar = &tar, .size = 1234, .now = PUBTIME
    };
    memset(in.sum, 1, sizeof(in.sum));
    return draft_make(a, urls(a), &in, ret, e);
}

static struct draft made(struct arena *a, const char *json, const char *toml)
{
    struct draft d;
    struct err e = ERR_INIT;
    if (make(a, json, toml, &d, &e) < 0)
        fail_msg("%s", e.text);
    return d;
}

static void refused(struct arena *a, const char *json, const char *toml, const char *phrase)
{
    struct draft d;
    struct err e = ERR_INIT;
    assert_int_equal(make(a, json, toml, &d, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    if (!strstr(e.text, phrase))
        fail_msg("%s", e.text);
}

static bool warns(const struct draft *d, const char *phrase)
{
    for (size_t i = 0; i < d->n_warnings; i++) {
        if (str_find_str(d->warnings[i], str_from(phrase)) != STR_NPOS)
            return true;
    }
    return false;
}

#define JSON(more)                                                                                 \
    "{\"name\":\"My-Crate\",\"vers\":\"1.0.0+b\",\"deps\":[],\"features\":{}" more "}"
#define PKG "[package]\nname = \"My-Crate\"\nversion = \"1.0.0+b\"\n"

static void the_columns_and_the_line_are_the_manifest_s(void **state)
{
    struct draft d = made(*state, JSON(",\"readme\":\"# hi\",\"readme_file\":\"R.md\""),
        PKG "edition = \"2021\"\nkeywords = [\"k\"]\nauthors = [\"A\"]\n");
    assert_true(str_eq(d.name, STR("My-Crate")));
    assert_true(str_eq(d.canonical, STR("my_crate")));
    assert_true(str_eq(d.row.num, STR("1.0.0+b")));
    assert_true(str_eq(d.row.num_key, STR("1.0.0")));
    assert_true(str_eq(d.row.readme, STR("# hi")));
    assert_true(str_eq(d.row.readme_file, STR("R.md")));
    assert_true(str_eq(d.row.keywords, STR("[\"k\"]")));
    assert_true(str_eq(d.row.authors, STR("[\"A\"]")));
    assert_true(str_eq(d.row.categories, STR("[]")));
    assert_true(d.row.has_lib);
    assert_int_equal(d.row.size, 1234);
    assert_int_equal(d.n_warnings, 0);
    assert_true(str_eq(d.row.line,
        STR("{\"name\":\"My-Crate\",\"vers\":\"1.0.0+b\",\"deps\":[],\"cksum\":\"" SUM "\","
            "\"features\":{},\"yanked\":false,\"pubtime\":\"2026-01-02T03:04:05Z\"}\n")));
}

static void programs_that_an_old_cargo_left_out_are_known_by_their_file(void **state)
{
    struct draft d = made(*state, JSON(""), PKG);
    assert_true(str_eq(d.row.bin_names, STR("[\"My-Crate\"]")));
    d = made(*state, JSON(""), PKG "[[bin]]\nname = \"tool\"\npath = \"src/main.rs\"\n");
    assert_true(str_eq(d.row.bin_names, STR("[\"tool\"]")));
}

static void name_and_version_must_agree_to_the_letter(void **state)
{
    refused(*state, "{\"name\":\"my_crate\",\"vers\":\"1.0.0+b\",\"deps\":[],\"features\":{}}", PKG,
        "`my_crate`");
    refused(*state, "{\"name\":\"My-Crate\",\"vers\":\"1.0.0\",\"deps\":[],\"features\":{}}", PKG,
        "`1.0.0+b`");
}

#define DEP(json) "{\"name\":\"My-Crate\",\"vers\":\"1.0.0+b\",\"features\":{},\"deps\":[" json "]}"
#define JSON_DEP(name, req, more)                                                                  \
    "{\"name\":\"" name "\",\"version_req\":\"" req "\",\"features\":[],\"optional\":false,"       \
    "\"default_features\":true,\"target\":null,\"kind\":\"normal\"" more "}"

static void a_dependency_without_a_registry_is_from_crates_io(void **state)
{
    struct draft d = made(
        *state, DEP(JSON_DEP("serde", "^1", "")), PKG "[dependencies.serde]\nversion = \"1\"\n");
    assert_true(str_find_str(d.row.line, STR("\"registry\":\"" CRATE_IO_INDEX "\"")) != STR_NPOS);
}

static void a_dependency_on_ourselves_has_no_registry(void **state)
{
    static const char *const own[] = { "sparse+http://base/index/", "http://base/git/index" };
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        struct str toml = arena_printf(
            *state, PKG "[dependencies.ours]\nversion = \"1\"\nregistry-index = \"%s\"\n", own[i]);
        struct draft d = made(*state, DEP(JSON_DEP("ours", "^1", "")), toml.p);
        assert_true(str_find_str(d.row.line, STR("registry")) == STR_NPOS);
        assert_int_equal(d.n_warnings, 0);
    }
}

static void a_dependency_on_a_registry_that_is_not_listed_is_refused(void **state)
{
    refused(*state, DEP(JSON_DEP("x", "^1", "")),
        PKG "[dependencies.x]\nversion = \"1\"\nregistry-index = \"sparse+https://evil/index/\"\n",
        "does not allow");
}

/* The swap that many registries get wrong. */
static void a_renamed_dependency_keeps_alias_and_package_apart(void **state)
{
    struct draft d =
        made(*state, DEP(JSON_DEP("real", "^1", ",\"explicit_name_in_toml\":\"alias\"")),
            PKG "[dependencies.alias]\nversion = \"1\"\npackage = \"real\"\n");
    assert_true(str_find_str(d.row.line, STR("{\"name\":\"alias\"")) != STR_NPOS);
    assert_true(str_find_str(d.row.line, STR("\"package\":\"real\"")) != STR_NPOS);
    assert_int_equal(d.n_warnings, 0);
}

static void the_same_requirement_may_be_spelled_otherwise(void **state)
{
    struct draft d = made(*state, DEP(JSON_DEP("a", ">=1.0, <2", "")),
        PKG "[dependencies.a]\nversion = \" >= 1.0,<2 \"\n");
    assert_int_equal(d.n_warnings, 0);
}

static void what_differs_is_stored_from_the_manifest_with_a_warning(void **state)
{
    static const struct {
        const char *json, *toml, *warning, *in_line;
    } rows[] = {
        { DEP(JSON_DEP("a", "^2", "")), "[dependencies.a]\nversion = \"1\"\n",
            "the dependencies in the metadata", "\"req\":\"^1\"" },
        { DEP(""), "[dependencies.a]\nversion = \"1\"\n", "the dependencies", "\"name\":\"a\"" },
        { DEP(JSON_DEP("a", "^1", "")), "", "the dependencies", "\"deps\":[]" },
        { "{\"name\":\"My-Crate\",\"vers\":\"1.0.0+b\",\"deps\":[],\"features\":{\"f\":[]}}",
            "[features]\nf = [\"g\"]\ng = []\n", "the features", "\"f\":[\"g\"]" },
        { JSON(",\"links\":\"z\""), "", "the links", "\"yanked\":false,\"pubtime\"" },
        { JSON(",\"rust_version\":\"1.60\""), "rust-version = \"1.70\"\n", "the rust-version",
            "\"rust_version\":\"1.70\"" },
        { JSON(",\"license\":\"MIT\""), "license = \"GPL-3.0\"\n", "the license", "" },
        { JSON(",\"description\":\"x\""), "description = \"y\"\n", "the description", "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str toml = arena_printf(*state, PKG "%s", rows[i].toml);
        struct draft d = made(*state, rows[i].json, toml.p);
        if (!warns(&d, rows[i].warning) || d.n_warnings != 1)
            fail_msg("row %zu: %zu warnings", i, d.n_warnings);
        if (str_find_str(d.row.line, str_from(rows[i].in_line)) == STR_NPOS)
            fail_msg("row %zu: %.*s", i, STR_ARG(d.row.line));
    }
}

static void a_star_is_a_warning_but_for_tests(void **state)
{
    struct draft d =
        made(*state, DEP(JSON_DEP("a", "*", "")), PKG "[dependencies.a]\nversion = \"*\"\n");
    assert_int_equal(d.n_warnings, 1);
    assert_true(warns(&d, "dependency `a` accepts any version"));
    d = made(*state,
        DEP("{\"name\":\"a\",\"version_req\":\"*\",\"features\":[],\"optional\":false,"
            "\"default_features\":true,\"target\":null,\"kind\":\"dev\"}"),
        PKG "[dev-dependencies.a]\nversion = \"*\"\n");
    assert_int_equal(d.n_warnings, 0);
}

static void warnings_have_a_bound(void **state)
{
    struct buf toml AUTO_BUF = BUF_INIT(64u << 10);
    buf_add(&toml, STR(PKG));
    for (int i = 0; i < 100; i++)
        buf_addf(&toml, "[dependencies.a%d]\nversion = \"*\"\n", i);
    buf_add_byte(&toml, '\0');
    struct draft d = made(*state, JSON(""), toml.p);
    assert_int_equal(d.n_warnings, DRAFT_WARNINGS_MAX);
    assert_true(warns(&d, "the dependencies"));
}

static void new_feature_syntax_stands_apart_with_version_2(void **state)
{
    struct draft d = made(*state,
        "{\"name\":\"My-Crate\",\"vers\":\"1.0.0+b\",\"deps\":[" JSON_DEP(
            "z", "^1", "") "],"
                           "\"features\":{\"f\":[\"dep:z\"]}}",
        PKG "[dependencies.z]\nversion = \"1\"\noptional = true\n[features]\nf = [\"dep:z\"]\n");
    assert_true(str_find_str(d.row.line,
                    STR("\"features\":{},\"features2\":{\"f\":[\"dep:z\"]}")) != STR_NPOS);
    assert_true(str_ends(d.row.line, STR("\"v\":2}\n")));
}

/* rebuild-index and a yank come from the columns alone. */
static void the_line_is_made_again_from_the_columns(void **state)
{
    struct draft d = made(*state,
        "{\"name\":\"My-Crate\",\"vers\":\"1.0.0+b\",\"deps\":[" JSON_DEP(
            "z", "^1", "") "],"
                           "\"features\":{\"f\":[\"dep:z\"],\"a\":[]},\"links\":\"l\",\"rust_"
                           "version\":\"1.60\"}",
        PKG "links = \"l\"\nrust-version = \"1.60\"\n[dependencies.z]\nversion = \"1\"\n"
            "optional = true\n[features]\nf = [\"dep:z\"]\na = []\n");
    struct str again;
    assert_int_equal(draft_line(*state, d.name, &d.row, &again, NULL), 0);
    assert_true(str_eq(again, d.row.line));

    d.row.yanked = true;
    assert_int_equal(draft_line(*state, d.name, &d.row, &again, NULL), 0);
    size_t at = str_find_str(d.row.line, STR("\"yanked\":false"));
    struct str want = arena_printf(*state, "%" STR_FMT "\"yanked\":true%" STR_FMT,
        STR_ARG(str_from_to(d.row.line, 0, at)), STR_ARG(str_skip(d.row.line, at + 14)));
    assert_true(str_eq(again, want)); /* the one word and nothing else */
}

static void a_column_that_is_damaged_makes_no_line(void **state)
{
    struct draft d = made(*state, JSON(""), PKG);
    struct str line;
    d.row.deps = STR("[{\"name\":1}]");
    assert_int_equal(draft_line(*state, d.name, &d.row, &line, NULL), -1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, new_arena, free_arena)
    const struct CMUnitTest tests[] = {
        T(the_columns_and_the_line_are_the_manifest_s),
        T(programs_that_an_old_cargo_left_out_are_known_by_their_file),
        T(name_and_version_must_agree_to_the_letter),
        T(a_dependency_without_a_registry_is_from_crates_io),
        T(a_dependency_on_ourselves_has_no_registry),
        T(a_dependency_on_a_registry_that_is_not_listed_is_refused),
        T(a_renamed_dependency_keeps_alias_and_package_apart),
        T(the_same_requirement_may_be_spelled_otherwise),
        T(what_differs_is_stored_from_the_manifest_with_a_warning),
        T(a_star_is_a_warning_but_for_tests),
        T(warnings_have_a_bound),
        T(new_feature_syntax_stands_apart_with_version_2),
        T(the_line_is_made_again_from_the_columns),
        T(a_column_that_is_damaged_makes_no_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
