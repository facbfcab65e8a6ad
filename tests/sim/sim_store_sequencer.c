/* The sequencer's store procedures on tables in memory (actors/sequencer/store.h says what each promises). */
#include "sim_internal.h"

#include <stdio.h>
#include <string.h>

#include "base.h"
#include "sim_copy.h"

static const void *copy_append(struct arena *arena, const struct sequencer_append_args *args)
{
    struct sequencer_append_args *copy = arena_copy(arena, args, sizeof *args);
    size_t n = copy->count;
    copy->user_ids = copy_texts(arena, copy->user_ids, n);
    copy->client_ids = copy_texts(arena, copy->client_ids, n);
    copy->idempotency_keys = copy_texts(arena, copy->idempotency_keys, n);
    copy->simulation_seeds = copy_texts(arena, copy->simulation_seeds, n);
    COPY_ARRAY(arena, copy->sides, n);
    COPY_ARRAY(arena, copy->times_in_force, n);
    COPY_ARRAY(arena, copy->quantities, n);
    COPY_ARRAY(arena, copy->prices_cents, n);
    COPY_ARRAY(arena, copy->keys_generated, n);
    COPY_ARRAY(arena, copy->possible_duplicates, n);
    copy->trace_ids = copy_ids(arena, copy->trace_ids, n);
    return copy;
}

static const void *copy_cancel(struct arena *arena, const struct sequencer_cancel_args *args)
{
    struct sequencer_cancel_args *copy = arena_copy(arena, args, sizeof *args);
    COPY_ARRAY(arena, copy->order_seqs, copy->count);
    copy->user_ids = copy_texts(arena, copy->user_ids, copy->count);
    copy->trace_ids = copy_ids(arena, copy->trace_ids, copy->count);
    return copy;
}

const void *sequencer_copy_args(struct arena *arena, unsigned proc, const void *args)
{
    switch ((enum sequencer_proc)proc) {
    case SEQUENCER_APPEND:
        return copy_append(arena, args);
    case SEQUENCER_CANCEL:
        return copy_cancel(arena, args);
    case SEQUENCER_READ_RECENT:
        return arena_copy(arena, args, sizeof(struct sequencer_read_recent_args));
    default:
        return NULL; /* only the region */
    }
}

static void take_epoch(struct sim_store *store, struct sim_call *call)
{
    calls_before_epoch(store->sim, SIM_SEQUENCER);
    struct sim_head *head = &store->orders_head;
    head->epoch++;
    store->led_from = head->next_seq;
    struct sequencer_take_epoch_result *result = arena_alloc(&call->arena, sizeof *result);
    *result = (struct sequencer_take_epoch_result){.epoch = head->epoch,
                                                   .next_seq = head->next_seq,
                                                   .orders_total = head->total,
                                                   .terminal_total = store->executions_head.total};
    call->result = result;
}

static void read_recent(struct sim_store *store, struct sim_call *call)
{
    const struct sequencer_read_recent_args *args = call->args;
    struct sequencer_read_recent_result *result = arena_alloc(&call->arena, sizeof *result);
    struct sequencer_recent_row *rows = arena_array(&call->arena, store->orders.count + 1, sizeof *rows);
    for (size_t i = 0; i < store->orders.count; i++) {
        const Tb__OrderRecord *order = store->orders.rows[i];
        if (order->kind != TB__ORDER_RECORD__KIND__KIND_ORDER || order->seq < args->from_seq ||
            order->created_at_us <= args->since_us)
            continue;
        rows[result->count++] = (struct sequencer_recent_row){.seq = order->seq,
                                                              .user_id = order->user_id,
                                                              .side = order->side,
                                                              .quantity = order->quantity,
                                                              .price_cents = order->price_cents,
                                                              .created_at_us = order->created_at_us};
    }
    result->rows = rows;
    call->result = result;
}

static const Tb__OrderRecord *find_key(const struct sim_store *store, const char *client, const char *key)
{
    bool forgets = store_bug(store, SIM_BUG_DEDUPE_IN_MEMORY);
    for (size_t i = 0; i < store->orders.count; i++)
        if (strcmp(store->orders.rows[i]->client_id, client) == 0 &&
            strcmp(store->orders.rows[i]->idempotency_key, key) == 0 &&
            !(forgets && store->orders.rows[i]->seq < store->led_from))
            return store->orders.rows[i];
    return NULL;
}

static Tb__OrderRecord *new_record(struct sim_store *store, uint64_t seq, int64_t created_at_us, const char *user,
                                   const char *client, const char *key, const uint8_t *trace_id)
{
    Tb__OrderRecord *record = arena_alloc(&store->arena, sizeof *record);
    tb__order_record__init(record);
    record->seq = seq;
    record->created_at_us = created_at_us;
    record->user_id = arena_strdup(&store->arena, user);
    record->client_id = arena_strdup(&store->arena, client);
    record->idempotency_key = arena_strdup(&store->arena, key);
    if (trace_id)
        record->trace_id = (ProtobufCBinaryData){.len = 16, .data = arena_copy(&store->arena, trace_id, 16)};
    return record;
}

static uint64_t resolve_duplicate(int64_t duplicate, const uint64_t *entry_seqs)
{
    return duplicate >= 0 ? (uint64_t)duplicate : entry_seqs[-duplicate - 1];
}

static void append(struct sim_store *store, struct sim_call *call, bool dry)
{
    const struct sequencer_append_args *args = call->args;
    struct sim_head *head = &store->orders_head;
    if (!store_fence(store, call, head, args->epoch, args->expected_next_seq))
        return;
    struct sequencer_append_result *result = arena_alloc(&call->arena, sizeof *result);
    struct sequencer_existing_row *existing = arena_array(&call->arena, args->count, sizeof *existing);
    uint64_t *entry_seqs = arena_array(&call->arena, args->count, sizeof *entry_seqs);
    uint64_t seq = args->expected_next_seq;
    for (size_t i = 0; i < args->count; i++) {
        const Tb__OrderRecord *stored = store_bug(store, SIM_BUG_NO_UNIQUE)
                                            ? NULL
                                            : find_key(store, args->client_ids[i], args->idempotency_keys[i]);
        if (stored) {
            existing[result->existing_count++] =
                (struct sequencer_existing_row){.entry = (uint32_t)i, .record = stored};
            continue;
        }
        entry_seqs[i] = seq++;
        if (dry)
            continue;
        Tb__OrderRecord *record =
            new_record(store, entry_seqs[i], args->created_at_us, args->user_ids[i], args->client_ids[i],
                       args->idempotency_keys[i], args->trace_ids ? args->trace_ids[i] : NULL);
        record->kind = TB__ORDER_RECORD__KIND__KIND_ORDER;
        record->side = (Tb__Side)args->sides[i];
        record->time_in_force = (Tb__TimeInForce)args->times_in_force[i];
        record->quantity = (uint32_t)args->quantities[i];
        record->price_cents = args->prices_cents[i];
        record->key_generated = args->keys_generated[i];
        record->simulation_seed =
            arena_strdup(&store->arena, args->simulation_seeds[i] ? args->simulation_seeds[i] : "");
        record->possible_duplicate_of = resolve_duplicate(args->possible_duplicates[i], entry_seqs);
        *SIM_INSERT(store->orders) = record;
    }
    if (!dry) {
        head->total += seq - args->expected_next_seq;
        head->next_seq += seq - args->expected_next_seq;
    }
    result->existing = existing;
    call->result = result;
}

/* One entry of a cancel call: what it means and what comes of it. */
struct cancelling {
    struct sim_store *store;
    const struct sequencer_cancel_args *args;
    struct sequencer_cancel_row *rows;
    size_t count;
    uint64_t next_seq;
};

static void cancel_one(struct cancelling *work, uint32_t entry, const Tb__OrderRecord *order)
{
    struct sim_store *store = work->store;
    struct sequencer_cancel_row *row = &work->rows[work->count++];
    *row =
        (struct sequencer_cancel_row){.entry = entry, .refusal = TB__REFUSAL__REFUSAL_NONE, .target_seq = order->seq};
    if (store_cancel_request(store, order->seq))
        return;
    char key[32];
    snprintf(key, sizeof key, "cancel:%llu", (unsigned long long)order->seq);
    Tb__OrderRecord *record =
        new_record(store, work->next_seq++, work->args->created_at_us, order->user_id, SEQUENCER_CANCEL_CLIENT, key,
                   work->args->trace_ids ? work->args->trace_ids[entry] : NULL);
    record->kind = TB__ORDER_RECORD__KIND__KIND_CANCEL_REQUEST;
    record->target_seq = order->seq;
    *SIM_INSERT(store->orders) = record;
    row->record = record;
}

static void cancel_named(struct cancelling *work, uint32_t entry, uint64_t seq)
{
    const Tb__OrderRecord *order = store_order(work->store, seq);
    const struct sim_execution *final = store_final(work->store, seq);
    if (order == NULL || order->kind != TB__ORDER_RECORD__KIND__KIND_ORDER)
        work->rows[work->count++] =
            (struct sequencer_cancel_row){.entry = entry, .refusal = TB__REFUSAL__REFUSAL_NOT_FOUND, .target_seq = seq};
    else if (final)
        work->rows[work->count++] = (struct sequencer_cancel_row){
            .entry = entry, .refusal = TB__REFUSAL__REFUSAL_TERMINAL, .terminal_type = final->type, .target_seq = seq};
    else
        cancel_one(work, entry, order);
}

static void cancel_all(struct cancelling *work, uint32_t entry, const char *user)
{
    size_t orders = work->store->orders.count; /* requests are appended meanwhile */
    for (size_t i = 0; i < orders; i++) {
        const Tb__OrderRecord *order = work->store->orders.rows[i];
        bool open = order->kind == TB__ORDER_RECORD__KIND__KIND_ORDER && store_final(work->store, order->seq) == NULL &&
                    (order->seq > work->store->simfill_cursor || store_is_parked(work->store, order->seq));
        if (open && user && strcmp(order->user_id, user) == 0)
            cancel_one(work, entry, order);
    }
}

static void cancel(struct sim_store *store, struct sim_call *call)
{
    const struct sequencer_cancel_args *args = call->args;
    if (!store_fence(store, call, &store->orders_head, args->epoch, args->expected_next_seq))
        return;
    struct cancelling work = {.store = store, .args = args, .next_seq = args->expected_next_seq};
    work.rows = arena_array(&call->arena, args->count * (store->orders.count + 1), sizeof *work.rows);
    for (uint32_t i = 0; i < args->count; i++)
        if (args->order_seqs[i] > 0)
            cancel_named(&work, i, (uint64_t)args->order_seqs[i]);
        else
            cancel_all(&work, i, args->user_ids[i]);
    store->orders_head.next_seq += work.next_seq - args->expected_next_seq;
    struct sequencer_cancel_result *result = arena_alloc(&call->arena, sizeof *result);
    *result = (struct sequencer_cancel_result){.count = work.count, .rows = work.rows};
    call->result = result;
}

static void read_backlog(struct sim_store *store, struct sim_call *call)
{
    struct sequencer_read_backlog_result *result = arena_alloc(&call->arena, sizeof *result);
    result->terminal_total = store->executions_head.total;
    call->result = result;
}

void sequencer_execute(struct sim_store *store, struct sim_call *call, bool dry)
{
    switch ((enum sequencer_proc)call->proc) {
    case SEQUENCER_TAKE_EPOCH:
        take_epoch(store, call);
        break;
    case SEQUENCER_READ_RECENT:
        read_recent(store, call);
        break;
    case SEQUENCER_APPEND:
        append(store, call, dry);
        break;
    case SEQUENCER_CANCEL:
        cancel(store, call);
        break;
    case SEQUENCER_READ_BACKLOG:
        read_backlog(store, call);
        break;
    default:
        tb_assert_failed("no such procedure of the sequencer", __FILE__, __LINE__);
    }
}
