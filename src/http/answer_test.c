#include "http/answer.h"
#include "http/answer_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_head(struct str got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

static void an_answer_has_both_heads_ready(void **state)
{
    struct answer_spec spec = { .status = 200,
        .content_type = STR("text/plain"),
        .cache_control = STR("no-cache"),
        .etag = STR("\"x\""),
        .encoding = STR("gzip"),
        .vary_encoding = true,
        .body = STR("hello") };
    AUTO_ANSWER struct answer *a = answer_new(&spec);
    (void)state;
    assert_head(a->full.h1,
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-encoding: gzip\r\n"
        "cache-control: no-cache\r\nvary: accept-encoding\r\netag: \"x\"\r\ncontent-length: 5\r\n");
    assert_head(a->not_modified.h1, "HTTP/1.1 304 Not Modified\r\ncache-control: no-cache\r\n"
                                    "vary: accept-encoding\r\netag: \"x\"\r\n");
    assert_int_equal(a->status, 200);
    assert_head(answer_body(a), "hello");
    assert_head(answer_etag(a), "\"x\"");
}

static void a_value_cannot_end_its_line(void **state)
{
    struct answer_field f = { STR("location"), { "/a\r\nset-cookie: b\n\0c", 20 } };
    struct answer_spec spec = { .status = 302, .fields = &f, .n_fields = 1 };
    AUTO_ANSWER struct answer *a = answer_new(&spec);
    (void)state;
    assert_head(
        a->full.h1, "HTTP/1.1 302 Found\r\nlocation: /aset-cookie: bc\r\ncontent-length: 0\r\n");
}

static void a_file_answer_leaves_its_length_open(void **state)
{
    struct answer_spec spec = { .status = 200, .has_file = true };
    AUTO_ANSWER struct answer *a = answer_new(&spec);
    (void)state;
    assert_head(a->full.h1, "HTTP/1.1 200 OK\r\naccept-ranges: bytes\r\n");
}

static void no_content_has_no_length(void **state)
{
    struct answer_spec spec = { .status = 204 };
    AUTO_ANSWER struct answer *a = answer_new(&spec);
    (void)state;
    assert_head(a->full.h1, "HTTP/1.1 204 No Content\r\n");
}

static void an_answer_lives_as_long_as_its_last_reference(void **state)
{
    struct answer_spec spec = { .status = 200, .body = STR("x") };
    struct answer *a = answer_new(&spec), *b = answer_ref(a);
    (void)state;
    answer_unref(a);
    assert_head(answer_body(b), "x");
    answer_unref(b);
    answer_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_has_both_heads_ready),
        cmocka_unit_test(a_value_cannot_end_its_line),
        cmocka_unit_test(a_file_answer_leaves_its_length_open),
        cmocka_unit_test(no_content_has_no_length),
        cmocka_unit_test(an_answer_lives_as_long_as_its_last_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
