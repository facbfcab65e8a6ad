#include "bus_zmq.h" /* first */

#include "bus_events.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base.h"
#include "clock.h"
#include "log.h"

enum {
    WATCHED = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_DISCONNECTED |
              ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
              ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH,
    PEERS_MAX = 32, /* of whom the address is remembered while they shake hands */
    ADDRESS_MAX = 64,
    LOG_EVERY_US = 1000000,
    REASONS_MAX = 8,
};

struct accepted {
    int fd; /* the number it has in ZeroMQ; -1 = free */
    char address[ADDRESS_MAX];
};

struct bus_events {
    void *monitored;
    zsock_t *sock;
    void *raw;
    struct loop_io *io; /* NULL on clients */
    const char *link;
    bool binds;
    struct bus_counts *counts;
    bus_events_handler *handler;
    void *arg;
    struct accepted accepted[PEERS_MAX];
    size_t next;
    const char *failed; /* why a handshake just failed; its end follows */
    struct {
        const char *why;
        int64_t at_us;
    } logged[REASONS_MAX]; /* when each reason was last logged */
};

/* ---- who it was ---- */

static void name_peer(int fd, char *text, size_t size)
{
    struct sockaddr_storage peer = {0};
    socklen_t length = sizeof peer;
    char host[INET_ADDRSTRLEN];
    if (getpeername(fd, (struct sockaddr *)&peer, &length) < 0 ||
        (peer.ss_family != AF_INET && peer.ss_family != AF_UNIX)) {
        tb_copy_text(text, size, "someone who is gone already");
        return;
    }
    if (peer.ss_family == AF_UNIX) {
        tb_copy_text(text, size, "a local process");
        return;
    }
    struct sockaddr_in internet;
    memcpy(&internet, &peer, sizeof internet);
    inet_ntop(AF_INET, &internet.sin_addr, host, sizeof host);
    snprintf(text, size, "%s:%d", host, ntohs(internet.sin_port));
}

static void remember(struct bus_events *events, int fd)
{
    struct accepted *accepted = &events->accepted[events->next++ % PEERS_MAX];
    accepted->fd = fd;
    name_peer(fd, accepted->address, sizeof accepted->address);
}

/* Return: the address of the accepted connection with this number, which is forgotten with the next one. */
static const char *recall(struct bus_events *events, int fd)
{
    for (size_t i = 0; i < PEERS_MAX; i++) {
        if (events->accepted[i].fd == fd) {
            events->accepted[i].fd = -1;
            return events->accepted[i].address;
        }
    }
    return "an unknown address";
}

/* ---- events ---- */

static const char *protocol_reason(int value)
{
    switch (value) {
    case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
        return "one side asks for CURVE, the other does not";
    case ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC:
    case ZMQ_PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE:
        return "it has another key of the server than the server has";
    default:
        return "it does not speak ZeroMQ's protocol as it should";
    }
}

/* Return: whether a line may be written for this reason (a constant of ours) now. */
static bool may_log(struct bus_events *events, const char *why)
{
    int64_t now = clock_monotonic_us();
    size_t i = 0;
    while (i < REASONS_MAX - 1 && events->logged[i].why != NULL && events->logged[i].why != why)
        i++;
    bool may = events->logged[i].why == NULL || now - events->logged[i].at_us >= LOG_EVERY_US;
    if (may)
        events->logged[i].at_us = now;
    events->logged[i].why = why;
    return may;
}

static void log_failure(struct bus_events *events, const char *who, const char *why)
{
    if (!may_log(events, why))
        return;
    log_warning("link %s: handshake with %.200s failed: %s (%llu failed so far)", events->link, who, why,
                (unsigned long long)events->counts->handshake_failures);
}

/* The end of a failed connection comes right after the failure, and tells which one it was. */
static void note_failure(struct bus_events *events, const char *reason, const char *endpoint, bool for_good)
{
    events->counts->handshake_failures++;
    events->failed = reason;
    if (!events->binds)
        log_failure(events, endpoint, reason);
    if (events->handler != NULL)
        events->handler(events->arg, for_good);
}

static void note_end(struct bus_events *events, int fd)
{
    const char *who = events->binds ? recall(events, fd) : "";
    if (events->failed == NULL)
        events->counts->disconnects++;
    else if (events->binds && events->failed[0] != '\0')
        log_failure(events, who, events->failed);
    events->failed = NULL;
}

static void take_event(struct bus_events *events, int event, int value, const char *endpoint)
{
    struct bus_counts *counts = events->counts;
    switch (event) {
    case ZMQ_EVENT_ACCEPTED:
        remember(events, value);
        break;
    case ZMQ_EVENT_ACCEPT_FAILED:
        counts->accept_failures++;
        break;
    case ZMQ_EVENT_CONNECT_RETRIED:
        counts->retries++;
        break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        counts->connects++;
        break;
    case ZMQ_EVENT_DISCONNECTED:
        note_end(events, value);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: /* the guard has logged it, with its reason */
        note_failure(events, events->binds ? "" : "it does not let us in", endpoint, !events->binds);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        note_failure(events, protocol_reason(value), endpoint, !events->binds);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        note_failure(events, events->binds ? "it went away during it" : "it ended it: does it know our key, we its?",
                     endpoint, false);
        break;
    default:
        break;
    }
}

/* Return: false when no event waits. */
static bool take_one(struct bus_events *events)
{
    zmq_msg_t head, tail;
    uint16_t event;
    uint32_t value;
    char endpoint[256] = "";
    zmq_msg_init(&head);
    if (zmq_msg_recv(&head, events->raw, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&head);
        return false;
    }
    bool whole = zmq_msg_size(&head) == sizeof event + sizeof value && zmq_msg_more(&head);
    zmq_msg_init(&tail);
    if (whole && zmq_msg_recv(&tail, events->raw, ZMQ_DONTWAIT) >= 0) {
        const char *bytes = zmq_msg_data(&head);
        memcpy(&event, bytes, sizeof event);
        memcpy(&value, bytes + sizeof event, sizeof value);
        size_t size = zmq_msg_size(&tail) < sizeof endpoint ? zmq_msg_size(&tail) : sizeof endpoint - 1;
        memcpy(endpoint, zmq_msg_data(&tail), size);
        take_event(events, event, (int)value, endpoint);
    }
    zmq_msg_close(&tail);
    zmq_msg_close(&head);
    return true;
}

void bus_events_take(struct bus_events *events)
{
    while (take_one(events)) {
    }
}

static void on_event(void *arg, int fd, int ready)
{
    (void)fd;
    (void)ready;
    bus_events_take(arg);
}

struct bus_events *bus_events_new(struct loop *loop, void *raw, const char *link, bool binds, struct bus_counts *counts,
                                  bus_events_handler *handler, void *arg)
{
    static uint64_t serial;
    char endpoint[64];
    struct bus_events *events = tb_alloc_zero(1, sizeof *events);
    *events = (struct bus_events){
        .monitored = raw, .link = link, .binds = binds, .counts = counts, .handler = handler, .arg = arg};
    for (size_t i = 0; i < PEERS_MAX; i++)
        events->accepted[i].fd = -1;
    snprintf(endpoint, sizeof endpoint, "inproc://events-%llu", (unsigned long long)++serial);
    events->sock = zsock_new(ZMQ_PAIR);
    tb_assert(events->sock != NULL);
    events->raw = zsock_resolve(events->sock);
    tb_assert(zmq_socket_monitor(raw, endpoint, WATCHED) == 0);
    tb_assert(zmq_connect(events->raw, endpoint) == 0);
    if (binds) {
        int fd = -1;
        size_t size = sizeof fd;
        tb_assert(zmq_getsockopt(events->raw, ZMQ_FD, &fd, &size) == 0);
        events->io = loop_io_new(loop, fd, LOOP_READ, on_event, events);
        bus_events_take(events);
    }
    return events;
}

void bus_events_free(struct bus_events **events)
{
    if (*events == NULL)
        return;
    loop_io_free(&(*events)->io);
    zmq_socket_monitor((*events)->monitored, NULL, 0);
    zsock_destroy(&(*events)->sock);
    free(*events);
    *events = NULL;
}
