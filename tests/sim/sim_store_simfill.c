/* Simfill's store procedures on tables in memory (actors/simfill/store.h says what each promises). */
#include "sim_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base.h"
#include "sim_copy.h"

enum { TORN_OUTBOX = 20000 }; /* per million */

static const void *copy_append(struct arena *arena, const struct simfill_append_args *args)
{
    struct simfill_append_args *copy = arena_copy(arena, args, sizeof *args);
    size_t n = copy->execution_count;
    COPY_ARRAY(arena, copy->execution_order_seqs, n);
    COPY_ARRAY(arena, copy->execution_types, n);
    COPY_ARRAY(arena, copy->execution_sides, n);
    COPY_ARRAY(arena, copy->execution_legs, n);
    COPY_ARRAY(arena, copy->execution_quantities, n);
    COPY_ARRAY(arena, copy->execution_prices_cents, n);
    COPY_ARRAY(arena, copy->execution_notionals_cents, n);
    copy->execution_user_ids = copy_texts(arena, copy->execution_user_ids, n);
    n = copy->adjustment_count;
    COPY_ARRAY(arena, copy->adjustment_order_seqs, n);
    COPY_ARRAY(arena, copy->adjustment_deltas_cents, n);
    COPY_ARRAY(arena, copy->adjustment_prices_cents, n);
    COPY_ARRAY(arena, copy->adjustment_quantities, n);
    COPY_ARRAY(arena, copy->adjustment_sides, n);
    COPY_ARRAY(arena, copy->adjustment_faults, n);
    COPY_ARRAY(arena, copy->adjustment_order_created_at_us, n);
    copy->adjustment_trace_ids = copy_ids(arena, copy->adjustment_trace_ids, n);
    copy->adjustment_user_ids = copy_texts(arena, copy->adjustment_user_ids, n);
    COPY_ARRAY(arena, copy->park_order_seqs, copy->park_count);
    COPY_ARRAY(arena, copy->park_due_at_us, copy->park_count);
    COPY_ARRAY(arena, copy->unpark_order_seqs, copy->unpark_count);
    return copy;
}

const void *simfill_copy_args(struct arena *arena, unsigned proc, const void *args)
{
    switch ((enum simfill_proc)proc) {
    case SIMFILL_READ_ORDERS:
        return arena_copy(arena, args, sizeof(struct simfill_read_orders_args));
    case SIMFILL_READ_DUE:
        return arena_copy(arena, args, sizeof(struct simfill_read_due_args));
    case SIMFILL_READ_PARKED: {
        struct simfill_read_parked_args *copy = arena_copy(arena, args, sizeof *copy);
        COPY_ARRAY(arena, copy->order_seqs, copy->count);
        return copy;
    }
    case SIMFILL_APPEND:
        return copy_append(arena, args);
    default:
        return NULL;
    }
}

static void take_epoch(struct sim_store *store, struct sim_call *call)
{
    calls_before_epoch(store->sim, SIM_SIMFILL);
    struct sim_head *head = &store->executions_head;
    head->epoch++;
    struct simfill_take_epoch_result *result = arena_alloc(&call->arena, sizeof *result);
    *result = (struct simfill_take_epoch_result){.epoch = head->epoch,
                                                 .executions_next_seq = head->next_seq,
                                                 .terminal_total = head->total,
                                                 .outbox_next_seq = store->outbox_head.next_seq,
                                                 .cursor = store->simfill_cursor};
    call->result = result;
}

/* Return: the row with how far its order has come. */
static struct simfill_order order_row(const struct sim_store *store, const Tb__OrderRecord *record)
{
    struct simfill_order row = {.record = record};
    if (record->kind != TB__ORDER_RECORD__KIND__KIND_ORDER)
        return row;
    for (size_t i = 0; i < store->executions.count; i++) {
        const struct sim_execution *execution = &store->executions.rows[i];
        if (execution->order_seq != record->seq)
            continue;
        if (execution->leg == 0) {
            row.final = true;
            continue;
        }
        row.legs_done++;
        row.filled_quantity += execution->quantity;
        row.notional_cents += execution->notional_cents;
    }
    row.parked = store_is_parked(store, record->seq);
    return row;
}

static struct simfill_orders_result *new_result(struct sim_store *store, struct sim_call *call)
{
    struct simfill_orders_result *result = arena_alloc(&call->arena, sizeof *result);
    result->orders = arena_array(&call->arena, store->orders.count + 1, sizeof *result->orders);
    call->result = result;
    return result;
}

static void add_row(struct sim_store *store, struct simfill_orders_result *result, const Tb__OrderRecord *record)
{
    struct simfill_order *orders = (struct simfill_order *)result->orders; /* ours until the core gets it */
    if (record)
        orders[result->count++] = order_row(store, record);
}

static void read_orders(struct sim_store *store, struct sim_call *call)
{
    const struct simfill_read_orders_args *args = call->args;
    struct simfill_orders_result *result = new_result(store, call);
    if (store_bug(store, SIM_BUG_STALE_POLL))
        return;
    for (size_t i = 0; i < store->orders.count && result->count < args->limit; i++)
        if (store->orders.rows[i]->seq > args->after_seq)
            add_row(store, result, store->orders.rows[i]);
}

static const struct sim_parked *next_parked(const struct sim_store *store, int64_t after_due_us, uint64_t after_seq)
{
    const struct sim_parked *best = NULL;
    for (size_t i = 0; i < store->parked.count; i++) {
        const struct sim_parked *row = &store->parked.rows[i];
        if (row->due_at_us == SIMFILL_NEVER || row->due_at_us < after_due_us ||
            (row->due_at_us == after_due_us && row->order_seq <= after_seq))
            continue;
        if (best == NULL || row->due_at_us < best->due_at_us ||
            (row->due_at_us == best->due_at_us && row->order_seq < best->order_seq))
            best = row;
    }
    return best;
}

static void read_due(struct sim_store *store, struct sim_call *call)
{
    const struct simfill_read_due_args *args = call->args;
    struct simfill_orders_result *result = new_result(store, call);
    const struct sim_parked *row = next_parked(store, INT64_MIN, 0);
    for (; row && row->due_at_us <= args->due_before_us && result->count < args->limit;
         row = next_parked(store, row->due_at_us, row->order_seq))
        add_row(store, result, store_order(store, row->order_seq));
    const struct sim_parked *next = next_parked(store, args->due_before_us, UINT64_MAX);
    result->next_due_us = next ? next->due_at_us : 0;
}

static void read_parked(struct sim_store *store, struct sim_call *call)
{
    const struct simfill_read_parked_args *args = call->args;
    struct simfill_orders_result *result = new_result(store, call);
    for (size_t i = 0; i < store->orders.count; i++)
        for (size_t j = 0; j < args->count; j++)
            if (store->orders.rows[i]->seq == (uint64_t)args->order_seqs[j] &&
                store_is_parked(store, store->orders.rows[i]->seq)) {
                add_row(store, result, store->orders.rows[i]);
                break;
            }
}

/* Return: whether an execution of the batch is stored already, or twice in it: the unique key (order_seq, leg). */
static bool has_duplicate(const struct sim_store *store, const struct simfill_append_args *args)
{
    for (size_t i = 0; i < args->execution_count; i++) {
        uint64_t order_seq = (uint64_t)args->execution_order_seqs[i];
        uint32_t leg = (uint32_t)args->execution_legs[i];
        for (size_t j = 0; j < store->executions.count; j++)
            if (store->executions.rows[j].order_seq == order_seq && store->executions.rows[j].leg == leg)
                return true;
        for (size_t j = 0; j < i; j++)
            if (args->execution_order_seqs[j] == args->execution_order_seqs[i] &&
                args->execution_legs[j] == args->execution_legs[i])
                return true;
    }
    return false;
}

static void insert_executions(struct sim_store *store, const struct simfill_append_args *args)
{
    for (size_t i = 0; i < args->execution_count; i++) {
        *SIM_INSERT(store->executions) = (struct sim_execution){
            .seq = args->executions_next_seq + i,
            .order_seq = (uint64_t)args->execution_order_seqs[i],
            .type = (uint32_t)args->execution_types[i],
            .side = (uint32_t)args->execution_sides[i],
            .leg = (uint32_t)args->execution_legs[i],
            .quantity = (uint32_t)args->execution_quantities[i],
            .price_cents = args->execution_prices_cents[i],
            .notional_cents = args->execution_notionals_cents[i],
            .created_at_us = args->created_at_us,
            .user_id = arena_strdup(&store->arena, args->execution_user_ids[i]),
        };
        store->executions_head.next_seq++;
        store->executions_head.total += args->execution_legs[i] == 0;
    }
}

static void insert_adjustments(struct sim_store *store, const struct simfill_append_args *args)
{
    for (size_t i = 0; i < args->adjustment_count; i++) {
        struct sim_outbox *row = SIM_INSERT(store->outbox);
        row->fault = (uint32_t)args->adjustment_faults[i];
        row->adjustment = (struct balance_adjustment){
            .seq = args->outbox_next_seq + i,
            .order_seq = (uint64_t)args->adjustment_order_seqs[i],
            .delta = money_cents(args->adjustment_deltas_cents[i]),
            .price = money_cents(args->adjustment_prices_cents[i]),
            .created_at_us = args->created_at_us,
            .order_created_at_us = args->adjustment_order_created_at_us[i],
            .quantity = (uint32_t)args->adjustment_quantities[i],
            .side = (uint8_t)args->adjustment_sides[i],
        };
        if (args->adjustment_trace_ids && args->adjustment_trace_ids[i]) {
            row->adjustment.has_trace = true;
            memcpy(row->adjustment.trace_id, args->adjustment_trace_ids[i], 16);
        }
        tb_assert(tb_copy_text(row->adjustment.user_id, sizeof row->adjustment.user_id, args->adjustment_user_ids[i]));
        store->outbox_head.next_seq++;
    }
}

static void unpark(struct sim_store *store, uint64_t order_seq)
{
    for (size_t i = 0; i < store->parked.count; i++)
        if (store->parked.rows[i].order_seq == order_seq) {
            memmove(&store->parked.rows[i], &store->parked.rows[i + 1],
                    (store->parked.count - i - 1) * sizeof *store->parked.rows);
            store->parked.count--;
            return;
        }
}

static void move_parks(struct sim_store *store, const struct simfill_append_args *args)
{
    for (size_t i = 0; i < args->park_count && !store_bug(store, SIM_BUG_LOSE_PARKED); i++)
        if (!store_is_parked(store, (uint64_t)args->park_order_seqs[i]))
            *SIM_INSERT(store->parked) = (struct sim_parked){.order_seq = (uint64_t)args->park_order_seqs[i],
                                                             .due_at_us = args->park_due_at_us[i]};
    for (size_t i = 0; i < args->unpark_count; i++)
        unpark(store, (uint64_t)args->unpark_order_seqs[i]);
}

/* An order at or below the cursor is final or parked: what recovery rests on, so it is looked at in each transaction
 * that moves it. */
static void check_passed(struct sim_store *store, uint64_t from, uint64_t to)
{
    for (size_t i = 0; i < store->orders.count; i++) {
        const Tb__OrderRecord *order = store->orders.rows[i];
        if (order->seq <= from || order->seq > to || order->kind != TB__ORDER_RECORD__KIND__KIND_ORDER)
            continue;
        if (store_final(store, order->seq) == NULL && !store_is_parked(store, order->seq))
            sim_fail(store->sim, "simfill's cursor passes order %" PRIu64 ", which is neither final nor parked",
                     order->seq);
    }
    for (size_t i = 0; i < store->parked.count; i++)
        if (store_final(store, store->parked.rows[i].order_seq))
            sim_fail(store->sim, "order %" PRIu64 " is final and still parked", store->parked.rows[i].order_seq);
    if (to >= store->orders_head.next_seq)
        sim_fail(store->sim, "simfill's cursor %" PRIu64 " is past the orders stream", to);
}

static void append(struct sim_store *store, struct sim_call *call, bool dry)
{
    const struct simfill_append_args *args = call->args;
    if (!store_fence(store, call, &store->executions_head, args->epoch, args->executions_next_seq))
        return;
    if (args->adjustment_count > 0 && !store_fence(store, call, &store->outbox_head, 0, args->outbox_next_seq))
        return;
    if (has_duplicate(store, args) && !store_bug(store, SIM_BUG_NO_FENCE)) {
        store_fail(call, "23505: duplicate key value violates unique constraint (order_seq, leg)");
        return;
    }
    if (dry)
        return;
    uint64_t cursor = store->simfill_cursor;
    insert_executions(store, args);
    if (!store_bug(store, SIM_BUG_OUTBOX_NOT_IN_TX) || !sim_chance(store->sim, TORN_OUTBOX))
        insert_adjustments(store, args);
    move_parks(store, args);
    if (args->cursor > cursor)
        store->simfill_cursor = args->cursor;
    check_passed(store, cursor, store->simfill_cursor);
}

void simfill_execute(struct sim_store *store, struct sim_call *call, bool dry)
{
    switch ((enum simfill_proc)call->proc) {
    case SIMFILL_TAKE_EPOCH:
        take_epoch(store, call);
        break;
    case SIMFILL_READ_ORDERS:
        read_orders(store, call);
        break;
    case SIMFILL_READ_DUE:
        read_due(store, call);
        break;
    case SIMFILL_READ_PARKED:
        read_parked(store, call);
        break;
    case SIMFILL_APPEND:
        append(store, call, dry);
        break;
    default:
        tb_assert_failed("no such procedure of simfill", __FILE__, __LINE__);
    }
}

void simfill_move_cursor(struct sim_store *store, const struct sim_call *call, bool forward)
{
    if (call->proc != SIMFILL_APPEND)
        return;
    const struct simfill_append_args *args = call->args;
    if (forward && args->epoch == store->executions_head.epoch && args->cursor > store->simfill_cursor)
        store->simfill_cursor = args->cursor; /* its effects stay out: nobody looks at these orders again */
}
