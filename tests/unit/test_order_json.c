/* The answer to a POST, as the contract writes it; that the store writes the same is seen by the system tests. */
#include "order_json.h"

#include <stdlib.h>
#include <string.h>

#include "check_main.h"

static char user_id[] = "clusius", client[] = "web \"ui\"", key[] = "8e03", seed[] = "hang", name[] = "Carolus Clusius",
            bio[] = "Botanist";

static Tb__OrderRecord an_order(void)
{
    static uint8_t trace[16] = {0xab, 0xcd};
    Tb__OrderRecord order = TB__ORDER_RECORD__INIT;
    order.seq = 1842;
    order.kind = TB__ORDER_RECORD__KIND__KIND_ORDER;
    order.user_id = user_id;
    order.client_id = client;
    order.idempotency_key = key;
    order.simulation_seed = seed;
    order.side = TB__SIDE__SIDE_BUY;
    order.quantity = 10;
    order.price_cents = 12420;
    order.time_in_force = TB__TIME_IN_FORCE__TIME_IN_FORCE_GTC;
    order.created_at_us = 1795339276123456;
    order.trace_id.data = trace;
    order.trace_id.len = 16;
    return order;
}

static struct view_user a_user(void)
{
    struct view_user user = {.user_id = "clusius",
                             .has_persona = true,
                             .display_name = name,
                             .bio = bio,
                             .has_balance = true,
                             .balance = {1000000},
                             .balance_updated_at_us = 1795339276000000,
                             .pending = {-124200}};
    return user;
}

START_TEST(a_new_order_reads_as_the_contract_says)
{
    struct text text = {0};
    Tb__OrderRecord order = an_order();
    struct view_user user = a_user();
    order_json_write(&text, &order, &user, "nl-1");
    ck_assert_str_eq(
        text.bytes,
        "{\"orderId\":\"nl-1.1842\",\"clientId\":\"web "
        "\\\"ui\\\"\",\"userId\":\"clusius\",\"persona\":{\"userId\":\"clusius\","
        "\"displayName\":\"Carolus "
        "Clusius\",\"avatarUrl\":null,\"bio\":\"Botanist\"},\"market\":\"TULIP\",\"side\":\"BUY\","
        "\"quantity\":10,\"filledQuantity\":0,\"price\":\"124.20\",\"avgFillPrice\":null,\"timeInForce\":\"GTC\","
        "\"status\":\"PENDING\",\"statusLabel\":\"Awaiting simulated fill\",\"pendingReason\":\"AWAITING_FILL\","
        "\"region\":\"nl-1\",\"acceptedAz\":null,\"seq\":1842,\"idempotencyKey\":\"8e03\",\"simulationSeed\":\"hang\","
        "\"possibleDuplicateOf\":null,\"createdAt\":\"2026-11-22T09:21:16.123Z\",\"acceptedAt\":null,\"cancelledAt\":"
        "null,"
        "\"processingMs\":null,\"traceId\":\"abcd0000000000000000000000000000\",\"balanceSnapshot\":{\"userId\":"
        "\"clusius\","
        "\"currentBalance\":\"10000.00\",\"currency\":\"fl\",\"pendingDelta\":\"-1242.00\","
        "\"updatedAt\":\"2026-11-22T09:21:16.000Z\"},\"warnings\":[]}");
    text_release(&text);
}
END_TEST

START_TEST(what_is_special_is_told)
{
    struct text text = {0};
    Tb__OrderRecord order = an_order();
    struct view_user user = a_user();
    order.side = TB__SIDE__SIDE_SELL;
    order.time_in_force = TB__TIME_IN_FORCE__TIME_IN_FORCE_FOK;
    order.key_generated = true;
    order.possible_duplicate_of = 1841;
    user.pending = money_cents(-1000001);
    user.deleted = true;
    order_json_write(&text, &order, &user, "nl-1");
    ck_assert_ptr_nonnull(strstr(text.bytes, "\"side\":\"SELL\""));
    ck_assert_ptr_nonnull(strstr(text.bytes, "\"timeInForce\":\"FOK\""));
    ck_assert_ptr_nonnull(strstr(text.bytes, "\"idempotencyKeyGenerated\":true}"));
    ck_assert_ptr_nonnull(strstr(text.bytes, "\"possibleDuplicateOf\":\"nl-1.1841\""));
    ck_assert_ptr_nonnull(strstr(text.bytes, "\"warnings\":[{\"code\":\"INSUFFICIENT_FUNDS\""));
    ck_assert_ptr_nonnull(strstr(text.bytes, "\"bio\":\"Botanist\",\"deleted\":true}"));
    text_release(&text);
}
END_TEST

START_TEST(a_balance_is_short_when_everything_pending_would_overdraw_it)
{
    struct view_user user = a_user();
    ck_assert(!order_json_is_short(&user));
    user.pending = money_cents(-1000000);
    ck_assert(!order_json_is_short(&user));
    user.pending = money_cents(-1000001);
    ck_assert(order_json_is_short(&user));
    user.balance = money_cents(-5);
    user.pending = money_cents(INT64_MIN); /* held at the end of the range */
    ck_assert(order_json_is_short(&user));
    user.balance = money_cents(5);
    user.pending = money_cents(INT64_MAX);
    ck_assert(!order_json_is_short(&user));
    ck_assert(!order_json_is_short(NULL));
}
END_TEST

START_TEST(while_nobody_fills_what_awaits_its_fill_is_queued)
{
    struct text text = {0}, written = {0};
    Tb__OrderRecord order = an_order();
    struct view_user user = a_user();
    order_json_write(&written, &order, &user, "nl-1");
    order_json_write_queued(&text, written.bytes, written.length);
    ck_assert_ptr_nonnull(strstr(text.bytes, "\"status\":\"PENDING\",\"statusLabel\":\"Queued → retrying\","
                                             "\"pendingReason\":\"QUEUED\",\"region\":\"nl-1\""));
    ck_assert_ptr_null(strstr(text.bytes, "AWAITING_FILL"));
    text_clear(&text);
    /* Two that wait, one that does not, and a look-alike inside a string. */
    static const char list[] = "[{\"statusLabel\":\"Awaiting simulated fill\",\"pendingReason\":\"AWAITING_FILL\"},"
                               "{\"clientId\":\"\\\"statusLabel\\\":\\\"Awaiting simulated "
                               "fill\\\",\\\"pendingReason\\\":\\\"AWAITING_FILL\\\"\"},"
                               "{\"statusLabel\":\"Accepted\",\"pendingReason\":null},"
                               "{\"statusLabel\":\"Awaiting simulated fill\",\"pendingReason\":\"AWAITING_FILL\"}]";
    order_json_write_queued(&text, list, sizeof list - 1);
    ck_assert_str_eq(text.bytes, "[{\"statusLabel\":\"Queued → retrying\",\"pendingReason\":\"QUEUED\"},"
                                 "{\"clientId\":\"\\\"statusLabel\\\":\\\"Awaiting simulated "
                                 "fill\\\",\\\"pendingReason\\\":\\\"AWAITING_FILL\\\"\"},"
                                 "{\"statusLabel\":\"Accepted\",\"pendingReason\":null},"
                                 "{\"statusLabel\":\"Queued → retrying\",\"pendingReason\":\"QUEUED\"}]");
    text_release(&text);
    text_release(&written);
}
END_TEST

START_TEST(warnings_are_put_into_the_stores_answer)
{
    /* The first look-alike stands inside a string. */
    static const char json[] = "{\"clientId\":\"x,\\\"warnings\\\":[]\",\"a\":1,\"warnings\":[],\"trades\":[]}";
    struct text text = {0};
    struct view_user user = a_user();
    order_json_write_present(&text, json, sizeof json - 1, &user);
    ck_assert_str_eq(text.bytes, json);
    text_clear(&text);
    user.pending = money_cents(-2000000);
    order_json_write_present(&text, json, sizeof json - 1, &user);
    static const char before[] =
        "{\"clientId\":\"x,\\\"warnings\\\":[]\",\"a\":1,\"warnings\":[{\"code\":\"INSUFFICIENT_FUNDS\",";
    ck_assert_int_eq(strncmp(text.bytes, before, sizeof before - 1), 0);
    ck_assert_str_eq(text.bytes + text.length - strlen("}],\"trades\":[]}"), "}],\"trades\":[]}");
    text_release(&text);
}
END_TEST

CHECK_MAIN("order_json", tcase_add_test(cases, a_new_order_reads_as_the_contract_says);
           tcase_add_test(cases, what_is_special_is_told);
           tcase_add_test(cases, a_balance_is_short_when_everything_pending_would_overdraw_it);
           tcase_add_test(cases, while_nobody_fills_what_awaits_its_fill_is_queued);
           tcase_add_test(cases, warnings_are_put_into_the_stores_answer);)
