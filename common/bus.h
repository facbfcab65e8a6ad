/* bus: messages between actors over ZeroMQ (only bus*.c include it). Fast transport and wake-up, never storage:
 * a message may be lost, and a send never waits. Endpoints come from the topology: a link named "orders-feed" is bound
 * and connected at ipc://<run_dir>/orders-feed, unless the topology file says otherwise ([link.orders-feed] bind = …,
 * connect = …, …). Every socket option that matters is set explicitly (docs/decisions). A frame is one Envelope; ROUTER
 * sockets see the routing id before it. Threading: one thread; one bus per process (tests may have several on one
 * loop); no fork without exec after bus_new.
 *
 * Leader takeover: who binds an ipc endpoint gets it, whoever had it before; connected clients stay with the old one
 * until that dies or stops answering ZeroMQ's heartbeats (2 s), then reconnect to the path. Closing a link leaves the
 * socket file: a later unlink would hit a successor's. Over tcp each instance has its own endpoint and clients connect
 * to all.
 *
 * Security: with curve_dir every TCP connection is encrypted and both ends know each other's role (bus_guard.h); TCP
 * without it is refused unless plaintext says so. On a link that we serve, a message whose sender is not of the role
 * that its connection was let in as is dropped, counted and logged. ipc links rest on the rights of the run directory.
 * A client whose connection fails for good, or whose key files have changed, opens its socket anew.
 *
 * Telemetry: a link spec named "telemetry" {.kind = BUS_SUB, .binds = false} is connected to everybody's heartbeats
 * (topology.h). */
#ifndef TB_BUS_H
#define TB_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core.h"
#include "err.h"
#include "loop.h"

enum bus_kind { BUS_ROUTER = 1, BUS_DEALER, BUS_PUSH, BUS_PULL, BUS_PUB, BUS_SUB };

struct bus_link_spec {
    const char *name; /* names the endpoint in the topology: "orders-command" */
    enum bus_kind kind;
    bool binds;     /* the server side */
    int high_water; /* messages per peer; 0 = 1000 */
};

struct bus;
struct bus_link;

/* One message as it came. Everything is borrowed until the handler returns. */
struct bus_message {
    const struct peer *from;
    const Tb__Envelope *envelope;
    const ProtobufCMessage *payload; /* of envelope->type */
};

/* arena: where the message's memory lies; reset after the handler returns. */
typedef void bus_handler(void *arg, const struct bus_message *message);
/* The burst from all links is over (called once per loop turn in which messages came). */
typedef void bus_flush_handler(void *arg);

struct bus_options {
    const char *run_dir;
    const char *topology_file; /* NULL or "" = all defaults */
    const char *region;
    const char *sender; /* "sequencer/1" */
    uint64_t boot_id;
    const char *curve_dir;  /* keys (keys.h) for TCP links; NULL or "" = none */
    bool plaintext;         /* without keys: TCP without CURVE is allowed */
    size_t frame_max_bytes; /* larger frames are refused before unpacking; 0 = 4 MiB */
    size_t burst_max;       /* messages handled per loop turn (fairness); 0 = 256 */
};

/* Gives a bus for bus_free, or NULL with err set. */
struct bus *bus_new(struct loop *loop, const struct bus_options *options, struct err *err);
void bus_free(struct bus **bus);
void bus_on_flush(struct bus *bus, bus_flush_handler *handler, void *arg);

/* Effect: opens a link. handler NULL on links that only send. Gives a link for bus_close (or bus_free), or NULL with
 * err set. */
struct bus_link *bus_open(struct bus *bus, const struct bus_link_spec *spec, bus_handler *handler, void *arg,
                          struct err *err);
/* The same at explicit endpoints, comma separated (telemetry, tests). */
struct bus_link *bus_open_at(struct bus *bus, const struct bus_link_spec *spec, const char *endpoints,
                             bus_handler *handler, void *arg, struct err *err);
void bus_close(struct bus_link **link);

/* Effect: packs and sends without waiting; to: ROUTER links only. Return: false when it was dropped (no peer, peer
 * gone, mark reached), which is counted and harmless by rule 2. */
bool bus_send(struct bus_link *link, const struct peer *to, Tb__MessageType type, const ProtobufCMessage *message,
              Tb__Stream stream, uint64_t first_seq);

struct bus_counts {
    uint64_t sent, received, dropped, malformed;
    uint64_t forbidden;             /* messages whose sender is not who its connection belongs to */
    uint64_t connects, disconnects; /* connections that shook hands, and how many of them ended */
    uint64_t handshake_failures;    /* connections that did not come so far */
    uint64_t refused;               /* of them: by the allow-list (CURVE) */
    uint64_t retries;               /* attempts to connect after the first */
    uint64_t accept_failures;       /* connections the system did not give us (too many descriptors) */
};
/* Return: what came and went since the link was opened; connections up to a quarter of a second late. */
struct bus_counts bus_link_counts(const struct bus_link *link);

/* Effect: starts anew. Return: the most messages that one turn of the loop found waiting on this link since the last
 * call: ZeroMQ tells no queue's depth, this is what can be seen of it. */
uint64_t bus_link_take_peak(struct bus_link *link);

#endif
