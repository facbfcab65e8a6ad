#include <string.h>

#include "../../common/base.h"
#include "state.h"

enum { TRACE_BYTES = 16 };

int64_t intake_due_us(const struct entry *entry)
{
    if (entry->plan.kind == SIMFILL_HANG)
        return SIMFILL_NEVER;
    if (entry->plan.kind == SIMFILL_CANCEL)
        return entry->created_at_us + entry->plan.delay_us;
    uint32_t leg = entry->legs_done < entry->plan.leg_count ? entry->legs_done + 1U : entry->plan.leg_count;
    return entry->created_at_us + simfill_plan_leg_us(&entry->plan, leg);
}

void intake_open(struct simfill *s, uint32_t number, const struct simfill_order *order, int64_t now_us)
{
    const Tb__OrderRecord *record = order->record;
    struct entry *entry = window_entry(&s->window, number);
    entry->state = ENTRY_OPEN;
    entry->created_at_us = record->created_at_us;
    entry->price_cents = record->price_cents;
    entry->quantity = record->quantity;
    entry->side = (uint8_t)record->side;
    entry->traced = record->trace_id.len == TRACE_BYTES;
    if (entry->traced)
        memcpy(entry->trace_id, record->trace_id.data, TRACE_BYTES);
    bool whole = tb_copy_text(entry->user_id, sizeof entry->user_id, record->user_id);
    tb_assert(whole); /* the sequencer takes no longer ones */
    entry->plan = simfill_plan(record->simulation_seed, entry->side, entry->quantity, money_cents(entry->price_cents),
                               s->options.delay_max_us);
    entry->legs_done = (uint8_t)order->legs_done;
    entry->filled_quantity = order->filled_quantity;
    entry->notional_cents = order->notional_cents;
    entry->parked = order->parked;

    int64_t due_us = intake_due_us(entry);
    bool far = due_us == SIMFILL_NEVER || due_us - now_us > SIMFILL_HORIZON_US;
    entry->to_park = far && !entry->parked && entry->cancel_seq == 0;
    window_schedule(&s->window, number, entry->to_park || entry->cancel_seq != 0 ? now_us : due_us);
}

static void intake_cancel(struct simfill *s, const Tb__OrderRecord *request, int64_t now_us)
{
    uint32_t number = window_find(&s->window, request->target_seq);
    if (number == ENTRY_NONE) { /* final, or parked: the store knows */
        number = window_add(&s->window, request->target_seq);
        window_entry(&s->window, number)->cancel_seq = request->seq;
        lookup_add(s, number);
        return;
    }
    struct entry *entry = window_entry(&s->window, number);
    entry->cancel_seq = request->seq;
    entry->to_park = false;
    if (entry->state == ENTRY_OPEN) /* one being written comes back here if it is still open then */
        window_schedule(&s->window, number, now_us);
}

static void intake_record(struct simfill *s, const struct simfill_order *order, int64_t now_us)
{
    const Tb__OrderRecord *record = order->record;
    if (record->kind == TB__ORDER_RECORD__KIND__KIND_CANCEL_REQUEST)
        intake_cancel(s, record, now_us);
    else if (order->final || order->parked) /* done before a restart */
        window_settle(&s->window, record->seq, true);
    else
        intake_open(s, window_add(&s->window, record->seq), order, now_us);
}

void intake_message(struct simfill *s, const struct input *in, struct effects *fx)
{
    const Tb__OrdersAppended *message = (const Tb__OrdersAppended *)in->message;
    size_t count = message->n_records;
    if (s->phase != SIMFILL_FOLLOWING || count == 0)
        return;
    if (window_room(&s->window, s->follow.next) < count) { /* read it later: intake_catch_up */
        uint64_t last = in->first_seq + count - 1;
        s->follow.seen_max = last > s->follow.seen_max ? last : s->follow.seen_max;
        return;
    }
    size_t skip = 0;
    switch (follow_offer(&s->follow, in->first_seq, count, &skip)) {
    case FOLLOW_TAKE:
        for (size_t i = skip; i < count; i++)
            intake_record(s, &(struct simfill_order){.record = message->records[i]}, in->now_us);
        break;
    case FOLLOW_GAP:
        intake_fetch(s, fx);
        break;
    case FOLLOW_DROP:
        break;
    }
}

void intake_fetch(struct simfill *s, struct effects *fx)
{
    uint32_t room = window_room(&s->window, s->follow.next);
    uint32_t enough = s->window.capacity / 2 < SIMFILL_READ_MAX ? s->window.capacity / 2 : SIMFILL_READ_MAX;
    if (s->resting || room < enough || !follow_fetch(&s->follow))
        return;
    s->fetch_limit = room < SIMFILL_READ_MAX ? room : SIMFILL_READ_MAX;
    struct simfill_read_orders_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct simfill_read_orders_args){
        .region = s->options.region, .after_seq = s->follow.next - 1, .limit = s->fetch_limit};
    effects_call(fx, SIMFILL_READ_ORDERS, args);
}

void intake_catch_up(struct simfill *s, struct effects *fx)
{
    if (s->follow.seen_max >= s->follow.next)
        intake_fetch(s, fx);
}

void intake_fetched(struct simfill *s, const struct input *in, struct effects *fx)
{
    const struct simfill_orders_result *result = in->result;
    for (size_t i = 0; i < result->count; i++) {
        tb_assert(result->orders[i].record->seq == s->follow.next + i); /* dense: rule 2 */
        intake_record(s, &result->orders[i], in->now_us);
    }
    if (follow_fetched(&s->follow, result->count, s->fetch_limit))
        intake_fetch(s, fx);
}
