/* The sequencer's core: one total order of accepted orders and cancel requests, idempotency, acceptance (rule 1: it
 * answers only after the commit). Pure: see common/core.h. Holds its memory (bounded, taken in sequencer_new); one
 * thread.
 *
 *   struct sequencer *s = sequencer_new(&(struct sequencer_options){.region = "nl-1", .backlog_max = 200000});
 *   sequencer_step(s, &input, &effects);
 *   sequencer_free(&s); */
#ifndef TB_SEQUENCER_CORE_H
#define TB_SEQUENCER_CORE_H

#include "../../common/core.h" /* not this file: its own name is core.h too */

enum sequencer_link {
    SEQUENCER_COMMAND = 0, /* orders-command ROUTER: SUBMIT_ORDERS, CANCEL_ORDERS -> ORDER_RESULTS, CANCEL_RESULTS */
    SEQUENCER_STAGE,       /* orders-stage PUSH: ORDERS_APPENDED */
    SEQUENCER_FEED,        /* orders-feed PUB: ORDERS_APPENDED */
    SEQUENCER_EXECUTIONS,  /* executions-feed SUB: EXECUTIONS_APPENDED (terminal_total only) */
    SEQUENCER_LINK_COUNT,
};

enum sequencer_timer {
    SEQUENCER_TIMER_RETRY = 0, /* recovery failed in the store: try again */
};

enum sequencer_metric {
    SEQUENCER_ACCEPTED = 0,
    SEQUENCER_REPLAYED,
    SEQUENCER_REFUSED_KEY_REUSED,
    SEQUENCER_REFUSED_BACKPRESSURE,
    SEQUENCER_REFUSED_UNAVAILABLE,
    SEQUENCER_REFUSED_INVALID,
    SEQUENCER_CANCELS_REQUESTED,
    SEQUENCER_BATCHES,
    SEQUENCER_QUEUE_DEPTH,
    SEQUENCER_QUEUE_AGE,
    SEQUENCER_BACKLOG,
    SEQUENCER_APPEND_SECONDS,
    SEQUENCER_ACCEPT_SECONDS,
    SEQUENCER_METRIC_COUNT,
};

struct sequencer_options {
    const char *region;   /* borrowed for the core's life */
    uint64_t backlog_max; /* accepted and not yet final orders beyond which new ones are refused; 0 = no limit */
    uint32_t queue_max;   /* waiting orders; 0 = 16384 */
};

struct sequencer;

/* Gives a core for sequencer_free. */
struct sequencer *sequencer_new(const struct sequencer_options *options);
void sequencer_free(struct sequencer **sequencer);

/* Effect: one step (common/core.h). */
void sequencer_step(struct sequencer *sequencer, const struct input *in, struct effects *fx);

#endif
