#include "crate/entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct index_entry plain(void)
{
    return (struct index_entry){ .name = STR("foo"), .vers = STR("1.2.3"), .cksum = SUM };
}

static void assert_written(struct index_entry *e, const char *want)
{
    AUTO_BUF struct buf out = BUF_INIT(65536);
    entry_write(&out, e);
    assert_true(buf_ok(&out));
    buf_add_byte(&out, '\0');
    assert_string_equal(out.p, want);
}

static void an_empty_entry_has_the_bytes_of_crates_io(void **state)
{
    (void)state;
    struct index_entry e = plain();
    e.pubtime = 1763456303;
    assert_written(&e, "{\"name\":\"foo\",\"vers\":\"1.2.3\",\"deps\":[],\"cksum\":\"" SUM
                       "\",\"features\":{},\"yanked\":false,"
                       "\"pubtime\":\"2025-11-18T08:58:23Z\"}\n");
}

static void a_full_entry_has_the_bytes_of_crates_io(void **state)
{
    (void)state;
    struct str std[] = { STR("dep:z") };
    struct crate_feature features[] = { { .name = STR("z"), .values = std, .n_values = 1 },
        { .name = STR("std") } };
    struct crate_dep deps[] = {
        { .name = STR("z"), .req = STR("^1"), .optional = true, .default_features = true }
    };
    struct index_entry e = plain();
    e.name = STR("a1");
    e.vers = STR("0.2.0");
    e.deps = deps;
    e.n_deps = 1;
    e.features = features;
    e.n_features = 2;
    e.rust_version = STR("1.70");
    e.links = STR("a-sys");
    e.yanked = true;
    e.pubtime = 1767322985;
    assert_written(&e,
        "{\"name\":\"a1\",\"vers\":\"0.2.0\",\"deps\":[{\"name\":\"z\",\"req\":\"^1\","
        "\"features\":[],\"optional\":true,\"default_features\":true,\"target\":null,"
        "\"kind\":\"normal\"}],\"cksum\":\"" SUM "\",\"features\":{\"std\":[]},"
        "\"features2\":{\"z\":[\"dep:z\"]},\"yanked\":true,\"links\":\"a-sys\","
        "\"rust_version\":\"1.70\",\"pubtime\":\"2026-01-02T03:03:05Z\",\"v\":2}\n");
}

static void keys_crates_io_never_writes_stand_where_cargo_has_them(void **state)
{
    (void)state;
    struct str bin[] = { STR("bin:x"), STR("cdylib") };
    struct crate_dep deps[] = { { .name = STR("b"),
        .package = STR("real"),
        .req = STR("^1"),
        .target = STR("cfg(target_os = \"linux\")"),
        .kind = DEP_BUILD,
        .registry = STR("sparse+https://r/"),
        .public_ = true,
        .artifact = bin,
        .n_artifact = 2,
        .bindep_target = STR("target"),
        .lib = true } };
    struct index_entry e = plain();
    e.deps = deps;
    e.n_deps = 1;
    assert_written(&e,
        "{\"name\":\"foo\",\"vers\":\"1.2.3\",\"deps\":[{\"name\":\"b\",\"req\":\"^1\","
        "\"features\":[],\"optional\":false,\"default_features\":false,"
        "\"target\":\"cfg(target_os = \\\"linux\\\")\",\"kind\":\"build\","
        "\"registry\":\"sparse+https://r/\",\"package\":\"real\",\"public\":true,"
        "\"artifact\":[\"bin:x\",\"cdylib\"],\"bindep_target\":\"target\",\"lib\":true}],"
        "\"cksum\":\"" SUM "\",\"features\":{},\"yanked\":false,\"v\":3}\n");
}

static void dependencies_are_sorted_with_normal_ones_first(void **state)
{
    (void)state;
    struct str f[] = { STR("x") };
    /* each sorts after the one before it, by the key that differs */
    struct crate_dep rising[] = {
        { .name = STR("Z"), .req = STR("^9"), .kind = DEP_DEV },
        { .name = STR("a"), .req = STR("^1") },
        { .name = STR("a"), .req = STR("^2") },
        { .name = STR("a"), .req = STR("^2"), .optional = true },
        { .name = STR("a"), .req = STR("^2"), .optional = true, .default_features = true },
        { .name = STR("a"), .req = STR("^1"), .kind = DEP_BUILD },
        { .name = STR("a"), .req = STR("^1"), .kind = DEP_BUILD, .features = f, .n_features = 1 },
        { .name = STR("a"), .req = STR("^1"), .kind = DEP_BUILD, .package = STR("p") },
        { .name = STR("a"), .req = STR("^1"), .kind = DEP_BUILD, .target = STR("cfg(unix)") },
        { .name = STR("a"), .req = STR("^1"), .kind = DEP_DEV },
        { .name = STR("a"),
            .req = STR("^1"),
            .kind = DEP_DEV,
            .registry = STR("sparse+http://r/") },
        { .name = STR("b"), .req = STR("^1") },
    };
    size_t n = ARRAY_LEN(rising);
    struct crate_dep mixed[ARRAY_LEN(rising)];
    for (size_t i = 0; i < n; i++)
        mixed[i] = rising[(i * 7 + 5) % n];
    AUTO_BUF struct buf a = BUF_INIT(65536), b = BUF_INIT(65536);
    entry_write_deps(&a, mixed, n);
    assert_memory_equal(mixed, rising, sizeof(rising));
    entry_write_deps(&b, rising, n);
    assert_true(str_eq(buf_str(&a), buf_str(&b)));
}

/* "name: value value; name: …", as parsed from features alone. */
static void assert_split(const char *features, const char *one, const char *two)
{
    AUTO_ARENA struct arena *a = arena_new();
    AUTO_BUF struct buf out = BUF_INIT(65536), want = BUF_INIT(65536);
    struct index_entry e = plain();
    assert_int_equal(
        entry_parse_features(a, str_from(features), &e.features, &e.n_features, NULL), 0);
    entry_write(&out, &e);
    buf_addf(&want, "\"features\":%s,%s%s%s\"yanked\":false%s}\n", one, two ? "\"features2\":" : "",
        two ? two : "", two ? "," : "", two ? ",\"v\":2" : "");
    if (!str_ends(buf_str(&out), buf_str(&want)))
        fail_msg("%" STR_FMT "does not end in\n%" STR_FMT, STR_ARG(buf_str(&out)),
            STR_ARG(buf_str(&want)));
}

/* The cases are those of crates.io's own features.rs. */
static void features_of_the_new_syntax_go_to_features2(void **state)
{
    (void)state;
    assert_split("{\"f2\":[\"v3\"],\"f1\":[\"v1\",\"v2\"]}",
        "{\"f1\":[\"v1\",\"v2\"],\"f2\":[\"v3\"]}", NULL);
    assert_split("{\"f1\":[\"dep:v1\",\"v2\"],\"f2\":[\"v3\",\"v4?/v5\"]}", "{}",
        "{\"f1\":[\"dep:v1\",\"v2\"],\"f2\":[\"v3\",\"v4?/v5\"]}");
    assert_split("{\"f1\":[\"v1\",\"a/b\"],\"f2\":[\"dep:v3\"]}", "{\"f1\":[\"v1\",\"a/b\"]}",
        "{\"f2\":[\"dep:v3\"]}");
}

static void features_that_name_a_moved_one_follow_it(void **state)
{
    (void)state;
    assert_split("{\"f1\":[\"f2\"],\"f2\":[],\"f3\":[\"f1\"]}",
        "{\"f1\":[\"f2\"],\"f2\":[],\"f3\":[\"f1\"]}", NULL);
    assert_split("{\"f1\":[\"f2\"],\"f2\":[\"f3\"],\"f3\":[\"dep:foo\"],\"f4\":[\"f5\"]}",
        "{\"f4\":[\"f5\"]}", "{\"f1\":[\"f2\"],\"f2\":[\"f3\"],\"f3\":[\"dep:foo\"]}");
    assert_split(
        "{\"a\":[\"b\",\"a\"],\"b\":[\"a\"]}", "{\"a\":[\"b\",\"a\"],\"b\":[\"a\"]}", NULL);
}

/* crates.io stops after 100 rounds; the rest of a longer chain stays. */
static void the_split_stops_where_crates_io_stops(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    AUTO_BUF struct buf json = BUF_INIT(65536), out = BUF_INIT(65536);
    buf_add(&json, STR("{\"f000\":[\"dep:x\"]"));
    for (int i = 1; i <= 102; i++)
        buf_addf(&json, ",\"f%03d\":[\"f%03d\"]", i, i - 1);
    buf_add_byte(&json, '}');
    struct index_entry e = plain();
    assert_int_equal(entry_parse_features(a, buf_str(&json), &e.features, &e.n_features, NULL), 0);
    entry_write(&out, &e);
    assert_true(
        str_find_str(buf_str(&out),
            STR("\"features\":{\"f101\":[\"f100\"],\"f102\":[\"f101\"]},\"features2\":{")) !=
        STR_NPOS);
}

#define HEAD "{\"name\":\"a\",\"vers\":\"1.0.0\",\"deps\":[],\"cksum\":\"" SUM "\""
#define DEP(more)                                                                                  \
    "{\"name\":\"a\",\"vers\":\"1.0.0\",\"deps\":[{\"name\":\"d\",\"req\":\"^1\"" more             \
    "}],\"cksum\":\"" SUM "\"}"

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    AUTO_BUF struct buf out = BUF_INIT(65536);
    struct str line =
        STR("{\"name\":\"foo\",\"vers\":\"1.2.3+b\",\"deps\":[{\"name\":\"b\",\"req\":\"^1\","
            "\"features\":[\"q\"],\"optional\":true,\"default_features\":false,"
            "\"target\":\"cfg(unix)\",\"kind\":\"build\",\"registry\":\"sparse+https://r/\","
            "\"package\":\"real\",\"public\":true,\"artifact\":[\"bin\"],\"bindep_target\":\"t\","
            "\"lib\":true}],\"cksum\":\"" SUM "\",\"features\":{\"a\":[],\"\xc3\xa9\":[\"a\"]},"
            "\"features2\":{\"b\":[\"dep:b\"]},\"yanked\":true,\"links\":\"l\\\"\\n\","
            "\"rust_version\":\"1.70\",\"pubtime\":\"2026-01-02T03:04:05Z\",\"v\":3}\n");
    struct index_entry e;
    struct err err = ERR_INIT;
    if (entry_parse(a, line, &e, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(e.n_features, 3);
    entry_write(&out, &e);
    assert_true(str_eq(buf_str(&out), line));
}

static void absent_fields_take_the_values_cargo_gives_them(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    struct index_entry e;
    assert_int_equal(entry_parse(a, STR(DEP("")), &e, NULL), 0);
    assert_true(e.deps[0].default_features);
    assert_false(e.deps[0].optional || e.deps[0].lib || e.deps[0].public_ || e.yanked);
    assert_int_equal(e.deps[0].kind, DEP_NORMAL);
    assert_null(e.deps[0].target.p);
    assert_int_equal(e.pubtime, 0);
    assert_int_equal(entry_parse(a, STR(DEP(",\"kind\":null,\"registry\":null")), &e, NULL), 0);
    assert_int_equal(entry_parse(a, STR(DEP(",\"kind\":\"odd\"")), &e, NULL), 0);
    assert_int_equal(e.deps[0].kind, DEP_NORMAL);
    assert_int_equal(
        entry_parse(a, STR(HEAD ",\"new\":{},\"v\":null,\"links\":null}\r\n"), &e, NULL), 0);
}

static void features2_is_added_to_features(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    struct index_entry e;
    assert_int_equal(entry_parse(a,
                         STR(HEAD ",\"features\":{\"b\":[\"x\"],\"a\":[\"b\"]},"
                                  "\"features2\":{\"c\":[],\"b\":[\"dep:y\"]}}"),
                         &e, NULL),
        0);
    assert_int_equal(e.n_features, 3);
    assert_true(str_eq(e.features[1].name, STR("b")));
    assert_int_equal(e.features[1].n_values, 2);
    assert_true(str_eq(e.features[1].values[1], STR("dep:y")));
}

static void lines_that_some_reader_would_drop_are_refused(void **state)
{
    (void)state;
    const struct str rows[] = { STR(""), STR("[]"), STR("\xef\xbb\xbf" HEAD "}"), STR("{}"),
        STR(HEAD "} {}"), STR(HEAD ",\"features\":null}"), STR(HEAD ",\"yanked\":null}"),
        STR(HEAD ",\"yanked\":0}"), STR(HEAD ",\"v\":4}"), STR(HEAD ",\"v\":0}"),
        STR(HEAD ",\"v\":\"2\"}"), STR(HEAD ",\"pubtime\":\"2026-01-02T03:04:05.1Z\"}"),
        STR(HEAD ",\"pubtime\":\"2026-01-02T03:04:05+00:00\"}"), STR(HEAD ",\"pubtime\":1}"),
        STR(HEAD ",\"rust_version\":\"^1.60\"}"), STR(HEAD ",\"features\":{\"a\":null}}"),
        STR(HEAD ",\"features\":{\"a\":[\"b c\"]}}"),
        STR("{\"name\":\"a\",\"vers\":\"1.0.0\",\"deps\":null,\"cksum\":\"" SUM "\"}"),
        STR("{\"name\":\"a\",\"vers\":\"1.0\",\"deps\":[],\"cksum\":\"" SUM "\"}"),
        STR("{\"name\":\"\",\"vers\":\"1.0.0\",\"deps\":[],\"cksum\":\"" SUM "\"}"),
        STR("{\"name\":\"a\",\"vers\":\"1.0.0\",\"deps\":[]}"),
        STR("{\"name\":\"a\",\"vers\":\"1.0.0\",\"deps\":[],\"cksum\":"
            "\"ABCDEF6789abcdef0123456789abc"
            "def0123456789abcdef0123456789abcdef\"}"),
        STR("{\"name\":\"a\",\"vers\":\"1.0.0\",\"deps\":[],\"cksum\":\"00\"}"),
        STR(DEP(",\"registry\":\"\"")), STR(DEP(",\"package\":\"\"")),
        STR(DEP(",\"features\":null")), STR(DEP(",\"optional\":null")),
        STR(DEP(",\"default_features\":null")), STR(DEP(",\"target\":\"cfg(\"")),
        STR(DEP(",\"target\":\"\"")), STR(DEP(",\"optional\":true,\"kind\":\"dev\"")),
        STR("{\"name\":\"a\",\"vers\":\"1.0.0\",\"deps\":[{\"name\":\"d\",\"req\":\"a\"}],"
            "\"cksum\":\"" SUM "\"}") };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_ARENA struct arena *a = arena_new();
        struct index_entry e;
        struct err err = ERR_INIT;
        if (entry_parse(a, rows[i], &e, &err) == 0)
            fail_msg("%" STR_FMT " is accepted", STR_ARG(rows[i]));
        assert_true(err.kind == ERR_INVALID || err.kind == ERR_UNSUPPORTED);
    }
}

static void the_stored_forms_are_read_back(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    struct str deps = STR("[{\"name\":\"d\",\"req\":\"^1\",\"features\":[],\"optional\":false,"
                          "\"default_features\":true,\"target\":null,\"kind\":\"dev\"}]");
    struct str features = STR("{\"z\":[\"dep:d\"],\"a\":[]}");
    struct crate_dep *d;
    struct crate_feature *f;
    size_t n_d, n_f;
    assert_int_equal(entry_parse_deps(a, deps, &d, &n_d, NULL), 0);
    assert_int_equal(entry_parse_features(a, features, &f, &n_f, NULL), 0);
    AUTO_BUF struct buf out_d = BUF_INIT(65536), out_f = BUF_INIT(65536);
    entry_write_deps(&out_d, d, n_d);
    entry_write_features(&out_f, f, n_f);
    assert_true(str_eq(buf_str(&out_d), deps));
    assert_true(str_eq(buf_str(&out_f), features));
    assert_int_equal(entry_parse_deps(a, STR("{}"), &d, &n_d, NULL), -1);
    assert_int_equal(entry_parse_features(a, STR("[]"), &f, &n_f, NULL), -1);
    assert_int_equal(entry_parse_deps(a, STR("[1]"), &d, &n_d, NULL), -1);
    assert_int_equal(entry_parse_deps(a, STR("[]"), &d, &n_d, NULL), 0);
    assert_int_equal(n_d, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_entry_has_the_bytes_of_crates_io),
        cmocka_unit_test(a_full_entry_has_the_bytes_of_crates_io),
        cmocka_unit_test(keys_crates_io_never_writes_stand_where_cargo_has_them),
        cmocka_unit_test(dependencies_are_sorted_with_normal_ones_first),
        cmocka_unit_test(features_of_the_new_syntax_go_to_features2),
        cmocka_unit_test(features_that_name_a_moved_one_follow_it),
        cmocka_unit_test(the_split_stops_where_crates_io_stops),
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(absent_fields_take_the_values_cargo_gives_them),
        cmocka_unit_test(features2_is_added_to_features),
        cmocka_unit_test(lines_that_some_reader_would_drop_are_refused),
        cmocka_unit_test(the_stored_forms_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
