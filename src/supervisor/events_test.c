#include "supervisor/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/attr.h"

#include <sys/eventfd.h>

static int64_t fake_now;
static int64_t read_fake(void)
{
    return fake_now;
}

struct tick {
    struct timer timer;
    struct events *ev;
    int fired;
    int64_t again_ms; /* -1: not */
};

static void ticked(struct timer *t)
{
    struct tick *k = CONTAINER_OF(t, struct tick, timer);
    k->fired++;
    timer_arm(k->ev, t, k->again_ms);
}

static void open_faked(struct events *ev)
{
    struct err e = ERR_INIT;
    assert_int_equal(events_open(ev, &e), 0);
    fake_now = 1000;
    ev->now_ms = read_fake;
}

static void timers_fire_in_order_of_time_and_once(void **state)
{
    (void)state;
    struct events ev;
    open_faked(&ev);
    struct tick late = { { .fire = ticked }, &ev, 0, -1 }, early = late;
    timer_arm(&ev, &late.timer, 20);
    timer_arm(&ev, &early.timer, 10);
    assert_ptr_equal(ev.timers.next, &early.timer);
    fake_now += 10;
    events_round(&ev, 0);
    assert_int_equal(early.fired, 1);
    assert_int_equal(late.fired, 0);
    fake_now += 10;
    events_round(&ev, 0);
    events_round(&ev, 0);
    assert_int_equal(early.fired, 1);
    assert_int_equal(late.fired, 1);
    events_close(&ev);
}

static void a_timer_armed_anew_replaces_its_first_time(void **state)
{
    (void)state;
    struct events ev;
    open_faked(&ev);
    struct tick k = { { .fire = ticked }, &ev, 0, -1 };
    timer_arm(&ev, &k.timer, 5);
    timer_arm(&ev, &k.timer, 50);
    fake_now += 10;
    events_round(&ev, 0);
    assert_int_equal(k.fired, 0);
    timer_arm(&ev, &k.timer, -1);
    assert_false(k.timer.armed);
    events_close(&ev);
}

static void a_timer_that_comes_back_at_once_lets_the_loop_go_on(void **state)
{
    (void)state;
    struct events ev;
    open_faked(&ev);
    struct tick k = { { .fire = ticked }, &ev, 0, 0 };
    timer_arm(&ev, &k.timer, 0);
    events_round(&ev, 0);
    assert_int_equal(k.fired, 1);
    events_round(&ev, 0);
    assert_int_equal(k.fired, 2);
    timer_stop(&k.timer);
    events_close(&ev);
}

struct pair {
    struct watch a, b;
    struct events *ev;
    int calls;
};

static void first_closes_both(struct watch *w, uint32_t what)
{
    (void)w;
    (void)what;
    struct pair *p = CONTAINER_OF(w, struct pair, a);
    p->calls++;
    watch_remove(p->ev, &p->a);
    watch_remove(p->ev, &p->b);
}

static void second_closes_both(struct watch *w, uint32_t what)
{
    (void)what;
    struct pair *p = CONTAINER_OF(w, struct pair, b);
    p->calls++;
    watch_remove(p->ev, &p->a);
    watch_remove(p->ev, &p->b);
}

static void a_watch_removed_in_a_round_is_not_called_in_it(void **state)
{
    (void)state;
    struct events ev;
    open_faked(&ev);
    struct err e = ERR_INIT;
    struct pair p = { .a = { first_closes_both, eventfd(1, EFD_CLOEXEC), false },
        .b = { second_closes_both, eventfd(1, EFD_CLOEXEC), false },
        .ev = &ev };
    assert_int_equal(watch_add(&ev, &p.a, EPOLLIN, &e), 0);
    assert_int_equal(watch_add(&ev, &p.b, EPOLLIN, &e), 0);
    events_round(&ev, 0);
    assert_int_equal(p.calls, 1);
    attr_close(&p.a.fd);
    attr_close(&p.b.fd);
    events_close(&ev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_of_time_and_once),
        cmocka_unit_test(a_timer_armed_anew_replaces_its_first_time),
        cmocka_unit_test(a_timer_that_comes_back_at_once_lets_the_loop_go_on),
        cmocka_unit_test(a_watch_removed_in_a_round_is_not_called_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
