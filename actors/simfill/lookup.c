#include "../../common/base.h"
#include "state.h"

void lookup_add(struct simfill *s, uint32_t number)
{
    struct lookups *lookups = &s->lookups;
    lookups->waiting[(lookups->head + lookups->count++) % s->window.capacity] = number;
}

void lookup_start(struct simfill *s, struct effects *fx)
{
    struct lookups *lookups = &s->lookups;
    if (lookups->count == 0 || lookups->asked_count > 0)
        return;
    lookups->asked_count = lookups->count < SIMFILL_BATCH_MAX ? lookups->count : SIMFILL_BATCH_MAX;
    int64_t *seqs = arena_array(fx->arena, lookups->asked_count, sizeof *seqs);
    for (uint32_t i = 0; i < lookups->asked_count; i++) {
        lookups->asked[i] = lookups->waiting[lookups->head];
        lookups->head = (lookups->head + 1) % s->window.capacity;
        lookups->count--;
        seqs[i] = (int64_t)window_entry(&s->window, lookups->asked[i])->seq;
    }
    struct simfill_read_parked_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct simfill_read_parked_args){
        .region = s->options.region, .count = lookups->asked_count, .order_seqs = seqs};
    effects_call(fx, SIMFILL_READ_PARKED, args);
}

void lookup_done(struct simfill *s, const struct input *in)
{
    const struct simfill_orders_result *result = in->result;
    for (size_t i = 0; i < result->count; i++) {
        uint32_t number = window_find(&s->window, result->orders[i].record->seq);
        if (number != ENTRY_NONE && window_entry(&s->window, number)->state == ENTRY_WANTED)
            intake_open(s, number, &result->orders[i], in->now_us);
    }
    for (uint32_t i = 0; i < s->lookups.asked_count; i++) {
        struct entry *entry = window_entry(&s->window, s->lookups.asked[i]);
        if (entry->state != ENTRY_WANTED)
            continue;
        window_settle(&s->window, entry->cancel_seq,
                      true); /* not parked: it was final before the cancel request came here */
        window_remove(&s->window, s->lookups.asked[i]);
    }
    s->lookups.asked_count = 0;
}

void lookup_failed(struct simfill *s)
{
    for (uint32_t i = 0; i < s->lookups.asked_count; i++)
        lookup_add(s, s->lookups.asked[i]);
    s->lookups.asked_count = 0;
}

void parked_start(struct simfill *s, const struct input *in, struct effects *fx)
{
    uint32_t room = s->window.capacity - s->window.count;
    if (!s->parked_wanted || s->parked_reading || room == 0)
        return;
    s->parked_wanted = false;
    s->parked_reading = true;
    s->parked_limit = room < SIMFILL_READ_MAX ? room : SIMFILL_READ_MAX;
    struct simfill_read_due_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct simfill_read_due_args){
        .region = s->options.region, .due_before_us = in->now_us + SIMFILL_HORIZON_US, .limit = s->parked_limit};
    effects_call(fx, SIMFILL_READ_DUE, args);
}

void parked_done(struct simfill *s, const struct input *in)
{
    const struct simfill_orders_result *result = in->result;
    s->parked_reading = false;
    uint32_t reserved = s->follow.fetching ? s->fetch_limit : 0, room = s->window.capacity - reserved;
    s->parked_more = result->count >= s->parked_limit;
    for (size_t i = 0; i < result->count; i++) {
        uint64_t seq = result->orders[i].record->seq;
        if (window_find(&s->window, seq) != ENTRY_NONE)
            continue;
        if (s->window.count >= room) {
            s->parked_more = true;
            break;
        }
        intake_open(s, window_add(&s->window, seq), &result->orders[i], in->now_us);
    }
    s->parked_due_us = result->next_due_us != 0 ? result->next_due_us : SIMFILL_NEVER;
    if (s->parked_more) /* again, once some of these are written */
        s->parked_due_us = in->now_us + SIMFILL_HORIZON_US + SIMFILL_HORIZON_US / 20;
}

void parked_failed(struct simfill *s)
{
    s->parked_reading = false;
    s->parked_wanted = true;
}

void parked_added(struct simfill *s, int64_t due_us)
{
    if (due_us < s->parked_due_us)
        s->parked_due_us = due_us;
}
