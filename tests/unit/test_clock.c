#include <string.h>
#include <time.h>

#include "base.h"
#include "check_main.h"
#include "clock.h"

START_TEST(times_are_rfc_3339_with_milliseconds)
{
    static const struct {
        int64_t us;
        const char *text;
    } table[] = {{0, "1970-01-01T00:00:00.000Z"},
                 {999, "1970-01-01T00:00:00.000Z"},
                 {1000, "1970-01-01T00:00:00.001Z"},
                 {-1, "1969-12-31T23:59:59.999Z"},
                 {INT64_C(1795339276123456), "2026-11-22T09:21:16.123Z"},
                 {INT64_C(951782400000000), "2000-02-29T00:00:00.000Z"},
                 {INT64_C(951868799999999), "2000-02-29T23:59:59.999Z"},
                 {INT64_C(4107542400000000), "2100-03-01T00:00:00.000Z"},
                 {INT64_C(253402300799999999), "9999-12-31T23:59:59.999Z"},
                 {INT64_MAX, "294247-01-10T04:00:54.775Z"},
                 {INT64_MIN, "-290308-12-21T19:59:05.224Z"}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(table); i++) {
        char text[CLOCK_TEXT_MAX];
        ck_assert_str_eq(clock_format(table[i].us, text), table[i].text);
    }
}
END_TEST

START_TEST(dates_agree_with_the_c_library)
{
    for (int64_t second = -3000000000; second < 9000000000; second += 7654321) {
        char text[CLOCK_TEXT_MAX], expected[CLOCK_TEXT_MAX];
        time_t time_value = (time_t)second;
        struct tm parts;
        ck_assert_ptr_nonnull(gmtime_r(&time_value, &parts));
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.042Z", &parts);
        ck_assert_str_eq(clock_format(second * 1000000 + 42000, text), expected);
    }
}
END_TEST

START_TEST(clocks_do_not_go_back)
{
    int64_t wall = clock_now_us(), monotonic = clock_monotonic_us();
    for (int i = 0; i < 10000; i++) {
        int64_t wall_next = clock_now_us(), monotonic_next = clock_monotonic_us();
        check_quick(wall_next >= wall);
        check_quick(monotonic_next >= monotonic);
        wall = wall_next;
        monotonic = monotonic_next;
    }
    ck_assert_int_gt(wall, INT64_C(1700000000000000)); /* microseconds, not milliseconds or nanoseconds */
    ck_assert_int_lt(wall, INT64_C(10000000000000000));
}
END_TEST

CHECK_MAIN("clock", tcase_add_test(cases, times_are_rfc_3339_with_milliseconds);
           tcase_add_test(cases, dates_agree_with_the_c_library); tcase_add_test(cases, clocks_do_not_go_back);)
