#include "time_in.h"

#include <check.h>

#include "clock.h"

START_TEST(a_time_is_read_to_the_microsecond)
{
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.000001Z", 1},
        {"2026-11-22T09:21:16.123Z", 1795339276123000},
        {"2026-11-22T09:21:16.1239999Z", 1795339276123999},
        {"2026-11-22T10:21:16.123+01:00", 1795339276123000},
        {"2026-11-22T03:51:16.123-05:30", 1795339276123000},
        {"2024-02-29T23:59:59Z", 1709251199000000},
        {"2000-02-29T00:00:00Z", 951782400000000},
        {"9999-12-31T23:59:59.999999Z", 253402300799999999},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t us = -1;
        ck_assert_msg(time_in_parse(cases[i].text, &us), "%s", cases[i].text);
        ck_assert_msg(us == cases[i].us, "%s is %lld", cases[i].text, (long long)us);
    }
}
END_TEST

START_TEST(what_clock_writes_is_read_back)
{
    for (int64_t us = 951782400123000; us < 4000000000000000; us += 86399999000) {
        char text[CLOCK_TEXT_MAX];
        int64_t back = 0;
        ck_assert(time_in_parse(clock_format(us, text), &back));
        ck_assert_int_eq(back, us);
    }
}
END_TEST

START_TEST(anything_else_is_no_time)
{
    static const char *const cases[] = {
        "",
        "now",
        "2026-11-22",
        "2026-11-22T09:21Z",
        "2026-11-22T09:21:16",
        "2026-11-22 09:21:16Z",
        "2026-11-22t09:21:16Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T09:60:00Z",
        "2026-11-22T09:21:60Z",
        "1969-12-31T23:59:59Z",
        "2026-11-22T09:21:16.Z",
        "2026-11-22T09:21:16.1234567890Z",
        "2026-11-22T09:21:16+0100",
        "2026-11-22T09:21:16+24:00",
        "2026-11-22T09:21:16Z ",
        "+026-11-22T09:21:16Z",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t us = -1;
        ck_assert_msg(!time_in_parse(cases[i], &us), "%s", cases[i]);
        ck_assert_int_eq(us, -1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("time_in");
    TCase *tests = tcase_create("time_in");
    tcase_add_test(tests, a_time_is_read_to_the_microsecond);
    tcase_add_test(tests, what_clock_writes_is_read_back);
    tcase_add_test(tests, anything_else_is_no_time);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
