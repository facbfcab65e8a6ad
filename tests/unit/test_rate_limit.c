#include "rate_limit.h"

#include <stdio.h>

#include "check_main.h"

START_TEST(a_burst_passes_and_then_the_rate)
{
    struct rate_limit *limit = rate_limit_new(10);
    int64_t now = 5000000;
    for (int i = 0; i < 20; i++)
        ck_assert(rate_limit_take(limit, "10.0.0.1", now));
    ck_assert(!rate_limit_take(limit, "10.0.0.1", now));
    ck_assert(rate_limit_take(limit, "10.0.0.2", now)); /* another client has its own */
    int passed = 0;
    for (int i = 0; i < 1000; i++) {
        now += 1000;
        passed += rate_limit_take(limit, "10.0.0.1", now);
    }
    ck_assert_int_eq(passed, 10);
    rate_limit_free(&limit);
}
END_TEST

START_TEST(a_rest_fills_the_bucket_and_no_more)
{
    struct rate_limit *limit = rate_limit_new(10);
    int64_t now = 0;
    ck_assert(rate_limit_take(limit, "::1", now));
    now += INT64_C(86400) * 1000000 * 365;
    int passed = 0;
    for (int i = 0; i < 100; i++)
        passed += rate_limit_take(limit, "::1", now);
    ck_assert_int_eq(passed, 20);
    rate_limit_free(&limit);
}
END_TEST

START_TEST(more_addresses_than_places_are_no_trouble)
{
    struct rate_limit *limit = rate_limit_new(1);
    char address[32];
    for (int i = 0; i < 20000; i++) {
        (void)snprintf(address, sizeof address, "10.%d.%d.1", i / 250, i % 250);
        check_quick(rate_limit_take(limit, address, 0));
    }
    rate_limit_free(&limit);
}
END_TEST

START_TEST(what_is_left_is_told)
{
    struct rate_limit *limit = rate_limit_new(10);
    struct rate_limit_left left = rate_limit_look(limit, "10.0.0.1");
    ck_assert_int_eq(left.remaining, 20);
    ck_assert_int_eq(left.reset_s, 0);
    ck_assert(rate_limit_take(limit, "10.0.0.1", 1000));
    left = rate_limit_look(limit, "10.0.0.1");
    ck_assert_int_eq(left.burst, 20);
    ck_assert_int_eq(left.remaining, 19);
    ck_assert_int_eq(left.reset_s, 1);
    while (rate_limit_take(limit, "10.0.0.1", 1000))
        ;
    left = rate_limit_look(limit, "10.0.0.1");
    ck_assert_int_eq(left.remaining, 0);
    ck_assert_int_eq(left.reset_s, 2);
    ck_assert(rate_limit_take(limit, "10.0.0.1", 1001000));
    ck_assert_int_eq(rate_limit_look(limit, "10.0.0.1").remaining, 9);
    rate_limit_free(&limit);
}
END_TEST

CHECK_MAIN("rate_limit", tcase_add_test(cases, what_is_left_is_told);
           tcase_add_test(cases, a_burst_passes_and_then_the_rate);
           tcase_add_test(cases, a_rest_fills_the_bucket_and_no_more);
           tcase_add_test(cases, more_addresses_than_places_are_no_trouble);)
