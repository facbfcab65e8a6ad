#include "queue.h"

#include <stdlib.h>
#include <string.h>

#include "../../common/base.h"
#include "../../common/ids.h"

enum { QUANTITY_MAX = 1000000, PRICE_CENTS_MAX = 1000000000, TRACE_BYTES = 16, SEED_HASH_BYTES = 8 };

void order_queue_init(struct order_queue *queue, uint32_t waiting_max, uint32_t extra)
{
    uint32_t slots = waiting_max + extra;
    *queue = (struct order_queue){.waiting_max = waiting_max};
    queue->slots = tb_alloc_zero(slots, sizeof *queue->slots);
    queue->free = tb_alloc_zero(slots, sizeof *queue->free);
    queue->ring = tb_alloc_zero(waiting_max, sizeof *queue->ring);
    for (uint32_t i = 0; i < slots; i++)
        queue->free[queue->free_count++] = slots - 1 - i;
}

void order_queue_release(struct order_queue *queue)
{
    free(queue->slots);
    free(queue->free);
    free(queue->ring);
    *queue = (struct order_queue){0};
}

uint64_t order_content_hash(const char *user_id, uint32_t side, uint32_t quantity, int64_t price_cents)
{
    uint64_t hash = ids_hash(IDS_HASH_START, user_id, strlen(user_id) + 1);
    hash = ids_hash(hash, &side, sizeof side);
    hash = ids_hash(hash, &quantity, sizeof quantity);
    return ids_hash(hash, &price_cents, sizeof price_cents);
}

static uint64_t pair_hash(const char *client_id, const char *idempotency_key)
{
    uint64_t hash = ids_hash(IDS_HASH_START, client_id, strlen(client_id) + 1);
    return ids_hash(hash, idempotency_key, strlen(idempotency_key));
}

/* Effect: the documented default: 16 hex digits of the hash of (client id, 0, key), most significant first. Stable for
 * ever. */
static void default_seed(uint64_t hash, char *seed)
{
    uint8_t bytes[SEED_HASH_BYTES];
    for (unsigned i = 0; i < SEED_HASH_BYTES; i++)
        bytes[i] = (uint8_t)(hash >> (56 - 8 * i));
    ids_hex(bytes, SEED_HASH_BYTES, seed);
}

bool order_queue_push(struct order_queue *queue, const Tb__SubmitOrder *order, const struct peer *from, int64_t now_us)
{
    if (queue->count == queue->waiting_max)
        return false;
    tb_assert(queue->free_count > 0);
    uint32_t number = queue->free[--queue->free_count];
    struct pending_order *slot = &queue->slots[number];
    slot->from = *from;
    slot->request_id = order->request_id;
    slot->arrived_us = now_us;
    slot->price_cents = order->price_cents;
    slot->quantity = order->quantity;
    slot->side = (uint8_t)order->side;
    slot->time_in_force = (uint8_t)order->time_in_force;
    slot->key_generated = order->key_generated;
    slot->traced = order->trace_id.len == TRACE_BYTES;
    if (slot->traced)
        memcpy(slot->trace_id, order->trace_id.data, TRACE_BYTES);
    slot->parent_span = order->parent_span_id;
    slot->received_at_us = order->received_at_us;
    bool whole = tb_copy_text(slot->user_id, sizeof slot->user_id, order->user_id) &&
                 tb_copy_text(slot->client_id, sizeof slot->client_id, order->client_id) &&
                 tb_copy_text(slot->idempotency_key, sizeof slot->idempotency_key, order->idempotency_key) &&
                 tb_copy_text(slot->simulation_seed, sizeof slot->simulation_seed, order->simulation_seed);
    tb_assert(whole);
    slot->pair_hash = pair_hash(slot->client_id, slot->idempotency_key);
    slot->content_hash = order_content_hash(slot->user_id, slot->side, slot->quantity, slot->price_cents);
    if (slot->simulation_seed[0] == '\0')
        default_seed(slot->pair_hash, slot->simulation_seed);
    queue->ring[(queue->head + queue->count++) % queue->waiting_max] = number;
    return true;
}

uint32_t order_queue_pop(struct order_queue *queue)
{
    tb_assert(queue->count > 0);
    uint32_t slot = queue->ring[queue->head];
    queue->head = (queue->head + 1) % queue->waiting_max;
    queue->count--;
    return slot;
}

void order_queue_done(struct order_queue *queue, uint32_t slot)
{
    queue->free[queue->free_count++] = slot;
}

const struct pending_order *order_queue_first(const struct order_queue *queue)
{
    return queue->count > 0 ? &queue->slots[queue->ring[queue->head]] : NULL;
}

static bool text_fits(const char *text, size_t minimum, size_t maximum)
{
    size_t length = strnlen(text, maximum + 1);
    return length >= minimum && length <= maximum;
}

bool order_is_valid(const Tb__SubmitOrder *order)
{
    return text_fits(order->user_id, 1, ORDER_USER_MAX) && text_fits(order->client_id, 1, ORDER_TEXT_MAX) &&
           order->client_id[0] != '@' && /* the cancel requests' own */
           text_fits(order->idempotency_key, 1, ORDER_TEXT_MAX) &&
           text_fits(order->simulation_seed, 0, ORDER_TEXT_MAX) &&
           (order->side == TB__SIDE__SIDE_BUY || order->side == TB__SIDE__SIDE_SELL) &&
           order->time_in_force >= TB__TIME_IN_FORCE__TIME_IN_FORCE_GTC &&
           order->time_in_force <= TB__TIME_IN_FORCE__TIME_IN_FORCE_FOK && order->quantity >= 1 &&
           order->quantity <= QUANTITY_MAX && order->price_cents >= 1 && order->price_cents <= PRICE_CENTS_MAX &&
           (order->trace_id.len == 0 || order->trace_id.len == TRACE_BYTES);
}

bool order_same_content(const struct pending_order *order, const Tb__OrderRecord *stored)
{
    return order->side == (unsigned)stored->side && order->quantity == stored->quantity &&
           order->price_cents == stored->price_cents && order->time_in_force == (unsigned)stored->time_in_force &&
           strcmp(order->user_id, stored->user_id) == 0 && strcmp(order->simulation_seed, stored->simulation_seed) == 0;
}

bool order_same_pair(const struct pending_order *a, const struct pending_order *b)
{
    return a->pair_hash == b->pair_hash && strcmp(a->client_id, b->client_id) == 0 &&
           strcmp(a->idempotency_key, b->idempotency_key) == 0;
}

bool order_looks_equal(const struct pending_order *a, const struct pending_order *b)
{
    return a->content_hash == b->content_hash && a->side == b->side && a->quantity == b->quantity &&
           a->price_cents == b->price_cents && strcmp(a->user_id, b->user_id) == 0;
}
