#include "internal.h"

#include "base.h"

void feed_begin(struct feed *feed, struct effects *fx, uint64_t first_seq, size_t count, int64_t at_us)
{
    *feed = (struct feed){.first_seq = first_seq, .at_us = at_us, .fx = fx};
    tb__balances_appended__init(&feed->message);
    feed->message.records = arena_array(fx->arena, count ? count : 1, sizeof *feed->message.records);
}

static Tb__BalanceRecord *feed_add(struct feed *feed, Tb__BalanceRecord__Type type, const char *user_id, bool has_trace,
                                   const uint8_t trace_id[16])
{
    struct arena *arena = feed->fx->arena;
    Tb__BalanceRecord *record = arena_alloc(arena, sizeof *record);
    tb__balance_record__init(record);
    record->seq = feed->first_seq + feed->message.n_records;
    record->type = type;
    record->user_id = arena_strdup(arena, user_id);
    record->created_at_us = feed->at_us;
    if (has_trace) {
        record->trace_id.len = 16;
        record->trace_id.data = arena_copy(arena, trace_id, 16);
    }
    feed->message.records[feed->message.n_records++] = record;
    return record;
}

void feed_updated(struct feed *feed, const struct balance_adjustment *adjustment, struct money resulting,
                  uint64_t version)
{
    Tb__BalanceRecord *record = feed_add(feed, TB__BALANCE_RECORD__TYPE__BALANCE_UPDATED, adjustment->user_id,
                                         adjustment->has_trace, adjustment->trace_id);
    record->order_seq = adjustment->order_seq;
    record->reason = TB__BALANCE_RECORD__REASON__ORDER_FILL;
    record->side = (Tb__Side)adjustment->side;
    record->quantity = adjustment->quantity;
    record->price_cents = adjustment->price.cents;
    record->delta_cents = adjustment->delta.cents;
    record->resulting_cents = resulting.cents;
    record->version = version;
    record->outbox_seq = adjustment->seq;
}

void feed_opened(struct feed *feed, const struct balance_opening *opening, struct money amount)
{
    Tb__BalanceRecord *record = feed_add(feed, TB__BALANCE_RECORD__TYPE__BALANCE_UPDATED, opening->user_id,
                                         opening->has_trace, opening->trace_id);
    record->reason = TB__BALANCE_RECORD__REASON__OPENING_BALANCE;
    record->delta_cents = amount.cents;
    record->resulting_cents = opening->resulting.cents;
    record->version = opening->version;
}

void feed_event(struct feed *feed, Tb__BalanceRecord__Type type, const struct balance_adjustment *adjustment,
                uint32_t attempts, const char *error)
{
    Tb__BalanceRecord *record = feed_add(feed, type, adjustment->user_id, adjustment->has_trace, adjustment->trace_id);
    record->order_seq = adjustment->order_seq;
    record->outbox_seq = adjustment->seq;
    record->attempts = attempts;
    if (error)
        record->error = arena_strdup(feed->fx->arena, error);
}

void feed_send(struct feed *feed)
{
    if (feed->message.n_records == 0)
        return;
    Tb__BalancesAppended *message = arena_copy(feed->fx->arena, &feed->message, sizeof feed->message);
    effects_send(feed->fx, BALANCE_LINK_FEED, NULL, TB__MESSAGE_TYPE__BALANCES_APPENDED, &message->base,
                 TB__STREAM__STREAM_BALANCES, feed->first_seq);
}

uint64_t feed_resolved(struct effects *fx, uint64_t first_seq, enum balance_how how, uint64_t outbox_seq,
                       const struct balance_resolved *resolved, int64_t at_us)
{
    struct balance_adjustment adjustment = resolved->adjustment;
    struct feed feed;
    adjustment.seq = outbox_seq;
    feed_begin(&feed, fx, first_seq, 2, at_us);
    if (how == BALANCE_HOW_REDRIVE)
        feed_event(&feed, TB__BALANCE_RECORD__TYPE__DEAD_LETTER_REDRIVEN, &adjustment, resolved->attempts, NULL);
    if (how == BALANCE_HOW_DISCARD)
        feed_event(&feed, TB__BALANCE_RECORD__TYPE__DEAD_LETTER_DISCARDED, &adjustment, resolved->attempts, NULL);
    else
        feed_updated(&feed, &adjustment, resolved->resulting, resolved->version);
    uint64_t used = feed.message.n_records;
    feed_send(&feed);
    return used;
}
