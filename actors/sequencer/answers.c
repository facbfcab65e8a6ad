#include "answers.h"

#include <string.h>

#include "core.h"

enum { ANSWERS_PER_MESSAGE = 256, SEQS_PER_MESSAGE = 16384 };

struct answer {
    struct peer peer;
    bool sent;
    ProtobufCMessage *result;
};

struct answers answers_start(struct effects *fx)
{
    return (struct answers){.fx = fx};
}

static void answers_add(struct answers *answers, struct answer **items, size_t *count, size_t *capacity,
                        const struct peer *peer, ProtobufCMessage *result)
{
    if (*count == *capacity) {
        size_t grown = *capacity ? *capacity * 2 : 64;
        struct answer *larger = arena_array(answers->fx->arena, grown, sizeof *larger);
        if (*count > 0)
            memcpy(larger, *items, *count * sizeof *larger);
        *items = larger;
        *capacity = grown;
    }
    (*items)[(*count)++] = (struct answer){.peer = *peer, .result = result};
}

void answers_add_order(struct answers *answers, const struct peer *peer, Tb__OrderResult *result)
{
    answers_add(answers, &answers->orders, &answers->order_count, &answers->order_capacity, peer, &result->base);
}

void answers_add_cancel(struct answers *answers, const struct peer *peer, Tb__CancelResult *result)
{
    answers_add(answers, &answers->cancels, &answers->cancel_count, &answers->cancel_capacity, peer, &result->base);
}

void answers_refuse_order(struct answers *answers, const struct peer *peer, uint64_t request_id, Tb__Refusal refusal)
{
    Tb__OrderResult *result = arena_alloc(answers->fx->arena, sizeof *result);
    tb__order_result__init(result);
    result->request_id = request_id;
    result->refusal = refusal;
    answers_add_order(answers, peer, result);
}

void answers_refuse_cancel(struct answers *answers, const struct peer *peer, uint64_t request_id, Tb__Refusal refusal)
{
    Tb__CancelResult *result = arena_alloc(answers->fx->arena, sizeof *result);
    tb__cancel_result__init(result);
    result->request_id = request_id;
    result->refusal = refusal;
    answers_add_cancel(answers, peer, result);
}

static bool same_peer(const struct peer *a, const struct peer *b)
{
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

/* Effect: gathers into results what waits for the peer of items[first], up to one message's worth. Return: how many. */
static size_t answers_gather(struct answer *items, size_t count, size_t first, ProtobufCMessage **results)
{
    size_t gathered = 0, seqs = 0;
    for (size_t i = first; i < count && gathered < ANSWERS_PER_MESSAGE && seqs < SEQS_PER_MESSAGE; i++) {
        if (items[i].sent || !same_peer(&items[i].peer, &items[first].peer))
            continue;
        items[i].sent = true;
        results[gathered++] = items[i].result;
        if (items[i].result->descriptor == &tb__cancel_result__descriptor)
            seqs += ((Tb__CancelResult *)items[i].result)->n_order_seqs;
    }
    return gathered;
}

static ProtobufCMessage *order_results(struct arena *arena, ProtobufCMessage **results, size_t count)
{
    Tb__OrderResults *message = arena_alloc(arena, sizeof *message);
    tb__order_results__init(message);
    message->n_results = count;
    message->results = (Tb__OrderResult **)results;
    return &message->base;
}

static ProtobufCMessage *cancel_results(struct arena *arena, ProtobufCMessage **results, size_t count)
{
    Tb__CancelResults *message = arena_alloc(arena, sizeof *message);
    tb__cancel_results__init(message);
    message->n_results = count;
    message->results = (Tb__CancelResult **)results;
    return &message->base;
}

static void answers_send_kind(struct effects *fx, struct answer *items, size_t count, Tb__MessageType type,
                              ProtobufCMessage *(*wrap)(struct arena *, ProtobufCMessage **, size_t))
{
    for (size_t first = 0; first < count; first++) {
        if (items[first].sent)
            continue;
        size_t most = count - first < ANSWERS_PER_MESSAGE ? count - first : ANSWERS_PER_MESSAGE;
        ProtobufCMessage **results = arena_array(fx->arena, most, sizeof *results);
        size_t gathered = answers_gather(items, count, first, results);
        effects_send(fx, SEQUENCER_COMMAND, &items[first].peer, type, wrap(fx->arena, results, gathered),
                     TB__STREAM__STREAM_UNSPECIFIED, 0);
    }
}

void answers_send(struct answers *answers)
{
    answers_send_kind(answers->fx, answers->orders, answers->order_count, TB__MESSAGE_TYPE__ORDER_RESULTS,
                      order_results);
    answers_send_kind(answers->fx, answers->cancels, answers->cancel_count, TB__MESSAGE_TYPE__CANCEL_RESULTS,
                      cancel_results);
}
