/* flights: orders on their way to the sequencer and back. Pure: the core sends what flights_send gathers and hands in
 * what comes.
 *
 * Sent once per loop turn, again after FLIGHTS_RESEND_US of silence (the same key makes that safe: a sequencer that was
 * killed is back within a second, and clients need not see it), given up after FLIGHTS_DEADLINE_US. Bounded:
 * FLIGHTS_MAX; beyond, BACKPRESSURE. */
#ifndef TB_GATEWAY_FLIGHTS_H
#define TB_GATEWAY_FLIGHTS_H

#include "core.h"
#include "orders.pb-c.h"
#include "validate.h"
#include "view.h"

enum { FLIGHTS_MAX = 4096, FLIGHTS_WAITING_MAX = 1024, FLIGHTS_PER_MESSAGE = 256 };
#define FLIGHTS_RESEND_US   (500 * 1000LL)
#define FLIGHTS_DEADLINE_US (5 * 1000000LL)
/* How long a sequencer that says it has no store is asked again before the client hears of it. */
#define FLIGHTS_STORE_RETRY_US (2 * 1000000LL)

enum flight_answer_kind {
    FLIGHT_CREATED = 1, /* 201: order is the record just committed */
    FLIGHT_REPLAYED,    /* 200: the order's present state is to be read */
    FLIGHT_WAITED,      /* "Prefer: wait": 201 or 200 (replayed) with the present state */
    FLIGHT_REFUSED,     /* refusal says why */
};

struct flight_answer {
    enum flight_answer_kind kind;
    void *ticket;
    bool replayed;
    Tb__Refusal refusal;
    uint64_t order_seq;
    const Tb__OrderRecord *order; /* CREATED; borrowed until the effects are carried out */
    const char *generated_key;    /* REFUSED: the key that was made for the order, NULL when it was the client's */
};

struct flight_request {
    const struct order_input *input;
    bool key_generated;
    const uint8_t *trace_id; /* 16 bytes */
    uint64_t parent_span;    /* the caller's, 0 = none */
    int64_t received_at_us;  /* wall clock: when the request was complete */
    int wait_seconds;        /* 0 = answer when committed */
    void *ticket;            /* comes back in the answer */
};

struct flights;
/* Gives flights for flights_free. */
struct flights *flights_new(void);
void flights_free(struct flights **flights);
size_t flights_count(const struct flights *flights);
/* Return: whether something waits to be sent. */
bool flights_have_unsent(const struct flights *flights);

/* Effect: takes an order in (copied). Return: false when there is no room. */
bool flights_add(struct flights *flights, const struct flight_request *request, int64_t now_us);
/* Effect: puts SubmitOrders messages for all that wait into fx. */
void flights_send(struct flights *flights, unsigned link, int64_t now_us, struct effects *fx);
/* Effect: takes the sequencer's answers; each may become a flight_answer in fx (effects_external) by way of answer().
 */
typedef void flight_answered(struct effects *fx, const struct flight_answer *answer);
void flights_results(struct flights *flights, const Tb__OrderResults *results, struct view *view, int64_t now_us,
                     struct effects *fx, flight_answered *answered);
/* Effect: answers those whose order is final now. */
void flights_check_waiting(struct flights *flights, const struct view *view, struct effects *fx,
                           flight_answered *answered);
/* Effect: resends and gives up what is due. Return: how many were resent. */
size_t flights_tick(struct flights *flights, int64_t now_us, struct effects *fx, flight_answered *answered);

#endif
