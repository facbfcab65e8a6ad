#include "record.h"

#include <jansson.h>
#include <string.h>

#include "balances.pb-c.h"
#include "check_main.h"
#include "executions.pb-c.h"
#include "orders.pb-c.h"
#include "persona.pb-c.h"
#include "telemetry.pb-c.h"

static struct text text;
static uint8_t trace[16] = {0x01, 0xa2};
static char user[] = "clusius", client[] = "web-ui", key[] = "k1", az[] = "az-1", empty[] = "";

static Tb__OrderRecord order_record(void)
{
    Tb__OrderRecord order = TB__ORDER_RECORD__INIT;
    order.seq = 1842;
    order.kind = TB__ORDER_RECORD__KIND__KIND_ORDER;
    order.user_id = user;
    order.client_id = client;
    order.idempotency_key = key;
    order.side = TB__SIDE__SIDE_BUY;
    order.quantity = 10;
    order.price_cents = 12420;
    order.time_in_force = TB__TIME_IN_FORCE__TIME_IN_FORCE_GTC;
    order.trace_id = (ProtobufCBinaryData){sizeof trace, trace};
    order.created_at_us = 1764000000123456;
    return order;
}

static json_t *json_of(const ProtobufCMessage *record)
{
    text_clear(&text);
    record_json_write(record, "nl-1", false, &text);
    ck_assert_int_eq(text.bytes[text.length - 1], '\n');
    ck_assert_ptr_eq(strchr(text.bytes, '\n'), text.bytes + text.length - 1); /* one line */
    json_t *json = json_loads(text.bytes, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(json != NULL, "no JSON: %s", text.bytes);
    return json;
}

static const char *word(const json_t *json, const char *name)
{
    const char *value = json_string_value(json_object_get(json, name));
    return value != NULL ? value : "(no text)";
}

START_TEST(an_order_is_a_line_for_people)
{
    Tb__OrderRecord order = order_record();
    text_clear(&text);
    record_text_write(&order.base, "nl-1", &text);
    ck_assert_str_eq(text.bytes, "16:00:00.123 orders #1842 OrderReceived  nl-1.1842  clusius BUY 10 @ 124.20 GTC  key "
                                 "web-ui/k1  trace 01a20000000000000000000000000000\n");
}
END_TEST

START_TEST(an_order_is_json_with_every_field)
{
    Tb__OrderRecord order = order_record();
    json_t *json = json_of(&order.base);
    ck_assert_str_eq(word(json, "stream"), "orders");
    ck_assert_str_eq(word(json, "type"), "OrderReceived");
    ck_assert_str_eq(word(json, "orderId"), "nl-1.1842");
    ck_assert_str_eq(word(json, "price"), "124.20");
    ck_assert_str_eq(word(json, "side"), "BUY");
    ck_assert_str_eq(word(json, "timeInForce"), "GTC");
    ck_assert_str_eq(word(json, "createdAt"), "2025-11-24T16:00:00.123Z");
    ck_assert_str_eq(word(json, "traceId"), "01a20000000000000000000000000000");
    ck_assert_str_eq(word(json, "source"), "wire");
    ck_assert_int_eq(json_integer_value(json_object_get(json, "seq")), 1842);
    /* stream, source and orderId are ours; the kind is also the type */
    ck_assert_uint_eq(json_object_size(json), tb__order_record__descriptor.n_fields + 4);
    json_decref(json);
}
END_TEST

START_TEST(money_below_zero_keeps_its_sign)
{
    Tb__BalanceRecord balance = TB__BALANCE_RECORD__INIT;
    balance.seq = 7;
    balance.type = TB__BALANCE_RECORD__TYPE__BALANCE_UPDATED;
    balance.user_id = user;
    balance.order_seq = 1842;
    balance.delta_cents = -124200;
    balance.resulting_cents = -5;
    json_t *json = json_of(&balance.base);
    ck_assert_str_eq(word(json, "delta"), "-1242.00");
    ck_assert_str_eq(word(json, "resulting"), "-0.05");
    json_decref(json);
    text_clear(&text);
    record_text_write(&balance.base, "nl-1", &text);
    ck_assert_ptr_nonnull(strstr(text.bytes, "nl-1.1842  clusius -1242.00 -> -0.05"));
}
END_TEST

START_TEST(a_cancel_request_is_about_its_target)
{
    Tb__OrderRecord cancel = TB__ORDER_RECORD__INIT;
    cancel.seq = 9;
    cancel.kind = TB__ORDER_RECORD__KIND__KIND_CANCEL_REQUEST;
    cancel.target_seq = 4;
    cancel.user_id = user;
    ck_assert_uint_eq(record_order_seq(&cancel.base), 4);
    text_clear(&text);
    record_text_write(&cancel.base, "nl-1", &text);
    ck_assert_ptr_nonnull(strstr(text.bytes, "#9 CancelRequested  clusius  of order nl-1.4"));
}
END_TEST

START_TEST(filters_let_through_what_fits_all_of_them)
{
    Tb__OrderRecord order = order_record();
    Tb__ExecutionRecord trade = TB__EXECUTION_RECORD__INIT;
    trade.type = TB__EXECUTION_RECORD__TYPE__TRADE_EXECUTED;
    trade.user_id = user;
    trade.az = az;
    trade.order_seq = 1842;
    struct record_filter filter = {0};
    ck_assert(record_matches(&filter, &order.base));
    filter.user_id = "oosterwijck";
    ck_assert(!record_matches(&filter, &order.base));
    filter.user_id = "clusius";
    filter.order_seq = 1842;
    ck_assert(record_matches(&filter, &order.base) && record_matches(&filter, &trade.base));
    filter.order_seq = 1843;
    ck_assert(!record_matches(&filter, &order.base) && !record_matches(&filter, &trade.base));
    filter.order_seq = 0;
    filter.type = "TradeExecuted";
    ck_assert(record_matches(&filter, &trade.base) && !record_matches(&filter, &order.base));
}
END_TEST

START_TEST(types_are_those_of_the_contract)
{
    static const struct {
        const char *stream, *type;
        bool exists;
    } types[] = {{"orders", "OrderReceived", true},
                 {"orders", "CancelRequested", true},
                 {"orders", "Received", false},
                 {"orders", "TradeExecuted", false},
                 {"executions", "OrderRejected", true},
                 {"balances", "DeadLetterDiscarded", true},
                 {"balances", "", false},
                 {"ops", "AlarmRaised", true},
                 {"ops", "FaultEnded", true},
                 {"ops", "Alarm", false},
                 {"telemetry", "Heartbeat", false},
                 {"nowhere", "OrderReceived", false}};
    ck_assert_int_eq(record_type_exists(types[_i].stream, types[_i].type), types[_i].exists);
}
END_TEST

START_TEST(what_clients_name_cannot_steer_the_terminal)
{
    static char evil[] = "\033[2J\xc2\x9b"
                         "31mk\x7f\n";
    Tb__OrderRecord order = order_record();
    order.idempotency_key = evil;
    text_clear(&text);
    record_text_write(&order.base, "nl-1", &text);
    ck_assert_ptr_nonnull(strstr(text.bytes, "web-ui/?[2J??31mk??"));
    ck_assert_ptr_null(strchr(text.bytes, '\033'));
    ck_assert_ptr_eq(strchr(text.bytes, '\n'), text.bytes + text.length - 1);
}
END_TEST

START_TEST(an_alarm_carries_its_payload_as_json)
{
    static char payload[] = "{\"id\":\"dlq-depth\",\"value\":2}";
    Tb__OpsRecord ops = TB__OPS_RECORD__INIT;
    ops.seq = 3;
    ops.type = TB__OPS_RECORD__TYPE__ALARM_RAISED;
    ops.payload_json = payload;
    json_t *json = json_of(&ops.base);
    ck_assert_str_eq(word(json, "type"), "AlarmRaised");
    ck_assert_str_eq(word(json_object_get(json, "payload"), "id"), "dlq-depth");
    ck_assert(json_is_null(json_object_get(json, "persona")));
    ck_assert(json_is_null(json_object_get(json, "orderId")));
    json_decref(json);
    text_clear(&text);
    record_text_write(&ops.base, "nl-1", &text);
    ck_assert_ptr_nonnull(strstr(text.bytes, "ops #3 AlarmRaised  id:dlq-depth,value:2\n"));
}
END_TEST

START_TEST(a_heartbeat_shows_its_metrics)
{
    static char actor[] = "simfill", one[] = "1", state[] = "READY", name[] = "tb_trades_total";
    Tb__Metric metric = TB__METRIC__INIT;
    Tb__Metric *metrics[] = {&metric};
    Tb__Heartbeat heartbeat = TB__HEARTBEAT__INIT;
    double bounds[] = {0.1, 0.5};
    uint64_t buckets[] = {1, 2, 3};
    metric.name = name;
    metric.labels = metric.help = empty;
    metric.kind = TB__METRIC__KIND__HISTOGRAM;
    metric.n_bounds = 2;
    metric.bounds = bounds;
    metric.n_buckets = 3;
    metric.buckets = buckets;
    heartbeat.actor = actor;
    heartbeat.instance = one;
    heartbeat.state = state;
    heartbeat.az = az;
    heartbeat.metrics = metrics;
    heartbeat.n_metrics = 1;
    json_t *json = json_of(&heartbeat.base);
    ck_assert_str_eq(word(json, "stream"), "telemetry");
    json_t *shown = json_array_get(json_object_get(json, "metrics"), 0);
    ck_assert_str_eq(word(shown, "name"), "tb_trades_total");
    ck_assert_str_eq(word(shown, "kind"), "HISTOGRAM");
    ck_assert_int_eq(json_integer_value(json_array_get(json_object_get(shown, "buckets"), 2)), 3);
    ck_assert(json_real_value(json_array_get(json_object_get(shown, "bounds"), 1)) == 0.5);
    json_decref(json);
}
END_TEST

CHECK_MAIN("console_record", tcase_add_test(cases, an_order_is_a_line_for_people);
           tcase_add_test(cases, an_order_is_json_with_every_field);
           tcase_add_test(cases, money_below_zero_keeps_its_sign);
           tcase_add_test(cases, a_cancel_request_is_about_its_target);
           tcase_add_test(cases, filters_let_through_what_fits_all_of_them);
           tcase_add_loop_test(cases, types_are_those_of_the_contract, 0, 12);
           tcase_add_test(cases, what_clients_name_cannot_steer_the_terminal);
           tcase_add_test(cases, an_alarm_carries_its_payload_as_json);
           tcase_add_test(cases, a_heartbeat_shows_its_metrics);)
