#include "base.h"
#include "check_main.h"
#include "latency.h"

START_TEST(percentiles_are_values_that_occurred)
{
    struct latency latency = {0};
    ck_assert_uint_eq(latency_percentile_us(&latency, 50), 0);
    for (int i = 1000; i > 0; i--)
        latency_add(&latency, i);
    static const struct {
        double percent;
        uint32_t value_us;
    } table[] = {{0, 1}, {0.05, 1}, {50, 500}, {95, 950}, {99, 990}, {99.9, 999}, {99.95, 1000}, {100, 1000}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(table); i++)
        ck_assert_uint_eq(latency_percentile_us(&latency, table[i].percent), table[i].value_us);
    latency_add(&latency, 5000); /* after sorting */
    ck_assert_uint_eq(latency_percentile_us(&latency, 100), 5000);
    latency_release(&latency);
}
END_TEST

START_TEST(values_out_of_range_are_clamped)
{
    struct latency latency = {0};
    latency_add(&latency, -1);
    latency_add(&latency, INT64_MAX);
    ck_assert_uint_eq(latency_percentile_us(&latency, 0), 0);
    ck_assert_uint_eq(latency_percentile_us(&latency, 100), UINT32_MAX);
    latency_release(&latency);
}
END_TEST

START_TEST(merging_keeps_every_value)
{
    struct latency all = {0}, part = {0};
    latency_merge(&all, &part);
    for (int i = 0; i < 20000; i++)
        latency_add(i % 2 ? &all : &part, i);
    latency_merge(&all, &part);
    ck_assert_uint_eq(all.count, 20000);
    ck_assert_uint_eq(latency_percentile_us(&all, 50), 9999);
    latency_release(&all);
    latency_release(&part);
}
END_TEST

CHECK_MAIN("latency", tcase_add_test(cases, percentiles_are_values_that_occurred);
           tcase_add_test(cases, values_out_of_range_are_clamped); tcase_add_test(cases, merging_keeps_every_value);)
