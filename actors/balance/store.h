/* balance/store: the closed catalogue of store procedures that the balance core may ask for, as typed arguments and
 * results. Each is one SQL function (sql/0004_balance) and one transaction. The rt driver maps them in store.c; the
 * simulator implements the same structs on tables in memory.
 *
 * Fence: every procedure that writes checks (epoch, next_seq) on the head of 'balances' and is STORE_REFUSED when it
 * does not hold. seq numbers given out are next_seq, next_seq + 1, … in the order in which a result lists them.
 * Ownership: arguments are borrowed until the call was carried out; results live in the step's arena. */
#ifndef TB_BALANCE_STORE_H
#define TB_BALANCE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "money.h"

enum {
    BALANCE_USER_SIZE = 48,     /* a user id and its end */
    BALANCE_READ_LIMIT = 1024,  /* rows of one READ_OUTBOX */
    BALANCE_BATCH_MAX = 1024,   /* adjustments of one APPLY */
    BALANCE_OPEN_LIMIT = 256,   /* ops events of one OPEN */
    BALANCE_RETRIES_LIMIT = 64, /* rows of one READ_RETRIES */
};

enum balance_proc {
    BALANCE_PROC_START = 0,
    BALANCE_PROC_READ_OUTBOX,
    BALANCE_PROC_READ_RETRIES,
    BALANCE_PROC_OPEN,
    BALANCE_PROC_APPLY,
    BALANCE_PROC_FAIL,
    BALANCE_PROC_RESOLVE,
    BALANCE_PROC_REBUILD,
    BALANCE_PROC_COUNT,
};

/* One row of the outbox. */
struct balance_adjustment {
    uint64_t seq; /* of the outbox */
    uint64_t order_seq;
    struct money delta; /* the persona's leg; '@market' gets the opposite */
    struct money price;
    int64_t created_at_us;
    int64_t order_created_at_us;
    uint32_t quantity;
    uint8_t side; /* Tb__Side */
    bool has_trace;
    uint8_t trace_id[16];
    char user_id[BALANCE_USER_SIZE];
};

/* START: takes the epoch (fencing whoever wrote before) and tells where the consumer stands. Writes. */
struct balance_start_args {
    const char *region;
};
struct balance_started {
    uint64_t epoch;
    uint64_t next_seq;
    uint64_t outbox_position; /* every outbox seq <= it is handled */
    uint64_t ops_position;
    uint64_t dead_depth; /* dead letters in state 2 */
};

/* READ_OUTBOX: rows with seq > after, ascending, at most limit. Reads only. */
struct balance_read_outbox_args {
    const char *region;
    uint64_t after;
    uint32_t limit;
};
struct balance_outbox_rows {
    size_t count;
    const struct balance_adjustment *rows;
};

/* READ_RETRIES: dead letters in state 1 (retrying), due or not, by next_attempt_at, at most limit. Reads only. */
struct balance_read_retries_args {
    const char *region;
    uint32_t limit;
};
struct balance_retry {
    uint64_t outbox_seq;
    uint32_t attempts; /* failures so far */
    int64_t next_attempt_at_us;
};
struct balance_retry_rows {
    size_t count;
    const struct balance_retry *rows;
};

/* OPEN: reads ops events after the cursor 'ops' (at most limit), opens the account of each PersonaCreated with one
 * OPENING_BALANCE movement (two legs under one seq; none when the account was opened before), moves the cursor. Nothing
 * new: nothing is written. */
struct balance_open_args {
    const char *region;
    uint64_t epoch;
    uint64_t next_seq;
    uint32_t limit;
    struct money opening;
    int64_t now_us;
};
struct balance_opening {
    struct money resulting;
    uint64_t version;
    bool has_trace;
    uint8_t trace_id[16];
    char user_id[BALANCE_USER_SIZE];
};
struct balance_opened {
    uint64_t ops_position; /* the cursor afterwards */
    bool more;             /* limit rows were read: there may be more */
    size_t count;          /* accounts opened: seq next_seq … next_seq + count - 1 */
    const struct balance_opening *rows;
};

/* APPLY: settles outbox rows first … first + count - 1 (all of them or none): per row two ledger legs under one seq,
 * the accounts' balances, the cursor from first - 1 to first + count - 1 (REFUSED when it is not there). FAILED when
 * any row cannot be applied: poison, overflow, an entry that exists. An account that was not opened yet is made with 0:
 * its opening entry comes later. */
struct balance_apply_args {
    const char *region;
    uint64_t epoch;
    uint64_t next_seq;
    uint64_t first;
    uint32_t count;
    int64_t now_us;
};
struct balance_applied_row {
    struct money resulting; /* of the persona's account after this entry */
    uint64_t version;
};
struct balance_applied {
    size_t count; /* as asked; seq next_seq … in outbox order */
    const struct balance_applied_row *rows;
};

/* FAIL: records that an adjustment failed once more: dead_letters row, BalanceAdjustmentFailed event (seq next_seq)
 * and, when dead, DeadLettered (next_seq + 1). attempts 1: a new dead letter, and the cursor moves from outbox_seq - 1
 * past it. */
struct balance_fail_args {
    const char *region;
    uint64_t epoch;
    uint64_t next_seq;
    uint64_t outbox_seq;
    uint32_t attempts; /* failures now, this one included */
    bool dead;         /* state 2: no further attempt */
    int64_t next_attempt_at_us;
    int64_t now_us;
    const char *error;
};
struct balance_failed {
    bool recorded; /* false: it is not in state 1 any more (settled or discarded meanwhile); no event, no seq used */
    uint64_t order_seq;
    bool has_trace;
    uint8_t trace_id[16];
    char user_id[BALANCE_USER_SIZE];
};

/* RESOLVE: brings one dead letter to an end. APPLIED by RETRY: BalanceUpdated (next_seq). By REDRIVE:
 * DeadLetterRedriven (next_seq) and BalanceUpdated (next_seq + 1), audited. By DISCARD: DeadLetterDiscarded (next_seq),
 * audited. Any other outcome: nothing is written. RETRY of a poisoned adjustment FAILs, REDRIVE applies it. */
enum balance_how { BALANCE_HOW_RETRY = 1, BALANCE_HOW_REDRIVE = 2, BALANCE_HOW_DISCARD = 3 };
enum balance_outcome {
    BALANCE_OUTCOME_NOT_FOUND = 0, /* no such dead letter */
    BALANCE_OUTCOME_APPLIED = 1,
    BALANCE_OUTCOME_ALREADY = 2,  /* it had come to this very end before */
    BALANCE_OUTCOME_TERMINAL = 3, /* it came to the other end: discarded, or settled */
};
struct balance_resolve_args {
    const char *region;
    uint64_t epoch;
    uint64_t next_seq;
    uint64_t outbox_seq;
    enum balance_how how;
    const char *actor; /* who asked, for the audit trail */
    int64_t now_us;
};
struct balance_resolved {
    enum balance_outcome outcome;
    bool was_dead; /* APPLIED: it was in state 2 */
    uint32_t attempts;
    struct money resulting; /* APPLIED by RETRY or REDRIVE */
    uint64_t version;
    struct balance_adjustment adjustment; /* APPLIED */
};

/* REBUILD: sets an account's balance and version to what its ledger says. Audited. Uses no seq. */
struct balance_rebuild_args {
    const char *region;
    uint64_t epoch;
    uint64_t next_seq;
    const char *account;
    const char *actor;
    int64_t now_us;
};
struct balance_rebuilt {
    bool found;
    struct money before, after;
};

struct actor_proc;
/* Return: the BALANCE_PROC_COUNT procedures, indexed by enum balance_proc. */
const struct actor_proc *balance_store_procs(void);

#endif
