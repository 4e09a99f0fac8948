#include "supervisor/notify.h"

#include "base/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

static struct events ev;
static struct notify notify;
static struct err e;
static struct buf heard;
static bool close_when_ready;

static void hear(struct notify *n, enum notify_message what, struct str status)
{
    assert_ptr_equal(n, &notify);
    assert_ptr_equal(n->owner, &heard);
    static const char letter[] = {
        [NOTIFY_READY] = 'R', [NOTIFY_WATCHDOG] = 'W', [NOTIFY_STATUS] = 'S'
    };
    buf_add_byte(&heard, letter[what]);
    if (what == NOTIFY_STATUS)
        buf_addf(&heard, "(%" STR_FMT ")", STR_ARG(status));
    if (what == NOTIFY_READY && close_when_ready)
        notify_close(n);
}

static int set_up(void **state)
{
    (void)state;
    close_when_ready = false;
    heard = BUF_INIT(1 << 20);
    notify.owner = &heard;
    notify.message = hear;
    assert_int_equal(events_open(&ev, &e), 0);
    assert_int_equal(notify_open(&notify, &ev, &e), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    notify_close(&notify);
    events_close(&ev);
    buf_deinit(&heard);
    return 0;
}

static int dial(void)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    size_t n = strlen(notify.address);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(name.sun_path, notify.address, n);
    name.sun_path[0] = '\0';
    assert_int_equal(connect(fd, (struct sockaddr *)&name,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
        0);
    return fd;
}

static void say(int fd, struct str text)
{
    assert_int_equal(send(fd, text.p, text.n, MSG_DONTWAIT), (ssize_t)text.n);
}

static void has_heard(const char *want)
{
    struct str got = buf_str(&heard);
    if (!str_eq(got, str_from(want)))
        fail_msg("\"%" STR_FMT "\", not \"%s\"", STR_ARG(got), want);
    buf_clear(&heard);
}

static void known_lines_are_told_in_order(void **state)
{
    static const struct {
        struct str datagram;
        const char *want;
    } cases[] = {
        { STR("READY=1"), "R" },
        { STR("READY=1\n"), "R" },
        { STR("WATCHDOG=1"), "W" },
        { STR("STATUS=has 2 clients"), "S(has 2 clients)" },
        { STR("STATUS="), "S()" },
        { STR("STATUS=a=b\nREADY=1\nWATCHDOG=1\n"), "S(a=b)RW" },
        { STR("\n\nREADY=1\n\n"), "R" },
        { STR("READY=1\nREADY=1"), "RR" },
        { STR("MAINPID=1\nREADY=1\nFDSTORE=1"), "R" },
        { STR("READY=1\0"), "R" },
        { STR("READY=1\0\0"), "" },
        { STR("READY=1\0WATCHDOG=1"), "" },
        { STR("READY=0"), "" },
        { STR("READY=11"), "" },
        { STR(" READY=1"), "" },
        { STR("READY=1 "), "" },
        { STR("READY=1\r\n"), "" },
        { STR("ready=1"), "" },
        { STR("WATCHDOG=trigger"), "" },
        { STR("STATUS"), "" },
        { STR("\n"), "" },
        { STR("\0"), "" },
        { STR(""), "" },
        { STR_NONE, "" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        notify_parse(&notify, cases[i].datagram);
        has_heard(cases[i].want);
    }
}

static void a_datagram_is_heard_from_the_loop(void **state)
{
    (void)state;
    int fd = dial();
    say(fd, STR("READY=1\nSTATUS=up"));
    say(fd, STR(""));
    say(fd, STR("WATCHDOG=1"));
    events_round(&ev, 1000);
    has_heard("RS(up)W");
    (void)close(fd);
}

static void a_datagram_has_a_longest(void **state)
{
    static char text[4097];
    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text, "READY=1\n", 8);
    int fd = dial();
    say(fd, (struct str){ text, 4096 });
    events_round(&ev, 1000);
    has_heard("R");
    say(fd, (struct str){ text, 4097 });
    events_round(&ev, 1000);
    has_heard("");
    (void)close(fd);
}

/* The kernel queues about ten for one socket (net.unix.max_dgram_qlen), so the queue is filled
 * again by who hears. */
static int refill_fd, refills;

static void hear_and_refill(struct notify *n, enum notify_message what, struct str status)
{
    hear(n, what, status);
    if (refills-- > 0)
        say(refill_fd, STR("READY=1"));
}

static void one_round_takes_sixteen(void **state)
{
    (void)state;
    notify.message = hear_and_refill;
    refill_fd = dial();
    refills = 19;
    say(refill_fd, STR("READY=1"));
    events_round(&ev, 1000);
    has_heard("RRRRRRRRRRRRRRRR");
    events_round(&ev, 1000);
    has_heard("RRRR");
    (void)close(refill_fd);
}

static void who_hears_may_close(void **state)
{
    (void)state;
    close_when_ready = true;
    int fd = dial();
    say(fd, STR("WATCHDOG=1\nREADY=1\nREADY=1"));
    say(fd, STR("READY=1"));
    events_round(&ev, 1000);
    has_heard("WR");
    assert_int_equal(notify.watch.fd, -1);
    events_round(&ev, 0);
    has_heard("");
    (void)close(fd);
}

static void descriptors_sent_along_are_closed(void **state)
{
    int pair[2], fd = dial();
    char c;
    (void)state;
    assert_int_equal(pipe(pair), 0);
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { { 0 } };
    struct iovec part = { (char[]){ "READY=1" }, 7 };
    struct msghdr message = { .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes) };
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &pair[1], sizeof(int));
    assert_int_equal(sendmsg(fd, &message, 0), 7);
    (void)close(pair[1]);
    events_round(&ev, 1000);
    has_heard("R");
    assert_int_equal(read(pair[0], &c, 1), 0); /* would wait if it were open anywhere */
    (void)close(pair[0]);
    (void)close(fd);
}

static void nobody_can_guess_the_address(void **state)
{
    struct notify other = { .owner = &heard, .message = hear };
    char want[32];
    (void)state;
    assert_int_equal(notify_open(&other, &ev, &e), 0);
    int n = snprintf(want, sizeof(want), "@groundcontrol/%d/", (int)getpid());
    assert_memory_equal(notify.address, want, n);
    assert_memory_equal(other.address, want, n);
    assert_int_equal(strlen(other.address), n + 32);
    assert_int_equal(strspn(other.address + n, "0123456789abcdef"), 32);
    assert_string_not_equal(notify.address, other.address);
    notify_close(&other);
    notify_close(&other);
}

static void an_address_that_is_closed_is_gone(void **state)
{
    (void)state;
    int fd = dial();
    notify_close(&notify);
    assert_int_equal(send(fd, "READY=1", 7, MSG_DONTWAIT), -1);
    assert_int_equal(errno, ECONNREFUSED);
    (void)close(fd);
    assert_int_equal(notify_open(&notify, &ev, &e), 0);
    fd = dial();
    say(fd, STR("READY=1"));
    events_round(&ev, 1000);
    has_heard("R");
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(known_lines_are_told_in_order),
        TEST(a_datagram_is_heard_from_the_loop),
        TEST(a_datagram_has_a_longest),
        TEST(one_round_takes_sixteen),
        TEST(who_hears_may_close),
        TEST(descriptors_sent_along_are_closed),
        TEST(nobody_can_guess_the_address),
        TEST(an_address_that_is_closed_is_gone),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
