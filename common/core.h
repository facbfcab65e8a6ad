/* core: the contract between an actor's pure state machine and whatever drives it.
 *
 * A core is one function, step(state, input, effects). It makes no syscall, reads no clock, holds no SQL and touches no
 * global; everything it wants done it puts into `effects`. The rt driver (common/actor.c) runs it on libev, ZeroMQ and
 * PostgreSQL; the sim driver (tests/sim) runs it on an event heap, a lossy bus and a store in memory.
 *
 * Ownership: everything an input points to, and everything allocated from effects->arena, lives until step() returns
 * and the driver has carried the effects out; a core copies what it keeps. Threading: one thread.
 *
 *   static void step(void *state, const struct input *in, struct effects *fx) {
 *       switch (in->kind) {
 *       case INPUT_START:   effects_call(fx, MY_PROC_TAKE_EPOCH, NULL); break;
 *       case INPUT_MESSAGE: queue_push(state, in->message); break;
 *       case INPUT_FLUSH:   send_batch(state, fx); break;
 *       ...
 */
#ifndef TB_CORE_H
#define TB_CORE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "envelope.pb-c.h"

/* Who sent a message over a ROUTER link: ZeroMQ's routing id, opaque to cores. length 0 = nobody. */
struct peer {
    uint8_t length;
    uint8_t bytes[39];
};

enum input_kind {
    INPUT_START = 1,  /* we lead (or need no leadership) and the store is there: recover. May come again after the store
                         was lost;  the core then forgets what it held in memory and recovers anew. */
    INPUT_MESSAGE,    /* one message from a link */
    INPUT_FLUSH,      /* the burst is over: no further input waits right now. Batches are best sent here. */
    INPUT_TIMER,      /* a timer that the core set */
    INPUT_STORE,      /* the outcome of a store call */
    INPUT_STORE_LOST, /* the connection is gone; calls under way were answered with STORE_UNKNOWN before. START follows
                         some time. */
    INPUT_EXTERNAL,   /* from the actor's attached part (actor.h: attach), e.g. an HTTP request */
    INPUT_STOP,       /* drain: finish what is under way, accept nothing new; the driver ends the process soon after */
};

/* Outcome of a store call. Each call is one transaction. */
enum store_status {
    STORE_DONE = 1, /* committed; result holds the rows */
    STORE_REFUSED,  /* fenced: another writer took the epoch, or the head is not where we thought. Nothing happened. */
    STORE_FAILED,   /* the database refused the data (an SQL error). Nothing happened; error says why. */
    STORE_UNKNOWN,  /* the connection broke: committed, not committed, or committed a little later */
};

struct input {
    enum input_kind kind;
    int64_t now_us; /* wall clock, microseconds since the epoch, UTC; never goes back within one process */

    /* INPUT_MESSAGE */
    unsigned link;                   /* index into the actor's link table */
    const struct peer *from;         /* ROUTER links: whom to answer; else length 0 */
    Tb__MessageType type;            /* what `message` is */
    const ProtobufCMessage *message; /* cast to the type's struct; checked against the link's table already */
    Tb__Stream stream;               /* feeds and stage links */
    uint64_t first_seq;              /* of the payload's first record */

    /* INPUT_TIMER */
    unsigned timer; /* the core's own number, < CORE_TIMERS_MAX */

    /* INPUT_STORE */
    unsigned proc; /* index into the actor's store procedures */
    enum store_status status;
    const void *result; /* STORE_DONE: the procedure's result struct (the actor's store.h) */
    const char *error;  /* STORE_FAILED: text for logs and dead letters, never for clients */

    /* INPUT_EXTERNAL */
    const void *external; /* the actor's own struct */
};

enum {
    CORE_TIMERS_MAX = 16,
};

enum effect_kind {
    EFFECT_SEND = 1,  /* message on a link; with `to` on ROUTER links. Lost when the peer is slow or gone (counted),
                         never waits. */
    EFFECT_CALL,      /* store procedure; calls are carried out and answered in order */
    EFFECT_TIMER_SET, /* replaces an earlier setting of the same timer */
    EFFECT_TIMER_CLEAR,
    EFFECT_READY, /* recovered: lifecycle to READY */
    EFFECT_LOG,
    EFFECT_COUNT,    /* metric: counter += value */
    EFFECT_GAUGE,    /* metric: gauge = value */
    EFFECT_OBSERVE,  /* metric: histogram observes value (microseconds) */
    EFFECT_LAG,      /* heartbeat's lag = value */
    EFFECT_EXTERNAL, /* for the actor's attached part, e.g. an HTTP answer; args: the actor's own struct */
    EFFECT_HALT,     /* we are fenced or broken: leave the process now, the supervisor starts a fresh one */
};

enum log_level { LOG_DEBUG = 1, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct effect {
    enum effect_kind kind;
    unsigned index;                  /* link, proc, timer or metric */
    struct peer to;                  /* EFFECT_SEND on a ROUTER link */
    Tb__MessageType type;            /* EFFECT_SEND */
    const ProtobufCMessage *message; /* EFFECT_SEND */
    Tb__Stream stream;               /* EFFECT_SEND */
    uint64_t first_seq;              /* EFFECT_SEND */
    const void *args;                /* EFFECT_CALL: the procedure's argument struct */
    int64_t value;       /* TIMER_SET: due at, microseconds since the epoch; metrics: the value; LOG: enum log_level */
    const char *text;    /* LOG, HALT */
    uint64_t order_seq;  /* LOG: 0 = none */
    const char *user_id; /* LOG: NULL = none */
    const uint8_t *trace_id; /* LOG: 16 bytes or NULL */
};

/* The effects of one step, in the order in which they are carried out. */
struct effects {
    struct arena *arena;
    struct effect *items;
    size_t count;
    size_t capacity;
};

/* Return: whether STORE_FAILED was the data's fault (SQLSTATE class 22, 23 or P0: the same data will fail again).
 * Everything else (disk full, timeout, lock, out of memory) is the environment's: wait and send the same again. NULL:
 * false. */
bool store_error_is_data(const char *error);

/* Effect: empties fx for a new step whose memory comes from arena (borrowed until the next reset). */
void effects_reset(struct effects *fx, struct arena *arena);

/* Effect: asks to send message (borrowed until the step's effects are carried out) on a link. to: NULL except on ROUTER
 * links. stream 0 and first_seq 0 for messages that belong to no stream. */
void effects_send(struct effects *fx, unsigned link, const struct peer *to, Tb__MessageType type,
                  const ProtobufCMessage *message, Tb__Stream stream, uint64_t first_seq);

/* Effect: asks for a store procedure. args (borrowed): the procedure's argument struct from the actor's store.h, NULL
 * where it has none. */
void effects_call(struct effects *fx, unsigned proc, const void *args);

/* Effect: sets timer (< CORE_TIMERS_MAX) to come at due_us, microseconds since the epoch. */
void effects_timer(struct effects *fx, unsigned timer, int64_t due_us);
void effects_timer_clear(struct effects *fx, unsigned timer);

/* Effect: the core has recovered (READY); how many records it is behind; adds to, sets, or observes (microseconds) a
 * metric of the actor's table; hands args (borrowed) to actor_spec.external; ends the process, why (borrowed) is
 * logged. */
void effects_ready(struct effects *fx);
void effects_lag(struct effects *fx, uint64_t records);
void effects_count(struct effects *fx, unsigned metric, int64_t add);
void effects_gauge(struct effects *fx, unsigned metric, int64_t value);
void effects_observe(struct effects *fx, unsigned metric, int64_t value_us);
void effects_external(struct effects *fx, const void *args);
void effects_halt(struct effects *fx, const char *why);

/* Effect: one log line; the driver adds time, actor and instance. order_seq 0, user_id NULL, trace_id NULL: absent. */
void effects_log(struct effects *fx, enum log_level level, uint64_t order_seq, const char *user_id,
                 const uint8_t *trace_id, const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif
