/* actor: the skeleton every actor's main() hands over to, and the rt driver of its core.
 *
 * It owns arguments, config, signals, loop, sockets, database connection, leadership, heartbeats and the lifecycle
 * INIT -> CONNECT -> [STANDBY] -> RECOVER -> READY -> DRAIN -> STOP (+ DEGRADED). An actor says what is special in one
 * struct:
 *
 *   int main(int argc, char **argv) { return actor_main(&sequencer_spec, argc, argv); }
 *
 * What the core sees. START: with the store there, and led if the spec leads something; its links are open by then.
 * MESSAGE: only from the first START on and not as a standby; heartbeats always, so that who takes over knows who was
 * there. FLUSH: once per turn of the loop in which the core had
 * any other input, when nothing more waits in this turn (messages, store results, timers, external). STORE_LOST: after
 * the calls under way were answered STORE_UNKNOWN; until the next START calls are answered STORE_UNKNOWN without being
 * made; leader-only links stay open until another instance leads.
 *
 * Leadership: the advisory lock "tulip:<region>:<leads>" on the very connection that writes, tried every 100 ms while
 * STANDBY. Role: tb_<name>, unless database_url names a user. Fault points, around store calls and the core's sends
 * (not heartbeats): <name>.before_commit, .after_commit, .before_send, .after_send. Metrics of its own:
 * of each link
 * tb_bus_{received,sent,dropped,malformed,forbidden,connects,disconnects,handshake_failures,refused,retries,
 * accept_failures}_total{link}, tb_bus_connections{link}, tb_bus_burst{link}, tb_messages_refused_total{link},
 * tb_store_calls, tb_store_seconds, tb_store_connected, tb_step_arena_peak_bytes, tb_resident_bytes.
 */
#ifndef TB_ACTOR_H
#define TB_ACTOR_H

#include "bus.h"
#include "config.h"
#include "core.h"
#include "db.h"
#include "metrics.h"

struct actor;

/* For an attached part. Borrowed for the actor's life. */
struct loop *actor_loop(struct actor *actor);
const struct config *actor_config(struct actor *actor);
/* Return: the directory that has the records of faults in force below `faults`, of those that are over below
 * `faults-ended`. */
const char *actor_faults_place(struct actor *actor);
struct metrics *actor_metrics(struct actor *actor);
/* Return: the lifecycle state's name as in Heartbeat.state. */
const char *actor_state_name(const struct actor *actor);
/* Effect: runs the core on INPUT_EXTERNAL with this struct (borrowed for the call) and carries its effects out; in any
 * lifecycle state, so also before the first START. Not from within the spec's `external` (the step that asked is still
 * being carried out): aborts. */
void actor_feed(struct actor *actor, const void *external);

/* One kind of message a link takes, from one sender; a row for each. sender: the actor's name that may send it
 * ("gateway"), NULL = any. */
struct link_message {
    Tb__MessageType type;
    const char *sender;
};

struct actor_link {
    struct bus_link_spec bus;           /* name, socket kind, direction, high-water mark */
    bool leader_only;                   /* open only while we lead */
    const struct link_message *accepts; /* ends with type 0; NULL for links that only send */
};

/* One store procedure: one prepared statement, one transaction. */
struct actor_proc {
    const char *name;
    const char *sql; /* with $1 … $n */
    /* Effect: puts the argument struct into params. NULL: no parameters. */
    void (*encode)(const void *args, struct db_params *params);
    /* Effect: makes the result struct in arena from the rows. Gives NULL with err set when the rows are not as expected
     * (a bug). */
    void *(*decode)(const struct db_rows *rows, struct arena *arena, struct err *err);
    /* It only reads and may take minutes: carried out on a second connection, so that nothing waits behind it. Answers
     * of those aside come in their own order. */
    bool aside;
};

struct actor_spec {
    const char *name;  /* "sequencer" */
    const char *leads; /* the stream whose leadership it needs, NULL = every instance works */
    const struct actor_link *links;
    size_t link_count;
    const struct actor_proc *procs;
    size_t proc_count;
    const struct metric_spec *metrics;
    size_t metric_count;
    const struct config_key *config_keys; /* beyond the common ones; ends with name NULL */
    size_t state_size;                    /* zeroed before init */
    /* Effect: sets up the core's state from config. Return: 0, or -1 with err set. */
    int (*init)(void *state, const struct config *config, struct err *err);
    void (*step)(void *state, const struct input *in, struct effects *fx);
    void (*release)(void *state);
    /* Optional: starts the actor's attached part (an HTTP server, a second connection) once config, loop and bus are
     * there, and ends it. */
    int (*attach)(void *state, struct actor *actor, struct err *err);
    void (*detach)(void *state);
    /* Carries out an EFFECT_EXTERNAL of the core. */
    void (*external)(void *state, const struct effect *effect);
    size_t step_arena_bytes;  /* limit of one step's memory, 0 = 64 MiB */
    bool read_only;           /* the connection may only read */
    int statement_timeout_ms; /* 0 = 10 s */
    int aside_timeout_ms;     /* of the procedures aside */
    /* Optional: after INPUT_STOP, whether something is still to be finished besides store calls (the driver waits 2 s
     * at most). */
    bool (*busy)(const void *state);
};

/* Effect: runs the actor until SIGTERM/SIGINT or HALT. Return: the process's exit code (0 stopped, 1 failed, 2 wrong
 * usage, 75 fenced). */
int actor_main(const struct actor_spec *spec, int argc, char **argv);

#endif
