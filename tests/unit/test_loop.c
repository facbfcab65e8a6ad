/* loop: timers, descriptors, the end of a turn, signals. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "loop.h"

static struct loop *loop;
static char trace[64];

static void setup(void)
{
    loop = loop_new();
    trace[0] = '\0';
}

static void teardown(void)
{
    loop_free(&loop);
}

static void note(char what)
{
    for (size_t i = 0; i + 1 < sizeof trace; i++)
        if (trace[i] == '\0') {
            trace[i] = what;
            trace[i + 1] = '\0';
            return;
        }
}

static void note_arg(void *arg)
{
    note(*(const char *)arg);
}

static void note_and_stop(void *arg)
{
    note(*(const char *)arg);
    loop_stop(loop);
}

START_TEST(timers_come_in_the_order_of_their_times)
{
    struct loop_timer *late = loop_timer_new(loop, note_and_stop, "c");
    struct loop_timer *early = loop_timer_new(loop, note_arg, "a");
    struct loop_timer *middle = loop_timer_new(loop, note_arg, "b");
    struct loop_timer *cleared = loop_timer_new(loop, note_arg, "x");
    int64_t before = clock_monotonic_us();
    loop_timer_set(early, -5, 0); /* the past is now */
    loop_timer_set(middle, 10000, 0);
    loop_timer_set(late, 20000, 0);
    loop_timer_set(cleared, 5000, 0);
    loop_timer_clear(cleared);
    loop_run(loop);
    ck_assert_int_ge(clock_monotonic_us() - before, 20000);
    ck_assert_str_eq(trace, "abc");
    loop_timer_free(&late);
    loop_timer_free(&early);
    loop_timer_free(&middle);
    loop_timer_free(&cleared);
    ck_assert_ptr_null(late);
}
END_TEST

START_TEST(setting_a_timer_again_replaces_the_first_setting)
{
    struct loop_timer *timer = loop_timer_new(loop, note_arg, "a");
    struct loop_timer *end = loop_timer_new(loop, note_and_stop, "e");
    loop_timer_set(timer, 1000, 0);
    loop_timer_set(timer, 2000, 0);
    loop_timer_set(end, 30000, 0);
    loop_run(loop);
    ck_assert_str_eq(trace, "ae");
    loop_timer_free(&timer);
    loop_timer_free(&end);
}
END_TEST

static struct loop_timer *repeating;

static void clear_at_the_third(void *arg)
{
    note_arg(arg);
    if (trace[2] == '\0')
        return;
    loop_timer_clear(repeating);
    loop_stop(loop);
}

START_TEST(a_repeating_timer_repeats_until_cleared)
{
    repeating = loop_timer_new(loop, clear_at_the_third, "r");
    loop_timer_set(repeating, 1000, 1000);
    loop_run(loop);
    ck_assert_str_eq(trace, "rrr");
    struct loop_timer *end = loop_timer_new(loop, note_and_stop, "e");
    loop_timer_set(end, 5000, 0);
    loop_run(loop);
    ck_assert_str_eq(trace, "rrre");
    loop_timer_free(&repeating);
    loop_timer_free(&end);
}
END_TEST

static void on_readable(void *arg, int fd, int events)
{
    char byte = 0;
    (void)arg;
    ck_assert_int_eq(events, LOOP_READ);
    ck_assert_int_eq(read(fd, &byte, 1), 1);
    note(byte);
    if (byte == 'z')
        loop_stop(loop);
}

static void on_writable(void *arg, int fd, int events)
{
    struct loop_io **self = arg;
    ck_assert_int_eq(events, LOOP_WRITE);
    ck_assert_int_eq(write(fd, "yz", 2), 2);
    loop_io_change(*self, 0);
}

START_TEST(descriptors_are_watched_for_what_was_asked)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    struct loop_io *in = loop_io_new(loop, ends[0], LOOP_READ, on_readable, NULL);
    struct loop_io *out = NULL;
    out = loop_io_new(loop, ends[1], LOOP_WRITE, on_writable, &out);
    loop_run(loop);
    ck_assert_str_eq(trace, "yz");
    loop_io_free(&in);
    loop_io_free(&out);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

static struct loop_timer *end_timer;

static void work_then_end(void *arg)
{
    note_arg(arg);
    loop_timer_set(end_timer, 0, 0);
}

START_TEST(prepare_comes_after_a_turns_work_and_before_the_sleep)
{
    struct loop_prepare *prepare = loop_prepare_new(loop, note_arg, "p");
    struct loop_timer *work = loop_timer_new(loop, work_then_end, "w");
    end_timer = loop_timer_new(loop, note_and_stop, "e");
    loop_timer_set(work, 0, 0);
    loop_run(loop);
    ck_assert_str_eq(trace, "pwpe");
    loop_prepare_free(&prepare);
    loop_timer_free(&work);
    loop_timer_free(&end_timer);
}
END_TEST

START_TEST(prepares_come_in_the_order_in_which_they_were_made)
{
    struct loop_prepare *first = loop_prepare_new(loop, note_arg, "1");
    struct loop_prepare *second = loop_prepare_new(loop, note_arg, "2");
    struct loop_prepare *third = loop_prepare_new(loop, note_and_stop, "3");
    struct loop_timer *work = loop_timer_new(loop, note_arg, "w");
    loop_timer_set(work, 0, 0);
    loop_prepare_free(&second);
    second = loop_prepare_new(loop, note_arg, "4");
    loop_run(loop);
    ck_assert_str_eq(trace, "134");
    loop_prepare_free(&first);
    loop_prepare_free(&second);
    loop_prepare_free(&third);
    loop_timer_free(&work);
}
END_TEST

START_TEST(a_stop_before_the_run_is_not_forgotten)
{
    struct loop_timer *timer = loop_timer_new(loop, note_arg, "x");
    loop_timer_set(timer, 0, 0);
    loop_stop(loop);
    loop_run(loop);
    ck_assert_str_eq(trace, "");
    loop_timer_free(&timer);
}
END_TEST

static void on_signal(void *arg)
{
    note('s');
    if (++*(int *)arg == 2)
        loop_stop(loop);
    else
        raise(SIGINT);
}

START_TEST(stop_signals_call_the_handler)
{
    int seen = 0;
    loop_on_stop_signal(loop, on_signal, &seen);
    raise(SIGTERM);
    loop_run(loop);
    ck_assert_str_eq(trace, "ss");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop");
    TCase *tcase = tcase_create("loop");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, timers_come_in_the_order_of_their_times);
    tcase_add_test(tcase, setting_a_timer_again_replaces_the_first_setting);
    tcase_add_test(tcase, a_repeating_timer_repeats_until_cleared);
    tcase_add_test(tcase, descriptors_are_watched_for_what_was_asked);
    tcase_add_test(tcase, prepare_comes_after_a_turns_work_and_before_the_sleep);
    tcase_add_test(tcase, prepares_come_in_the_order_in_which_they_were_made);
    tcase_add_test(tcase, a_stop_before_the_run_is_not_forgotten);
    tcase_add_test(tcase, stop_signals_call_the_handler);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
