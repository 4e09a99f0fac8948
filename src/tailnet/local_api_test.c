#include "tailnet/local_api.h"

#include "support/fake_tailscaled.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

#define LONG_MS 5000
#define SHORT_MS 40

static struct {
    struct loop *loop;
    struct fake_tailscaled fake;
    struct str raw; /* what the fake says, then hangs up unless it holds */
    bool holds, floods;
    int n_answers;
    unsigned status;
    char body[4096];
    struct err e;
    size_t n_fds;
} fix;

static size_t count_fds(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static void on_ask(struct fake_tailscaled *f, struct fake_conn *c)
{
    (void)f;
    assert_true(str_eq(c->target, STR("/localapi/v0/x")));
    if (fix.floods) {
        fake_flood(c);
        return;
    }
    fake_say(c, fix.raw);
    if (!fix.holds)
        fake_hang_up(c);
}

static int set_up(void **state)
{
    (void)state;
    memset(&fix, 0, sizeof(fix));
    if (loop_new(&fix.loop, NULL) < 0)
        return -1;
    fake_start(&fix.fake, fix.loop);
    fix.fake.asked = on_ask;
    fix.n_fds = count_fds();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_end(&fix.fake);
    loop_free(fix.loop);
    return 0;
}

static void on_answer(void *ctx, unsigned status, struct str body, const struct err *e)
{
    (void)ctx;
    fix.n_answers++;
    fix.status = status;
    assert_true(body.n < sizeof(fix.body));
    if (body.n > 0)
        memcpy(fix.body, body.p, body.n);
    fix.body[body.n] = '\0';
    fix.e = *e;
    loop_stop(fix.loop);
}

static struct local_call *ask_at(const char *path, int64_t ms)
{
    return local_call_new(fix.loop, str_from(path), STR("/localapi/v0/x"),
        loop_now_ms(fix.loop) + ms, on_answer, NULL);
}

/* One question; nothing of it stays open on our side. */
static void ask(const char *path, int64_t ms)
{
    (void)ask_at(path, ms);
    assert_int_equal(fix.n_answers, 0);
    loop_run(fix.loop);
    assert_int_equal(fix.n_answers, 1);
    while (fix.fake.first)
        fake_hang_up(fix.fake.first);
    if (fix.fake.listening)
        assert_int_equal(count_fds(), fix.n_fds);
}

static void refused(enum err_kind kind)
{
    assert_int_equal(fix.status, 0);
    assert_int_equal(fix.e.kind, kind);
    assert_true(fix.e.text[0]);
}

static void an_answer_is_read_to_its_end(void **state)
{
    (void)state;
    fix.raw = STR("HTTP/1.0 404 Not Found\r\nX: y\r\n\r\nno match\n");
    ask(fix.fake.path, LONG_MS);
    assert_int_equal(fix.status, 404);
    assert_string_equal(fix.body, "no match\n");
    assert_int_equal(fix.e.kind, ERR_NONE);
}

static void a_chunked_answer_is_put_together(void **state)
{
    (void)state;
    fix.raw = STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "4\r\n{\"a\"\r\n2;x=y\r\n:1\r\n1\r\n}\r\n0\r\nT: v\r\n\r\n");
    ask(fix.fake.path, LONG_MS);
    assert_int_equal(fix.status, 200);
    assert_string_equal(fix.body, "{\"a\":1}");
}

struct bad {
    const char *text;
    enum err_kind kind; /* of the call */
};
#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"
static const struct bad bad_answers[] = {
    { "", ERR_BUSY },
    { "HTTP/1.0 200", ERR_BUSY },
    { OK, ERR_BUSY },
    { OK "Content-Length: 5\r\n\r\n{}", ERR_BUSY },
    { CHUNKED "5\r\nab", ERR_BUSY },
    { CHUNKED "2\r\nab\r\n", ERR_BUSY },
    { CHUNKED "2\r\nab\r\n0\r\n", ERR_BUSY },
    { CHUNKED "ffffffffffffffff\r\nab\r\n0\r\n\r\n", ERR_BUSY },
    { "SSH-2.0-OpenSSH\r\n", ERR_INVALID },
    { "HTTP/2.0 200 OK\r\n\r\n", ERR_INVALID },
    { "HTTP/1.0 20 OK\r\n\r\n", ERR_INVALID },
    { "HTTP/1.0 2000 OK\r\n\r\n", ERR_INVALID },
    { "HTTP/1.0 100 Continue\r\n\r\n", ERR_INVALID },
    { "HTTP/1.0 600 X\r\n\r\n", ERR_INVALID },
    { OK "nothing\r\n\r\n", ERR_INVALID },
    { OK ": x\r\n\r\n", ERR_INVALID },
    { OK "A: b\r\n folded\r\n\r\n", ERR_INVALID },
    { OK "A: \x01\r\n\r\n", ERR_INVALID },
    { OK "Content-Length: 1\r\n\r\n{}", ERR_INVALID },
    { OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", ERR_INVALID },
    { OK "Content-Length: -2\r\n\r\n{}", ERR_INVALID },
    { OK "Transfer-Encoding: gzip\r\n\r\n{}", ERR_INVALID },
    { OK "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ERR_INVALID },
    { CHUNKED "zz\r\nab\r\n0\r\n\r\n", ERR_INVALID },
    { CHUNKED "2\r\nabc\r\n0\r\n\r\n", ERR_INVALID },
    { CHUNKED "0\r\n\r\nmore", ERR_INVALID },
};

static void what_is_no_http_is_invalid_and_what_is_cut_is_busy(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_answers); i++) {
        fix.n_answers = 0;
        fix.raw = str_from(bad_answers[i].text);
        ask(fix.fake.path, LONG_MS);
        refused(bad_answers[i].kind);

        AUTO_BUF struct buf b = BUF_INIT(4096);
        struct err e = ERR_INIT;
        unsigned status;
        struct str body;
        buf_add(&b, fix.raw);
        assert_int_equal(local_api_split(&b, &status, &body, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
    }
}

static void one_that_accepts_and_never_answers_is_left_at_the_deadline(void **state)
{
    (void)state;
    fix.raw = STR("HTTP/1.0 200 OK\r\n");
    fix.holds = true;
    ask(fix.fake.path, SHORT_MS);
    refused(ERR_BUSY);
    assert_int_equal(fix.e.sys, ETIMEDOUT);
}

static void a_deadline_that_is_over_is_kept(void **state)
{
    (void)state;
    fix.raw = STR("HTTP/1.0 200 OK\r\n\r\n");
    ask(fix.fake.path, 0);
    refused(ERR_BUSY);
    assert_int_equal(fix.fake.n_asked, 0);
}

static void an_answer_without_end_is_not_kept(void **state)
{
    (void)state;
    fix.floods = true;
    ask(fix.fake.path, LONG_MS);
    refused(ERR_INVALID);
}

static void no_socket_and_nobody_behind_it_are_told_apart(void **state)
{
    char path[80];
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/none", fix.fake.dir);
    ask(path, LONG_MS);
    refused(ERR_BUSY);
    assert_int_equal(fix.e.sys, ENOENT);

    fix.n_answers = 0;
    ask("", LONG_MS);
    assert_int_equal(fix.e.sys, ENOENT);

    fix.n_answers = 0;
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
    close(fd);
    ask(path, LONG_MS);
    (void)unlink(path);
    refused(ERR_BUSY);
    assert_int_equal(fix.e.sys, ECONNREFUSED);
}

static void a_path_longer_than_an_address_holds_works(void **state)
{
    char dir[256], path[300];
    (void)state;
    (void)snprintf(dir, sizeof(dir), "%s/%0150d", fix.fake.dir, 0);
    (void)snprintf(path, sizeof(path), "%s/s", dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(symlink(fix.fake.path, path), 0);
    fix.raw = STR("HTTP/1.0 200 OK\r\n\r\n{}");
    ask(path, LONG_MS);
    (void)unlink(path);
    (void)rmdir(dir);
    assert_int_equal(fix.status, 200);
}

static void accept_again(struct loop_timer *t)
{
    (void)t;
    fake_pause(&fix.fake, false);
}

static void a_full_backlog_is_tried_again(void **state)
{
    struct loop_timer later = { .fire = accept_again };
    struct local_call *others[4];
    (void)state;
    fake_unlisten(&fix.fake);
    fake_listen(&fix.fake, 1);
    fake_pause(&fix.fake, true);
    fix.raw = STR("HTTP/1.0 200 OK\r\n\r\n{}");
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        others[i] = ask_at(fix.fake.path, LONG_MS);
    loop_timer_set(fix.loop, &later, loop_now_ms(fix.loop) + 2 * SHORT_MS);
    while (fix.n_answers < (int)ARRAY_LEN(others))
        loop_run(fix.loop);
    assert_int_equal(fix.status, 200);
    assert_int_equal(fix.fake.n_asked, ARRAY_LEN(others));
    (void)others;
}

static void a_full_backlog_ends_at_the_deadline(void **state)
{
    (void)state;
    fake_unlisten(&fix.fake);
    fake_listen(&fix.fake, 1);
    fake_pause(&fix.fake, true);
    for (size_t i = 0; i < 4; i++)
        (void)ask_at(fix.fake.path, SHORT_MS);
    while (fix.n_answers < 4)
        loop_run(fix.loop);
    refused(ERR_BUSY);
    assert_int_equal(fix.e.sys, ETIMEDOUT);
}

static void stop(struct loop_timer *t)
{
    (void)t;
    loop_stop(fix.loop);
}

static void a_cancelled_question_is_not_answered(void **state)
{
    struct loop_timer later = { .fire = stop };
    (void)state;
    fix.raw = STR("HTTP/1.0 200 OK\r\n");
    local_call_cancel(ask_at(fix.fake.path, LONG_MS));
    fix.holds = true;
    struct local_call *c = ask_at(fix.fake.path, LONG_MS);
    loop_timer_set(fix.loop, &later, loop_now_ms(fix.loop) + SHORT_MS);
    loop_run(fix.loop);
    assert_int_equal(fix.fake.n_asked, 2); /* the first was sent before it was cancelled */
    local_call_cancel(c);
    assert_int_equal(fix.n_answers, 0);
}

static void a_folder_where_others_can_replace_it_is_not_trusted(void **state)
{
    static const struct {
        mode_t mode;
        bool trusted;
    } cases[] = { { 0777, false }, { 0707, false }, { 01777, true }, { 0755, true } };
    (void)state;
    fix.raw = STR("HTTP/1.0 200 OK\r\n\r\n{}");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fix.n_answers = 0;
        assert_int_equal(chmod(fix.fake.dir, cases[i].mode), 0);
        ask(fix.fake.path, LONG_MS);
        if (cases[i].trusted)
            assert_int_equal(fix.status, 200);
        else
            refused(ERR_INVALID);
    }
}

/* A link in a good folder does not make the folder it leads to good. */
static void a_link_is_followed_to_the_folder_it_leads_to(void **state)
{
    char dir[64], path[80];
    (void)state;
    (void)snprintf(dir, sizeof(dir), "%s.link", fix.fake.dir);
    (void)snprintf(path, sizeof(path), "%s/s", dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(symlink(fix.fake.path, path), 0);
    assert_int_equal(chmod(fix.fake.dir, 0777), 0);
    ask(path, LONG_MS);
    (void)unlink(path);
    (void)rmdir(dir);
    refused(ERR_INVALID);
}

static void a_stranger_who_listens_is_not_trusted(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); /* nobody else's socket can be made */
    fake_unlisten(&fix.fake);
    assert_int_equal(chmod(fix.fake.dir, 01777), 0);
    assert_int_equal(seteuid(65534), 0);
    fake_listen(&fix.fake, 8);
    assert_int_equal(seteuid(0), 0);
    ask(fix.fake.path, LONG_MS);
    refused(ERR_INVALID);
    assert_int_equal(fix.fake.n_asked, 0);

    fix.n_answers = 0;
    fix.raw = STR("HTTP/1.0 200 OK\r\n\r\n{}");
    assert_int_equal(chown(fix.fake.dir, 65534, 0), 0);
    ask(fix.fake.path, LONG_MS);
    assert_int_equal(fix.status, 200);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_is_read_to_its_end),
        TEST(a_chunked_answer_is_put_together),
        TEST(what_is_no_http_is_invalid_and_what_is_cut_is_busy),
        TEST(one_that_accepts_and_never_answers_is_left_at_the_deadline),
        TEST(a_deadline_that_is_over_is_kept),
        TEST(an_answer_without_end_is_not_kept),
        TEST(no_socket_and_nobody_behind_it_are_told_apart),
        TEST(a_path_longer_than_an_address_holds_works),
        TEST(a_full_backlog_is_tried_again),
        TEST(a_full_backlog_ends_at_the_deadline),
        TEST(a_cancelled_question_is_not_answered),
        TEST(a_folder_where_others_can_replace_it_is_not_trusted),
        TEST(a_link_is_followed_to_the_folder_it_leads_to),
        TEST(a_stranger_who_listens_is_not_trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
