#include "crate/publish_body.h"

#include "base/buf.h"
#include "crate/dep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define JSON_MAX 1024u
#define CRATE_MAX 64u

static const struct publish_limits limits = { JSON_MAX, CRATE_MAX };

static void add_le32(struct buf *b, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        buf_add_byte(b, (char)(v >> (8 * i)));
}

/* Runs a body through the frame in pieces of `step` bytes; collects the parts. */
static int run(struct str body, uint64_t body_len, size_t step, struct buf parts[2], struct err *e)
{
    struct publish_frame f;
    publish_frame_init(&f, limits, body_len);
    while (body.n > 0) {
        struct str in = str_from_to(body, 0, step);
        body = str_skip(body, step);
        enum publish_part part;
        struct str bytes;
        int got;
        while ((got = publish_frame_next(&f, &in, &part, &bytes, e)) == 1) {
            assert_true(bytes.n > 0);
            if (parts)
                buf_add(&parts[part], bytes);
        }
        if (got < 0)
            return -1;
        assert_int_equal(in.n, 0);
    }
    return publish_frame_end(&f, e);
}

static void a_body_is_cut_into_its_parts_whatever_the_pieces(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = BUF_INIT(4096);
    add_le32(&body, 7);
    buf_add(&body, STR("{\"a\":1}"));
    add_le32(&body, 5);
    buf_add(&body, STR("crate"));
    for (size_t step = 1; step <= body.n; step++) {
        for (int known = 0; known < 2; known++) {
            struct buf parts[2] = { BUF_INIT(4096), BUF_INIT(4096) };
            struct err e = ERR_INIT;
            assert_int_equal(run(buf_str(&body), known ? body.n : 0, step, parts, &e), 0);
            assert_true(str_eq(buf_str(&parts[PUBLISH_JSON]), STR("{\"a\":1}")));
            assert_true(str_eq(buf_str(&parts[PUBLISH_CRATE]), STR("crate")));
            buf_deinit(&parts[0]);
            buf_deinit(&parts[1]);
        }
    }
}

static void the_json_is_done_with_its_last_byte(void **state)
{
    (void)state;
    struct publish_frame f;
    enum publish_part part;
    struct str bytes, in = STR("\2\0\0\0{}");
    publish_frame_init(&f, limits, 0);
    assert_false(publish_frame_json_done(&f));
    assert_int_equal(publish_frame_next(&f, &in, &part, &bytes, NULL), 1);
    assert_true(publish_frame_json_done(&f));
}

#define HEAD_OK "\2\0\0\0{}"

/* With the length known the refusal comes at the first length that cannot be true. */
static void p01_p02_p03_false_lengths_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        struct str body;
        enum err_kind kind;
    } rows[] = {
        { "P-01 empty", STR(""), ERR_INVALID },
        { "P-01 1 byte", STR("\1"), ERR_INVALID },
        { "P-01 3 bytes", STR("\1\0\0"), ERR_INVALID },
        { "P-01 json_len > rest", STR("\5\0\0\0{}"), ERR_INVALID },
        { "P-01 json_len 0", STR("\0\0\0\0\1\0\0\0x"), ERR_INVALID },
        { "P-01 json_len 0xFFFFFFFF", STR("\xff\xff\xff\xff{}"), ERR_TOO_LARGE },
        { "P-01 json_len limit+1", STR("\1\4\0\0{}"), ERR_TOO_LARGE },
        { "P-02 crate_len missing", STR(HEAD_OK), ERR_INVALID },
        { "P-02 crate_len 1 byte", STR(HEAD_OK "\1"), ERR_INVALID },
        { "P-02 crate_len 3 bytes", STR(HEAD_OK "\1\0\0"), ERR_INVALID },
        { "P-02 crate_len > rest", STR(HEAD_OK "\2\0\0\0x"), ERR_INVALID },
        { "P-02 crate_len 0", STR(HEAD_OK "\0\0\0\0"), ERR_INVALID },
        { "P-02 crate_len 0xFFFFFFFF", STR(HEAD_OK "\xff\xff\xff\xffx"), ERR_TOO_LARGE },
        { "P-02 trailing bytes", STR(HEAD_OK "\1\0\0\0xy"), ERR_INVALID },
        { "P-04 limit+1", STR(HEAD_OK "\x41\0\0\0x"), ERR_TOO_LARGE },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int known = 0; known < 2; known++) {
            struct err e = ERR_INIT;
            if (run(rows[i].body, known ? rows[i].body.n : 0, 1, NULL, &e) == 0)
                fail_msg("%s is accepted", rows[i].id);
            if (e.kind != rows[i].kind)
                fail_msg("%s: %s", rows[i].id, e.text);
        }
    }
}

static void p03_the_sum_of_the_lengths_is_taken_in_64_bits(void **state)
{
    (void)state;
    struct publish_frame f;
    enum publish_part part;
    struct str bytes, in = STR("\xff\xff\xff\xff");
    struct err e = ERR_INIT;
    publish_frame_init(&f, (struct publish_limits){ UINT64_MAX, UINT64_MAX }, 16);
    assert_int_equal(publish_frame_next(&f, &in, &part, &bytes, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);

    publish_frame_init(
        &f, (struct publish_limits){ UINT64_MAX, UINT64_MAX }, 8 + 2 * 0xffffffffull);
    in = STR("\xff\xff\xff\xff");
    assert_int_equal(publish_frame_next(&f, &in, &part, &bytes, &e), 0);
    f.left = 0; /* as if 4 GiB had gone by */
    f.state++;
    in = STR("\xff\xff\xff\xff");
    assert_int_equal(publish_frame_next(&f, &in, &part, &bytes, &e), 0);
    assert_int_equal(f.left, 0xffffffffull);
}

static void p04_an_archive_of_exactly_the_limit_is_taken(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = BUF_INIT(4096);
    buf_add(&body, STR(HEAD_OK "\x40\0\0\0"));
    for (size_t i = 0; i < CRATE_MAX; i++)
        buf_add_byte(&body, 'x');
    struct err e = ERR_INIT;
    assert_int_equal(run(buf_str(&body), body.n, 7, NULL, &e), 0);
}

static void an_early_end_names_the_missing_bytes(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_int_equal(run(STR("\5\0\0\0{}"), 0, 99, NULL, &e), -1);
    assert_non_null(strstr(e.text, "inside the metadata: 3 bytes are missing"));
    assert_int_equal(run(STR(HEAD_OK "\3\0\0\0x"), 0, 99, NULL, &e), -1);
    assert_non_null(strstr(e.text, "inside the archive: 2 bytes are missing"));
}

static int parse(struct arena *a, struct str json, struct publish_meta *m, struct err *e)
{
    *e = ERR_INIT;
    return publish_meta_parse(a, json, m, e);
}

static void what_cargo_sends_is_read(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    struct publish_meta m;
    struct err e;
    struct str json = STR(
        "{\"name\":\"w\",\"vers\":\"0.1.0+m.1\",\"deps\":[{\"optional\":false,\"default_features\":"
        "false,"
        "\"name\":\"crate00\",\"features\":[\"a\",\"b\"],\"version_req\":\"^1.0\",\"target\":null,"
        "\"kind\":\"normal\",\"explicit_name_in_toml\":\"ren\"},{\"optional\":true,"
        "\"default_features\":true,\"name\":\"crate02\",\"features\":[],\"version_req\":\"^1.0\","
        "\"target\":\"cfg(windows)\",\"kind\":\"build\","
        "\"registry\":\"https://github.com/rust-lang/crates.io-index\"}],"
        "\"features\":{\"default\":[\"f1\"],\"f1\":[\"dep:alpha\"]},\"authors\":[\"A <a@x>\"],"
        "\"description\":\"d\",\"documentation\":null,\"homepage\":null,\"readme\":\"text\","
        "\"readme_file\":\"README.md\",\"keywords\":[],\"categories\":[\"x\"],\"license\":\"MIT\","
        "\"license_file\":null,\"repository\":null,\"badges\":{\"m\":{\"status\":\"as-is\"}},"
        "\"links\":null,\"rust_version\":\"1.60\"}");
    if (parse(a, json, &m, &e) < 0)
        fail_msg("%s", e.text);
    assert_true(str_eq(m.name, STR("w")) && str_eq(m.vers, STR("0.1.0+m.1")));
    assert_int_equal(m.n_deps, 2);
    assert_true(str_eq(m.deps[0].explicit_name, STR("ren")));
    assert_null(m.deps[0].target.p);
    assert_null(m.deps[0].registry.p);
    assert_false(m.deps[0].default_features);
    assert_int_equal(m.deps[0].n_features, 2);
    assert_true(m.deps[1].optional && m.deps[1].default_features);
    assert_true(str_eq(m.deps[1].target, STR("cfg(windows)")));
    assert_int_equal(m.n_features, 2);
    assert_true(str_eq(m.features[1].values[0], STR("dep:alpha")));
    assert_true(str_eq(m.readme, STR("text")));
    assert_null(m.links.p);
    assert_true(str_eq(m.rust_version, STR("1.60")));
}

static void missing_fields_are_taken_for_null_but_name_and_version(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    struct publish_meta m;
    struct err e;
    assert_int_equal(parse(a, STR("{\"name\":\"w\",\"vers\":\"0.1.0\"}"), &m, &e), 0);
    assert_int_equal(m.n_deps + m.n_features + m.n_keywords, 0);
    assert_int_equal(parse(a, STR("{\"name\":\"w\"}"), &m, &e), -1);
    assert_string_equal(e.text, "field `vers` is missing");
}

#define NV "\"name\":\"w\",\"vers\":\"0.1.0\""
#define DEP "{" NV ",\"deps\":[{\"name\":\"a\",\"version_req\":\"1\""

static const struct {
    const char *id;
    struct str json;
    const char *names;
} bad_metadata[] = {
    { "P-06 name twice", STR("{\"name\":\"w\"," NV "}"), NULL },
    { "P-06 not UTF-8", STR("{" NV ",\"description\":\"\xff\"}"), NULL },
    { "P-06 lone surrogate", STR("{" NV ",\"description\":\"\\ud800\"}"), NULL },
    { "P-06 escaped NUL", STR("{" NV ",\"description\":\"a\\u0000b\"}"), NULL },
    { "P-06 raw NUL", STR("{" NV ",\"description\":\"a\0b\"}"), NULL },
    { "P-06 BOM", STR("\xef\xbb\xbf{" NV "}"), NULL },
    { "P-06 NaN", STR("{" NV ",\"x\":NaN}"), NULL },
    { "P-06 trailing comma", STR("{" NV ",}"), NULL },
    { "P-06 trailing bytes", STR("{" NV "} x"), NULL },
    { "P-05 1e400", STR("{" NV ",\"x\":1e400}"), NULL },
    { "P-05 2^64", STR("{" NV ",\"x\":18446744073709551616}"), NULL },
    { "P-07 name", STR("{\"name\":\"a/b\",\"vers\":\"1.0.0\"}"), "`name`" },
    { "P-07 name with NUL", STR("{\"name\":\"a\\u0000\",\"vers\":\"1.0.0\"}"), NULL },
    { "P-08 version", STR("{\"name\":\"a\",\"vers\":\"1.0\"}"), "`vers`" },
    { "P-09 req", STR("{" NV ",\"deps\":[{\"name\":\"a\",\"version_req\":\"a\"}]}"),
        "`deps[0].version_req`" },
    { "P-11 javascript", STR("{" NV ",\"homepage\":\"javascript:alert(1)\"}"), "`homepage`" },
    { "P-11 data", STR("{" NV ",\"documentation\":\"data:text/html,x\"}"), "`documentation`" },
    { "P-11 CRLF", STR("{" NV ",\"repository\":\"http://a\\r\\nb\"}"), "`repository`" },
    { "not an object", STR("[]"), NULL },
    { "empty", STR(""), NULL },
    { "name of another type", STR("{\"name\":1,\"vers\":\"1.0.0\"}"), "`name`" },
    { "name of another type", STR("{\"name\":null,\"vers\":\"1.0.0\"}"), "not null" },
    { "name of another type", STR("{\"name\":true,\"vers\":\"1.0.0\"}"), "not a boolean" },
    { "name of another type", STR("{\"name\":[],\"vers\":\"1.0.0\"}"), "not an array" },
    { "name of another type", STR("{\"name\":{},\"vers\":\"1.0.0\"}"), "not an object" },
    { "features no object", STR("{" NV ",\"features\":[]}"), "`features`" },
    { "feature no list", STR("{" NV ",\"features\":{\"a\":1}}"), "`features`" },
    { "feature value", STR("{" NV ",\"features\":{\"a\":[\"b c\"]}}"), "`features`" },
    { "deps no array", STR("{" NV ",\"deps\":{}}"), "`deps`" },
    { "dep no object", STR("{" NV ",\"deps\":[1]}"), "`deps[0]`" },
    { "dep name", STR("{" NV ",\"deps\":[{\"name\":\"1\",\"version_req\":\"1\"}]}"),
        "`deps[0].name`" },
    { "dep kind", STR(DEP ",\"kind\":\"test\"}]}"), "`deps[0].kind`" },
    { "dep alias", STR(DEP ",\"explicit_name_in_toml\":\"1\"}]}"),
        "`deps[0].explicit_name_in_toml`" },
    { "dep optional", STR(DEP ",\"optional\":1}]}"), "`deps[0].optional`" },
    { "dep features", STR(DEP ",\"features\":[1]}]}"), "`deps[0].features`" },
    { "features", STR("{" NV ",\"features\":{\"a\":[1]}}"), "`features`" },
    { "feature name", STR("{" NV ",\"features\":{\"a b\":[]}}"), "`features`" },
    { "keywords", STR("{" NV ",\"keywords\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]}"),
        "`keywords`" },
    { "rust_version", STR("{" NV ",\"rust_version\":\"^1\"}"), "`rust_version`" },
};

static void bad_metadata_is_refused_and_the_field_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_metadata); i++) {
        AUTO_ARENA struct arena *a = arena_new();
        struct publish_meta m;
        struct err e;
        if (parse(a, bad_metadata[i].json, &m, &e) == 0)
            fail_msg("%s is accepted", bad_metadata[i].id);
        if (e.kind != ERR_INVALID ||
            (bad_metadata[i].names && !strstr(e.text, bad_metadata[i].names)))
            fail_msg("%s: %s", bad_metadata[i].id, e.text);
        assert_true(utf8_valid(str_from(e.text)));
    }
}

static void repeat(struct buf *b, struct str piece, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buf_add(b, piece);
}

static void p05_deep_json_is_refused(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    AUTO_BUF struct buf json = BUF_INIT(PUBLISH_JSON_MAX);
    struct publish_meta m;
    struct err e;
    buf_add(&json, STR("{" NV ",\"x\":"));
    repeat(&json, STR("["), 10000);
    repeat(&json, STR("]"), 10000);
    buf_add(&json, STR("}"));
    assert_int_equal(parse(a, buf_str(&json), &m, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
}

static void p05_a_long_text_and_many_keys_are_no_trouble(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    AUTO_BUF struct buf json = BUF_INIT(4 * PUBLISH_JSON_MAX);
    struct publish_meta m;
    struct err e;
    buf_add(&json, STR("{" NV ",\"readme\":\""));
    repeat(&json, STR("x"), PUBLISH_JSON_MAX - 64);
    buf_add(&json, STR("\",\"y\":{"));
    for (int i = 0; i < 100000; i++)
        buf_addf(&json, "\"k%d\":-0,", i);
    buf_add(&json, STR("\"z\":0}}"));
    assert_true(buf_ok(&json));
    assert_int_equal(parse(a, buf_str(&json), &m, &e), 0);
    assert_int_equal(m.readme.n, PUBLISH_JSON_MAX - 64);
}

static void p05_dependencies_and_features_are_counted(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    struct publish_meta m;
    struct err e;
    for (size_t extra = 0; extra < 2; extra++) {
        AUTO_BUF struct buf json = BUF_INIT(PUBLISH_JSON_MAX);
        buf_add(&json, STR("{" NV ",\"deps\":["));
        repeat(&json, STR("{\"name\":\"a\",\"version_req\":\"1\"},"), 499 + extra);
        buf_add(&json, STR("{\"name\":\"a\",\"version_req\":\"1\"}]}"));
        assert_int_equal(parse(a, buf_str(&json), &m, &e), extra ? -1 : 0);
        buf_clear(&json);
        buf_add(&json, STR("{" NV ",\"features\":{"));
        for (size_t i = 0; i < 999 + extra; i++)
            buf_addf(&json, "\"f%zu\":[],", i);
        buf_add(&json, STR("\"z\":[]}}"));
        assert_int_equal(parse(a, buf_str(&json), &m, &e), extra ? -1 : 0);
    }
}

static void p11_a_url_of_100_kib_is_refused(void **state)
{
    (void)state;
    AUTO_ARENA struct arena *a = arena_new();
    AUTO_BUF struct buf json = BUF_INIT(PUBLISH_JSON_MAX);
    struct publish_meta m;
    struct err e;
    buf_add(&json, STR("{" NV ",\"homepage\":\"https://"));
    repeat(&json, STR("x"), 100 * 1024);
    buf_add(&json, STR("\"}"));
    assert_int_equal(parse(a, buf_str(&json), &m, &e), -1);
    assert_string_equal(e.text, "field `homepage`: the URL is longer than 2048 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_cut_into_its_parts_whatever_the_pieces),
        cmocka_unit_test(the_json_is_done_with_its_last_byte),
        cmocka_unit_test(p01_p02_p03_false_lengths_are_refused),
        cmocka_unit_test(p03_the_sum_of_the_lengths_is_taken_in_64_bits),
        cmocka_unit_test(p04_an_archive_of_exactly_the_limit_is_taken),
        cmocka_unit_test(an_early_end_names_the_missing_bytes),
        cmocka_unit_test(what_cargo_sends_is_read),
        cmocka_unit_test(missing_fields_are_taken_for_null_but_name_and_version),
        cmocka_unit_test(bad_metadata_is_refused_and_the_field_named),
        cmocka_unit_test(p05_deep_json_is_refused),
        cmocka_unit_test(p05_a_long_text_and_many_keys_are_no_trouble),
        cmocka_unit_test(p05_dependencies_and_features_are_counted),
        cmocka_unit_test(p11_a_url_of_100_kib_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
