#include "replay.h"

#include "executions.pb-c.h"
#include "ids.h"
#include "simfill/plan.h"

enum {
    ACCEPTED = TB__EXECUTION_RECORD__TYPE__ORDER_ACCEPTED,
    CANCELLED = TB__EXECUTION_RECORD__TYPE__ORDER_CANCELLED,
    STILL_OPEN = 0,
    MUST_NOT_BE_OPEN = 255, /* in no database: what replay says of a lost order */
};

/* What becomes of an order: the bytes that are hashed. */
struct outcome {
    uint32_t type;
    uint32_t count;
    struct replay_trade trades[REPLAY_TRADES_MAX];
};

static struct outcome live_outcome(const struct replay_order *order)
{
    struct outcome outcome = {.type = order->final_type, .count = order->trade_count};
    for (uint32_t i = 0; i < order->trade_count && i < REPLAY_TRADES_MAX; i++)
        outcome.trades[i] = order->trades[i];
    return outcome;
}

/* Return: the plan's outcome with its first `count` trades. */
static struct outcome planned(const struct replay_order *order, const struct simfill_plan *plan, uint32_t type,
                              uint32_t count)
{
    struct outcome outcome = {.type = type, .count = count};
    for (uint32_t i = 0; i < count; i++)
        outcome.trades[i] = (struct replay_trade){.leg = i + 1, .quantity = plan->quantities[i], .price = order->price};
    return outcome;
}

static struct outcome planned_in_full(const struct replay_order *order, const struct simfill_plan *plan)
{
    switch (plan->kind) {
    case SIMFILL_FILL:
        return planned(order, plan, ACCEPTED, plan->leg_count);
    case SIMFILL_CANCEL:
        return planned(order, plan, CANCELLED, 0);
    default:
        return planned(order, plan, STILL_OPEN, 0);
    }
}

static struct outcome replayed_outcome(const struct replay_order *order)
{
    struct simfill_plan plan = simfill_plan(order->simulation_seed, order->side, order->quantity, order->price, 0);
    uint32_t trades = order->trade_count;
    bool more_to_come = trades < plan.leg_count || (trades == 0 && plan.kind != SIMFILL_FILL);
    if (order->lost)
        return planned(order, &plan, MUST_NOT_BE_OPEN, 0);
    if (order->final_type == STILL_OPEN && more_to_come)
        return planned(order, &plan, STILL_OPEN, trades); /* it is under way */
    if (order->final_type == ACCEPTED && order->cancel_requested && order->final_quantity < order->quantity &&
        trades >= 1 && trades < plan.leg_count)
        return planned(order, &plan, ACCEPTED, trades); /* cut short */
    if (order->final_type == CANCELLED && order->cancel_requested && trades == 0)
        return planned(order, &plan, CANCELLED, 0);
    return planned_in_full(order, &plan);
}

/* Little-endian by hand: the hash is compared between machines. */
static uint64_t hash_number(uint64_t hash, uint64_t number)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
    return ids_hash(hash, bytes, sizeof bytes);
}

static uint64_t hash_outcome(uint64_t hash, uint64_t seq, const struct outcome *outcome)
{
    hash = hash_number(hash, seq);
    hash = hash_number(hash, outcome->type);
    hash = hash_number(hash, outcome->count);
    for (uint32_t i = 0; i < outcome->count && i < REPLAY_TRADES_MAX; i++) {
        hash = hash_number(hash, outcome->trades[i].leg);
        hash = hash_number(hash, outcome->trades[i].quantity);
        hash = hash_number(hash, (uint64_t)outcome->trades[i].price.cents);
    }
    return hash;
}

static bool outcome_equal(const struct outcome *a, const struct outcome *b)
{
    if (a->type != b->type || a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count && i < REPLAY_TRADES_MAX; i++)
        if (a->trades[i].leg != b->trades[i].leg || a->trades[i].quantity != b->trades[i].quantity ||
            a->trades[i].price.cents != b->trades[i].price.cents)
            return false;
    return true;
}

void replay_init(struct replay *replay)
{
    *replay = (struct replay){.live_hash = IDS_HASH_START, .replay_hash = IDS_HASH_START};
}

bool replay_add(struct replay *replay, const struct replay_order *order)
{
    struct outcome live = live_outcome(order), replayed = replayed_outcome(order);
    replay->orders++;
    replay->live_hash = hash_outcome(replay->live_hash, order->seq, &live);
    replay->replay_hash = hash_outcome(replay->replay_hash, order->seq, &replayed);
    if (outcome_equal(&live, &replayed))
        return true;
    replay->divergences++;
    if (replay->first_divergence == 0)
        replay->first_divergence = order->seq;
    return false;
}
