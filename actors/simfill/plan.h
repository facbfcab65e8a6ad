/* plan: what SimFill does with an order, as a pure function of (simulation seed, side, quantity, price). Used by the
 * simfill core for live orders and by the replay verification (I7), which must come to the same result for ever.
 *
 * Seeds: "cancel" · "partial:N" (1 <= N <= 16, N <= quantity) · "slow:MS" (0 <= MS <= 3600000) · "hang" ·
 * "poison-balance" · "dup:N" (1 <= N <= 100). Any other text, these with a parameter out of range included, fills the
 * order in full, in one trade at its limit price. Numbers are plain: digits without leading zero. All trades are at the
 * limit price.
 *
 * Comparing a stored order with its plan (I7). Let T be its trades by leg, F its final record:
 *  - Each trade i of T: leg i, quantity = plan.quantities[i - 1], price = the order's limit price; legs are 1 … |T|
 * without a hole. Always.
 *  - F is OrderAccepted with F.quantity = the order's quantity: |T| = plan.leg_count; plan.kind is SIMFILL_FILL.
 *  - F is OrderAccepted with less: there is a cancel request (kind 2 row with target_seq = the order), and 1 <= |T| <
 * plan.leg_count.
 *  - F is OrderCancelled: T is empty, and plan.kind is SIMFILL_CANCEL or there is a cancel request.
 *  - F is OrderRejected: no plan says so; T is empty. The order could not be stored (logged as an error); worth a
 * finding.
 *  - No F: |T| < plan.leg_count or the kind is CANCEL or HANG. Whether it is merely not due yet does not follow from
 * the plan alone, since the delay depends on the setting; not part of I7. So the outcome is the plan's, cut short at
 * most by a cancel request. When it happened (created_at) is never compared. */
#ifndef TB_SIMFILL_PLAN_H
#define TB_SIMFILL_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "money.h"

enum { SIMFILL_LEGS_MAX = 16, SIMFILL_DELIVERIES_MAX = 100, SIMFILL_SLOW_MAX_MS = 3600000 };

enum simfill_kind {
    SIMFILL_FILL = 1, /* leg_count trades, then OrderAccepted */
    SIMFILL_CANCEL,   /* no trade; OrderCancelled after the delay */
    SIMFILL_HANG,     /* nothing, until a cancel request comes */
};

struct simfill_plan {
    enum simfill_kind kind;
    int64_t delay_us;                      /* from the order's created_at to its final record; 0 for SIMFILL_HANG */
    uint32_t leg_count;                    /* 0 unless SIMFILL_FILL */
    uint32_t quantities[SIMFILL_LEGS_MAX]; /* sum = the order's quantity */
    uint32_t deliveries;                   /* how often the bus is to deliver its adjustment, 1 … 100 */
    bool poison;                           /* its outbox row gets FAULT_POISON */
};

/* Return: the plan. seed: NULL counts as "". side: 1 BUY, 2 SELL. quantity >= 1. delay_max_us >= 0: delays not named by
 * the seed lie in 0 … delay_max_us, taken from a hash of the other arguments; it has no influence on anything but
 * delay_us. */
struct simfill_plan simfill_plan(const char *seed, uint32_t side, uint32_t quantity, struct money price,
                                 int64_t delay_max_us);

/* Return: when leg (1 … leg_count) is due, microseconds after the order's created_at; the last one at delay_us. */
int64_t simfill_plan_leg_us(const struct simfill_plan *plan, uint32_t leg);

#endif
