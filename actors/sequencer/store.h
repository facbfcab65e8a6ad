/* The sequencer's store procedures: the closed catalogue of what its core may ask of the store, as typed arguments and
 * results. store.c maps each to one SQL function (sql/0002_sequencer), the sim driver to tables in memory. Each call is
 * one transaction.
 *
 * Ownership: arguments are borrowed until the call is carried out, results until the step that gets them returns.
 * Optional texts are NULL (SQL NULL); ids of traces are 16 bytes or NULL. Times are microseconds since the epoch, UTC.
 */
#ifndef TB_SEQUENCER_STORE_H
#define TB_SEQUENCER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orders.pb-c.h"

enum sequencer_proc {
    SEQUENCER_TAKE_EPOCH = 0, /* sequencer_take_epoch_args -> sequencer_take_epoch_result */
    SEQUENCER_READ_RECENT,    /* sequencer_read_recent_args -> sequencer_read_recent_result */
    SEQUENCER_APPEND,         /* sequencer_append_args -> sequencer_append_result */
    SEQUENCER_CANCEL,         /* sequencer_cancel_args -> sequencer_cancel_result */
    SEQUENCER_READ_BACKLOG,   /* sequencer_read_backlog_args -> sequencer_read_backlog_result */
    SEQUENCER_PROC_COUNT,
};

/* TAKE_EPOCH: epoch of stream 'orders' + 1 (fences the writer before us) and the totals of both heads. */
struct sequencer_take_epoch_args {
    const char *region;
};
struct sequencer_take_epoch_result {
    int64_t epoch;
    uint64_t next_seq;
    uint64_t orders_total;   /* stream_heads.total of 'orders' */
    uint64_t terminal_total; /* stream_heads.total of 'executions' */
};

/* READ_RECENT: kind 1 rows with seq >= from_seq and created_at > since_us, ascending by seq. */
struct sequencer_read_recent_args {
    const char *region;
    uint64_t from_seq;
    int64_t since_us;
};
struct sequencer_recent_row {
    uint64_t seq;
    const char *user_id;
    uint32_t side;
    uint32_t quantity;
    int64_t price_cents;
    int64_t created_at_us;
};
struct sequencer_read_recent_result {
    size_t count;
    const struct sequencer_recent_row *rows;
};

/* APPEND: refused unless the head has this epoch and next_seq. An entry whose (client_id, idempotency_key) is stored
 * already is left out and reported in `existing`; the others are inserted as kind 1 rows with dense seqs in the order
 * given, the first at expected_next_seq; next_seq and total of the head move by their number. The pairs in one call are
 * distinct (the core sees to it). possible_duplicates: 0 = none; > 0 = that seq; < 0 = entry number -x of this call (1
 * = first): the seq it gets, NULL if it existed. */
struct sequencer_append_args {
    const char *region;
    int64_t epoch;
    uint64_t expected_next_seq;
    int64_t created_at_us;
    size_t count; /* 1 … SEQUENCER_BATCH_MAX */
    const char *const *user_ids;
    const char *const *client_ids;
    const char *const *idempotency_keys;
    const char *const *simulation_seeds;
    const int16_t *sides;
    const int16_t *times_in_force;
    const int32_t *quantities;
    const int64_t *prices_cents;
    const bool *keys_generated;
    const int64_t *possible_duplicates;
    const uint8_t *const *trace_ids;
    const int32_t *gateway_us;   /* from the gateway's receipt to created_at; 0 = not known */
    const int64_t *parent_spans; /* of the callers' traceparents, 0 = none */
};
struct sequencer_existing_row {
    uint32_t entry;                /* index into the arguments, 0 = first */
    const Tb__OrderRecord *record; /* as stored */
};
struct sequencer_append_result {
    size_t existing_count; /* ascending by entry */
    const struct sequencer_existing_row *existing;
};

/* CANCEL: refused unless the head has this epoch and next_seq. Per entry, in order: order_seq != 0: one order; else all
 * open orders of user_id (at most SEQUENCER_CANCEL_ALL_MAX, ascending; open: seq > simfill's cursor or parked, and
 * without a final record). For each open target without a cancel request a kind 2 row (user of the order, client_id
 * '@cancel', key 'cancel:<target>', target_seq) is appended, dense from expected_next_seq on. The head's total does not
 * move. */
struct sequencer_cancel_args {
    const char *region;
    int64_t epoch;
    uint64_t expected_next_seq;
    int64_t created_at_us;
    size_t count; /* 1 … SEQUENCER_CANCELS_MAX */
    const int64_t *order_seqs;
    const char *const *user_ids;
    const uint8_t *const *trace_ids;
};
struct sequencer_cancel_row {
    uint32_t entry; /* index into the arguments */
    Tb__Refusal
        refusal; /* NONE, NOT_FOUND (no such kind 1 row), TERMINAL; an "all" entry has NONE rows only, perhaps no row */
    uint32_t terminal_type; /* with TERMINAL: ExecutionRecord.Type */
    uint64_t target_seq;
    const Tb__OrderRecord *record; /* the appended kind 2 row; NULL when the request was there before, or refused */
};
struct sequencer_cancel_result {
    size_t count; /* ascending by entry, then target_seq; records ascending and dense in this order */
    const struct sequencer_cancel_row *rows;
};

/* READ_BACKLOG: total of the 'executions' head. */
struct sequencer_read_backlog_args {
    const char *region;
};
struct sequencer_read_backlog_result {
    uint64_t terminal_total;
};

enum {
    SEQUENCER_BATCH_MAX = 1024,
    SEQUENCER_CANCELS_MAX = 256,
    SEQUENCER_CANCEL_ALL_MAX = 10000,
};

#define SEQUENCER_CANCEL_CLIENT "@cancel" /* client_id of kind 2 rows; clients cannot take a name with '@' */

#endif
