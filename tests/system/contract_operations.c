/* Health, metrics, status, config, invariants, replay, events by long poll. */
#include "contract.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#define READ_US 60000000LL /* how long a busy machine may make one read wait */

START_TEST(health_names_every_actor)
{
    struct api_answer *answer = api_call(PORT, "GET", "/health/ready", NULL, NULL);
    ck_assert_int_eq(answer->status, 200);
    static const char *const names[] = {"gateway", "sequencer", "simfill", "balance", "persona", "reconciler"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bool found = false;
        json_t *actors = api_at(answer, "actors");
        for (size_t k = 0; k < json_array_size(actors); k++) {
            json_t *actor = json_array_get(actors, k);
            if (strcmp(json_string_value(json_object_get(actor, "name")), names[i]) != 0)
                continue;
            found = true;
            ck_assert_str_eq(json_string_value(json_object_get(actor, "state")), "READY");
            ck_assert(json_integer_value(json_object_get(actor, "pid")) > 1);
        }
        ck_assert_msg(found, "%s is not there: %s", names[i], answer->body);
    }
    api_free(&answer);
    answer = api_call(PORT, "GET", "/health/live", NULL, NULL);
    ck_assert_int_eq(answer->status, 200);
    api_free(&answer);
}
END_TEST

START_TEST(metrics_are_prometheus_text)
{
    struct api_answer *answer = api_call(PORT, "GET", "/metrics", NULL, NULL);
    ck_assert_int_eq(answer->status, 200);
    static const char *const names[] = {
        "tb_order_accept_seconds_bucket", "tb_fill_seconds_bucket", "tb_settle_seconds_bucket", "tb_queue_depth{",
        "tb_outbox_oldest_seconds",       "tb_dlq_depth",           "tb_balance_mismatch"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        ck_assert_msg(strstr(answer->body, names[i]) != NULL, "%s is missing", names[i]);
    api_free(&answer);
}
END_TEST

static const char *source_dir(void)
{
    const char *source = getenv("TB_SOURCE_DIR");
    return source != NULL ? source : ".";
}

/* Return: whether the script finds all that is asked for in this text. */
static bool all_is_served(const char *text)
{
    char path[] = "/tmp/tulip-served-XXXXXX", command[600];
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (long)strlen(text));
    close(fd);
    snprintf(command, sizeof command, "%s/tests/system/asked_metrics %s", source_dir(), path);
    int code = system(command); /* NOLINT(cert-env33-c): the script it is about */
    unlink(path);
    return code == 0;
}

START_TEST(what_rules_alerts_and_the_dashboard_ask_for_is_served)
{
    struct api_answer *answer = api_call(PORT, "GET", "/metrics", NULL, NULL);
    ck_assert(all_is_served(answer->body));
    char *lag = strstr(answer->body, "tb_actor_lag{");
    ck_assert_ptr_nonnull(lag);
    for (; lag != NULL; lag = strstr(lag, "tb_actor_lag{"))
        lag[0] = 'x';
    ck_assert_msg(!all_is_served(answer->body), "a metric that is not there was not missed");
    api_free(&answer);
}
END_TEST

START_TEST(status_and_config_say_what_runs)
{
    struct api_answer *answer = api_call(PORT, "GET", "/api/status", NULL, NULL);
    ck_assert_str_eq(api_text(answer, "mode"), "SIMFILL");
    ck_assert_uint_eq(json_array_size(api_at(answer, "cues")), 6);
    ck_assert_uint_ge(json_array_size(api_at(answer, "regions")), 1);
    api_free(&answer);
    answer = api_call(PORT, "GET", "/api/config", NULL, NULL);
    ck_assert_str_ne(api_text(answer, "version"), "");
    ck_assert_str_eq(api_text(answer, "mode"), "SIMFILL");
    api_free(&answer);
}
END_TEST

START_TEST(invariants_hold_and_a_replay_agrees)
{
    struct api_answer *answer = api_call(PORT, "GET", "/api/invariants", NULL, NULL);
    ck_assert_msg(answer->status == 200, "%s", answer->raw);
    ck_assert_msg(json_is_true(api_at(answer, "ok")), "%s", answer->body);
    ck_assert_uint_eq(json_array_size(api_at(answer, "checks")), 10);
    for (size_t i = 0; i < 10; i++)
        ck_assert_msg(json_is_array(json_object_get(json_array_get(api_at(answer, "checks"), i), "sample")), "%s",
                      answer->body);
    api_free(&answer);
    answer = api_call(PORT, "POST", "/api/replay/verify", "{}", NULL);
    ck_assert_msg(answer->status == 200, "%s", answer->raw);
    ck_assert_msg(json_is_true(api_at(answer, "ok")), "%s", answer->body);
    ck_assert_str_eq(api_text(answer, "liveHash"), api_text(answer, "replayHash"));
    ck_assert_int_gt(api_int(answer, "orders"), 0);
    api_free(&answer);
}
END_TEST

/* Gives the answer of a read as a client gets it that does what a 503 tells it: to ask again. */
static struct api_answer *read_insisting(const char *path)
{
    for (int64_t deadline_us = clock_monotonic_us() + READ_US;;) {
        struct api_answer *answer = api_call(PORT, "GET", path, NULL, NULL);
        if (answer->status != 503 || clock_monotonic_us() > deadline_us)
            return answer;
        api_free(&answer);
        (void)poll(NULL, 0, 50);
    }
}

START_TEST(events_are_dense_and_a_long_poll_waits_for_the_next)
{
    static const char *const streams[] = {"orders", "executions", "balances", "ops"};
    char path[128];
    for (size_t i = 0; i < 4; i++) {
        long after = 0, last = 0;
        do {
            snprintf(path, sizeof path, "/api/events?stream=%s&afterSeq=%ld&limit=1000", streams[i], after);
            struct api_answer *answer = read_insisting(path);
            ck_assert_msg(answer->status == 200, "%s", answer->raw);
            json_t *items = api_at(answer, "items");
            for (size_t k = 0; k < json_array_size(items); k++) {
                long seq = (long)json_integer_value(json_object_get(json_array_get(items, k), "seq"));
                long previous = (long)json_integer_value(json_object_get(json_array_get(items, k), "prevSeq"));
                ck_assert_int_eq(seq, ++after);
                ck_assert_int_eq(previous, seq - 1);
            }
            last = api_int(answer, "lastSeq");
            ck_assert_int_eq(api_int(answer, "nextAfterSeq"), after);
            if (json_array_size(items) == 0)
                ck_assert_int_ge(after, last);
            api_free(&answer);
        } while (after < last);
        ck_assert_int_gt(last, 0);
    }
    snprintf(path, sizeof path, "/api/events?stream=orders&afterSeq=99999999&wait=1");
    struct api_answer *answer = api_call(PORT, "GET", path, NULL, NULL);
    ck_assert_int_eq(answer->status, 200);
    ck_assert_uint_eq(json_array_size(api_at(answer, "items")), 0);
    api_free(&answer);
}
END_TEST

TCase *contract_operations(void)
{
    TCase *part = tcase_create("operations");
    tcase_set_timeout(part, 60);
    tcase_add_test(part, health_names_every_actor);
    tcase_add_test(part, metrics_are_prometheus_text);
    tcase_add_test(part, what_rules_alerts_and_the_dashboard_ask_for_is_served);
    tcase_add_test(part, status_and_config_say_what_runs);
    tcase_add_test(part, invariants_hold_and_a_replay_agrees);
    tcase_add_test(part, events_are_dense_and_a_long_poll_waits_for_the_next);
    return part;
}
