/* Orders: acceptance, idempotency to the letter, the status machine, seeds, cancels, lists. */
#include "contract.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUY "\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":10,\"price\":\"124.20\""

static void path_of(char *path, size_t size, const char *id, const char *rest)
{
    snprintf(path, size, "/api/orders/%s%s", id, rest);
}

START_TEST(an_order_is_answered_pending_with_everything_the_contract_names)
{
    struct api_answer *answer = contract_post("shape-1", BUY ",\"clientId\":\"web-ui\"");
    ck_assert_msg(answer->status == 201, "%s", answer->raw);
    static const char *const present[] = {
        "orderId",
        "clientId",
        "userId",
        "persona",
        "market",
        "side",
        "quantity",
        "filledQuantity",
        "price",
        "avgFillPrice",
        "timeInForce",
        "status",
        "statusLabel",
        "pendingReason",
        "region",
        "acceptedAz",
        "seq",
        "idempotencyKey",
        "simulationSeed",
        "possibleDuplicateOf",
        "createdAt",
        "acceptedAt",
        "cancelledAt",
        "processingMs",
        "traceId",
        "balanceSnapshot",
        "warnings",
    };
    for (size_t i = 0; i < sizeof present / sizeof present[0]; i++)
        ck_assert_msg(api_at(answer, present[i]) != NULL, "%s is missing: %s", present[i], answer->raw);
    ck_assert_str_eq(api_text(answer, "status"), "PENDING");
    ck_assert_str_eq(api_text(answer, "statusLabel"), "Awaiting simulated fill");
    ck_assert_str_eq(api_text(answer, "pendingReason"), "AWAITING_FILL");
    ck_assert_str_eq(api_text(answer, "market"), "TULIP");
    ck_assert_str_eq(api_text(answer, "price"), "124.20");
    ck_assert_str_eq(api_text(answer, "clientId"), "web-ui");
    ck_assert_str_eq(api_text(answer, "timeInForce"), "GTC");
    ck_assert_str_eq(api_text(answer, "persona.displayName"), "Carolus Clusius");
    ck_assert_str_eq(api_text(answer, "balanceSnapshot.currency"), "fl");
    ck_assert_str_eq(api_text(answer, "balanceSnapshot.pendingDelta"), "-1242.00");
    ck_assert_int_eq(api_int(answer, "filledQuantity"), 0);
    ck_assert(json_is_null(api_at(answer, "avgFillPrice")));
    char expected[96];
    snprintf(expected, sizeof expected, "/api/orders/%s", api_text(answer, "orderId"));
    ck_assert_str_eq(api_header(answer, "Location"), expected);
    ck_assert(strstr(api_header(answer, "traceparent"), api_text(answer, "traceId")) != NULL);
    api_free(&answer);
}
END_TEST

START_TEST(an_order_is_accepted_and_reads_the_same_as_it_was_answered)
{
    struct api_answer *posted = contract_post("same-1", BUY);
    char path[128];
    path_of(path, sizeof path, api_text(posted, "orderId"), "");
    struct api_answer *later = api_wait(PORT, path, "status", "ACCEPTED");
    ck_assert_str_eq(api_text(later, "status"), "ACCEPTED");
    static const char *const same[] = {
        "orderId",   "clientId",    "userId", "persona", "market",         "side",           "quantity",
        "price",     "timeInForce", "region", "seq",     "idempotencyKey", "simulationSeed", "possibleDuplicateOf",
        "createdAt", "traceId"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        ck_assert_msg(json_equal(api_at(posted, same[i]), api_at(later, same[i])), "%s differs:\n%s\n%s", same[i],
                      posted->body, later->body);
    const char *key;
    json_t *value;
    json_object_foreach(posted->json, key, value) ck_assert_msg(json_object_get(later->json, key), "GET lacks %s", key);
    ck_assert_int_eq(api_int(later, "filledQuantity"), 10);
    ck_assert_str_eq(api_text(later, "avgFillPrice"), "124.20");
    ck_assert_str_ne(api_text(later, "acceptedAt"), "");
    ck_assert_str_ne(api_text(later, "acceptedAz"), "");
    ck_assert_uint_eq(json_array_size(api_at(later, "trades")), 1);
    ck_assert_str_eq(api_text(later, "trades.0.price"), "124.20");
    ck_assert_str_eq(api_text(later, "trades.0.sellOrder"), "SIM");
    ck_assert_str_eq(api_text(later, "trades.0.buyOrder"), api_text(posted, "orderId"));
    api_free(&posted);
    api_free(&later);
}
END_TEST

START_TEST(the_same_key_and_content_replays_the_order_in_its_present_state)
{
    struct api_answer *first = contract_post("replay-1", BUY);
    ck_assert_int_eq(first->status, 201);
    char path[128];
    path_of(path, sizeof path, api_text(first, "orderId"), "");
    struct api_answer *done = api_wait(PORT, path, "status", "ACCEPTED");
    struct api_answer *again = contract_post("replay-1", BUY);
    ck_assert_msg(again->status == 200, "%s", again->raw);
    ck_assert_str_eq(api_header(again, "Idempotency-Replayed"), "true");
    ck_assert_str_eq(api_text(again, "orderId"), api_text(first, "orderId"));
    ck_assert_str_eq(api_text(again, "status"), "ACCEPTED");
    struct api_answer *other =
        contract_post("replay-1", "\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":11,\"price\":\"124.20\"");
    contract_problem(other, 422, "IDEMPOTENCY_KEY_REUSED");
    struct api_answer *found =
        api_call(PORT, "GET", "/api/orders/by-key?clientId=clusius&idempotencyKey=replay-1", NULL, NULL);
    ck_assert_int_eq(found->status, 200);
    ck_assert_str_eq(api_text(found, "orderId"), api_text(first, "orderId"));
    struct api_answer *absent =
        api_call(PORT, "GET", "/api/orders/by-key?clientId=clusius&idempotencyKey=never", NULL, NULL);
    contract_problem(absent, 404, "NOT_FOUND");
    api_free(&first), api_free(&done), api_free(&again), api_free(&other), api_free(&found), api_free(&absent);
}
END_TEST

static void *post_same(void *arg)
{
    (void)arg;
    return contract_post("storm-1", BUY);
}

START_TEST(of_concurrent_duplicates_exactly_one_is_created)
{
    enum { CALLERS = 24 };
    pthread_t threads[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, post_same, NULL), 0);
    int created = 0, replayed = 0;
    char id[64] = "";
    for (int i = 0; i < CALLERS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        struct api_answer *answer = result;
        created += answer->status == 201;
        replayed += answer->status == 200;
        if (!*id)
            snprintf(id, sizeof id, "%s", api_text(answer, "orderId"));
        ck_assert_str_eq(id, api_text(answer, "orderId"));
        api_free(&answer);
    }
    ck_assert_int_eq(created, 1);
    ck_assert_int_eq(replayed, CALLERS - 1);
}
END_TEST

START_TEST(a_missing_key_is_made_and_an_equal_order_is_pointed_out)
{
    static const char body[] = "{\"userId\":\"oosterwijck\",\"side\":\"SELL\",\"quantity\":3,\"price\":\"77.77\"}";
    struct api_answer *first = api_call(PORT, "POST", "/api/orders", body, NULL);
    struct api_answer *second = api_call(PORT, "POST", "/api/orders", body, NULL);
    ck_assert_int_eq(first->status, 201);
    ck_assert_int_eq(second->status, 201);
    ck_assert(json_is_true(api_at(first, "idempotencyKeyGenerated")));
    ck_assert_str_ne(api_text(first, "idempotencyKey"), "");
    ck_assert_str_ne(api_text(first, "idempotencyKey"), api_text(second, "idempotencyKey"));
    ck_assert(json_is_null(api_at(first, "possibleDuplicateOf")));
    ck_assert_str_eq(api_text(second, "possibleDuplicateOf"), api_text(first, "orderId"));
    api_free(&first), api_free(&second);
}
END_TEST

START_TEST(prefer_wait_holds_the_answer_until_the_order_is_final)
{
    struct api_answer *answer =
        api_call(PORT, "POST", "/api/orders", "{" BUY ",\"simulationSeed\":\"slow:300\"}", "Prefer: wait=5\r\n");
    ck_assert_int_eq(answer->status, 201);
    ck_assert_str_eq(api_text(answer, "status"), "ACCEPTED");
    ck_assert(strstr(api_header(answer, "Preference-Applied"), "wait") != NULL);
    api_free(&answer);
    answer = api_call(PORT, "POST", "/api/orders", "{" BUY ",\"simulationSeed\":\"hang\"}", "Prefer: wait=1\r\n");
    ck_assert_str_eq(api_text(answer, "status"), "PENDING");
    char path[128];
    path_of(path, sizeof path, api_text(answer, "orderId"), "/cancel");
    api_free(&answer);
    answer = api_call(PORT, "POST", path, "{}", NULL);
    ck_assert_int_eq(answer->status, 200);
    api_free(&answer);
}
END_TEST

START_TEST(seeds_decide_the_outcome)
{
    char id[64], path[128];
    contract_order("seed-cancel", BUY ",\"simulationSeed\":\"cancel\"", id);
    path_of(path, sizeof path, id, "");
    struct api_answer *answer = api_wait(PORT, path, "status", "CANCELLED|ACCEPTED");
    ck_assert_str_eq(api_text(answer, "status"), "CANCELLED");
    ck_assert_int_eq(api_int(answer, "filledQuantity"), 0);
    ck_assert_str_ne(api_text(answer, "cancelledAt"), "");
    api_free(&answer);
    contract_order("seed-partial", BUY ",\"simulationSeed\":\"partial:3\"", id);
    path_of(path, sizeof path, id, "");
    answer = api_wait(PORT, path, "status", "CANCELLED|ACCEPTED");
    ck_assert_str_eq(api_text(answer, "status"), "ACCEPTED");
    ck_assert_uint_eq(json_array_size(api_at(answer, "trades")), 3);
    ck_assert_int_eq(api_int(answer, "filledQuantity"), 10);
    api_free(&answer);
}
END_TEST

START_TEST(a_cancel_is_final_and_may_be_repeated)
{
    char id[64], path[128];
    contract_order("cancel-me", BUY ",\"simulationSeed\":\"hang\"", id);
    path_of(path, sizeof path, id, "/cancel");
    for (int i = 0; i < 2; i++) {
        struct api_answer *answer = api_call(PORT, "POST", path, i == 0 ? NULL : "{}", NULL);
        ck_assert_msg(answer->status == 200, "%s", answer->raw);
        ck_assert_str_eq(api_text(answer, "status"), "CANCELLED");
        api_free(&answer);
    }
    path_of(path, sizeof path, id, "");
    struct api_answer *answer = api_call(PORT, "DELETE", path, NULL, NULL);
    ck_assert_int_eq(answer->status, 200);
    api_free(&answer);
    contract_order("cancel-late", BUY, id);
    path_of(path, sizeof path, id, "");
    answer = api_wait(PORT, path, "status", "ACCEPTED");
    api_free(&answer);
    answer = api_call(PORT, "DELETE", path, NULL, NULL);
    contract_problem(answer, 409, "ORDER_TERMINAL");
    api_free(&answer);
    answer = api_call(PORT, "POST", "/api/orders/nl-1.999999999/cancel", NULL, NULL);
    contract_problem(answer, 404, "NOT_FOUND");
    api_free(&answer);
    answer = api_call(PORT, "GET", "/api/orders/xx.1", NULL, NULL);
    contract_problem(answer, 404, "NOT_FOUND");
    api_free(&answer);
}
END_TEST

START_TEST(a_partly_filled_order_whose_rest_is_cancelled_ends_accepted)
{
    char id[64], path[128];
    struct api_answer *answer = contract_post("rest", "\"userId\":\"leeuwenhoek\",\"side\":\"BUY\",\"quantity\":10,"
                                                      "\"price\":\"2.00\",\"simulationSeed\":\"partial:2\"");
    snprintf(id, sizeof id, "%s", api_text(answer, "orderId"));
    api_free(&answer);
    path_of(path, sizeof path, id, "/cancel"); /* whenever it comes, the outcome is consistent */
    answer = api_call(PORT, "POST", path, NULL, NULL);
    ck_assert_msg(answer->status == 200 || answer->status == 409, "%s", answer->raw);
    api_free(&answer);
    path_of(path, sizeof path, id, "");
    answer = api_wait(PORT, path, "status", "ACCEPTED|CANCELLED");
    if (strcmp(api_text(answer, "status"), "CANCELLED") == 0)
        ck_assert_int_eq(api_int(answer, "filledQuantity"), 0);
    else
        ck_assert_int_gt(api_int(answer, "filledQuantity"), 0);
    api_free(&answer);
}
END_TEST

START_TEST(cancel_all_cancels_what_is_open_of_one_persona)
{
    char id[64], name[32];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "all-%d", i);
        contract_order(
            name,
            "\"userId\":\"leeuwenhoek\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.00\",\"simulationSeed\":\"hang\"",
            id);
    }
    struct api_answer *answer = api_call(PORT, "POST", "/api/orders/cancel-all", "{\"userId\":\"leeuwenhoek\"}", NULL);
    ck_assert_msg(answer->status == 200, "%s", answer->raw);
    ck_assert_int_eq(api_int(answer, "cancelled"), 5);
    api_free(&answer);
    answer = api_call(PORT, "POST", "/api/orders/cancel-all", "{}", NULL);
    contract_problem(answer, 400, "VALIDATION");
    api_free(&answer);
}
END_TEST

START_TEST(a_walk_returns_each_order_once_while_orders_arrive)
{
    char path[400] = "/api/orders?limit=7", id[64], name[32];
    long last = 0;
    int pages = 0, seen = 0;
    for (;;) {
        struct api_answer *answer = api_call(PORT, "GET", path, NULL, NULL);
        ck_assert_msg(answer->status == 200, "%s", answer->raw);
        json_t *items = api_at(answer, "items");
        for (size_t i = 0; i < json_array_size(items); i++, seen++) {
            long seq = (long)json_integer_value(json_object_get(json_array_get(items, i), "seq"));
            ck_assert(json_object_get(json_array_get(items, i), "persona") != NULL);
            if (last)
                ck_assert_int_lt(seq, last);
            last = seq;
        }
        snprintf(name, sizeof name, "walk-%d", pages++);
        contract_order(name, BUY, id);
        json_t *next = api_at(answer, "nextCursor");
        bool more = json_is_string(next);
        if (more)
            snprintf(path, sizeof path, "/api/orders?limit=7&cursor=%s", json_string_value(next));
        else
            ck_assert(json_is_null(next));
        api_free(&answer);
        if (!more)
            break;
    }
    ck_assert_int_gt(seen, 3 * 7); /* several pages */
    ck_assert_int_eq(last, 1);
}
END_TEST

START_TEST(filters_and_csv)
{
    struct api_answer *answer =
        api_call(PORT, "GET", "/api/orders?userId=leeuwenhoek&status=CANCELLED&side=BUY&limit=3", NULL, NULL);
    ck_assert_uint_eq(json_array_size(api_at(answer, "items")), 3);
    ck_assert_str_eq(api_text(answer, "items.0.userId"), "leeuwenhoek");
    ck_assert_str_eq(api_text(answer, "items.0.status"), "CANCELLED");
    api_free(&answer);
    answer = api_call(PORT, "GET", "/api/orders?format=csv&limit=3", NULL, NULL);
    ck_assert_int_eq(answer->status, 200);
    ck_assert(strstr(api_header(answer, "Content-Type"), "text/csv") != NULL);
    ck_assert(strstr(answer->body, "orderId") != NULL);
    api_free(&answer);
    answer = api_call(PORT, "GET", "/api/trades?userId=clusius&limit=2", NULL, NULL);
    ck_assert_uint_eq(json_array_size(api_at(answer, "items")), 2);
    ck_assert_str_ne(api_text(answer, "items.0.tradeId"), "");
    ck_assert(json_is_array(api_at(answer, "items.0.flags")));
    api_free(&answer);
}
END_TEST

START_TEST(an_order_in_one_trade_gives_exactly_four_events)
{
    char id[64], path[160];
    contract_order("events-1", BUY, id);
    path_of(path, sizeof path, id, "");
    struct api_answer *answer = api_wait(PORT, path, "status", "ACCEPTED");
    api_free(&answer);
    static const char *const wanted[][3] = {{"orders", "OrderReceived", NULL},
                                            {"executions", "TradeExecuted", "OrderAccepted"},
                                            {"balances", "BalanceUpdated", NULL}};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "/api/events?stream=%s&afterSeq=0&limit=1000&orderId=%s", wanted[i][0], id);
        for (int tries = 0; tries < 1000; tries++) {
            answer = api_call(PORT, "GET", path, NULL, NULL);
            if (json_array_size(api_at(answer, "items")) > 0 || tries == 999)
                break;
            api_free(&answer);
        }
        ck_assert_msg(json_array_size(api_at(answer, "items")) == (wanted[i][2] ? 2 : 1), "%s: %s", path, answer->body);
        ck_assert_str_eq(api_text(answer, "items.0.type"), wanted[i][1]);
        if (wanted[i][2])
            ck_assert_str_eq(api_text(answer, "items.1.type"), wanted[i][2]);
        ck_assert_str_eq(api_text(answer, "items.0.stream"), wanted[i][0]);
        ck_assert(strncmp(api_text(answer, "items.0.eventId"), "EVT#", 4) == 0);
        ck_assert_str_eq(api_text(answer, "items.0.orderId"), id);
        api_free(&answer);
    }
}
END_TEST

TCase *contract_orders(void)
{
    TCase *part = tcase_create("orders");
    tcase_set_timeout(part, 60);
    tcase_add_test(part, an_order_is_answered_pending_with_everything_the_contract_names);
    tcase_add_test(part, an_order_is_accepted_and_reads_the_same_as_it_was_answered);
    tcase_add_test(part, the_same_key_and_content_replays_the_order_in_its_present_state);
    tcase_add_test(part, of_concurrent_duplicates_exactly_one_is_created);
    tcase_add_test(part, a_missing_key_is_made_and_an_equal_order_is_pointed_out);
    tcase_add_test(part, prefer_wait_holds_the_answer_until_the_order_is_final);
    tcase_add_test(part, seeds_decide_the_outcome);
    tcase_add_test(part, a_cancel_is_final_and_may_be_repeated);
    tcase_add_test(part, a_partly_filled_order_whose_rest_is_cancelled_ends_accepted);
    tcase_add_test(part, cancel_all_cancels_what_is_open_of_one_persona);
    tcase_add_test(part, a_walk_returns_each_order_once_while_orders_arrive);
    tcase_add_test(part, filters_and_csv);
    tcase_add_test(part, an_order_in_one_trade_gives_exactly_four_events);
    return part;
}
