#include "supervisor/control.h"

#include <fcntl.h>
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

static char folder[64], path[96];
static int server;
static char out[1024], err_text[1024];

static int set_up(void **state)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/control-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/s", folder);
    (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
    server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server, (struct sockaddr *)&name, sizeof(name)), 0);
    return listen(server, 8);
}

static int tear_down(void **state)
{
    (void)state;
    if (server >= 0)
        (void)close(server);
    (void)unlink(path);
    return rmdir(folder);
}

struct running {
    pid_t pid;
    int out, err;
};

/* The client in a process of its own; words end with NULL. */
static struct running start(const char *where, char **words)
{
    int out_pair[2], err_pair[2], n = 0;
    assert_int_equal(pipe2(out_pair, O_CLOEXEC) | pipe2(err_pair, O_CLOEXEC), 0);
    while (words[n])
        n++;
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(out_pair[1], STDOUT_FILENO);
        (void)dup2(err_pair[1], STDERR_FILENO);
        _exit(control_client(where, n, words));
    }
    (void)close(out_pair[1]);
    (void)close(err_pair[1]);
    return (struct running){ pid, out_pair[0], err_pair[0] };
}

static void read_all(int fd, char *text, size_t size)
{
    size_t n = 0;
    ssize_t got;
    while ((got = read(fd, text + n, size - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    (void)close(fd);
}

static int finish(struct running r)
{
    int status = 0;
    read_all(r.out, out, sizeof(out));
    read_all(r.err, err_text, sizeof(err_text));
    assert_int_equal(waitpid(r.pid, &status, 0), r.pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Says the words to a server that expects `request` and gives `answer`. */
static int talk(char **words, const char *request, const char *answer)
{
    char text[600];
    struct running r = start(path, words);
    int fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = recv(fd, text, sizeof(text) - 1, 0);
    assert_true(n > 0);
    text[n] = '\0';
    assert_string_equal(text, request);
    assert_int_equal(send(fd, answer, strlen(answer), MSG_NOSIGNAL), strlen(answer));
    (void)close(fd);
    return finish(r);
}

#define WORDS(...) ((char *[]){ __VA_ARGS__, NULL })
#define WORD(text) ((char[]){ text })

static void the_status_goes_to_standard_output(void **state)
{
    (void)state;
    assert_int_equal(talk(WORDS(WORD("status")), "status\n", "ok\nweb up\ndb up\n"), 0);
    assert_string_equal(out, "web up\ndb up\n");
    assert_string_equal(err_text, "");
}

static void a_name_is_one_word(void **state)
{
    (void)state;
    assert_int_equal(talk(WORDS(WORD("restart"), WORD("my web")), "restart my web\n", "ok\n"), 0);
    assert_string_equal(out, "");
    assert_int_equal(talk(WORDS(WORD("stop"), WORD("web")), "stop web\n", "ok\n"), 0);
}

static void an_error_goes_to_standard_error(void **state)
{
    (void)state;
    assert_int_equal(
        talk(WORDS(WORD("stop"), WORD("x")), "stop x\n", "error: there is no process \"x\"\n"), 1);
    assert_string_equal(out, "");
    assert_string_equal(err_text, "groundcontrol: there is no process \"x\"\n");
}

static void no_answer_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(talk(WORDS(WORD("status")), "status\n", ""), 1);
    assert_true(str_starts(str_from(err_text), STR("groundcontrol: no answer came from ")));
}

static void other_words_are_a_usage_error(void **state)
{
    static char longest[CONTROL_REQUEST_MAX] = "x";
    char **cases[] = {
        (char *[]){ NULL },
        WORDS(WORD("help")),
        WORDS(WORD("status"), WORD("web")),
        WORDS(WORD("restart")),
        WORDS(WORD("restart"), WORD("")),
        WORDS(WORD("restart"), WORD("my"), WORD("web")),
        WORDS(WORD("stop"), WORD("a\nb")),
        WORDS(WORD("stop"), longest),
        WORDS(WORD(""), WORD("")),
    };
    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (finish(start(path, cases[i])) != 2)
            fail_msg("%zu: %s", i, err_text);
        assert_true(str_starts(
            str_from(err_text), STR("groundcontrol: after --control SOCKET say status,")));
        assert_string_equal(out, "");
    }
}

static void who_cannot_be_reached_is_named(void **state)
{
    char want[256], too_long[200];
    (void)state;
    (void)close(server);
    server = -1;
    assert_int_equal(finish(start(path, WORDS(WORD("status")))), 1);
    (void)snprintf(want, sizeof(want),
        "groundcontrol: the supervisor of this control socket has gone: %s\n", path);
    assert_string_equal(err_text, want);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(finish(start(path, WORDS(WORD("status")))), 1);
    (void)snprintf(want, sizeof(want),
        "groundcontrol: no supervisor has this control socket (see control in its file): %s\n",
        path);
    assert_string_equal(err_text, want);
    memset(too_long, 'x', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';
    assert_int_equal(finish(start(too_long, WORDS(WORD("status")))), 1);
    assert_int_equal(finish(start("", WORDS(WORD("status")))), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(the_status_goes_to_standard_output),
        TEST(a_name_is_one_word),
        TEST(an_error_goes_to_standard_error),
        TEST(no_answer_is_an_error),
        TEST(other_words_are_a_usage_error),
        TEST(who_cannot_be_reached_is_named),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
