#include "api/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

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

/* A path that the row is meant for: "{}" and "**" filled. */
static struct str path_for(struct arena *a, const struct route *r)
{
    struct buf b AUTO_BUF = BUF_INIT(1024);
    struct str rest = str_skip(str_from(r->path), 1);
    do {
        struct str segment = str_cut(&rest, '/');
        buf_add_byte(&b, '/');
        if (str_eq(segment, STR("{}")))
            buf_add(&b, STR("p"));
        else if (str_eq(segment, STR("**")))
            buf_add(&b, STR("x/y/z"));
        else
            buf_add(&b, segment);
    } while (rest.p);
    return arena_str(a, buf_str(&b));
}

static const struct route *find(enum http_method method, struct str path)
{
    struct str params[PARAMS_MAX];
    const struct route *other;
    return route_find(method, path, params, &other);
}

static size_t count(const char *path, const char *what)
{
    size_t n = 0;
    for (const char *at = path; (at = strstr(at, what)); at++)
        n++;
    return n;
}

static void every_row_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < API_N_ROUTES; i++) {
        const struct route *r = &API_ROUTES[i];
        assert_int_equal(r->path[0], '/');
        assert_non_null(r->run);
        assert_true(r->method < HTTP_METHODS);
        assert_true(r->need >= NEED_NOTHING && r->need <= NEED_OWN_FORM);
        assert_true(count(r->path, "{}") + count(r->path, "**") <= PARAMS_MAX);
        size_t rest = count(r->path, "**");
        if (rest > 0)
            assert_true(rest == 1 && str_ends(str_from(r->path), STR("/**")));
    }
}

/* What changes something must need more than reading. */
static void every_change_needs_a_right_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < API_N_ROUTES; i++) {
        const struct route *r = &API_ROUTES[i];
        if (r->method != HTTP_GET)
            assert_true(r->need != NEED_NOTHING && r->need != NEED_READ);
        else
            assert_true(r->need == NEED_NOTHING || r->need == NEED_READ);
    }
}

static void what_needs_nothing_is_listed(void **state)
{
    static const char *const open[] = { "/", "/me", "/healthz", "/readyz" };
    (void)state;
    size_t n = 0;
    for (size_t i = 0; i < API_N_ROUTES; i++) {
        if (API_ROUTES[i].need != NEED_NOTHING)
            continue;
        bool listed = false;
        for (size_t k = 0; k < ARRAY_LEN(open); k++)
            listed |= strcmp(API_ROUTES[i].path, open[k]) == 0;
        assert_true(listed);
        n++;
    }
    assert_int_equal(n, ARRAY_LEN(open));
}

static void every_row_is_found_by_its_path_and_so_shadowed_by_none(void **state)
{
    for (size_t i = 0; i < API_N_ROUTES; i++) {
        const struct route *r = &API_ROUTES[i];
        if (find(r->method, path_for(*state, r)) != r)
            fail_msg("%s %s", http_method_name(r->method), r->path);
    }
}

static void no_two_rows_say_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < API_N_ROUTES; i++) {
        for (size_t k = i + 1; k < API_N_ROUTES; k++)
            assert_false(API_ROUTES[i].method == API_ROUTES[k].method &&
                         strcmp(API_ROUTES[i].path, API_ROUTES[k].path) == 0);
    }
}

static void head_finds_what_get_finds(void **state)
{
    for (size_t i = 0; i < API_N_ROUTES; i++) {
        const struct route *r = &API_ROUTES[i];
        const struct route *head = find(HTTP_HEAD, path_for(*state, r));
        assert_ptr_equal(head, find(HTTP_GET, path_for(*state, r)));
    }
}

static void parameters_are_the_segments(void **state)
{
    struct str params[PARAMS_MAX] = { STR_NONE, STR_NONE };
    const struct route *other;
    (void)state;
    assert_non_null(route_find(HTTP_GET, STR("/dl/serde/1.0.0+x.1/download"), params, &other));
    assert_true(str_eq(params[0], STR("serde")));
    assert_true(str_eq(params[1], STR("1.0.0+x.1")));
    assert_non_null(route_find(HTTP_GET, STR("/index/se/rd/serde"), params, &other));
    assert_true(str_eq(params[0], STR("se/rd/serde")));
}

static void config_json_is_no_crate(void **state)
{
    (void)state;
    assert_true(find(HTTP_GET, STR("/index/config.json"))->run == api_config);
    assert_true(find(HTTP_GET, STR("/index/co/nf/config.json"))->run == api_index);
}

static void nothing_is_found_where_nothing_is(void **state)
{
    static const char *const paths[] = { "", "/x", "/index", "/index/", "/me/", "/healthz/x",
        "/api/v1", "/api/v1/crates/", "/api/v1/crates/w", "/api/v1/crates//owners", "/dl/w/1.0.0",
        "/dl/w/1.0.0/download/", "/dl//1.0.0/download", "/dl/w/1.0.0/x/download",
        "/api/v1/crates/w/1.0.0/yank/x", "/API/v1/crates", "*" };
    struct str params[PARAMS_MAX];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const struct route *other;
        for (int m = 0; m < HTTP_METHODS; m++) {
            if (route_find((enum http_method)m, str_from(paths[i]), params, &other) || other)
                fail_msg("%s %s", http_method_name((enum http_method)m), paths[i]);
        }
    }
}

static void a_path_of_another_method_is_told(void **state)
{
    struct str params[PARAMS_MAX];
    const struct route *other;
    (void)state;
    assert_null(route_find(HTTP_POST, STR("/api/v1/crates/new"), params, &other));
    assert_non_null(other);
    assert_null(route_find(HTTP_HEAD, STR("/api/v1/crates/new"), params, &other));
    assert_non_null(other);
}

static void a_path_knows_its_methods(void **state)
{
    static const struct {
        const char *path, *methods;
    } rows[] = {
        { "/", "GET, HEAD" },
        { "/api/v1/crates/new", "PUT" },
        { "/api/v1/crates/w/owners", "GET, HEAD, PUT, DELETE" },
        { "/index/config.json", "GET, HEAD" },
        { "/nothing", "" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b AUTO_BUF = BUF_INIT(128);
        route_methods(str_from(rows[i].path), &b);
        if (!str_eq(buf_str(&b), str_from(rows[i].methods)))
            fail_msg("%s: %.*s", rows[i].path, STR_ARG(buf_str(&b)));
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, new_arena, free_arena)
    const struct CMUnitTest tests[] = {
        T(every_row_is_whole),
        T(every_change_needs_a_right_of_its_own),
        T(what_needs_nothing_is_listed),
        T(every_row_is_found_by_its_path_and_so_shadowed_by_none),
        T(no_two_rows_say_the_same),
        T(head_finds_what_get_finds),
        T(parameters_are_the_segments),
        T(config_json_is_no_crate),
        T(nothing_is_found_where_nothing_is),
        T(a_path_of_another_method_is_told),
        T(a_path_knows_its_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
