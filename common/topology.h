/* topology: where each link's two ends are. Default: ipc://<run_dir>/<link> for both. A file (INI) says otherwise; with
 * a section [tcp] every link is TCP, and each instance is listed with its host and its first port:
 *
 *   [tcp]
 *   listen = 0.0.0.0                ; where servers bind, the default; "host": each at its own host, an address then
 *   sequencer-1 = sequencer-1:7000  ; <actor>-<instance> = HOST[:PORT], 7000 when left out
 *   sequencer-2 = sequencer-2:7000  ; only the leader listens, clients connect to every instance
 *   simfill-1 = simfill-1
 *   …
 *
 * An instance takes LINKS_PORTS ports from there on, each link its own (links.h). Single links may be put elsewhere:
 *
 *   [link.orders-feed]
 *   bind = tcp://0.0.0.0:7003
 *   connect = tcp://sequencer-1:7003, tcp://sequencer-2:7003
 *   [telemetry]
 *   connect = tcp://gateway-1:7101, tcp://sequencer-1:7102     ; everyone whose heartbeats are wanted
 *
 * The name "telemetry" connects to the heartbeats of every instance in [tcp]; without that section to
 * telemetry-<actor>-1 and -2 of the six actors, each where the link of that name is. A long list goes on in an indented
 * line. Whatever is unknown, malformed or given twice is an error that names line, key and reason. Threading: one
 * thread. */
#ifndef TB_TOPOLOGY_H
#define TB_TOPOLOGY_H

#include "err.h"

enum {
    TOPOLOGY_IPC_PATH_MAX = 107, /* sun_path without its end */
    TOPOLOGY_LIST_MAX = 4096,    /* characters of one list of endpoints */
    TOPOLOGY_ENDPOINT_MAX = 256,
    TOPOLOGY_PORT_DEFAULT = 7000,
    TOPOLOGY_INSTANCES_MAX = 64,
};

#define TOPOLOGY_TELEMETRY "telemetry"

struct topology;

/* self: who asks, "sequencer/1": what it binds under [tcp] is its own line's. file: NULL or "" = all defaults. Gives a
 * topology for topology_free, or NULL with err naming file, line and reason. */
struct topology *topology_load(const char *run_dir, const char *file, const char *self, struct err *err);
void topology_free(struct topology **topology);

/* Return: where the link's server binds, borrowed until topology_free; NULL with err when an ipc path is too long, or
 * [tcp] does not list self or does not know the link. */
const char *topology_bind(struct topology *topology, const char *link, struct err *err);
/* Return: where its clients connect: one endpoint, or several with commas and no blanks. The same rules; NULL with err
 * also when [tcp] lists nobody who serves the link. */
const char *topology_connect(struct topology *topology, const char *link, struct err *err);

/* Return: the role that serves the link at this endpoint (one of topology_connect's), NULL when that cannot be said. */
const char *topology_server_role(const struct topology *topology, const char *link, const char *endpoint);

/* Effect: copies the endpoint at *list into endpoint, without blanks around it, and moves *list behind it. Return: 1, 0
 * at the end of the list, -1 with err when it is not tcp://… or ipc://… or too long. */
int topology_next(const char **list, char endpoint[static TOPOLOGY_ENDPOINT_MAX], struct err *err);

#endif
