/* The SQL functions behind the events, dead letters, alarms and the market. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_fixture.h"
#include "testdb.h"

/* An order's whole life: received, cancel requested too late, filled, failed once, settled. Another order beside it. */
static const char *lived(void)
{
    const char *url = fixture_database();
    fixture_orders(1, 1, "clusius", "web-ui", 1, 10, 12420);
    fixture_orders(2, 1, "leeuwenhoek", "web-ui", 2, 5, 100);
    testdb_run(url, "INSERT INTO orders (region, seq, kind, target_seq, created_at, trace_id, user_id, client_id, "
                    "idempotency_key) VALUES "
                    "('nl-1', 3, 2, 1, '2026-11-22T09:00:00.1Z', '0af7651916cd43dd8448eb211c80319d', 'clusius', "
                    "'@cancel', 'cancel:1');"
                    "UPDATE stream_heads SET next_seq = 4 WHERE stream = 'orders'");
    fixture_execution(1, 1, 1, 10, 12420);
    fixture_execution(2, 3, 0, 0, 0);
    fixture_execution(1, 2, 0, 10, 12420);
    fixture_settle(0, "clusius", 2, 1, 1000000);
    testdb_run(url, "INSERT INTO balance_events VALUES ('nl-1', 2, 2, 'clusius', 1, 1, 1, 'poisoned', "
                    "'2026-11-22T09:00:00.2Z', NULL);"
                    "UPDATE stream_heads SET next_seq = 3 WHERE stream = 'balances'");
    fixture_settle(1, "clusius", 1, 10, 12420);
    return url;
}

static json_t *item(const json_t *answer, size_t index)
{
    json_t *found = json_array_get(json_object_get(answer, "items"), index);
    ck_assert_ptr_nonnull(found);
    return found;
}

START_TEST(every_stream_comes_in_envelopes)
{
    lived();
    json_t *events = fixture_get(200, "api_events('nl-1', 'orders', 0, 100, NULL, NULL, NULL)");
    fixture_expect(
        item(events, 0),
        "{\"stream\":\"orders\",\"seq\":1,\"prevSeq\":0,\"eventId\":\"EVT#2026-11-22T09:00:00.001Z#nl-1.ord.1\","
        "\"type\":\"OrderReceived\","
        "\"region\":\"nl-1\",\"ts\":\"2026-11-22T09:00:00.001Z\",\"orderId\":\"nl-1.1\",\"userId\":\"clusius\","
        "\"traceId\":\"0af7651916cd43dd8448eb211c80319c\",\"payload\":{\"orderId\":\"nl-1.1\",\"clientId\":\"web-ui\","
        "\"userId\":\"clusius\",\"market\":\"TULIP\",\"side\":\"BUY\",\"quantity\":10,\"price\":\"124.20\","
        "\"timeInForce\":\"GTC\","
        "\"status\":\"PENDING\",\"idempotencyKey\":\"key-1\",\"simulationSeed\":\"seed\",\"possibleDuplicateOf\":null,"
        "\"createdAt\":\"2026-11-22T09:00:00.001Z\"}}");
    fixture_expect(
        item(events, 2),
        "{\"stream\":\"orders\",\"seq\":3,\"prevSeq\":2,\"eventId\":\"EVT#2026-11-22T09:00:00.100Z#nl-1.ord.3\","
        "\"type\":\"CancelRequested\",\"region\":\"nl-1\",\"ts\":\"2026-11-22T09:00:00.100Z\",\"orderId\":\"nl-1.1\","
        "\"userId\":\"clusius\","
        "\"traceId\":\"0af7651916cd43dd8448eb211c80319d\",\"payload\":{\"orderId\":\"nl-1.1\",\"requestedAt\":\"2026-"
        "11-22T09:00:00.100Z\"}}");
    json_decref(events);
    events = fixture_get(200, "api_events('nl-1', 'executions', 0, 100, NULL, NULL, NULL)");
    fixture_expect_string(item(events, 0), "type", "TradeExecuted");
    fixture_expect_string(item(events, 0), "traceId", "0af7651916cd43dd8448eb211c80319c");
    fixture_expect_string(json_object_get(item(events, 0), "payload"), "buyOrder", "nl-1.1");
    fixture_expect_string(item(events, 1), "type", "OrderCancelled");
    fixture_expect_string(json_object_get(item(events, 1), "payload"), "cancelledAt", "2026-11-22T09:00:00.052Z");
    fixture_expect(json_object_get(item(events, 2), "payload"),
                   "{\"orderId\":\"nl-1.1\",\"status\":\"ACCEPTED\",\"side\":\"BUY\",\"quantity\":10,\"price\":\"124."
                   "20\",\"filledQuantity\":10,"
                   "\"avgFillPrice\":\"124.20\",\"acceptedAz\":\"nl-1a\",\"acceptedAt\":\"2026-11-22T09:00:00.051Z\","
                   "\"cancelledAt\":null,"
                   "\"processingMs\":50}");
    json_decref(events);
    events = fixture_get(200, "api_events('nl-1', 'balances', 0, 100, NULL, NULL, NULL)");
    ck_assert_uint_eq(json_array_size(json_object_get(events, "items")), 3);
    fixture_expect_string(item(events, 0), "orderId", NULL);
    fixture_expect_string(item(events, 1), "type", "BalanceAdjustmentFailed");
    fixture_expect(json_object_get(item(events, 1), "payload"),
                   "{\"dlqId\":\"nl-1.1\",\"orderId\":\"nl-1.1\",\"attempts\":1,\"reason\":\"poisoned\"}");
    fixture_expect(
        json_object_get(item(events, 2), "payload"),
        "{\"entryId\":\"nl-1.3\",\"orderId\":\"nl-1.1\",\"side\":\"BUY\",\"quantity\":10,\"price\":\"124.20\","
        "\"delta\":\"-1242.00\","
        "\"reason\":\"ORDER_FILL\",\"resultingBalance\":\"8758.00\",\"createdAt\":\"2026-11-22T09:00:01.000Z\","
        "\"currentBalance\":\"8758.00\",\"currency\":\"fl\",\"version\":2}");
    json_decref(events);
    events = fixture_get(200, "api_events('nl-1', 'ops', 0, 1, NULL, NULL, NULL)");
    fixture_expect_string(item(events, 0), "type", "PersonaCreated");
    fixture_expect_int(item(events, 0), "prevSeq", 0);
    fixture_expect_int(events, "nextAfterSeq", 1);
    fixture_expect_int(events, "lastSeq", 3);
    json_decref(events);
}
END_TEST

START_TEST(filters_keep_contiguity_visible)
{
    lived();
    static const struct {
        const char *arguments, *pairs; /* prevSeq>seq … nextAfterSeq/lastSeq */
    } cases[] = {
        {"'orders', 0, 100, NULL, NULL, NULL", "0>1 1>2 2>3 3/3"},
        {"'orders', 0, 2, NULL, NULL, NULL", "0>1 1>2 2/3"},
        {"'orders', 2, 2, NULL, NULL, NULL", "2>3 3/3"},
        {"'orders', 3, 2, NULL, NULL, NULL", "3/3"},
        {"'orders', 9, 2, NULL, NULL, NULL", "9/3"},
        {"'orders', 0, 100, NULL, 'clusius', NULL", "0>1 1>3 3/3"},
        {"'orders', 0, 1, NULL, 'clusius', NULL", "0>1 1/3"},
        {"'orders', 0, 100, NULL, 'leeuwenhoek', NULL", "0>2 3/3"},
        {"'orders', 0, 100, 'CancelRequested', NULL, NULL", "0>3 3/3"},
        {"'orders', 0, 100, 'TradeExecuted', NULL, NULL", "3/3"},
        {"'orders', 0, 100, NULL, NULL, 1", "0>1 1>3 3/3"},
        {"'orders', 1, 100, NULL, NULL, 1", "1>3 3/3"},
        {"'orders', 0, 100, NULL, 'leeuwenhoek', 1", "3/3"},
        {"'executions', 0, 100, NULL, NULL, 1", "0>1 1>3 3/3"},
        {"'executions', 0, 100, 'OrderAccepted', NULL, 1", "0>3 3/3"},
        {"'executions', 0, 100, NULL, 'leeuwenhoek', NULL", "0>2 3/3"},
        {"'balances', 0, 100, NULL, NULL, 1", "0>2 2>3 3/3"},
        {"'balances', 0, 100, 'BalanceUpdated', NULL, NULL", "0>1 1>3 3/3"},
        {"'balances', 0, 100, 'BalanceUpdated', 'leeuwenhoek', NULL", "3/3"},
        {"'balances', 1, 100, NULL, 'clusius', NULL", "1>2 2>3 3/3"},
        {"'balances', 0, 100, 'BalanceAdjustmentFailed', 'clusius', NULL", "0>2 3/3"},
        {"'ops', 0, 100, NULL, NULL, 1", "3/3"},
        {"'ops', 0, 100, 'PersonaCreated', 'clusius', 1", "3/3"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *events = fixture_get(200, "api_events('nl-1', %s)", cases[i].arguments), *event;
        char text[256] = "";
        size_t index, used = 0;
        json_array_foreach(json_object_get(events, "items"), index, event)
        {
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%lld>%lld ",
                                     (long long)json_integer_value(json_object_get(event, "prevSeq")),
                                     (long long)json_integer_value(json_object_get(event, "seq")));
        }
        snprintf(text + used, sizeof(text) - used, "%lld/%lld",
                 (long long)json_integer_value(json_object_get(events, "nextAfterSeq")),
                 (long long)json_integer_value(json_object_get(events, "lastSeq")));
        ck_assert_msg(strcmp(text, cases[i].pairs) == 0, "%s gives %s, expected %s", cases[i].arguments, text,
                      cases[i].pairs);
        json_decref(events);
    }
}
END_TEST

START_TEST(a_filtered_reader_makes_progress_over_what_it_does_not_see)
{
    const char *url = fixture_database();
    long long budget = testdb_integer(url, "SELECT scan_budget()");
    fixture_orders(1, budget + 5, "clusius", "web-ui", 1, 10, 100);
    fixture_orders(budget + 6, 1, "clusius", "web-ui", 1, 10, 100);
    testdb_run(url,
               "INSERT INTO orders (region, seq, kind, target_seq, created_at, user_id, client_id, idempotency_key) "
               "VALUES ('nl-1', %lld, 2, 8, now(), 'clusius', '@cancel', 'cancel:8');"
               "UPDATE stream_heads SET next_seq = %lld WHERE stream = 'orders'",
               budget + 7, budget + 8);
    json_t *events = fixture_get(200, "api_events('nl-1', 'orders', 0, 10, 'CancelRequested', NULL, NULL)");
    ck_assert_uint_eq(json_array_size(json_object_get(events, "items")), 0);
    fixture_expect_int(events, "nextAfterSeq", budget);
    json_decref(events);
    events = fixture_get(200, "api_events('nl-1', 'orders', %lld, 10, 'CancelRequested', NULL, NULL)", budget);
    fixture_expect_int(item(events, 0), "seq", budget + 7);
    json_decref(events);
    events = fixture_get(200, "api_events('nl-1', 'orders', 0, 10, NULL, NULL, %lld)",
                         budget + 6); /* by its own index, wherever it is */
    fixture_expect_int(item(events, 0), "seq", budget + 6);
    json_decref(events);
}
END_TEST

START_TEST(an_order_carries_its_trades_and_its_story)
{
    lived();
    json_t *order = fixture_get(200, "api_order('nl-1', 1)"), *event;
    static const char *const story[] = {"OrderReceived", "CancelRequested",         "TradeExecuted",
                                        "OrderAccepted", "BalanceAdjustmentFailed", "BalanceUpdated"};
    ck_assert_uint_eq(json_array_size(json_object_get(order, "trades")), 1);
    ck_assert_uint_eq(json_array_size(json_object_get(order, "events")), 6);
    size_t index;
    json_array_foreach(json_object_get(order, "events"), index, event)
    {
        fixture_expect_string(event, "type", story[index]);
        fixture_expect_string(event, "orderId", "nl-1.1");
    }
    json_decref(order);
    order = fixture_get(200, "api_order('nl-1', 2)");
    ck_assert_uint_eq(json_array_size(json_object_get(order, "trades")), 0);
    ck_assert_uint_eq(json_array_size(json_object_get(order, "events")), 2);
    json_decref(order);
    ck_assert_ptr_null(fixture_get(404, "api_order('nl-1', 3)")); /* a cancel request is no order */
}
END_TEST

START_TEST(dead_letters_wait_newest_first)
{
    const char *url = fixture_database();
    for (int64_t order = 1; order <= 4; order++) {
        fixture_outbox(order, "clusius", 1, 10, 12420);
        testdb_run(
            url,
            "INSERT INTO dead_letters VALUES ('nl-1', %lld, %d, 5, NULL, '2026-11-22T09:00:00Z', now(), 'poisoned')",
            (long long)order, order == 3 ? 1 : 2); /* the third is still being retried */
    }
    json_t *list = fixture_get(200, "api_dlq('nl-1', 9223372036854775807, 2)");
    fixture_expect(
        item(list, 1),
        "{\"dlqId\":\"nl-1.2\",\"type\":\"BalanceAdjustment\",\"orderId\":\"nl-1.2\",\"userId\":\"clusius\","
        "\"attempts\":5,"
        "\"firstFailedAt\":\"2026-11-22T09:00:00.000Z\",\"lastError\":\"poisoned\",\"payload\":{\"orderId\":\"nl-1.2\","
        "\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":10,\"price\":\"124.20\",\"delta\":\"-1242.00\"}}");
    fixture_expect_int(list, "depth", 3);
    fixture_expect_string(list, "nextCursor", "ZDE6Mg");
    json_decref(list);
    list = fixture_get(200, "api_dlq('nl-1', 2, 2)");
    fixture_expect_string(item(list, 0), "dlqId", "nl-1.1");
    fixture_expect_string(list, "nextCursor", NULL);
    json_decref(list);
}
END_TEST

START_TEST(alarms_and_the_market_answer_when_there_is_nothing_yet)
{
    const char *url = fixture_database();
    json_t *market = fixture_get(200, "api_market('nl-1')");
    fixture_expect(
        market,
        "{\"market\":\"TULIP\",\"currency\":\"fl\",\"tickSize\":\"0.01\",\"lastPrice\":null,\"mode\":\"SIMFILL\"}");
    json_decref(market);
    fixture_orders(1, 2, "clusius", "web-ui", 1, 10, 12420);
    fixture_execution(1, 1, 1, 10, 12420);
    fixture_execution(2, 3, 0, 0, 0);
    market = fixture_get(200, "api_market('nl-1')");
    fixture_expect_string(market, "lastPrice", "124.20");
    json_decref(market);
    json_t *alarms = fixture_get(200, "api_alarms('nl-1')");
    fixture_expect(alarms, "{\"items\":[]}");
    json_decref(alarms);
    testdb_run(
        url, "INSERT INTO alarms VALUES ('nl-1', 'dlq-depth', true, '2026-11-22T09:00:00Z', 'warning', 'One waits', 1),"
             " ('nl-1', 'outbox-stuck', false, '2026-11-22T09:00:00Z', 'critical', 'Stuck', 31.5)");
    alarms = fixture_get(200, "api_alarms('nl-1')");
    fixture_expect(alarms,
                   "{\"items\":[{\"id\":\"dlq-depth\",\"since\":\"2026-11-22T09:00:00.000Z\",\"severity\":\"warning\","
                   "\"message\":\"One waits\",\"value\":1}]}");
    json_decref(alarms);
}
END_TEST

Suite *events_suite(void)
{
    Suite *suite = suite_create("api_sql_events");
    TCase *tests = tcase_create("events");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, every_stream_comes_in_envelopes);
    tcase_add_test(tests, filters_keep_contiguity_visible);
    tcase_add_test(tests, a_filtered_reader_makes_progress_over_what_it_does_not_see);
    tcase_add_test(tests, an_order_carries_its_trades_and_its_story);
    tcase_add_test(tests, dead_letters_wait_newest_first);
    tcase_add_test(tests, alarms_and_the_market_answer_when_there_is_nothing_yet);
    suite_add_tcase(suite, tests);
    return suite;
}
