#include "bus_zmq.h" /* first */

#include "bus.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base.h"
#include "bus_events.h"
#include "bus_guard.h"
#include "clock.h"
#include "codec.h"
#include "ids.h"
#include "inject.h"
#include "links.h"
#include "log.h"
#include "topology.h"
#include "zwatch.h"

enum {
    HIGH_WATER_DEFAULT = 1000,
    BURST_DEFAULT = 256,
    FRAME_MAX_DEFAULT = 4 * 1024 * 1024,
    ARENA_MAX_BYTES = 64 * 1024 * 1024, /* what one message may become when unpacked */
    LINGER_REPLIES_MS =
        1000, /* ROUTER: whoever asked should hear the answer; feeds and stages are refilled from the log */
    RECONNECT_FIRST_MS = 20,
    RECONNECT_MAX_IPC_MS =
        100, /* a failed connect to a unix socket costs next to nothing, and a takeover is to be seen soon */
    RECONNECT_MAX_TCP_MS = 500,
    HANDSHAKE_MS = 2000,
    CONNECT_MS = 2000, /* a host that is gone answers nothing; its name may lead elsewhere by then */
    HEARTBEAT_MS =
        500, /* a stopped peer (SIGSTOP, a dead host) is dropped after HEARTBEAT_DEAD_MS, over unix sockets too */
    HEARTBEAT_DEAD_MS = 2000,
    BACKLOG = 128,
    LOOK_US = 250000, /* how often clients' connections are looked at */
    REOPEN_FIRST_US = 1000000,
    REOPEN_MAX_US = 30000000,
    NAME_MAX_LENGTH = 64,
    DELAYED_MAX = 16384, /* frames that an injected delay holds back; more are dropped */
};

/* A frame that an injected fault holds back. */
struct delayed {
    struct delayed *next; /* by due_us */
    struct bus_link *link;
    struct peer to;
    int64_t due_us;
    zmq_msg_t frame;
};

struct bus_link {
    struct bus *bus;
    struct bus_link *next;
    char name[NAME_MAX_LENGTH];
    enum bus_kind kind;
    bool binds;
    int high_water;
    char *endpoints;
    bool guarded; /* CURVE */
    struct bus_events *events;
    struct bus_guarded *served; /* NULL but on a server with CURVE */
    uint64_t keys_generation;   /* of the key files when it was opened */
    int64_t reopen_due_us;      /* 0 = all is well */
    int64_t reopen_after_us;    /* the next wait */
    zsock_t *sock;
    void *raw; /* the same socket for libzmq's own calls: no allocation per message */
    struct zwatch_socket *watched;
    bus_handler *handler;
    void *arg;
    struct bus_counts counts;
    uint64_t turn; /* of the bus, when `burst` was begun */
    uint64_t burst;
    uint64_t burst_peak;
};

struct bus {
    struct loop *loop;
    struct bus_guard *guard; /* NULL = no keys */
    struct loop_timer *look; /* while there are links that connect */
    struct zwatch *watch;
    struct topology *topology;
    char *region;
    char *sender;
    uint64_t boot_id;
    bool plaintext;
    size_t frame_max_bytes;
    struct arena arena; /* of the message being handled */
    struct bus_link *links;
    uint64_t turn;
    bus_flush_handler *flush;
    void *flush_arg;
    struct loop_timer *delay_timer;
    struct delayed *delayed;
    size_t delayed_count;
};

static void on_delayed(void *arg);
static void forget_delayed(struct bus_link *link);

static int users; /* buses alive: CZMQ's context is theirs together */

static void on_flush(void *arg)
{
    struct bus *bus = arg;
    bus->turn++;
    if (bus->flush != NULL)
        bus->flush(bus->flush_arg);
}

static void on_look(void *arg);

/* Return: 0, also without keys; -1 with err when they are asked for and cannot be had. */
static int load_keys(struct bus *bus, const struct bus_options *options, struct err *err)
{
    if (options->curve_dir == NULL || options->curve_dir[0] == '\0')
        return 0;
    const char *role = links_role_of(options->sender, '/');
    if (role == NULL)
        return err_set(err, "curve_dir: %s is of no role that has keys", options->sender);
    bus->guard = bus_guard_new(bus->loop, options->curve_dir, role, err);
    return bus->guard == NULL ? err_wrap(err, "curve_dir") : 0;
}

struct bus *bus_new(struct loop *loop, const struct bus_options *options, struct err *err)
{
    struct topology *topology = topology_load(options->run_dir, options->topology_file, options->sender, err);
    if (topology == NULL)
        return NULL;
    if (users++ == 0) {
        zsys_handler_set(NULL); /* signals are the loop's; before the first socket */
        zsys_init();
        zsys_set_logident("tulip");
        zsys_set_linger(0);
    }
    struct bus *bus = tb_alloc_zero(1, sizeof *bus);
    bus->loop = loop;
    bus->topology = topology;
    bus->region = tb_strdup(options->region);
    bus->sender = tb_strdup(options->sender);
    bus->boot_id = options->boot_id;
    bus->plaintext = options->plaintext;
    bus->frame_max_bytes = options->frame_max_bytes > 0 ? options->frame_max_bytes : FRAME_MAX_DEFAULT;
    bus->watch = zwatch_new(loop, options->burst_max > 0 ? options->burst_max : BURST_DEFAULT, on_flush, bus);
    bus->delay_timer = loop_timer_new(loop, on_delayed, bus);
    bus->look = loop_timer_new(loop, on_look, bus);
    arena_init(&bus->arena, ARENA_MAX_BYTES);
    if (load_keys(bus, options, err) < 0)
        bus_free(&bus);
    return bus;
}

void bus_free(struct bus **bus)
{
    if (*bus == NULL)
        return;
    struct bus *b = *bus;
    while (b->links != NULL) {
        struct bus_link *link = b->links;
        bus_close(&link);
    }
    loop_timer_free(&b->delay_timer);
    bus_guard_free(&b->guard);
    loop_timer_free(&b->look);
    zwatch_free(&b->watch);
    topology_free(&b->topology);
    arena_release(&b->arena);
    free(b->region);
    free(b->sender);
    free(b);
    *bus = NULL;
    if (--users == 0)
        zsys_shutdown(); /* waits for lingering replies */
}

void bus_on_flush(struct bus *bus, bus_flush_handler *handler, void *arg)
{
    bus->flush = handler;
    bus->flush_arg = arg;
}

static bool message_waits(void *arg)
{
    struct bus_link *link = arg;
    int events = 0;
    size_t size = sizeof events;
    /* Asked even of links that only send: this is also what lets ZeroMQ see that a peer came or went. */
    return zmq_getsockopt(link->raw, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN) != 0 &&
           link->handler != NULL;
}

static void refuse(struct bus_link *link, const char *why)
{
    link->counts.malformed++;
    if ((link->counts.malformed & (link->counts.malformed - 1)) == 0) /* the 1st, 2nd, 4th, 8th … */
        log_warning("link %s: message refused (%llu so far): %s", link->name,
                    (unsigned long long)link->counts.malformed, why);
}

/* Return: whether the sender is of the role its connection was let in as. What is not guarded has only its word. */
static bool is_sender(const struct bus_link *link, zmq_msg_t *frame, const char *sender)
{
    if (link->served == NULL)
        return true;
    const char *role = zmq_msg_gets(frame, "User-Id");
    size_t length = role != NULL ? strlen(role) : 0;
    return length > 0 && strncmp(sender, role, length) == 0 && sender[length] == '/';
}

static void forbid(struct bus_link *link, zmq_msg_t *frame, const Tb__Envelope *envelope)
{
    const char *role = zmq_msg_gets(frame, "User-Id"), *address = zmq_msg_gets(frame, "Peer-Address");
    link->counts.forbidden++;
    if ((link->counts.forbidden & (link->counts.forbidden - 1)) == 0)
        log_warning("link %s: a message from %s dropped: a %s says it is %.64s (%llu so far)", link->name,
                    address != NULL ? address : "an unknown address", role != NULL ? role : "stranger",
                    envelope->sender, (unsigned long long)link->counts.forbidden);
}

static void deliver(struct bus_link *link, const struct peer *from, zmq_msg_t *frame)
{
    struct bus *bus = link->bus;
    struct err err = {0};
    Tb__Envelope *envelope = NULL;
    ProtobufCMessage *payload = NULL;
    if (codec_unpack(zmq_msg_data(frame), zmq_msg_size(frame), &bus->arena, &envelope, &payload, &err) < 0) {
        refuse(link, err.text);
    } else if (strcmp(envelope->region, bus->region) != 0) {
        refuse(link, "it is of another region");
    } else if (!is_sender(link, frame, envelope->sender)) {
        forbid(link, frame, envelope);
    } else {
        link->counts.received++;
        struct bus_message message = {.from = from, .envelope = envelope, .payload = payload};
        link->handler(link->arg, &message); /* may close the link */
    }
    arena_reset(&bus->arena);
}

static void count_burst(struct bus_link *link)
{
    if (link->turn != link->bus->turn) {
        link->turn = link->bus->turn;
        link->burst = 0;
    }
    link->burst++;
    if (link->burst > link->burst_peak)
        link->burst_peak = link->burst;
}

/* Return: whether the frame is there. The rest of a message that is already coming is always there. */
static bool receive_frame(struct bus_link *link, zmq_msg_t *frame)
{
    zmq_msg_init(frame);
    if (zmq_msg_recv(frame, link->raw, ZMQ_DONTWAIT) >= 0)
        return true;
    zmq_msg_close(frame);
    return false;
}

static void drop_rest(struct bus_link *link, zmq_msg_t *frame)
{
    bool more = zmq_msg_more(frame);
    while (more) {
        zmq_msg_t extra;
        if (!receive_frame(link, &extra))
            return;
        more = zmq_msg_more(&extra);
        zmq_msg_close(&extra);
    }
}

/* Return: the sender's routing id, taken off the frame in front; length 0 on every other kind of link. */
static struct peer peer_of(zmq_msg_t *frame)
{
    struct peer peer = {0};
    size_t length = zmq_msg_size(frame);
    if (length <= sizeof peer.bytes) {
        peer.length = (uint8_t)length;
        memcpy(peer.bytes, zmq_msg_data(frame), length);
    }
    return peer;
}

static bool take_message(void *arg)
{
    struct bus_link *link = arg;
    zmq_msg_t frame;
    struct peer from = {0};
    if (!receive_frame(link, &frame))
        return false;
    count_burst(link);
    if (link->kind == BUS_ROUTER) {
        from = peer_of(&frame);
        bool whole = zmq_msg_more(&frame) && from.length > 0;
        zmq_msg_t body;
        if (!whole || !receive_frame(link, &body)) {
            drop_rest(link, &frame);
            zmq_msg_close(&frame);
            refuse(link, "it has no body or no usable routing id");
            return true;
        }
        zmq_msg_close(&frame);
        zmq_msg_init(&frame);
        zmq_msg_move(&frame, &body);
        zmq_msg_close(&body);
    }
    if (zmq_msg_more(&frame)) {
        drop_rest(link, &frame);
        refuse(link, "it has more than one frame");
    } else {
        deliver(link, &from, &frame);
    }
    zmq_msg_close(&frame);
    return true;
}

static int zmq_kind(enum bus_kind kind)
{
    switch (kind) {
    case BUS_ROUTER:
        return ZMQ_ROUTER;
    case BUS_DEALER:
        return ZMQ_DEALER;
    case BUS_PUSH:
        return ZMQ_PUSH;
    case BUS_PULL:
        return ZMQ_PULL;
    case BUS_PUB:
        return ZMQ_PUB;
    case BUS_SUB:
        return ZMQ_SUB;
    }
    tb_assert(!"a kind of link");
    return -1;
}

static void set_int(struct bus_link *link, int option, int value)
{
    int set = zmq_setsockopt(link->raw, option, &value, sizeof value);
    tb_assert(set == 0);
}

/* Every option that matters, whatever the libraries' defaults are (docs/decisions). */
static void set_options(struct bus_link *link)
{
    int high_water = link->high_water > 0 ? link->high_water : HIGH_WATER_DEFAULT;
    int64_t frame_max = (int64_t)link->bus->frame_max_bytes;
    set_int(link, ZMQ_LINGER, link->kind == BUS_ROUTER ? LINGER_REPLIES_MS : 0);
    set_int(link, ZMQ_SNDHWM, high_water);
    set_int(link, ZMQ_RCVHWM, high_water);
    tb_assert(zmq_setsockopt(link->raw, ZMQ_MAXMSGSIZE, &frame_max, sizeof frame_max) == 0);
    set_int(link, ZMQ_RECONNECT_IVL, RECONNECT_FIRST_MS);
    set_int(link, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    set_int(link, ZMQ_CONNECT_TIMEOUT, CONNECT_MS);
    set_int(link, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    set_int(link, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_DEAD_MS);
    set_int(link, ZMQ_HEARTBEAT_TTL, HEARTBEAT_DEAD_MS);
    if (link->kind == BUS_DEALER || link->kind == BUS_PUSH)
        set_int(link, ZMQ_IMMEDIATE, 1); /* nothing is queued for a peer that is not there */
    if (link->kind == BUS_ROUTER) {
        set_int(link, ZMQ_ROUTER_MANDATORY, 1); /* an absent peer is an error, not a silent loss */
        set_int(link, ZMQ_ROUTER_HANDOVER, 1);
    }
    if (link->kind == BUS_SUB)
        tb_assert(zmq_setsockopt(link->raw, ZMQ_SUBSCRIBE, "", 0) == 0);
}

/* A listening unix socket that takes the path over from whoever had it: made beside it and renamed onto it, so that
 * clients find either the old leader or the new one, never nothing. Return: its descriptor, or -1 with err. */
static int listen_at(const char *path, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    uint8_t random[3];
    char hex[7];
    ids_random(random, sizeof random);
    ids_hex(random, sizeof random, hex);
    const char *slash = strrchr(path, '/');
    int folder = slash == NULL ? 0 : (int)(slash - path + 1);
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%.*s.%s", folder, path, hex);
    if (length >= (int)sizeof address.sun_path)
        return err_set(err, "socket path %s is too long: choose a shorter run directory", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(err, "socket: %s", strerror(errno));
    bool bound = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    if (!bound || listen(fd, BACKLOG) < 0 || rename(address.sun_path, path) < 0) {
        err_set(err, "listen at %s: %s", path, strerror(errno));
        if (bound)
            unlink(address.sun_path);
        close(fd);
        return -1;
    }
    return fd;
}

static int bind_link(struct bus_link *link, const char *endpoint, struct err *err)
{
    if (strncmp(endpoint, "ipc://", 6) == 0) {
        /* ZeroMQ would unlink the path before binding and again when closing; an old leader that stops cleanly would
         * then delete its successor's socket. A descriptor of ours it leaves alone: the file stays until the next
         * leader's rename. */
        int fd = listen_at(endpoint + 6, err);
        if (fd < 0)
            return -1;
        set_int(link, ZMQ_USE_FD, fd);
        if (zmq_bind(link->raw, endpoint) < 0) {
            close(fd);
            return err_set(err, "bind %s: %s", endpoint, zmq_strerror(zmq_errno()));
        }
        return 0;
    }
    if (zmq_bind(link->raw, endpoint) < 0)
        return err_set(err, "bind %s: %s", endpoint, zmq_strerror(zmq_errno()));
    return 0;
}

static int connect_link(struct bus_link *link, const char *endpoint, struct err *err)
{
    set_int(link, ZMQ_RECONNECT_IVL_MAX, endpoint[0] == 'i' ? RECONNECT_MAX_IPC_MS : RECONNECT_MAX_TCP_MS);
    if (zmq_connect(link->raw, endpoint) < 0)
        return err_set(err, "connect %s: %s", endpoint, zmq_strerror(zmq_errno()));
    return 0;
}

/* Effect: asks for keys on this TCP endpoint, or for none where a setting allows it. Return: 0, or -1 with err. */
static int guard_endpoint(struct bus_link *link, const char *endpoint, struct err *err)
{
    struct bus *bus = link->bus;
    if (bus->guard == NULL)
        return bus->plaintext ? 0
                              : err_set(err,
                                        "%s without CURVE is refused: set curve_dir, or bus_plaintext where everyone "
                                        "on the network may be trusted",
                                        endpoint);
    link->guarded = true;
    if (link->binds) {
        if (link->served == NULL)
            link->served = bus_guard_serve(bus->guard, link->raw, link->name, &link->counts.refused);
        return 0;
    }
    const char *role = topology_server_role(bus->topology, link->name, endpoint);
    if (role == NULL)
        return err_set(err, "%s: whose key it has cannot be said: list its instance in [tcp]", endpoint);
    link->keys_generation = bus_guard_generation(bus->guard);
    return bus_guard_connect(bus->guard, link->raw, role, err);
}

static int open_endpoint(struct bus_link *link, const char *endpoint, struct err *err)
{
    if (strncmp(endpoint, "tcp://", 6) == 0) {
        if (guard_endpoint(link, endpoint, err) < 0)
            return -1;
    } else if (link->guarded) {
        return err_set(err, "%s beside tcp endpoints with CURVE is not supported", endpoint);
    }
    zwatch_touch(link->watched);
    return link->binds ? bind_link(link, endpoint, err) : connect_link(link, endpoint, err);
}

static int open_endpoints(struct bus_link *link, struct err *err)
{
    const char *endpoints = link->endpoints;
    char endpoint[TOPOLOGY_ENDPOINT_MAX];
    int more;
    while ((more = topology_next(&endpoints, endpoint, err)) == 1)
        if (open_endpoint(link, endpoint, err) < 0)
            return -1;
    return more;
}

static int socket_fd(struct bus_link *link)
{
    int fd = -1;
    size_t size = sizeof fd;
    int got = zmq_getsockopt(link->raw, ZMQ_FD, &fd, &size);
    tb_assert(got == 0 && fd >= 0);
    return fd;
}

static void on_handshake_failed(void *arg, bool for_good);

/* Return: 0, or -1 with err; close_socket is due in any case. */
static int open_socket(struct bus_link *link, struct err *err)
{
    link->sock = zsock_new(zmq_kind(link->kind));
    tb_assert(link->sock != NULL);
    link->raw = zsock_resolve(link->sock);
    link->guarded = false;
    set_options(link);
    link->events = bus_events_new(link->bus->loop, link->raw, link->name, link->binds, &link->counts,
                                  link->binds ? NULL : on_handshake_failed, link);
    link->watched = zwatch_add(link->bus->watch, socket_fd(link), message_waits, take_message, link);
    return open_endpoints(link, err);
}

static void close_socket(struct bus_link *link)
{
    zwatch_remove(&link->watched);
    bus_events_free(&link->events);
    zsock_destroy(&link->sock);
    bus_guard_forget(&link->served);
    link->raw = NULL;
}

/* ---- a client's connections ---- */

/* New keys: at the next look. A connection that ZeroMQ will not try again (the other side asks for no CURVE, or speaks
 * another protocol): later and later, for the link's other connections are cut as well. */
static void on_handshake_failed(void *arg, bool for_good)
{
    struct bus_link *link = arg;
    int64_t now = clock_monotonic_us();
    if (link->guarded && bus_guard_generation(link->bus->guard) != link->keys_generation) {
        if (link->reopen_due_us == 0 || link->reopen_due_us > now)
            link->reopen_due_us = now;
    } else if (for_good && link->reopen_due_us == 0) {
        if (link->reopen_after_us == 0)
            link->reopen_after_us = REOPEN_FIRST_US;
        link->reopen_due_us = now + link->reopen_after_us;
        link->reopen_after_us = link->reopen_after_us * 2 > REOPEN_MAX_US ? REOPEN_MAX_US : link->reopen_after_us * 2;
    }
}

static void reopen(struct bus_link *link)
{
    struct err err = {0};
    uint64_t ended = link->counts.connects - link->counts.disconnects;
    close_socket(link);
    link->counts.disconnects += ended;
    link->reopen_due_us = 0;
    if (open_socket(link, &err) < 0) {
        log_error("link %s: %s", link->name, err.text);
        link->reopen_due_us = clock_monotonic_us() + REOPEN_MAX_US;
    }
}

static void on_look(void *arg)
{
    struct bus *bus = arg;
    for (struct bus_link *link = bus->links; link != NULL; link = link->next) {
        if (!link->binds)
            bus_events_take(link->events);
        if (link->reopen_due_us != 0 && link->reopen_due_us <= clock_monotonic_us())
            reopen(link);
    }
}

struct bus_link *bus_open_at(struct bus *bus, const struct bus_link_spec *spec, const char *endpoints,
                             bus_handler *handler, void *arg, struct err *err)
{
    struct bus_link *link = tb_alloc_zero(1, sizeof *link);
    link->bus = bus;
    link->kind = spec->kind;
    link->binds = spec->binds;
    link->high_water = spec->high_water;
    link->endpoints = tb_strdup(endpoints);
    link->handler = handler;
    link->arg = arg;
    tb_copy_text(link->name, sizeof link->name, spec->name);
    link->next = bus->links;
    bus->links = link;
    if (!link->binds)
        loop_timer_set(bus->look, LOOK_US, LOOK_US);
    if (open_socket(link, err) < 0) {
        char context[NAME_MAX_LENGTH + 8];
        snprintf(context, sizeof context, "link %s", link->name);
        err_wrap(err, context);
        bus_close(&link);
    }
    return link;
}

struct bus_link *bus_open(struct bus *bus, const struct bus_link_spec *spec, bus_handler *handler, void *arg,
                          struct err *err)
{
    const char *endpoints =
        spec->binds ? topology_bind(bus->topology, spec->name, err) : topology_connect(bus->topology, spec->name, err);
    if (endpoints == NULL)
        return NULL;
    return bus_open_at(bus, spec, endpoints, handler, arg, err);
}

void bus_close(struct bus_link **link)
{
    if (*link == NULL)
        return;
    struct bus_link **at = &(*link)->bus->links;
    while (*at != *link)
        at = &(*at)->next;
    *at = (*link)->next;
    forget_delayed(*link);
    close_socket(*link);
    free((*link)->endpoints);
    free(*link);
    *link = NULL;
}

/* Return: false when the frame was not taken; it is closed then. */
static bool send_frame(struct bus_link *link, zmq_msg_t *frame, int flags)
{
    zwatch_touch(link->watched);
    if (zmq_msg_send(frame, link->raw, flags | ZMQ_DONTWAIT) >= 0)
        return true;
    zmq_msg_close(frame);
    return false;
}

static bool send_address(struct bus_link *link, const struct peer *to)
{
    tb_assert(to != NULL && to->length <= sizeof to->bytes);
    if (to->length == 0)
        return false;
    zmq_msg_t frame;
    if (zmq_msg_init_size(&frame, to->length) < 0)
        return false;
    memcpy(zmq_msg_data(&frame), to->bytes, to->length);
    return send_frame(link, &frame, ZMQ_SNDMORE);
}

/* Effect: sends one whole message and closes its frame. Return: whether it was taken. */
static bool send_whole(struct bus_link *link, const struct peer *to, zmq_msg_t *frame)
{
    if (link->kind == BUS_ROUTER && !send_address(link, to)) {
        zmq_msg_close(frame);
        return false;
    }
    return send_frame(link, frame, 0);
}

/* ---- injected faults ---- */

static void arm_delay_timer(struct bus *bus)
{
    if (bus->delayed != NULL) {
        int64_t left_us = bus->delayed->due_us - clock_monotonic_us();
        loop_timer_set(bus->delay_timer, left_us > 0 ? left_us : 0, 0);
    }
}

static void on_delayed(void *arg)
{
    struct bus *bus = arg;
    int64_t now_us = clock_monotonic_us();
    while (bus->delayed != NULL && bus->delayed->due_us <= now_us) {
        struct delayed *first = bus->delayed;
        bus->delayed = first->next;
        bus->delayed_count--;
        if (!send_whole(first->link, &first->to, &first->frame))
            first->link->counts.dropped++;
        free(first);
    }
    arm_delay_timer(bus);
}

static void forget_delayed(struct bus_link *link)
{
    for (struct delayed **at = &link->bus->delayed; *at != NULL;) {
        struct delayed *held = *at;
        if (held->link != link) {
            at = &held->next;
            continue;
        }
        *at = held->next;
        link->bus->delayed_count--;
        zmq_msg_close(&held->frame);
        free(held);
    }
}

/* Effect: keeps the frame (taken) and sends it later; overtaking is the point. */
static bool hold_back(struct bus_link *link, const struct peer *to, zmq_msg_t *frame, int64_t delay_us)
{
    struct bus *bus = link->bus;
    if (bus->delayed_count == DELAYED_MAX) {
        zmq_msg_close(frame);
        return false;
    }
    struct delayed *held = tb_alloc_zero(1, sizeof *held);
    held->link = link;
    held->to = to != NULL ? *to : (struct peer){0};
    held->due_us = clock_monotonic_us() + delay_us;
    zmq_msg_init(&held->frame);
    zmq_msg_move(&held->frame, frame);
    zmq_msg_close(frame);
    struct delayed **at = &bus->delayed;
    while (*at != NULL && (*at)->due_us <= held->due_us)
        at = &(*at)->next;
    held->next = *at;
    *at = held;
    bus->delayed_count++;
    arm_delay_timer(bus);
    return true;
}

/* Effect: sends a message the way the faults in force want it. Return: as send_whole, and true where the network would
 * not tell either. */
static bool send_injected(struct bus_link *link, const struct peer *to, zmq_msg_t *frame)
{
    struct inject_verdict verdict = inject_message(link->name);
    if (verdict.drop) {
        zmq_msg_close(frame);
        return true;
    }
    if (verdict.twice) {
        zmq_msg_t again;
        zmq_msg_init(&again);
        zmq_msg_copy(&again, frame);
        if (verdict.delay_us > 0)
            (void)hold_back(link, to, &again, verdict.delay_us);
        else
            (void)send_whole(link, to, &again);
    }
    return verdict.delay_us > 0 ? hold_back(link, to, frame, verdict.delay_us) : send_whole(link, to, frame);
}

static bool send_message(struct bus_link *link, const struct peer *to, const Tb__Envelope *envelope,
                         const ProtobufCMessage *message, size_t size)
{
    zmq_msg_t frame;
    if (zmq_msg_init_size(&frame, size) < 0)
        return false;
    size_t packed = codec_pack(envelope, message, zmq_msg_data(&frame));
    tb_assert(packed == size);
    return inject_active ? send_injected(link, to, &frame) : send_whole(link, to, &frame);
}

/* Whoever gets a frame beyond its limit drops the connection, and ZeroMQ makes it never again from the connecting side.
 */
static bool is_too_large(const struct bus_link *link, const ProtobufCMessage *message, size_t size)
{
    if (size <= link->bus->frame_max_bytes)
        return false;
    log_error("link %s: a %s of %zu bytes is not sent", link->name, message->descriptor->name, size);
    return true;
}

bool bus_send(struct bus_link *link, const struct peer *to, Tb__MessageType type, const ProtobufCMessage *message,
              Tb__Stream stream, uint64_t first_seq)
{
    struct bus *bus = link->bus;
    tb_assert(message->descriptor == codec_descriptor(type));
    Tb__Envelope envelope = TB__ENVELOPE__INIT;
    envelope.version = CODEC_VERSION;
    envelope.type = type;
    envelope.region = bus->region;
    envelope.stream = stream;
    envelope.first_seq = first_seq;
    envelope.sender = bus->sender;
    envelope.boot_id = bus->boot_id;
    size_t size = codec_packed_size(&envelope, message);
    bool sent = !is_too_large(link, message, size) && send_message(link, to, &envelope, message, size);
    if (sent)
        link->counts.sent++;
    else
        link->counts.dropped++;
    return sent;
}

struct bus_counts bus_link_counts(const struct bus_link *link)
{
    return link->counts;
}

uint64_t bus_link_take_peak(struct bus_link *link)
{
    uint64_t peak = link->burst_peak;
    link->burst_peak = 0;
    return peak;
}
