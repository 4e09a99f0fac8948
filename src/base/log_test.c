#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/json.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static int log_pipe[2];

static int open_pipe(void **state)
{
    (void)state;
    return pipe2(log_pipe, O_CLOEXEC | O_NONBLOCK);
}

static int close_pipe(void **state)
{
    (void)state;
    (void)close(log_pipe[0]);
    return close(log_pipe[1]);
}

/* All that was written since the last call, NUL-terminated. */
static struct str written(void)
{
    static char text[16384];
    ssize_t n = read(log_pipe[0], text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    return str_from(text);
}

/* The line from event= on, without its newline. */
static struct str finish_kv(struct log_line *l)
{
    struct str s = log_finish(l);
    assert_true(str_ends(s, STR("\n")));
    size_t at = str_find_str(s, STR(" event="));
    assert_true(at != STR_NPOS);
    return str_from_to(s, at + 1, s.n - 1);
}

static void a_line_has_time_level_and_event(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_KV, log_pipe[1]);
    struct log_line l;
    log_begin(&l, LOG_WARN, "publish");
    log_str(&l, "crate", STR("serde"));
    log_u64(&l, "bytes", 1234);
    log_end(&l);
    struct str s = written();
    assert_true(str_starts(s, STR("time=20")));
    assert_true(str_ends(s, STR("Z level=warn event=publish crate=serde bytes=1234\n")));
    assert_int_equal(str_find(s, ' '), strlen("time=2000-01-01T00:00:00.000Z"));
}

static void quotes_stand_only_where_needed(void **state)
{
    (void)state;
    static const struct {
        struct str value;
        const char *form;
    } cases[] = {
        { STR("plain-1.0/+x"), "plain-1.0/+x" }, { STR(""), "\"\"" },
        { STR("two words"), "\"two words\"" }, { STR("a=b"), "\"a=b\"" },
        { STR("say \"hi\""), "\"say \\\"hi\\\"\"" }, { STR("\""), "\"\\\"\"" },
        { STR("back\\slash"), "\"back\\\\slash\"" }, { STR("gu\xc3\xa4"), "\"gu\xc3\xa4\"" },
        { STR("a\nlevel=error"), "\"a\\nlevel=error\"" },
        { STR("a\r\tb\0c"), "\"a\\r\\tb\\u0000c\"" }, { STR("\x1b[31m"), "\"\\u001b[31m\"" },
        { STR("\x7f"), "\"\\u007f\"" }, { STR("\xff\xc0\x80"), "\"\\xff\\xc0\\x80\"" },
        { STR("\xc2\x9b"), "\"\\u009b\"" },     /* C1 control: CSI */
        { STR("\xe2\x80\xa8"), "\"\\u2028\"" }, /* line separator */
        { STR("\xe2\x80\xae"), "\"\\u202e\"" }, /* right-to-left override */
    };
    log_setup(LOG_INFO, LOG_KV, log_pipe[1]);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct log_line l;
        log_begin(&l, LOG_INFO, "t");
        log_str(&l, "k", cases[i].value);
        struct str s = finish_kv(&l);
        if (!str_eq(str_skip(s, strlen("event=t k=")), str_from(cases[i].form)))
            fail_msg("case %zu: %" STR_FMT, i, STR_ARG(s));
    }
}

static void json_lines_parse_whatever_is_in_them(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_JSON, log_pipe[1]);
    char every[256];
    for (size_t i = 0; i < sizeof(every); i++)
        every[i] = (char)i;
    struct log_line l;
    log_begin(&l, LOG_ERROR, "t");
    log_str(&l, "ascii", (struct str){ every + 1, 127 });
    log_str(&l, "high", (struct str){ every + 128, 128 });
    log_u64(&l, "n", 7);
    struct str s = log_finish(&l);
    AUTO_JSON json_t *j = NULL;
    struct err e = ERR_INIT;
    if (json_read(s, &j, &e) < 0)
        fail_msg("%s in %" STR_FMT, e.text, STR_ARG(s));
    assert_true(str_eq(json_str(json_object_get(j, "event")), STR("t")));
    assert_true(str_eq(json_str(json_object_get(j, "level")), STR("error")));
    assert_true(str_eq(json_str(json_object_get(j, "ascii")), (struct str){ every + 1, 127 }));
    assert_int_equal(json_integer_value(json_object_get(j, "n")), 7);
    assert_int_equal(str_find(s, '\n'), s.n - 1);
}

static void a_long_value_does_not_push_out_the_next(void **state)
{
    (void)state;
    char path[5000];
    memset(path, 'a', sizeof(path));
    log_setup(LOG_INFO, LOG_KV, log_pipe[1]);
    struct log_line l;
    log_begin(&l, LOG_INFO, "t");
    log_str(&l, "path", (struct str){ path, sizeof(path) });
    log_str(&l, "agent", (struct str){ path, sizeof(path) });
    log_u64(&l, "status", 200);
    struct str s = finish_kv(&l);
    assert_true(str_ends(s, STR("aaa... status=200")));
}

static void a_full_line_is_still_well_formed(void **state)
{
    (void)state;
    for (int format = 0; format < 2; format++) {
        log_setup(LOG_INFO, format ? LOG_JSON : LOG_KV, log_pipe[1]);
        for (size_t pad = 0; pad < 700; pad++) {
            char text[700];
            memset(text, '"', sizeof(text));
            struct log_line l;
            log_begin(&l, LOG_INFO, "t");
            log_str(&l, "pad", (struct str){ text, pad });
            for (int i = 0; i < 3; i++) {
                char key[2] = { (char)('a' + i), '\0' };
                log_str(&l, key, (struct str){ text, sizeof(text) });
            }
            for (int i = 0; i < 30; i++) {
                char key[16];
                (void)snprintf(key, sizeof(key), "n%d", i);
                log_u64(&l, key, UINT64_MAX);
                key[0] = 's';
                log_str(&l, key, STR("s s"));
            }
            struct str s = log_finish(&l);
            assert_true(s.n <= LOG_LINE_MAX);
            assert_int_equal(str_find(s, '\n'), s.n - 1);
            AUTO_JSON json_t *j = NULL;
            struct err e = ERR_INIT;
            if (format && json_read(s, &j, &e) < 0)
                fail_msg("pad %zu: %s", pad, e.text);
        }
    }
}

static void a_level_that_is_off_writes_nothing(void **state)
{
    (void)state;
    log_setup(LOG_WARN, LOG_KV, log_pipe[1]);
    assert_true(log_on(LOG_ERROR) && log_on(LOG_WARN));
    assert_false(log_on(LOG_INFO) || log_on(LOG_DEBUG));
    struct log_line l;
    log_begin(&l, LOG_INFO, "t");
    log_str(&l, "k", STR("v"));
    log_u64(&l, "n", 1);
    assert_int_equal(log_finish(&l).n, 0);
    log_end(&l);
    log_msg(LOG_DEBUG, "t", "%d", 1);
    assert_int_equal(written().n, 0);
}

static void an_error_is_logged_with_its_place(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_KV, log_pipe[1]);
    struct err e = ERR_INIT;
    (void)err_fill(&e, ERR_CONFLICT, "../../elsewhere/src/base/x.c", 12, "exists already");
    err_cause(&e, "row\n7");
    struct log_line l;
    log_begin(&l, LOG_ERROR, "t");
    log_err(&l, &e);
    assert_true(str_eq(finish_kv(&l),
        STR("event=t kind=conflict error=\"exists already\" cause=\"row\\n7\" at=base/x.c:12")));
    struct err none = ERR_INIT;
    log_begin(&l, LOG_ERROR, "t");
    log_err(&l, &none);
    assert_true(str_eq(finish_kv(&l), STR("event=t kind=none error=\"\"")));
}

static void the_short_form_is_one_line(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_KV, log_pipe[1]);
    log_msg(LOG_INFO, "start", "port %d\nlevel=error", 8000);
    struct str s = written();
    assert_true(str_ends(s, STR(" event=start msg=\"port 8000\\nlevel=error\"\n")));
    log_msg(LOG_INFO, "long", "%5000d", 1);
    s = written();
    assert_int_equal(str_find(s, '\n'), s.n - 1);
}

static void gathered_lines_are_written_at_once(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_KV, log_pipe[1]);
    log_write(STR("one\ntwo\n"));
    assert_true(str_eq(written(), STR("one\ntwo\n")));
    log_write(STR_NONE);
}

static void a_log_that_is_full_or_gone_stops_nobody(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_KV, log_pipe[1]);
    for (int i = 0; i < 2000; i++)
        log_msg(LOG_INFO, "flood", "%200d", i); /* the pipe fills up: it does not block */
    while (written().n)
        continue;
    log_setup(LOG_INFO, LOG_KV, -1);
    log_msg(LOG_INFO, "gone", "x");
}

#define WITH_PIPE(test) cmocka_unit_test_setup_teardown(test, open_pipe, close_pipe)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PIPE(a_line_has_time_level_and_event),
        WITH_PIPE(quotes_stand_only_where_needed),
        WITH_PIPE(json_lines_parse_whatever_is_in_them),
        WITH_PIPE(a_long_value_does_not_push_out_the_next),
        WITH_PIPE(a_full_line_is_still_well_formed),
        WITH_PIPE(a_level_that_is_off_writes_nothing),
        WITH_PIPE(an_error_is_logged_with_its_place),
        WITH_PIPE(the_short_form_is_one_line),
        WITH_PIPE(gathered_lines_are_written_at_once),
        WITH_PIPE(a_log_that_is_full_or_gone_stops_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
