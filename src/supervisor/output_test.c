#include "supervisor/output_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define MOMENT 2000 /* ms after which a test that waits has failed */

struct rig {
    struct events ev;
    struct output *o;
    int from, to; /* what the output writes to, and the other end */
    struct buf got;
};

static void rig_on(struct rig *r, int to, int from, size_t sources, const char *filter)
{
    struct output_style style = { .filter = filter };
    struct err e = ERR_INIT;
    *r = (struct rig){ .from = from, .to = to, .got = BUF_INIT(64u << 20) };
    assert_int_equal(events_open(&r->ev, &e), 0);
    assert_int_equal(output_open(&r->o, &r->ev, to, sources, &style, &e), 0);
}

static void rig_pipe(struct rig *r, size_t sources)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    assert_true(fcntl(fds[1], F_SETPIPE_SZ, 65536) >= 65536);
    rig_on(r, fds[1], fds[0], sources, NULL);
}

static void rig_end(struct rig *r)
{
    output_close(r->o, 0);
    attr_close(&r->to);
    attr_close(&r->from);
    events_close(&r->ev);
    buf_deinit(&r->got);
}

/* What can be read now. Returns the bytes. */
static size_t take(struct rig *r, size_t most)
{
    char block[4096];
    size_t all = 0;
    while (all < most) {
        ssize_t n = read(r->from, block, sizeof(block) < most - all ? sizeof(block) : most - all);
        if (n <= 0)
            break;
        buf_add(&r->got, (struct str){ block, (size_t)n });
        all += (size_t)n;
    }
    return all;
}

static bool idle(const struct rig *r)
{
    return r->ev.timers.next == &r->ev.timers;
}

/* Lets the loop and the reader go on until nothing is left to say. */
static void settle(struct rig *r)
{
    int64_t end = clock_mono_ms() + MOMENT * 5;
    do {
        events_round(&r->ev, 0);
        assert_true(clock_mono_ms() < end);
    } while (take(r, SIZE_MAX) > 0 || !idle(r));
}

static size_t count(struct str text, const char *needle)
{
    size_t n = 0;
    struct str what = str_from(needle);
    for (size_t at; (at = str_find_str(text, what)) != STR_NPOS; n++)
        text = str_skip(text, at + what.n);
    return n;
}

static void check_got(struct rig *r, const char *want)
{
    if (!str_eq(buf_str(&r->got), str_from(want)))
        fail_msg("got %.*s want %s", STR_ARG(buf_str(&r->got)), want);
}

static void lines_of_all_sources_leave_in_the_order_they_came(void **state)
{
    (void)state;
    struct rig r;
    rig_pipe(&r, 2);
    struct source *a = source_open(r.o, "a", true), *b = source_open(r.o, "b", false);
    source_line(a, NULL, CHANNEL_STDOUT, STR("1"));
    source_line(b, "pre", CHANNEL_STDOUT, STR("2"));
    say(r.o, SAY_INFO, "%d", 3);
    source_line(a, NULL, CHANNEL_STDERR, STR("4"));
    say(r.o, SAY_ERROR, "five");
    say(r.o, SAY_DEBUG, "not shown");
    settle(&r);
    check_got(&r, "a: 1\nb[pre]: 2\ngroundcontrol: 3\na[stderr]: 4\ngroundcontrol: ERROR five\n");
    rig_end(&r);
}

static void a_full_pipe_holds_nobody_up(void **state)
{
    (void)state;
    struct rig r;
    rig_pipe(&r, 2);
    struct source *a = source_open(r.o, "a", true), *b = source_open(r.o, "b", true);
    static char text[1000];
    memset(text, 'x', sizeof(text));
    int64_t start = clock_mono_ms();
    for (int i = 0; i < 5000; i++)
        source_line(a, NULL, CHANNEL_STDOUT, (struct str){ text, sizeof(text) });
    source_line(b, NULL, CHANNEL_STDOUT, STR("a ring of my own"));
    assert_true(clock_mono_ms() - start < MOMENT);
    settle(&r);
    size_t lines = count(buf_str(&r.got), "a: xxx");
    assert_in_range(lines, 1000, 1200); /* the ring and the pipe */
    char told[128];
    (void)snprintf(told, sizeof(told),
        "groundcontrol: WARN a: %zu lines dropped: the standard output is not read fast enough\n",
        5000 - lines);
    assert_int_equal(count(buf_str(&r.got), told), 1);
    assert_int_equal(count(buf_str(&r.got), "dropped"), 1);
    assert_int_equal(count(buf_str(&r.got), "b: a ring of my own\n"), 1);
    rig_end(&r);
}

/* Lines of all lengths, numbered over all sources; a reader that takes a part now and then. */
static size_t say_to_a_slow_reader(struct rig *r, struct source *const sources[3], unsigned seed)
{
    static char text[OUTPUT_LINE_MAX];
    size_t said = 0;
    memset(text, 'x', sizeof(text));
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < 60; i++) {
            seed = seed * 1103515245u + 12345u;
            size_t len = seed >> 8 & 1 ? 20 + (seed >> 16) % 200 : 20 + (seed >> 16) % 8000;
            (void)snprintf(text, sizeof(text), "%08zu", said++);
            text[8] = ' ';
            source_line(sources[(seed >> 12) % 3], NULL, CHANNEL_STDOUT, (struct str){ text, len });
        }
        events_round(&r->ev, 0);
        (void)take(r, (seed >> 10) % 200000);
    }
    return said;
}

static void what_a_slow_reader_gets_is_whole_and_counted(void **state)
{
    (void)state;
    struct rig r;
    rig_pipe(&r, 3);
    struct source *sources[3] = { source_open(r.o, "a", true), source_open(r.o, "b", true),
        source_open(r.o, "c", true) };
    size_t said = say_to_a_slow_reader(&r, sources, 7);
    settle(&r);
    size_t lines = 0, dropped = 0, next = 0;
    for (struct str rest = buf_str(&r.got); rest.n;) {
        struct str line = str_cut(&rest, '\n');
        size_t v = 0;
        char name = 0, space = 0;
        if (sscanf(line.p, "groundcontrol: WARN %c: %zu lines dropped", &name, &v) == 2) {
            dropped += v;
            continue;
        }
        assert_int_equal(sscanf(line.p, "%c: %zu%c", &name, &v, &space), 3);
        assert_true(space == ' ' && line.p[line.n - 1] == 'x' && v >= next);
        next = v + 1;
        lines++;
    }
    assert_true(dropped > 0 && lines > said / 10);
    assert_int_equal(lines + dropped, said);
    rig_end(&r);
}

static void a_reader_that_is_gone_silences_us(void **state)
{
    (void)state;
    struct rig r;
    rig_pipe(&r, 1);
    struct source *a = source_open(r.o, "a", true);
    attr_close(&r.from);
    r.from = -1;
    for (int i = 0; i < 100000; i++)
        source_line(a, NULL, CHANNEL_STDOUT, STR("to nobody"));
    events_round(&r.ev, 0);
    assert_true(idle(&r));
    struct epoll_event event;
    assert_int_equal(epoll_wait(r.ev.epoll, &event, 1, 0), 0);
    rig_end(&r);
}

static void a_reader_that_leaves_while_we_wait_does_not_spin_us(void **state)
{
    (void)state;
    struct rig r;
    rig_pipe(&r, 1);
    struct source *a = source_open(r.o, "a", true);
    for (int i = 0; i < 10000; i++)
        source_line(a, NULL, CHANNEL_STDOUT, STR("a line that waits"));
    attr_close(&r.from);
    r.from = -1;
    events_round(&r.ev, MOMENT);
    struct epoll_event event;
    assert_int_equal(epoll_wait(r.ev.epoll, &event, 1, 0), 0);
    assert_true(idle(&r));
    source_close(a);
    assert_non_null(source_open(r.o, "b", true));
    rig_end(&r);
}

static void an_idle_output_watches_nothing(void **state)
{
    (void)state;
    struct rig r;
    struct epoll_event event;
    rig_pipe(&r, 1);
    struct source *a = source_open(r.o, "a", true);
    for (int i = 0; i < 10000; i++)
        source_line(a, NULL, CHANNEL_STDOUT, STR("x"));
    settle(&r);
    assert_int_equal(epoll_wait(r.ev.epoll, &event, 1, 0), 0);
    attr_close(&r.from);
    r.from = -1;
    assert_int_equal(epoll_wait(r.ev.epoll, &event, 1, 0), 0);
    assert_true(idle(&r));
    rig_end(&r);
}

static void the_flags_others_share_stay_or_come_back(void **state)
{
    (void)state;
    struct rig r;
    rig_pipe(&r, 1);
    assert_int_equal(fcntl(r.to, F_GETFL) & O_NONBLOCK, 0); /* opened anew */
    output_close(r.o, 0);
    /* A pipe without a reader cannot be opened anew. */
    attr_close(&r.from);
    r.from = -1;
    struct output_style style = { 0 };
    struct err e = ERR_INIT;
    char path[] = "/tmp/output_test.XXXXXX";
    assert_non_null(mkdtemp(path));
    char name[64];
    (void)snprintf(name, sizeof(name), "%s/fifo", path);
    assert_int_equal(mkfifo(name, 0600), 0);
    int reader = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int fifo = open(name, O_WRONLY | O_CLOEXEC);
    assert_true(reader >= 0 && fifo >= 0);
    assert_int_equal(close(reader), 0);
    int flags = fcntl(fifo, F_GETFL);
    assert_int_equal(output_open(&r.o, &r.ev, fifo, 1, &style, &e), 0);
    assert_int_equal(fcntl(fifo, F_GETFL), flags | O_NONBLOCK);
    output_close(r.o, 0);
    assert_int_equal(fcntl(fifo, F_GETFL), flags);
    r.o = NULL;
    assert_int_equal(close(fifo), 0);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(rmdir(path), 0);
    rig_end(&r);
}

static void a_regular_file_is_appended_to_where_it_stands(void **state)
{
    (void)state;
    struct rig r;
    char path[] = "/tmp/output_test.XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "before\n", 7), 7);
    rig_on(&r, fd, open(path, O_RDONLY | O_CLOEXEC), 1, NULL);
    say(r.o, SAY_INFO, "after");
    settle(&r);
    check_got(&r, "before\ngroundcontrol: after\n");
    assert_int_equal(unlink(path), 0);
    rig_end(&r);
}

static void dev_null_takes_everything(void **state)
{
    (void)state;
    struct rig r;
    rig_on(&r, open("/dev/null", O_WRONLY | O_CLOEXEC), -1, 1, NULL);
    struct source *a = source_open(r.o, "a", true);
    for (int i = 0; i < 100000; i++)
        source_line(a, NULL, CHANNEL_STDOUT, STR("x"));
    events_round(&r.ev, 0);
    assert_true(idle(&r));
    rig_end(&r);
}

static int64_t fake_now;
static int64_t read_fake(void)
{
    return fake_now;
}

static void a_full_disk_is_tried_again_each_second(void **state)
{
    (void)state;
    struct rig r;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    rig_on(&r, full, -1, 1, NULL);
    r.ev.now_ms = read_fake;
    say(r.o, SAY_INFO, "kept until there is room");
    events_round(&r.ev, 0);
    for (int i = 0; i < 3; i++) {
        assert_false(idle(&r));
        assert_int_equal(r.ev.timers.next->due_ms, fake_now + 1000);
        fake_now += 1000;
        events_round(&r.ev, 0);
    }
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(dup2(fds[1], full), full);
    r.from = fds[0];
    fake_now += 1000;
    events_round(&r.ev, 0);
    (void)take(&r, SIZE_MAX);
    check_got(&r, "groundcontrol: kept until there is room\n");
    assert_true(idle(&r));
    assert_int_equal(close(fds[1]), 0);
    rig_end(&r);
}

static void an_unread_terminal_holds_nobody_up(void **state)
{
    (void)state;
    struct rig r;
    int master, slave;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    assert_int_equal(fcntl(master, F_SETFL, O_NONBLOCK), 0);
    rig_on(&r, slave, master, 1, NULL);
    assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
    for (int i = 0; i < 2000; i++)
        say(r.o, SAY_INFO, "%d", i);
    settle(&r);
    assert_int_equal(count(buf_str(&r.got), "groundcontrol: "), 2000);
    rig_end(&r);
}

static void a_socket_is_left_as_it_is(void **state)
{
    (void)state;
    struct rig r;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    rig_on(&r, fds[1], fds[0], 1, NULL);
    for (int i = 0; i < 9000; i++)
        say(r.o, SAY_INFO, "%d", i);
    assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
    settle(&r);
    assert_int_equal(count(buf_str(&r.got), "groundcontrol: "), 9000);
    rig_end(&r);
}

static void a_closed_descriptor_is_no_error(void **state)
{
    (void)state;
    struct rig r;
    rig_on(&r, -1, -1, 1, NULL);
    say(r.o, SAY_ERROR, "nobody hears this");
    assert_true(idle(&r));
    rig_end(&r);
}

static void closing_writes_what_waits_but_not_for_ever(void **state)
{
    (void)state;
    struct rig r;
    rig_pipe(&r, 1);
    say(r.o, SAY_INFO, "last words");
    output_close(r.o, MOMENT);
    (void)take(&r, SIZE_MAX);
    check_got(&r, "groundcontrol: last words\n");
    struct output_style style = { 0 };
    struct err e = ERR_INIT;
    assert_int_equal(output_open(&r.o, &r.ev, r.to, 1, &style, &e), 0);
    for (int i = 0; i < 10000; i++)
        say(r.o, SAY_INFO, "too much");
    int64_t start = clock_mono_ms();
    output_close(r.o, 30);
    assert_in_range(clock_mono_ms() - start, 30, MOMENT);
    r.o = NULL;
    rig_end(&r);
}

static void a_closed_source_still_says_what_waits(void **state)
{
    (void)state;
    struct rig r;
    rig_pipe(&r, 1);
    struct source *a = source_open(r.o, "a", true);
    assert_null(source_open(r.o, "b", true));
    source_line(a, NULL, CHANNEL_STDOUT, STR("bye"));
    source_close(a);
    settle(&r);
    a = source_open(r.o, "b", true);
    assert_non_null(a);
    source_line(a, NULL, CHANNEL_STDOUT, STR("hello"));
    settle(&r);
    check_got(&r, "a: bye\nb: hello\n");
    rig_end(&r);
}

static void a_new_source_may_take_the_ring_of_one_that_is_gone(void **state)
{
    (void)state;
    struct rig r;
    rig_pipe(&r, 2);
    struct source *a = source_open(r.o, "a", true), *b = source_open(r.o, "b", true);
    for (int i = 0; i < 10000; i++)
        say(r.o, SAY_INFO, "the pipe is full");
    source_line(a, NULL, CHANNEL_STDOUT, STR("lost"));
    source_line(b, NULL, CHANNEL_STDOUT, STR("kept"));
    source_line(a, NULL, CHANNEL_STDOUT, STR("lost"));
    source_close(a);
    struct source *c = source_open(r.o, "c", true);
    assert_ptr_equal(c, a);
    source_line(c, NULL, CHANNEL_STDOUT, STR("new"));
    settle(&r);
    assert_int_equal(count(buf_str(&r.got), "lost"), 0);
    assert_true(str_ends(buf_str(&r.got), STR("b: kept\nc: new\n")) ||
                count(buf_str(&r.got), "b: kept\nc: new\n") == 1);
    rig_end(&r);
}

static void the_filter_can_silence_processes(void **state)
{
    (void)state;
    struct rig r;
    rig_pipe(&r, 1);
    struct output_style style = { .filter = "warn,stderr=info" };
    output_restyle(r.o, &style);
    struct source *a = source_open(r.o, "a", true);
    source_line(a, NULL, CHANNEL_STDOUT, STR("1"));
    source_line(a, NULL, CHANNEL_STDERR, STR("2"));
    say(r.o, SAY_INFO, "3");
    say(r.o, SAY_WARN, "4");
    settle(&r);
    check_got(&r, "a[stderr]: 2\ngroundcontrol: WARN 4\n");
    rig_end(&r);
}

static void a_long_line_is_split_between_characters(void **state)
{
    (void)state;
    struct rig r;
    rig_pipe(&r, 1);
    struct source *a = source_open(r.o, "a", true);
    static char text[OUTPUT_LINE_MAX + 3];
    memset(text, 'x', sizeof(text));
    memcpy(text + OUTPUT_LINE_MAX - 1, "\xc3\xbc", 2);
    source_line(a, NULL, CHANNEL_STDOUT, (struct str){ text, sizeof(text) });
    settle(&r);
    assert_int_equal(count(buf_str(&r.got), "x\na: \xc3\xbcxx\n"), 1);
    rig_end(&r);
}

static void a_long_name_is_clipped_and_a_strange_one_escaped(void **state)
{
    (void)state;
    struct rig r;
    rig_pipe(&r, 2);
    source_line(source_open(r.o, "a\033\n", true), NULL, CHANNEL_STDOUT, STR("1"));
    source_line(source_open(r.o,
                    "0123456789012345678901234567890123456789012345678901234567890123456", true),
        NULL, CHANNEL_STDOUT, STR("2"));
    source_line(NULL, NULL, CHANNEL_STDOUT, STR("3"));
    settle(&r);
    check_got(&r, "a\\x1b\\x0a: 1\n"
                  "0123456789012345678901234567890123456789012345678901234567890123: 2\n");
    rig_end(&r);
}

static void who_feeds_a_filling_ring_is_asked_to_wait_once(void **state)
{
    (void)state;
    struct rig r;
    rig_pipe(&r, 1);
    r.ev.now_ms = read_fake;
    struct source *a = source_open(r.o, "a", true);
    assert_false(source_asks_to_wait(a));
    static char text[1000];
    for (int i = 0; i < 500; i++)
        source_line(a, NULL, CHANNEL_STDOUT, (struct str){ text, sizeof(text) });
    assert_true(source_asks_to_wait(a));
    fake_now += 499;
    assert_true(source_asks_to_wait(a));
    fake_now++;
    assert_false(source_asks_to_wait(a));
    settle(&r);
    for (int i = 0; i < 500; i++)
        source_line(a, NULL, CHANNEL_STDOUT, (struct str){ text, sizeof(text) });
    assert_true(source_asks_to_wait(a));
    rig_end(&r);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_all_sources_leave_in_the_order_they_came),
        cmocka_unit_test(a_full_pipe_holds_nobody_up),
        cmocka_unit_test(what_a_slow_reader_gets_is_whole_and_counted),
        cmocka_unit_test(a_reader_that_is_gone_silences_us),
        cmocka_unit_test(a_reader_that_leaves_while_we_wait_does_not_spin_us),
        cmocka_unit_test(an_idle_output_watches_nothing),
        cmocka_unit_test(the_flags_others_share_stay_or_come_back),
        cmocka_unit_test(a_regular_file_is_appended_to_where_it_stands),
        cmocka_unit_test(dev_null_takes_everything),
        cmocka_unit_test(a_full_disk_is_tried_again_each_second),
        cmocka_unit_test(an_unread_terminal_holds_nobody_up),
        cmocka_unit_test(a_socket_is_left_as_it_is),
        cmocka_unit_test(a_closed_descriptor_is_no_error),
        cmocka_unit_test(closing_writes_what_waits_but_not_for_ever),
        cmocka_unit_test(a_closed_source_still_says_what_waits),
        cmocka_unit_test(a_new_source_may_take_the_ring_of_one_that_is_gone),
        cmocka_unit_test(the_filter_can_silence_processes),
        cmocka_unit_test(a_long_line_is_split_between_characters),
        cmocka_unit_test(a_long_name_is_clipped_and_a_strange_one_escaped),
        cmocka_unit_test(who_feeds_a_filling_ring_is_asked_to_wait_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
