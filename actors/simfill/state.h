/* state: simfill's core's memory and the calls between its files. Private to this folder.
 *
 * An order's way: taken in from the stream (intake.c) -> waits in the window until due -> written (batch.c) ->
 * published. Far-off orders are parked in the store instead and come back shortly before they are due; a cancel request
 * for a parked one is looked up (lookup.c). */
#ifndef TB_SIMFILL_STATE_H
#define TB_SIMFILL_STATE_H

#include "../../common/follow.h"
#include "../../common/gather.h"
#include "core.h"
#include "executions.pb-c.h"
#include "store.h"
#include "window.h"

enum {
    SIMFILL_HORIZON_US = 1000000, /* orders due later than this are parked */
    SIMFILL_POLL_US = 125000,     /* a lost last message is found at the second poll: 250 ms at most */
    SIMFILL_ATTEMPTS_MAX = 5,     /* then the order is rejected */
    SIMFILL_BACKOFF_US = 100000,  /* doubling, up to: */
    SIMFILL_BACKOFF_MAX_US = 5000000,
};

enum simfill_phase {
    SIMFILL_DOWN = 0, /* no store */
    SIMFILL_RECOVERING,
    SIMFILL_FOLLOWING,
    SIMFILL_DRAINING, /* what is under way is finished, nothing started */
};

/* What the append under way does to one order; carried over to its entry once it is committed. */
struct fill_outcome {
    Tb__ExecutionRecord__Type final_type; /* 0: still open */
    uint32_t legs_done;
    uint32_t filled_quantity;
    int64_t notional_cents;
    int64_t park_due_us; /* 0: not parked now */
};

/* One execution of the append under way, in stream order. */
struct fill_row {
    uint32_t entry;
    uint16_t type; /* ExecutionRecord.Type */
    uint16_t leg;
    uint32_t quantity;
    int64_t price_cents;
    int64_t notional_cents;
};

/* The orders under way, tried together; when the store cannot take them for their data's sake, in halves, until the bad
 * one is alone. */
struct fill_batch {
    uint32_t entries[SIMFILL_BATCH_MAX];
    uint32_t count;
    uint32_t at;        /* orders before this one are done */
    uint32_t tried;     /* orders from `at` on in the call under way */
    uint32_t failed_to; /* a bad order is known to be before this one; 0 = none is known of */
    bool under_way;     /* also for a call that only moves the cursor */
    int64_t created_at_us;
    uint64_t cursor;                                 /* as in the call */
    struct fill_outcome outcomes[SIMFILL_BATCH_MAX]; /* of the tried ones */
    struct fill_row rows[SIMFILL_ROWS_MAX];
    uint32_t row_count;
    uint32_t adjusted[SIMFILL_BATCH_MAX]; /* entries with an adjustment, in outbox order, and which row is their final
                                             record */
    uint32_t adjusted_row[SIMFILL_BATCH_MAX];
    uint32_t adjusted_count;
};

/* Cancel targets that are not in memory: are they parked, or final? */
struct lookups {
    uint32_t *waiting; /* ring of entry numbers, window capacity long */
    uint32_t head, count;
    uint32_t asked[SIMFILL_BATCH_MAX]; /* in the call under way */
    uint32_t asked_count;
};

struct simfill {
    struct simfill_options options;
    enum simfill_phase phase;
    int64_t epoch;
    uint64_t executions_next_seq;
    uint64_t outbox_next_seq;
    uint64_t terminal_total;
    struct follow follow;
    struct window window;
    struct fill_batch batch;
    struct lookups lookups;
    struct gather gather;
    int64_t gather_until_us; /* under load: the next batch begins then; 0 = as soon as something is due */

    uint32_t fetch_limit; /* of the read under way */
    uint64_t polled_next; /* follow.next at the last poll */
    bool parked_wanted;   /* read the parked orders that are due soon */
    bool parked_reading;
    bool parked_more;      /* the last read left some: read again as soon as some of those are written */
    uint32_t parked_limit; /* of that read */
    int64_t parked_due_us; /* the next parked order's due time, SIMFILL_NEVER = none known */
    bool resting;          /* the store failed: nothing is started before the retry timer */
    int64_t backoff_us;
    int64_t due_timer_us; /* as set; 0 = not set */
    int64_t parked_timer_us;
};

/* Effect: starts whatever can be started now, and sets the timers for the rest. */
void simfill_work(struct simfill *s, const struct input *in, struct effects *fx);
/* Effect: starts nothing for a while, longer each time until something works. */
void simfill_rest(struct simfill *s, const struct input *in, struct effects *fx);

/* intake.c. Effect: takes in a message of the stage link, as far as there is room. */
void intake_message(struct simfill *s, const struct input *in, struct effects *fx);
/* Effect: reads rows after what we know, if there is room and no read is under way. */
void intake_fetch(struct simfill *s, struct effects *fx);
/* Effect: reads rows if there are known ones that we have not taken in. */
void intake_catch_up(struct simfill *s, struct effects *fx);
void intake_fetched(struct simfill *s, const struct input *in, struct effects *fx);
/* Effect: fills an entry from a stored order and puts it in the heap (cancelled ones at once). */
void intake_open(struct simfill *s, uint32_t number, const struct simfill_order *order, int64_t now_us);
/* Return: when the entry's next leg (or its cancellation by plan) is due; SIMFILL_NEVER: not without a cancel request.
 */
int64_t intake_due_us(const struct entry *entry);

/* lookup.c: orders that are parked. */
void lookup_add(struct simfill *s, uint32_t number);
void lookup_start(struct simfill *s, struct effects *fx);
void lookup_done(struct simfill *s, const struct input *in);
void lookup_failed(struct simfill *s);
void parked_start(struct simfill *s, const struct input *in, struct effects *fx);
void parked_done(struct simfill *s, const struct input *in);
void parked_failed(struct simfill *s);
/* Effect: an order was parked until due_us. */
void parked_added(struct simfill *s, int64_t due_us);

/* batch.c. Effect: writes what is due, if no append is under way. cursor_only: write the cursor even if nothing is due.
 */
void batch_start(struct simfill *s, const struct input *in, struct effects *fx, bool cursor_only);
void batch_done(struct simfill *s, const struct input *in, struct effects *fx);
void batch_failed(struct simfill *s, const struct input *in, struct effects *fx);

/* publish.c. Effect: sends what the append under way has committed to feed and outbox. */
void publish_batch(struct simfill *s, struct effects *fx);

#endif
