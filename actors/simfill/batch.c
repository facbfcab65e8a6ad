#include <string.h>

#include "../../common/base.h"
#include "state.h"

enum { CURSOR_BEHIND_MAX = 4096 }; /* settled positions that the stored cursor may lag behind while nothing is due */

static uint32_t batch_entry(const struct simfill *s, uint32_t index)
{
    return s->batch.entries[s->batch.at + index];
}

/* Effect: takes what is due out of the heap, at most a batch. */
static void batch_collect(struct simfill *s, int64_t now_us)
{
    struct fill_batch *batch = &s->batch;
    batch->at = batch->count = batch->failed_to = 0;
    uint32_t rows = 0;
    for (uint32_t number; (number = window_first(&s->window)) != ENTRY_NONE; batch->count++) {
        struct entry *entry = window_entry(&s->window, number);
        rows += entry->plan.leg_count + 1;
        if (entry->due_us > now_us || batch->count == SIMFILL_BATCH_MAX || rows > SIMFILL_ROWS_MAX)
            break;
        window_unschedule(&s->window, number);
        entry->state = ENTRY_WRITING;
        batch->entries[batch->count] = number;
    }
    batch->tried = batch->count;
}

static void batch_row(struct simfill *s, uint32_t number, Tb__ExecutionRecord__Type type, uint32_t leg,
                      uint32_t quantity, struct money price, struct money notional)
{
    tb_assert(s->batch.row_count < SIMFILL_ROWS_MAX);
    s->batch.rows[s->batch.row_count++] = (struct fill_row){
        .entry = number,
        .type = (uint16_t)type,
        .leg = (uint16_t)leg,
        .quantity = quantity,
        .price_cents = price.cents,
        .notional_cents = notional.cents,
    };
}

/* Effect: the trades of an order that are due by now_us. Return: false when their sum does not fit: such an order is
 * rejected. */
static bool batch_trades(struct simfill *s, uint32_t number, struct fill_outcome *outcome, int64_t now_us)
{
    const struct entry *entry = window_entry(&s->window, number);
    struct money price = money_cents(entry->price_cents), total = money_cents(outcome->notional_cents), notional;
    while (outcome->legs_done < entry->plan.leg_count &&
           entry->created_at_us + simfill_plan_leg_us(&entry->plan, outcome->legs_done + 1) <= now_us) {
        uint32_t quantity = entry->plan.quantities[outcome->legs_done];
        if (!money_times(price, quantity, &notional) || !money_add(total, notional, &total))
            return false;
        batch_row(s, number, TB__EXECUTION_RECORD__TYPE__TRADE_EXECUTED, ++outcome->legs_done, quantity, price,
                  notional);
        outcome->filled_quantity += quantity;
        outcome->notional_cents = total.cents;
    }
    return true;
}

/* Effect: decides the final record. Whatever was filled is kept: then the order is accepted with what it has. */
static void batch_final(struct simfill *s, uint32_t number, struct fill_outcome *outcome,
                        Tb__ExecutionRecord__Type unfilled)
{
    struct money notional = money_cents(outcome->notional_cents), average = money_cents(0);
    outcome->final_type = unfilled;
    if (outcome->filled_quantity > 0) {
        outcome->final_type = TB__EXECUTION_RECORD__TYPE__ORDER_ACCEPTED;
        average = money_average(notional, outcome->filled_quantity);
        s->batch.adjusted[s->batch.adjusted_count] = number;
        s->batch.adjusted_row[s->batch.adjusted_count++] = s->batch.row_count;
    }
    batch_row(s, number, outcome->final_type, 0, outcome->filled_quantity, average, notional);
}

/* Return: whether not even a rejection can be stored: then the order is parked for good, out of the others' way. */
static bool batch_hopeless(const struct entry *entry)
{
    return entry->attempts >= 2 * SIMFILL_ATTEMPTS_MAX;
}

/* Effect: works out what the append does to one order and adds its rows. */
static void batch_order(struct simfill *s, uint32_t number, struct fill_outcome *outcome, int64_t now_us)
{
    const struct entry *entry = window_entry(&s->window, number);
    *outcome = (struct fill_outcome){
        .legs_done = entry->legs_done,
        .filled_quantity = entry->filled_quantity,
        .notional_cents = entry->notional_cents,
    };
    if (batch_hopeless(entry))
        outcome->park_due_us = SIMFILL_NEVER;
    else if (entry->attempts >= SIMFILL_ATTEMPTS_MAX)
        batch_final(s, number, outcome, TB__EXECUTION_RECORD__TYPE__ORDER_REJECTED);
    else if (entry->cancel_seq != 0 || entry->plan.kind == SIMFILL_CANCEL)
        batch_final(s, number, outcome, TB__EXECUTION_RECORD__TYPE__ORDER_CANCELLED);
    else if (entry->to_park)
        outcome->park_due_us = intake_due_us(entry);
    else if (!batch_trades(s, number, outcome, now_us))
        batch_final(s, number, outcome, TB__EXECUTION_RECORD__TYPE__ORDER_REJECTED);
    else if (entry->plan.kind == SIMFILL_FILL && outcome->legs_done == entry->plan.leg_count)
        batch_final(s, number, outcome, TB__EXECUTION_RECORD__TYPE__ORDER_REJECTED);
}

/* Effect: marks the positions that this append settles, so that its cursor can pass them; or takes the marks back. */
static void batch_settle(struct simfill *s, bool settled)
{
    for (uint32_t i = 0; i < s->batch.tried; i++) {
        const struct entry *entry = window_entry(&s->window, batch_entry(s, i));
        const struct fill_outcome *outcome = &s->batch.outcomes[i];
        if (outcome->final_type != 0 || outcome->park_due_us != 0)
            window_settle(&s->window, entry->seq, settled);
        if (entry->cancel_seq != 0 && (outcome->final_type != 0 || batch_hopeless(entry)))
            window_settle(&s->window, entry->cancel_seq, settled);
    }
}

static void args_executions(const struct simfill *s, struct arena *arena, struct simfill_append_args *args)
{
    size_t count = s->batch.row_count;
    int64_t *orders = arena_array(arena, count, sizeof *orders);
    int16_t *types = arena_array(arena, count, sizeof *types);
    int16_t *sides = arena_array(arena, count, sizeof *sides);
    int32_t *legs = arena_array(arena, count, sizeof *legs);
    int32_t *quantities = arena_array(arena, count, sizeof *quantities);
    int64_t *prices = arena_array(arena, count, sizeof *prices);
    int64_t *notionals = arena_array(arena, count, sizeof *notionals);
    const char **users = arena_array(arena, count, sizeof *users);
    for (size_t i = 0; i < count; i++) {
        const struct fill_row *row = &s->batch.rows[i];
        const struct entry *entry = window_entry(&s->window, row->entry);
        orders[i] = (int64_t)entry->seq;
        types[i] = (int16_t)row->type;
        sides[i] = entry->side;
        legs[i] = row->leg;
        quantities[i] = (int32_t)row->quantity;
        prices[i] = row->price_cents;
        notionals[i] = row->notional_cents;
        users[i] = entry->user_id;
    }
    args->execution_count = count;
    args->execution_order_seqs = orders;
    args->execution_types = types;
    args->execution_sides = sides;
    args->execution_legs = legs;
    args->execution_quantities = quantities;
    args->execution_prices_cents = prices;
    args->execution_notionals_cents = notionals;
    args->execution_user_ids = users;
}

static void args_adjustments(const struct simfill *s, struct arena *arena, struct simfill_append_args *args)
{
    size_t count = s->batch.adjusted_count;
    int64_t *orders = arena_array(arena, count, sizeof *orders);
    int64_t *deltas = arena_array(arena, count, sizeof *deltas);
    int64_t *prices = arena_array(arena, count, sizeof *prices);
    int32_t *quantities = arena_array(arena, count, sizeof *quantities);
    int16_t *sides = arena_array(arena, count, sizeof *sides);
    int16_t *faults = arena_array(arena, count, sizeof *faults);
    int64_t *created = arena_array(arena, count, sizeof *created);
    const uint8_t **traces = arena_array(arena, count, sizeof *traces);
    const char **users = arena_array(arena, count, sizeof *users);
    for (size_t i = 0; i < count; i++) {
        const struct fill_row *row = &s->batch.rows[s->batch.adjusted_row[i]];
        const struct entry *entry = window_entry(&s->window, s->batch.adjusted[i]);
        orders[i] = (int64_t)entry->seq;
        deltas[i] = entry->side == TB__SIDE__SIDE_BUY ? -row->notional_cents : row->notional_cents;
        prices[i] = row->price_cents;
        quantities[i] = (int32_t)row->quantity;
        sides[i] = entry->side;
        faults[i] =
            entry->plan.poison ? TB__ADJUSTMENT_RECORD__FAULT__FAULT_POISON : TB__ADJUSTMENT_RECORD__FAULT__FAULT_NONE;
        created[i] = entry->created_at_us;
        traces[i] = entry->traced ? entry->trace_id : NULL;
        users[i] = entry->user_id;
    }
    args->adjustment_count = count;
    args->adjustment_order_seqs = orders;
    args->adjustment_deltas_cents = deltas;
    args->adjustment_prices_cents = prices;
    args->adjustment_quantities = quantities;
    args->adjustment_sides = sides;
    args->adjustment_faults = faults;
    args->adjustment_order_created_at_us = created;
    args->adjustment_trace_ids = traces;
    args->adjustment_user_ids = users;
}

static void args_parked(const struct simfill *s, struct arena *arena, struct simfill_append_args *args)
{
    int64_t *park_orders = arena_array(arena, s->batch.tried, sizeof *park_orders);
    int64_t *park_due = arena_array(arena, s->batch.tried, sizeof *park_due);
    int64_t *unpark_orders = arena_array(arena, s->batch.tried, sizeof *unpark_orders);
    for (uint32_t i = 0; i < s->batch.tried; i++) {
        const struct entry *entry = window_entry(&s->window, batch_entry(s, i));
        const struct fill_outcome *outcome = &s->batch.outcomes[i];
        if (outcome->park_due_us != 0) {
            park_orders[args->park_count] = (int64_t)entry->seq;
            park_due[args->park_count++] = outcome->park_due_us;
        }
        if (entry->parked && outcome->final_type != 0)
            unpark_orders[args->unpark_count++] = (int64_t)entry->seq;
    }
    args->park_order_seqs = park_orders;
    args->park_due_at_us = park_due;
    args->unpark_order_seqs = unpark_orders;
}

/* Effect: works out the tried orders as of now and sends the append. */
static void batch_try(struct simfill *s, const struct input *in, struct effects *fx)
{
    struct fill_batch *batch = &s->batch;
    batch->under_way = true;
    batch->created_at_us = in->now_us;
    batch->row_count = batch->adjusted_count = 0;
    for (uint32_t i = 0; i < batch->tried; i++)
        batch_order(s, batch_entry(s, i), &batch->outcomes[i], in->now_us);
    batch_settle(s, true);
    batch->cursor = window_settled_to(&s->window);

    struct simfill_append_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct simfill_append_args){
        .region = s->options.region,
        .epoch = s->epoch,
        .executions_next_seq = s->executions_next_seq,
        .outbox_next_seq = s->outbox_next_seq,
        .cursor = batch->cursor,
        .created_at_us = batch->created_at_us,
        .az = s->options.az,
    };
    args_executions(s, fx->arena, args);
    args_adjustments(s, fx->arena, args);
    args_parked(s, fx->arena, args);
    effects_call(fx, SIMFILL_APPEND, args);
}

void batch_start(struct simfill *s, const struct input *in, struct effects *fx, bool cursor_only)
{
    if (s->batch.under_way)
        return;
    batch_collect(s, in->now_us);
    uint64_t behind = window_settled_to(&s->window) - s->window.cursor;
    if (s->batch.count > 0)
        gather_began(&s->gather, s->batch.count, in->now_us);
    if (s->batch.count > 0 || behind > CURSOR_BEHIND_MAX || (cursor_only && behind > 0))
        batch_try(s, in, fx);
}

/* Effect: carries one committed outcome over to its entry. */
static void batch_carry_over(struct simfill *s, uint32_t number, const struct fill_outcome *outcome,
                             const struct input *in, struct effects *fx)
{
    struct entry *entry = window_entry(&s->window, number);
    entry->legs_done = (uint8_t)outcome->legs_done;
    entry->filled_quantity = outcome->filled_quantity;
    entry->notional_cents = outcome->notional_cents;
    entry->state = ENTRY_OPEN;
    if (outcome->final_type != 0) {
        static const unsigned counters[] = {[TB__EXECUTION_RECORD__TYPE__ORDER_ACCEPTED] = SIMFILL_FILLED,
                                            [TB__EXECUTION_RECORD__TYPE__ORDER_CANCELLED] = SIMFILL_CANCELLED,
                                            [TB__EXECUTION_RECORD__TYPE__ORDER_REJECTED] = SIMFILL_REJECTED};
        effects_count(fx, counters[outcome->final_type], 1);
        effects_observe(fx, SIMFILL_FILL_SECONDS, in->now_us - entry->created_at_us);
        if (entry->cancel_seq != 0) /* it may have come after the append was sent */
            window_settle(&s->window, entry->cancel_seq, true);
        s->parked_wanted |= entry->parked && s->parked_more;
        window_remove(&s->window, number);
        return;
    }
    if (outcome->park_due_us != 0) {
        effects_count(fx, SIMFILL_PARKED, 1);
        parked_added(s, outcome->park_due_us);
        entry->parked = true;
        entry->to_park = false;
        if (entry->cancel_seq == 0 || batch_hopeless(entry)) {
            window_remove(&s->window, number);
            return;
        }
    }
    entry->attempts = 0;
    window_schedule(&s->window, number, entry->cancel_seq != 0 ? in->now_us : intake_due_us(entry));
}

/* Effect: goes on with the rest of the batch, worked out anew. */
static void batch_advance(struct simfill *s, const struct input *in, struct effects *fx)
{
    struct fill_batch *batch = &s->batch;
    batch->at += batch->tried;
    batch->tried = batch->at < batch->failed_to ? (batch->failed_to - batch->at + 1) / 2 : batch->count - batch->at;
    batch->under_way = false;
    if (batch->tried > 0)
        batch_try(s, in, fx);
}

void batch_done(struct simfill *s, const struct input *in, struct effects *fx)
{
    struct fill_batch *batch = &s->batch;
    for (uint32_t i = 0; i < batch->row_count; i++)
        s->terminal_total += batch->rows[i].leg == 0;
    publish_batch(s, fx);
    s->executions_next_seq += batch->row_count;
    s->outbox_next_seq += batch->adjusted_count;
    window_advance(&s->window, batch->cursor);
    for (uint32_t i = 0; i < batch->tried; i++)
        batch_carry_over(s, batch_entry(s, i), &batch->outcomes[i], in, fx);
    s->backoff_us = 0;
    effects_count(fx, SIMFILL_BATCHES, 1);
    effects_observe(fx, SIMFILL_APPEND_SECONDS, in->now_us - batch->created_at_us);
    batch_advance(s, in, fx);
}

/* Effect: puts an order back to be written later. */
static void batch_put_back(struct simfill *s, uint32_t number, int64_t due_us)
{
    window_entry(&s->window, number)->state = ENTRY_OPEN;
    window_schedule(&s->window, number, due_us);
}

static void batch_failed_alone(struct simfill *s, const struct input *in, struct effects *fx)
{
    uint32_t number = batch_entry(s, 0);
    struct entry *entry = window_entry(&s->window, number);
    int64_t wait_us = (int64_t)SIMFILL_BACKOFF_US << (entry->attempts < 6 ? entry->attempts : 6);
    if (entry->attempts < UINT32_MAX)
        entry->attempts++;
    effects_log(fx, LOG_ERROR, entry->seq, entry->user_id, entry->traced ? entry->trace_id : NULL,
                "fill failed, attempt %u, %s: %s", entry->attempts,
                entry->attempts == SIMFILL_ATTEMPTS_MAX ? "rejecting the order" : "trying again", in->error);
    batch_put_back(s, number, in->now_us + (wait_us < SIMFILL_BACKOFF_MAX_US ? wait_us : SIMFILL_BACKOFF_MAX_US));
}

void batch_failed(struct simfill *s, const struct input *in, struct effects *fx)
{
    struct fill_batch *batch = &s->batch;
    effects_count(fx, SIMFILL_STORE_FAILURES, 1);
    batch_settle(s, false);
    if (!store_error_is_data(in->error) || batch->tried == 0) {
        effects_log(fx, LOG_ERROR, 0, NULL, NULL, "the store failed, trying again: %s", in->error ? in->error : "");
        for (uint32_t i = batch->at; i < batch->count; i++)
            batch_put_back(s, batch->entries[i], window_entry(&s->window, batch->entries[i])->due_us);
        batch->at = batch->count = batch->tried = 0;
        batch->under_way = false;
        simfill_rest(s, in, fx);
        return;
    }
    if (batch->tried > 1) {
        batch->failed_to = batch->at + batch->tried;
        batch->tried /= 2;
        batch_try(s, in, fx);
        return;
    }
    batch->failed_to = 0;
    batch_failed_alone(s, in, fx);
    batch_advance(s, in, fx);
}
