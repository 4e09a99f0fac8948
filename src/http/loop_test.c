#include "http/loop.h"

#include "base/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cmocka.h>

#define TIMERS 50

struct fixture {
    struct loop *loop;
    struct loop_timer timers[TIMERS];
    struct loop_timer last;
    struct loop_task task, second;
    struct loop_io io[2];
    int64_t fired[TIMERS];
    size_t n_fired, n_tasks, n_ready;
    bool again;
};

static struct fixture fix;

static int set_up(void **state)
{
    (void)state;
    memset(&fix, 0, sizeof(fix));
    return loop_new(&fix.loop, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(fix.loop);
    return 0;
}

static void note(struct loop_timer *t)
{
    fix.fired[fix.n_fired++] = t->due_ms;
}

static void stop_timer(struct loop_timer *t)
{
    (void)t;
    loop_stop(fix.loop);
}

static void stop_at(int64_t ms)
{
    fix.last.fire = stop_timer;
    loop_timer_set(fix.loop, &fix.last, ms);
}

static void timers_fire_in_order(void **state)
{
    int64_t now = loop_now_ms(fix.loop);
    (void)state;
    for (size_t i = 0; i < TIMERS; i++) {
        fix.timers[i].fire = note;
        loop_timer_set(fix.loop, &fix.timers[i], now - (int64_t)((i * 37) % TIMERS));
    }
    for (size_t i = 0; i < TIMERS; i += 5)
        loop_timer_cancel(fix.loop, &fix.timers[i]);
    for (size_t i = 1; i < TIMERS; i += 5)
        loop_timer_set(fix.loop, &fix.timers[i], now - 1000 + (int64_t)i);
    stop_at(now + 1);
    loop_run(fix.loop);
    assert_int_equal(fix.n_fired, TIMERS - TIMERS / 5);
    for (size_t i = 1; i < fix.n_fired; i++)
        assert_true(fix.fired[i - 1] <= fix.fired[i]);
}

static void set_again(struct loop_timer *t)
{
    fix.n_fired++;
    loop_timer_set(fix.loop, t, loop_now_ms(fix.loop));
}

static void a_timer_set_again_for_now_does_not_hold_the_loop(void **state)
{
    (void)state;
    fix.timers[0].fire = set_again;
    loop_timer_set(fix.loop, &fix.timers[0], 0);
    stop_at(loop_now_ms(fix.loop) + 2);
    loop_run(fix.loop);
    assert_true(fix.n_fired >= 1);
}

static void count_task(struct loop_task *t)
{
    fix.n_tasks++;
    if (fix.n_tasks < 3)
        loop_defer(fix.loop, t);
    else
        loop_stop(fix.loop);
}

static void a_task_deferred_twice_runs_once_a_turn(void **state)
{
    (void)state;
    fix.task.run = count_task;
    loop_defer(fix.loop, &fix.task);
    loop_defer(fix.loop, &fix.task);
    loop_run(fix.loop);
    assert_int_equal(fix.n_tasks, 3);
}

static void remove_both(struct loop_io *io, uint32_t events)
{
    (void)io;
    assert_true(events & EPOLLIN);
    fix.n_ready++;
    loop_remove(fix.loop, &fix.io[0]);
    loop_remove(fix.loop, &fix.io[1]);
}

static void no_event_comes_after_remove(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        fix.io[i] = (struct loop_io){ eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), remove_both };
        assert_int_equal(loop_add(fix.loop, &fix.io[i], EPOLLIN, NULL), 0);
    }
    stop_at(loop_now_ms(fix.loop) + 2);
    loop_run(fix.loop);
    assert_int_equal(fix.n_ready, 1);
    close(fix.io[0].fd);
    close(fix.io[1].fd);
}

static void the_date_is_that_of_the_turn(void **state)
{
    char want[CLOCK_HTTP_LEN + 1];
    (void)state;
    clock_format_http(loop_wall_s(fix.loop), want);
    assert_string_equal(loop_http_date(fix.loop), want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_timer_set_again_for_now_does_not_hold_the_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_task_deferred_twice_runs_once_a_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_event_comes_after_remove, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_date_is_that_of_the_turn, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
