#include "state.h"

enum { PUBLISH_MAX = 256, TRACE_BYTES = 16 }; /* records per message */

static Tb__ExecutionRecord *publish_execution(const struct simfill *s, struct arena *arena, uint32_t index)
{
    const struct fill_row *row = &s->batch.rows[index];
    struct entry *entry = window_entry(&s->window, row->entry);
    Tb__ExecutionRecord *record = arena_alloc(arena, sizeof *record);
    tb__execution_record__init(record);
    record->seq = s->executions_next_seq + index;
    record->type = (Tb__ExecutionRecord__Type)row->type;
    record->order_seq = entry->seq;
    record->leg = row->leg;
    record->user_id = arena_strdup(arena, entry->user_id); /* the entry may be gone when the message is packed */
    record->side = (Tb__Side)entry->side;
    record->quantity = row->quantity;
    record->price_cents = row->price_cents;
    record->notional_cents = row->notional_cents;
    record->az = (char *)s->options.az;
    record->trace_id.len = entry->traced ? TRACE_BYTES : 0;
    record->trace_id.data = arena_copy(arena, entry->trace_id, TRACE_BYTES);
    record->created_at_us = s->batch.created_at_us;
    return record;
}

static void publish_executions(const struct simfill *s, struct effects *fx)
{
    for (uint32_t first = 0; first < s->batch.row_count; first += PUBLISH_MAX) {
        uint32_t left = s->batch.row_count - first, count = left < PUBLISH_MAX ? left : PUBLISH_MAX;
        Tb__ExecutionsAppended *message = arena_alloc(fx->arena, sizeof *message);
        tb__executions_appended__init(message);
        message->records = arena_array(fx->arena, count, sizeof *message->records);
        message->n_records = count;
        message->terminal_total = s->terminal_total;
        for (uint32_t i = 0; i < count; i++)
            message->records[i] = publish_execution(s, fx->arena, first + i);
        effects_send(fx, SIMFILL_FEED, NULL, TB__MESSAGE_TYPE__EXECUTIONS_APPENDED, &message->base,
                     TB__STREAM__STREAM_EXECUTIONS, s->executions_next_seq + first);
    }
}

static Tb__AdjustmentRecord *publish_adjustment(const struct simfill *s, struct arena *arena, uint32_t index)
{
    const struct fill_row *row = &s->batch.rows[s->batch.adjusted_row[index]];
    struct entry *entry = window_entry(&s->window, s->batch.adjusted[index]);
    Tb__AdjustmentRecord *record = arena_alloc(arena, sizeof *record);
    tb__adjustment_record__init(record);
    record->seq = s->outbox_next_seq + index;
    record->order_seq = entry->seq;
    record->user_id = arena_strdup(arena, entry->user_id);
    record->side = (Tb__Side)entry->side;
    record->quantity = row->quantity;
    record->price_cents = row->price_cents;
    record->delta_cents = entry->side == TB__SIDE__SIDE_BUY ? -row->notional_cents : row->notional_cents;
    record->fault =
        entry->plan.poison ? TB__ADJUSTMENT_RECORD__FAULT__FAULT_POISON : TB__ADJUSTMENT_RECORD__FAULT__FAULT_NONE;
    record->trace_id.len = entry->traced ? TRACE_BYTES : 0;
    record->trace_id.data = arena_copy(arena, entry->trace_id, TRACE_BYTES);
    record->created_at_us = s->batch.created_at_us;
    record->order_created_at_us = entry->created_at_us;
    return record;
}

static void publish_adjustments_from(Tb__AdjustmentRecord **records, uint32_t count, struct effects *fx)
{
    Tb__AdjustmentsAppended *message = arena_alloc(fx->arena, sizeof *message);
    tb__adjustments_appended__init(message);
    message->records = records;
    message->n_records = count;
    effects_send(fx, SIMFILL_OUTBOX, NULL, TB__MESSAGE_TYPE__ADJUSTMENTS_APPENDED, &message->base,
                 TB__STREAM__STREAM_OUTBOX, records[0]->seq);
}

static void publish_adjustments(const struct simfill *s, struct effects *fx)
{
    uint32_t total = s->batch.adjusted_count;
    Tb__AdjustmentRecord **records = arena_array(fx->arena, total, sizeof *records);
    for (uint32_t i = 0; i < total; i++)
        records[i] = publish_adjustment(s, fx->arena, i);
    for (uint32_t first = 0; first < total; first += PUBLISH_MAX)
        publish_adjustments_from(&records[first], total - first < PUBLISH_MAX ? total - first : PUBLISH_MAX, fx);
    for (uint32_t i = 0; i < total; i++) /* seed dup:N: the bus delivers it N times, and balance must not care */
        for (uint32_t n = 1; n < window_entry(&s->window, s->batch.adjusted[i])->plan.deliveries; n++)
            publish_adjustments_from(&records[i], 1, fx);
}

void publish_batch(struct simfill *s, struct effects *fx)
{
    publish_executions(s, fx);
    publish_adjustments(s, fx);
    int64_t trades = 0;
    for (uint32_t i = 0; i < s->batch.row_count; i++)
        trades += s->batch.rows[i].leg > 0;
    effects_count(fx, SIMFILL_TRADES, trades);
}
