/* Positions as balance keeps them, and the SQL behind portfolio, candles, pulse and traces. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_fixture.h"
#include "check_main.h"
#include "testdb.h"

static const char *url;

/* Effect: adjustments (outbox rows) of clusius: signed quantities at prices, one a pair, in the outbox. */
static void add_fills(const int (*fills)[2], size_t count)
{
    for (size_t i = 0; i < count; i++)
        testdb_run(url,
                   "INSERT INTO outbox SELECT 'nl-1', h.next_seq, 1000 + h.next_seq, %d, %d, %d, %d, 0, now(), now(), "
                   "NULL, 'clusius' FROM stream_heads h WHERE h.stream = 'outbox';"
                   "UPDATE stream_heads SET next_seq = next_seq + 1 WHERE stream = 'outbox'",
                   -fills[i][0] * fills[i][1], fills[i][1], abs(fills[i][0]), fills[i][0] > 0 ? 1 : 2);
}

/* Effect: settles everything in the outbox, `batch` rows a time. */
static void settle(int batch)
{
    testdb_run(url,
               "DO $$ DECLARE at bigint; top bigint; n bigint; e bigint; BEGIN SELECT epoch INTO e FROM "
               "take_epoch('nl-1', 'balances'); LOOP"
               " SELECT position + 1 INTO at FROM cursors WHERE consumer = 'balance' AND stream = 'outbox';"
               " SELECT next_seq INTO top FROM stream_heads WHERE stream = 'outbox';"
               " SELECT next_seq INTO n FROM stream_heads WHERE stream = 'balances'; EXIT WHEN at >= top;"
               " PERFORM balance_apply('nl-1', e, n, at, least(%d, top - at)::integer, now()); END LOOP; END $$",
               batch);
}

static const struct {
    const char *what;
    int fills[6][2]; /* quantity (below zero: sold), price in cents */
    int64_t quantity, cost_cents;
} positions[] = {
    {"one purchase costs what was paid", {{10, 12420}}, 10, 124200},
    {"purchases average", {{10, 100}, {30, 200}}, 40, 7000},
    {"a sale takes its share of the cost along, whatever its price", {{10, 100}, {30, 200}, {-10, 900}}, 30, 5250},
    {"an odd cent stays with what is held", {{3, 100}, {-1, 500}, {1, 1}, {-1, 7}}, 2, 134},
    {"selling all leaves nothing", {{3, 101}, {-2, 7}, {-1, 9}}, 0, 0},
    {"after selling all, cost begins anew", {{3, 101}, {-3, 7}, {2, 50}}, 2, 100},
    {"short: what the sales brought, below zero", {{-4, 100}, {-4, 200}}, -8, -1200},
    {"buying back takes its share along", {{-4, 100}, {-4, 200}, {2, 999}}, -6, -900},
    {"a sale through zero opens a short at its own price", {{5, 100}, {-8, 300}}, -3, -900},
    {"a purchase through zero opens at its own price", {{-5, 100}, {7, 250}}, 2, 500},
};

START_TEST(a_position_is_the_average_cost_of_its_fills)
{
    static const int batches[] = {1, 2, 100};
    for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++) {
        url = fixture_database();
        size_t count = 0;
        while (count < 6 && positions[_i].fills[count][0] != 0)
            count++;
        add_fills(positions[_i].fills, count);
        settle(batches[b]);
        ck_assert_int_eq(testdb_integer(url, "SELECT quantity FROM positions WHERE account = 'clusius'"),
                         positions[_i].quantity);
        ck_assert_int_eq(testdb_integer(url, "SELECT cost_cents FROM positions WHERE account = 'clusius'"),
                         positions[_i].cost_cents);
        ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM audit_balances('nl-1')"), 0);
    }
}
END_TEST

START_TEST(a_redriven_adjustment_and_a_rebuild_come_to_the_same_position)
{
    static const int fills[][2] = {{10, 100}, {7, 300}, {-4, 250}};
    url = fixture_database();
    add_fills(fills, 3);
    testdb_run(url, "UPDATE outbox SET fault = 1 WHERE seq = 2");
    testdb_run(url, "DO $$ DECLARE e bigint; BEGIN SELECT epoch INTO e FROM take_epoch('nl-1', 'balances');"
                    " PERFORM balance_apply('nl-1', e, 1, 1, 1, now());"
                    " PERFORM balance_fail('nl-1', e, 2, 2, 1, true, NULL, now(), 'TB010: poisoned');"
                    " PERFORM balance_apply('nl-1', e, 4, 3, 1, now()); END $$");
    ck_assert_int_eq(testdb_integer(url, "SELECT cost_cents FROM positions WHERE account = 'clusius'"), 600);
    testdb_run(url, "SELECT balance_resolve('nl-1', epoch, next_seq, 2, 2::smallint, 'test', now()) FROM stream_heads "
                    "WHERE stream = 'balances'");
    ck_assert_int_eq(testdb_integer(url, "SELECT quantity FROM positions WHERE account = 'clusius'"), 13);
    ck_assert_int_eq(testdb_integer(url, "SELECT cost_cents FROM positions WHERE account = 'clusius'"), 2700);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM audit_balances('nl-1')"), 0);
    testdb_run(url, "UPDATE positions SET quantity = 1, cost_cents = 5");
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM audit_balances('nl-1')"), 1);
    testdb_run(url, "SELECT balance_rebuild('nl-1', epoch, next_seq, 'clusius', 'test', now()) FROM stream_heads WHERE "
                    "stream = 'balances'");
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM audit_balances('nl-1')"), 0);
    ck_assert_int_eq(testdb_integer(url, "SELECT cost_cents FROM positions WHERE account = 'clusius'"), 2700);
}
END_TEST

START_TEST(a_portfolio_adds_up)
{
    static const int fills[][2] = {{10, 12000}, {-3, 12500}};
    url = fixture_database();
    ck_assert_ptr_null(fixture_get(404, "api_portfolio('nl-1', 'nobody')"));
    testdb_run(url, "SELECT take_epoch('nl-1', 'balances'); SELECT balance_open('nl-1', 1, 1, 100, 1000000, now())");
    json_t *portfolio = fixture_get(200, "api_portfolio('nl-1', 'clusius')");
    fixture_expect(portfolio, "{\"userId\":\"clusius\",\"cashBalance\":\"10000.00\",\"holdingsValue\":\"0.00\","
                              "\"totalValue\":\"10000.00\",\"currency\":\"fl\",\"positions\":[],"
                              "\"allocation\":{\"cashPct\":100.00,\"positionsPct\":0.00}}");
    json_decref(portfolio);
    add_fills(fills, 2);
    settle(10);
    testdb_run(url, "INSERT INTO candles VALUES ('nl-1', '2026-11-22T09:00:00Z', 1, 1, 1, 1, 1, 1, 1), "
                    "('nl-1', '2026-11-22T09:01:00Z', 12000, 12600, 11900, 12400, 13, 157500, 2)");
    portfolio = fixture_get(200, "api_portfolio('nl-1', 'clusius')");
    fixture_expect(portfolio,
                   "{\"userId\":\"clusius\",\"cashBalance\":\"9175.00\",\"holdingsValue\":\"868.00\","
                   "\"totalValue\":\"10043.00\",\"currency\":\"fl\",\"positions\":[{\"market\":\"TULIP\","
                   "\"quantity\":7,\"avgPrice\":\"120.00\",\"lastPrice\":\"124.00\",\"marketValue\":\"868.00\","
                   "\"unrealizedPnl\":\"28.00\"}],\"allocation\":{\"cashPct\":91.36,\"positionsPct\":8.64}}");
    json_decref(portfolio);
    json_t *market = fixture_get(200, "api_market('nl-1')");
    fixture_expect_string(market, "lastPrice", "124.00");
    json_decref(market);
}
END_TEST

START_TEST(shares_add_up_to_100_whatever_is_owed)
{
    static const struct {
        const char *cash, *holdings, *share;
    } cases[] = {
        {"0", "0", "100.00"},     {"100", "0", "100.00"},    {"0", "5", "0.00"},        {"1", "2", "33.33"},
        {"2", "1", "66.67"},      {"-500", "1500", "25.00"}, {"1000", "-250", "80.00"}, {"-1", "-1", "50.00"},
        {"1", "1999999", "0.00"}, {"-100", "100", "50.00"},
    };
    url = fixture_database();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *share = testdb_text(url, "SELECT cash_share(%s, %s)", cases[i].cash, cases[i].holdings);
        ck_assert_str_eq(share, cases[i].share);
        free(share);
    }
}
END_TEST

START_TEST(candles_are_the_trades_of_their_minutes)
{
    url = fixture_database();
    testdb_run(url,
               "SELECT take_epoch('nl-1', 'executions');"
               "SELECT simfill_append('nl-1', 1, 1, 1, 0, '2026-11-22T09:04:10Z', 'a', ARRAY[1, 1, 2]::bigint[], "
               "ARRAY[1, 2, 1]::smallint[], ARRAY[1, 1, 2]::smallint[], ARRAY[1, 0, 1], ARRAY[10, 10, 4], ARRAY[500, "
               "500, 700]::bigint[], ARRAY[5000, 5000, 2800]::bigint[], ARRAY['clusius', 'clusius', 'clusius'], '{}', "
               "'{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{500, 700, 500, 700, 14, 7800, 2}');"
               "SELECT simfill_append('nl-1', 1, 4, 1, 0, '2026-11-22T09:04:59.9Z', 'a', ARRAY[3]::bigint[], "
               "ARRAY[1]::smallint[], ARRAY[1]::smallint[], ARRAY[1], ARRAY[1], ARRAY[300]::bigint[], "
               "ARRAY[300]::bigint[], ARRAY['clusius'], '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', "
               "'{}', '{}', '{300, 300, 300, 300, 1, 300, 1}');"
               "SELECT simfill_append('nl-1', 1, 5, 1, 0, '2026-11-22T09:05:00Z', 'a', ARRAY[4, 3]::bigint[], "
               "ARRAY[1, 3]::smallint[], ARRAY[1, 1]::smallint[], ARRAY[1, 0], ARRAY[2, 0], ARRAY[900, "
               "0]::bigint[], ARRAY[1800, 0]::bigint[], ARRAY['clusius', 'clusius'], '{}', '{}', '{}', '{}', '{}', "
               "'{}', '{}', '{}', '{}', '{}', '{}', '{}');");
    json_t *candles = fixture_get(200, "api_candles('nl-1', '1m', 1, 10)");
    fixture_expect(candles,
                   "{\"market\":\"TULIP\",\"interval\":\"1m\",\"items\":["
                   "{\"start\":\"2026-11-22T09:05:00.000Z\",\"open\":\"9.00\",\"high\":\"9.00\",\"low\":\"9.00\","
                   "\"close\":\"9.00\",\"volume\":2,\"trades\":1,\"avgPrice\":\"9.00\"},"
                   "{\"start\":\"2026-11-22T09:04:00.000Z\",\"open\":\"5.00\",\"high\":\"7.00\",\"low\":\"3.00\","
                   "\"close\":\"3.00\",\"volume\":15,\"trades\":3,\"avgPrice\":\"5.40\"}],\"nextCursor\":null}");
    json_decref(candles);
    candles = fixture_get(200, "api_candles('nl-1', '1h', 60, 10)");
    fixture_expect(candles, "{\"market\":\"TULIP\",\"interval\":\"1h\",\"items\":["
                            "{\"start\":\"2026-11-22T09:00:00.000Z\",\"open\":\"5.00\",\"high\":\"9.00\",\"low\":\"3."
                            "00\",\"close\":\"9.00\",\"volume\":17,\"trades\":4,\"avgPrice\":\"5.82\"}],"
                            "\"nextCursor\":null}");
    json_decref(candles);
    candles = fixture_get(200, "api_candles('nl-1', '5m', 5, 1)");
    fixture_expect_string(json_array_get(json_object_get(candles, "items"), 0), "open", "9.00");
    ck_assert_uint_eq(json_array_size(json_object_get(candles, "items")), 1);
    json_decref(candles);
}
END_TEST

START_TEST(pulse_history_counts_by_second)
{
    url = fixture_database();
    fixture_orders(1, 3, "clusius", "web", 1, 10, 500);
    fixture_orders(4, 2, "clusius", "web", 2, 10, 600);
    fixture_orders(1000, 1, "clusius", "web", 2, 10, 700);
    char *history = fixture_text("api_pulse_history('nl-1', 1000, '2026-11-22T09:00:00Z')");
    ck_assert_str_eq(history, "1795338000 3 2 2700\n1795338001 0 1 700");
    free(history);
    history = fixture_text("api_pulse_history('nl-1', 4, '2026-11-22T09:00:00.003Z')");
    ck_assert_str_eq(history, "1795338000 1 1 1100");
    free(history);
    char *pulse = fixture_text("api_pulse('nl-1')");
    ck_assert_str_eq(pulse, "0");
    free(pulse);
    testdb_run(url, "INSERT INTO candles VALUES ('nl-1', '2026-11-22T09:00:00Z', 1, 1, 1, 1234, 1, 1, 1);"
                    "INSERT INTO dead_letters SELECT 'nl-1', s, 1 + s %% 2, 5, NULL, now(), now(), 'e' FROM "
                    "generate_series(1, 5) s");
    pulse = fixture_text("api_pulse('nl-1')");
    ck_assert_str_eq(pulse, "3 12.34");
    free(pulse);
}
END_TEST

/* Return: the span of that name, borrowed. */
static json_t *span(const json_t *trace, const char *name)
{
    size_t i;
    json_t *found;
    json_array_foreach(json_object_get(trace, "spans"), i,
                       found) if (strcmp(json_string_value(json_object_get(found, "name")), name) == 0) return found;
    ck_abort_msg("there is no span %s", name);
    return NULL;
}

START_TEST(a_trace_shows_the_way_of_an_order)
{
    url = fixture_database();
    fixture_orders(1, 2, "clusius", "web", 1, 10, 12420);
    testdb_run(url, "UPDATE orders SET trace_id = gen_random_uuid() WHERE seq = 2");
    ck_assert_ptr_null(fixture_get(404, "api_trace('nl-1', '00000000-0000-0000-0000-000000000001')"));
    json_t *trace = fixture_get(200, "api_trace('nl-1', '0af7651916cd43dd8448eb211c80319c')");
    fixture_expect_string(trace, "traceId", "0af7651916cd43dd8448eb211c80319c");
    fixture_expect_string(trace, "orderId", "nl-1.1");
    ck_assert_uint_eq(json_array_size(json_object_get(trace, "spans")), 3); /* order, append, fill */
    ck_assert(json_is_null(json_object_get(span(trace, "order"), "durationMs")));
    ck_assert(json_is_null(json_object_get(span(trace, "fill"), "durationMs")));
    json_decref(trace);
    fixture_execution(1, 1, 1, 10, 12420);
    fixture_execution(1, 2, 0, 10, 12420);
    fixture_settle(1, "clusius", 1, 10, 12420); /* at 09:00:01 */
    trace = fixture_get(200, "api_trace('nl-1', '0af7651916cd43dd8448eb211c80319c')");
    ck_assert_uint_eq(json_array_size(json_object_get(trace, "spans")), 5);
    json_t *root = span(trace, "order");
    ck_assert(json_is_null(json_object_get(root, "parentSpanId")));
    ck_assert_double_eq_tol(json_number_value(json_object_get(root, "durationMs")), 999, 0.01);
    ck_assert_double_eq_tol(json_number_value(json_object_get(span(trace, "fill"), "durationMs")), 50.9, 0.01);
    ck_assert_double_eq_tol(json_number_value(json_object_get(span(trace, "wait"), "durationMs")), 948.1, 0.01);
    ck_assert_str_eq(json_string_value(json_object_get(span(trace, "fill"), "parentSpanId")),
                     json_string_value(json_object_get(root, "spanId")));
    fixture_expect_string(json_object_get(span(trace, "settle"), "attributes"), "delta", "-1242.00");
    fixture_expect_string(span(trace, "settle"), "actor", "balance");
    json_decref(trace);
}
END_TEST

CHECK_MAIN("views", tcase_set_timeout(cases, 120);
           tcase_add_loop_test(cases, a_position_is_the_average_cost_of_its_fills, 0,
                               (int)(sizeof positions / sizeof positions[0]));
           tcase_add_test(cases, a_redriven_adjustment_and_a_rebuild_come_to_the_same_position);
           tcase_add_test(cases, a_portfolio_adds_up); tcase_add_test(cases, shares_add_up_to_100_whatever_is_owed);
           tcase_add_test(cases, candles_are_the_trades_of_their_minutes);
           tcase_add_test(cases, pulse_history_counts_by_second);
           tcase_add_test(cases, a_trace_shows_the_way_of_an_order);)
