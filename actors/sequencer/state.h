/* state: the sequencer core's memory and the calls between its files. Private to this folder.
 *
 * One store call that writes is under way at a time (batch or cancel batch); what arrives meanwhile is the next batch.
 */
#ifndef TB_SEQUENCER_STATE_H
#define TB_SEQUENCER_STATE_H

#include "answers.h"
#include "core.h"
#include "queue.h"
#include "recent.h"
#include "store.h"

enum sequencer_phase {
    SEQUENCER_DOWN = 0, /* no store, or recovering: everything is refused */
    SEQUENCER_RECOVERING,
    SEQUENCER_SERVING,
    SEQUENCER_DRAINING, /* what is under way is finished, the rest refused */
};

struct pending_cancel {
    struct peer from;
    uint64_t request_id;
    uint64_t order_seq; /* 0: all of user_id */
    bool traced;
    uint8_t trace_id[16];
    char user_id[ORDER_USER_MAX + 1];
};

enum { CANCEL_QUEUE_MAX = 4096, PROBE_SLOTS = 2048, NO_LEADER = -1 };

/* Finds entries of one attempt by hash, exactly; cleared by moving on to the next generation. */
struct probe {
    uint32_t generation;
    struct {
        uint32_t generation;
        uint32_t entry;
    } slots[PROBE_SLOTS];
};

/* The orders under way. They are tried together; a batch that the store cannot take for its data's sake is tried in
 * halves, until the bad order stands alone (it is refused) and all others are stored. */
struct order_batch {
    uint32_t slots[SEQUENCER_BATCH_MAX]; /* of the queue */
    uint32_t count;
    uint32_t at;        /* orders before this one are answered */
    uint32_t tried;     /* orders from `at` on in the call under way, 0 = none */
    uint32_t failed_to; /* a bad order is known to be before this one; 0 = none is known of */
    int64_t created_at_us;
    /* Of the call under way. Entries are the distinct (client_id, key) pairs in it: the store's arguments. */
    uint32_t entry_count;
    uint32_t entry_of[SEQUENCER_BATCH_MAX];    /* order -> its pair's entry */
    uint32_t leader_of[SEQUENCER_BATCH_MAX];   /* entry -> the order that is stored if the pair is new */
    int64_t duplicate_of[SEQUENCER_BATCH_MAX]; /* entry -> as in sequencer_append_args.possible_duplicates */
};

struct cancel_batch {
    struct pending_cancel items[SEQUENCER_CANCELS_MAX];
    uint32_t count;
    uint32_t at;
    uint32_t tried;
    int64_t created_at_us;
};

struct sequencer {
    struct sequencer_options options;
    enum sequencer_phase phase;
    int64_t epoch;
    uint64_t next_seq;
    uint64_t orders_total;
    uint64_t terminal_total;
    bool backlog_reading;
    int64_t backlog_read_at_us;
    bool cancels_next; /* fairness: orders and cancels take turns */
    struct order_queue queue;
    struct pending_cancel *cancels; /* ring of CANCEL_QUEUE_MAX */
    uint32_t cancel_head, cancel_count;
    struct order_batch batch;
    struct cancel_batch cancel_batch;
    struct recent recent;
    struct probe pairs, contents;
};

/* Effect: starts the next write if none is under way and something waits. */
void sequencer_work(struct sequencer *s, const struct input *in, struct effects *fx);

/* append.c. Effect: takes the next batch of orders and sends its append. */
void append_start(struct sequencer *s, const struct input *in, struct effects *fx);
/* Effect: answers, publishes and goes on, after the store's answer (STORE_DONE or STORE_FAILED). */
void append_done(struct sequencer *s, const struct input *in, struct effects *fx);
void append_failed(struct sequencer *s, const struct input *in, struct effects *fx);
/* Effect: answers the orders under way, or those that wait, with STORE_UNAVAILABLE and forgets them. */
void append_give_up(struct sequencer *s, struct answers *answers);
void append_refuse_waiting(struct sequencer *s, struct answers *answers);
static inline bool append_under_way(const struct sequencer *s)
{
    return s->batch.at < s->batch.count;
}

/* cancel.c: the same for cancel requests. */
void cancel_accept(struct sequencer *s, const struct input *in, struct answers *answers);
void cancel_start(struct sequencer *s, const struct input *in, struct effects *fx);
void cancel_done(struct sequencer *s, const struct input *in, struct effects *fx);
void cancel_failed(struct sequencer *s, const struct input *in, struct effects *fx);
void cancel_give_up(struct sequencer *s, struct answers *answers);
void cancel_refuse_waiting(struct sequencer *s, struct answers *answers);
static inline bool cancel_under_way(const struct sequencer *s)
{
    return s->cancel_batch.at < s->cancel_batch.count;
}

/* Effect: sends appended records (dense, ascending) on stage and feed, in pieces. */
void sequencer_publish(struct sequencer *s, struct effects *fx, Tb__OrderRecord **records, size_t count);

#endif
