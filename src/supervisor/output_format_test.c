#include "supervisor/output_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOON 1767268800123 /* 2026-01-01T12:00:00.123Z */

static char out[LINE_OUT_MAX];

static void check(const struct output_style *style, const struct line *line, const char *want)
{
    struct str got = { out, line_format(out, style, line) };
    if (got.n != strlen(want) + 1 || memcmp(out, want, got.n - 1) != 0 || out[got.n - 1] != '\n')
        fail_msg("got %.*s want %s", (int)got.n, out, want);
}

static struct line line_of(struct str text)
{
    return (struct line){ .name = STR("web"), .text = text, .wall_ms = NOON };
}

static void a_line_begins_with_time_and_name(void **state)
{
    (void)state;
    struct output_style style = { .timestamps = true };
    struct line line = line_of(STR("hello"));
    check(&style, &line, "2026-01-01T12:00:00.123Z web: hello");
    line.phase = "pre";
    check(&style, &line, "2026-01-01T12:00:00.123Z web[pre]: hello");
    style.timestamps = false;
    line.channel = CHANNEL_STDERR;
    check(&style, &line, "web[pre][stderr]: hello");
    line.phase = NULL;
    check(&style, &line, "web[stderr]: hello");
    line.wall_ms = -1;
    line.text = STR("");
    style.timestamps = true;
    assert_true(line_format(out, &style, &line) > 0);
}

static void our_own_lines_name_the_level_when_it_matters(void **state)
{
    (void)state;
    struct output_style style = { 0 };
    struct line line = { .own = true, .level = SAY_INFO, .text = STR("x"), .wall_ms = NOON };
    check(&style, &line, "groundcontrol: x");
    line.level = SAY_DEBUG;
    check(&style, &line, "groundcontrol: x");
    line.level = SAY_WARN;
    check(&style, &line, "groundcontrol: WARN x");
    line.level = SAY_ERROR;
    check(&style, &line, "groundcontrol: ERROR x");
}

static void text_shows_what_a_terminal_must_not_see_as_hex(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *want;
    } cases[] = {
        { { "a\tb", 3 }, "web: a\tb" },
        { { "\0\x1b[31m\x7f", 7 }, "web: \\x00\\x1b[31m\\x7f" },
        { { "x\r", 2 }, "web: x\\x0d" },
        { { "\xc2\x9b"
            "1m",
              4 },
            "web: \\xc2\\x9b1m" },
        { { "gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\x9f", 11 },
            "web: gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\x9f" },
        { { "\xff\xc3", 2 }, "web: \\xff\\xc3" },
        { { "\xed\xa0\x80", 3 }, "web: \\xed\\xa0\\x80" },
        { { "\"\\", 2 }, "web: \"\\" },
    };
    struct output_style style = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct line line = line_of(cases[i].in);
        check(&style, &line, cases[i].want);
    }
}

static void json_is_valid_whatever_the_bytes(void **state)
{
    (void)state;
    struct output_style style = { .json = true, .colour = true };
    struct line line = line_of(STR("\"\\\t\n\r\0\x1b\x7f\xff\xc2\x9b\xc3\xbc"));
    check(&style, &line,
        "{\"time\":\"2026-01-01T12:00:00.123Z\",\"name\":\"web\",\"phase\":\"run\","
        "\"stream\":\"stdout\",\"text\":\"\\\"\\\\\\t\\n\\r\\u0000\\u001b\\u007f\\ufffd\\u009b"
        "\xc3\xbc\"}");
    line = line_of(STR("t"));
    line.phase = "stop";
    line.channel = CHANNEL_STDERR;
    line.name = STR("a\"b");
    check(&style, &line,
        "{\"time\":\"2026-01-01T12:00:00.123Z\",\"name\":\"a\\\"b\",\"phase\":\"stop\","
        "\"stream\":\"stderr\",\"text\":\"t\"}");
    line.own = true;
    line.level = SAY_ERROR;
    check(&style, &line,
        "{\"time\":\"2026-01-01T12:00:00.123Z\",\"name\":\"groundcontrol\",\"level\":\"error\","
        "\"text\":\"t\"}");
}

static void a_terminal_gets_colours(void **state)
{
    (void)state;
    struct output_style style = { .colour = true, .timestamps = true };
    struct line line = line_of(STR("t"));
#define WHEN "\033[2;37m2026-01-01T12:00:00.123Z\033[0m "
    check(&style, &line, WHEN "\033[1mweb\033[0m: t");
    line.colour = 1;
    line.phase = "post";
    check(&style, &line, WHEN "\033[1;32mweb[post]\033[0m: t");
    line.own = true;
    line.level = SAY_INFO;
    check(&style, &line, WHEN "\033[2;37mgroundcontrol\033[0m: t");
    line.level = SAY_WARN;
    check(&style, &line, WHEN "\033[2;37mgroundcontrol\033[0m: \033[1;31mWARN t\033[0m");
#undef WHEN
}

static void the_longest_line_fits(void **state)
{
    (void)state;
    static char text[OUTPUT_LINE_MAX + 100], name[NAME_SHOWN];
    memset(text, 0x01, sizeof(text));
    memset(name, 0x02, sizeof(name));
    for (int json = 0; json < 2; json++) {
        struct output_style style = { .json = json, .colour = true, .timestamps = true };
        struct line line = { .name = { name, sizeof(name) },
            .phase = "ready",
            .channel = CHANNEL_STDERR,
            .text = { text, sizeof(text) },
            .wall_ms = NOON };
        size_t n = line_format(out, &style, &line);
        assert_true(n < LINE_OUT_MAX);
        struct str got = { out, n };
        assert_true(str_ends(got, json ? STR("\\u0001\"}\n") : STR("\\x01\n")));
    }
}

static void the_filter_speaks_of_levels_and_targets(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int out, err, own;
    } cases[] = {
        { NULL, SAY_INFO, SAY_INFO, SAY_INFO },
        { "", SAY_INFO, SAY_INFO, SAY_INFO },
        { " , ", SAY_INFO, SAY_INFO, SAY_INFO },
        { "warn", SAY_WARN, SAY_WARN, SAY_WARN },
        { "DEBUG", SAY_DEBUG, SAY_DEBUG, SAY_DEBUG },
        { "off", -1, -1, -1 },
        { "0", -1, -1, -1 },
        { "2", SAY_WARN, SAY_WARN, SAY_WARN },
        { "trace", SAY_DEBUG, SAY_DEBUG, SAY_DEBUG },
        { "groundcontrol=info", -1, -1, SAY_INFO },
        { "groundcontrol", -1, -1, SAY_DEBUG },
        { "info,stderr=off", SAY_INFO, -1, SAY_INFO },
        { "stderr=off, info", SAY_INFO, -1, SAY_INFO },
        { "error,std=info", SAY_INFO, SAY_INFO, SAY_ERROR },
        { "stdout=info,std=off", SAY_INFO, -1, -1 },
        { "warn,debug", SAY_DEBUG, SAY_DEBUG, SAY_DEBUG },
        { "hyper=debug", -1, -1, -1 },
        { "stdout=loud", SAY_INFO, SAY_INFO, SAY_INFO },
        { "=warn", SAY_INFO, SAY_INFO, SAY_INFO },
        { "warn,stdout=loud", SAY_WARN, SAY_WARN, SAY_WARN },
        { "groundcontrol::process=debug,error", SAY_ERROR, SAY_ERROR, SAY_ERROR },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct filter f;
        filter_parse(&f, cases[i].text);
        if (f.highest[TARGET_STDOUT] != cases[i].out || f.highest[TARGET_STDERR] != cases[i].err ||
            f.highest[TARGET_OWN] != cases[i].own)
            fail_msg("\"%s\"", cases[i].text ? cases[i].text : "NULL");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_begins_with_time_and_name),
        cmocka_unit_test(our_own_lines_name_the_level_when_it_matters),
        cmocka_unit_test(text_shows_what_a_terminal_must_not_see_as_hex),
        cmocka_unit_test(json_is_valid_whatever_the_bytes),
        cmocka_unit_test(a_terminal_gets_colours),
        cmocka_unit_test(the_longest_line_fits),
        cmocka_unit_test(the_filter_speaks_of_levels_and_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
