#include "fleet.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "heartbeats.h"
#include "metrics_text.h"

#define SECOND 1000000LL

static struct fleet fleet;

static void reset(void)
{
    fleet_release(&fleet);
}

static void hear(const char *actor, const char *instance, const char *state, int64_t now_us)
{
    struct heartbeat heartbeat;
    heartbeat_init(&heartbeat, actor, instance, state);
    fleet_hear(&fleet, &heartbeat.base, now_us);
}

START_TEST(an_actor_is_ready_while_its_heartbeat_is_fresh)
{
    hear("balance", "1", "STANDBY", 100 * SECOND);
    ck_assert_ptr_null(fleet_ready(&fleet, "balance", 100 * SECOND));
    hear("balance", "2", "READY", 100 * SECOND);
    ck_assert_str_eq(fleet_ready(&fleet, "balance", 101 * SECOND)->heartbeat->instance, "2");
    ck_assert_ptr_null(fleet_ready(&fleet, "simfill", 101 * SECOND));
    ck_assert_ptr_nonnull(fleet_ready(&fleet, "balance", 100 * SECOND + FLEET_STALE_US - 1));
    ck_assert_ptr_null(fleet_ready(&fleet, "balance", 100 * SECOND + FLEET_STALE_US));
    ck_assert_str_eq(fleet_state(&fleet.members[1], 100 * SECOND + FLEET_STALE_US), "DOWN");
}
END_TEST

START_TEST(a_silent_member_is_forgotten_after_ten_seconds)
{
    hear("balance", "1", "READY", 100 * SECOND);
    hear("simfill", "1", "READY", 105 * SECOND);
    fleet_forget(&fleet, 100 * SECOND + FLEET_FORGET_US);
    ck_assert_uint_eq(fleet.count, 2);
    fleet_forget(&fleet, 100 * SECOND + FLEET_FORGET_US + 1);
    ck_assert_uint_eq(fleet.count, 1);
    ck_assert_str_eq(fleet.members[0].heartbeat->actor, "simfill");
}
END_TEST

START_TEST(a_restarted_instance_takes_its_own_place_and_the_number_is_bounded)
{
    hear("balance", "1", "READY", 100 * SECOND);
    hear("balance", "1", "RECOVER", 101 * SECOND);
    ck_assert_uint_eq(fleet.count, 1);
    for (int i = 0; i < FLEET_MEMBERS_MAX + 5; i++) {
        char instance[16];
        snprintf(instance, sizeof(instance), "%d", i);
        hear("gateway", instance, "READY", 101 * SECOND);
    }
    ck_assert_uint_eq(fleet.count, FLEET_MEMBERS_MAX);
    hear("balance", "1", "READY", 102 * SECOND); /* those that are known are still heard */
    ck_assert_ptr_nonnull(fleet_ready(&fleet, "balance", 102 * SECOND));
}
END_TEST

START_TEST(actors_are_listed_as_the_api_says)
{
    hear("simfill", "1", "READY", 100 * SECOND);
    hear("balance", "1", "READY", 90 * SECOND + 1);
    hear("balance", "1", "READY", 98 * SECOND);
    struct text text = {0};
    struct json_out out;
    json_out_init(&out, &text);
    json_out_begin(&out, NULL);
    fleet_write(&fleet, &out, 100 * SECOND);
    json_out_end(&out);
    ck_assert_str_eq(text.bytes, "{\"actors\":[{\"name\":\"balance\",\"instance\":\"1\",\"region\":\"nl-1\",\"az\":"
                                 "\"nl-1a\",\"state\":\"DOWN\",\"pid\":4711,"
                                 "\"restarts\":2,\"lag\":5},{\"name\":\"simfill\",\"instance\":\"1\",\"region\":\"nl-"
                                 "1\",\"az\":\"nl-1a\",\"state\":\"READY\","
                                 "\"pid\":4711,\"restarts\":2,\"lag\":5}]}");
    text_release(&text);
}
END_TEST

START_TEST(metrics_are_merged_into_one_valid_text)
{
    double bounds[] = {0.0001, 0.5};
    uint64_t buckets[] = {3, 4, 1};
    struct heartbeat simfill, balance, gone;
    heartbeat_init(&simfill, "simfill", "1", "READY");
    heartbeat_add(&simfill, TB__METRIC__KIND__GAUGE, "tb_queue_depth", "link=\"orders-stage\"", "Records waiting", 7);
    Tb__Metric *histogram =
        heartbeat_add(&simfill, TB__METRIC__KIND__HISTOGRAM, "tb_fill_seconds", "", "Order to fill", 1.25);
    histogram->bounds = bounds;
    histogram->n_bounds = 2;
    histogram->buckets = buckets;
    histogram->n_buckets = 3;
    heartbeat_add(&simfill, TB__METRIC__KIND__GAUGE, "tb_queue_depth", "link=\"orders-stage\"", "twice", 8);
    heartbeat_add(&simfill, TB__METRIC__KIND__GAUGE, "9tb bad", "", "no name", 8);
    heartbeat_init(&balance, "balance", "b\"1", "READY");
    heartbeat_add(&balance, TB__METRIC__KIND__GAUGE, "tb_queue_depth", "link=\"outbox-stage\"",
                  "Waiting \\ here\nand there", 2.5);
    heartbeat_add(&balance, TB__METRIC__KIND__COUNTER, "tb_zero_total", "", "", 0);
    heartbeat_init(&gone, "persona", "1", "READY");
    heartbeat_add(&gone, TB__METRIC__KIND__COUNTER, "tb_stale_total", "", "stale", 1);
    fleet_hear(&fleet, &gone.base, 95 * SECOND);
    fleet_hear(&fleet, &simfill.base, 100 * SECOND);
    fleet_hear(&fleet, &balance.base, 100 * SECOND);
    struct text text = {0};
    metrics_text_write(&fleet, 100 * SECOND, &text);
    ck_assert_str_eq(
        text.bytes,
        "# HELP tb_actor_lag Records known to exist upstream and not yet handled\n# TYPE tb_actor_lag gauge\n"
        "tb_actor_lag{actor=\"balance\",instance=\"b\\\"1\"} 5\ntb_actor_lag{actor=\"persona\",instance=\"1\"} 5\n"
        "tb_actor_lag{actor=\"simfill\",instance=\"1\"} 5\n"
        "# HELP tb_actor_restarts Times the supervisor started the actor again\n# TYPE tb_actor_restarts gauge\n"
        "tb_actor_restarts{actor=\"balance\",instance=\"b\\\"1\"} "
        "2\ntb_actor_restarts{actor=\"persona\",instance=\"1\"} 2\n"
        "tb_actor_restarts{actor=\"simfill\",instance=\"1\"} 2\n"
        "# HELP tb_fill_seconds Order to fill\n# TYPE tb_fill_seconds histogram\n"
        "tb_fill_seconds_bucket{actor=\"simfill\",instance=\"1\",le=\"0.0001\"} 3\n"
        "tb_fill_seconds_bucket{actor=\"simfill\",instance=\"1\",le=\"0.5\"} 7\n"
        "tb_fill_seconds_bucket{actor=\"simfill\",instance=\"1\",le=\"+Inf\"} 8\n"
        "tb_fill_seconds_sum{actor=\"simfill\",instance=\"1\"} "
        "1.25\ntb_fill_seconds_count{actor=\"simfill\",instance=\"1\"} 8\n"
        "# HELP tb_queue_depth Waiting \\\\ here\\nand there\n# TYPE tb_queue_depth gauge\n"
        "tb_queue_depth{actor=\"balance\",instance=\"b\\\"1\",link=\"outbox-stage\"} 2.5\n"
        "tb_queue_depth{actor=\"simfill\",instance=\"1\",link=\"orders-stage\"} 7\n"
        "# HELP tb_up 1 when the actor is READY, 0 when it is not or was not heard of\n# TYPE tb_up gauge\n"
        "tb_up{actor=\"balance\",instance=\"b\\\"1\"} 1\ntb_up{actor=\"persona\",instance=\"1\"} 0\n"
        "tb_up{actor=\"simfill\",instance=\"1\"} 1\n"
        "# TYPE tb_zero_total counter\ntb_zero_total{actor=\"balance\",instance=\"b\\\"1\"} 0\n");
    text_release(&text);
}
END_TEST

START_TEST(sums_leave_out_the_stale)
{
    struct heartbeat one, two;
    heartbeat_init(&one, "sequencer", "1", "READY");
    heartbeat_add(&one, TB__METRIC__KIND__COUNTER, "tb_orders_refused_total", "reason=\"backpressure\"", "", 3);
    heartbeat_add(&one, TB__METRIC__KIND__COUNTER, "tb_orders_refused_total", "reason=\"invalid\"", "", 4);
    heartbeat_init(&two, "sequencer", "2", "STANDBY");
    heartbeat_add(&two, TB__METRIC__KIND__COUNTER, "tb_orders_refused_total", "reason=\"backpressure\"", "", 10);
    fleet_hear(&fleet, &one.base, 100 * SECOND);
    fleet_hear(&fleet, &two.base, 98 * SECOND);
    ck_assert_double_eq(fleet_sum(&fleet, "tb_orders_refused_total", NULL, 100 * SECOND), 7);
    ck_assert_double_eq(fleet_sum(&fleet, "tb_orders_refused_total", "reason=\"backpressure\"", 100 * SECOND), 3);
    ck_assert_double_eq(fleet_sum(&fleet, "tb_other", NULL, 100 * SECOND), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fleet");
    TCase *tests = tcase_create("fleet");
    tcase_add_checked_fixture(tests, NULL, reset);
    tcase_add_test(tests, an_actor_is_ready_while_its_heartbeat_is_fresh);
    tcase_add_test(tests, a_silent_member_is_forgotten_after_ten_seconds);
    tcase_add_test(tests, a_restarted_instance_takes_its_own_place_and_the_number_is_bounded);
    tcase_add_test(tests, actors_are_listed_as_the_api_says);
    tcase_add_test(tests, metrics_are_merged_into_one_valid_text);
    tcase_add_test(tests, sums_leave_out_the_stale);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
