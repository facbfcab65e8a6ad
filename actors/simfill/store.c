/* Simfill's SQL: store.h's procedures as prepared statements (sql/0003_simfill). */
#include "executions.pb-c.h"
#include "money.h"
#include "procs.h"

enum { TRACE_BYTES = 16, COLUMN_NEXT_DUE = 20 };

#define ORDER_COLUMNS                                                                                                  \
    "seq, kind, user_id, client_id, idempotency_key, side, quantity, price_cents, time_in_force, simulation_seed, "    \
    "key_generated, "                                                                                                  \
    "possible_duplicate_of, target_seq, trace_id, created_at, legs_done, filled_quantity, notional_cents, final, "     \
    "parked"

static char *row_text(const struct db_rows *rows, size_t row, int column, struct arena *arena)
{
    const char *text = db_get_text(rows, row, column);
    return arena_strdup(arena, text ? text : "");
}

static int64_t row_int(const struct db_rows *rows, size_t row, int column)
{
    return db_is_null(rows, row, column) ? 0 : db_get_int(rows, row, column);
}

static Tb__OrderRecord *decode_record(const struct db_rows *rows, size_t row, struct arena *arena)
{
    Tb__OrderRecord *record = arena_alloc(arena, sizeof *record);
    tb__order_record__init(record);
    record->seq = (uint64_t)db_get_int(rows, row, 0);
    record->kind = (Tb__OrderRecord__Kind)db_get_int(rows, row, 1);
    record->user_id = row_text(rows, row, 2, arena);
    record->client_id = row_text(rows, row, 3, arena);
    record->idempotency_key = row_text(rows, row, 4, arena);
    record->side = (Tb__Side)row_int(rows, row, 5);
    record->quantity = (uint32_t)row_int(rows, row, 6);
    record->price_cents = row_int(rows, row, 7);
    record->time_in_force = (Tb__TimeInForce)row_int(rows, row, 8);
    record->simulation_seed = row_text(rows, row, 9, arena);
    record->key_generated = db_get_bool(rows, row, 10);
    record->possible_duplicate_of = (uint64_t)row_int(rows, row, 11);
    record->target_seq = (uint64_t)row_int(rows, row, 12);
    const uint8_t *trace = db_get_uuid(rows, row, 13);
    if (trace)
        record->trace_id = (ProtobufCBinaryData){.len = TRACE_BYTES, .data = arena_copy(arena, trace, TRACE_BYTES)};
    record->created_at_us = db_get_time(rows, row, 14);
    return record;
}

/* A row without a seq carries next_due_at alone. */
static struct simfill_orders_result *decode_rows(const struct db_rows *rows, struct arena *arena)
{
    struct simfill_orders_result *result = arena_alloc(arena, sizeof *result);
    size_t count = db_row_count(rows);
    struct simfill_order *orders = arena_array(arena, count, sizeof *orders);
    for (size_t i = 0; i < count; i++) {
        if (db_is_null(rows, i, 0))
            continue;
        struct simfill_order *order = &orders[result->count++];
        order->record = decode_record(rows, i, arena);
        order->legs_done = (uint32_t)db_get_int(rows, i, 15);
        order->filled_quantity = (uint32_t)db_get_int(rows, i, 16);
        order->notional_cents = db_get_int(rows, i, 17);
        order->final = db_get_bool(rows, i, 18);
        order->parked = db_get_bool(rows, i, 19);
    }
    result->orders = orders;
    return result;
}

static void *decode_orders(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    (void)err;
    return decode_rows(rows, arena);
}

static void *decode_due(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    if (db_row_count(rows) == 0) {
        err_set(err, "simfill_read_due gave no row at all");
        return NULL;
    }
    struct simfill_orders_result *result = decode_rows(rows, arena);
    if (!db_is_null(rows, 0, COLUMN_NEXT_DUE))
        result->next_due_us = db_get_time(rows, 0, COLUMN_NEXT_DUE);
    return result;
}

static void encode_take_epoch(const void *args, struct db_params *params)
{
    db_add_text(params, ((const struct simfill_take_epoch_args *)args)->region);
}

static void *decode_take_epoch(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    if (db_row_count(rows) != 1 || db_is_null(rows, 0, 0)) {
        err_set(err, "this region has no executions stream: was it created?");
        return NULL;
    }
    struct simfill_take_epoch_result *result = arena_alloc(arena, sizeof *result);
    result->epoch = db_get_int(rows, 0, 0);
    result->executions_next_seq = (uint64_t)db_get_int(rows, 0, 1);
    result->terminal_total = (uint64_t)db_get_int(rows, 0, 2);
    result->outbox_next_seq = (uint64_t)db_get_int(rows, 0, 3);
    result->cursor = (uint64_t)db_get_int(rows, 0, 4);
    return result;
}

static void encode_read_orders(const void *args, struct db_params *params)
{
    const struct simfill_read_orders_args *a = args;
    db_add_text(params, a->region);
    db_add_int8(params, (int64_t)a->after_seq);
    db_add_int4(params, (int32_t)a->limit);
}

static void encode_read_due(const void *args, struct db_params *params)
{
    const struct simfill_read_due_args *a = args;
    db_add_text(params, a->region);
    db_add_time(params, a->due_before_us);
    db_add_int4(params, (int32_t)a->limit);
}

static void encode_read_parked(const void *args, struct db_params *params)
{
    const struct simfill_read_parked_args *a = args;
    db_add_text(params, a->region);
    db_add_int8_array(params, a->order_seqs, a->count);
}

/* Effect: adds the candle of the trades among the executions as an array: open, high, low, close (cents), quantity,
 * notional (cents), trades; empty when there are none. Bounded: SIMFILL_ROWS_MAX times the dearest order fits. */
static void add_candle(struct db_params *params, const struct simfill_append_args *a)
{
    enum { OPEN, HIGH, LOW, CLOSE, QUANTITY, NOTIONAL, TRADES, CANDLE_COUNT };
    int64_t candle[CANDLE_COUNT] = {0};
    struct money notional = {0};
    for (size_t i = 0; i < a->execution_count; i++) {
        if (a->execution_types[i] != TB__EXECUTION_RECORD__TYPE__TRADE_EXECUTED)
            continue;
        int64_t price_cents = a->execution_prices_cents[i];
        bool is_first = candle[TRADES] == 0;
        candle[OPEN] = is_first ? price_cents : candle[OPEN];
        candle[HIGH] = is_first || price_cents > candle[HIGH] ? price_cents : candle[HIGH];
        candle[LOW] = is_first || price_cents < candle[LOW] ? price_cents : candle[LOW];
        candle[CLOSE] = price_cents;
        candle[QUANTITY] += a->execution_quantities[i];
        tb_assert(money_add(notional, money_cents(a->execution_notionals_cents[i]), &notional));
        candle[TRADES]++;
    }
    candle[NOTIONAL] = notional.cents;
    db_add_int8_array(params, candle, candle[TRADES] > 0 ? CANDLE_COUNT : 0);
}

static void encode_append(const void *args, struct db_params *params)
{
    const struct simfill_append_args *a = args;
    db_add_text(params, a->region);
    db_add_int8(params, a->epoch);
    db_add_int8(params, (int64_t)a->executions_next_seq);
    db_add_int8(params, (int64_t)a->outbox_next_seq);
    db_add_int8(params, (int64_t)a->cursor);
    db_add_time(params, a->created_at_us);
    db_add_text(params, a->az);

    db_add_int8_array(params, a->execution_order_seqs, a->execution_count);
    db_add_int2_array(params, a->execution_types, a->execution_count);
    db_add_int2_array(params, a->execution_sides, a->execution_count);
    db_add_int4_array(params, a->execution_legs, a->execution_count);
    db_add_int4_array(params, a->execution_quantities, a->execution_count);
    db_add_int8_array(params, a->execution_prices_cents, a->execution_count);
    db_add_int8_array(params, a->execution_notionals_cents, a->execution_count);
    db_add_text_array(params, a->execution_user_ids, a->execution_count);

    db_add_int8_array(params, a->adjustment_order_seqs, a->adjustment_count);
    db_add_int8_array(params, a->adjustment_deltas_cents, a->adjustment_count);
    db_add_int8_array(params, a->adjustment_prices_cents, a->adjustment_count);
    db_add_int4_array(params, a->adjustment_quantities, a->adjustment_count);
    db_add_int2_array(params, a->adjustment_sides, a->adjustment_count);
    db_add_int2_array(params, a->adjustment_faults, a->adjustment_count);
    db_add_time_array(params, a->adjustment_order_created_at_us, a->adjustment_count);
    db_add_uuid_array(params, a->adjustment_trace_ids, a->adjustment_count);
    db_add_text_array(params, a->adjustment_user_ids, a->adjustment_count);

    db_add_int8_array(params, a->park_order_seqs, a->park_count);
    db_add_int8_array(params, a->park_due_at_us, a->park_count);
    db_add_int8_array(params, a->unpark_order_seqs, a->unpark_count);
    add_candle(params, a);
}

static void *decode_nothing(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    (void)rows;
    (void)err;
    return arena_alloc(arena, 1);
}

const struct actor_proc simfill_procs[SIMFILL_PROC_COUNT] = {
    [SIMFILL_TAKE_EPOCH] = {"take_epoch", "SELECT * FROM simfill_take_epoch($1)", encode_take_epoch, decode_take_epoch},
    [SIMFILL_READ_ORDERS] = {"read_orders", "SELECT " ORDER_COLUMNS " FROM simfill_read_orders($1, $2, $3)",
                             encode_read_orders, decode_orders},
    [SIMFILL_READ_DUE] = {"read_due", "SELECT (order_row).*, next_due_at FROM simfill_read_due($1, $2, $3)",
                          encode_read_due, decode_due},
    [SIMFILL_READ_PARKED] = {"read_parked", "SELECT " ORDER_COLUMNS " FROM simfill_read_parked($1, $2)",
                             encode_read_parked, decode_orders},
    [SIMFILL_APPEND] =
        {"append",
         "SELECT simfill_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, "
         "$20, $21, $22, $23, $24, $25, $26, $27, $28)",
         encode_append, decode_nothing},
};
