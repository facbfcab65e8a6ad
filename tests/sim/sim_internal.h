/* What the sim's files share: the world, its nodes, its random source. Not for others. */
#ifndef TB_SIM_INTERNAL_H
#define TB_SIM_INTERNAL_H

#include "sim.h"

#include "balance/store.h"
#include "balances.pb-c.h"
#include "executions.pb-c.h"
#include "orders.pb-c.h"
#include "sequencer/store.h"
#include "simfill/store.h"

enum sim_actor { SIM_SEQUENCER = 0, SIM_SIMFILL, SIM_BALANCE, SIM_ACTOR_COUNT };

enum {
    SIM_INSTANCES = 2, /* of each actor: one leads, the other stands by (or both believe they lead) */
    SIM_NODES = SIM_ACTOR_COUNT * SIM_INSTANCES,
    SIM_GATEWAYS = 2,
    SIM_FAILURE_MAX = 512,
    SIM_USERS = 4,
    SIM_OPENING_CENTS = 1000000,
};
#define SIM_REGION    "sim-1"
#define SIM_SECOND_US ((int64_t)1000000)

/* ---- random (SplitMix64): the one source of every choice ---- */
uint64_t sim_random(struct sim *sim);
/* Return: 0 … below-1. */
uint64_t sim_below(struct sim *sim, uint64_t below);
int64_t sim_between(struct sim *sim, int64_t low, int64_t high);
/* Return: true with a chance of per_million. */
bool sim_chance(struct sim *sim, uint32_t per_million);

/* ---- events ---- */
enum sim_event_kind {
    EVENT_BOOT = 1,  /* node: start a fresh process */
    EVENT_CONNECTED, /* node: its database connection stands */
    EVENT_LOCK_FREE, /* actor (node number): the server noticed that the lock's holder is gone */
    EVENT_DELIVER,   /* node: a message */
    EVENT_FLUSH,     /* node: the burst is over */
    EVENT_TIMER,     /* node */
    EVENT_EXECUTE,   /* node: the server takes its next call */
    EVENT_ANSWER,    /* node: the answer of a call arrives */
    EVENT_LATE,      /* a call whose connection broke is carried out after all */
    EVENT_SETTLE,    /* node: SIM_BUG_…_BEFORE_COMMIT: what was answered is committed */
    EVENT_TROUBLE,   /* something happens to somebody */
    EVENT_CLIENT,    /* the clients act */
    EVENT_REPLY,     /* a message for a gateway */
    EVENT_POKE,      /* operator: redrive, discard, rebuild */
    EVENT_END,       /* node: it was asked to stop, and does */
};

struct sim_event {
    int64_t due_us;
    uint64_t number; /* ties are broken by age */
    enum sim_event_kind kind;
    unsigned node;
    uint64_t boot;       /* for node events: of which life of it; another's are dropped */
    uint64_t session;    /* EXECUTE, ANSWER, CONNECTED: of which connection */
    unsigned index;      /* DELIVER: link. TIMER: timer */
    uint64_t generation; /* TIMER; LATE: the call's id */
    struct peer from;    /* DELIVER */
    size_t size;
    uint8_t *bytes; /* DELIVER, REPLY: the packed envelope, the event's own */
};
/* Effect: adds an event (copied) at event.due_us. */
void sim_schedule(struct sim *sim, struct sim_event event);

/* ---- nodes: one process each ---- */
enum node_state {
    NODE_DOWN = 0,
    NODE_CONNECTING, /* a fresh process without a database yet */
    NODE_DEGRADED,   /* led, and lost its database: links and timers go on, calls end unknown */
    NODE_STANDBY,
    NODE_LEADING,
};
struct sim_timer {
    bool armed;
    uint64_t generation;
};
/* One store call, with arguments copied out of the core's reach as the real driver's encoding does. */
struct sim_call {
    struct sim *sim;
    struct sim_call *next;
    uint64_t id;
    struct arena arena; /* arguments and result */
    unsigned node;
    enum sim_actor actor;
    uint64_t session;
    unsigned proc;
    const void *args;
    bool late; /* its connection is gone */
    enum store_status status;
    const void *result;
    const char *error;
};
struct sim_node {
    enum sim_actor actor;
    unsigned number;
    enum node_state state;
    uint64_t boot;
    uint64_t session;
    int64_t paused_until_us;
    void *core;
    bool flush_pending;
    struct sim_timer timers[CORE_TIMERS_MAX];
    struct sim_call *calls, **calls_end; /* asked and not answered, in order */
    struct sim_call *next_execute;       /* the first of them that the server has not carried out */
    int64_t last_execute_us, last_answer_us;
    int64_t clock_offset_us;    /* its wall clock against the others', fixed for one life */
    struct sim_call *unsettled; /* SIM_BUG_…_BEFORE_COMMIT: answered, not committed */
};

/* ---- what may happen, chosen once per seed ---- */
struct sim_profile {
    uint32_t lose, repeat;          /* messages, per million */
    uint32_t crash_step;            /* per step */
    uint32_t break_call, fail_call; /* per store call */
    int64_t message_us_max, call_us_max;
    int64_t trouble_every_us; /* 0 = never */
};

struct sim_store;
struct sim_clients;

struct sim {
    struct sim_options options;
    struct sim_profile profile;
    uint64_t random_state;
    int64_t now_us, start_us, peace_us, deadline_us;
    bool peace;
    uint64_t next_event, next_call;
    struct sim_event *heap;
    size_t heap_count, heap_capacity;
    struct sim_node nodes[SIM_NODES];
    int lock_holder[SIM_ACTOR_COUNT]; /* node number, -1 = free */
    struct sim_call *late;            /* calls in doubt that may still be carried out */
    struct sim_call *spare;           /* done with: their arenas are used again */
    int64_t link_last_us[SIM_NODES + SIM_GATEWAYS][SIM_NODES + SIM_GATEWAYS][8]; /* keeps each pipe in order */
    struct arena step_arena, message_arena;
    struct sim_store *store;
    struct sim_clients *clients;
    uint64_t trace_hash;
    struct sim_counts counts;
    char failure[SIM_FAILURE_MAX];
};

/* Effect: notes what is wrong; only the first is kept. */
void sim_fail(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Effect: puts a line into the trace (printed with --trace, hashed always). */
void sim_trace(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *sim_actor_name(enum sim_actor actor);

/* ---- nodes (sim_node.c) and their calls (sim_calls.c) ---- */
/* Effect: one step of a node's core, its effects carried out, perhaps a crash in the midst of them. */
void node_step(struct sim *sim, struct sim_node *node, struct input *in);
void node_boot(struct sim *sim, struct sim_node *node);
/* Return: whether its links are open and its core is stepped. */
bool node_works(const struct sim_node *node);
/* Effect: it is asked to end; it does a little later. */
void node_stop(struct sim *sim, struct sim_node *node);
/* Effect: the process is gone; a supervisor starts another after a while. */
void node_crash(struct sim *sim, struct sim_node *node, const char *why);
void node_connected(struct sim *sim, struct sim_node *node);
void node_flush(struct sim *sim, struct sim_node *node);
void node_timer(struct sim *sim, struct sim_node *node, unsigned timer, uint64_t generation);
/* Effect: gives back all memory of a node. */
void node_dispose(struct sim_node *node);
/* Effect: its connection breaks: calls under way end unknown, the lock goes free when the server notices, it
 * reconnects. */
void node_break(struct sim *sim, struct sim_node *node);
/* Effect: the lock's holder is gone for the server: another may have it. */
void node_lock_free(struct sim *sim, struct sim_node *node);
/* Effect: a store call goes to the server, or ends unknown when the connection is down. */
void calls_ask(struct sim *sim, struct sim_node *node, unsigned proc, const void *args);
/* Effect: the server takes the node's next call. */
void calls_execute(struct sim *sim, struct sim_node *node);
/* Effect: the oldest answer reaches the core. */
void calls_answer(struct sim *sim, struct sim_node *node);
/* Effect: what the server has of a lost connection is carried out later, or never. Calls stay in the node's list. */
void calls_doubt(struct sim *sim, struct sim_node *node);
/* Effect: every call under way is answered unknown. */
void calls_unknown(struct sim *sim, struct sim_node *node);
void calls_drop(struct sim_node *node);
/* Effect: a call in doubt is carried out, if it still is in doubt. */
void calls_late(struct sim *sim, uint64_t id);
/* Effect: the calls in doubt that had their row lock already are decided before this actor's next take_epoch returns.
 */
void calls_before_epoch(struct sim *sim, enum sim_actor actor);
void calls_settle(struct sim *sim, struct sim_node *node);
/* Effect: the lock of an actor goes to a standby, if one waits. */
void lock_grant(struct sim *sim, enum sim_actor actor);
/* Gives an empty call, a used one where there is one. */
struct sim_call *call_new(struct sim *sim);
void call_free(struct sim_call **call);
/* Effect: gives back the memory of all that were freed. */
void calls_release(struct sim *sim);

/* ---- bus (sim_bus.c) ---- */
void bus_carry(struct sim *sim, struct sim_node *node, const struct effect *effect);
void bus_deliver(struct sim *sim, struct sim_node *node, const struct sim_event *event);
/* Effect: a gateway sends a command to an actor's ROUTER link. */
void bus_from_gateway(struct sim *sim, unsigned gateway, enum sim_actor actor, unsigned link, Tb__MessageType type,
                      const ProtobufCMessage *message);
/* Effect: a message for a gateway arrives; hands it to the clients. */
void bus_reply(struct sim *sim, const struct sim_event *event);

/* ---- what the linker puts in (sim_wrap.c) ---- */
/* Effect: from here on shared code makes this mistake, if it is one of shared code. */
void wrap_bug(enum sim_bug bug);

/* ---- store (sim_store*.c) ---- */
struct sim_head {
    int64_t epoch;
    uint64_t next_seq, total;
};
struct sim_execution {
    uint64_t seq, order_seq;
    uint32_t type, side, leg, quantity;
    int64_t price_cents, notional_cents, created_at_us;
    const char *user_id;
};
struct sim_parked {
    uint64_t order_seq;
    int64_t due_at_us;
};
struct sim_outbox {
    struct balance_adjustment adjustment;
    uint32_t fault;
};
struct sim_entry {
    uint64_t seq, order_seq, version;
    int64_t delta_cents, resulting_cents;
    uint32_t reason;
    const char *account, *owner;
};
struct sim_balance {
    const char *account;
    int64_t cents;
    uint64_t version;
};
struct sim_balance_event {
    uint64_t seq, outbox_seq;
    uint32_t type, attempts;
};
struct sim_dead_letter {
    uint64_t outbox_seq;
    uint32_t state, attempts;
    int64_t next_attempt_at_us;
};
/* A table: rows of one type, in the order of their insertion. */
#define SIM_TABLE(type)                                                                                                \
    struct {                                                                                                           \
        type *rows;                                                                                                    \
        size_t count, capacity;                                                                                        \
    }
struct sim_store {
    struct sim *sim;
    struct arena arena; /* texts and records, for the run */
    struct sim_head orders_head, executions_head, outbox_head, balances_head;
    uint64_t simfill_cursor, balance_cursor, balance_ops_cursor;
    uint64_t led_from; /* the first order of the sequencer that leads */
    SIM_TABLE(Tb__OrderRecord *) orders;
    SIM_TABLE(struct sim_execution) executions;
    SIM_TABLE(struct sim_parked) parked;
    SIM_TABLE(struct sim_outbox) outbox;
    SIM_TABLE(struct sim_entry) ledger;
    SIM_TABLE(struct sim_balance) balances;
    SIM_TABLE(struct sim_balance_event) events;
    SIM_TABLE(struct sim_dead_letter) dead;
    SIM_TABLE(const char *) personas; /* ops event n is PersonaCreated of row n - 1 */
};
/* Effect: makes room for one more row and gives it, zeroed. */
#define SIM_INSERT(table)                                                                                              \
    ((table).rows = sim_grow((table).rows, &(table).capacity, (table).count, sizeof *(table).rows),                    \
     &(table).rows[(table).count++])
void *sim_grow(void *rows, size_t *capacity, size_t count, size_t size);

struct sim_store *store_new(struct sim *sim);
void store_free(struct sim_store **store);
/* Gives a call with its arguments copied into its own arena. */
struct sim_call *store_call_new(struct sim *sim, const struct sim_node *node, unsigned proc, const void *args);
/* Effect: carries the call out as one transaction; sets its status, result and error. dry: computes the answer, changes
 * nothing. */
void store_execute(struct sim_store *store, struct sim_call *call, bool dry);
/* Return: whether the head is as the caller thinks; else the call is refused. */
bool store_fence(struct sim_store *store, struct sim_call *call, const struct sim_head *head, int64_t epoch,
                 uint64_t next_seq);
void store_refuse(struct sim_call *call);
void store_fail(struct sim_call *call, const char *error);
bool store_bug(const struct sim_store *store, enum sim_bug bug);

const void *sequencer_copy_args(struct arena *arena, unsigned proc, const void *args);
void sequencer_execute(struct sim_store *store, struct sim_call *call, bool dry);
const void *simfill_copy_args(struct arena *arena, unsigned proc, const void *args);
void simfill_execute(struct sim_store *store, struct sim_call *call, bool dry);
const void *balance_copy_args(struct arena *arena, unsigned proc, const void *args);
void balance_execute(struct sim_store *store, struct sim_call *call, bool dry);

/* Effect: tears the cursor from its transaction: forward without the effects, or back to where it was before them. */
void simfill_move_cursor(struct sim_store *store, const struct sim_call *call, bool forward);
void balance_move_cursor(struct sim_store *store, const struct sim_call *call, bool forward);

const Tb__OrderRecord *store_order(const struct sim_store *store, uint64_t seq);
const struct sim_execution *store_final(const struct sim_store *store, uint64_t order_seq);
const Tb__OrderRecord *store_cancel_request(const struct sim_store *store, uint64_t order_seq);
bool store_is_parked(const struct sim_store *store, uint64_t order_seq);
struct sim_dead_letter *store_dead_letter(const struct sim_store *store, uint64_t outbox_seq);

/* ---- clients (sim_clients.c) ---- */
struct sim_clients *clients_new(struct sim *sim);
void clients_free(struct sim_clients **clients);
/* Effect: some of them submit, retry, cancel; in peace until each knows its outcome. */
void clients_act(struct sim *sim);
void clients_take(struct sim *sim, unsigned gateway, Tb__MessageType type, const ProtobufCMessage *message);
/* Effect: an operator redrives or discards dead letters, rebuilds balances. */
void clients_poke(struct sim *sim);
/* Return: whether every client knows the outcome of all it asked for. */
bool clients_content(const struct sim *sim);
/* Return: what one of them waits for, for a failure's text. */
const char *clients_waiting(const struct sim *sim);
/* Effect: compares what clients were told with what is stored. */
void clients_check(struct sim *sim);

/* ---- oracle (sim_oracle.c) ---- */
/* Effect: fails the run unless everything a message says is committed (rule 1). */
void oracle_sent(struct sim *sim, const struct sim_node *node, Tb__MessageType type, const ProtobufCMessage *message);
/* Return: whether nothing is left to do. why: what is, for the failure text. */
bool oracle_at_rest(struct sim *sim, const char **why);
void oracle_check(struct sim *sim);

#endif
