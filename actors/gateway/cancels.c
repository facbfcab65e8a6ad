/* cancels: few at a time, so a plain list is walked. */
#include "cancels.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"

enum { TRACE_BYTES = 16 };

struct cancel {
    struct cancel *next;
    uint64_t request_id;
    uint64_t order_seq;
    char user_id[VIEW_USER_ID_MAX];
    uint8_t trace_id[TRACE_BYTES];
    void *ticket;
    int64_t sent_at_us, deadline_us;
    bool unsent, requested;
    int64_t *order_seqs;  /* requested: those to be final */
    size_t count, closed; /* the first `closed` of them are */
};

struct cancels {
    struct cancel *first;
    size_t count, unsent_count;
    uint64_t last_id;
};

struct cancels *cancels_new(void)
{
    return tb_alloc_zero(1, sizeof(struct cancels));
}

static void free_cancel(struct cancel *cancel)
{
    free(cancel->order_seqs);
    free(cancel);
}

void cancels_free(struct cancels **cancels)
{
    if (*cancels == NULL)
        return;
    for (struct cancel *cancel = (*cancels)->first, *next; cancel != NULL; cancel = next) {
        next = cancel->next;
        free_cancel(cancel);
    }
    free(*cancels);
    *cancels = NULL;
}

size_t cancels_count(const struct cancels *cancels)
{
    return cancels->count;
}

bool cancels_have_unsent(const struct cancels *cancels)
{
    return cancels->unsent_count > 0;
}

bool cancels_add(struct cancels *cancels, uint64_t order_seq, const char *user_id, const uint8_t *trace_id,
                 void *ticket, int64_t now_us)
{
    if (cancels->count == CANCELS_MAX)
        return false;
    struct cancel *cancel = tb_alloc_zero(1, sizeof *cancel);
    cancel->request_id = ++cancels->last_id;
    cancel->order_seq = order_seq;
    (void)tb_copy_text(cancel->user_id, sizeof cancel->user_id, user_id == NULL ? "" : user_id);
    memcpy(cancel->trace_id, trace_id, TRACE_BYTES);
    cancel->ticket = ticket;
    cancel->deadline_us = now_us + CANCELS_DEADLINE_US;
    cancel->unsent = true;
    cancel->next = cancels->first;
    cancels->first = cancel;
    cancels->count++;
    cancels->unsent_count++;
    return true;
}

static void send_some(struct cancel **some, size_t count, unsigned link, struct effects *fx)
{
    Tb__CancelOrders *message = arena_alloc(fx->arena, sizeof *message);
    Tb__CancelOrder *orders = arena_array(fx->arena, count, sizeof *orders);
    tb__cancel_orders__init(message);
    message->n_cancels = count;
    message->cancels = arena_array(fx->arena, count, sizeof *message->cancels);
    for (size_t i = 0; i < count; i++) {
        tb__cancel_order__init(&orders[i]);
        orders[i].request_id = some[i]->request_id;
        orders[i].order_seq = some[i]->order_seq;
        orders[i].user_id = some[i]->user_id;
        orders[i].trace_id.data = some[i]->trace_id;
        orders[i].trace_id.len = TRACE_BYTES;
        message->cancels[i] = &orders[i];
    }
    effects_send(fx, link, NULL, TB__MESSAGE_TYPE__CANCEL_ORDERS, &message->base, TB__STREAM__STREAM_UNSPECIFIED, 0);
}

void cancels_send(struct cancels *cancels, unsigned link, int64_t now_us, struct effects *fx)
{
    struct cancel *some[CANCELS_PER_MESSAGE];
    size_t count = 0;
    for (struct cancel *cancel = cancels->first; cancel != NULL; cancel = cancel->next) {
        if (!cancel->unsent)
            continue;
        cancel->unsent = false;
        cancel->sent_at_us = now_us;
        some[count++] = cancel;
        if (count == CANCELS_PER_MESSAGE) {
            send_some(some, count, link, fx);
            count = 0;
        }
    }
    if (count > 0)
        send_some(some, count, link, fx);
    cancels->unsent_count = 0;
}

/* Effect: takes the cancel at *place out of the list, answers, forgets. */
static void finish(struct cancels *cancels, struct cancel **place, enum cancel_answer_kind kind, Tb__Refusal refusal,
                   uint32_t terminal_type, struct effects *fx, cancel_answered *answered)
{
    struct cancel *cancel = *place;
    struct cancel_answer answer = {
        .kind = kind, .ticket = cancel->ticket, .refusal = refusal, .terminal_type = terminal_type};
    answer.count = cancel->count;
    answer.order_seqs = arena_copy(fx->arena, cancel->order_seqs, cancel->count * sizeof *cancel->order_seqs);
    *place = cancel->next;
    cancels->count--;
    cancels->unsent_count -= cancel->unsent;
    free_cancel(cancel);
    answered(fx, &answer);
}

static void take_seqs(struct cancel *cancel, const Tb__CancelResult *result)
{
    cancel->requested = true;
    cancel->count = result->n_order_seqs;
    cancel->order_seqs = tb_alloc_zero(result->n_order_seqs + 1, sizeof *cancel->order_seqs);
    for (size_t i = 0; i < result->n_order_seqs; i++)
        cancel->order_seqs[i] = (int64_t)result->order_seqs[i];
}

void cancels_results(struct cancels *cancels, const Tb__CancelResults *results, const struct view *view,
                     struct effects *fx, cancel_answered *answered)
{
    for (size_t i = 0; i < results->n_results; i++) {
        const Tb__CancelResult *result = results->results[i];
        struct cancel **place = &cancels->first;
        while (*place != NULL && (*place)->request_id != result->request_id)
            place = &(*place)->next;
        if (*place == NULL || (*place)->requested)
            continue;
        if (result->refusal == TB__REFUSAL__REFUSAL_NONE)
            take_seqs(*place, result);
        else if (result->refusal !=
                 TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE) /* that one is asked again until the deadline */
            finish(cancels, place, CANCEL_REFUSED, result->refusal, result->terminal_type, fx, answered);
    }
    cancels_check(cancels, view, fx, answered);
}

void cancels_check(struct cancels *cancels, const struct view *view, struct effects *fx, cancel_answered *answered)
{
    struct cancel **place = &cancels->first;
    while (*place != NULL) {
        struct cancel *cancel = *place;
        while (cancel->closed < cancel->count &&
               !view_order_is_open(view, (uint64_t)cancel->order_seqs[cancel->closed]))
            cancel->closed++;
        if (cancel->requested && cancel->closed == cancel->count)
            finish(cancels, place, CANCEL_ENDED, TB__REFUSAL__REFUSAL_NONE, 0, fx, answered);
        else
            place = &cancel->next;
    }
}

void cancels_tick(struct cancels *cancels, int64_t now_us, struct effects *fx, cancel_answered *answered)
{
    struct cancel **place = &cancels->first;
    while (*place != NULL) {
        struct cancel *cancel = *place;
        if (now_us >= cancel->deadline_us) {
            finish(cancels, place, CANCEL_REFUSED, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, 0, fx, answered);
            continue;
        }
        if (!cancel->requested && !cancel->unsent && now_us >= cancel->sent_at_us + CANCELS_RESEND_US) {
            cancel->unsent = true;
            cancels->unsent_count++;
        }
        place = &cancel->next;
    }
}
