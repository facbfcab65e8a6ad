#include "internal.h"

#include <string.h>

#include "base.h"
#include "persona.pb-c.h"

static size_t intake_room(const struct balance_core *core)
{
    return BALANCE_QUEUE_MAX - core->queue_count;
}

static struct balance_adjustment *intake_push(struct balance_core *core)
{
    tb_assert(core->queue_count < BALANCE_QUEUE_MAX);
    return &core->queue[(core->queue_head + core->queue_count++) % BALANCE_QUEUE_MAX];
}

const struct balance_adjustment *intake_at(const struct balance_core *core, size_t position)
{
    tb_assert(position < core->queue_count);
    return &core->queue[(core->queue_head + position) % BALANCE_QUEUE_MAX];
}

void intake_pop(struct balance_core *core, size_t count)
{
    tb_assert(count <= core->queue_count);
    core->queue_head = (core->queue_head + count) % BALANCE_QUEUE_MAX;
    core->queue_count -= count;
}

/* A user id that does not fit is none of ours; it is cut here, and the row in the outbox stays what counts. */
static void intake_record(struct balance_adjustment *to, const Tb__AdjustmentRecord *from, uint64_t seq)
{
    *to = (struct balance_adjustment){
        .seq = seq,
        .order_seq = from->order_seq,
        .delta = money_cents(from->delta_cents),
        .price = money_cents(from->price_cents),
        .created_at_us = from->created_at_us,
        .order_created_at_us = from->order_created_at_us,
        .quantity = from->quantity,
        .side = (uint8_t)from->side,
        .has_trace = from->trace_id.len == 16,
    };
    if (to->has_trace)
        memcpy(to->trace_id, from->trace_id.data, 16);
    (void)tb_copy_text(to->user_id, sizeof to->user_id, from->user_id);
}

void balance_intake_message(struct balance_core *core, const struct input *in)
{
    const Tb__AdjustmentsAppended *message = (const Tb__AdjustmentsAppended *)in->message;
    size_t skip = 0;
    if (core->phase != BALANCE_LIVE)
        return; /* recovery reads the rows */
    if (message->n_records > intake_room(core)) {
        /* No room: only remember that they exist; balance_intake_fetch reads them when there is. */
        uint64_t last = in->first_seq + message->n_records - 1;
        if (in->first_seq > 0 && last >= in->first_seq && last > core->outbox.seen_max)
            core->outbox.seen_max = last;
        core->fetch_wanted = true;
        return;
    }
    enum follow_verdict verdict = follow_offer(&core->outbox, in->first_seq, message->n_records, &skip);
    if (verdict == FOLLOW_GAP)
        core->fetch_wanted = true;
    if (verdict != FOLLOW_TAKE)
        return;
    for (size_t i = skip; i < message->n_records; i++)
        intake_record(intake_push(core), message->records[i], in->first_seq + i);
}

void intake_ops(struct balance_core *core, const struct input *in)
{
    const Tb__OpsAppended *message = (const Tb__OpsAppended *)in->message;
    if (in->first_seq + message->n_records > core->ops_position + 1)
        core->open_wanted = true; /* a wake-up only: OPEN reads the rows */
}

void intake_rows(struct balance_core *core, const struct input *in, struct effects *fx)
{
    if (in->status != STORE_DONE) {
        follow_fetch_failed(&core->outbox);
        if (in->status == STORE_FAILED)
            effects_log(fx, LOG_WARNING, 0, NULL, NULL, "reading the outbox failed: %s", in->error);
        return; /* the slow poll asks again */
    }
    const struct balance_outbox_rows *rows = in->result;
    size_t taken = 0;
    /* Dense by construction; if a row were missing, all behind it would have to wait: never skip money. */
    while (taken < rows->count && rows->rows[taken].seq == core->outbox.next + taken) {
        *intake_push(core) = rows->rows[taken];
        taken++;
    }
    if (taken < rows->count) {
        uint64_t missing = core->outbox.next + taken;
        effects_log(fx, LOG_ERROR, 0, NULL, NULL, "outbox has no row %llu but one after it",
                    (unsigned long long)missing);
    }
    if (follow_fetched(&core->outbox, taken, BALANCE_READ_LIMIT))
        core->fetch_wanted = true;
}

void balance_intake_fetch(struct balance_core *core, struct effects *fx)
{
    if (!core->fetch_wanted || core->phase != BALANCE_LIVE || intake_room(core) < BALANCE_READ_LIMIT ||
        !follow_fetch(&core->outbox))
        return;
    core->fetch_wanted = false;
    struct balance_read_outbox_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct balance_read_outbox_args){core->region, core->outbox.next - 1, BALANCE_READ_LIMIT};
    effects_call(fx, BALANCE_PROC_READ_OUTBOX, args);
}

void intake_poll(struct balance_core *core, struct effects *fx)
{
    core->open_wanted = true;
    if (core->outbox.next == core->polled_next)
        core->fetch_wanted = true; /* perhaps the last message was lost */
    core->polled_next = core->outbox.next;
    balance_intake_fetch(core, fx);
}
