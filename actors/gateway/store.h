/* store: what the gateway's core asks of the database: a snapshot at START, the heads of the streams as a slow poll,
 * and rows after a cursor where the feeds left a gap. Only SELECTs. */
#ifndef TB_GATEWAY_STORE_H
#define TB_GATEWAY_STORE_H

#include "actor.h"
#include "view.h"

enum gateway_proc {
    PROC_SNAPSHOT,
    PROC_HEADS,
    PROC_ORDERS_AFTER,
    PROC_EXECUTIONS_AFTER,
    PROC_BALANCES_AFTER,
    PROC_PERSONAS,
    GATEWAY_PROCS
};
enum { ROWS_LIMIT = 1000 };

/* The argument of every procedure. */
struct store_args {
    const char *region;
    uint64_t after; /* …_AFTER: rows with a greater seq */
};

struct store_balance {
    const char *account;
    struct money balance;
    uint64_t version;
    int64_t updated_at_us;
};
struct store_unsettled {
    uint64_t order_seq;
    const char *user_id;
    struct money delta;
};

/* SNAPSHOT (all of it, from one database snapshot), HEADS (next only), PERSONAS (next[VIEW_OPS], personas and cues). */
struct store_snapshot {
    uint64_t next[VIEW_STREAMS]; /* the seq each stream gives out next */
    Tb__Cue *cues;
    size_t cue_count;
    Tb__Persona *personas;
    size_t persona_count;
    struct store_balance *balances;
    size_t balance_count;
    Tb__OrderRecord *open_orders;
    size_t open_count;
    struct store_unsettled *unsettled;
    size_t unsettled_count;
};

/* …_AFTER: records of the one kind asked for, ascending, at most ROWS_LIMIT. */
struct store_rows {
    size_t count;
    Tb__OrderRecord *orders;
    Tb__ExecutionRecord *executions;
    Tb__BalanceRecord *balances;
};

extern const struct actor_proc gateway_procs[GATEWAY_PROCS];

#endif
