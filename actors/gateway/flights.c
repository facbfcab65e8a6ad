/* flights: a fixed table; who waits for what is in small index lists, so that a tick touches only what is under way. */
#include "flights.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"

enum flight_state { FLIGHT_FREE = 0, FLIGHT_UNSENT, FLIGHT_SENT, FLIGHT_HELD, FLIGHT_WAITING };
enum { INDEX_BITS = 12, TRACE_BYTES = 16 };

struct flight {
    struct order_input input;
    uint64_t request_id;
    void *ticket;
    int64_t taken_at_us, sent_at_us, deadline_us;
    uint64_t order_seq;
    uint8_t trace_id[TRACE_BYTES];
    uint64_t parent_span;
    int64_t received_at_us;
    int wait_seconds;
    bool key_generated, resent, replayed;
};

struct flights {
    struct flight table[FLIGHTS_MAX];
    uint8_t state[FLIGHTS_MAX];
    uint16_t free_list[FLIGHTS_MAX];
    size_t free_count;
    uint16_t unsent[FLIGHTS_MAX];
    size_t unsent_count;
    uint16_t waiting[FLIGHTS_WAITING_MAX];
    size_t waiting_count;
    uint64_t generation;
};

struct flights *flights_new(void)
{
    struct flights *flights = tb_alloc_zero(1, sizeof *flights);
    /* Low indices first: the table's memory is touched as it is needed. */
    for (size_t i = 0; i < FLIGHTS_MAX; i++)
        flights->free_list[i] = (uint16_t)(FLIGHTS_MAX - 1 - i);
    flights->free_count = FLIGHTS_MAX;
    return flights;
}

void flights_free(struct flights **flights)
{
    free(*flights);
    *flights = NULL;
}

size_t flights_count(const struct flights *flights)
{
    return FLIGHTS_MAX - flights->free_count;
}

bool flights_have_unsent(const struct flights *flights)
{
    return flights->unsent_count > 0;
}

static void queue_unsent(struct flights *flights, size_t index)
{
    tb_assert(flights->unsent_count < FLIGHTS_MAX);
    flights->state[index] = FLIGHT_UNSENT;
    flights->unsent[flights->unsent_count++] = (uint16_t)index;
}

bool flights_add(struct flights *flights, const struct flight_request *request, int64_t now_us)
{
    if (flights->free_count == 0)
        return false;
    size_t index = flights->free_list[--flights->free_count];
    struct flight *flight = &flights->table[index];
    flight->input = *request->input;
    flight->request_id = ++flights->generation << INDEX_BITS | index;
    flight->ticket = request->ticket;
    flight->taken_at_us = now_us;
    flight->deadline_us = now_us + FLIGHTS_DEADLINE_US;
    flight->sent_at_us = 0;
    flight->order_seq = 0;
    flight->wait_seconds = request->wait_seconds;
    flight->key_generated = request->key_generated;
    flight->resent = flight->replayed = false;
    memcpy(flight->trace_id, request->trace_id, TRACE_BYTES);
    flight->parent_span = request->parent_span;
    flight->received_at_us = request->received_at_us;
    queue_unsent(flights, index);
    return true;
}

static void release(struct flights *flights, size_t index)
{
    if (flights->state[index] == FLIGHT_UNSENT) {
        for (size_t i = 0; i < flights->unsent_count; i++) {
            if (flights->unsent[i] == index)
                flights->unsent[i] = flights->unsent[--flights->unsent_count];
        }
    }
    flights->state[index] = FLIGHT_FREE;
    flights->table[index].request_id = 0;
    flights->free_list[flights->free_count++] = (uint16_t)index;
}

static void fill_order(Tb__SubmitOrder *order, struct flight *flight)
{
    tb__submit_order__init(order);
    order->request_id = flight->request_id;
    order->user_id = flight->input.user_id;
    order->client_id = flight->input.client_id;
    order->idempotency_key = flight->input.key;
    order->side = flight->input.side;
    order->quantity = flight->input.quantity;
    order->price_cents = flight->input.price.cents;
    order->time_in_force = flight->input.time_in_force;
    order->simulation_seed = flight->input.seed;
    order->key_generated = flight->key_generated;
    order->trace_id.data = flight->trace_id;
    order->trace_id.len = TRACE_BYTES;
    order->parent_span_id = flight->parent_span;
    order->received_at_us = flight->received_at_us;
}

static void send_some(struct flights *flights, const uint16_t *indices, size_t count, unsigned link, int64_t now_us,
                      struct effects *fx)
{
    Tb__SubmitOrders *message = arena_alloc(fx->arena, sizeof *message);
    Tb__SubmitOrder *orders = arena_array(fx->arena, count, sizeof *orders);
    tb__submit_orders__init(message);
    message->n_orders = count;
    message->orders = arena_array(fx->arena, count, sizeof *message->orders);
    for (size_t i = 0; i < count; i++) {
        struct flight *flight = &flights->table[indices[i]];
        fill_order(&orders[i], flight);
        message->orders[i] = &orders[i];
        flight->sent_at_us = now_us;
        flights->state[indices[i]] = FLIGHT_SENT;
    }
    effects_send(fx, link, NULL, TB__MESSAGE_TYPE__SUBMIT_ORDERS, &message->base, TB__STREAM__STREAM_UNSPECIFIED, 0);
}

void flights_send(struct flights *flights, unsigned link, int64_t now_us, struct effects *fx)
{
    for (size_t done = 0; done < flights->unsent_count;) {
        size_t count =
            flights->unsent_count - done < FLIGHTS_PER_MESSAGE ? flights->unsent_count - done : FLIGHTS_PER_MESSAGE;
        send_some(flights, flights->unsent + done, count, link, now_us, fx);
        done += count;
    }
    flights->unsent_count = 0;
}

static void refuse(struct flights *flights, size_t index, Tb__Refusal refusal, struct effects *fx,
                   flight_answered *answered)
{
    struct flight *flight = &flights->table[index];
    struct flight_answer answer = {.kind = FLIGHT_REFUSED, .ticket = flight->ticket, .refusal = refusal};
    if (flight->key_generated)
        answer.generated_key = arena_strdup(fx->arena, flight->input.key);
    release(flights, index);
    answered(fx, &answer);
}

/* Return: whether the order came to be by our own sending, although the sequencer knew it already: its first answer was
 * lost. */
static bool is_our_own(const struct flight *flight, const Tb__OrderRecord *order)
{
    return flight->resent && order->trace_id.len == TRACE_BYTES &&
           memcmp(order->trace_id.data, flight->trace_id, TRACE_BYTES) == 0;
}

static void accept(struct flights *flights, size_t index, const Tb__OrderResult *result, struct view *view,
                   int64_t now_us, struct effects *fx, flight_answered *answered)
{
    struct flight *flight = &flights->table[index];
    const Tb__OrderRecord *order = result->order;
    bool replayed = result->replayed && !is_our_own(flight, order);
    if (!replayed)
        view_apply_answer(view, order);
    if (flight->wait_seconds > 0 && flights->waiting_count < FLIGHTS_WAITING_MAX) {
        flight->replayed = replayed;
        flight->order_seq = order->seq;
        flight->deadline_us = now_us + flight->wait_seconds * 1000000LL;
        flights->state[index] = FLIGHT_WAITING;
        flights->waiting[flights->waiting_count++] = (uint16_t)index;
        return;
    }
    struct flight_answer answer = {.kind = replayed ? FLIGHT_REPLAYED : FLIGHT_CREATED,
                                   .ticket = flight->ticket,
                                   .replayed = replayed,
                                   .order_seq = order->seq,
                                   .order = order};
    release(flights, index);
    answered(fx, &answer);
}

void flights_results(struct flights *flights, const Tb__OrderResults *results, struct view *view, int64_t now_us,
                     struct effects *fx, flight_answered *answered)
{
    for (size_t i = 0; i < results->n_results; i++) {
        const Tb__OrderResult *result = results->results[i];
        size_t index = result->request_id & (FLIGHTS_MAX - 1);
        struct flight *flight = &flights->table[index];
        /* Not ours, given up, or answered before (we send more than once). */
        if (flight->request_id != result->request_id || flights->state[index] == FLIGHT_WAITING ||
            flights->state[index] == FLIGHT_FREE)
            continue;
        if (result->refusal == TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE &&
            now_us < flight->taken_at_us + FLIGHTS_STORE_RETRY_US) {
            if (flights->state[index] == FLIGHT_SENT)
                flights->state[index] = FLIGHT_HELD; /* until a tick resends it */
        } else if (result->refusal != TB__REFUSAL__REFUSAL_NONE) {
            refuse(flights, index, result->refusal, fx, answered);
        } else if (result->order != NULL) {
            if (flights->state[index] == FLIGHT_UNSENT) { /* was to be sent again just now */
                for (size_t u = 0; u < flights->unsent_count; u++) {
                    if (flights->unsent[u] == index)
                        flights->unsent[u] = flights->unsent[--flights->unsent_count];
                }
                flights->state[index] = FLIGHT_SENT;
            }
            accept(flights, index, result, view, now_us, fx, answered);
        }
    }
}

static void answer_waiting(struct flights *flights, size_t place, struct effects *fx, flight_answered *answered)
{
    size_t index = flights->waiting[place];
    const struct flight *flight = &flights->table[index];
    struct flight_answer answer = {
        .kind = FLIGHT_WAITED, .ticket = flight->ticket, .replayed = flight->replayed, .order_seq = flight->order_seq};
    flights->waiting[place] = flights->waiting[--flights->waiting_count];
    release(flights, index);
    answered(fx, &answer);
}

void flights_check_waiting(struct flights *flights, const struct view *view, struct effects *fx,
                           flight_answered *answered)
{
    for (size_t place = flights->waiting_count; place-- > 0;) {
        if (!view_order_is_open(view, flights->table[flights->waiting[place]].order_seq))
            answer_waiting(flights, place, fx, answered);
    }
}

size_t flights_tick(struct flights *flights, int64_t now_us, struct effects *fx, flight_answered *answered)
{
    size_t resent = 0;
    for (size_t place = flights->waiting_count; place-- > 0;) {
        if (now_us >= flights->table[flights->waiting[place]].deadline_us)
            answer_waiting(flights, place, fx, answered);
    }
    for (size_t index = 0, left = flights_count(flights) - flights->waiting_count; left > 0 && index < FLIGHTS_MAX;
         index++) {
        if (flights->state[index] == FLIGHT_FREE || flights->state[index] == FLIGHT_WAITING)
            continue;
        struct flight *flight = &flights->table[index];
        bool sent = flights->state[index] == FLIGHT_SENT || flights->state[index] == FLIGHT_HELD;
        left--;
        if (now_us >= flight->deadline_us) {
            refuse(flights, index, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, fx, answered);
        } else if (sent && now_us >= flight->sent_at_us + FLIGHTS_RESEND_US) {
            flight->resent = true;
            queue_unsent(flights, index);
            resent++;
        }
    }
    return resent;
}
