#include <string.h>

#include "../../common/base.h"
#include "state.h"

enum { TRACE_BYTES = 16 };

static bool cancel_is_valid(const Tb__CancelOrder *cancel)
{
    size_t user_length = strnlen(cancel->user_id, ORDER_USER_MAX + 1);
    bool names_one = cancel->order_seq > 0 && cancel->order_seq <= INT64_MAX;
    bool names_user = cancel->order_seq == 0 && user_length >= 1;
    return (names_one || names_user) && user_length <= ORDER_USER_MAX &&
           (cancel->trace_id.len == 0 || cancel->trace_id.len == TRACE_BYTES);
}

static void cancel_push(struct sequencer *s, const Tb__CancelOrder *cancel, const struct peer *from)
{
    struct pending_cancel *place = &s->cancels[(s->cancel_head + s->cancel_count++) % CANCEL_QUEUE_MAX];
    *place = (struct pending_cancel){.from = *from, .request_id = cancel->request_id, .order_seq = cancel->order_seq};
    place->traced = cancel->trace_id.len == TRACE_BYTES;
    if (place->traced)
        memcpy(place->trace_id, cancel->trace_id.data, TRACE_BYTES);
    bool whole = tb_copy_text(place->user_id, sizeof place->user_id, cancel->user_id);
    tb_assert(whole);
}

void cancel_accept(struct sequencer *s, const struct input *in, struct answers *answers)
{
    const Tb__CancelOrders *message = (const Tb__CancelOrders *)in->message;
    for (size_t i = 0; i < message->n_cancels; i++) {
        const Tb__CancelOrder *cancel = message->cancels[i];
        if (!cancel_is_valid(cancel))
            answers_refuse_cancel(answers, in->from, cancel->request_id, TB__REFUSAL__REFUSAL_INVALID);
        else if (s->phase != SEQUENCER_SERVING)
            answers_refuse_cancel(answers, in->from, cancel->request_id, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
        else if (s->cancel_count == CANCEL_QUEUE_MAX)
            answers_refuse_cancel(answers, in->from, cancel->request_id, TB__REFUSAL__REFUSAL_BACKPRESSURE);
        else
            cancel_push(s, cancel, in->from);
    }
}

static void cancel_try(struct sequencer *s, const struct input *in, struct effects *fx)
{
    struct cancel_batch *batch = &s->cancel_batch;
    batch->created_at_us = in->now_us;
    int64_t *orders = arena_array(fx->arena, batch->tried, sizeof *orders);
    const char **users = arena_array(fx->arena, batch->tried, sizeof *users);
    const uint8_t **traces = arena_array(fx->arena, batch->tried, sizeof *traces);
    for (uint32_t i = 0; i < batch->tried; i++) {
        const struct pending_cancel *cancel = &batch->items[batch->at + i];
        orders[i] = (int64_t)cancel->order_seq;
        users[i] = cancel->user_id;
        traces[i] = cancel->traced ? cancel->trace_id : NULL;
    }
    struct sequencer_cancel_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct sequencer_cancel_args){
        .region = s->options.region,
        .epoch = s->epoch,
        .expected_next_seq = s->next_seq,
        .created_at_us = in->now_us,
        .count = batch->tried,
        .order_seqs = orders,
        .user_ids = users,
        .trace_ids = traces,
    };
    effects_call(fx, SEQUENCER_CANCEL, args);
}

void cancel_start(struct sequencer *s, const struct input *in, struct effects *fx)
{
    struct cancel_batch *batch = &s->cancel_batch;
    batch->at = 0;
    batch->count = s->cancel_count < SEQUENCER_CANCELS_MAX ? s->cancel_count : SEQUENCER_CANCELS_MAX;
    batch->tried = batch->count;
    for (uint32_t i = 0; i < batch->count; i++) {
        batch->items[i] = s->cancels[s->cancel_head];
        s->cancel_head = (s->cancel_head + 1) % CANCEL_QUEUE_MAX;
        s->cancel_count--;
    }
    cancel_try(s, in, fx);
}

static void cancel_advance(struct sequencer *s, const struct input *in, struct effects *fx)
{
    struct cancel_batch *batch = &s->cancel_batch;
    batch->at += batch->tried;
    batch->tried = batch->count - batch->at;
    if (batch->tried > 0)
        cancel_try(s, in, fx);
    else
        sequencer_work(s, in, fx);
}

/* Effect: makes the answer of one request from its rows, rows[0 … count-1]. */
static void cancel_answer(const struct pending_cancel *cancel, const struct sequencer_cancel_row *rows, size_t count,
                          struct answers *answers)
{
    struct arena *arena = answers->fx->arena;
    Tb__CancelResult *result = arena_alloc(arena, sizeof *result);
    tb__cancel_result__init(result);
    result->request_id = cancel->request_id;
    result->order_seqs = arena_array(arena, count, sizeof *result->order_seqs);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].refusal != TB__REFUSAL__REFUSAL_NONE) {
            result->refusal = rows[i].refusal;
            result->terminal_type = rows[i].terminal_type;
        } else {
            result->order_seqs[result->n_order_seqs++] = rows[i].target_seq;
        }
    }
    answers_add_cancel(answers, &cancel->from, result);
}

void cancel_done(struct sequencer *s, const struct input *in, struct effects *fx)
{
    const struct sequencer_cancel_result *result = in->result;
    struct cancel_batch *batch = &s->cancel_batch;
    Tb__OrderRecord **appended = arena_array(fx->arena, result->count, sizeof *appended);
    size_t appended_count = 0;
    struct answers answers = answers_start(fx);
    size_t row = 0;
    for (uint32_t i = 0; i < batch->tried; i++) {
        size_t first = row;
        for (; row < result->count && result->rows[row].entry == i; row++)
            if (result->rows[row].record)
                appended[appended_count++] = (Tb__OrderRecord *)result->rows[row].record;
        cancel_answer(&batch->items[batch->at + i], &result->rows[first], row - first, &answers);
    }
    tb_assert(row == result->count);
    tb_assert(appended_count == 0 || appended[0]->seq == s->next_seq);
    s->next_seq += appended_count;
    answers_send(&answers);
    sequencer_publish(s, fx, appended, appended_count);
    effects_count(fx, SEQUENCER_CANCELS_REQUESTED, (int64_t)appended_count);
    effects_observe(fx, SEQUENCER_APPEND_SECONDS, in->now_us - batch->created_at_us);
    cancel_advance(s, in, fx);
}

void cancel_failed(struct sequencer *s, const struct input *in, struct effects *fx)
{
    struct cancel_batch *batch = &s->cancel_batch;
    if (batch->tried > 1 && store_error_is_data(in->error)) {
        batch->tried /= 2;
        cancel_try(s, in, fx);
        return;
    }
    effects_log(fx, LOG_ERROR, batch->items[batch->at].order_seq, NULL, NULL,
                "%u cancel requests refused: the store failed: %s", (unsigned)batch->tried,
                in->error ? in->error : "no reason given");
    struct answers answers = answers_start(fx);
    for (uint32_t i = 0; i < batch->tried; i++) {
        const struct pending_cancel *cancel = &batch->items[batch->at + i];
        answers_refuse_cancel(&answers, &cancel->from, cancel->request_id, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    }
    answers_send(&answers);
    cancel_advance(s, in, fx);
}

void cancel_give_up(struct sequencer *s, struct answers *answers)
{
    struct cancel_batch *batch = &s->cancel_batch;
    for (uint32_t i = batch->at; i < batch->count; i++)
        answers_refuse_cancel(answers, &batch->items[i].from, batch->items[i].request_id,
                              TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    batch->at = batch->count = batch->tried = 0;
}

void cancel_refuse_waiting(struct sequencer *s, struct answers *answers)
{
    for (; s->cancel_count > 0; s->cancel_count--) {
        const struct pending_cancel *cancel = &s->cancels[s->cancel_head];
        answers_refuse_cancel(answers, &cancel->from, cancel->request_id, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
        s->cancel_head = (s->cancel_head + 1) % CANCEL_QUEUE_MAX;
    }
}
