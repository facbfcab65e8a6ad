#include "history.h"

#include <string.h>

#include "balances.pb-c.h"
#include "base.h"
#include "executions.pb-c.h"
#include "orders.pb-c.h"
#include "persona.pb-c.h"

const struct db_statement history_alarms = {
    "console_alarms", "SELECT id, severity, message, since, value FROM alarms WHERE region = $1 AND active ORDER BY id "
                      "LIMIT 16"};

const struct db_statement history_positions = {
    "console_positions",
    "SELECT h.stream, ''::text, (h.next_seq - 1)::bigint, 0::bigint FROM stream_heads h WHERE h.region = $1 "
    "UNION ALL SELECT c.stream, c.consumer, c.position, greatest(h.next_seq - 1 - c.position, 0)::bigint "
    "FROM cursors c JOIN stream_heads h ON h.region = c.region AND h.stream = c.stream WHERE c.region = $1 "
    "ORDER BY 2, 1 LIMIT 16"};

static const struct db_statement orders = {
    "console_orders",
    "SELECT seq, kind::int, coalesce(side, 0)::int, coalesce(time_in_force, 0)::int, coalesce(quantity, 0), "
    "coalesce(price_cents, 0), coalesce(target_seq, 0), coalesce(possible_duplicate_of, 0), created_at, trace_id, "
    "key_generated, user_id, client_id, idempotency_key, coalesce(simulation_seed, '') "
    "FROM orders WHERE region = $1 AND seq > $2 ORDER BY seq LIMIT 1000"};

static const struct db_statement executions = {
    "console_executions",
    "SELECT e.seq, e.order_seq, e.type::int, e.side::int, e.leg, e.quantity, e.price_cents, e.notional_cents, "
    "e.created_at, e.user_id, coalesce(e.az, ''), "
    "(SELECT o.trace_id FROM orders o WHERE o.region = e.region AND o.seq = e.order_seq) "
    "FROM executions e WHERE e.region = $1 AND e.seq > $2 ORDER BY e.seq LIMIT 1000"};

static const struct db_statement balances = {
    "console_balances",
    "(SELECT seq, 1 AS type, account, order_seq, reason::int, coalesce(side, 0)::int, coalesce(quantity, 0), "
    "coalesce(price_cents, 0)::bigint, delta_cents, resulting_cents, version, 0::bigint, 0, ''::text, trace_id, "
    "created_at FROM ledger WHERE region = $1 AND seq > $2 AND account <> '@market' ORDER BY seq LIMIT 1000) "
    "UNION ALL (SELECT seq, type::int, user_id, order_seq, 0, 0, 0, 0::bigint, 0::bigint, 0::bigint, 0::bigint, "
    "outbox_seq, attempts, coalesce(error, ''), trace_id, created_at FROM balance_events WHERE region = $1 AND seq > "
    "$2 ORDER BY seq LIMIT 1000) ORDER BY 1 LIMIT 1000"};

#define PERSONA_TEXT(name) "coalesce(CASE WHEN type <= 3 THEN payload->>'" name "' END, '')"
static const struct db_statement ops = {
    "console_ops", "SELECT seq, type::int, coalesce(user_id, ''), payload::text, trace_id, "
                   "created_at, " PERSONA_TEXT("displayName") ", " PERSONA_TEXT("bio") ", " PERSONA_TEXT(
                       "avatarUrl") ", "
                                    "coalesce(CASE WHEN type <= 3 THEN (payload->>'seed')::boolean END, false), "
                                    "coalesce(CASE WHEN type <= 3 THEN (payload->>'deleted')::boolean END, false), "
                                    "coalesce(CASE WHEN type <= 3 THEN (payload->>'version')::bigint END, 0), "
                                    "CASE WHEN type <= 3 THEN (payload->>'createdAt')::timestamptz END, "
                                    "CASE WHEN type <= 3 THEN (payload->>'updatedAt')::timestamptz END "
                                    "FROM ops_events WHERE region = $1 AND seq > $2 ORDER BY seq LIMIT 1000"};

const struct db_statement *history_rows(const char *stream)
{
    return strcmp(stream, "orders") == 0       ? &orders
           : strcmp(stream, "executions") == 0 ? &executions
           : strcmp(stream, "balances") == 0   ? &balances
           : strcmp(stream, "ops") == 0        ? &ops
                                               : NULL;
}

static char *text_at(const struct db_rows *rows, size_t row, int column, struct arena *arena)
{
    const char *text = db_get_text(rows, row, column);
    return arena_strdup(arena, text != NULL ? text : "");
}

static ProtobufCBinaryData uuid_at(const struct db_rows *rows, size_t row, int column, struct arena *arena)
{
    ProtobufCBinaryData bytes = {0};
    const uint8_t *uuid = db_get_uuid(rows, row, column);
    if (uuid != NULL) {
        bytes.data = arena_copy(arena, uuid, 16);
        bytes.len = 16;
    }
    return bytes;
}

static uint64_t unsigned_at(const struct db_rows *rows, size_t row, int column)
{
    return (uint64_t)db_get_int(rows, row, column);
}

static ProtobufCMessage *order_at(const struct db_rows *rows, size_t row, struct arena *arena)
{
    Tb__OrderRecord *order = arena_alloc(arena, sizeof *order);
    tb__order_record__init(order);
    order->seq = unsigned_at(rows, row, 0);
    order->kind = (Tb__OrderRecord__Kind)db_get_int(rows, row, 1);
    order->side = (Tb__Side)db_get_int(rows, row, 2);
    order->time_in_force = (Tb__TimeInForce)db_get_int(rows, row, 3);
    order->quantity = (uint32_t)db_get_int(rows, row, 4);
    order->price_cents = db_get_int(rows, row, 5);
    order->target_seq = unsigned_at(rows, row, 6);
    order->possible_duplicate_of = unsigned_at(rows, row, 7);
    order->created_at_us = db_get_time(rows, row, 8);
    order->trace_id = uuid_at(rows, row, 9, arena);
    order->key_generated = db_get_bool(rows, row, 10);
    order->user_id = text_at(rows, row, 11, arena);
    order->client_id = text_at(rows, row, 12, arena);
    order->idempotency_key = text_at(rows, row, 13, arena);
    order->simulation_seed = text_at(rows, row, 14, arena);
    return &order->base;
}

static ProtobufCMessage *execution_at(const struct db_rows *rows, size_t row, struct arena *arena)
{
    Tb__ExecutionRecord *execution = arena_alloc(arena, sizeof *execution);
    tb__execution_record__init(execution);
    execution->seq = unsigned_at(rows, row, 0);
    execution->order_seq = unsigned_at(rows, row, 1);
    execution->type = (Tb__ExecutionRecord__Type)db_get_int(rows, row, 2);
    execution->side = (Tb__Side)db_get_int(rows, row, 3);
    execution->leg = (uint32_t)db_get_int(rows, row, 4);
    execution->quantity = (uint32_t)db_get_int(rows, row, 5);
    execution->price_cents = db_get_int(rows, row, 6);
    execution->notional_cents = db_get_int(rows, row, 7);
    execution->created_at_us = db_get_time(rows, row, 8);
    execution->user_id = text_at(rows, row, 9, arena);
    execution->az = text_at(rows, row, 10, arena);
    execution->trace_id = uuid_at(rows, row, 11, arena);
    return &execution->base;
}

static ProtobufCMessage *balance_at(const struct db_rows *rows, size_t row, struct arena *arena)
{
    Tb__BalanceRecord *balance = arena_alloc(arena, sizeof *balance);
    tb__balance_record__init(balance);
    balance->seq = unsigned_at(rows, row, 0);
    balance->type = (Tb__BalanceRecord__Type)db_get_int(rows, row, 1);
    balance->user_id = text_at(rows, row, 2, arena);
    balance->order_seq = unsigned_at(rows, row, 3);
    balance->reason = (Tb__BalanceRecord__Reason)db_get_int(rows, row, 4);
    balance->side = (Tb__Side)db_get_int(rows, row, 5);
    balance->quantity = (uint32_t)db_get_int(rows, row, 6);
    balance->price_cents = db_get_int(rows, row, 7);
    balance->delta_cents = db_get_int(rows, row, 8);
    balance->resulting_cents = db_get_int(rows, row, 9);
    balance->version = unsigned_at(rows, row, 10);
    balance->outbox_seq = unsigned_at(rows, row, 11);
    balance->attempts = (uint32_t)db_get_int(rows, row, 12);
    balance->error = text_at(rows, row, 13, arena);
    balance->trace_id = uuid_at(rows, row, 14, arena);
    balance->created_at_us = db_get_time(rows, row, 15);
    return &balance->base;
}

static ProtobufCMessage *ops_at(const struct db_rows *rows, size_t row, struct arena *arena)
{
    Tb__OpsRecord *event = arena_alloc(arena, sizeof *event);
    tb__ops_record__init(event);
    event->seq = unsigned_at(rows, row, 0);
    event->type = (Tb__OpsRecord__Type)db_get_int(rows, row, 1);
    event->user_id = text_at(rows, row, 2, arena);
    event->trace_id = uuid_at(rows, row, 4, arena);
    event->created_at_us = db_get_time(rows, row, 5);
    if (event->type > TB__OPS_RECORD__TYPE__PERSONA_DELETED) {
        event->payload_json = text_at(rows, row, 3, arena);
        return &event->base;
    }
    Tb__Persona *persona = arena_alloc(arena, sizeof *persona);
    tb__persona__init(persona);
    persona->user_id = event->user_id;
    persona->display_name = text_at(rows, row, 6, arena);
    persona->bio = text_at(rows, row, 7, arena);
    persona->avatar_url = text_at(rows, row, 8, arena);
    persona->seed = db_get_bool(rows, row, 9);
    persona->deleted = db_get_bool(rows, row, 10);
    persona->version = unsigned_at(rows, row, 11);
    persona->created_at_us = db_is_null(rows, row, 12) ? 0 : db_get_time(rows, row, 12);
    persona->updated_at_us = db_is_null(rows, row, 13) ? 0 : db_get_time(rows, row, 13);
    event->persona = persona;
    return &event->base;
}

ProtobufCMessage *history_record(const char *stream, const struct db_rows *rows, size_t row, struct arena *arena)
{
    if (strcmp(stream, "orders") == 0)
        return order_at(rows, row, arena);
    if (strcmp(stream, "executions") == 0)
        return execution_at(rows, row, arena);
    if (strcmp(stream, "balances") == 0)
        return balance_at(rows, row, arena);
    tb_assert(strcmp(stream, "ops") == 0);
    return ops_at(rows, row, arena);
}

void history_take_alarms(struct board *board, const struct db_rows *rows, int64_t now_us)
{
    board->alarm_count = 0;
    board->alarms_read_us = now_us;
    for (size_t row = 0; row < db_row_count(rows) && board->alarm_count < BOARD_ALARMS_MAX; row++) {
        struct board_alarm *alarm = &board->alarms[board->alarm_count++];
        tb_copy_text(alarm->id, sizeof alarm->id, db_get_text(rows, row, 0));
        tb_copy_text(alarm->severity, sizeof alarm->severity, db_get_text(rows, row, 1));
        tb_copy_text(alarm->message, sizeof alarm->message, db_get_text(rows, row, 2));
        alarm->since_us = db_get_time(rows, row, 3);
        alarm->value = db_get_double(rows, row, 4);
    }
}

void history_take_positions(struct board *board, const struct db_rows *rows, int64_t now_us)
{
    board->position_count = 0;
    board->positions_read_us = now_us;
    for (size_t row = 0; row < db_row_count(rows) && board->position_count < BOARD_POSITIONS_MAX; row++) {
        struct board_position *position = &board->positions[board->position_count++];
        tb_copy_text(position->stream, sizeof position->stream, db_get_text(rows, row, 0));
        tb_copy_text(position->consumer, sizeof position->consumer, db_get_text(rows, row, 1));
        position->position = unsigned_at(rows, row, 2);
        position->behind = unsigned_at(rows, row, 3);
    }
}
