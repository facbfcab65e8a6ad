/* queue: orders waiting to be appended, first in first out, bounded. A waiting order lives in a slot, which stays its
 * own until the order is answered, so a batch under way is a list of slot numbers. The slot freed last is used first:
 * memory stays warm and small. All memory is taken in order_queue_init. Threading: one thread. */
#ifndef TB_SEQUENCER_QUEUE_H
#define TB_SEQUENCER_QUEUE_H

#include "../../common/core.h"
#include "orders.pb-c.h"

enum {
    ORDER_USER_MAX = 40, /* bytes, as the API limits user ids */
    ORDER_TEXT_MAX =
        256, /* bytes of client id, idempotency key, simulation seed: 64 characters of 4 bytes, or 255 of one */
};

struct pending_order {
    struct peer from;
    uint64_t request_id;
    int64_t arrived_us;
    uint64_t pair_hash;    /* of (client_id, idempotency_key) */
    uint64_t content_hash; /* of (user_id, side, quantity, price) */
    int64_t price_cents;
    uint32_t quantity;
    uint8_t side;
    uint8_t time_in_force;
    bool key_generated;
    bool traced;
    uint8_t trace_id[16];
    uint64_t parent_span;   /* 0 = none */
    int64_t received_at_us; /* by the gateway; 0 = not said */
    char user_id[ORDER_USER_MAX + 1];
    char client_id[ORDER_TEXT_MAX + 1];
    char idempotency_key[ORDER_TEXT_MAX + 1];
    char simulation_seed[ORDER_TEXT_MAX + 1]; /* never empty: the default is filled in */
};

struct order_queue {
    struct pending_order *slots;
    uint32_t *free; /* stack of slot numbers */
    uint32_t free_count;
    uint32_t *ring; /* waiting slot numbers */
    uint32_t head;
    uint32_t count; /* waiting */
    uint32_t waiting_max;
};

/* Effect: takes memory for waiting_max waiting orders and extra more that are popped but not yet answered. */
void order_queue_init(struct order_queue *queue, uint32_t waiting_max, uint32_t extra);
void order_queue_release(struct order_queue *queue);

/* Effect: copies a submitted order, with its default seed, to the end. Return: false when the queue is full. The order
 * must be valid. */
bool order_queue_push(struct order_queue *queue, const Tb__SubmitOrder *order, const struct peer *from, int64_t now_us);
/* Effect: takes the first out of the line; its slot stays in use until order_queue_done. The queue is not empty.
 * Return: its slot. */
uint32_t order_queue_pop(struct order_queue *queue);
/* Effect: gives an answered order's slot back. */
void order_queue_done(struct order_queue *queue, uint32_t slot);

/* Return: the first waiting one, NULL when none waits. */
const struct pending_order *order_queue_first(const struct order_queue *queue);

/* Return: whether the order may be stored at all (the gateway checks the same and says more; nothing else may come in
 * past it). */
bool order_is_valid(const Tb__SubmitOrder *order);
/* Return: whether a stored order is this one: same content under the same key. */
bool order_same_content(const struct pending_order *order, const Tb__OrderRecord *stored);
bool order_same_pair(const struct pending_order *a, const struct pending_order *b);
/* Return: whether a person might have sent one of them by mistake twice. */
bool order_looks_equal(const struct pending_order *a, const struct pending_order *b);
/* Return: what content_hash holds, for rows from the store. */
uint64_t order_content_hash(const char *user_id, uint32_t side, uint32_t quantity, int64_t price_cents);

#endif
