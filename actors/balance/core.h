/* balance/core: the pure state machine that turns the outbox into ledger entries, exactly once.
 *
 * One write is under way at a time; what arrived meanwhile is the next batch. A batch that the store refuses to swallow
 * is halved until the failing adjustment stands alone; that one becomes a dead letter (retried with backoff) and the
 * others go on. Bounded: the queue of adjustments (BALANCE_QUEUE_MAX; what does not fit is read from the outbox later)
 * and that of commands (BALANCE_COMMANDS_MAX; beyond it BACKPRESSURE). Dead letters are not kept in memory: a timer
 * reads those that are due.
 *
 *   struct balance_core core = {0};
 *   balance_core_init(&core, &(struct balance_options){.region = "nl-1", .opening = money_cents(1000000), .attempts_max
 * = 5, .retry_us = 100000}); balance_core_step(&core, &input, &effects); balance_core_release(&core); */
#ifndef TB_BALANCE_CORE_H
#define TB_BALANCE_CORE_H

#include "../../common/core.h" /* not this file: its own name is core.h too */
#include "follow.h"
#include "gather.h"
#include "money.h"
#include "store.h"

enum balance_link {
    BALANCE_LINK_OUTBOX = 0, /* PULL outbox-stage: ADJUSTMENTS_APPENDED */
    BALANCE_LINK_OPS,        /* SUB ops-feed: OPS_APPENDED, a wake-up only */
    BALANCE_LINK_COMMAND,    /* ROUTER balance-command: BALANCE_COMMAND in, BALANCE_RESULT out */
    BALANCE_LINK_FEED,       /* PUB balances-feed: BALANCES_APPENDED out */
    BALANCE_LINK_COUNT,
};

enum balance_timer {
    BALANCE_TIMER_POLL = 0, /* slow poll of outbox and ops: covers a lost last message */
    BALANCE_TIMER_RETRY,    /* the earliest dead letter is due */
    BALANCE_TIMER_BACKOFF,  /* the store failed on something that is not an adjustment's fault: try again */
    BALANCE_TIMER_GATHER,   /* under load: the next batch has waited long enough */
};

enum balance_metric {
    BALANCE_METRIC_SETTLE = 0,    /* histogram tb_settle_seconds: order's creation to its ledger entry */
    BALANCE_METRIC_OUTBOX_OLDEST, /* age */
    BALANCE_METRIC_DLQ_DEPTH,     /* gauge: dead letters in state 2 */
    BALANCE_METRIC_QUEUE_DEPTH,   /* gauge */
    BALANCE_METRIC_APPLIED,       /* counter: adjustments settled */
    BALANCE_METRIC_FAILED,        /* counter: failed attempts */
    BALANCE_METRIC_BATCHES,       /* counter: APPLY transactions committed */
    BALANCE_METRIC_COUNT,
};

enum {
    BALANCE_QUEUE_MAX = 8192,
    BALANCE_COMMANDS_MAX = 256,
    BALANCE_POLL_US = 125000,    /* two polls find what was lost, so at most 250 ms */
    BALANCE_BACKOFF_US = 100000, /* first wait of BALANCE_TIMER_BACKOFF; doubles up to */
    BALANCE_BACKOFF_MAX_US = 5000000,
    BALANCE_ERROR_MAX = 256, /* bytes of an error text kept in a dead letter */
    BALANCE_REGION_SIZE = 17,
    BALANCE_ACTOR_SIZE = 64,
};

struct balance_options {
    const char *region; /* copied */
    struct money opening;
    uint32_t attempts_max; /* failures until an adjustment is dead, >= 1 */
    int64_t retry_us;      /* wait before the second attempt; doubles with each */
};

struct balance_command {
    struct peer from;
    uint64_t request_id;
    uint8_t kind; /* Tb__BalanceCommand__Kind */
    uint64_t outbox_seq;
    char user_id[BALANCE_USER_SIZE];
    char actor[BALANCE_ACTOR_SIZE];
};

enum balance_phase { BALANCE_DOWN = 0, BALANCE_RECOVERING, BALANCE_LIVE, BALANCE_STOPPING };

/* What the one write under way is for. */
enum balance_write {
    BALANCE_WRITE_NONE = 0,
    BALANCE_WRITE_OPEN,
    BALANCE_WRITE_APPLY,
    BALANCE_WRITE_FAIL, /* of the adjustment at the queue's head (first failure) or of `retry` */
    BALANCE_WRITE_RETRY,
    BALANCE_WRITE_COMMAND, /* of the command at the head of its queue */
};

struct balance_core {
    /* settings */
    char region[BALANCE_REGION_SIZE];
    struct money opening;
    uint32_t attempts_max;
    int64_t retry_us;

    enum balance_phase phase;
    uint64_t epoch;
    uint64_t next_seq;

    /* the outbox: rows after the cursor, in order; the front ones may be in the write under way */
    struct follow outbox;
    struct balance_adjustment *queue; /* ring of BALANCE_QUEUE_MAX */
    size_t queue_head, queue_count;
    bool fetch_wanted;    /* rows are to be read as soon as there is room and no other read under way */
    uint64_t polled_next; /* outbox.next at the last poll: unchanged means that nothing came, so look */
    uint64_t suspect_end; /* the outbox rows up to here contain one that fails; 0 = none known */
    struct gather gather;

    /* the write under way */
    enum balance_write write;
    int64_t write_at_us;      /* when it was asked for: created_at of what it writes */
    uint32_t write_count;     /* APPLY: rows */
    int64_t failed_due_us;    /* FAIL: its next attempt, 0 = dead */
    uint32_t failed_attempts; /* FAIL */
    char failed_error[BALANCE_ERROR_MAX];
    bool failed_is_retry;
    bool side_job_last; /* the write before was no APPLY: if adjustments wait it is their turn */

    /* ops */
    bool open_wanted;
    uint64_t ops_position;

    /* dead letters whose next attempt is due, as the timer last read them */
    struct balance_retry retries[BALANCE_RETRIES_LIMIT];
    size_t retry_index, retry_count;
    bool retries_wanted, retries_reading;
    int64_t retry_due_us; /* what the timer is set to, 0 = not set */
    uint64_t dead_depth;

    /* commands */
    struct balance_command *commands; /* ring of BALANCE_COMMANDS_MAX */
    size_t command_head, command_count;

    int64_t backoff_us; /* the last wait, 0 = the store is well */
    bool backing_off;   /* no write until the timer */
};

/* Effect: sets up an empty core (zeroed before). Its queues are heap memory until balance_core_release. */
void balance_core_init(struct balance_core *core, const struct balance_options *options);
void balance_core_release(struct balance_core *core);

/* The step function of common/core.h; state is a struct balance_core. */
void balance_core_step(void *state, const struct input *in, struct effects *fx);

/* Return: microseconds from failure number `attempts` (>= 1) to the next attempt: retry_us doubled each time, capped at
 * an hour, ± 20 % jitter that depends on (outbox_seq, attempts) alone. */
int64_t balance_backoff_us(int64_t retry_us, uint64_t outbox_seq, uint32_t attempts);

#endif
