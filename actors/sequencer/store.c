/* The sequencer's SQL: store.h's procedures as prepared statements (sql/0002_sequencer). */
#include <string.h>

#include "procs.h"

enum { TRACE_BYTES = 16 };

static char *row_text(const struct db_rows *rows, size_t row, int column, struct arena *arena)
{
    const char *text = db_get_text(rows, row, column);
    return arena_strdup(arena, text ? text : "");
}

static int64_t row_int(const struct db_rows *rows, size_t row, int column)
{
    return db_is_null(rows, row, column) ? 0 : db_get_int(rows, row, column);
}

static ProtobufCBinaryData row_trace(const struct db_rows *rows, size_t row, int column, struct arena *arena)
{
    const uint8_t *trace = db_get_uuid(rows, row, column);
    if (!trace)
        return (ProtobufCBinaryData){0};
    return (ProtobufCBinaryData){.len = TRACE_BYTES, .data = arena_copy(arena, trace, TRACE_BYTES)};
}

static void encode_take_epoch(const void *args, struct db_params *params)
{
    db_add_text(params, ((const struct sequencer_take_epoch_args *)args)->region);
}

static void *decode_take_epoch(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    if (db_row_count(rows) != 1 || db_is_null(rows, 0, 0)) {
        err_set(err, "this region has no orders stream: was it created?");
        return NULL;
    }
    struct sequencer_take_epoch_result *result = arena_alloc(arena, sizeof *result);
    result->epoch = db_get_int(rows, 0, 0);
    result->next_seq = (uint64_t)db_get_int(rows, 0, 1);
    result->orders_total = (uint64_t)db_get_int(rows, 0, 2);
    result->terminal_total = (uint64_t)db_get_int(rows, 0, 3);
    return result;
}

static void encode_read_recent(const void *args, struct db_params *params)
{
    const struct sequencer_read_recent_args *a = args;
    db_add_text(params, a->region);
    db_add_int8(params, (int64_t)a->from_seq);
    db_add_time(params, a->since_us);
}

static void *decode_read_recent(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    (void)err;
    struct sequencer_read_recent_result *result = arena_alloc(arena, sizeof *result);
    result->count = db_row_count(rows);
    struct sequencer_recent_row *recent = arena_array(arena, result->count, sizeof *recent);
    for (size_t i = 0; i < result->count; i++) {
        recent[i].seq = (uint64_t)db_get_int(rows, i, 0);
        recent[i].user_id = row_text(rows, i, 1, arena);
        recent[i].side = (uint32_t)db_get_int(rows, i, 2);
        recent[i].quantity = (uint32_t)db_get_int(rows, i, 3);
        recent[i].price_cents = db_get_int(rows, i, 4);
        recent[i].created_at_us = db_get_time(rows, i, 5);
    }
    result->rows = recent;
    return result;
}

static void encode_append(const void *args, struct db_params *params)
{
    const struct sequencer_append_args *a = args;
    db_add_text(params, a->region);
    db_add_int8(params, a->epoch);
    db_add_int8(params, (int64_t)a->expected_next_seq);
    db_add_time(params, a->created_at_us);
    db_add_text_array(params, a->user_ids, a->count);
    db_add_text_array(params, a->client_ids, a->count);
    db_add_text_array(params, a->idempotency_keys, a->count);
    db_add_text_array(params, a->simulation_seeds, a->count);
    db_add_int2_array(params, a->sides, a->count);
    db_add_int2_array(params, a->times_in_force, a->count);
    db_add_int4_array(params, a->quantities, a->count);
    db_add_int8_array(params, a->prices_cents, a->count);
    db_add_bool_array(params, a->keys_generated, a->count);
    db_add_int8_array(params, a->possible_duplicates, a->count);
    db_add_uuid_array(params, a->trace_ids, a->count);
    db_add_int4_array(params, a->gateway_us, a->count);
    db_add_int8_array(params, a->parent_spans, a->count);
}

static Tb__OrderRecord *decode_existing(const struct db_rows *rows, size_t row, struct arena *arena)
{
    Tb__OrderRecord *record = arena_alloc(arena, sizeof *record);
    tb__order_record__init(record);
    record->kind = TB__ORDER_RECORD__KIND__KIND_ORDER;
    record->seq = (uint64_t)db_get_int(rows, row, 1);
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
    record->trace_id = row_trace(rows, row, 12, arena);
    record->created_at_us = db_get_time(rows, row, 13);
    return record;
}

static void *decode_append(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    (void)err;
    struct sequencer_append_result *result = arena_alloc(arena, sizeof *result);
    result->existing_count = db_row_count(rows);
    struct sequencer_existing_row *existing = arena_array(arena, result->existing_count, sizeof *existing);
    for (size_t i = 0; i < result->existing_count; i++) {
        existing[i].entry = (uint32_t)db_get_int(rows, i, 0);
        existing[i].record = decode_existing(rows, i, arena);
    }
    result->existing = existing;
    return result;
}

static void encode_cancel(const void *args, struct db_params *params)
{
    const struct sequencer_cancel_args *a = args;
    db_add_text(params, a->region);
    db_add_int8(params, a->epoch);
    db_add_int8(params, (int64_t)a->expected_next_seq);
    db_add_time(params, a->created_at_us);
    db_add_int4(params, SEQUENCER_CANCEL_ALL_MAX);
    db_add_int8_array(params, a->order_seqs, a->count);
    db_add_text_array(params, a->user_ids, a->count);
    db_add_uuid_array(params, a->trace_ids, a->count);
}

static Tb__OrderRecord *decode_cancel_request(const struct db_rows *rows, size_t row, struct arena *arena)
{
    Tb__OrderRecord *record = arena_alloc(arena, sizeof *record);
    tb__order_record__init(record);
    record->kind = TB__ORDER_RECORD__KIND__KIND_CANCEL_REQUEST;
    record->target_seq = (uint64_t)db_get_int(rows, row, 3);
    record->seq = (uint64_t)db_get_int(rows, row, 4);
    record->user_id = row_text(rows, row, 5, arena);
    record->client_id = arena_strdup(arena, SEQUENCER_CANCEL_CLIENT);
    record->idempotency_key = arena_printf(arena, "cancel:%llu", (unsigned long long)record->target_seq);
    record->trace_id = row_trace(rows, row, 6, arena);
    record->created_at_us = db_get_time(rows, row, 7);
    return record;
}

static void *decode_cancel(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    (void)err;
    struct sequencer_cancel_result *result = arena_alloc(arena, sizeof *result);
    result->count = db_row_count(rows);
    struct sequencer_cancel_row *cancels = arena_array(arena, result->count, sizeof *cancels);
    for (size_t i = 0; i < result->count; i++) {
        cancels[i].entry = (uint32_t)db_get_int(rows, i, 0);
        cancels[i].refusal = (Tb__Refusal)db_get_int(rows, i, 1);
        cancels[i].terminal_type = (uint32_t)db_get_int(rows, i, 2);
        cancels[i].target_seq = (uint64_t)db_get_int(rows, i, 3);
        if (!db_is_null(rows, i, 4))
            cancels[i].record = decode_cancel_request(rows, i, arena);
    }
    result->rows = cancels;
    return result;
}

static void encode_read_backlog(const void *args, struct db_params *params)
{
    db_add_text(params, ((const struct sequencer_read_backlog_args *)args)->region);
}

static void *decode_read_backlog(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    if (db_row_count(rows) != 1 || db_is_null(rows, 0, 0)) {
        err_set(err, "this region has no executions stream: was it created?");
        return NULL;
    }
    struct sequencer_read_backlog_result *result = arena_alloc(arena, sizeof *result);
    result->terminal_total = (uint64_t)db_get_int(rows, 0, 0);
    return result;
}

const struct actor_proc sequencer_procs[SEQUENCER_PROC_COUNT] = {
    [SEQUENCER_TAKE_EPOCH] = {"take_epoch", "SELECT * FROM sequencer_take_epoch($1)", encode_take_epoch,
                              decode_take_epoch},
    [SEQUENCER_READ_RECENT] = {"read_recent", "SELECT * FROM sequencer_recent($1, $2, $3)", encode_read_recent,
                               decode_read_recent},
    [SEQUENCER_APPEND] =
        {"append",
         "SELECT * FROM sequencer_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
         encode_append, decode_append},
    [SEQUENCER_CANCEL] = {"cancel", "SELECT * FROM sequencer_cancel($1, $2, $3, $4, $5, $6, $7, $8)", encode_cancel,
                          decode_cancel},
    [SEQUENCER_READ_BACKLOG] = {"read_backlog", "SELECT sequencer_backlog($1)", encode_read_backlog,
                                decode_read_backlog},
};
