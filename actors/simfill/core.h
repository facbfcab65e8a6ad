/* Simfill's core: brings every order of the orders stream to its final state as plan.h says, once. Follows the stream
 * with a cursor that moves in the transaction of its effects (rules 2 and 4). Pure: see common/core.h. Holds its memory
 * (bounded, taken in simfill_new); one thread.
 *
 *   struct simfill *s = simfill_new(&(struct simfill_options){.region = "nl-1", .az = "a", .delay_max_us = 120000});
 *   simfill_step(s, &input, &effects);
 *   simfill_free(&s); */
#ifndef TB_SIMFILL_CORE_H
#define TB_SIMFILL_CORE_H

#include "../../common/core.h" /* not this file: its own name is core.h too */

enum simfill_link {
    SIMFILL_STAGE = 0, /* orders-stage PULL: ORDERS_APPENDED */
    SIMFILL_FEED,      /* executions-feed PUB: EXECUTIONS_APPENDED */
    SIMFILL_OUTBOX,    /* outbox-stage PUSH: ADJUSTMENTS_APPENDED */
    SIMFILL_LINK_COUNT,
};

enum simfill_timer {
    SIMFILL_TIMER_DUE = 0, /* the next fill in memory is due */
    SIMFILL_TIMER_POLL,    /* a lost last message: look for rows after what we know */
    SIMFILL_TIMER_PARKED,  /* the next parked order is due soon */
    SIMFILL_TIMER_RETRY,   /* a store call failed for no fault of its data: try again */
};

enum simfill_metric {
    SIMFILL_FILLED = 0,
    SIMFILL_CANCELLED,
    SIMFILL_REJECTED,
    SIMFILL_TRADES,
    SIMFILL_PARKED,
    SIMFILL_BATCHES,
    SIMFILL_STORE_FAILURES,
    SIMFILL_WINDOW,
    SIMFILL_QUEUE_AGE,
    SIMFILL_FILL_SECONDS,
    SIMFILL_APPEND_SECONDS,
    SIMFILL_METRIC_COUNT,
};

struct simfill_options {
    const char *region; /* borrowed for the core's life, az too */
    const char *az;
    int64_t delay_max_us; /* plan.h; 0 = no delay */
    uint32_t window_max;  /* orders in memory; 0 = 65536; a power of two, at least 1024 */
};

struct simfill;

/* Gives a core for simfill_free. */
struct simfill *simfill_new(const struct simfill_options *options);
void simfill_free(struct simfill **simfill);

/* Effect: one step (common/core.h). */
void simfill_step(struct simfill *simfill, const struct input *in, struct effects *fx);

#endif
