/* replay: I7. Plays stored orders again through SimFill's plan and compares the outcome with what the database holds.
 * Both are hashed as the same kind of bytes, so equal hashes mean equal histories. The plan may be cut short by a
 * cancel request and by nothing else (actors/simfill/plan.h has the rules). Pure; holds no memory of its own.
 *
 *   struct replay replay; replay_init(&replay);
 *   for each order, by seq: replay_add(&replay, &order);
 *   ok = replay.first_divergence == 0; */
#ifndef TB_RECONCILER_REPLAY_H
#define TB_RECONCILER_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "money.h"

enum { REPLAY_TRADES_MAX = 17 /* one more than any plan has: more than that differs anyway */ };

struct replay_trade {
    uint32_t leg, quantity;
    struct money price;
};

/* An order and what became of it, as stored. */
struct replay_order {
    uint64_t seq;
    const char *simulation_seed; /* NULL counts as "" */
    uint32_t side, quantity;
    struct money price;
    bool cancel_requested; /* need only be right where the final record is not a full fill */
    bool lost;             /* simfill's cursor is past it, and it is neither final nor parked */
    uint32_t final_type;   /* ExecutionRecord.Type, 0 = open */
    uint32_t final_quantity;
    uint32_t trade_count;                          /* may be more than fit into trades */
    struct replay_trade trades[REPLAY_TRADES_MAX]; /* by leg */
};

struct replay {
    uint64_t orders;
    uint64_t live_hash, replay_hash;
    uint64_t divergences;
    uint64_t first_divergence; /* order seq, 0 = none */
};

void replay_init(struct replay *replay);
/* Effect: takes one more order, ascending by seq, into both hashes. Return: whether it is as its plan says. */
bool replay_add(struct replay *replay, const struct replay_order *order);

#endif
