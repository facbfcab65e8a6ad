/* topology: where each link's two ends are. Default: ipc://<run_dir>/<link> for both. A file (INI) says otherwise:
 *
 *   [link.orders-feed]
 *   bind = tcp://0.0.0.0:7003
 *   connect = tcp://sequencer-1:7003, tcp://sequencer-2:7003   ; only the leader listens, clients connect to all
 *   [telemetry]
 *   connect = tcp://gateway-1:7101, tcp://sequencer-1:7102     ; everyone whose heartbeats are wanted
 *
 * The name "telemetry" connects to that list; its default is telemetry-<actor>-1 and -2 of the six actors, each where
 * the link of that name is. A long list goes on in an indented line. An unknown section or key is an error that names
 * it. Threading: one thread. */
#ifndef TB_TOPOLOGY_H
#define TB_TOPOLOGY_H

#include "err.h"

enum {
    TOPOLOGY_IPC_PATH_MAX = 107, /* sun_path without its end */
    TOPOLOGY_LIST_MAX = 4096,    /* characters of one list of endpoints */
    TOPOLOGY_ENDPOINT_MAX = 256,
};

#define TOPOLOGY_TELEMETRY "telemetry"

struct topology;

/* file: NULL or "" = all defaults. Gives a topology for topology_free, or NULL with err naming file, line and reason.
 */
struct topology *topology_load(const char *run_dir, const char *file, struct err *err);
void topology_free(struct topology **topology);

/* Return: where the link's server binds, borrowed until topology_free; NULL with err when an ipc path is too long. */
const char *topology_bind(struct topology *topology, const char *link, struct err *err);
/* Return: where its clients connect: one endpoint, or several with commas and no blanks. The same rules. */
const char *topology_connect(struct topology *topology, const char *link, struct err *err);

/* Effect: copies the endpoint at *list into endpoint, without blanks around it, and moves *list behind it. Return: 1, 0
 * at the end of the list, -1 with err when it is not tcp://… or ipc://… or too long. */
int topology_next(const char **list, char endpoint[static TOPOLOGY_ENDPOINT_MAX], struct err *err);

#endif
