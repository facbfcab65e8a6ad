#include "core.h"

#include <stdlib.h>

#include "../../common/base.h"
#include "executions.pb-c.h"
#include "state.h"

enum {
    QUEUE_MAX = 16384,
    PUBLISH_MAX = 256, /* records per message: with the longest texts about 300 KiB */
    RECOVERY_RETRY_US = 500000,
    BACKLOG_READ_EVERY_US = 250000,
};

struct sequencer *sequencer_new(const struct sequencer_options *options)
{
    struct sequencer *s = tb_alloc_zero(1, sizeof *s);
    s->options = *options;
    if (s->options.queue_max == 0)
        s->options.queue_max = QUEUE_MAX;
    order_queue_init(&s->queue, s->options.queue_max, SEQUENCER_BATCH_MAX);
    s->cancels = tb_alloc_zero(CANCEL_QUEUE_MAX, sizeof *s->cancels);
    recent_init(&s->recent);
    return s;
}

void sequencer_free(struct sequencer **sequencer)
{
    struct sequencer *s = *sequencer;
    if (!s)
        return;
    order_queue_release(&s->queue);
    recent_release(&s->recent);
    free(s->cancels);
    free(s);
    *sequencer = NULL;
}

void sequencer_publish(struct sequencer *s, struct effects *fx, Tb__OrderRecord **records, size_t count)
{
    for (size_t first = 0; first < count; first += PUBLISH_MAX) {
        Tb__OrdersAppended *message = arena_alloc(fx->arena, sizeof *message);
        tb__orders_appended__init(message);
        message->records = &records[first];
        message->n_records = count - first < PUBLISH_MAX ? count - first : PUBLISH_MAX;
        message->orders_total = s->orders_total;
        for (unsigned link = SEQUENCER_STAGE; link <= SEQUENCER_FEED; link++)
            effects_send(fx, link, NULL, TB__MESSAGE_TYPE__ORDERS_APPENDED, &message->base, TB__STREAM__STREAM_ORDERS,
                         records[first]->seq);
    }
}

void sequencer_work(struct sequencer *s, const struct input *in, struct effects *fx)
{
    if (s->phase != SEQUENCER_SERVING || append_under_way(s) || cancel_under_way(s))
        return;
    bool cancels = s->cancel_count > 0 && (s->cancels_next || s->queue.count == 0);
    s->cancels_next = !cancels;
    if (cancels)
        cancel_start(s, in, fx);
    else if (s->queue.count > 0)
        append_start(s, in, fx);
}

/* Effect: everyone who waits learns that nothing is known: a retry with the same key is safe. */
static void sequencer_forget(struct sequencer *s, struct effects *fx)
{
    struct answers answers = answers_start(fx);
    append_give_up(s, &answers);
    append_refuse_waiting(s, &answers);
    cancel_give_up(s, &answers);
    cancel_refuse_waiting(s, &answers);
    answers_send(&answers);
    s->backlog_reading = false;
}

/* Recovery: take the epoch, then the newest orders for the duplicates' hint; the rest of the state is in the tables. */
static void recover_start(struct sequencer *s, struct effects *fx)
{
    sequencer_forget(s, fx);
    recent_clear(&s->recent);
    s->phase = SEQUENCER_RECOVERING;
    struct sequencer_take_epoch_args *args = arena_alloc(fx->arena, sizeof *args);
    args->region = s->options.region;
    effects_call(fx, SEQUENCER_TAKE_EPOCH, args);
}

static void recover_epoch(struct sequencer *s, const struct input *in, struct effects *fx)
{
    const struct sequencer_take_epoch_result *head = in->result;
    s->epoch = head->epoch;
    s->next_seq = head->next_seq;
    s->orders_total = head->orders_total;
    s->terminal_total = head->terminal_total;
    struct sequencer_read_recent_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct sequencer_read_recent_args){
        .region = s->options.region,
        .from_seq = head->next_seq > RECENT_ORDERS_MAX ? head->next_seq - RECENT_ORDERS_MAX : 1,
        .since_us = in->now_us - RECENT_WINDOW_US,
    };
    effects_call(fx, SEQUENCER_READ_RECENT, args);
}

static void recover_recent(struct sequencer *s, const struct input *in, struct effects *fx)
{
    const struct sequencer_read_recent_result *recent = in->result;
    for (size_t i = 0; i < recent->count; i++) {
        const struct sequencer_recent_row *row = &recent->rows[i];
        uint64_t hash = order_content_hash(row->user_id, row->side, row->quantity, row->price_cents);
        recent_put(&s->recent, hash, row->seq, row->created_at_us);
    }
    if (s->phase != SEQUENCER_RECOVERING) /* told to stop meanwhile */
        return;
    s->phase = SEQUENCER_SERVING;
    effects_ready(fx);
    effects_log(fx, LOG_INFO, 0, NULL, NULL, "recovered: epoch %lld, next seq %llu, %llu orders, %llu of them final",
                (long long)s->epoch, (unsigned long long)s->next_seq, (unsigned long long)s->orders_total,
                (unsigned long long)s->terminal_total);
}

static void backlog_done(struct sequencer *s, uint64_t terminal_total)
{
    if (terminal_total > s->terminal_total)
        s->terminal_total = terminal_total;
}

/* Return: whether too much is accepted and not yet final. The feed may have lost the message that says otherwise, so
 * ask the store. */
static bool backlog_is_full(struct sequencer *s, const struct input *in, struct effects *fx)
{
    uint64_t backlog = s->orders_total > s->terminal_total ? s->orders_total - s->terminal_total : 0;
    if (s->options.backlog_max == 0 || backlog <= s->options.backlog_max)
        return false;
    if (!s->backlog_reading && in->now_us - s->backlog_read_at_us >= BACKLOG_READ_EVERY_US) {
        s->backlog_reading = true;
        s->backlog_read_at_us = in->now_us;
        struct sequencer_read_backlog_args *args = arena_alloc(fx->arena, sizeof *args);
        args->region = s->options.region;
        effects_call(fx, SEQUENCER_READ_BACKLOG, args);
    }
    return true;
}

static void submit(struct sequencer *s, const struct input *in, struct answers *answers)
{
    const Tb__SubmitOrders *message = (const Tb__SubmitOrders *)in->message;
    struct effects *fx = answers->fx;
    bool serving = s->phase == SEQUENCER_SERVING;
    bool full = serving && backlog_is_full(s, in, fx);
    for (size_t i = 0; i < message->n_orders; i++) {
        const Tb__SubmitOrder *order = message->orders[i];
        Tb__Refusal refusal = TB__REFUSAL__REFUSAL_NONE;
        if (!order_is_valid(order)) {
            refusal = TB__REFUSAL__REFUSAL_INVALID;
            effects_count(fx, SEQUENCER_REFUSED_INVALID, 1);
        } else if (!serving) {
            refusal = TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE;
            effects_count(fx, SEQUENCER_REFUSED_UNAVAILABLE, 1);
        } else if (full || !order_queue_push(&s->queue, order, in->from, in->now_us)) {
            refusal = TB__REFUSAL__REFUSAL_BACKPRESSURE;
            effects_count(fx, SEQUENCER_REFUSED_BACKPRESSURE, 1);
        }
        if (refusal != TB__REFUSAL__REFUSAL_NONE)
            answers_refuse_order(answers, in->from, order->request_id, refusal);
    }
}

static void handle_message(struct sequencer *s, const struct input *in, struct effects *fx)
{
    struct answers answers = answers_start(fx);
    switch (in->type) {
    case TB__MESSAGE_TYPE__SUBMIT_ORDERS:
        submit(s, in, &answers);
        break;
    case TB__MESSAGE_TYPE__CANCEL_ORDERS:
        cancel_accept(s, in, &answers);
        break;
    case TB__MESSAGE_TYPE__EXECUTIONS_APPENDED:
        backlog_done(s, ((const Tb__ExecutionsAppended *)in->message)->terminal_total);
        break;
    default: /* the link table lets nothing else in */
        break;
    }
    answers_send(&answers);
}

static void handle_failed(struct sequencer *s, const struct input *in, struct effects *fx)
{
    switch ((enum sequencer_proc)in->proc) {
    case SEQUENCER_APPEND:
        append_failed(s, in, fx);
        break;
    case SEQUENCER_CANCEL:
        cancel_failed(s, in, fx);
        break;
    case SEQUENCER_READ_BACKLOG:
        s->backlog_reading = false;
        break;
    case SEQUENCER_TAKE_EPOCH:
    case SEQUENCER_READ_RECENT:
    case SEQUENCER_PROC_COUNT:
        effects_log(fx, LOG_ERROR, 0, NULL, NULL, "recovery failed, trying again: %s", in->error ? in->error : "");
        effects_timer(fx, SEQUENCER_TIMER_RETRY, in->now_us + RECOVERY_RETRY_US);
        break;
    }
}

static void handle_done(struct sequencer *s, const struct input *in, struct effects *fx)
{
    switch ((enum sequencer_proc)in->proc) {
    case SEQUENCER_TAKE_EPOCH:
        recover_epoch(s, in, fx);
        break;
    case SEQUENCER_READ_RECENT:
        recover_recent(s, in, fx);
        break;
    case SEQUENCER_APPEND:
        append_done(s, in, fx);
        break;
    case SEQUENCER_CANCEL:
        cancel_done(s, in, fx);
        break;
    case SEQUENCER_READ_BACKLOG:
        s->backlog_reading = false;
        backlog_done(s, ((const struct sequencer_read_backlog_result *)in->result)->terminal_total);
        break;
    case SEQUENCER_PROC_COUNT:
        break;
    }
}

static void handle_store(struct sequencer *s, const struct input *in, struct effects *fx)
{
    switch (in->status) {
    case STORE_DONE:
        handle_done(s, in, fx);
        break;
    case STORE_FAILED:
        handle_failed(s, in, fx);
        break;
    case STORE_REFUSED: { /* another sequencer writes: whatever waits here is safe to send to it */
        sequencer_forget(s, fx);
        s->phase = SEQUENCER_DOWN;
        effects_halt(fx, "another writer has the orders stream");
        break;
    }
    case STORE_UNKNOWN: /* INPUT_STORE_LOST follows */
        sequencer_forget(s, fx);
        s->phase = SEQUENCER_DOWN;
        break;
    }
}

static void drain(struct sequencer *s, struct effects *fx)
{
    s->phase = SEQUENCER_DRAINING;
    struct answers answers = answers_start(fx);
    append_refuse_waiting(s, &answers);
    cancel_refuse_waiting(s, &answers);
    answers_send(&answers);
}

static void show_queue(const struct sequencer *s, const struct input *in, struct effects *fx)
{
    const struct pending_order *first = order_queue_first(&s->queue);
    effects_gauge(fx, SEQUENCER_QUEUE_DEPTH, s->queue.count);
    effects_gauge(fx, SEQUENCER_QUEUE_AGE, first ? in->now_us - first->arrived_us : 0);
    effects_gauge(fx, SEQUENCER_BACKLOG, (int64_t)(s->orders_total - s->terminal_total));
    effects_lag(fx, s->queue.count);
}

void sequencer_step(struct sequencer *s, const struct input *in, struct effects *fx)
{
    switch (in->kind) {
    case INPUT_START:
        recover_start(s, fx);
        break;
    case INPUT_MESSAGE:
        handle_message(s, in, fx);
        break;
    case INPUT_FLUSH:
        sequencer_work(s, in, fx);
        show_queue(s, in, fx);
        break;
    case INPUT_TIMER:
        if (s->phase == SEQUENCER_RECOVERING)
            recover_start(s, fx);
        break;
    case INPUT_STORE:
        handle_store(s, in, fx);
        show_queue(s, in, fx);
        break;
    case INPUT_STORE_LOST:
        sequencer_forget(s, fx);
        s->phase = SEQUENCER_DOWN;
        effects_timer_clear(fx, SEQUENCER_TIMER_RETRY);
        break;
    case INPUT_EXTERNAL:
        break;
    case INPUT_STOP:
        drain(s, fx);
        break;
    }
}
