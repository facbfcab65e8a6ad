/* Portfolio, candles, pulse, logs and traces from outside, against all processes. */
#include "api.h"
#include "cluster.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct cluster cluster;
#define PORT (cluster.port)

static char persona[64]; /* made for this run, so that its figures are ours alone */
static int order_number;

/* Effect: an order of our persona that is settled when this returns. Gives the POST's answer for api_free. */
static struct api_answer *settled_order(const char *side, int quantity, const char *price)
{
    char body[512], path[128];
    snprintf(body, sizeof body,
             "{\"userId\":\"%s\",\"side\":\"%s\",\"quantity\":%d,\"price\":\"%s\",\"idempotencyKey\":\"%s-%d\"}",
             persona, side, quantity, price, persona, ++order_number);
    struct api_answer *answer = api_call(PORT, "POST", "/api/orders", body, NULL);
    ck_assert_msg(answer->status == 201, "%s", answer->raw);
    snprintf(path, sizeof path, "/api/balances/%s?limit=1", persona);
    struct api_answer *balance = api_wait(PORT, path, "ledger.0.orderId", api_text(answer, "orderId"));
    ck_assert_str_eq(api_text(balance, "ledger.0.orderId"), api_text(answer, "orderId"));
    api_free(&balance);
    return answer;
}

static void make_persona(void)
{
    char body[128];
    snprintf(persona, sizeof persona, "views-%d-%d", (int)getpid(), ++order_number);
    snprintf(body, sizeof body, "{\"displayName\":\"Views\",\"userId\":\"%s\"}", persona);
    struct api_answer *answer = api_call(PORT, "POST", "/api/personas", body, NULL);
    ck_assert_msg(answer->status == 201, "%s", answer->raw);
    api_free(&answer);
}

/* Return: "-12.34" as -1234. */
static long cents(const char *text)
{
    long whole = 0, part = 0;
    ck_assert_int_eq(sscanf(text, "%ld.%2ld", &whole, &part), 2);
    return whole * 100 + (text[0] == '-' ? -part : part);
}

static void expect_sums(const struct api_answer *answer)
{
    ck_assert_int_eq(cents(api_text(answer, "cashBalance")) + cents(api_text(answer, "holdingsValue")),
                     cents(api_text(answer, "totalValue")));
    double cash = json_number_value(api_at(answer, "allocation.cashPct"));
    double rest = json_number_value(api_at(answer, "allocation.positionsPct"));
    ck_assert_double_eq_tol(cash + rest, 100, 1e-9);
    ck_assert(cash >= 0 && rest >= 0);
}

START_TEST(a_portfolio_follows_the_fills)
{
    static const struct {
        const char *side, *price, *average, *cash, *unrealized;
        int quantity, held;
    } steps[] = {
        {"BUY", "100.00", "100.00", "9000.00", "0.00", 10, 10},
        {"BUY", "130.00", "110.00", "8350.00", "300.00", 5, 15},
        {"SELL", "150.00", "110.00", "9100.00", "400.00", 5, 10},
        {"SELL", "120.00", NULL, "10300.00", NULL, 10, 0},
        {"SELL", "200.00", "200.00", "10900.00", "0.00", 3, -3},
        {"BUY", "190.00", "200.00", "10710.00", "20.00", 1, -2},
        {"BUY", "100.00", "100.00", "10210.00", "0.00", 5, 3},
    };
    char path[128];
    make_persona();
    snprintf(path, sizeof path, "/api/portfolio/%s", persona);
    struct api_answer *answer = api_call(PORT, "GET", path, NULL, NULL);
    ck_assert_int_eq(answer->status, 200);
    ck_assert_str_eq(api_text(answer, "cashBalance"), "10000.00");
    ck_assert_uint_eq(json_array_size(api_at(answer, "positions")), 0);
    expect_sums(answer);
    api_free(&answer);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        answer = settled_order(steps[i].side, steps[i].quantity, steps[i].price);
        api_free(&answer);
        answer = api_call(PORT, "GET", path, NULL, NULL);
        ck_assert_int_eq(answer->status, 200);
        expect_sums(answer);
        ck_assert_str_eq(api_text(answer, "cashBalance"), steps[i].cash);
        ck_assert_uint_eq(json_array_size(api_at(answer, "positions")), steps[i].held != 0);
        if (steps[i].held != 0) {
            ck_assert_int_eq(json_integer_value(api_at(answer, "positions.0.quantity")), steps[i].held);
            ck_assert_str_eq(api_text(answer, "positions.0.avgPrice"), steps[i].average);
            ck_assert_str_eq(api_text(answer, "positions.0.lastPrice"), steps[i].price);
            ck_assert_str_eq(api_text(answer, "positions.0.unrealizedPnl"), steps[i].unrealized);
        }
        api_free(&answer);
    }
    answer = api_call(PORT, "GET", "/api/portfolio/nobody-here", NULL, NULL);
    ck_assert_int_eq(answer->status, 404);
    api_free(&answer);
}
END_TEST

START_TEST(market_and_candles_show_the_last_trade)
{
    make_persona();
    struct api_answer *answer = settled_order("BUY", 2, "77.77");
    api_free(&answer);
    answer = api_call(PORT, "GET", "/api/market", NULL, NULL);
    ck_assert_str_eq(api_text(answer, "lastPrice"), "77.77");
    api_free(&answer);
    static const char *const intervals[] = {"1m", "5m", "1h"};
    for (size_t i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "/api/candles?interval=%s&limit=3", intervals[i]);
        answer = api_call(PORT, "GET", path, NULL, NULL);
        ck_assert_int_eq(answer->status, 200);
        size_t count = json_array_size(api_at(answer, "items"));
        ck_assert(count >= 1 && count <= 3);
        ck_assert_str_eq(api_text(answer, "items.0.close"), "77.77");
        ck_assert_int_le(cents(api_text(answer, "items.0.low")), 7777);
        ck_assert_int_ge(cents(api_text(answer, "items.0.high")), 7777);
        ck_assert_int_ge(api_int(answer, "items.0.volume"), 2);
        api_free(&answer);
    }
    static const char *const refused[] = {"interval=2m", "limit=0", "limit=201", "limit=abc", "interval="};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        char path[64];
        snprintf(path, sizeof path, "/api/candles?%s", refused[i]);
        answer = api_call(PORT, "GET", path, NULL, NULL);
        ck_assert_msg(answer->status == 400, "%s: %s", path, answer->raw);
        api_free(&answer);
    }
}
END_TEST

START_TEST(the_pulse_counts_the_orders_of_the_last_minutes)
{
    struct api_answer *before = api_call(PORT, "GET", "/api/metrics/pulse", NULL, NULL);
    ck_assert_int_eq(before->status, 200);
    make_persona();
    for (int i = 0; i < 5; i++) {
        struct api_answer *order = settled_order(i < 2 ? "BUY" : "SELL", 1, "90.00");
        api_free(&order);
    }
    struct api_answer *answer = api_call(PORT, "GET", "/api/metrics/pulse", NULL, NULL);
    ck_assert_int_eq(answer->status, 200);
    long buys = 0, sells = 0;
    size_t i;
    json_t *point;
    json_array_foreach(api_at(answer, "points"), i, point)
    {
        buys += (long)json_integer_value(json_object_get(point, "buyOrders"));
        sells += (long)json_integer_value(json_object_get(point, "sellOrders"));
    }
    ck_assert_int_eq(buys + sells, api_int(answer, "stats.ordersSampled"));
    ck_assert_int_ge(buys, 2);
    ck_assert_int_ge(sells, 3);
    ck_assert_double_eq_tol(json_number_value(api_at(answer, "stats.buyShare")), (double)buys / (double)(buys + sells),
                            1e-5);
    ck_assert_str_eq(api_text(answer, "stats.lastPrice"), "90.00");
    ck_assert_int_ge(api_int(answer, "queueDepth"), 0);
    ck_assert_int_ge(api_int(answer, "dlqDepth"), 0);
    api_free(&answer);
    api_free(&before);
    for (int tries = 0; tries < 300; tries++) { /* the gateway's own heartbeat brings the latencies */
        answer = api_call(PORT, "GET", "/api/metrics/pulse", NULL, NULL);
        double p50 = json_number_value(api_at(answer, "latency.p50Ms")),
               p99 = json_number_value(api_at(answer, "latency.p99Ms"));
        bool known = json_is_number(api_at(answer, "latency.p50Ms"));
        api_free(&answer);
        if (known) {
            ck_assert(p50 > 0 && p99 >= p50);
            return;
        }
        usleep(100000);
    }
    ck_abort_msg("no latency after 30 s");
}
END_TEST

START_TEST(an_order_is_found_in_the_logs_and_as_a_trace)
{
    char path[160];
    make_persona();
    struct api_answer *order = settled_order("BUY", 1, "50.00");
    const char *id = api_text(order, "orderId"), *trace = api_text(order, "traceId");
    snprintf(path, sizeof path, "/api/logs?orderId=%s", id);
    struct api_answer *answer = api_wait(PORT, path, "items.0.orderId", id);
    ck_assert_int_eq(answer->status, 200);
    ck_assert_str_eq(api_text(answer, "items.0.userId"), persona);
    ck_assert_str_eq(api_text(answer, "items.0.traceId"), trace);
    ck_assert_str_eq(api_text(answer, "items.0.actor"), "sequencer");
    ck_assert(json_is_true(api_at(answer, "complete")));
    api_free(&answer);

    snprintf(path, sizeof path, "/api/traces/%s", trace);
    answer = api_call(PORT, "GET", path, NULL, NULL);
    ck_assert_int_eq(answer->status, 200);
    ck_assert_str_eq(api_text(answer, "orderId"), id);
    static const char *const actors[] = {"gateway", "gateway", "sequencer", "simfill", "outbox", "balance"};
    ck_assert_uint_eq(json_array_size(api_at(answer, "spans")), 6);
    for (size_t i = 0; i < 6; i++) {
        json_t *span = json_array_get(api_at(answer, "spans"), i);
        ck_assert_str_eq(json_string_value(json_object_get(span, "actor")), actors[i]);
        ck_assert(json_is_number(json_object_get(span, "durationMs")));
        ck_assert_uint_eq(strlen(json_string_value(json_object_get(span, "spanId"))), 16);
    }
    /* The gateway's part, before the sequencer: it begins the trace and ends where the sequencer's begins. */
    ck_assert(json_is_null(api_at(answer, "spans.0.parentSpanId")));
    ck_assert_str_eq(api_text(answer, "spans.1.name"), "receive");
    ck_assert_str_eq(api_text(answer, "spans.1.parentSpanId"), api_text(answer, "spans.0.spanId"));
    ck_assert_str_eq(api_text(answer, "spans.1.startedAt"), api_text(answer, "spans.0.startedAt"));
    ck_assert(json_number_value(api_at(answer, "spans.1.durationMs")) > 0);
    ck_assert(strcmp(api_text(answer, "spans.1.startedAt"), api_text(answer, "spans.2.startedAt")) <= 0);
    ck_assert_double_gt(json_number_value(api_at(answer, "spans.0.durationMs")),
                        json_number_value(api_at(answer, "spans.1.durationMs")));
    api_free(&answer);
    api_free(&order);
    static const char *const unknown[] = {"/api/traces/00000000000000000000000000000001", "/api/traces/xyz",
                                          "/api/traces/..%2f..%2fetc%2fpasswd"};
    for (size_t i = 0; i < 3; i++) {
        answer = api_call(PORT, "GET", unknown[i], NULL, NULL);
        ck_assert_msg(answer->status == 404, "%s: %s", unknown[i], answer->raw);
        api_free(&answer);
    }
}
END_TEST

START_TEST(a_callers_trace_is_carried_through)
{
    char body[256];
    make_persona();
    snprintf(body, sizeof body, "{\"userId\":\"%s\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"50.00\"}", persona);
    char header[128], trace[33], path[64];
    snprintf(trace, sizeof trace, "%016x%016x", (unsigned)getpid(), 0xabcdefu);
    snprintf(header, sizeof header, "traceparent: 00-%s-00f067aa0ba902b7-01\r\n", trace);
    struct api_answer *answer = api_call(PORT, "POST", "/api/orders", body, header);
    ck_assert_int_eq(answer->status, 201);
    ck_assert_str_eq(api_text(answer, "traceId"), trace);
    api_free(&answer);
    snprintf(path, sizeof path, "/api/traces/%s", trace);
    answer = api_call(PORT, "GET", path, NULL, NULL);
    ck_assert_int_eq(answer->status, 200);
    ck_assert_int_ge((int)json_array_size(api_at(answer, "spans")), 3);
    ck_assert_str_eq(api_text(answer, "traceId"), trace);
    ck_assert_str_eq(api_text(answer, "spans.0.parentSpanId"), "00f067aa0ba902b7");
    ck_assert_str_eq(api_text(answer, "spans.1.name"), "receive");
    api_free(&answer);
}
END_TEST

START_TEST(logs_are_filtered_and_bounded)
{
    struct api_answer *answer = api_call(PORT, "GET", "/api/logs?actor=balance&limit=5", NULL, NULL);
    ck_assert_int_eq(answer->status, 200);
    size_t i;
    json_t *line;
    const char *newer = "9999";
    ck_assert_uint_ge(json_array_size(api_at(answer, "items")), 1);
    ck_assert_uint_le(json_array_size(api_at(answer, "items")), 5);
    json_array_foreach(api_at(answer, "items"), i, line)
    {
        ck_assert_str_eq(json_string_value(json_object_get(line, "actor")), "balance");
        ck_assert_str_le(json_string_value(json_object_get(line, "ts")), newer);
        newer = json_string_value(json_object_get(line, "ts"));
    }
    api_free(&answer);
    answer = api_call(PORT, "GET", "/api/logs?actor=gateway&limit=1", NULL, NULL); /* its state: about no order */
    ck_assert_uint_eq(json_array_size(api_at(answer, "items")), 1);
    ck_assert_msg(json_is_null(api_at(answer, "items.0.orderId")) && json_is_null(api_at(answer, "items.0.userId")) &&
                      json_is_null(api_at(answer, "items.0.traceId")),
                  "%s", answer->body);
    api_free(&answer);
    answer = api_call(PORT, "GET", "/api/logs?since=2100-01-01T00:00:00Z", NULL, NULL);
    ck_assert_uint_eq(json_array_size(api_at(answer, "items")), 0);
    api_free(&answer);
    answer = api_call(PORT, "GET", "/api/logs?actor=postgres", NULL, NULL);
    ck_assert_uint_eq(json_array_size(api_at(answer, "items")), 0);
    api_free(&answer);
    static const char *const refused[] = {"limit=0",  "limit=201",      "level=loud",
                                          "since=no", "actor=..%2Fetc", "orderId=a%22b"};
    for (size_t k = 0; k < sizeof refused / sizeof refused[0]; k++) {
        char path[64];
        snprintf(path, sizeof path, "/api/logs?%s", refused[k]);
        answer = api_call(PORT, "GET", path, NULL, NULL);
        ck_assert_msg(answer->status == 400, "%s: %s", path, answer->raw);
        api_free(&answer);
    }
}
END_TEST

int main(void)
{
    cluster_start(&cluster, "TB_SIMFILL_DELAY_MS=5");
    Suite *suite = suite_create("views");
    TCase *cases = tcase_create("views");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, a_portfolio_follows_the_fills);
    tcase_add_test(cases, market_and_candles_show_the_last_trade);
    tcase_add_test(cases, the_pulse_counts_the_orders_of_the_last_minutes);
    tcase_add_test(cases, an_order_is_found_in_the_logs_and_as_a_trace);
    tcase_add_test(cases, a_callers_trace_is_carried_through);
    tcase_add_test(cases, logs_are_filtered_and_bounded);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    int audit = cluster_stop(&cluster);
    return failed == 0 && audit == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
