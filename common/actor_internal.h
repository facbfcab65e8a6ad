/* actor_internal: what the parts of the skeleton share. actor.c: start and end; actor_lifecycle.c: states, store
 * connection, leadership, links; actor_driver.c: steps and effects; actor_aside.c: the second connection;
 * actor_telemetry.c: heartbeats. For these five files only. */
#ifndef TB_ACTOR_INTERNAL_H
#define TB_ACTOR_INTERNAL_H

#include "actor.h"

enum lifecycle_state {
    STATE_INIT,
    STATE_CONNECT,
    STATE_STANDBY,
    STATE_RECOVER,
    STATE_READY,
    STATE_DEGRADED,
    STATE_DRAIN,
    STATE_STOP,
    STATE_COUNT,
};

enum lifecycle_event {
    EVENT_CONFIGURED, /* config, loop and bus are there */
    EVENT_LED,        /* the store is there, and the lock where one is needed */
    EVENT_LOCK_HELD,  /* another instance leads */
    EVENT_RECOVERED,  /* the core says READY */
    EVENT_STORE_LOST,
    EVENT_STOP, /* SIGTERM, SIGINT */
    EVENT_DRAINED,
};

/* One of the spec's links while the actor runs. */
struct open_link {
    struct actor *actor;
    unsigned index;
    struct bus_link *link;     /* NULL = closed */
    struct bus_counts counted; /* what the metrics know already */
    size_t metric;             /* of its first metric */
    uint64_t refused;          /* messages of a type or sender that it does not take */
    uint64_t logged_types;     /* refused types that were logged once, by type number */
};

struct core_timer {
    struct actor *actor;
    unsigned number;
    struct loop_timer *timer;
    int64_t due_us;
};

struct store_call {
    unsigned proc;
    int64_t started_us;
};

/* Calls in order; answers come in order too. */
struct call_queue {
    struct store_call calls[DB_CALLS_MAX];
    size_t first, count;
};

struct actor_metric_numbers {
    size_t store_calls, store_seconds, store_connected, arena_peak, resident;
};

struct actor {
    const struct actor_spec *spec;
    struct config *config;
    struct loop *loop;
    struct bus *bus;
    struct db *db;
    struct metrics *metrics;
    void *state;
    char sender[64]; /* "sequencer/1" */
    uint64_t boot_id;

    /* actor_lifecycle.c */
    enum lifecycle_state lifecycle;
    bool started;     /* START was given, and we are no standby since */
    bool store_there; /* both connections, where there are two */
    bool leading;
    bool initialised, attached; /* the spec's own parts, to be ended */
    char store_reason[256];     /* why the store is away; each reason is logged once */
    char lock_name[96];
    struct loop_timer *lock_timer;
    struct loop_timer *drain_timer;
    int64_t drain_since_us;
    struct open_link *links;
    int exit_code;

    /* actor_driver.c */
    struct arena arena;
    struct effects effects;
    bool stepping;
    bool flush_wanted;
    size_t arena_peak_bytes;
    struct loop_prepare *flush_prepare;
    struct core_timer timers[CORE_TIMERS_MAX];
    struct call_queue calls;  /* under way in the database */
    struct call_queue unmade; /* asked for while it was away: answered STORE_UNKNOWN in the next turn */
    struct loop_timer *unmade_timer;
    struct db *aside; /* the second connection (actor_aside.c), NULL = none */
    bool aside_up, aside_logged;
    struct call_queue aside_calls; /* under way on it */
    size_t aside_abandoned;        /* so many of its next answers are for nobody */
    char fault_names[4][64];

    /* actor_telemetry.c */
    struct open_link telemetry;
    struct loop_timer *heartbeat_timer;
    int health_fd; /* of health_file; -1: none */
    bool health_failed;
    struct arena heartbeat_arena;
    int64_t started_at_us;
    uint64_t lag;
    struct actor_metric_numbers numbers;
};

/* actor_lifecycle.c */
const char *lifecycle_name(enum lifecycle_state state);
/* Effect: takes an event to the next state; aborts when the table has none (a bug). */
void lifecycle_event(struct actor *actor, enum lifecycle_event event);
/* Effect: starts connecting. Return: 0, or -1 with err. */
int lifecycle_start(struct actor *actor, struct err *err);
/* Effect: a connection stands; when none is missing, the store is there. */
void lifecycle_store_up(struct actor *actor);
void lifecycle_release(struct actor *actor);

/* actor_driver.c */
void driver_init(struct actor *actor);
void driver_release(struct actor *actor);
/* Effect: runs the core on an input without further fields. */
void driver_input(struct actor *actor, enum input_kind kind);
void driver_message(void *open_link, const struct bus_message *message);
void driver_clear_timers(struct actor *actor);
/* Return: whether store calls wait for an answer, or a FLUSH is due. */
bool driver_is_busy(const struct actor *actor);
/* Effect: gives the core the outcome of the first of these calls. */
void driver_answered(struct actor *actor, struct call_queue *calls, enum db_status status, const struct db_rows *rows,
                     const char *error);

/* actor_aside.c */
/* Effect: starts connecting when a procedure is aside; options are those of the first connection. Return: 0, or -1 with
 * err. */
int aside_open(struct actor *actor, const struct db_options *options, const struct db_statement *statements,
               struct err *err);
/* Return: as db_call. */
bool aside_call(struct actor *actor, size_t proc, const struct db_params *params);
/* Effect: answers what is under way with STORE_UNKNOWN; what comes of it is for nobody. */
void aside_abandon(struct actor *actor);

/* actor_telemetry.c */
int telemetry_init(struct actor *actor, struct err *err);
void telemetry_release(struct actor *actor);
void telemetry_send(struct actor *actor);

#endif
