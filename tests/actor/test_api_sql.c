/* The SQL functions behind the GETs of orders, trades, balances and personas. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_fixture.h"
#include "testdb.h"

#define NO_BOUND "9223372036854775807"

START_TEST(money_times_and_averages_are_written_as_the_api_says)
{
    static const struct {
        const char *expression, *expected;
    } cases[] = {
        {"money_text(12420)", "124.20"},
        {"money_text(-124200)", "-1242.00"},
        {"money_text(0)", "0.00"},
        {"money_text(-5)", "-0.05"},
        {"money_text('-9223372036854775808'::bigint)", "-92233720368547758.08"},
        {"time_text('2026-11-22 10:21:16.123999+01')", "2026-11-22T09:21:16.123Z"},
        {"time_text('2026-11-22 09:21:16')", "2026-11-22T09:21:16.000Z"},
        {"average_cents(10, 4)", "2"}, /* 2.5 to even */
        {"average_cents(14, 4)", "4"}, /* 3.5 to even */
        {"average_cents(11, 4)", "3"},
        {"average_cents(9, 4)", "2"},
        {"average_cents(12420, 1)", "12420"},
        {"coalesce(average_cents(5, 0)::text, 'none')", "none"},
        {"cursor_text('o1', '1842')", "bzE6MTg0Mg"},
        {"coalesce(cursor_text('o1', NULL), 'none')", "none"},
        {"csv_text('plain')", "plain"},
        {"csv_text('a,\"b\"')", "\"a,\"\"b\"\"\""},
        {"csv_text('=1+1')", "'=1+1"},
        {"csv_text('-2')", "'-2"},
        {"csv_text('@SUM(A1),1')", "\"'@SUM(A1),1\""},
        {"csv_text('a-b')", "a-b"},
    };
    const char *url = fixture_database();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = testdb_text(url, "SET timezone = 'UTC'; SELECT %s", cases[i].expression);
        ck_assert_msg(strcmp(text, cases[i].expected) == 0, "%s is %s, expected %s", cases[i].expression, text,
                      cases[i].expected);
        free(text);
    }
}
END_TEST

START_TEST(a_pending_order_reads_as_post_answered_it)
{
    fixture_database();
    fixture_orders(7, 1, "clusius", "web-ui", 1, 10, 12420);
    json_t *order = fixture_get(200, "api_order_present('nl-1', 7)");
    json_t *updated = json_object_get(json_object_get(order, "balanceSnapshot"), "updatedAt");
    ck_assert(json_is_null(updated));
    fixture_expect(
        order,
        "{\"orderId\":\"nl-1.7\",\"clientId\":\"web-ui\",\"userId\":\"clusius\",\"persona\":{\"userId\":\"clusius\","
        "\"displayName\":\"Carolus Clusius\",\"avatarUrl\":\"/avatars/seed/clusius.png\",\"bio\":\"Botanist\"},"
        "\"market\":\"TULIP\",\"side\":\"BUY\",\"quantity\":10,\"filledQuantity\":0,\"price\":\"124.20\","
        "\"avgFillPrice\":null,"
        "\"timeInForce\":\"GTC\",\"status\":\"PENDING\",\"statusLabel\":\"Awaiting simulated fill\","
        "\"pendingReason\":\"AWAITING_FILL\",\"region\":\"nl-1\",\"acceptedAz\":null,\"seq\":7,\"idempotencyKey\":"
        "\"key-7\","
        "\"simulationSeed\":\"seed\",\"possibleDuplicateOf\":null,\"createdAt\":\"2026-11-22T09:00:00.007Z\","
        "\"acceptedAt\":null,\"cancelledAt\":null,\"processingMs\":null,\"traceId\":"
        "\"0af7651916cd43dd8448eb211c80319c\","
        "\"balanceSnapshot\":{\"userId\":\"clusius\",\"currentBalance\":\"0.00\",\"currency\":\"fl\","
        "\"pendingDelta\":\"-1242.00\",\"updatedAt\":null},\"warnings\":[]}");
    json_decref(order);
    json_t *by_key = fixture_get(200, "api_order_by_key('nl-1', 'web-ui', 'key-7')");
    fixture_expect_string(by_key, "orderId", "nl-1.7");
    json_decref(by_key);
    ck_assert_ptr_null(fixture_get(404, "api_order_by_key('nl-1', 'web-ui', 'key-8')"));
    ck_assert_ptr_null(fixture_get(404, "api_order('nl-1', 8)"));
    ck_assert_ptr_null(fixture_get(404, "api_order('de-1', 7)"));
}
END_TEST

START_TEST(an_order_shows_what_became_of_it)
{
    const char *url = fixture_database();
    fixture_orders(1, 5, "clusius", "web-ui", 2, 10, 12420);
    fixture_execution(1, 1, 1, 4, 12420);
    fixture_execution(1, 1, 2, 2, 12421);
    fixture_execution(2, 1, 1, 10, 12420);
    fixture_execution(2, 2, 0, 10, 12420);
    fixture_execution(3, 3, 0, 0, 0);
    fixture_execution(4, 4, 0, 0, 0);
    testdb_run(url, "UPDATE orders SET possible_duplicate_of = 4, key_generated = true WHERE seq = 5");
    static const struct {
        int seq, filled;
        const char *status, *label, *reason, *average, *az, *accepted, *cancelled;
    } cases[] = {
        {1, 6, "PENDING", "Awaiting simulated fill", "AWAITING_FILL", "124.20", NULL, NULL, NULL},
        {2, 10, "ACCEPTED", "Accepted", NULL, "124.20", "nl-1a", "2026-11-22T09:00:00.052Z", NULL},
        {3, 0, "CANCELLED", "Cancelled", NULL, NULL, NULL, NULL, "2026-11-22T09:00:00.053Z"},
        {4, 0, "REJECTED", "Rejected", NULL, NULL, NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *order = fixture_get(200, "api_order('nl-1', %d)", cases[i].seq);
        fixture_expect_string(order, "status", cases[i].status);
        fixture_expect_string(order, "statusLabel", cases[i].label);
        fixture_expect_string(order, "pendingReason", cases[i].reason);
        fixture_expect_int(order, "filledQuantity", cases[i].filled);
        fixture_expect_string(order, "avgFillPrice", cases[i].average);
        fixture_expect_string(order, "acceptedAz", cases[i].az);
        fixture_expect_string(order, "acceptedAt", cases[i].accepted);
        fixture_expect_string(order, "cancelledAt", cases[i].cancelled);
        ck_assert_ptr_null(json_object_get(order, "idempotencyKeyGenerated"));
        if (i > 0) {
            fixture_expect_int(order, "processingMs", 50); /* 50.9 ms, cut */
        }
        json_decref(order);
    }
    json_t *order = fixture_get(200, "api_order('nl-1', 5)");
    fixture_expect_string(order, "possibleDuplicateOf", "nl-1.4");
    ck_assert(json_is_true(json_object_get(order, "idempotencyKeyGenerated")));
    json_decref(order);
}
END_TEST

START_TEST(an_order_shows_its_persona_as_it_is_now)
{
    const char *url = fixture_database();
    fixture_orders(1, 1, "clusius", "web-ui", 1, 10, 12420);
    testdb_run(url,
               "UPDATE personas SET display_name = 'C. \"Tulip\" Clusius', deleted = true WHERE user_id = 'clusius'");
    json_t *list = fixture_get(200, "api_orders('nl-1', NULL, NULL, NULL, NULL, " NO_BOUND ", 50)");
    json_t *item = json_array_get(json_object_get(list, "items"), 0);
    fixture_expect(json_object_get(item, "persona"),
                   "{\"userId\":\"clusius\",\"displayName\":\"C. \\\"Tulip\\\" Clusius\","
                   "\"avatarUrl\":\"/avatars/seed/clusius.png\",\"bio\":\"Botanist\",\"deleted\":true}");
    ck_assert(json_is_null(json_object_get(item, "balanceSnapshot")));
    json_decref(list);
}
END_TEST

/* Return: the seqs of a list's items, like "9,8,7". */
static const char *seqs_of(const json_t *list)
{
    static char text[4096];
    size_t used = 0, index;
    json_t *item;
    text[0] = '\0';
    json_array_foreach(json_object_get(list, "items"), index, item)
    {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%lld", index > 0 ? "," : "",
                                 (long long)json_integer_value(json_object_get(item, "seq")));
    }
    return text;
}

START_TEST(filters_pick_the_newest_orders_that_fit)
{
    const char *url = fixture_database();
    fixture_orders(1, 3, "clusius", "web-ui", 1, 10, 100);
    fixture_orders(4, 3, "leeuwenhoek", "api", 2, 10, 100);
    fixture_orders(7, 2, "clusius", "api", 2, 10, 100);
    testdb_run(url,
               "INSERT INTO orders (region, seq, kind, target_seq, created_at, user_id, client_id, idempotency_key) "
               "VALUES ('nl-1', 9, 2, 8, now(), 'clusius', '@cancel', 'cancel:8');"
               "UPDATE stream_heads SET next_seq = 10 WHERE stream = 'orders'");
    fixture_execution(1, 2, 0, 10, 100);
    fixture_execution(2, 3, 0, 0, 0);
    fixture_execution(4, 3, 0, 0, 0);
    fixture_execution(5, 4, 0, 0, 0);
    fixture_execution(7, 2, 0, 10, 100);
    fixture_cursor("simfill", "orders", 6);
    testdb_run(url, "INSERT INTO parked_orders VALUES ('nl-1', 3, NULL), ('nl-1', 6, NULL)");
    static const struct {
        const char *filters, *seqs;
    } cases[] = {
        {"NULL, NULL, NULL, NULL", "8,7,6,5,4,3,2,1"},
        {"'clusius', NULL, NULL, NULL", "8,7,3,2,1"},
        {"'nobody', NULL, NULL, NULL", ""},
        {"NULL, 1, NULL, NULL", "8,6,3"},
        {"NULL, 2, NULL, NULL", "7,1"},
        {"NULL, 3, NULL, NULL", "4,2"},
        {"NULL, 4, NULL, NULL", "5"},
        {"'clusius', 1, NULL, NULL", "8,3"},
        {"'clusius', 2, 2, NULL", "7"},
        {"'clusius', 3, NULL, NULL", "2"},
        {"NULL, NULL, 2, NULL", "8,7,6,5,4"},
        {"NULL, NULL, NULL, 'web-ui'", "3,2,1"},
        {"NULL, 1, 2, 'api'", "8,6"},
        {"NULL, 3, NULL, 'api'", "4"},
        {"'leeuwenhoek', 4, 2, 'api'", "5"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *list = fixture_get(200, "api_orders('nl-1', %s, " NO_BOUND ", 50)", cases[i].filters);
        ck_assert_msg(strcmp(seqs_of(list), cases[i].seqs) == 0, "%s gives %s, expected %s", cases[i].filters,
                      seqs_of(list), cases[i].seqs);
        fixture_expect_string(list, "nextCursor", NULL);
        json_decref(list);
    }
    json_t *list = fixture_get(200, "api_orders('de-1', NULL, NULL, NULL, NULL, " NO_BOUND ", 50)");
    fixture_expect(list, "{\"items\":[],\"nextCursor\":null}"); /* a region that does not exist */
    json_decref(list);
}
END_TEST

START_TEST(a_walk_sees_every_order_once_while_more_arrive)
{
    const char *url = fixture_database();
    fixture_orders(1, 25, "clusius", "web-ui", 1, 10, 100);
    char walked[4096] = "";
    long long before = INT64_MAX;
    int pages = 0;
    for (bool more = true; more; pages++) {
        json_t *list = fixture_get(200, "api_orders('nl-1', NULL, NULL, NULL, NULL, %lld, 10)", before);
        snprintf(walked + strlen(walked), sizeof(walked) - strlen(walked), "%s%s", pages > 0 ? "," : "", seqs_of(list));
        const char *cursor = json_string_value(json_object_get(list, "nextCursor"));
        more = cursor != NULL;
        if (more) {
            char *key = testdb_text(
                url, "SELECT convert_from(decode(rpad('%s', (length('%s') + 3) / 4 * 4, '='), 'base64'), 'UTF8')",
                cursor, cursor);
            ck_assert_int_eq(sscanf(key, "o1:%lld", &before), 1);
            free(key);
        }
        json_decref(list);
        fixture_orders(26 + pages * 3, 3, "clusius", "web-ui", 1, 10, 100);
    }
    ck_assert_str_eq(walked, "25,24,23,22,21,20,19,18,17,16,15,14,13,12,11,10,9,8,7,6,5,4,3,2,1");
    ck_assert_int_eq(pages, 3);
}
END_TEST

START_TEST(a_rare_filter_is_answered_in_bounded_steps)
{
    const char *url = fixture_database();
    fixture_orders(1, 1, "clusius", "rare", 2, 10, 100);
    fixture_orders(2, testdb_integer(url, "SELECT scan_budget()") + 10, "clusius", "web-ui", 1, 10, 100);
    static const char *const filters[] = {"NULL, NULL, NULL, 'rare'", "'clusius', NULL, 2, NULL"};
    for (size_t i = 0; i < 2; i++) {
        json_t *list = fixture_get(200, "api_orders('nl-1', %s, " NO_BOUND ", 50)", filters[i]);
        ck_assert_str_eq(seqs_of(list), "");
        ck_assert(json_is_string(json_object_get(list, "nextCursor")));
        json_decref(list);
        list = fixture_get(200, "api_orders('nl-1', %s, 12, 50)", filters[i]);
        ck_assert_str_eq(seqs_of(list), "1");
        fixture_expect_string(list, "nextCursor", NULL);
        json_decref(list);
    }
}
END_TEST

START_TEST(csv_is_safe_to_open)
{
    const char *url = fixture_database();
    fixture_orders(1, 2, "clusius", "=cmd|x", 1, 10, 12420);
    fixture_execution(1, 2, 0, 10, 12420);
    testdb_run(url, "UPDATE personas SET display_name = 'Clusius, \"C.\"' WHERE user_id = 'clusius'");
    char *text = fixture_text("api_orders_csv('nl-1', NULL, NULL, NULL, NULL, " NO_BOUND ", 1)");
    ck_assert_str_eq(
        text,
        "bzE6Mg\norderId,createdAt,userId,submittedBy,clientId,market,side,quantity,price,timeInForce,status,"
        "filledQuantity,"
        "avgFillPrice,acceptedAt,cancelledAt,processingMs,region,seq,idempotencyKey,traceId\r\n"
        "nl-1.2,2026-11-22T09:00:00.002Z,clusius,\"Clusius, \"\"C.\"\"\",'=cmd|x,TULIP,BUY,10,124.20,GTC,PENDING,0,,,,,"
        "nl-1,2,key-2,0af7651916cd43dd8448eb211c80319c\r\n");
    free(text);
    text = fixture_text("api_orders_csv('nl-1', NULL, NULL, NULL, NULL, 2, 1)");
    ck_assert(strstr(text, ",ACCEPTED,10,124.20,2026-11-22T09:00:00.051Z,,50,nl-1,1,key-1,") != NULL);
    ck_assert_int_eq(text[0], '\n');
    free(text);
}
END_TEST

START_TEST(trades_name_the_order_and_the_simulated_side)
{
    fixture_database();
    fixture_orders(1, 1, "clusius", "web-ui", 1, 10, 12420);
    fixture_orders(2, 1, "leeuwenhoek", "web-ui", 2, 6, 100);
    fixture_execution(1, 1, 1, 10, 12420);
    fixture_execution(1, 2, 0, 10, 12420);
    fixture_execution(2, 1, 1, 2, 100);
    fixture_execution(2, 1, 2, 4, 101);
    fixture_execution(2, 2, 0, 6, 101);
    json_t *list = fixture_get(200, "api_trades('nl-1', NULL, NULL, " NO_BOUND ", 50)");
    ck_assert_str_eq(seqs_of(list), "4,3,1");
    fixture_expect(
        json_array_get(json_object_get(list, "items"), 2),
        "{\"tradeId\":\"nl-1.1\",\"buyOrder\":\"nl-1.1\",\"sellOrder\":\"SIM\",\"quantity\":10,\"price\":\"124.20\","
        "\"timestamp\":\"2026-11-22T09:00:00.051Z\",\"region\":\"nl-1\",\"fillAz\":\"nl-1a\",\"seq\":1,\"flags\":[]}");
    fixture_expect_string(json_array_get(json_object_get(list, "items"), 0), "buyOrder", "SIM");
    fixture_expect_string(json_array_get(json_object_get(list, "items"), 0), "sellOrder", "nl-1.2");
    json_decref(list);
    static const struct {
        const char *arguments, *seqs, *cursor;
    } cases[] = {
        {"'clusius', NULL, " NO_BOUND ", 50", "1", NULL},
        {"NULL, 2, " NO_BOUND ", 50", "4,3", NULL},
        {"'clusius', 2, " NO_BOUND ", 50", "", NULL},
        {"NULL, NULL, " NO_BOUND ", 2", "4,3", "dDE6Mw"},
        {"NULL, NULL, 3, 2", "1", NULL},
        {"'leeuwenhoek', NULL, " NO_BOUND ", 1", "4", "dDE6NA"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        list = fixture_get(200, "api_trades('nl-1', %s)", cases[i].arguments);
        ck_assert_str_eq(seqs_of(list), cases[i].seqs);
        fixture_expect_string(list, "nextCursor", cases[i].cursor);
        json_decref(list);
    }
}
END_TEST

static void expect_pending(const char *user_id, const char *expected)
{
    json_t *balance = fixture_get(200, "api_balance('nl-1', '%s', 10, NULL)", user_id);
    fixture_expect_string(balance, "pendingDelta", expected);
    json_decref(balance);
}

START_TEST(pending_delta_counts_each_order_once_on_its_way_to_the_ledger)
{
    const char *url = fixture_database();
    fixture_settle(0, "clusius", 2, 1, 1000000);
    expect_pending("clusius", "0.00");
    fixture_orders(1, 1, "clusius", "web-ui", 1, 10, 12420);
    fixture_orders(2, 1, "clusius", "web-ui", 2, 5, 100);
    fixture_orders(3, 1, "leeuwenhoek", "web-ui", 2, 5, 100);
    expect_pending("clusius", "-1237.00");
    fixture_execution(1, 1, 1, 10, 12420); /* a fill alone changes nothing: it is not settled yet */
    expect_pending("clusius", "-1237.00");
    fixture_execution(1, 2, 0, 10,
                      12420); /* final, with its adjustment, while simfill's cursor still waits for others */
    fixture_outbox(1, "clusius", 1, 10, 12420);
    expect_pending("clusius", "-1237.00");
    testdb_run(url, "INSERT INTO parked_orders VALUES ('nl-1', 2, NULL)"); /* order 2 waits for long: it is parked, the
                                                                              cursor passes it */
    fixture_cursor("simfill", "orders", 3);
    expect_pending("clusius", "-1237.00");
    fixture_settle(1, "clusius", 1, 10, 12420);
    fixture_cursor("balance", "outbox", 1);
    expect_pending("clusius", "5.00");
    fixture_execution(2, 3, 0, 0, 0); /* cancelled: nothing will move */
    testdb_run(url, "DELETE FROM parked_orders");
    expect_pending("clusius", "0.00");
}
END_TEST

START_TEST(pending_delta_keeps_what_failed_until_it_is_settled_or_discarded)
{
    const char *url = fixture_database();
    fixture_outbox(1, "clusius", 1, 10, 12420);
    static const struct {
        int state;
        const char *expected;
    } cases[] = {{1, "-1242.00"}, {2, "-1242.00"}, {3, "0.00"}, {4, "0.00"}};
    testdb_run(url, "INSERT INTO dead_letters VALUES ('nl-1', 1, 1, 1, NULL, now(), now(), 'poison')");
    for (size_t behind = 0; behind < 2; behind++) {
        fixture_cursor("balance", "outbox", (int64_t)behind);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            testdb_run(url, "UPDATE dead_letters SET state = %d", cases[i].state);
            expect_pending("clusius", behind == 0 ? "-1242.00" : cases[i].expected);
        }
    }
}
END_TEST

START_TEST(a_balance_comes_with_its_newest_entries)
{
    fixture_database();
    fixture_settle(0, "clusius", 2, 1, 1000000);
    fixture_settle(5, "clusius", 1, 10, 12420);
    json_t *balance = fixture_get(200, "api_balance('nl-1', 'clusius', 10, NULL)");
    fixture_expect(
        balance, "{\"userId\":\"clusius\",\"currentBalance\":\"8758.00\",\"currency\":\"fl\",\"updatedAt\":\"2026-11-"
                 "22T09:00:05.000Z\","
                 "\"lastOrderId\":\"nl-1.5\",\"version\":2,\"pendingDelta\":\"0.00\",\"ledger\":["
                 "{\"entryId\":\"nl-1.2\",\"orderId\":\"nl-1.5\",\"side\":\"BUY\",\"quantity\":10,\"price\":\"124.20\","
                 "\"delta\":\"-1242.00\",\"reason\":\"ORDER_FILL\",\"resultingBalance\":\"8758.00\","
                 "\"createdAt\":\"2026-11-22T09:00:05.000Z\"},"
                 "{\"entryId\":\"nl-1.1\",\"orderId\":null,\"side\":\"SELL\",\"quantity\":1,\"price\":\"10000.00\","
                 "\"delta\":\"10000.00\",\"reason\":\"OPENING_BALANCE\",\"resultingBalance\":\"10000.00\","
                 "\"createdAt\":\"2026-11-22T09:00:00.000Z\"}]}");
    json_decref(balance);
    balance = fixture_get(200, "api_balance('nl-1', 'leeuwenhoek', 10, NULL)"); /* no account yet */
    fixture_expect_string(balance, "currentBalance", "0.00");
    fixture_expect_int(balance, "version", 0);
    json_decref(balance);
    balance = fixture_get(200, "api_balance('nl-1', '@market', 1, NULL)");
    fixture_expect_string(balance, "currentBalance", "-8758.00");
    ck_assert_uint_eq(json_array_size(json_object_get(balance, "ledger")), 1);
    json_decref(balance);
    ck_assert_ptr_null(fixture_get(404, "api_balance('nl-1', 'nobody', 10, NULL)"));
    ck_assert_ptr_null(fixture_get(404, "api_ledger('nl-1', 'nobody', 5, 10, NULL)"));
}
END_TEST

START_TEST(a_balance_is_known_as_of_any_moment)
{
    const char *url = fixture_database();
    fixture_settle(0, "clusius", 2, 1, 1000000);
    testdb_run(url,
               "UPDATE stream_heads SET next_seq = 3 WHERE stream = 'balances'"); /* seq 2 is another kind of event */
    for (int64_t order = 1; order <= 9; order++) {
        fixture_settle(order * 10, order % 2 == 1 ? "clusius" : "leeuwenhoek", 1, 1, 100);
    }
    static const struct {
        const char *at, *balance, *last_order;
        int entries;
    } cases[] = {
        {"2026-11-22T08:59:59.999Z", "0.00", NULL, 0},         {"2026-11-22T09:00:00Z", "10000.00", NULL, 1},
        {"2026-11-22T09:00:09Z", "10000.00", NULL, 1},         {"2026-11-22T09:00:10Z", "9999.00", "nl-1.10", 2},
        {"2026-11-22T09:00:29.999Z", "9999.00", "nl-1.10", 2}, {"2026-11-22T09:00:30Z", "9998.00", "nl-1.30", 3},
        {"2099-01-01T00:00:00Z", "9995.00", "nl-1.90", 6},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *balance = fixture_get(200, "api_balance('nl-1', 'clusius', 10, '%s')", cases[i].at);
        fixture_expect_string(balance, "currentBalance", cases[i].balance);
        fixture_expect_string(balance, "lastOrderId", cases[i].last_order);
        fixture_expect_string(balance, "pendingDelta", NULL);
        ck_assert_int_eq((int)json_array_size(json_object_get(balance, "ledger")), cases[i].entries);
        json_decref(balance);
    }
}
END_TEST

START_TEST(the_ledger_and_the_balances_are_walked_by_cursor)
{
    fixture_database();
    for (int64_t order = 1; order <= 3; order++) {
        fixture_settle(order, "clusius", 1, 1, 100);
    }
    json_t *list = fixture_get(200, "api_ledger('nl-1', 'clusius', " NO_BOUND ", 2, NULL)");
    ck_assert_uint_eq(json_array_size(json_object_get(list, "items")), 2);
    fixture_expect_string(list, "nextCursor", "bDE6Mg");
    json_decref(list);
    list = fixture_get(200, "api_ledger('nl-1', 'clusius', 2, 2, NULL)");
    fixture_expect_string(json_array_get(json_object_get(list, "items"), 0), "entryId", "nl-1.1");
    fixture_expect_string(list, "nextCursor", NULL);
    json_decref(list);
    list = fixture_get(200, "api_balances('nl-1', '', 2, NULL)");
    fixture_expect_string(json_array_get(json_object_get(list, "items"), 0), "userId", "clusius");
    fixture_expect_string(json_object_get(list, "market"), "currentBalance", "3.00");
    fixture_expect_string(list, "nextCursor", "YjE6bGVldXdlbmhvZWs");
    json_decref(list);
    list = fixture_get(200, "api_balances('nl-1', 'leeuwenhoek', 2, NULL)");
    ck_assert_uint_eq(json_array_size(json_object_get(list, "items")), 1);
    fixture_expect_string(list, "nextCursor", NULL);
    json_decref(list);
}
END_TEST

START_TEST(personas_come_by_name_without_the_removed)
{
    const char *url = fixture_database();
    json_t *list = fixture_get(200, "api_personas(NULL, NULL)");
    ck_assert_uint_eq(json_array_size(json_object_get(list, "items")), 3);
    fixture_expect_string(json_array_get(json_object_get(list, "items"), 0), "displayName", "Antonie van Leeuwenhoek");
    fixture_expect_string(list, "nextCursor", NULL);
    json_decref(list);
    list = fixture_get(200, "api_personas(NULL, 1)");
    fixture_expect_string(list, "nextCursor", "cDE6bGVldXdlbmhvZWs");
    json_decref(list);
    testdb_run(url, "UPDATE personas SET deleted = true WHERE user_id = 'leeuwenhoek';"
                    "UPDATE personas SET created_at = '2026-11-22T09:00:00Z', updated_at = '2026-11-22T09:00:01.5Z'");
    list = fixture_get(200, "api_personas('leeuwenhoek', 5)");
    ck_assert_uint_eq(json_array_size(json_object_get(list, "items")), 2);
    json_decref(list);
    json_t *persona = fixture_get(200, "api_persona('clusius')");
    fixture_expect(
        persona,
        "{\"userId\":\"clusius\",\"displayName\":\"Carolus Clusius\",\"avatarUrl\":\"/avatars/seed/clusius.png\","
        "\"bio\":\"Botanist\",\"seed\":true,\"createdAt\":\"2026-11-22T09:00:00.000Z\",\"updatedAt\":\"2026-11-22T09:"
        "00:01.500Z\"}");
    json_decref(persona);
    ck_assert_ptr_null(fixture_get(404, "api_persona('leeuwenhoek')"));
    ck_assert_ptr_null(fixture_get(404, "api_persona('nobody')"));
}
END_TEST

static Suite *reads_suite(void)
{
    Suite *suite = suite_create("api_sql");
    TCase *tests = tcase_create("reads");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, money_times_and_averages_are_written_as_the_api_says);
    tcase_add_test(tests, a_pending_order_reads_as_post_answered_it);
    tcase_add_test(tests, an_order_shows_what_became_of_it);
    tcase_add_test(tests, an_order_shows_its_persona_as_it_is_now);
    tcase_add_test(tests, filters_pick_the_newest_orders_that_fit);
    tcase_add_test(tests, a_walk_sees_every_order_once_while_more_arrive);
    tcase_add_test(tests, a_rare_filter_is_answered_in_bounded_steps);
    tcase_add_test(tests, csv_is_safe_to_open);
    tcase_add_test(tests, trades_name_the_order_and_the_simulated_side);
    tcase_add_test(tests, pending_delta_counts_each_order_once_on_its_way_to_the_ledger);
    tcase_add_test(tests, pending_delta_keeps_what_failed_until_it_is_settled_or_discarded);
    tcase_add_test(tests, a_balance_comes_with_its_newest_entries);
    tcase_add_test(tests, a_balance_is_known_as_of_any_moment);
    tcase_add_test(tests, the_ledger_and_the_balances_are_walked_by_cursor);
    tcase_add_test(tests, personas_come_by_name_without_the_removed);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(reads_suite());
    srunner_add_suite(runner, events_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    testdb_stop();
    return failed == 0 ? 0 : 1;
}
