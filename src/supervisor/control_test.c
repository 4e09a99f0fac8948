#include "supervisor/control.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

static struct events ev;
static struct control *control;
static struct err e;
static char folder[64], path[96];
static int64_t now;

static size_t status_size; /* of the lines of the status */
static uint64_t last_token;
static char last_name[CONTROL_REQUEST_MAX + 1], last_act[16];
static const char *refusal, *done_at_once;

static int64_t fake_now(void)
{
    return now;
}

static void say_status(void *ctx, struct buf *out)
{
    assert_ptr_equal(ctx, &last_token);
    for (size_t i = 0; i < status_size; i++)
        buf_add_byte(out, i % 64 == 63 || i == status_size - 1 ? '\n' : 's');
}

static int act(const char *what, struct str name, uint64_t token, struct err *err)
{
    last_token = token;
    (void)snprintf(last_act, sizeof(last_act), "%s", what);
    (void)snprintf(last_name, sizeof(last_name), "%" STR_FMT, STR_ARG(name));
    if (done_at_once)
        control_done(control, token, *done_at_once ? done_at_once : NULL);
    return refusal ? err_set(err, ERR_NOT_FOUND, "%s", refusal) : 0;
}

static int say_restart(void *ctx, struct str name, uint64_t token, struct err *err)
{
    assert_ptr_equal(ctx, &last_token);
    return act("restart", name, token, err);
}

static int say_stop(void *ctx, struct str name, uint64_t token, struct err *err)
{
    assert_ptr_equal(ctx, &last_token);
    return act("stop", name, token, err);
}

static const struct control_calls calls = { &last_token, say_status, say_restart, say_stop };

static int set_up(void **state)
{
    (void)state;
    status_size = 6;
    last_token = 0;
    last_name[0] = last_act[0] = '\0';
    refusal = done_at_once = NULL;
    now = 1000;
    (void)snprintf(folder, sizeof(folder), "/tmp/control-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/s", folder);
    assert_int_equal(events_open(&ev, &e), 0);
    ev.now_ms = fake_now;
    assert_int_equal(control_open(&control, &ev, path, &calls, &e), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    control_close(control);
    control = NULL;
    events_close(&ev);
    (void)unlink(path);
    return rmdir(folder);
}

/* Rounds until nothing stirs. */
static void settle(void)
{
    for (int i = 0; i < 30; i++)
        events_round(&ev, 0);
}

static void sit(int64_t ms)
{
    now += ms;
    settle();
}

static int dial(void)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    settle();
}

static int ask(const char *text)
{
    int fd = dial();
    say(fd, text);
    return fd;
}

static bool is_open(int fd)
{
    char c;
    return recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

/* Reads to the end, with the other side taking its turns. */
static size_t take(int fd, char *out, size_t size)
{
    size_t n = 0;
    for (int idle = 0; idle < 3;) {
        ssize_t got = recv(fd, out + n, size - n, MSG_DONTWAIT);
        if (got == 0)
            break;
        if (got > 0)
            n += (size_t)got;
        else
            assert_int_equal(errno, EAGAIN);
        idle = got > 0 ? 0 : idle + 1;
        settle();
    }
    assert_int_equal(recv(fd, out, 0, MSG_DONTWAIT), 0);
    (void)close(fd);
    return n;
}

static void answers(int fd, const char *want)
{
    char text[1024];
    size_t n = take(fd, text, sizeof(text) - 1);
    text[n] = '\0';
    assert_string_equal(text, want);
}

static void status_is_told_at_once(void **state)
{
    (void)state;
    answers(ask("status\n"), "ok\nsssss\n");
}

static void a_request_may_come_in_pieces(void **state)
{
    (void)state;
    int fd = dial();
    say(fd, "sta");
    assert_true(is_open(fd));
    say(fd, "tus");
    say(fd, "\n");
    answers(fd, "ok\nsssss\n");
}

static void what_is_no_request_is_an_error(void **state)
{
    static const char *const none = "error: a request is status, restart NAME or stop NAME, and a "
                                    "line feed\n";
    static const char *const cases[] = { "\n", " \n", "help\n", "status \n", "status x\n",
        "STATUS\n", "restart\n", "restart \n", "stop\n", "stop \n", "restarting a\n",
        "status\r\n" };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        answers(ask(cases[i]), none);
    assert_string_equal(last_act, "");
}

static void a_request_has_an_end(void **state)
{
    char longest[CONTROL_REQUEST_MAX + 2] = "stop ";
    (void)state;
    memset(longest + 5, 'x', sizeof(longest) - 6);
    longest[CONTROL_REQUEST_MAX - 1] = '\n';
    longest[CONTROL_REQUEST_MAX] = '\0';
    int fd = ask(longest);
    assert_int_equal(strlen(last_name), CONTROL_REQUEST_MAX - 6);
    control_done(control, last_token, NULL);
    answers(fd, "ok\n");
    longest[CONTROL_REQUEST_MAX - 1] = 'x';
    answers(ask(longest), "error: the request is too long\n");
}

static void a_request_without_a_line_feed_is_an_error(void **state)
{
    (void)state;
    int fd = dial();
    say(fd, "status");
    (void)shutdown(fd, SHUT_WR);
    settle();
    answers(fd, "error: the request has no line feed at its end\n");
}

static void a_half_closed_connection_gets_its_answer(void **state)
{
    (void)state;
    int fd = ask("restart web\n");
    (void)shutdown(fd, SHUT_WR);
    settle();
    control_done(control, last_token, NULL);
    answers(fd, "ok\n");
}

static void a_name_may_hold_blanks(void **state)
{
    (void)state;
    int fd = ask("restart  my web server \n");
    assert_string_equal(last_act, "restart");
    assert_string_equal(last_name, " my web server ");
    control_done(control, last_token, NULL);
    answers(fd, "ok\n");
}

static void an_act_is_answered_when_it_is_done(void **state)
{
    (void)state;
    int fd = ask("stop web\n");
    assert_string_equal(last_act, "stop");
    sit(86400000); /* however long that takes */
    assert_true(is_open(fd));
    control_done(control, last_token + 1, "that is another one");
    assert_true(is_open(fd));
    control_done(control, last_token, "it was killed:\nit did not stop in time");
    answers(fd, "error: it was killed: it did not stop in time\n");
}

static void a_refused_act_is_answered_at_once(void **state)
{
    (void)state;
    refusal = "there is no process \"web\"";
    answers(ask("stop web\n"), "error: there is no process \"web\"\n");
}

static void an_act_may_be_done_before_it_returns(void **state)
{
    (void)state;
    done_at_once = "";
    answers(ask("stop web\n"), "ok\n");
    done_at_once = "it never ran";
    answers(ask("stop web\n"), "error: it never ran\n");
}

static void a_long_error_is_cut(void **state)
{
    char error[2000], text[2000];
    (void)state;
    memset(error, 'e', sizeof(error) - 1);
    error[sizeof(error) - 1] = '\0';
    int fd = ask("stop web\n");
    control_done(control, last_token, error);
    size_t n = take(fd, text, sizeof(text));
    assert_true(n > ERR_TEXT_MAX && n < ERR_TEXT_MAX + 32);
    assert_int_equal(text[n - 1], '\n');
}

static void who_hangs_up_frees_the_place(void **state)
{
    int fds[CONTROL_CLIENTS];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = ask("restart web\n");
    int waits = ask("status\n");
    assert_true(is_open(waits));
    (void)close(fds[3]);
    settle();
    answers(waits, "ok\nsssss\n");
    control_done(control, 4, NULL); /* its client has gone */
    control_done(control, 5, NULL);
    answers(fds[4], "ok\n");
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        if (i != 3 && i != 4)
            (void)close(fds[i]);
}

static void who_sends_nothing_is_closed(void **state)
{
    (void)state;
    int fd = dial(), slow = ask("stat");
    settle();
    sit(4999);
    assert_true(is_open(fd) && is_open(slow));
    sit(1);
    answers(fd, "");
    answers(slow, "");
}

static void a_long_answer_goes_out_in_parts(void **state)
{
    static char text[CONTROL_ANSWER_MAX];
    (void)state;
    status_size = CONTROL_ANSWER_MAX - 3;
    int fd = ask("status\n");
    assert_int_equal(take(fd, text, sizeof(text)), CONTROL_ANSWER_MAX);
    assert_memory_equal(text, "ok\nsss", 6);
    assert_memory_equal(text + CONTROL_ANSWER_MAX - 3, "ss\n", 3);
}

static void an_answer_has_a_longest(void **state)
{
    (void)state;
    status_size = CONTROL_ANSWER_MAX - 2;
    answers(ask("status\n"), "error: the status is longer than an answer may be\n");
}

static void answers_wait_for_each_other(void **state)
{
    static char text[CONTROL_ANSWER_MAX];
    (void)state;
    status_size = CONTROL_ANSWER_MAX - 3;
    int first = ask("status\n"), second = ask("status\n"), third = ask("status\n");
    assert_true(is_open(second) && is_open(third));
    assert_int_equal(take(first, text, sizeof(text)), CONTROL_ANSWER_MAX);
    (void)close(second); /* it is being answered */
    settle();
    assert_int_equal(take(third, text, sizeof(text)), CONTROL_ANSWER_MAX);
}

static void who_does_not_take_the_answer_is_closed(void **state)
{
    (void)state;
    status_size = CONTROL_ANSWER_MAX - 3;
    int lazy = ask("status\n"), next = ask("status\n");
    sit(4999);
    assert_true(is_open(next));
    status_size = 6;
    sit(1);
    answers(next, "ok\nsssss\n");
    (void)close(lazy);
}

static void the_file_is_for_its_user_alone(void **state)
{
    struct stat st;
    (void)state;
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void another_user_is_refused(void **state)
{
    char text[256] = "";
    int status = 0;
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(folder, 0711) | chmod(path, 0666), 0);
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    pid_t child = fork();
    if (child == 0) {
        if (setuid(65534) < 0)
            _exit(9);
        int fd = dial();
        ssize_t n = recv(fd, text, sizeof(text), 0);
        _exit(n > 0 && write(pair[1], text, (size_t)n) == n ? 0 : 8);
    }
    (void)close(pair[1]);
    events_round(&ev, 10000); /* until it comes */
    settle();
    assert_true(read(pair[0], text, sizeof(text) - 1) > 0);
    (void)close(pair[0]);
    assert_string_equal(
        text, "error: only root and the user of the supervisor may use this socket\n");
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void the_file_goes_with_the_server(void **state)
{
    (void)state;
    int fd = ask("stop web\n");
    control_close(control);
    control = NULL;
    assert_int_equal(access(path, F_OK), -1);
    answers(fd, "error: the supervisor closes its control socket\n");
    control_done(NULL, 1, NULL);
}

static void the_file_of_a_successor_stays(void **state)
{
    struct control *next;
    (void)state;
    (void)unlink(path);
    assert_int_equal(control_open(&next, &ev, path, &calls, &e), 0);
    control_close(control);
    control = next;
    answers(ask("status\n"), "ok\nsssss\n");
}

static void a_stale_file_is_replaced(void **state)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    (void)state;
    control_close(control);
    control = NULL;
    (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&name, sizeof(name)), 0);
    (void)close(dead);
    assert_int_equal(control_open(&control, &ev, path, &calls, &e), 0);
    answers(ask("status\n"), "ok\nsssss\n");
}

static void refused(const char *where, const char *part)
{
    struct control *other = NULL;
    e = ERR_INIT;
    assert_int_equal(control_open(&other, &ev, where, &calls, &e), -1);
    assert_null(other);
    if (str_find_str(str_from(e.text), str_from(part)) == STR_NPOS)
        fail_msg("%s: %s", where, e.text);
}

static void a_live_server_stays(void **state)
{
    (void)state;
    refused(path, "another program listens at");
    answers(ask("status\n"), "ok\nsssss\n");
}

static void a_file_that_is_no_socket_stays(void **state)
{
    char file[128];
    (void)state;
    (void)snprintf(file, sizeof(file), "%s/f", folder);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    (void)fclose(f);
    refused(file, "is no socket; remove it");
    assert_int_equal(unlink(file), 0);
}

static void a_path_has_to_be_possible(void **state)
{
    char too_long[120];
    (void)state;
    memset(too_long, 'x', sizeof(too_long) - 1);
    too_long[0] = '/';
    too_long[sizeof(too_long) - 1] = '\0';
    refused(too_long, "119 bytes; name one of 1 to 107");
    refused("", "0 bytes");
    refused("/nowhere/at/all", "No such file or directory; its folder");
}

static void an_idle_server_sleeps(void **state)
{
    (void)state;
    answers(ask("status\n"), "ok\nsssss\n");
    assert_ptr_equal(ev.timers.next, &ev.timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(status_is_told_at_once),
        TEST(a_request_may_come_in_pieces),
        TEST(what_is_no_request_is_an_error),
        TEST(a_request_has_an_end),
        TEST(a_request_without_a_line_feed_is_an_error),
        TEST(a_half_closed_connection_gets_its_answer),
        TEST(a_name_may_hold_blanks),
        TEST(an_act_is_answered_when_it_is_done),
        TEST(a_refused_act_is_answered_at_once),
        TEST(an_act_may_be_done_before_it_returns),
        TEST(a_long_error_is_cut),
        TEST(who_hangs_up_frees_the_place),
        TEST(who_sends_nothing_is_closed),
        TEST(a_long_answer_goes_out_in_parts),
        TEST(an_answer_has_a_longest),
        TEST(answers_wait_for_each_other),
        TEST(who_does_not_take_the_answer_is_closed),
        TEST(the_file_is_for_its_user_alone),
        TEST(another_user_is_refused),
        TEST(the_file_goes_with_the_server),
        TEST(the_file_of_a_successor_stays),
        TEST(a_stale_file_is_replaced),
        TEST(a_live_server_stays),
        TEST(a_file_that_is_no_socket_stays),
        TEST(a_path_has_to_be_possible),
        TEST(an_idle_server_sleeps),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
