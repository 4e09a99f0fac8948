#include "api/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

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

static void fields_are_decoded(void **state)
{
    struct form f;
    assert_int_equal(
        form_parse(
            *state, STR("name=my+laptop&crates=acme-%2a&e=%C3%A9&empty=&bare&a=b=c"), &f, NULL),
        0);
    assert_int_equal(f.n, 6);
    assert_true(str_eq(form_get(&f, "name"), STR("my laptop")));
    assert_true(str_eq(form_get(&f, "crates"), STR("acme-*")));
    assert_true(str_eq(form_get(&f, "e"), STR("\xc3\xa9")));
    assert_true(str_eq(form_get(&f, "a"), STR("b=c")));
    assert_non_null(form_get(&f, "bare").p);
    assert_int_equal(form_get(&f, "empty").n, 0);
    assert_null(form_get(&f, "absent").p);
}

static void the_first_of_a_name_counts(void **state)
{
    struct form f;
    assert_int_equal(form_parse(*state, STR("a=1&a=2&&"), &f, NULL), 0);
    assert_int_equal(f.n, 2);
    assert_true(str_eq(form_get(&f, "a"), STR("1")));
}

static void what_is_no_form_is_refused(void **state)
{
    static const char *const bodies[] = { "a=%", "a=%2", "a=%2g", "a=%00", "%ff=1", "a=%c3" };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct form f;
        struct err e = ERR_INIT;
        if (form_parse(*state, str_from(bodies[i]), &f, &e) == 0 || e.kind != ERR_INVALID)
            fail_msg("%s", bodies[i]);
    }
}

static void an_escape_may_end_the_form(void **state)
{
    struct form f;
    assert_int_equal(form_parse(*state, STR("a=x%41"), &f, NULL), 0);
    assert_true(str_eq(form_get(&f, "a"), STR("xA")));
}

static void fields_are_bounded(void **state)
{
    struct buf b AUTO_BUF = BUF_INIT(4096);
    struct form f;
    for (int i = 0; i < FORM_FIELDS_MAX; i++)
        buf_addf(&b, "a%d=1&", i);
    assert_int_equal(form_parse(*state, buf_str(&b), &f, NULL), 0);
    buf_add(&b, STR("z=1"));
    assert_int_equal(form_parse(*state, buf_str(&b), &f, NULL), -1);
}

/* ---- keys and origins ---- */

struct page {
    struct api api;
    struct request req;
    struct call call;
};

static struct page *page_new(void **state, uint32_t principal)
{
    struct page *p = arena_zalloc(*state, sizeof(*p));
    assert_int_equal(loop_new(&p->api.loop, NULL), 0);
    p->api.site.base_url = STR("http://crates.rig.test");
    p->req.arena = *state;
    p->req.host = STR("crates.rig.test");
    p->call.api = &p->api;
    p->call.req = &p->req;
    p->call.caller.principal = principal;
    return p;
}

static void page_free(struct page *p)
{
    loop_free(p->api.loop);
}

static void a_key_holds_for_its_person_and_action_alone(void **state)
{
    struct page *p = page_new(state, 7);
    struct buf key AUTO_BUF = BUF_INIT(256);
    form_key(&p->call, "token-new", &key);
    assert_int_equal(form_check_key(&p->call, "token-new", buf_str(&key), NULL), 0);
    assert_int_equal(form_check_key(&p->call, "token-revoke", buf_str(&key), NULL), -1);
    p->call.caller.principal = 8;
    assert_int_equal(form_check_key(&p->call, "token-new", buf_str(&key), NULL), -1);
    p->call.caller.principal = 7;
    p->api.form_secret[0] ^= 1; /* after a restart */
    assert_int_equal(form_check_key(&p->call, "token-new", buf_str(&key), NULL), -1);
    page_free(p);
}

static void a_key_that_was_bent_is_none(void **state)
{
    static const char *const keys[] = { "", "-", "1-", "1-00", "99999999999999999999-00", "x" };
    struct page *p = page_new(state, 7);
    struct buf key AUTO_BUF = BUF_INIT(256);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_int_equal(form_check_key(&p->call, "token-new", str_from(keys[i]), NULL), -1);
    form_key(&p->call, "token-new", &key);
    key.p[key.n - 1] = key.p[key.n - 1] == '0' ? '1' : '0';
    assert_int_equal(form_check_key(&p->call, "token-new", buf_str(&key), NULL), -1);
    assert_int_equal(form_check_key(&p->call, "token-new", STR_NONE, NULL), -1);
    page_free(p);
}

static void only_our_own_origin_for_that_host_is_taken(void **state)
{
    static const struct {
        const char *base, *host, *origin;
        bool good;
    } rows[] = {
        { "http://crates.rig.test", "crates.rig.test", "http://crates.rig.test", true },
        { "http://crates.rig.test", "crates", "http://crates", true },
        { "http://crates.rig.test", "100.64.0.1:8000", "http://100.64.0.1:8000", true },
        { "https://crates.example", "crates.example", "https://crates.example", true },
        { "https://crates.example", "crates.example", "http://crates.example", false },
        { "http://crates.rig.test", "crates.rig.test", "http://crates", false },
        { "http://crates.rig.test", "crates.rig.test", "http://crates.rig.test:8000", false },
        { "http://crates.rig.test", "crates.rig.test", "http://evil.test", false },
        { "http://crates.rig.test", "crates.rig.test", "null", false },
        { "http://crates.rig.test", "crates.rig.test", NULL, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct page *p = page_new(state, 7);
        p->api.site.base_url = str_from(rows[i].base);
        p->req.host = str_from(rows[i].host);
        p->req.header[HEADER_ORIGIN] = str_from(rows[i].origin);
        if ((form_check_origin(&p->call, NULL) == 0) != rows[i].good)
            fail_msg("row %zu", i);
        page_free(p);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, new_arena, free_arena)
    const struct CMUnitTest tests[] = {
        T(fields_are_decoded),
        T(the_first_of_a_name_counts),
        T(what_is_no_form_is_refused),
        T(an_escape_may_end_the_form),
        T(fields_are_bounded),
        T(a_key_holds_for_its_person_and_action_alone),
        T(a_key_that_was_bent_is_none),
        T(only_our_own_origin_for_that_host_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
