/* reconciler/core: the pure state machine that looks for what must not be. Every few seconds it probes for stuck work
 * and balances that do not fit, and audits what is new (both bounded, whatever the history); it raises and clears
 * alarms and judges the cues; on demand it checks every invariant over all rows (I7 by replay) or replays a range of
 * orders. It changes nothing that others own. Bounded: RECONCILER_JOBS_MAX demands wait, beyond that BACKPRESSURE; they
 * are served one after the other, equal checks together. One that takes longer than RECONCILER_PATIENCE_US is answered
 * UNDER_WAY and goes on; who asks again rides on it, or gets its result.
 *
 *   struct reconciler_core core = {0};
 *   reconciler_core_init(&core, &(struct reconciler_options){.region = "nl-1", .probe_us = 5000000, .backlog_alarm =
 * 50000, …}); reconciler_core_step(&core, &input, &effects); */
#ifndef TB_RECONCILER_CORE_H
#define TB_RECONCILER_CORE_H

#include "../../common/core.h" /* not this file: its own name is core.h too */
#include "gateway/cues.h"
#include "gateway/fleet.h"
#include "gateway/json_out.h"
#include "inject_record.h"
#include "replay.h"
#include "store.h"

enum reconciler_link {
    RECONCILER_LINK_COMMAND = 0, /* ROUTER reconciler-command: VERIFY_REPLAY, CHECK_INVARIANTS in; their answers out */
    RECONCILER_LINK_FEED,        /* PUB ops-feed-reconciler: OPS_APPENDED out */
    RECONCILER_LINK_TELEMETRY,   /* SUB telemetry: HEARTBEAT in */
    RECONCILER_LINK_COUNT,
};

enum reconciler_timer {
    RECONCILER_TIMER_PROBE = 0,
    RECONCILER_TIMER_STEP,
    RECONCILER_TIMER_WATCH,
    RECONCILER_TIMER_PATIENCE,
    RECONCILER_TIMER_EXPORT,
};

enum reconciler_metric {
    RECONCILER_METRIC_MISMATCH = 0,     /* gauge: accounts whose balance does not fit, and broken rules of the books */
    RECONCILER_METRIC_DLQ_DEPTH,        /* gauge */
    RECONCILER_METRIC_OUTBOX_OLDEST,    /* age */
    RECONCILER_METRIC_BEHIND,           /* gauge: rows not audited yet */
    RECONCILER_METRIC_VIOLATIONS,       /* counter */
    RECONCILER_METRIC_REPLAYED,         /* counter: orders */
    RECONCILER_METRIC_OTLP_SPANS,       /* counter: taken by the collector */
    RECONCILER_METRIC_OTLP_REFUSED,     /* counter: spans that it refused for good */
    RECONCILER_METRIC_OTLP_FAILURES,    /* counter: requests that did not succeed */
    RECONCILER_METRIC_OTLP_PASSED_OVER, /* counter: orders */
    RECONCILER_METRIC_OTLP_BEHIND,      /* gauge: orders */
    RECONCILER_METRIC_COUNT,
};

enum reconciler_alarm {
    RECONCILER_ALARM_DLQ_DEPTH = 0,
    RECONCILER_ALARM_BALANCE_MISMATCH,
    RECONCILER_ALARM_OUTBOX_STUCK,
    RECONCILER_ALARM_QUEUE_BACKLOG,
    RECONCILER_ALARM_ACCEPT_LATENCY,
    RECONCILER_ALARM_COUNT,
};

enum {
    RECONCILER_FAULTS_MAX = 128, /* seen at once */
    RECONCILER_JOBS_MAX = 16,
    RECONCILER_PATIENCE_US = 50000000, /* a demand is answered within this; the gateway waits a little longer */
    RECONCILER_KEEP_US = 60000000,     /* a result that came later is there for who asks again */
    RECONCILER_CHECKS = 10,            /* I1 … I10 */
    RECONCILER_ACCOUNTS_MAX = 2000,    /* looked at by one probe */
    RECONCILER_STEP_ROWS = 200,        /* audited at once while there is work, */
    RECONCILER_STEP_ROWS_IDLE = 1000,  /* and when there is none: short enough that orders that come do not feel it */
    RECONCILER_STEP_US = 1000000,
    RECONCILER_STEP_IDLE_US = 50000,
    RECONCILER_STEP_REST = 39, /* times as long as a step took it rests: a fortieth of a processor at most */
    RECONCILER_SAMPLE_SIZE = 2048,
    RECONCILER_STATE_SIZE = 4096, /* two texts of 255 characters, escaped as JSON */
    RECONCILER_REGION_SIZE = 17,
    RECONCILER_ACCOUNT_SIZE = 48,
};

struct reconciler_options {
    const char *region; /* copied */
    int64_t probe_us;   /* between probes */
    /* What raises an alarm; it clears below half (backlog), below a third (times). */
    uint64_t backlog_alarm;   /* open orders: queue-backlog */
    uint64_t outbox_alarm_ms; /* age of the oldest adjustment: outbox-stuck */
    uint64_t accept_alarm_ms; /* age of the oldest order that should be final: accept-latency */
    uint64_t dlq_alarm;       /* dead letters: dlq-depth; it clears below that */
    /* Spans for a collector of traces: of one trace in so many, 0 = none. */
    uint64_t otlp_one_in;
    const char *environment; /* borrowed */
};

/* What is known of an alarm, and what was asked for. */
struct reconciler_alarm_state {
    bool known; /* what the table says, since START */
    bool active;
    bool asked, asked_active; /* a call is under way */
    int64_t asked_at_us;      /* its event's time */
    uint32_t calm;            /* probes in a row below the clearing mark */
};

/* What is known of a cue, and what was asked for. */
struct reconciler_cue_state {
    bool known, active;       /* what the table says, since START */
    bool asked, asked_active; /* a call is under way */
    int64_t asked_since_us;
    char *asked_data;        /* ours until the answer */
    int64_t judged_since_us; /* of an activity that is not written yet, 0 = none */
    int64_t retry_at_us;
};

/* Judges the cues from the heartbeats, before START and without a store too. */
struct reconciler_watch {
    struct fleet fleet;
    struct cues cues;
    bool settled;         /* everybody was there once, or had the time to be */
    int64_t begun_us;     /* the first heartbeat or START */
    int64_t last_tick_us; /* a long pause: we slept or were a standby */
    int64_t resume_us;    /* no judgement before */
    struct reconciler_cue_state cues_state[CUES_COUNT];
    enum cue asked[CUES_COUNT]; /* in the order of the calls */
    size_t asked_count;
};

/* The fault records as the attached part sees them, four times a second. */
struct reconciler_fault {
    struct inject_record record;
    bool ended; /* it was taken away */
};
struct reconciler_faults {
    size_t count; /* at most RECONCILER_FAULTS_MAX */
    const struct reconciler_fault *items;
};

/* What the core asks of the attached part (EFFECT_EXTERNAL): to post a body (borrowed for the call). */
struct reconciler_post {
    uint64_t number;
    const char *body;
    size_t length;
};
enum post_outcome { POST_TAKEN = 1, POST_LATER, POST_REFUSED };
struct reconciler_posted {
    uint64_t number; /* of the post */
    enum post_outcome outcome;
    const char *why; /* for the log */
};

/* An INPUT_EXTERNAL: one of them. */
struct reconciler_external {
    const struct reconciler_faults *faults;
    const struct reconciler_posted *posted;
};

/* The export of spans: one batch at a time. */
enum export_state { EXPORT_OFF = 0, EXPORT_IDLE, EXPORT_ASKING, EXPORT_POSTING };
struct reconciler_export {
    enum export_state state;
    struct text body; /* not taken yet; empty = none */
    uint64_t number;  /* of the batch */
    uint64_t upto, behind;
    size_t spans;
    int64_t asked_us, rest_us, backoff_us;
    bool complained; /* in the log */
};

/* What was seen of the faults, and what the table was told. */
struct reconciler_fault_watch {
    bool seen; /* once at least: else nothing is known */
    struct reconciler_fault faults[RECONCILER_FAULTS_MAX];
    size_t count;
    uint64_t picture, told; /* a new number for each picture; the one that the table has */
    uint64_t asked;         /* 0 = no call is under way */
    int64_t retry_at_us;
};

struct reconciler_job {
    struct peer from;
    uint64_t request_id;
    bool replay_only; /* VERIFY_REPLAY; else CHECK_INVARIANTS */
    bool riding;      /* answered with the one that runs */
    bool told;        /* that it is under way: it runs on for whoever asks again */
    int64_t asked_us;
    uint64_t from_seq, to_seq;
};

struct reconciler_check {
    bool ok;
    uint64_t count;
    char sample[RECONCILER_SAMPLE_SIZE]; /* JSON */
};

/* A result that came when its asker had been told to ask again. */
struct reconciler_kept {
    int64_t until_us; /* 0 = none */
    int64_t done_us;
    struct reconciler_job job;                         /* what was asked */
    struct replay replay;                              /* of a VERIFY_REPLAY */
    struct reconciler_check checks[RECONCILER_CHECKS]; /* of a CHECK_INVARIANTS */
};

enum reconciler_phase { RECONCILER_DOWN = 0, RECONCILER_RECOVERING, RECONCILER_LIVE, RECONCILER_STOPPING };

struct reconciler_core {
    struct reconciler_options options;
    char region[RECONCILER_REGION_SIZE];
    enum reconciler_phase phase;

    /* probes */
    char probe_after[RECONCILER_ACCOUNT_SIZE];
    uint64_t mismatches, mismatches_seen; /* of the last whole round; of this one so far */
    bool mismatch_noted;                  /* its finding is written */
    bool idle;                            /* no order came between the last two probes, and nothing waits for balance */
    uint64_t orders_total;                /* at the last probe */
    int64_t step_asked_us;                /* when the step under way was asked for */
    uint64_t books_broken; /* violations of I1, I2, I3 or I10 found by steps or checks, until a check finds none */

    struct reconciler_alarm_state alarms[RECONCILER_ALARM_COUNT];
    enum reconciler_alarm asked[RECONCILER_ALARM_COUNT]; /* in the order of the calls */
    size_t asked_count;
    struct reconciler_watch watch;
    struct reconciler_fault_watch fault_watch;
    struct reconciler_export export;

    /* jobs; the first is the one under way */
    struct reconciler_job jobs[RECONCILER_JOBS_MAX];
    size_t job_count;
    bool job_runs;
    int64_t patience_us;                     /* when the next of them has waited long enough, 0 = none */
    size_t check;                            /* number of the check under way, RECONCILER_CHECKS = done */
    char check_state[RECONCILER_STATE_SIZE]; /* of its last slice, "" = it begins */
    struct reconciler_check checks[RECONCILER_CHECKS];
    struct replay replay;
    uint64_t replayed_to;
    struct reconciler_kept kept;
};

/* Effect: sets up a core (zeroed before). Its memory goes with reconciler_core_release. */
void reconciler_core_init(struct reconciler_core *core, const struct reconciler_options *options);
void reconciler_core_release(struct reconciler_core *core);

/* The step function of common/core.h; state is a struct reconciler_core. INPUT_EXTERNAL: a struct reconciler_external,
 * EFFECT_EXTERNAL: a struct reconciler_post. */
void reconciler_core_step(void *state, const struct input *in, struct effects *fx);

#endif
