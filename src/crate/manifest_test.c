#include "crate/manifest.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

static struct manifest parse(struct arena *a, struct str text)
{
    struct manifest m;
    struct err e = ERR_INIT;
    if (manifest_parse(a, text, &m, &e) < 0)
        fail_msg("%s", e.text);
    return m;
}

#define PKG "[package]\nname = \"w\"\nversion = \"0.1.0\"\n"

static const struct crate_dep *dep(const struct manifest *m, const char *name)
{
    for (size_t i = 0; i < m->n_deps; i++) {
        if (str_eq(m->deps[i].name, str_from(name)))
            return &m->deps[i];
    }
    fail_msg("there is no dependency %s", name);
    return NULL;
}

#define assert_str(got, want) assert_true(str_eq((got), str_from(want)))

/* As cargo 1.95 normalises. */
static void a_normalised_manifest_is_read(void **state)
{
    struct manifest m = parse(*state,
        STR("[package]\nedition = \"2021\"\nrust-version = \"1.60\"\nname = \"w\"\n"
            "version = \"0.1.0+m\"\nauthors = [\"A <a@x>\"]\nbuild = false\nautolib = false\n"
            "description = \"d\"\nhomepage = \"https://h\"\ndocumentation = \"http://d\"\n"
            "readme = \"README.md\"\nkeywords = [\"k-1\"]\ncategories = [\"any thing\"]\n"
            "license = \"MIT\"\nlicense-file = \"L\"\nrepository = \"\"\nlinks = \"z\"\n"
            "[package.metadata.docs]\nworkspace = true\n"
            "[lib]\nname = \"w\"\npath = \"src/lib.rs\"\n"
            "[[bin]]\nname = \"b1\"\npath = \"src/main.rs\"\n[[bin]]\nname = \"b2\"\n"
            "[features]\ndefault = [\"std\"]\nstd = [\"dep:opt\", \"a?/std\"]\n"
            "[dependencies.opt]\nversion = \"1.2\"\noptional = true\n"
            "[dependencies.a]\nversion = \"=0.3.1\"\noptional = true\n"));
    assert_str(m.name, "w");
    assert_str(m.version, "0.1.0+m");
    assert_str(m.edition, "2021");
    assert_str(m.rust_version, "1.60");
    assert_str(m.links, "z");
    assert_str(m.description, "d");
    assert_str(m.homepage, "https://h");
    assert_str(m.documentation, "http://d");
    assert_str(m.repository, "");
    assert_str(m.license, "MIT");
    assert_str(m.license_file, "L");
    assert_str(m.readme_file, "README.md");
    assert_int_equal(m.n_authors, 1);
    assert_str(m.keywords[0], "k-1");
    assert_str(m.categories[0], "any thing");
    assert_true(m.has_lib);
    assert_int_equal(m.n_bin_names, 2);
    assert_str(m.bin_names[1], "b2");
    assert_int_equal(m.n_features, 2);
    assert_str(m.features[1].values[1], "a?/std");
    assert_int_equal(m.n_deps, 2);
}

static void the_least_manifest_has_a_name_and_a_version(void **state)
{
    struct manifest m = parse(*state, STR("[project]\nname = \"w\"\nversion = \"0.1.0\"\n"));
    assert_null(m.description.p);
    assert_null(m.readme_file.p);
    assert_false(m.has_lib);
    assert_int_equal(m.n_deps + m.n_features + m.n_bin_names, 0);
}

static void a_readme_may_be_a_switch(void **state)
{
    assert_str(parse(*state, STR(PKG "readme = true")).readme_file, "README.md");
    assert_null(parse(*state, STR(PKG "readme = false")).readme_file.p);
}

static void dependencies_come_from_every_table(void **state)
{
    struct manifest m =
        parse(*state, STR(PKG "[dependencies]\nn = \"1\"\n[build_dependencies]\nb = \"1\"\n"
                              "[dev-dependencies]\n d = \"1\"\n[dev_dependencies]\nold = \"1\"\n"
                              "[target.'cfg(windows)'.dependencies]\ntn = \"1\"\n"
                              "[target.x86_64-pc-windows-gnu.build-dependencies]\ntb = \"1\"\n"
                              "[target.x.dev_dependencies]\ntd = \"1\"\n"));
    assert_int_equal(m.n_deps, 6); /* the old spelling counts only alone */
    assert_int_equal(dep(&m, "n")->kind, DEP_NORMAL);
    assert_null(dep(&m, "n")->target.p);
    assert_int_equal(dep(&m, "b")->kind, DEP_BUILD);
    assert_int_equal(dep(&m, "d")->kind, DEP_DEV);
    assert_str(dep(&m, "tn")->target, "cfg(windows)");
    assert_str(dep(&m, "tb")->target, "x86_64-pc-windows-gnu");
    assert_int_equal(dep(&m, "tb")->kind, DEP_BUILD);
    assert_int_equal(dep(&m, "td")->kind, DEP_DEV);
}

static void every_key_of_a_dependency_is_read(void **state)
{
    struct manifest m = parse(*state,
        STR(PKG "[dependencies.alias]\nversion = \">= 1 , <2\"\npackage = \"real-name\"\n"
                "features = [\"a\", \"\", \"b/c\"]\noptional = true\ndefault-features = false\n"
                "registry-index = \"sparse+https://r/\"\npublic = true\n"
                "artifact = [\"bin:x\", \"staticlib\"]\ntarget = \"t\"\nlib = true\n"
                "[dependencies.same]\nversion = \"2\"\npackage = \"same\"\nartifact = \"bin\"\n"
                "default_features = false\n"
                "[dependencies._under]\nversion = \"*\"\npackage = \"u\"\n"
                "[features]\nf = [\"alias/x\"]\n"));
    const struct crate_dep *d = dep(&m, "alias");
    assert_str(d->package, "real-name");
    assert_str(d->req, ">=1, <2");
    assert_int_equal(d->n_features, 2);
    assert_str(d->features[1], "b/c");
    assert_true(d->optional && d->public_ && d->lib);
    assert_false(d->default_features);
    assert_str(d->registry, "sparse+https://r/");
    assert_int_equal(d->n_artifact, 2);
    assert_str(d->bindep_target, "t");
    assert_null(dep(&m, "same")->package.p);
    assert_false(dep(&m, "same")->default_features);
    assert_str(dep(&m, "same")->artifact[0], "bin");
    assert_true(dep(&m, "_under")->default_features);
}

static void requirements_are_printed_as_rust_prints_them(void **state)
{
    struct manifest m = parse(*state,
        STR(PKG
            "[dependencies]\na = \"1\"\nb = \"1.*\"\nc = \"*\"\n d = {}\ne = { path = \"../e\", "
            "version = \"~1\" }\n[dev-dependencies]\nf = { path = \"../f\" }\n"));
    assert_str(dep(&m, "a")->req, "^1");
    assert_str(dep(&m, "b")->req, "1.*");
    assert_str(dep(&m, "c")->req, "*");
    assert_str(dep(&m, "d")->req, "*");
    assert_str(dep(&m, "e")->req, "~1");
    assert_str(dep(&m, "f")->req, "*");
    assert_null(dep(&m, "a")->registry.p);
}

#define DEP PKG "[dependencies.d]\n"
#define FEATURES                                                                                   \
    "[dependencies]\n d = \"1\"\no = { version = \"1\", optional = true }\n[features]\n"

static const struct {
    struct str text;
    const char *names;
} bad_manifests[] = {
    { STR(""), "[package]" },
    { STR("[package"), "TOML: line 1" },
    { STR("package = 1"), "`package`" },
    { STR("[package]\nversion = \"1.0.0\""), "`package.name` is missing" },
    { STR("[package]\nname = \"w\""), "`package.version` is missing" },
    { STR("[package]\nname = \"w/x\"\nversion = \"1.0.0\""), "`package.name`" },
    { STR("[package]\nname = \"w\"\nversion = \"1.0\""), "`package.version`" },
    { STR("[package]\nname = \"w\"\nversion.workspace = true"), "inherited" },
    { STR(PKG "exclude.workspace = true"), "`package.exclude` is inherited" },
    { STR(PKG "[patch.crates-io]\na = \"1\""), "[patch]" },
    { STR(PKG "description = 1"), "`package.description` must be a string" },
    { STR(PKG "description = \"a\\u0000\""), "`package.description`" },
    { STR(PKG "authors = \"a\""), "`package.authors`" },
    { STR(PKG "description = 1.5"), "must be a string, not a float" },
    { STR(PKG "description = true"), "must be a string, not a boolean" },
    { STR(PKG "description = 2020-01-01"), "must be a string, not a date or time" },
    { STR(PKG "description = []"), "must be a string, not an array" },
    { STR(PKG "description = { a = 1 }"), "must be a string, not a table" },
    { STR(PKG "authors = [\"a\\u0000\"]"), "`package.authors`" },
    { STR(PKG "authors = [1]"), "`package.authors`" },
    { STR(PKG "rust-version = \"^1.60\""), "`package.rust-version`" },
    { STR(PKG "homepage = \"javascript:alert(1)\""), "`package.homepage`" }, /* P-11 */
    { STR(PKG "documentation = \"data:text/html,x\""), "`package.documentation`" },
    { STR(PKG "repository = \"https://a\\r\\nb\""), "`package.repository`" },
    { STR(PKG "repository = \"https://\""), "`package.repository`" },
    { STR(PKG "repository = \"ssh://git@h/r\""), "`package.repository`" },
    { STR(PKG "keywords = [\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]"), "`package.keywords`" },
    { STR(PKG "keywords = [\"a b\"]"), "`package.keywords`" },
    { STR(PKG "keywords = [\"\"]"), "`package.keywords`" },
    { STR(PKG "keywords = [\"abcdefghijklmnopqrstu\"]"), "`package.keywords`" },
    { STR(PKG "readme = 1"), "`package.readme`" },
    { STR(PKG "[dependencies]\n1a = \"1\""), "`dependencies.1a`" },
    { STR(PKG "[dependencies]\n_a = \"1\""), "`dependencies._a`" },
    { STR(PKG "[dependencies]\na = 1"), "`dependencies.a`" },
    { STR(PKG "[dependencies]\na = \"x.y\""), "`dependencies.a`" }, /* P-09 */
    { STR(PKG "[dependencies]\na.workspace = true"), "`dependencies.a` is inherited" },
    { STR(DEP "path = \"../d\""), "`dependencies.d.version`" },
    { STR(PKG "[build-dependencies]\n d = { git = \"https://g\" }"),
        "`build-dependencies.d.version`" },
    { STR(DEP "version = \"1\"\nregistry = \"mine\""), "`dependencies.d.registry`" },
    { STR(DEP "version = \"1\"\nregistry-index = \"\""), "`dependencies.d.registry-index`" },
    { STR(DEP "version = \"1\"\nregistry-index = \"a b\""), "`dependencies.d.registry-index`" },
    { STR(DEP "version = \"1\"\npackage = \"\""), "`dependencies.d.package`" },
    { STR(DEP "version = 1"), "`dependencies.d.version`" },
    { STR(DEP "version = \"1\"\npackage = 1"), "`dependencies.d.package`" },
    { STR(DEP "version = \"1\"\nregistry-index = 1"), "`dependencies.d.registry-index`" },
    { STR(DEP "version = \"1\"\nfeatures = \"a\""), "`dependencies.d.features`" },
    { STR(DEP "version = \"1\"\nartifact = 1"), "`dependencies.d.artifact`" },
    { STR(DEP "version = \"1\"\nartifact = \"a\\u0000\""), "`dependencies.d.artifact`" },
    { STR(DEP "version = \"1\"\nartifact = \"bin:\""), "`dependencies.d.artifact`" },
    { STR(DEP "version = \"1\"\nartifact = \"bin\"\ntarget = 1"), "`dependencies.d.target`" },
    { STR(DEP "version = \"1\"\nfeatures = [\"a b\"]"), "`dependencies.d.features`" },
    { STR(DEP "version = \"1\"\nartifact = \"exe\""), "`dependencies.d.artifact`" },
    { STR(DEP "version = \"1\"\nlib = true"), "`dependencies.d.artifact`" },
    { STR(DEP "version = \"1\"\noptional = \"yes\""), "`dependencies.d.optional`" },
    { STR(PKG "[dev-dependencies]\n d = { version = \"1\", optional = true }"),
        "`dev-dependencies.d.optional`" },
    { STR(PKG "[target.'cfg(a b)'.dependencies]\n d = \"1\""), "`target.cfg(a b)`" },
    { STR(PKG "[target.x]\ndependencies = 1"), "`target.x.dependencies`" },
    { STR(PKG "[target.x.dependencies]\n d = 1"), "`target.x.dependencies.d`" },
    { STR(PKG "target = 1"), NULL },
    { STR(PKG "[features]\n'a b' = []"), "`features.a b`" },
    { STR(PKG "[features]\na = [\"b c\"]"), "`features.a`" },
    { STR(PKG "[features]\na = \"b\""), "`features.a`" },
    { STR(PKG FEATURES "a = [\"x\"]"), "`a` includes `x`" },
    { STR(PKG FEATURES "a = [\"d\"]"), "not an optional one" },
    { STR(PKG FEATURES "a = [\"dep:d\"]"), "not optional" },
    { STR(PKG FEATURES "a = [\"dep:x\"]"), "not a dependency" },
    { STR(PKG FEATURES "a = [\"x/y\"]"), "not a dependency" },
    { STR(PKG FEATURES "a = [\"d?/y\"]"), "not optional" },
    { STR(PKG FEATURES "a = [\"dep:o\", \"o\"]"), "without an implicit feature" },
    { STR(PKG FEATURES "o = []"), "`o` is not included in any feature" },
    { STR(PKG "[[bin]]\nname = 1"), "`bin.name`" },
    { STR(PKG "bin = 1"), NULL },
    { STR("bin = [1]\n" PKG), "`bin`" },
    { STR("lib = 1\n" PKG), "`lib`" },
};

static void bad_manifests_are_refused_and_the_key_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_manifests); i++) {
        AUTO_ARENA struct arena *a = arena_new();
        struct manifest m;
        struct err e = ERR_INIT;
        int got = manifest_parse(a, bad_manifests[i].text, &m, &e);
        if (!bad_manifests[i].names) /* a key of [package] that nothing reads */
            assert_int_equal(got, 0);
        else if (got == 0)
            fail_msg("row %zu, %s: accepted", i, bad_manifests[i].names);
        else if (e.kind != ERR_INVALID || !strstr(e.text, bad_manifests[i].names))
            fail_msg("row %zu, %s: %s", i, bad_manifests[i].names, e.text);
    }
}

static void features_and_dependencies_agree_as_in_cargo(void **state)
{
    static const struct str rows[] = {
        STR(PKG FEATURES "a = [\"o\"]"),
        STR(PKG FEATURES "a = [\"o?/x\", \"d/y\", \"o/z\"]"),
        STR(PKG FEATURES "a = [\"dep:o\"]\no = [\"a\"]"),
        STR(PKG FEATURES "o = [\"dep:o\"]"),
        STR(PKG FEATURES "d = []\na = [\"d\"]"),
        STR(PKG FEATURES "o = [\"o/x\"]"),
        STR(PKG "[dependencies]\no = { version = \"1\", optional = true }\n"
                "[target.x.dependencies]\no = \"1\"\n[features]\na = [\"o\"]"),
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        (void)parse(*state, rows[i]);
}

static int parse_many(struct arena *a, struct str start, const char *line, size_t n)
{
    AUTO_BUF struct buf text = BUF_INIT(2 * MANIFEST_SIZE_MAX);
    struct manifest m;
    buf_add(&text, start);
    for (size_t i = 0; i < n; i++) {
        buf_addf(&text, "f%zu", i);
        buf_add(&text, str_from(line));
    }
    assert_true(buf_ok(&text));
    return manifest_parse(a, buf_str(&text), &m, NULL);
}

static void counts_are_bounded(void **state)
{
    struct str deps = STR(PKG "[dependencies]\n"), features = STR(PKG "[features]\n");
    assert_int_equal(parse_many(*state, deps, " = \"1\"\n", CRATE_DEPS_MAX), 0);
    assert_int_equal(parse_many(*state, deps, " = \"1\"\n", CRATE_DEPS_MAX + 1), -1);
    assert_int_equal(parse_many(*state, features, " = []\n", CRATE_FEATURES_MAX), 0);
    assert_int_equal(parse_many(*state, features, " = []\n", CRATE_FEATURES_MAX + 1), -1);
}

static void values_of_a_feature_are_bounded(void **state)
{
    for (size_t n = CRATE_FEATURE_VALUES_MAX; n <= CRATE_FEATURE_VALUES_MAX + 1; n++) {
        AUTO_BUF struct buf text = BUF_INIT(MANIFEST_SIZE_MAX);
        struct manifest m;
        buf_add(&text, STR(PKG "[features]\na = []\nb = ["));
        for (size_t i = 0; i < n; i++)
            buf_add(&text, STR("\"a\","));
        buf_add(&text, STR("]"));
        assert_int_equal(manifest_parse(*state, buf_str(&text), &m, NULL),
            n > CRATE_FEATURE_VALUES_MAX ? -1 : 0);
    }
}

static void a_manifest_past_its_limit_is_refused_unread(void **state)
{
    AUTO_BUF struct buf text = BUF_INIT(2 * MANIFEST_SIZE_MAX);
    struct manifest m;
    struct err e = ERR_INIT;
    buf_add(&text, STR(PKG "#"));
    while (text.n < MANIFEST_SIZE_MAX)
        buf_add_byte(&text, 'x');
    assert_int_equal(manifest_parse(*state, buf_str(&text), &m, &e), 0);
    buf_add_byte(&text, 'x');
    assert_int_equal(manifest_parse(*state, buf_str(&text), &m, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
}

#define T(name) cmocka_unit_test_setup_teardown(name, new_arena, free_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_normalised_manifest_is_read),
        T(the_least_manifest_has_a_name_and_a_version),
        T(a_readme_may_be_a_switch),
        T(dependencies_come_from_every_table),
        T(every_key_of_a_dependency_is_read),
        T(requirements_are_printed_as_rust_prints_them),
        T(bad_manifests_are_refused_and_the_key_named),
        T(features_and_dependencies_agree_as_in_cargo),
        T(counts_are_bounded),
        T(values_of_a_feature_are_bounded),
        T(a_manifest_past_its_limit_is_refused_unread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
