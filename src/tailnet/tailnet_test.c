#include "tailnet/tailnet.h"

#include "support/fake_tailscaled.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define CAP "superguppy.internal/cap/registry"
#define ASKS_MAX (TAILNET_WAITING_MAX + 100)
#define GUARD_MS 20000

#define STATUS(state, id, ips)                                                                     \
    "{\"BackendState\":\"" state "\",\"TailscaleIPs\":" ips ",\"Self\":{\"ID\":\"" id              \
    "\",\"DNSName\":\"crates.rig.test.\"}}"
#define RUNNING STATUS("Running", "nR1", "[\"100.64.0.1\"]")
#define PREFS "{\"ControlURL\":\"http://10.99.0.1:18080\"}"

enum manner { PROMPT, HOLD, HANG_UP, CHUNKED, BROKEN, CUT, FLOOD };

struct question {
    char address[48];
    unsigned order; /* of the answer, from 1 */
    enum err_kind kind;
    char text[ERR_TEXT_MAX];
    char login[64];
};

static struct {
    struct loop *loop;
    struct loop_timer guard;
    struct fake_tailscaled fake;
    struct tailnet *t;
    const char *status, *prefs;
    unsigned status_code, prefs_code, whois_code;
    enum manner manner; /* of whois */
    unsigned n_status, n_prefs, n_changed, n_whois;
    bool (*enough)(void);
    struct question asked[ASKS_MAX];
    char seen[ASKS_MAX][48]; /* addresses in the order in which tailscaled saw them */
    unsigned n_answers, n_again;
} fix;

/* ---- tailscaled ---- */

static void reply_whois(struct fake_conn *c)
{
    char body[512], text[600];
    struct str rest = c->target;
    (void)str_cut(&rest, '=');
    struct str address = str_cut(&rest, '&'), ip = str_cut(&address, ':');
    int n = snprintf(body, sizeof(body),
        "{\"Node\":{\"StableID\":\"n\",\"Addresses\":[\"100.64.0.7/"
        "32\"]},\"UserProfile\":{\"ID\":7,"
        "\"LoginName\":\"of-%" STR_FMT "\"},\"CapMap\":{\"" CAP "\":[ 1 ]}}",
        STR_ARG(ip));
    struct str b = { body, (size_t)n };
    switch (fix.manner) {
    case PROMPT:
        fake_reply(c, fix.whois_code, b);
        return;
    case CHUNKED:
        n = snprintf(text, sizeof(text),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n%zx\r\n%s\r\n0\r\n\r\n",
            b.n - 1, body + 1);
        fake_say(c, (struct str){ text, (size_t)n });
        break;
    case BROKEN:
        fake_reply(c, 200, STR("{\"Node\":{\"StableID\":\"n\""));
        return;
    case CUT:
        fake_say(c, STR("HTTP/1.0 200 OK\r\nContent-Length: 4000\r\n\r\n{\"Node\":"));
        break;
    case FLOOD:
        fake_flood(c);
        return;
    case HOLD:
        return;
    case HANG_UP:
        break;
    }
    fake_hang_up(c);
}

static void check_enough(void)
{
    if (fix.enough && fix.enough())
        loop_stop(fix.loop);
}

static void on_ask(struct fake_tailscaled *f, struct fake_conn *c)
{
    (void)f;
    if (str_eq(c->target, STR("/localapi/v0/status?peers=false"))) {
        fix.n_status++;
        if (fix.status)
            fake_reply(c, fix.status_code, str_from(fix.status));
    } else if (str_eq(c->target, STR("/localapi/v0/prefs"))) {
        fix.n_prefs++;
        fake_reply(c, fix.prefs_code, str_from(fix.prefs));
    } else {
        struct str rest = c->target;
        assert_true(str_eq(str_cut(&rest, '='), STR("/localapi/v0/whois?addr")));
        struct str address = str_cut(&rest, '&');
        assert_true(str_eq(rest, STR("proto=tcp")));
        memcpy(fix.seen[fix.n_whois], address.p, address.n);
        fix.seen[fix.n_whois++][address.n] = '\0';
        reply_whois(c);
    }
    check_enough();
}

/* ---- the test's side ---- */

static void on_changed(void *ctx)
{
    assert_ptr_equal(ctx, &fix);
    fix.n_changed++;
    check_enough();
}

static void on_guard(struct loop_timer *t)
{
    (void)t;
    fail_msg("what was waited for did not come");
}

static int set_up(void **state)
{
    (void)state;
    memset(&fix, 0, sizeof(fix));
    if (loop_new(&fix.loop, NULL) < 0)
        return -1;
    fix.guard.fire = on_guard;
    loop_timer_set(fix.loop, &fix.guard, loop_now_ms(fix.loop) + GUARD_MS);
    fake_start(&fix.fake, fix.loop);
    fix.fake.asked = on_ask;
    fix.status = RUNNING;
    fix.prefs = PREFS;
    fix.status_code = fix.prefs_code = fix.whois_code = 200;
    struct tailnet_options o = { str_from(fix.fake.path), STR(CAP), on_changed, &fix };
    fix.t = tailnet_new(fix.loop, &o);
    return 0;
}

static size_t count_fds(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static int tear_down(void **state)
{
    (void)state;
    tailnet_free(fix.t);
    fake_end(&fix.fake);
    loop_free(fix.loop);
    return 0;
}

static void run_until(bool (*enough)(void))
{
    fix.enough = enough;
    if (!enough())
        loop_run(fix.loop);
    fix.enough = NULL;
}

static void on_answer(void *ctx, const struct err *e, const struct tailnet_peer *peer)
{
    struct question *q = ctx;
    assert_int_equal(q->order, 0); /* once */
    q->order = ++fix.n_answers;
    q->kind = e->kind;
    memcpy(q->text, e->text, sizeof(q->text));
    assert_true((e->kind == ERR_NONE) == (peer != NULL));
    assert_true(e->kind == ERR_NONE || e->text[0]);
    if (peer) {
        memcpy(q->login, peer->login.p, peer->login.n);
        assert_true(str_eq(peer->capability, STR("[1]")));
    }
    check_enough();
}

static void ask(unsigned i)
{
    struct question *q = &fix.asked[i];
    unsigned before = fix.n_answers;
    (void)snprintf(q->address, sizeof(q->address), "127.0.0.1:%u", 1024 + i);
    tailnet_whois(fix.t, str_from(q->address), NULL, on_answer, q);
    assert_int_equal(fix.n_answers, before); /* never before it returns */
}

static bool one_change(void)
{
    return fix.n_changed >= 1;
}

static bool two_changes(void)
{
    return fix.n_changed >= 2;
}

static bool three_changes(void)
{
    return fix.n_changed >= 3;
}

static bool one_answer(void)
{
    return fix.n_answers >= 1;
}

static bool trouble_says(const char *words)
{
    struct str text = tailnet_trouble(fix.t);
    return str_find_str(text, str_from(words)) != STR_NPOS;
}

/* ---- the node ---- */

static void a_running_node_is_shown_with_its_control_server(void **state)
{
    (void)state;
    assert_null(tailnet_node(fix.t));
    assert_true(tailnet_trouble(fix.t).n > 0);
    run_until(one_change);
    const struct tailnet_node *node = tailnet_node(fix.t);
    assert_non_null(node);
    assert_true(node->running);
    assert_true(str_eq(node->name, STR("crates.rig.test")));
    assert_true(str_eq(node->control, STR("http://10.99.0.1:18080")));
    assert_int_equal(tailnet_trouble(fix.t).n, 0);
    assert_int_equal(fix.n_prefs, 1);
}

static bool is_third_status(void)
{
    return fix.n_status >= 3;
}

static void what_is_said_again_is_no_change(void **state)
{
    (void)state;
    fix.status = STATUS("Stopped", "nR1", "null"); /* asked each second */
    run_until(one_change);
    const struct tailnet_node *node = tailnet_node(fix.t);
    run_until(is_third_status);
    assert_int_equal(fix.n_changed, 1);
    assert_ptr_equal(tailnet_node(fix.t), node);
    assert_int_equal(fix.n_prefs, 0);
}

static void each_state_is_a_sentence_that_says_what_to_do(void **state)
{
    static const struct {
        const char *status, *words;
    } cases[] = {
        { "{\"BackendState\":\"NeedsLogin\",\"AuthURL\":\"https://l.test/a/1\"}",
            "tailscale up` on it, or open https://l.test/a/1" },
        { "{\"BackendState\":\"NeedsLogin\"}", "not logged in" },
        { "{\"BackendState\":\"NeedsLogin\",\"Self\":{\"ID\":\"n\",\"Expired\":true}}",
            "key of this node has expired" },
        { "{\"BackendState\":\"NeedsMachineAuth\"}", "approves" },
        { "{\"BackendState\":\"Stopped\"}", "`tailscale up`" },
        { "{\"BackendState\":\"Starting\"}", "starting" },
        { "{\"BackendState\":\"NoState\"}", "starting" },
        { "{\"BackendState\":\"Dreaming\"}", "Dreaming" },
        { STATUS("Running", "nR1", "null"), "no tailnet address yet" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        tailnet_free(fix.t);
        fix.n_changed = 0;
        fix.status = cases[i].status;
        struct tailnet_options o = { str_from(fix.fake.path), STR(CAP), on_changed, &fix };
        fix.t = tailnet_new(fix.loop, &o);
        run_until(one_change);
        assert_true(tailnet_node(fix.t) && !tailnet_node(fix.t)->running);
        if (!trouble_says(cases[i].words))
            fail_msg("%s: %s", cases[i].status, tailnet_trouble(fix.t).p);
    }
}

static void a_status_of_no_use_is_silence_with_a_reason(void **state)
{
    static const struct {
        unsigned code;
        const char *text, *words;
    } cases[] = {
        { 200, "{\"BackendState\":7}", "BackendState" },
        { 200, "<html>", "not clear" },
        { 403, "access denied", "403" },
        { 404, "not found", "404" },
        { 503, "{\"error\":\"backend not ready\"}", "503" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        tailnet_free(fix.t);
        fix.n_changed = 0;
        fix.status = cases[i].text;
        fix.status_code = cases[i].code;
        struct tailnet_options o = { str_from(fix.fake.path), STR(CAP), on_changed, &fix };
        fix.t = tailnet_new(fix.loop, &o);
        run_until(one_change);
        assert_null(tailnet_node(fix.t));
        if (!trouble_says(cases[i].words) || !trouble_says(fix.fake.path))
            fail_msg("%u: %s", cases[i].code, tailnet_trouble(fix.t).p);
    }
}

/* Who somebody is depends on it. */
static void a_node_whose_control_server_is_unknown_is_not_shown(void **state)
{
    (void)state;
    fix.prefs_code = 500;
    run_until(one_change);
    assert_null(tailnet_node(fix.t));
    assert_true(trouble_says("500"));
    fix.prefs_code = 200;
    run_until(two_changes);
    assert_true(tailnet_node(fix.t) && tailnet_node(fix.t)->running);
}

static void a_status_that_never_comes_is_silence(void **state)
{
    (void)state;
    fix.status = NULL;
    run_until(one_change);
    assert_null(tailnet_node(fix.t));
    assert_true(trouble_says("does not answer"));
    assert_int_equal(fix.n_status, 1);
}

static void no_socket_is_told_with_what_to_set(void **state)
{
    (void)state;
    fake_unlisten(&fix.fake);
    run_until(one_change);
    assert_null(tailnet_node(fix.t));
    assert_true(trouble_says("tailscale.socket"));
}

/* ---- restart ---- */

static void a_restart_is_seen_at_once_and_survived(void **state)
{
    (void)state;
    run_until(one_change);
    int64_t begun = clock_mono_ms();
    fake_unlisten(&fix.fake);
    ask(0);
    run_until(two_changes);
    assert_true(clock_mono_ms() - begun < TAILNET_POLL_MS / 2);
    assert_null(tailnet_node(fix.t));
    assert_int_equal(fix.asked[0].kind, ERR_BUSY);

    fake_listen(&fix.fake, 64);
    fix.prefs = "{\"ControlURL\":\"https://hs.corp.test\"}";
    run_until(three_changes);
    assert_true(str_eq(tailnet_node(fix.t)->control, STR("https://hs.corp.test")));
    fix.n_answers = 0;
    ask(1);
    run_until(one_answer);
    assert_int_equal(fix.asked[1].kind, ERR_NONE);
}

static void another_node_id_has_its_control_server_asked_anew(void **state)
{
    (void)state;
    run_until(one_change);
    fix.status = STATUS("Running", "nR2", "[\"100.64.0.1\"]");
    fix.prefs = "{\"ControlURL\":\"https://hs.corp.test\"}";
    fix.manner = HANG_UP; /* makes it look at once */
    ask(0);
    run_until(two_changes);
    assert_int_equal(fix.n_prefs, 2);
    assert_true(str_eq(tailnet_node(fix.t)->control, STR("https://hs.corp.test")));
}

/* ---- whois ---- */

static bool all_200(void)
{
    return fix.n_answers == 200;
}

static void two_hundred_are_asked_in_order_and_eight_at_a_time(void **state)
{
    (void)state;
    run_until(one_change);
    size_t fds = count_fds();
    for (unsigned i = 0; i < 200; i++)
        ask(i);
    run_until(all_200);
    assert_int_equal(count_fds(), fds);
    assert_true(fix.fake.n_open_max <= TAILNET_ASKS_MAX);
    for (unsigned i = 0; i < 200; i++) {
        assert_string_equal(fix.seen[i], fix.asked[i].address);
        assert_int_equal(fix.asked[i].kind, ERR_NONE);
        assert_string_equal(fix.asked[i].login, "of-127.0.0.1");
    }
}

static bool eight_are_held(void)
{
    return fix.n_whois == TAILNET_ASKS_MAX;
}

static void release_held(struct loop_timer *t)
{
    (void)t;
    assert_int_equal(fix.n_whois, TAILNET_ASKS_MAX); /* the ninth waits */
    fix.manner = PROMPT;
    while (fix.fake.first)
        reply_whois(fix.fake.first);
}

static void the_ninth_waits_until_one_is_answered(void **state)
{
    struct loop_timer later = { .fire = release_held };
    (void)state;
    run_until(one_change);
    fix.manner = HOLD;
    for (unsigned i = 0; i < 200; i++)
        ask(i);
    run_until(eight_are_held);
    loop_timer_set(fix.loop, &later, loop_now_ms(fix.loop) + 30);
    run_until(all_200);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(fix.asked[i].kind, ERR_NONE);
}

static bool all_20(void)
{
    return fix.n_answers == 20;
}

/* Also those that were never asked. */
static void a_hanging_tailscaled_is_waited_for_no_longer_than_the_deadline(void **state)
{
    (void)state;
    run_until(one_change);
    fix.manner = HOLD;
    int64_t begun = clock_mono_ms();
    for (unsigned i = 0; i < 20; i++)
        ask(i);
    run_until(all_20);
    int64_t took = clock_mono_ms() - begun;
    assert_true(took >= TAILNET_DEADLINE_MS - 100 && took < 2 * TAILNET_DEADLINE_MS);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(fix.asked[i].kind, ERR_BUSY);
    assert_int_equal(fix.n_whois, TAILNET_ASKS_MAX);
}

static void bad_answers_end_in_the_right_kind(void **state)
{
    static const struct {
        enum manner manner;
        unsigned code;
        enum err_kind kind;
    } cases[] = {
        { PROMPT, 200, ERR_NONE },
        { CHUNKED, 200, ERR_NONE },
        { PROMPT, 404, ERR_NOT_FOUND },
        { PROMPT, 403, ERR_INVALID },
        { PROMPT, 400, ERR_INVALID },
        { PROMPT, 302, ERR_INVALID },
        { PROMPT, 500, ERR_BUSY },
        { PROMPT, 503, ERR_BUSY },
        { HANG_UP, 200, ERR_BUSY },
        { CUT, 200, ERR_BUSY },
        { BROKEN, 200, ERR_INVALID },
        { FLOOD, 200, ERR_INVALID },
    };
    (void)state;
    run_until(one_change);
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        fix.n_answers = 0;
        fix.manner = cases[i].manner;
        fix.whois_code = cases[i].code;
        ask(i);
        run_until(one_answer);
        assert_int_equal(fix.asked[i].kind, cases[i].kind);
    }
}

static void ask_again(void *ctx, const struct err *e, const struct tailnet_peer *peer)
{
    fix.n_answers++;
    assert_int_equal(e->kind, ERR_NONE);
    assert_true(str_eq(peer->login, STR("of-100.64.0.7")));
    if (fix.n_again++ < 20)
        tailnet_whois(fix.t, STR("100.64.0.7"), NULL, ask_again, ctx);
    assert_true(str_eq(peer->login, STR("of-100.64.0.7")));
    check_enough();
}

static bool all_21(void)
{
    return fix.n_answers == 21;
}

static void an_answer_may_lead_to_the_next_question(void **state)
{
    (void)state;
    tailnet_whois(fix.t, STR("100.64.0.7"), NULL, ask_again, NULL);
    run_until(all_21);
}

static void an_address_is_escaped_in_the_question(void **state)
{
    (void)state;
    tailnet_whois(fix.t, STR("fd7a::7%e&x=1 \r\n"), NULL, on_answer, &fix.asked[0]);
    run_until(one_answer);
    assert_string_equal(fix.seen[0], "fd7a::7%25e%26x%3D1%20%0D%0A");
}

static bool the_rest_is_refused(void)
{
    return fix.n_answers == ASKS_MAX - TAILNET_WAITING_MAX - TAILNET_ASKS_MAX;
}

static bool all_of_them(void)
{
    return fix.n_answers == ASKS_MAX;
}

static void too_many_are_refused_at_once_but_not_before_the_call_returns(void **state)
{
    (void)state;
    run_until(one_change);
    fix.manner = HOLD;
    for (unsigned i = 0; i < ASKS_MAX; i++)
        ask(i);
    run_until(the_rest_is_refused);
    assert_int_equal(fix.asked[ASKS_MAX - 1].kind, ERR_BUSY);
    assert_int_equal(fix.asked[TAILNET_WAITING_MAX + TAILNET_ASKS_MAX - 1].order, 0);
    tailnet_free(fix.t);
    fix.t = NULL;
    assert_true(all_of_them());
}

static void ask_when_stopping(void *ctx, const struct err *e, const struct tailnet_peer *peer)
{
    assert_true(e->kind == ERR_BUSY && !peer);
    fix.n_answers++;
    if (fix.n_again++ < 3)
        tailnet_whois(fix.t, STR("100.64.0.7"), NULL, ask_when_stopping, ctx);
}

static void the_end_answers_every_open_question(void **state)
{
    (void)state;
    run_until(one_change);
    size_t fds = count_fds();
    fix.manner = HOLD;
    for (unsigned i = 0; i < 20; i++)
        ask(i);
    tailnet_whois(fix.t, STR("100.64.0.7"), NULL, ask_when_stopping, NULL);
    run_until(eight_are_held);
    tailnet_free(fix.t);
    fix.t = NULL;
    assert_int_equal(fix.n_answers, 24);
    while (fix.fake.first)
        fake_hang_up(fix.fake.first);
    assert_true(count_fds() <= fds);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(fix.asked[i].kind, ERR_BUSY);
}

static void the_default_places_are_of_sockets_only(void **state)
{
    (void)state;
    struct str found = tailnet_find_socket();
    struct stat st;
    assert_true(found.n == 0 || (stat(found.p, &st) == 0 ? S_ISSOCK(st.st_mode) : errno == EACCES));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_running_node_is_shown_with_its_control_server),
        TEST(what_is_said_again_is_no_change),
        TEST(each_state_is_a_sentence_that_says_what_to_do),
        TEST(a_status_of_no_use_is_silence_with_a_reason),
        TEST(a_node_whose_control_server_is_unknown_is_not_shown),
        TEST(a_status_that_never_comes_is_silence),
        TEST(no_socket_is_told_with_what_to_set),
        TEST(a_restart_is_seen_at_once_and_survived),
        TEST(another_node_id_has_its_control_server_asked_anew),
        TEST(two_hundred_are_asked_in_order_and_eight_at_a_time),
        TEST(the_ninth_waits_until_one_is_answered),
        TEST(a_hanging_tailscaled_is_waited_for_no_longer_than_the_deadline),
        TEST(bad_answers_end_in_the_right_kind),
        TEST(an_answer_may_lead_to_the_next_question),
        TEST(an_address_is_escaped_in_the_question),
        TEST(too_many_are_refused_at_once_but_not_before_the_call_returns),
        TEST(the_end_answers_every_open_question),
        TEST(the_default_places_are_of_sockets_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
