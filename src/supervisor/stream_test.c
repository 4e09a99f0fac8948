#include "supervisor/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define MOMENT 10000 /* ms after which a test that waits has failed */

struct rig {
    struct events ev;
    struct output *o;
    struct streams *ss;
    struct source *a;
    int from, to; /* of the output's pipe */
    struct buf got;
    struct buf heard; /* by `line`, each with a '|' after it */
    struct stream *end_me;
};

static void rig_begin(struct rig *r, size_t pool)
{
    struct output_style style = { 0 };
    struct err e = ERR_INIT;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    *r = (struct rig){ .from = fds[0], .to = fds[1] };
    r->got = BUF_INIT(256u << 20);
    r->heard = BUF_INIT(64u << 20);
    assert_int_equal(events_open(&r->ev, &e), 0);
    assert_int_equal(output_open(&r->o, &r->ev, r->to, 4, &style, &e), 0);
    assert_int_equal(streams_open(&r->ss, &r->ev, pool, &e), 0);
    r->a = source_open(r->o, "a", true);
}

static void rig_end(struct rig *r)
{
    streams_close(r->ss);
    output_close(r->o, 0);
    attr_close(&r->to);
    attr_close(&r->from);
    events_close(&r->ev);
    buf_deinit(&r->got);
    buf_deinit(&r->heard);
}

static void hear(void *ctx, struct str text)
{
    struct rig *r = ctx;
    buf_add(&r->heard, text);
    buf_add_byte(&r->heard, '|');
    if (r->end_me)
        stream_ended(TAKE(r->end_me));
}

/* A pipe of a command of source s; the end to write to is returned. */
static int command(struct rig *r, struct source *s, struct stream **ret)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    struct stream_use use = { .source = s, .line = hear, .ctx = r };
    *ret = stream_open(r->ss, fds[0], &use);
    if (!*ret) {
        assert_int_equal(fcntl(fds[0], F_GETFD), -1); /* closed by the failure */
        assert_int_equal(close(fds[1]), 0);
        return -1;
    }
    assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    return fds[1];
}

static void put(int fd, struct str text)
{
    assert_int_equal(write(fd, text.p, text.n), text.n);
}

static size_t take(struct rig *r, bool keep)
{
    static char block[65536];
    size_t all = 0;
    for (ssize_t n; (n = read(r->from, block, sizeof(block))) > 0; all += (size_t)n)
        if (keep)
            buf_add(&r->got, (struct str){ block, (size_t)n });
    return all;
}

/* Until nothing more comes and nothing is owed. */
static void settle(struct rig *r)
{
    int64_t end = clock_mono_ms() + MOMENT;
    do {
        for (int i = 0; i < 20; i++) /* more than a pipe holds, by rounds */
            events_round(&r->ev, 0);
        assert_true(clock_mono_ms() < end);
    } while (take(r, true) > 0 || r->ev.timers.next != &r->ev.timers);
}

static void check(struct buf *b, const char *want)
{
    if (!str_eq(buf_str(b), str_from(want)))
        fail_msg("got %.*s want %s", STR_ARG(buf_str(b)), want);
    buf_clear(b);
}

static bool is_closed(int fd)
{
    return write(fd, "\n", 1) < 0 && errno == EPIPE;
}

static void lines_are_split_at_newlines(void **state)
{
    (void)state;
    struct rig r;
    struct stream *s;
    rig_begin(&r, 1);
    int fd = command(&r, r.a, &s);
    put(fd, STR("one\ntwo\r\n\nthr"));
    settle(&r);
    check(&r.got, "a: one\na: two\na: \n");
    put(fd, STR("ee\nun\rfinished\r"));
    settle(&r);
    check(&r.got, "a: three\n");
    assert_int_equal(close(fd), 0);
    settle(&r);
    check(&r.got, "a: un\\x0dfinished\\x0d\n");
    check(&r.heard, "one|two||three|un\rfinished\r|");
    stream_ended(s);
    rig_end(&r);
}

static void strange_bytes_come_through_escaped(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *want;
    } cases[] = {
        { { "a\0b\n", 4 }, "a: a\\x00b\n" },
        { { "\0\n\0\n", 4 }, "a: \\x00\na: \\x00\n" },
        { { "half \xf0\x9f\n", 8 }, "a: half \\xf0\\x9f\n" },
        { { "\033[1;31mred\033]0;title\a\n", 21 }, "a: \\x1b[1;31mred\\x1b]0;title\\x07\n" },
        { { "\r\r\n", 3 }, "a: \\x0d\n" },
    };
    struct rig r;
    struct stream *s;
    rig_begin(&r, 1);
    int fd = command(&r, r.a, &s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put(fd, cases[i].in);
        settle(&r);
        check(&r.got, cases[i].want);
    }
    /* A character that comes in two reads is one. */
    put(fd, STR("gr\xc3"));
    settle(&r);
    put(fd, STR("\xbc\n"));
    settle(&r);
    check(&r.got, "a: gr\xc3\xbc\n");
    assert_int_equal(close(fd), 0);
    rig_end(&r);
}

/* Lines around the longest: how many pieces, how long the last. */
static void long_lines_are_cut_between_characters(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        const char *tail;
        size_t pieces, last;
    } cases[] = {
        { OUTPUT_LINE_MAX - 1, "\n", 1, OUTPUT_LINE_MAX - 1 },
        { OUTPUT_LINE_MAX, "\n", 1, OUTPUT_LINE_MAX },
        { OUTPUT_LINE_MAX, "\r\n", 1, OUTPUT_LINE_MAX },
        { OUTPUT_LINE_MAX, "x\n", 2, 1 },
        { OUTPUT_LINE_MAX - 1, "\xc3\xbc\n", 2, 2 },
        { OUTPUT_LINE_MAX - 2, "\xf0\x9f\x90\x9fz\n", 2, 5 },
        { OUTPUT_LINE_MAX + 63, "\n", 2, 63 },
        { OUTPUT_LINE_MAX + 64, "\n", 2, 64 },
        { OUTPUT_LINE_MAX * 2, "\n", 2, OUTPUT_LINE_MAX },
        { OUTPUT_LINE_MAX * 2, "\r\n", 2, OUTPUT_LINE_MAX },
        { OUTPUT_LINE_MAX * 3 + 7, "\n", 4, 7 },
    };
    static char text[OUTPUT_LINE_MAX * 4];
    memset(text, 'x', sizeof(text));
    struct rig r;
    struct stream *s;
    rig_begin(&r, 1);
    int fd = command(&r, r.a, &s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put(fd, (struct str){ text, cases[i].n });
        settle(&r);
        put(fd, str_from(cases[i].tail));
        settle(&r);
        struct str rest = buf_str(&r.heard), last = STR_NONE;
        size_t pieces = 0;
        for (; rest.n; pieces++) {
            last = str_cut(&rest, '|');
            assert_true(last.n <= OUTPUT_LINE_MAX && utf8_valid(last));
        }
        if (pieces != cases[i].pieces || last.n != cases[i].last)
            fail_msg("case %zu: %zu pieces, the last %zu", i, pieces, last.n);
        buf_clear(&r.heard);
    }
    assert_int_equal(close(fd), 0);
    rig_end(&r);
}

static long rss_kb(void)
{
    long pages = 0, all = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld", &all, &pages), 2);
    assert_int_equal(fclose(f), 0);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void ignore(void *ctx, struct str text)
{
    *(size_t *)ctx += text.n;
}

static void a_line_without_an_end_costs_no_memory(void **state)
{
    (void)state;
    static char block[65536];
    memset(block, 'x', sizeof(block));
    struct rig r;
    rig_begin(&r, 1);
    int fds[2];
    size_t heard = 0, put_in = 0;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    struct stream_use use = { .source = r.a, .line = ignore, .ctx = &heard };
    struct stream *s = stream_open(r.ss, fds[0], &use);
    long before = 0, most = 0;
    for (size_t i = 0; put_in < 64u << 20; i++) {
        ssize_t n = write(fds[1], block, sizeof(block));
        put_in += n > 0 ? (size_t)n : 0;
        events_round(&r.ev, 0);
        (void)take(&r, false);
        long now = i % 64 == 63 ? rss_kb() : 0;
        if (i == 63)
            before = now;
        most = now > most ? now : most;
    }
    assert_int_equal(close(fds[1]), 0);
    settle(&r);
    assert_int_equal(heard, put_in);
    if (most - before > 2048)
        fail_msg("grew from %ld to %ld KiB", before, most);
    stream_ended(s);
    rig_end(&r);
}

static void a_chatty_command_is_read_by_the_round(void **state)
{
    (void)state;
    static char block[1u << 20];
    memset(block, 'x', sizeof(block));
    struct rig r;
    struct stream *s, *t;
    rig_begin(&r, 2);
    int fd = command(&r, r.a, &s), other = command(&r, r.a, &t);
    if (fcntl(fd, F_SETPIPE_SZ, sizeof(block)) < (int)sizeof(block))
        skip(); /* more than this user may have */
    put(fd, (struct str){ block, sizeof(block) });
    put(other, STR("me too\n"));
    events_round(&r.ev, 0);
    assert_true(r.heard.n < 100000);
    assert_true(str_find_str(buf_str(&r.heard), STR("me too|")) != STR_NPOS);
    assert_int_equal(close(fd), 0);
    assert_int_equal(close(other), 0);
    rig_end(&r);
}

static void who_is_faster_than_the_reader_waits_and_loses_nothing(void **state)
{
    (void)state;
    struct rig r;
    struct stream *s;
    rig_begin(&r, 1);
    int fd = command(&r, r.a, &s);
    static char block[4096];
    size_t lines = 0;
    memset(block, '\n', sizeof(block));
    for (ssize_t n; lines < 1000000; events_round(&r.ev, 0)) {
        while ((n = write(fd, block, sizeof(block))) > 0)
            lines += (size_t)n;
        (void)take(&r, true);
    }
    assert_int_equal(close(fd), 0);
    stream_ended(s);
    settle(&r);
    /* "a: \n" each, and no word of dropped ones. */
    assert_true(buf_ok(&r.got));
    assert_true(str_find_str(buf_str(&r.got), STR("dropped")) == STR_NPOS);
    assert_int_equal(r.got.n, lines * 4);
    rig_end(&r);
}

static int64_t fake_now;
static int64_t read_fake(void)
{
    return fake_now;
}

static void nobody_waits_long_for_a_reader_that_sleeps(void **state)
{
    (void)state;
    struct rig r;
    struct stream *s;
    rig_begin(&r, 1);
    r.ev.now_ms = read_fake;
    int fd = command(&r, r.a, &s);
    static char block[4096];
    memset(block, '\n', sizeof(block));
    int64_t last = fake_now, longest = 0;
    for (size_t n = 0; n < 4u << 20; events_round(&r.ev, 0)) {
        fake_now += 5;
        for (ssize_t w; (w = write(fd, block, sizeof(block))) > 0; n += (size_t)w) {
            longest = fake_now - last > longest ? fake_now - last : longest;
            last = fake_now;
        }
        assert_true(fake_now - last < 5000);
    }
    assert_in_range(longest, 400, 600);
    r.ev.now_ms = clock_mono_ms;
    assert_int_equal(close(fd), 0);
    settle(&r);
    assert_true(str_find_str(buf_str(&r.got), STR("lines dropped: the standard")) != STR_NPOS);
    rig_end(&r);
}

static void the_end_of_a_command_gives_its_last_words(void **state)
{
    (void)state;
    struct rig r;
    struct stream *s;
    rig_begin(&r, 1);
    int fd = command(&r, r.a, &s);
    put(fd, STR("whole\nhalf"));
    stream_ended(s); /* a child of it still has the pipe */
    settle(&r);
    check(&r.got, "a: whole\na: half\n");
    put(fd, STR("later\n"));
    settle(&r);
    check(&r.got, "a: later\n");
    check(&r.heard, "");
    assert_int_equal(close(fd), 0);
    settle(&r);
    assert_true((fd = command(&r, r.a, &s)) >= 0); /* the place is free again */
    assert_int_equal(close(fd), 0);
    rig_end(&r);
}

static void a_full_pool_gives_the_place_whose_command_ended_first(void **state)
{
    (void)state;
    struct rig r;
    struct stream *s[3], *more;
    int fd[3];
    rig_begin(&r, 3);
    for (int i = 0; i < 3; i++)
        fd[i] = command(&r, r.a, &s[i]);
    assert_int_equal(command(&r, r.a, &more), -1);
    assert_null(more);
    stream_ended(s[2]);
    stream_ended(s[0]);
    put(fd[2], STR("heard before it is closed\n"));
    int in = command(&r, r.a, &more);
    assert_true(in >= 0);
    assert_ptr_equal(more, s[2]);
    assert_true(is_closed(fd[2]));
    put(fd[0], STR("I am still here\n"));
    put(fd[1], STR("So am I\n"));
    put(in, STR("I am new\n"));
    settle(&r);
    struct str got = buf_str(&r.got);
    assert_true(str_starts(got, STR("a: heard before it is closed\n")));
    assert_true(str_find_str(got, STR("a: I am still here\n")) != STR_NPOS);
    assert_true(str_find_str(got, STR("a: So am I\n")) != STR_NPOS);
    assert_true(str_find_str(got, STR("a: I am new\n")) != STR_NPOS);
    for (int i = 0; i < 3; i++)
        assert_int_equal(close(fd[i]), 0);
    assert_int_equal(close(in), 0);
    rig_end(&r);
}

static void a_source_that_goes_takes_its_streams_with_it(void **state)
{
    (void)state;
    struct rig r;
    struct stream *s, *t;
    rig_begin(&r, 2);
    struct source *b = source_open(r.o, "b", true);
    int fd = command(&r, r.a, &s), other = command(&r, b, &t);
    put(fd, STR("last"));
    streams_drop(r.ss, r.a);
    source_close(r.a);
    assert_true(is_closed(fd));
    put(other, STR("still\n"));
    settle(&r);
    check(&r.got, "a: last\nb: still\n");
    assert_int_equal(close(fd), 0);
    assert_int_equal(close(other), 0);
    rig_end(&r);
}

static void a_line_may_end_the_stream_it_came_from(void **state)
{
    (void)state;
    struct rig r;
    struct stream *s;
    rig_begin(&r, 1);
    int fd = command(&r, r.a, &s);
    put(fd, STR("one\ntwo\nthree"));
    assert_int_equal(close(fd), 0);
    r.end_me = s;
    settle(&r);
    check(&r.got, "a: one\na: two\na: three\n");
    check(&r.heard, "one|");
    rig_end(&r);
}

static void a_stream_at_its_end_wakes_nobody(void **state)
{
    (void)state;
    struct rig r;
    struct stream *s;
    struct epoll_event event;
    rig_begin(&r, 1);
    int fd = command(&r, r.a, &s);
    assert_int_equal(close(fd), 0);
    settle(&r);
    assert_int_equal(epoll_wait(r.ev.epoll, &event, 1, 0), 0);
    assert_int_equal(command(&r, r.a, &s), -1); /* it belongs to a command that runs */
    rig_end(&r);
}

static void a_regular_file_is_no_stream(void **state)
{
    (void)state;
    struct rig r;
    rig_begin(&r, 1);
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stream_use use = { .source = r.a };
    assert_null(stream_open(r.ss, fd, &use));
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    rig_end(&r);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_split_at_newlines),
        cmocka_unit_test(strange_bytes_come_through_escaped),
        cmocka_unit_test(long_lines_are_cut_between_characters),
        cmocka_unit_test(a_line_without_an_end_costs_no_memory),
        cmocka_unit_test(a_chatty_command_is_read_by_the_round),
        cmocka_unit_test(who_is_faster_than_the_reader_waits_and_loses_nothing),
        cmocka_unit_test(nobody_waits_long_for_a_reader_that_sleeps),
        cmocka_unit_test(the_end_of_a_command_gives_its_last_words),
        cmocka_unit_test(a_full_pool_gives_the_place_whose_command_ended_first),
        cmocka_unit_test(a_source_that_goes_takes_its_streams_with_it),
        cmocka_unit_test(a_line_may_end_the_stream_it_came_from),
        cmocka_unit_test(a_stream_at_its_end_wakes_nobody),
        cmocka_unit_test(a_regular_file_is_no_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
