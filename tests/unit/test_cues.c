#include "cues.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "heartbeats.h"

#define SECOND 1000000LL

static struct fleet fleet;
static struct cues cues;

static void setup(void)
{
    memset(&cues, 0, sizeof(cues));
}

static void teardown(void)
{
    fleet_release(&fleet);
}

/* Effect: all needed actors but `missing` (may be NULL) send a heartbeat, and the cues are judged. */
static void all_but(const char *missing, bool store_up, int64_t now_us)
{
    struct heartbeat heartbeat;
    for (size_t i = 0; i < FLEET_NEEDED; i++) {
        if (missing == NULL || strcmp(missing, fleet_needed[i]) != 0) {
            heartbeat_init(&heartbeat, fleet_needed[i], "1", "READY");
            fleet_hear(&fleet, &heartbeat.base, now_us);
        }
    }
    cues_update(&cues, &fleet, store_up, now_us);
}

/* Return: the active cues' ids, like "az-blip balance-unavailable". */
static const char *active(void)
{
    static char text[256];
    text[0] = '\0';
    for (enum cue cue = 0; cue < CUES_COUNT; cue++) {
        if (cues.since_us[cue] != 0) {
            size_t used = strlen(text);
            snprintf(text + used, sizeof(text) - used, "%s%s", used > 0 ? " " : "", cues_id(cue));
        }
    }
    return text;
}

START_TEST(nothing_is_wrong_while_everybody_is_ready)
{
    all_but(NULL, true, 100 * SECOND);
    ck_assert_str_eq(active(), "");
}
END_TEST

START_TEST(a_missing_actor_is_a_blip_first_and_an_outage_later)
{
    static const struct {
        const char *missing;
        bool store_up;
        const char *soon, *late;
    } cases[] = {
        {"sequencer", true, "az-blip", "region-outage"},
        {"simfill", true, "az-blip", "region-outage"},
        {"balance", true, "az-blip balance-unavailable", "balance-unavailable"},
        {"persona", true, "az-blip", ""},
        {NULL, false, "", "region-outage"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setup();
        teardown();
        all_but(NULL, true, 100 * SECOND);
        for (int64_t second = 101; second <= 113; second++) {
            all_but(cases[i].missing, cases[i].store_up, second * SECOND);
            if (second == 103) {
                ck_assert_str_eq(active(), cases[i].soon);
            }
        }
        ck_assert_str_eq(active(), cases[i].late);
        all_but(NULL, true, 114 * SECOND);
        ck_assert_str_eq(active(), "");
    }
}
END_TEST

static void in_zone(const char *actor, const char *instance, const char *zone, const char *state, int64_t now_us)
{
    struct heartbeat heartbeat;
    char az[16];
    heartbeat_init(&heartbeat, actor, instance, state);
    snprintf(az, sizeof(az), "%s", zone);
    heartbeat.base.az = az;
    fleet_hear(&fleet, &heartbeat.base, now_us);
}

/* Effect: zone a leads, zone b stands by; or, with a gone, zone b has taken over. */
static void zones(bool with_a, int64_t now_us)
{
    for (size_t i = 0; i < FLEET_NEEDED; i++) {
        if (with_a)
            in_zone(fleet_needed[i], "1", "nl-1a", "READY", now_us);
        in_zone(fleet_needed[i], "2", "nl-1b", with_a ? "STANDBY" : "READY", now_us);
    }
    cues_update(&cues, &fleet, true, now_us);
}

START_TEST(a_lost_zone_is_a_blip_even_though_standbys_took_over_at_once)
{
    zones(true, 100 * SECOND);
    ck_assert_str_eq(active(), "");
    zones(false, 100 * SECOND + FLEET_STALE_US - 1);
    ck_assert_str_eq(active(), "");
    zones(false, 102 * SECOND);
    ck_assert_str_eq(active(), "az-blip");
    ck_assert_uint_eq(cues.lost_zone_count, 1);
    ck_assert_str_eq(cues.lost_zones[0], "nl-1a");
    zones(false, 110 * SECOND);
    ck_assert_str_eq(active(), "az-blip");
    ck_assert_int_eq(cues.since_us[CUE_AZ_BLIP], 102 * SECOND);
    zones(false, 100 * SECOND + FLEET_FORGET_US + 1); /* it clears by itself */
    ck_assert_str_eq(active(), "");
    zones(true, 112 * SECOND); /* and is no trouble when it comes back */
    ck_assert_str_eq(active(), "");
    in_zone("sequencer", "1", "nl-1a", "STOP", 113 * SECOND); /* one of many: the zone is there */
    cues_update(&cues, &fleet, true, 113 * SECOND);
    ck_assert_uint_eq(cues.lost_zone_count, 0);
}
END_TEST

START_TEST(a_zone_that_comes_back_ends_the_blip)
{
    zones(true, 100 * SECOND);
    zones(false, 102 * SECOND);
    ck_assert_str_eq(active(), "az-blip");
    in_zone("sequencer", "1", "nl-1a", "STANDBY", 103 * SECOND);
    zones(false, 103 * SECOND);
    ck_assert_str_eq(active(), "");
}
END_TEST

/* Effect: all needed actors, started at 10 s, but balance, started at the given time, send a heartbeat. */
static void with_balance_from(int64_t started_at_us, int64_t now_us)
{
    for (size_t i = 0; i < FLEET_NEEDED; i++) {
        struct heartbeat heartbeat;
        heartbeat_init(&heartbeat, fleet_needed[i], "1", "READY");
        heartbeat.base.started_at_us = strcmp(fleet_needed[i], "balance") == 0 ? started_at_us : 10 * SECOND;
        fleet_hear(&fleet, &heartbeat.base, now_us);
    }
    cues_update(&cues, &fleet, true, now_us);
}

START_TEST(a_restart_is_a_blip_even_though_it_took_no_time)
{
    with_balance_from(10 * SECOND, 11 * SECOND);
    ck_assert_str_eq(active(), ""); /* all start */
    with_balance_from(100 * SECOND, 101 * SECOND);
    ck_assert_str_eq(active(), "az-blip");
    with_balance_from(100 * SECOND, 104 * SECOND);
    ck_assert_str_eq(active(), "");
}
END_TEST

START_TEST(what_the_reconciler_wrote_is_shown_with_our_data_where_we_agree)
{
    struct cue_told told[CUES_COUNT] = {0};
    char data[] = "{\"backlog\":7}";
    told[CUE_AZ_BLIP] = (struct cue_told){true, 42 * SECOND, NULL};
    told[CUE_BACKPRESSURE] = (struct cue_told){true, 43 * SECOND, data};
    all_but("balance", true, 100 * SECOND);
    struct text text = {0};
    struct json_out out;
    json_out_init(&out, &text);
    json_out_begin(&out, NULL);
    cues_write(&cues, told, &out);
    json_out_end(&out);
    json_t *json = json_loads(text.bytes, JSON_REJECT_DUPLICATES, NULL), *list = json_object_get(json, "cues");
    json_t *blip = json_array_get(list, CUE_AZ_BLIP), *pressure = json_array_get(list, CUE_BACKPRESSURE);
    ck_assert_str_eq(json_string_value(json_object_get(blip, "since")), "1970-01-01T00:00:42.000Z");
    ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(blip, "data"), "missing")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(pressure, "data"), "backlog")), 7);
    json_t *balance = json_array_get(list, CUE_BALANCE_UNAVAILABLE); /* we think so, it was not written */
    ck_assert(json_is_false(json_object_get(balance, "active")));
    ck_assert(json_is_null(json_object_get(balance, "message")));
    json_decref(json);
    text_release(&text);
}
END_TEST

static void sequencer_says(const char *metric, const char *labels, double value, int64_t now_us)
{
    struct heartbeat heartbeat;
    all_but("sequencer", true, now_us);
    heartbeat_init(&heartbeat, "sequencer", "1", "READY");
    heartbeat_add(&heartbeat, TB__METRIC__KIND__GAUGE, metric, labels, "", value);
    fleet_hear(&fleet, &heartbeat.base, now_us);
    cues_update(&cues, &fleet, true, now_us);
}

START_TEST(backpressure_shows_waiting_and_refused_orders)
{
    sequencer_says("tb_orders_backlog", "", CUES_BACKLOG_HIGH - 1, 100 * SECOND);
    ck_assert_str_eq(active(), "");
    sequencer_says("tb_orders_backlog", "", CUES_BACKLOG_HIGH, 101 * SECOND);
    ck_assert_str_eq(active(), "backpressure");
    sequencer_says("tb_queue_depth", "link=\"orders-command\"", CUES_QUEUE_HIGH, 102 * SECOND);
    ck_assert_str_eq(active(), "backpressure");
    ck_assert_int_eq(cues.since_us[CUE_BACKPRESSURE], 101 * SECOND);
    sequencer_says("tb_orders_refused_total", "reason=\"backpressure\"", 5, 103 * SECOND);
    sequencer_says("tb_orders_refused_total", "reason=\"backpressure\"", 6, 104 * SECOND);
    ck_assert_str_eq(active(), "backpressure");
    for (int64_t second = 105; second <= 110; second++) {
        sequencer_says("tb_orders_refused_total", "reason=\"backpressure\"", 6, second * SECOND);
    }
    ck_assert_str_eq(active(), "");
}
END_TEST

static void accepted(uint64_t fast, uint64_t slow, int64_t now_us)
{
    double bounds[] = {0.01, 0.2, 0.5};
    uint64_t buckets[] = {fast, 0, slow, 0};
    struct heartbeat heartbeat;
    heartbeat_init(&heartbeat, "gateway", "1", "READY");
    Tb__Metric *metric = heartbeat_add(&heartbeat, TB__METRIC__KIND__HISTOGRAM, "tb_order_accept_seconds", "", "", 0);
    metric->bounds = bounds;
    metric->n_bounds = 3;
    metric->buckets = buckets;
    metric->n_buckets = 4;
    fleet_hear(&fleet, &heartbeat.base, now_us);
    all_but(NULL, true, now_us);
}

START_TEST(time_to_accept_looks_at_the_last_seconds_only)
{
    accepted(1000, 1000, 100 * SECOND); /* history: nothing is known of when */
    ck_assert_str_eq(active(), "");
    accepted(1100, 1000, 101 * SECOND);
    ck_assert_str_eq(active(), "");
    ck_assert_int_eq(cues.accept_p99_us, 10000);
    accepted(1200, 1010, 102 * SECOND);
    ck_assert_str_eq(active(), "time-to-accept");
    ck_assert_int_eq(cues.accept_p99_us, 500000);
    for (int64_t second = 103; second < 110; second++) {
        accepted(1200 + 100 * (uint64_t)(second - 102), 1010, second * SECOND);
    }
    ck_assert_str_eq(active(), "");
    for (int64_t second = 110; second < 120; second++) {
        accepted(1900, 1011 + (uint64_t)(second - 110), second * SECOND); /* a handful of slow ones says nothing */
    }
    ck_assert_str_eq(active(), "");
    accepted(3, 0, 120 * SECOND); /* a restarted gateway counts from 0 */
    ck_assert_str_eq(active(), "");
}
END_TEST

START_TEST(all_six_are_written_with_what_is_behind_them)
{
    all_but("balance", true, 100 * SECOND);
    struct text text = {0};
    struct json_out out;
    json_out_init(&out, &text);
    json_out_begin(&out, NULL);
    cues_write(&cues, NULL, &out);
    json_out_end(&out);
    json_t *json = json_loads(text.bytes, JSON_REJECT_DUPLICATES, NULL);
    json_t *list = json_object_get(json, "cues");
    ck_assert_uint_eq(json_array_size(list), 6);
    json_t *blip = json_array_get(list, 0), *outage = json_array_get(list, 1);
    ck_assert_str_eq(json_string_value(json_object_get(blip, "id")), "az-blip");
    ck_assert(json_is_true(json_object_get(blip, "active")));
    ck_assert_str_eq(json_string_value(json_object_get(blip, "since")), "1970-01-01T00:01:40.000Z");
    ck_assert_str_eq(json_string_value(json_object_get(blip, "severity")), "info");
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(json_object_get(blip, "data"), "missing"), 0)),
                     "balance");
    ck_assert(json_is_false(json_object_get(outage, "active")));
    ck_assert(json_is_null(json_object_get(outage, "since")));
    json_decref(json);
    text_release(&text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cues");
    TCase *tests = tcase_create("cues");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, nothing_is_wrong_while_everybody_is_ready);
    tcase_add_test(tests, a_missing_actor_is_a_blip_first_and_an_outage_later);
    tcase_add_test(tests, a_lost_zone_is_a_blip_even_though_standbys_took_over_at_once);
    tcase_add_test(tests, a_zone_that_comes_back_ends_the_blip);
    tcase_add_test(tests, a_restart_is_a_blip_even_though_it_took_no_time);
    tcase_add_test(tests, what_the_reconciler_wrote_is_shown_with_our_data_where_we_agree);
    tcase_add_test(tests, backpressure_shows_waiting_and_refused_orders);
    tcase_add_test(tests, time_to_accept_looks_at_the_last_seconds_only);
    tcase_add_test(tests, all_six_are_written_with_what_is_behind_them);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
