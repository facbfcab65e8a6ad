/* reconciler/store: the closed catalogue of store procedures that the reconciler's core may ask for, as typed arguments
 * and results. Each is one SQL function (sql/0006_reconciler, 0011_operations, 0013_faults, 0019_span_export) and one
 * transaction. None of them is fenced: they read, or write what two reconcilers may write without harm (an alarm
 * changes once, whoever says so). Ownership: arguments are borrowed until the call was carried out; results live in the
 * step's arena. */
#ifndef TB_RECONCILER_STORE_H
#define TB_RECONCILER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp.h"
#include "replay.h"

enum reconciler_proc {
    RECONCILER_PROC_PROBE = 0,  /* reconciler_probe_args -> reconciler_probed */
    RECONCILER_PROC_STEP,       /* reconciler_step_args -> reconciler_stepped */
    RECONCILER_PROC_ALARM,      /* reconciler_alarm_args -> reconciler_alarmed */
    RECONCILER_PROC_CUE,        /* reconciler_cue_args -> reconciler_alarmed */
    RECONCILER_PROC_FAULTS,     /* reconciler_faults_args -> reconciler_fault_events */
    RECONCILER_PROC_FINDING,    /* reconciler_finding_args -> no result (NULL) */
    RECONCILER_PROC_CHECK,      /* reconciler_check_args -> reconciler_checked */
    RECONCILER_PROC_PAGE,       /* reconciler_page_args -> reconciler_page */
    RECONCILER_PROC_SPANS,      /* reconciler_spans_args -> reconciler_spans */
    RECONCILER_PROC_SPANS_DONE, /* reconciler_spans_done_args -> no result (NULL) */
    RECONCILER_PROC_COUNT,
};

/* PROBE: how much is stuck, and whether accounts after `after` (at most limit) fit their last ledger entry. Bounded
 * reads by index. */
struct reconciler_probe_args {
    const char *region;
    int64_t now_us;
    const char *after; /* account, "" = from the first */
    uint32_t limit;
};
struct reconciler_probed {
    uint64_t dead, retrying; /* dead letters in states 2 and 1 */
    uint64_t orders_total, orders_open;
    uint64_t outbox_waiting;
    uint64_t outbox_oldest_ms; /* age of the first adjustment not taken, 0 = none */
    uint64_t order_oldest_ms;  /* age of the oldest order that should be final by now, 0 = none */
    const char *last_account;  /* where to go on, "" = all were seen */
    uint64_t mismatches;
    const char *sample; /* JSON array */
};

/* STEP: audits what came since the last one, at most limit rows of each stream; writes a finding per broken invariant.
 */
struct reconciler_step_args {
    const char *region;
    int64_t now_us;
    uint32_t limit;
};
struct reconciler_stepped {
    uint64_t violations;
    const char *invariants; /* "I1, I3" */
    uint64_t behind;        /* rows still to be looked at */
};

/* ALARM: raises or clears one, with its event on the ops stream; nothing when it is in that state already. */
struct reconciler_alarm_args {
    const char *region;
    const char *id;
    bool active;
    const char *severity;
    const char *message;
    double value;
    int64_t now_us;
};
struct reconciler_alarmed {
    uint64_t ops_seq;    /* 0 = nothing changed */
    const char *payload; /* JSON object */
};

/* CUE: sets one, with its event on the ops stream; nothing when it is in that state already. */
struct reconciler_cue_args {
    const char *region;
    const char *id;
    bool active;
    int64_t since_us; /* of an active one */
    const char *severity;
    const char *message;
    const char *data; /* JSON object */
    int64_t now_us;
};

/* FAULTS: the faults that are in force or were lately; says on the ops stream which began and which ended, each once.
 */
struct reconciler_faults_args {
    const char *region;
    int64_t now_us;
    size_t count; /* of each array */
    const char *const *ids, *const *kinds, *const *targets, *const *details /* JSON objects */;
    const int64_t *started_us, *ends_us;
    const bool *over; /* not in force any more */
};
struct reconciler_fault_events {
    size_t count;
    const struct reconciler_fault_event {
        uint64_t ops_seq;
        bool started; /* else it has ended */
        const char *payload;
    } * events;
};

/* FINDING: notes a broken invariant. */
struct reconciler_finding_args {
    const char *region;
    const char *invariant;
    uint64_t count;
    const char *sample; /* JSON */
    int64_t now_us;
};

/* CHECK: one slice of the check of one invariant over every row of the region; all but I7. */
struct reconciler_check_args {
    const char *region;
    const char *id;
    const char *state; /* JSON: the last slice's; NULL = begin */
    uint32_t rows;     /* a slice */
};
struct reconciler_checked {
    const char *state; /* NULL: done, and the rest is the outcome */
    bool ok;
    uint64_t count;
    const char *sample; /* JSON */
};

/* PAGE: orders with seq > after (and <= to, unless that is 0), ascending, at most limit, with what became of them. */
struct reconciler_page_args {
    const char *region;
    uint64_t after, to;
    uint32_t limit;
};
struct reconciler_page {
    size_t count;
    const struct replay_order *orders;
};

enum { RECONCILER_PAGE_MAX = 2000, RECONCILER_SLICE_ROWS = 20000 };

#define RECONCILER_CHECK_SQL                                                                                           \
    "SELECT state::text, ok, count, sample::text FROM audit_check_step($1, $2, $3::text::jsonb, $4)"

/* SPANS: those of the next settled orders after the cursor that are chosen; sql/0019_span_export says which. */
struct reconciler_spans_args {
    const char *region;
    int64_t threshold; /* of a trace id's last 56 bits: chosen from here on */
    uint32_t orders, rows;
    uint64_t backlog;
    int64_t now_us;
};
struct reconciler_spans {
    size_t count;
    const struct otlp_span *spans; /* those of one order together */
    uint64_t upto, passed_over, behind;
};

/* SPANS_DONE: moves the cursor. */
struct reconciler_spans_done_args {
    const char *region;
    uint64_t upto;
};

struct actor_proc;
/* Return: the RECONCILER_PROC_COUNT procedures, indexed by enum reconciler_proc. */
const struct actor_proc *reconciler_store_procs(void);

#endif
