/* bus_events: what becomes of a socket's connections: ZeroMQ's socket monitor, counted, and failed handshakes logged
 * with address and reason, at most once a second, link and reason. Costs nothing per message. A server's events are
 * taken as they come (the address of who was turned away is gone soon), a client's when bus_events_take is called, for
 * trying to connect to who is not there makes many. For bus.c alone. Threading: the loop's thread. */
#ifndef TB_BUS_EVENTS_H
#define TB_BUS_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "bus.h"
#include "loop.h"

struct bus_events;

/* A handshake failed. for_good: ZeroMQ will not try this connection again. */
typedef void bus_events_handler(void *arg, bool for_good);

/* raw: a ZeroMQ socket before its first bind or connect. link and counts are borrowed. Gives events for
 * bus_events_free. */
struct bus_events *bus_events_new(struct loop *loop, void *raw, const char *link, bool binds, struct bus_counts *counts,
                                  bus_events_handler *handler, void *arg);
/* Effect: ends it; before raw is closed. */
void bus_events_free(struct bus_events **events);
/* Effect: counts what happened until now. May call the handler. */
void bus_events_take(struct bus_events *events);

#endif
