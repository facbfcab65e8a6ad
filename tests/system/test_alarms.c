/* Alarms and cues from outside, against all processes: each is provoked, seen in its list and on the ops stream, and
 * seen to end. Afterwards the ops stream is dense, and no two changes of one alarm or cue say the same. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api.h"
#include "base.h"
#include "clock.h"
#include "cluster.h"
#include "live_reader.h"

enum { EVENT_MS = 60000, SLOW_ORDERS = 32 };
#define SETTINGS                                                                                                       \
    "TB_RECONCILER_PROBE_MS=100 TB_BACKLOG_ALARM=10 TB_OUTBOX_ALARM_MS=1500 TB_ACCEPT_ALARM_MS=1500 "                  \
    "TB_BACKLOG_MAX=100"

static struct cluster cluster;
static struct live_reader *ops;
static int number;

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void setup(void)
{
    ops = live_open_sse(cluster.port, "/api/stream?channels=ops", NULL, 0);
}

static void teardown(void)
{
    live_close(&ops);
}

static void tulip(const char *command)
{
    ck_assert_msg(cluster_tulip(&cluster, command) == 0, "./tulip %s: %s", command, cluster_output());
}

/* Effect: posts an order of this seed (NULL = none). Return: the answer's status. */
static int order(const char *seed)
{
    char body[256], member[64] = "";
    if (seed)
        snprintf(member, sizeof member, ",\"simulationSeed\":\"%s\"", seed);
    snprintf(body, sizeof body,
             "{\"userId\":\"clusius\",\"side\":\"SELL\",\"quantity\":2,\"price\":\"1.50\",\"clientId\":\"alarms\","
             "\"idempotencyKey\":\"alarms-%d-%d\"%s}",
             (int)getpid(), __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED), member);
    struct api_answer *answer = api_call(cluster.port, "POST", "/api/orders", body, NULL);
    int status = answer->status;
    api_free(&answer);
    return status;
}

/* Effect: waits until the ops stream brings an event of this type about `id`. active: of a CueChanged, -1 = any. Gives
 * its payload for json_decref. */
static json_t *event(const char *type, const char *id, int active)
{
    struct live_message message;
    int64_t deadline_us = clock_monotonic_us() + EVENT_MS * 1000LL;
    while (clock_monotonic_us() < deadline_us) {
        enum live_outcome outcome = live_next(ops, 1000, &message);
        ck_assert_msg(outcome != LIVE_ENDED, "the ops stream ended");
        if (outcome != LIVE_MESSAGE)
            continue;
        json_t *payload = json_object_get(message.json, "payload");
        const char *about = json_string_value(json_object_get(payload, "id"));
        if (strcmp(message.event, type) == 0 && about && strcmp(about, id) == 0 &&
            (active < 0 || json_is_true(json_object_get(payload, "active")) == (active == 1)))
            return json_incref(payload);
    }
    ck_abort_msg("the ops stream brought no %s of %s", type, id);
}

/* Return: whether GET /api/alarms comes to show the alarm, or not to show it. */
static bool listed(const char *id, bool wanted)
{
    int64_t deadline_us = clock_monotonic_us() + EVENT_MS * 1000LL;
    bool found = !wanted;
    while (found != wanted && clock_monotonic_us() < deadline_us) {
        struct api_answer *answer = api_call(cluster.port, "GET", "/api/alarms", NULL, NULL);
        size_t i;
        json_t *item;
        if (answer->status == 200) {
            found = false;
            json_array_foreach(api_at(answer, "items"), i, item) found =
                found || strcmp(json_string_value(json_object_get(item, "id")), id) == 0;
        }
        api_free(&answer);
        if (found != wanted)
            pause_ms(50);
    }
    return found == wanted;
}

static void expect_raised(const char *id, double at_least)
{
    json_t *payload = event("AlarmRaised", id, -1);
    ck_assert_double_ge(json_number_value(json_object_get(payload, "value")), at_least);
    ck_assert_uint_gt(json_string_length(json_object_get(payload, "message")), 0);
    ck_assert_uint_eq(json_string_length(json_object_get(payload, "since")), 24);
    json_decref(payload);
    ck_assert_msg(listed(id, true), "%s is not in GET /api/alarms", id);
}

static void expect_cleared(const char *id)
{
    json_decref(event("AlarmCleared", id, -1));
    ck_assert_msg(listed(id, false), "%s stays in GET /api/alarms", id);
}

static void cancel_all(void)
{
    struct api_answer *answer =
        api_call(cluster.port, "POST", "/api/orders/cancel-all", "{\"userId\":\"clusius\"}", NULL);
    ck_assert_msg(answer->status == 200, "%s", answer->raw);
    api_free(&answer);
}

START_TEST(dlq_depth)
{
    char path[128];
    ck_assert_int_eq(order("poison-balance"), 201);
    expect_raised("dlq-depth", 1);
    struct api_answer *answer = api_call(cluster.port, "GET", "/api/dlq", NULL, NULL);
    ck_assert_int_eq(api_int(answer, "depth"), 1);
    snprintf(path, sizeof path, "/api/dlq/%s/redrive", api_text(answer, "items.0.dlqId"));
    api_free(&answer);
    answer = api_call(cluster.port, "POST", path, NULL, NULL);
    ck_assert_int_eq(answer->status, 202);
    api_free(&answer);
    expect_cleared("dlq-depth");
}
END_TEST

/* Effect: changes a balance behind everybody's back. */
static void add_to_balance(const char *sign)
{
    char line[256];
    snprintf(line, sizeof line,
             "./tulip psql --data %s -qc \"UPDATE balances SET balance_cents = balance_cents %s 1 WHERE account = "
             "'leeuwenhoek'\"",
             cluster.data, sign);
    ck_assert_int_eq(system(line), 0); /* NOLINT(cert-env33-c): the launcher, as a user calls it */
}

START_TEST(balance_mismatch)
{
    add_to_balance("+");
    expect_raised("balance-mismatch", 1);
    add_to_balance("-");
    expect_cleared("balance-mismatch");
}
END_TEST

START_TEST(queue_backlog)
{
    for (int i = 0; i < 12; i++)
        ck_assert_int_eq(order("hang"), 201);
    expect_raised("queue-backlog", 10);
    cancel_all();
    expect_cleared("queue-backlog");
}
END_TEST

START_TEST(accept_latency)
{
    tulip("kill simfill --signal STOP");
    ck_assert_int_eq(order(NULL), 201);
    expect_raised("accept-latency", 1.5);
    tulip("kill simfill --signal CONT");
    expect_cleared("accept-latency");
}
END_TEST

START_TEST(outbox_stuck)
{
    tulip("kill balance --signal STOP");
    ck_assert_int_eq(order(NULL), 201);
    expect_raised("outbox-stuck", 1.5);
    tulip("kill balance --signal CONT");
    expect_cleared("outbox-stuck");
}
END_TEST

/* Effect: waits until GET /api/status shows the cue so. Gives its object for json_decref. */
static json_t *status_of(const char *id, bool active)
{
    int64_t deadline_us = clock_monotonic_us() + EVENT_MS * 1000LL;
    while (clock_monotonic_us() < deadline_us) {
        struct api_answer *answer = api_call(cluster.port, "GET", "/api/status", NULL, NULL);
        json_t *cue, *found = NULL;
        size_t i;
        json_array_foreach(api_at(answer, "cues"), i, cue)
        {
            if (strcmp(json_string_value(json_object_get(cue, "id")), id) == 0 &&
                json_is_true(json_object_get(cue, "active")) == active)
                found = json_incref(cue);
        }
        api_free(&answer);
        if (found)
            return found;
        pause_ms(20);
    }
    ck_abort_msg("GET /api/status does not show %s %s", id, active ? "active" : "over");
}

/* Effect: waits for the cue's event, and expects GET /api/status to say the same. */
static void expect_cue(const char *id, bool active)
{
    static const char *const same[] = {"id", "active", "since", "severity", "message"};
    json_t *payload = event("CueChanged", id, active), *shown = status_of(id, active);
    for (size_t i = 0; i < TB_ARRAY_SIZE(same); i++)
        ck_assert_msg(json_equal(json_object_get(payload, same[i]), json_object_get(shown, same[i])),
                      "%s: the event and GET /api/status disagree about %s", id, same[i]);
    ck_assert(json_is_object(json_object_get(payload, "data")));
    ck_assert(json_is_string(json_object_get(payload, "since")) == active);
    json_decref(payload);
    json_decref(shown);
}

START_TEST(a_stopped_simfill_is_a_blip_and_then_an_outage)
{
    tulip("kill simfill --signal STOP");
    expect_cue("az-blip", true);
    expect_cue("region-outage", true);
    tulip("kill simfill --signal CONT");
    expect_cue("region-outage", false);
    json_decref(status_of("az-blip", false));
}
END_TEST

START_TEST(a_stopped_balance_makes_balances_unavailable)
{
    tulip("kill balance --signal STOP");
    expect_cue("balance-unavailable", true);
    tulip("kill balance --signal CONT");
    expect_cue("balance-unavailable", false);
    json_decref(status_of("az-blip", false));
}
END_TEST

START_TEST(refused_orders_are_backpressure)
{
    int refused = 0;
    for (int i = 0; i < 130 && refused < 3; i++)
        refused += order("hang") == 503;
    ck_assert_int_eq(refused, 3);
    expect_cue("backpressure", true);
    cancel_all();
    expect_cue("backpressure", false);
}
END_TEST

static void *order_slowly(void *arg)
{
    *(int *)arg = order(NULL);
    return NULL;
}

START_TEST(orders_that_waited_long_show_in_time_to_accept)
{
    pthread_t threads[SLOW_ORDERS];
    int statuses[SLOW_ORDERS];
    json_decref(status_of("backpressure", false));
    tulip("kill sequencer --signal STOP");
    for (size_t i = 0; i < SLOW_ORDERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, order_slowly, &statuses[i]), 0);
    pause_ms(800); /* how long they wait: the thing to be seen */
    tulip("kill sequencer --signal CONT");
    for (size_t i = 0; i < SLOW_ORDERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    expect_cue("time-to-accept", true);
    expect_cue("time-to-accept", false);
}
END_TEST

/* The last one: what all of the above left on the stream. */
START_TEST(the_ops_stream_is_dense_and_each_change_is_told_once)
{
    long after = 0;
    json_t *states = json_object();
    for (;;) {
        char path[96];
        snprintf(path, sizeof path, "/api/events?stream=ops&afterSeq=%ld&limit=100", after);
        struct api_answer *answer = api_call(cluster.port, "GET", path, NULL, NULL);
        ck_assert_int_eq(answer->status, 200);
        json_t *items = api_at(answer, "items"), *item;
        size_t i, count = json_array_size(items);
        json_array_foreach(items, i, item)
        {
            ck_assert_int_eq(json_integer_value(json_object_get(item, "seq")), ++after);
            const char *type = json_string_value(json_object_get(item, "type"));
            json_t *payload = json_object_get(item, "payload");
            const char *id = json_string_value(json_object_get(payload, "id"));
            bool cue = strcmp(type, "CueChanged") == 0;
            if (!cue && strncmp(type, "Alarm", 5) != 0)
                continue;
            bool now = cue ? json_is_true(json_object_get(payload, "active")) : strcmp(type, "AlarmRaised") == 0;
            bool before = json_is_true(json_object_get(states, id));
            ck_assert_msg(now != before, "seq %ld: %s of %s says what was so already", after, type, id);
            json_object_set_new(states, id, json_boolean(now));
        }
        api_free(&answer);
        if (count == 0)
            break;
    }
    static const char *const seen[] = {
        "dlq-depth", "balance-mismatch", "queue-backlog", "accept-latency", "outbox-stuck",
        "az-blip",   "region-outage",    "backpressure",  "time-to-accept", "balance-unavailable"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(seen); i++)
        ck_assert_msg(json_object_get(states, seen[i]), "%s was never on the stream", seen[i]);
    ck_assert_ptr_null(json_object_get(states, "partition-reconcile")); /* one region cannot be apart */
    json_decref(states);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("alarms");
    TCase *cases = tcase_create("alarms");
    tcase_set_timeout(cases, 200);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, dlq_depth);
    tcase_add_test(cases, balance_mismatch);
    tcase_add_test(cases, queue_backlog);
    tcase_add_test(cases, accept_latency);
    tcase_add_test(cases, outbox_stuck);
    tcase_add_test(cases, a_stopped_simfill_is_a_blip_and_then_an_outage);
    tcase_add_test(cases, a_stopped_balance_makes_balances_unavailable);
    tcase_add_test(cases, refused_orders_are_backpressure);
    tcase_add_test(cases, orders_that_waited_long_show_in_time_to_accept);
    tcase_add_test(cases, the_ops_stream_is_dense_and_each_change_is_told_once);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    cluster_start(&cluster, SETTINGS);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    int verdict = cluster_stop(&cluster);
    return failed == 0 && verdict == 0 ? 0 : 1;
}
