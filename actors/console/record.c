#include "record.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "balances.pb-c.h"
#include "base.h"
#include "clock.h"
#include "executions.pb-c.h"
#include "ids.h"
#include "orders.pb-c.h"
#include "persona.pb-c.h"
#include "telemetry.pb-c.h"

static const struct {
    const char *stream;
    const ProtobufCMessageDescriptor *record;
    const ProtobufCEnumDescriptor *types; /* NULL: has none */
} streams[] = {
    {"orders", &tb__order_record__descriptor, &tb__order_record__kind__descriptor},
    {"executions", &tb__execution_record__descriptor, &tb__execution_record__type__descriptor},
    {"balances", &tb__balance_record__descriptor, &tb__balance_record__type__descriptor},
    {"ops", &tb__ops_record__descriptor, &tb__ops_record__type__descriptor},
    {"telemetry", &tb__heartbeat__descriptor, NULL},
};

const char *record_stream(const ProtobufCMessage *record)
{
    for (size_t i = 0; i < TB_ARRAY_SIZE(streams); i++)
        if (streams[i].record == record->descriptor)
            return streams[i].stream;
    return "";
}

static const Tb__OrderRecord *as_order(const ProtobufCMessage *record)
{
    return record->descriptor == &tb__order_record__descriptor ? (const Tb__OrderRecord *)record : NULL;
}

static const Tb__ExecutionRecord *as_execution(const ProtobufCMessage *record)
{
    return record->descriptor == &tb__execution_record__descriptor ? (const Tb__ExecutionRecord *)record : NULL;
}

static const Tb__BalanceRecord *as_balance(const ProtobufCMessage *record)
{
    return record->descriptor == &tb__balance_record__descriptor ? (const Tb__BalanceRecord *)record : NULL;
}

static const Tb__OpsRecord *as_ops(const ProtobufCMessage *record)
{
    return record->descriptor == &tb__ops_record__descriptor ? (const Tb__OpsRecord *)record : NULL;
}

static const Tb__Heartbeat *as_heartbeat(const ProtobufCMessage *record)
{
    return record->descriptor == &tb__heartbeat__descriptor ? (const Tb__Heartbeat *)record : NULL;
}

uint64_t record_seq(const ProtobufCMessage *record)
{
    return as_order(record)       ? as_order(record)->seq
           : as_execution(record) ? as_execution(record)->seq
           : as_balance(record)   ? as_balance(record)->seq
           : as_ops(record)       ? as_ops(record)->seq
                                  : 0;
}

uint64_t record_order_seq(const ProtobufCMessage *record)
{
    const Tb__OrderRecord *order = as_order(record);
    if (order != NULL)
        return order->kind == TB__ORDER_RECORD__KIND__KIND_CANCEL_REQUEST ? order->target_seq : order->seq;
    return as_execution(record) ? as_execution(record)->order_seq
           : as_balance(record) ? as_balance(record)->order_seq
                                : 0;
}

static const char *user_of(const ProtobufCMessage *record)
{
    const char *user = as_order(record)       ? as_order(record)->user_id
                       : as_execution(record) ? as_execution(record)->user_id
                       : as_balance(record)   ? as_balance(record)->user_id
                       : as_ops(record)       ? as_ops(record)->user_id
                                              : "";
    return user != NULL ? user : "";
}

/* "TRADE_EXECUTED" is TradeExecuted. The orders stream's kinds are named after rows, their events otherwise. */
static void name_event(const char *word, char type[static RECORD_TYPE_MAX])
{
    if (strcmp(word, "KIND_ORDER") == 0)
        word = "ORDER_RECEIVED";
    else if (strcmp(word, "KIND_CANCEL_REQUEST") == 0)
        word = "CANCEL_REQUESTED";
    size_t length = 0;
    bool begins = true;
    for (; *word != '\0' && length < RECORD_TYPE_MAX - 1; word++) {
        if (*word != '_')
            type[length++] = (char)(begins ? *word : tolower((unsigned char)*word));
        begins = *word == '_';
    }
    type[length] = '\0';
}

static int type_number(const ProtobufCMessage *record)
{
    return as_order(record)       ? (int)as_order(record)->kind
           : as_execution(record) ? (int)as_execution(record)->type
           : as_balance(record)   ? (int)as_balance(record)->type
           : as_ops(record)       ? (int)as_ops(record)->type
                                  : -1;
}

const char *record_type(const ProtobufCMessage *record, char type[static RECORD_TYPE_MAX])
{
    tb_copy_text(type, RECORD_TYPE_MAX, as_heartbeat(record) ? "Heartbeat" : "Unknown");
    for (size_t i = 0; i < TB_ARRAY_SIZE(streams); i++) {
        if (streams[i].record != record->descriptor || streams[i].types == NULL)
            continue;
        const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(streams[i].types, type_number(record));
        if (value != NULL)
            name_event(value->name, type);
    }
    return type;
}

void record_types_write(const char *stream, struct text *text)
{
    char type[RECORD_TYPE_MAX];
    bool first = true;
    for (size_t i = 0; i < TB_ARRAY_SIZE(streams); i++) {
        if (strcmp(streams[i].stream, stream) != 0 || streams[i].types == NULL)
            continue;
        for (unsigned v = 0; v < streams[i].types->n_values; v++) {
            if (streams[i].types->values[v].value == 0)
                continue;
            name_event(streams[i].types->values[v].name, type);
            text_append_format(text, "%s%s", first ? "" : " ", type);
            first = false;
        }
    }
}

bool record_type_exists(const char *stream, const char *type)
{
    struct text names = {0};
    record_types_write(stream, &names);
    size_t length = strlen(type);
    bool found = false;
    for (const char *at = names.bytes; !found && length > 0 && at != NULL && (at = strstr(at, type)) != NULL; at++)
        found = (at == names.bytes || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0');
    text_release(&names);
    return found;
}

bool record_matches(const struct record_filter *filter, const ProtobufCMessage *record)
{
    char type[RECORD_TYPE_MAX];
    return (filter->user_id == NULL || strcmp(filter->user_id, user_of(record)) == 0) &&
           (filter->order_seq == 0 || filter->order_seq == record_order_seq(record)) &&
           (filter->type == NULL || strcmp(filter->type, record_type(record, type)) == 0);
}

static const char *side_word(Tb__Side side)
{
    return side == TB__SIDE__SIDE_BUY ? "BUY" : side == TB__SIDE__SIDE_SELL ? "SELL" : "-";
}

static void write_trade(const char *user, Tb__Side side, uint32_t quantity, int64_t price_cents, struct text *text)
{
    char price[MONEY_TEXT_MAX];
    text_append_format(text, "  %s %s %u @ %s", user, side_word(side), quantity,
                       money_format(money_cents(price_cents), price));
}

static void write_trace(const ProtobufCBinaryData *trace, struct text *text)
{
    char hex[33];
    if (trace->len != 16)
        return;
    ids_hex(trace->data, 16, hex);
    text_append_format(text, "  trace %s", hex);
}

static void write_order(const Tb__OrderRecord *order, const char *region, struct text *text)
{
    static const char *const times_in_force[] = {"-", "GTC", "IOC", "FOK"};
    char id[IDS_TEXT_MAX];
    if (order->kind == TB__ORDER_RECORD__KIND__KIND_CANCEL_REQUEST) {
        text_append_format(text, "  %s  of order %s", order->user_id, ids_format(region, order->target_seq, id));
        return;
    }
    write_trade(order->user_id, order->side, order->quantity, order->price_cents, text);
    text_append_format(
        text, " %s  key %s/%s%s",
        (size_t)order->time_in_force < TB_ARRAY_SIZE(times_in_force) ? times_in_force[order->time_in_force] : "-",
        order->client_id, order->idempotency_key, order->key_generated ? " (generated)" : "");
    if (order->possible_duplicate_of != 0)
        text_append_format(text, "  possibly a duplicate of %s", ids_format(region, order->possible_duplicate_of, id));
}

static void write_execution(const Tb__ExecutionRecord *execution, struct text *text)
{
    char notional[MONEY_TEXT_MAX];
    write_trade(execution->user_id, execution->side, execution->quantity, execution->price_cents, text);
    text_append_format(text, " = %s", money_format(money_cents(execution->notional_cents), notional));
    if (execution->leg > 0)
        text_append_format(text, "  trade %u", execution->leg);
    if (execution->az[0] != '\0')
        text_append_format(text, "  in %s", execution->az);
}

static void write_balance(const Tb__BalanceRecord *balance, struct text *text)
{
    static const char *const reasons[] = {"-", "OPENING_BALANCE", "ORDER_FILL", "COMPENSATION", "ADJUSTMENT"};
    char delta[MONEY_TEXT_MAX], resulting[MONEY_TEXT_MAX];
    text_append_format(text, "  %s", balance->user_id);
    if (balance->type == TB__BALANCE_RECORD__TYPE__BALANCE_UPDATED) {
        text_append_format(text, " %s%s -> %s  %s", balance->delta_cents > 0 ? "+" : "",
                           money_format(money_cents(balance->delta_cents), delta),
                           money_format(money_cents(balance->resulting_cents), resulting),
                           (size_t)balance->reason < TB_ARRAY_SIZE(reasons) ? reasons[balance->reason] : "-");
    } else {
        text_append_format(text, " adjustment %llu, %u failures%s%s", (unsigned long long)balance->outbox_seq,
                           balance->attempts, balance->error[0] != '\0' ? ": " : "", balance->error);
    }
}

/* Effect: a JSON object's members without its braces and quotes: to be read, not parsed. */
static void write_members(const char *json, struct text *text)
{
    size_t length = strlen(json);
    bool braces = length >= 2 && json[0] == '{' && json[length - 1] == '}';
    const char *end = json + length - (braces ? 1 : 0);
    for (const char *at = json + (braces ? 1 : 0); at < end; at++)
        if (*at == '\\' && at + 1 < end)
            text_append(text, ++at, 1);
        else if (*at != '"')
            text_append(text, at, 1);
}

static void write_ops(const Tb__OpsRecord *ops, struct text *text)
{
    if (ops->persona != NULL) {
        text_append_format(text, "  %s \"%s\"%s", ops->persona->user_id, ops->persona->display_name,
                           ops->persona->deleted ? " deleted" : "");
    } else {
        text_append_string(text, "  ");
        write_members(ops->payload_json, text);
    }
}

static void write_heartbeat(const Tb__Heartbeat *heartbeat, struct text *text)
{
    text_append_format(text, "%s/%s %s%s", heartbeat->actor, heartbeat->instance, heartbeat->state,
                       heartbeat->leader ? " leader" : "");
    if (heartbeat->az[0] != '\0')
        text_append_format(text, "  in %s", heartbeat->az);
    text_append_format(text, "  pid %u  restarts %u  lag %llu  %zu metrics", heartbeat->pid, heartbeat->restarts,
                       (unsigned long long)heartbeat->lag, heartbeat->n_metrics);
}

static int64_t time_of(const ProtobufCMessage *record)
{
    return as_order(record)       ? as_order(record)->created_at_us
           : as_execution(record) ? as_execution(record)->created_at_us
           : as_balance(record)   ? as_balance(record)->created_at_us
           : as_ops(record)       ? as_ops(record)->created_at_us
           : as_heartbeat(record) ? as_heartbeat(record)->sent_at_us
                                  : 0;
}

static const ProtobufCBinaryData *trace_of(const ProtobufCMessage *record)
{
    static const ProtobufCBinaryData none;
    return as_order(record)       ? &as_order(record)->trace_id
           : as_execution(record) ? &as_execution(record)->trace_id
           : as_balance(record)   ? &as_balance(record)->trace_id
           : as_ops(record)       ? &as_ops(record)->trace_id
                                  : &none;
}

/* Nothing of what clients named may steer the terminal: control characters, of UTF-8 too (U+0080 to U+009F), become ?.
 */
static void make_harmless(char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i], next = i + 1 < length ? (unsigned char)text[i + 1] : 0;
        if (c < ' ' || c == 127)
            text[i] = '?';
        else if (c == 0xc2 && next >= 0x80 && next < 0xa0)
            text[i] = text[i + 1] = '?';
    }
}

static void write_line(const ProtobufCMessage *record, const char *region, struct text *text)
{
    char time[CLOCK_TEXT_MAX], type[RECORD_TYPE_MAX], id[IDS_TEXT_MAX];
    clock_format(time_of(record), time);
    char *hour = strchr(time, 'T');
    text_append_format(text, "%.12s %s ", hour != NULL ? hour + 1 : time, record_stream(record));
    if (as_heartbeat(record)) {
        write_heartbeat(as_heartbeat(record), text);
        return;
    }
    text_append_format(text, "#%llu %s", (unsigned long long)record_seq(record), record_type(record, type));
    if (record_order_seq(record) != 0 && !(as_order(record) && as_order(record)->target_seq != 0))
        text_append_format(text, "  %s", ids_format(region, record_order_seq(record), id));
    if (as_order(record))
        write_order(as_order(record), region, text);
    else if (as_execution(record))
        write_execution(as_execution(record), text);
    else if (as_balance(record))
        write_balance(as_balance(record), text);
    else if (as_ops(record))
        write_ops(as_ops(record), text);
    write_trace(trace_of(record), text);
}

void record_text_write(const ProtobufCMessage *record, const char *region, struct text *text)
{
    size_t begin = text->length;
    write_line(record, region, text);
    make_harmless(text->bytes + begin, text->length - begin);
    text_append_string(text, "\n");
}
