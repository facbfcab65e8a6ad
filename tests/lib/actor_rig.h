/* actor_rig: one real actor process (or several) in a run directory of its own, and scripted peers that speak to it on
 * the bus. The actors die with the test. Every failure to start aborts the test with its reason on stderr. Threading:
 * one thread.
 *
 *   struct rig *rig = rig_new(testdb_fresh());
 *   struct rig_actor *sequencer = rig_start(rig, "sequencer", "1", NULL);
 *   ck_assert(rig_wait_state(sequencer, "READY", 5000));
 *   struct rig_link *gateway = rig_open(rig, "gateway/1", "orders-command", BUS_DEALER, false);
 *   ck_assert(rig_send(gateway, NULL, TB__MESSAGE_TYPE__SUBMIT_ORDERS, &submit.base, 0, 0, 2000));
 *   const struct rig_message *answer = rig_receive(gateway, TB__MESSAGE_TYPE__ORDER_RESULTS, 2000);
 *   rig_free(&rig); */
#ifndef TB_ACTOR_RIG_H
#define TB_ACTOR_RIG_H

#include <stdbool.h>
#include <sys/types.h>

#include "bus.h"
#include "telemetry.pb-c.h"

struct rig;
struct rig_actor;
struct rig_link;

/* One message that came. Lives until rig_free. */
struct rig_message {
    struct peer from;
    Tb__MessageType type;
    Tb__Stream stream;
    uint64_t first_seq;
    const ProtobufCMessage *payload;
};

/* database_url: for the actors (borrowed until rig_free). Gives a rig for rig_free. */
struct rig *rig_new(const char *database_url);
/* Effect: kills the actors that still run, closes the links, deletes the run directory. */
void rig_free(struct rig **rig);
const char *rig_run_dir(const struct rig *rig);
struct loop *rig_loop(struct rig *rig);

/* Effect: starts TB_BUILD_DIR/bin/tb-<actor>. settings: "name=value" environment entries such as
 * "TB_SIMFILL_DELAY_MS=0", ending with NULL; NULL = none. Its log goes to <run_dir>/<actor>-<instance>.log. */
struct rig_actor *rig_start(struct rig *rig, const char *actor, const char *instance, const char *const *settings);
/* The same for a program of another path (the kit's own test actor). */
struct rig_actor *rig_start_program(struct rig *rig, const char *program, const char *actor, const char *instance,
                                    const char *const *settings);
/* Effect: waits until the actor's heartbeat says this state. Return: false after deadline_ms. */
bool rig_wait_state(struct rig_actor *actor, const char *state, int deadline_ms);
/* Return: its last heartbeat, NULL before the first. Borrowed until the next one comes (any rig_ call that waits). */
const Tb__Heartbeat *rig_heartbeat(const struct rig_actor *actor);
/* Return: a metric of the last heartbeat by name and part of its labels (NULL = any), summed over what matches; 0 when
 * absent. */
double rig_metric(const struct rig_actor *actor, const char *name, const char *labels);
pid_t rig_pid(const struct rig_actor *actor);
/* Effect: sends a signal. SIGKILL: also waits for the end. */
void rig_kill(struct rig_actor *actor, int signal);
/* Effect: waits for its end. Return: the exit code, 128 + signal, or -1 after deadline_ms. */
int rig_wait_exit(struct rig_actor *actor, int deadline_ms);
/* Return: whether the log has text in it. */
bool rig_log_has(const struct rig_actor *actor, const char *text);

/* Effect: plays a peer: sender as in "gateway/1". */
struct rig_link *rig_open(struct rig *rig, const char *sender, const char *link, enum bus_kind kind, bool binds);
void rig_close(struct rig_link **link);
/* Effect: sends, again and again until the link takes it (the other side may not be there yet). Return: false after
 * deadline_ms. */
bool rig_send(struct rig_link *link, const struct peer *to, Tb__MessageType type, const ProtobufCMessage *message,
              Tb__Stream stream, uint64_t first_seq, int deadline_ms);
/* Return: the next message of this type (0 = any; others that came before it are dropped), or NULL after deadline_ms.
 */
const struct rig_message *rig_receive(struct rig_link *link, Tb__MessageType type, int deadline_ms);
/* Return: how many messages came and were not received yet. */
size_t rig_waiting(const struct rig_link *link);

/* Effect: runs the loop until done(arg) is true. Return: false after deadline_ms. */
bool rig_wait(struct rig *rig, bool (*done)(void *arg), void *arg, int deadline_ms);

#endif
