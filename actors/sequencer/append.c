#include <string.h>

#include "../../common/base.h"
#include "state.h"

static struct pending_order *batch_order(struct sequencer *s, uint32_t index)
{
    return &s->queue.slots[s->batch.slots[s->batch.at + index]];
}

static struct pending_order *batch_leader(struct sequencer *s, uint32_t entry)
{
    return batch_order(s, s->batch.leader_of[entry]);
}

/* Return: the slot of the entry whose leader is `same` as order, or an empty one. */
static uint32_t *probe_entry(struct sequencer *s, struct probe *probe, uint64_t hash, const struct pending_order *order,
                             bool (*same)(const struct pending_order *, const struct pending_order *), bool *found)
{
    uint32_t at = (uint32_t)(hash >> 32) % PROBE_SLOTS;
    while (probe->slots[at].generation == probe->generation) {
        if (same(batch_leader(s, probe->slots[at].entry), order)) {
            *found = true;
            return &probe->slots[at].entry;
        }
        at = (at + 1) % PROBE_SLOTS;
    }
    *found = false;
    probe->slots[at].generation = probe->generation;
    return &probe->slots[at].entry;
}

static void probe_clear(struct probe *probe)
{
    if (++probe->generation == 0) { /* once in four thousand million batches */
        memset(probe, 0, sizeof *probe);
        probe->generation = 1;
    }
}

/* Effect: sorts the tried orders into entries: the first order of each pair leads, the others wait for what becomes of
 * it. */
static void append_group(struct sequencer *s)
{
    struct order_batch *batch = &s->batch;
    batch->entry_count = 0;
    probe_clear(&s->pairs);
    probe_clear(&s->contents);
    for (uint32_t i = 0; i < batch->tried; i++) {
        const struct pending_order *order = batch_order(s, i);
        bool found;
        uint32_t *entry = probe_entry(s, &s->pairs, order->pair_hash, order, order_same_pair, &found);
        if (found) {
            batch->entry_of[i] = *entry;
            continue;
        }
        uint32_t number = batch->entry_count++;
        *entry = number;
        batch->entry_of[i] = number;
        batch->leader_of[number] = i;

        uint32_t *equal = probe_entry(s, &s->contents, order->content_hash, order, order_looks_equal, &found);
        int64_t duplicate = 0;
        if (order->key_generated)
            duplicate = found ? -((int64_t)*equal + 1)
                              : (int64_t)recent_find(&s->recent, order->content_hash, batch->created_at_us);
        batch->duplicate_of[number] = duplicate;
        *equal = number; /* the latest */
    }
}

/* Return: how long an order was in the gateway and on its way; 0 = not known. Two machines' clocks may disagree. */
static int32_t time_before(const struct sequencer *s, const struct pending_order *order)
{
    int64_t us = s->batch.created_at_us - order->received_at_us;
    return order->received_at_us == 0 || us < 0 || us > INT32_MAX ? 0 : (int32_t)us;
}

static const struct sequencer_append_args *append_args(struct sequencer *s, struct arena *arena)
{
    size_t count = s->batch.entry_count;
    const char **users = arena_array(arena, count, sizeof *users);
    const char **clients = arena_array(arena, count, sizeof *clients);
    const char **keys = arena_array(arena, count, sizeof *keys);
    const char **seeds = arena_array(arena, count, sizeof *seeds);
    int16_t *sides = arena_array(arena, count, sizeof *sides);
    int16_t *times_in_force = arena_array(arena, count, sizeof *times_in_force);
    int32_t *quantities = arena_array(arena, count, sizeof *quantities);
    int64_t *prices = arena_array(arena, count, sizeof *prices);
    bool *generated = arena_array(arena, count, sizeof *generated);
    const uint8_t **traces = arena_array(arena, count, sizeof *traces);
    int32_t *gateway_us = arena_array(arena, count, sizeof *gateway_us);
    int64_t *parents = arena_array(arena, count, sizeof *parents);
    for (uint32_t i = 0; i < count; i++) {
        const struct pending_order *order = batch_leader(s, i);
        gateway_us[i] = time_before(s, order);
        parents[i] = (int64_t)order->parent_span;
        users[i] = order->user_id;
        clients[i] = order->client_id;
        keys[i] = order->idempotency_key;
        seeds[i] = order->simulation_seed;
        sides[i] = order->side;
        times_in_force[i] = order->time_in_force;
        quantities[i] = (int32_t)order->quantity;
        prices[i] = order->price_cents;
        generated[i] = order->key_generated;
        traces[i] = order->traced ? order->trace_id : NULL;
    }
    struct sequencer_append_args *args = arena_alloc(arena, sizeof *args);
    *args = (struct sequencer_append_args){.region = s->options.region,
                                           .epoch = s->epoch,
                                           .expected_next_seq = s->next_seq,
                                           .created_at_us = s->batch.created_at_us,
                                           .count = count,
                                           .user_ids = users,
                                           .client_ids = clients,
                                           .idempotency_keys = keys,
                                           .simulation_seeds = seeds,
                                           .sides = sides,
                                           .times_in_force = times_in_force,
                                           .quantities = quantities,
                                           .prices_cents = prices,
                                           .keys_generated = generated,
                                           .possible_duplicates = s->batch.duplicate_of,
                                           .trace_ids = traces,
                                           .gateway_us = gateway_us,
                                           .parent_spans = parents};
    return args;
}

static void append_try(struct sequencer *s, const struct input *in, struct effects *fx)
{
    s->batch.created_at_us = in->now_us;
    append_group(s);
    effects_call(fx, SEQUENCER_APPEND, append_args(s, fx->arena));
}

void append_start(struct sequencer *s, const struct input *in, struct effects *fx)
{
    struct order_batch *batch = &s->batch;
    batch->at = batch->failed_to = 0;
    batch->count = s->queue.count < SEQUENCER_BATCH_MAX ? s->queue.count : SEQUENCER_BATCH_MAX;
    batch->tried = batch->count;
    for (uint32_t i = 0; i < batch->count; i++)
        batch->slots[i] = order_queue_pop(&s->queue);
    append_try(s, in, fx);
}

/* Effect: makes room for the answered orders of the last try and tries the rest, or what came meanwhile. */
static void append_advance(struct sequencer *s, uint32_t answered, const struct input *in, struct effects *fx)
{
    struct order_batch *batch = &s->batch;
    for (uint32_t i = 0; i < answered; i++)
        order_queue_done(&s->queue, batch->slots[batch->at + i]);
    batch->at += answered;
    batch->tried = batch->at < batch->failed_to ? (batch->failed_to - batch->at + 1) / 2 : batch->count - batch->at;
    if (batch->tried > 0)
        append_try(s, in, fx);
    else
        sequencer_work(s, in, fx);
}

static Tb__OrderRecord *append_record(struct sequencer *s, struct effects *fx, uint32_t entry, uint64_t seq,
                                      uint64_t duplicate)
{
    struct pending_order *order = batch_leader(s, entry);
    Tb__OrderRecord *record = arena_alloc(fx->arena, sizeof *record);
    tb__order_record__init(record);
    record->seq = seq;
    record->kind = TB__ORDER_RECORD__KIND__KIND_ORDER;
    record->user_id = order->user_id; /* the slot is not reused before this step's effects are carried out */
    record->client_id = order->client_id;
    record->idempotency_key = order->idempotency_key;
    record->side = (Tb__Side)order->side;
    record->quantity = order->quantity;
    record->price_cents = order->price_cents;
    record->time_in_force = (Tb__TimeInForce)order->time_in_force;
    record->simulation_seed = order->simulation_seed;
    record->key_generated = order->key_generated;
    record->possible_duplicate_of = duplicate;
    record->trace_id.len = order->traced ? sizeof order->trace_id : 0;
    record->trace_id.data = order->trace_id;
    record->created_at_us = s->batch.created_at_us;
    return record;
}

/* One entry's outcome: the row that is stored under its pair, and whether this call stored it. */
struct outcome {
    const Tb__OrderRecord *record;
    bool appended;
};

/* Effect: gives each entry its outcome by the same rule as the store: those it did not know get dense seqs in order. */
static struct outcome *append_outcomes(struct sequencer *s, const struct sequencer_append_result *result,
                                       struct effects *fx, Tb__OrderRecord **appended, size_t *appended_count)
{
    struct outcome *outcomes = arena_array(fx->arena, s->batch.entry_count, sizeof *outcomes);
    size_t existing = 0;
    *appended_count = 0;
    for (uint32_t i = 0; i < s->batch.entry_count; i++) {
        if (existing < result->existing_count && result->existing[existing].entry == i) {
            outcomes[i].record = result->existing[existing++].record;
            continue;
        }
        int64_t duplicate = s->batch.duplicate_of[i];
        uint64_t duplicate_seq = duplicate > 0 ? (uint64_t)duplicate : 0;
        if (duplicate < 0 && outcomes[-duplicate - 1].appended)
            duplicate_seq = outcomes[-duplicate - 1].record->seq;
        Tb__OrderRecord *record = append_record(s, fx, i, s->next_seq + *appended_count, duplicate_seq);
        outcomes[i] = (struct outcome){.record = record, .appended = true};
        appended[(*appended_count)++] = record;
    }
    tb_assert(existing == result->existing_count);
    return outcomes;
}

static void append_answer(struct sequencer *s, uint32_t index, const struct outcome *outcome, struct answers *answers)
{
    const struct pending_order *order = batch_order(s, index);
    struct effects *fx = answers->fx;
    Tb__OrderResult *result = arena_alloc(fx->arena, sizeof *result);
    tb__order_result__init(result);
    result->request_id = order->request_id;
    bool leads = s->batch.leader_of[s->batch.entry_of[index]] == index;
    if (outcome->appended && leads) {
        result->order = (Tb__OrderRecord *)outcome->record;
        effects_log(fx, LOG_INFO, outcome->record->seq, order->user_id, order->traced ? order->trace_id : NULL,
                    "order accepted");
    } else if (order_same_content(order, outcome->record)) {
        result->replayed = true;
        result->order = (Tb__OrderRecord *)outcome->record;
        effects_count(fx, SEQUENCER_REPLAYED, 1);
    } else {
        result->refusal = TB__REFUSAL__REFUSAL_KEY_REUSED;
        result->order = arena_alloc(fx->arena, sizeof *result->order);
        tb__order_record__init(result->order);
        result->order->seq = outcome->record->seq;
        effects_count(fx, SEQUENCER_REFUSED_KEY_REUSED, 1);
    }
    answers_add_order(answers, &order->from, result);
}

void append_done(struct sequencer *s, const struct input *in, struct effects *fx)
{
    Tb__OrderRecord **appended = arena_array(fx->arena, s->batch.entry_count, sizeof *appended);
    size_t appended_count;
    struct outcome *outcomes = append_outcomes(s, in->result, fx, appended, &appended_count);
    s->next_seq += appended_count;
    s->orders_total += appended_count;

    struct answers answers = answers_start(fx);
    for (uint32_t i = 0; i < s->batch.tried; i++) {
        append_answer(s, i, &outcomes[s->batch.entry_of[i]], &answers);
        effects_observe(fx, SEQUENCER_ACCEPT_SECONDS, in->now_us - batch_order(s, i)->arrived_us);
    }
    answers_send(&answers);
    sequencer_publish(s, fx, appended, appended_count);
    for (uint32_t i = 0; i < s->batch.entry_count; i++)
        if (outcomes[i].appended)
            recent_put(&s->recent, batch_leader(s, i)->content_hash, outcomes[i].record->seq, s->batch.created_at_us);
    effects_count(fx, SEQUENCER_ACCEPTED, (int64_t)appended_count);
    effects_count(fx, SEQUENCER_BATCHES, 1);
    effects_observe(fx, SEQUENCER_APPEND_SECONDS, in->now_us - s->batch.created_at_us);
    append_advance(s, s->batch.tried, in, fx);
}

static void append_refuse(struct sequencer *s, uint32_t count, Tb__Refusal refusal, unsigned metric,
                          struct answers *answers)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct pending_order *order = batch_order(s, i);
        answers_refuse_order(answers, &order->from, order->request_id, refusal);
    }
    effects_count(answers->fx, metric, count);
}

void append_failed(struct sequencer *s, const struct input *in, struct effects *fx)
{
    struct order_batch *batch = &s->batch;
    bool data = store_error_is_data(in->error);
    if (data && batch->tried > 1) {
        batch->failed_to = batch->at + batch->tried;
        batch->tried /= 2;
        append_try(s, in, fx);
        return;
    }
    struct answers answers = answers_start(fx);
    uint32_t refused = batch->tried;
    batch->failed_to = 0;
    if (data) {
        const struct pending_order *order = batch_order(s, 0);
        effects_log(fx, LOG_ERROR, 0, order->user_id, order->traced ? order->trace_id : NULL,
                    "order refused: the store cannot take it: %s", in->error);
        append_refuse(s, refused, TB__REFUSAL__REFUSAL_INVALID, SEQUENCER_REFUSED_INVALID, &answers);
    } else {
        effects_log(fx, LOG_ERROR, 0, NULL, NULL, "%u orders refused: the store failed: %s", (unsigned)refused,
                    in->error ? in->error : "no reason given");
        append_refuse(s, refused, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, SEQUENCER_REFUSED_UNAVAILABLE, &answers);
    }
    answers_send(&answers);
    append_advance(s, refused, in, fx);
}

void append_give_up(struct sequencer *s, struct answers *answers)
{
    struct order_batch *batch = &s->batch;
    batch->tried = batch->count - batch->at;
    append_refuse(s, batch->tried, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, SEQUENCER_REFUSED_UNAVAILABLE, answers);
    for (uint32_t i = batch->at; i < batch->count; i++)
        order_queue_done(&s->queue, batch->slots[i]);
    batch->at = batch->count = batch->tried = 0;
}

void append_refuse_waiting(struct sequencer *s, struct answers *answers)
{
    if (s->queue.count > 0)
        effects_count(answers->fx, SEQUENCER_REFUSED_UNAVAILABLE, s->queue.count);
    while (s->queue.count > 0) {
        uint32_t slot = order_queue_pop(&s->queue);
        const struct pending_order *order = &s->queue.slots[slot];
        answers_refuse_order(answers, &order->from, order->request_id, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
        order_queue_done(&s->queue, slot);
    }
}
