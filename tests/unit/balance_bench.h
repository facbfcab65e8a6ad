/* balance_bench: a balance core on the workbench: effects are recorded, store calls wait until the test answers them
 * from a model of the tables that is small enough to see through. Threading: one thread.
 *
 *   struct bench bench; bench_open(&bench, 3, 5);      // three outbox rows, five attempts
 *   bench_start(&bench);                               // START, recovered, everything settled
 *   bench_close(&bench); */
#ifndef TB_BALANCE_BENCH_H
#define TB_BALANCE_BENCH_H

#include "balance/core.h"
#include "balances.pb-c.h"

enum { BENCH_ROWS_MAX = 4096, BENCH_RECORDS_MAX = 16384, BENCH_CALLS_MAX = 64, BENCH_ANSWERS_MAX = 1024 };

struct bench_record { /* one of the balances stream, as published */
    uint64_t seq;
    int type; /* Tb__BalanceRecord__Type */
    uint64_t outbox_seq;
    int64_t resulting_cents;
    uint32_t attempts;
};

struct bench_call {
    unsigned proc;
    uint64_t args[16]; /* a copy of the argument struct */
};

struct bench_row { /* an outbox row and what became of it */
    bool poisoned;
    int settled; /* ledger entries, 1 is right */
    int letter;  /* dead_letters.state, 0 = none */
    uint32_t attempts;
    int64_t due_us;
};

struct bench {
    struct balance_core core;
    struct arena arena, results;
    int64_t now_us;

    /* the tables */
    uint64_t epoch, next_seq, cursor, ops_cursor, rows_count;
    struct bench_row rows[BENCH_ROWS_MAX + 1]; /* by outbox seq */
    int64_t balance_cents;
    uint64_t persona_events; /* PersonaCreated events in ops; the cursor says which are opened */
    bool fail_next_record;   /* the next FAIL fails itself */

    /* what the core did */
    struct bench_call calls[BENCH_CALLS_MAX];
    size_t calls_count;
    struct bench_record records[BENCH_RECORDS_MAX];
    size_t records_count;
    struct {
        uint64_t request_id;
        int refusal;
        int64_t before, after;
    } answers[BENCH_ANSWERS_MAX];
    size_t answers_count;
    int64_t timers[CORE_TIMERS_MAX]; /* due at, 0 = not set */
    int64_t dead_gauge, lag;
    int ready, halted;
    size_t applies, applies_failed;
};

/* Effect: an outbox of `rows` rows (row n: delta -n cents), nothing settled. */
void bench_open(struct bench *bench, uint64_t rows, uint32_t attempts_max);
void bench_close(struct bench *bench);
/* Effect: START, then everything answered. */
void bench_start(struct bench *bench);
/* Effect: one input; its effects are recorded. */
void bench_step(struct bench *bench, struct input in);
/* Effect: answers the oldest call: as the tables say (STORE_DONE or FAILED), or with STORE_REFUSED or STORE_UNKNOWN. */
void bench_answer(struct bench *bench, enum store_status status);
/* Effect: answers calls until none waits. */
void bench_settle(struct bench *bench);
/* Effect: moves the clock to the timer's time and lets it come; then settles. It must be set. */
void bench_timer(struct bench *bench, unsigned timer);
/* Effect: outbox rows first … first + count - 1 come as a message. */
void bench_offer(struct bench *bench, uint64_t first, size_t count);
void bench_flush(struct bench *bench);
void bench_command(struct bench *bench, uint64_t request_id, int kind, uint64_t outbox_seq, const char *user_id);
/* Return: records of this type. */
size_t bench_count(const struct bench *bench, int type);
/* Effect: asserts that the published stream is dense from 1 and that each row was settled `times`, poisoned ones never.
 */
void bench_check(const struct bench *bench);

#endif
