/* Simfill's store procedures: the closed catalogue of what its core may ask of the store, as typed arguments and
 * results. store.c maps each to one SQL function (sql/0003_simfill), the sim driver to tables in memory. Each call is
 * one transaction.
 *
 * Ownership: arguments are borrowed until the call is carried out, results until the step that gets them returns.
 * Times are microseconds since the epoch, UTC; ids of traces are 16 bytes or NULL. */
#ifndef TB_SIMFILL_STORE_H
#define TB_SIMFILL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orders.pb-c.h"

enum simfill_proc {
    SIMFILL_TAKE_EPOCH = 0, /* simfill_take_epoch_args -> simfill_take_epoch_result */
    SIMFILL_READ_ORDERS,    /* simfill_read_orders_args -> simfill_orders_result */
    SIMFILL_READ_DUE,       /* simfill_read_due_args -> simfill_orders_result */
    SIMFILL_READ_PARKED,    /* simfill_read_parked_args -> simfill_orders_result */
    SIMFILL_APPEND,         /* simfill_append_args -> no result (NULL) */
    SIMFILL_PROC_COUNT,
};

/* TAKE_EPOCH: epoch of stream 'executions' + 1 (fences the writer before us); both heads and our cursor on 'orders'. */
struct simfill_take_epoch_args {
    const char *region;
};
struct simfill_take_epoch_result {
    int64_t epoch;
    uint64_t executions_next_seq;
    uint64_t terminal_total; /* total of the 'executions' head */
    uint64_t outbox_next_seq;
    uint64_t cursor; /* cursors (simfill, orders) */
};

/* One row of the orders stream with how far its order has come (all zero for cancel requests). */
struct simfill_order {
    const Tb__OrderRecord *record;
    uint32_t legs_done;       /* trades stored */
    uint32_t filled_quantity; /* their sums */
    int64_t notional_cents;
    bool final;  /* its final record is stored */
    bool parked; /* has a row in parked_orders */
};
struct simfill_orders_result {
    size_t count;
    const struct simfill_order *orders;
    int64_t next_due_us; /* READ_DUE: the smallest due_at > due_before_us among parked orders, 0 = none. Else 0. */
};

/* READ_ORDERS: rows of both kinds with seq > after_seq, ascending, at most limit. */
struct simfill_read_orders_args {
    const char *region;
    uint64_t after_seq;
    uint32_t limit;
};

/* READ_DUE: parked orders with due_at <= due_before_us, ascending by (due_at, order_seq), at most limit. */
struct simfill_read_due_args {
    const char *region;
    int64_t due_before_us;
    uint32_t limit;
};

/* READ_PARKED: those of these orders that are parked, ascending by seq. */
struct simfill_read_parked_args {
    const char *region;
    size_t count; /* 1 … SIMFILL_BATCH_MAX */
    const int64_t *order_seqs;
};

/* APPEND: refused unless the 'executions' head has this epoch and next_seq and the 'outbox' head this next_seq. Inserts
 * the executions and adjustments with dense seqs in the order given, the first at the expected ones; moves both
 * next_seqs; total of 'executions' moves by the number of executions with leg 0; sets the cursor (never back); inserts
 * parks (a park that exists is left alone) and deletes unparks. (order_seq, leg) already stored: STORE_FAILED. Any of
 * the counts may be 0. */
struct simfill_append_args {
    const char *region;
    int64_t epoch;
    uint64_t executions_next_seq;
    uint64_t outbox_next_seq;
    uint64_t cursor;
    int64_t created_at_us; /* of all rows */
    const char *az;        /* of all executions */

    size_t execution_count;
    const int64_t *execution_order_seqs;
    const int16_t *execution_types; /* ExecutionRecord.Type */
    const int16_t *execution_sides;
    const int32_t *execution_legs;
    const int32_t *execution_quantities;
    const int64_t *execution_prices_cents;
    const int64_t *execution_notionals_cents;
    const char *const *execution_user_ids;

    size_t adjustment_count;
    const int64_t *adjustment_order_seqs;
    const int64_t *adjustment_deltas_cents;
    const int64_t *adjustment_prices_cents;
    const int32_t *adjustment_quantities;
    const int16_t *adjustment_sides;
    const int16_t *adjustment_faults; /* AdjustmentRecord.Fault */
    const int64_t *adjustment_order_created_at_us;
    const uint8_t *const *adjustment_trace_ids;
    const char *const *adjustment_user_ids;

    size_t park_count;
    const int64_t *park_order_seqs;
    const int64_t *park_due_at_us; /* SIMFILL_NEVER = NULL: waits for a cancel */

    size_t unpark_count;
    const int64_t *unpark_order_seqs;
};

enum {
    SIMFILL_BATCH_MAX = 1024, /* orders per append */
    SIMFILL_ROWS_MAX = 4096,  /* executions per append */
    SIMFILL_READ_MAX = 1024,  /* rows per read */
};
#define SIMFILL_NEVER INT64_MAX

#endif
