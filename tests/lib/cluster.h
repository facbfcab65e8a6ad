/* cluster: a whole TulipBroker of one's own for system and fault tests, started the way a user starts it: `./tulip up
 * --detach --data … --port …`. Each has a data directory under /tmp, stopped and deleted by cluster_stop, which also
 * runs the audit. Threading: one thread. */
#ifndef TB_TEST_CLUSTER_H
#define TB_TEST_CLUSTER_H

#include <stdbool.h>
#include <sys/types.h>

struct cluster {
    int port;
    char data[64];
    bool borrowed; /* it was running already (TB_TEST_PORT and TB_TEST_DATA): it is audited, but not stopped */
};

/* Effect: starts one with extra settings ("TB_SIMFILL_DELAY_MS=0 …", may be ""). Aborts the test with what the launcher
 * said when it fails. */
void cluster_start(struct cluster *cluster, const char *settings);
/* The same, with more options for "up" ("--standby"). */
void cluster_start_with(struct cluster *cluster, const char *settings, const char *options);

/* One process, as the gateway sees it. */
struct cluster_actor {
    char instance[16], az[32];
    pid_t pid;
};
/* Effect: looks once for an instance of the actor in this state (NULL = any), by GET /health/ready. Return: whether
 * there is one. */
bool cluster_seen(const struct cluster *cluster, const char *actor, const char *state, struct cluster_actor *seen);

/* Effect: runs `./tulip --data … COMMAND` and keeps what it prints for cluster_output. Return: its exit code. */
int cluster_tulip(const struct cluster *cluster, const char *command);
/* Return: what the last cluster_tulip printed. */
const char *cluster_output(void);

/* Effect: runs the audit, stops everything, deletes the data. Return: the audit's exit code (0 = every invariant
 * holds). */
int cluster_stop(struct cluster *cluster);

#endif
