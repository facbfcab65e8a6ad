/* http: listens, accepts, keeps the time limits, and ends each loop turn: handlers first, then one write per
 * connection. */
#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"
#include "client_address.h"
#include "clock.h"
#include "http_internal.h"
#include "ids.h"
#include "log.h"
#include "problem.h"

enum { ACCEPTS_PER_TURN = 64, LISTEN_BACKLOG = 1024 };

uint64_t http_random(uint64_t state[2])
{
    uint64_t a = state[0], b = state[1], result = a + b;
    b ^= a;
    state[0] = ((a << 24) | (a >> 40)) ^ b ^ (b << 16);
    state[1] = (b << 37) | (b >> 27);
    return result;
}

/* Return: whether one more connection of this address is too many. A proxy that we believe comes for many. */
static bool is_too_many(const struct http_server *server, const char *address, bool near)
{
    size_t most = near ? server->options.connections_loopback_max : server->options.connections_per_address_max;
    return server->connection_count >= server->options.connections_max ||
           (most > 0 && address_count_of(server->addresses, address) >= most);
}

static void on_accept(void *arg, int fd, int events)
{
    struct http_server *server = arg;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage peer;
        socklen_t size = sizeof peer;
        int client = accept4(fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
            loop_io_change(server->listen_io, 0); /* until the next sweep: asking at once again would spin */
        if (client < 0)
            return;
        char address[ADDRESS_TEXT_MAX];
        struct in6_addr from = client_address_of(&peer);
        bool loopback = client_address_describe(&from, address, sizeof address);
        bool proxy = server->options.proxies != NULL && proxies_trust(server->options.proxies, &from);
        if (is_too_many(server, address, loopback || proxy)) {
            server->refused_count++;
            (void)close(client);
            continue;
        }
        http_connection_accept(server, client, address, loopback, proxy);
    }
}

/* Effect: lets paused connections go on whose answers have left room; that may bring new requests, so handlers gather
 * again. */
static void resume_paused(struct http_server *server)
{
    for (bool again = true; again;) {
        again = false;
        for (struct http_connection *c = server->dirty; c != NULL; c = c->dirty_next) {
            if (http_connection_can_resume(c)) {
                http_connection_resume(c);
                again = again || c->paused;
            }
        }
    }
}

static void on_prepare(void *arg)
{
    struct http_server *server = arg;
    resume_paused(server);
    if (server->handler.on_turn != NULL)
        server->handler.on_turn(server->arg);
    struct http_connection *again = NULL;
    while (server->dirty != NULL) {
        struct http_connection *connection = server->dirty;
        server->dirty = connection->dirty_next;
        connection->dirty = false;
        if (http_connection_finish_turn(connection)) {
            connection->dirty = true;
            connection->dirty_next = again;
            again = connection;
        }
    }
    server->dirty = again;
    if (again != NULL)
        loop_timer_set(server->wake, 0, 0);
    else
        loop_timer_clear(server->wake);
}

/* The next prepare does the work. */
static void on_wake(void *arg)
{
    (void)arg;
}

/* Effect: a request that does not come in time is answered 408 when it has begun, and closed silently when it has not.
 */
static void expire(struct http_connection *connection)
{
    if (connection->reading != NULL && connection->reading->parse.state != HTTP_PARSE_START && !connection->ended) {
        struct http_exchange *exchange = connection->reading;
        exchange->parse.status = 408;
        exchange->parse.reason = "The request did not arrive in time.";
        http_connection_refuse(connection, exchange);
        return;
    }
    connection->broken = true;
    http_connection_mark(connection);
}

static void on_sweep(void *arg)
{
    struct http_server *server = arg;
    int64_t now = clock_monotonic_us();
    if (server->listen_io != NULL)
        loop_io_change(server->listen_io, LOOP_READ);
    for (struct http_connection *c = server->connections; c != NULL; c = c->next) {
        bool waits_for_us = c->queue_count > 0 || (c->out_sent < c->out.length && !c->lingering);
        if (c->write_deadline_us != 0 && now > c->write_deadline_us) {
            c->broken = true;
            http_connection_mark(c);
        } else if (c->stream != NULL && !c->lingering) {
            continue; /* quiet streams are no idle connections */
        } else if ((!waits_for_us || c->reading != NULL) && now > c->deadline_us) {
            expire(c);
        }
    }
}

/* While draining: who has asked nothing until now will not be waited for. */
static void on_quiet(void *arg)
{
    struct http_server *server = arg;
    server->quiet_ended = true;
    for (struct http_connection *c = server->connections; c != NULL; c = c->next) {
        if (c->reading == NULL) {
            c->ended = true;
            http_connection_mark(c);
        }
    }
}

static int listen_on(const struct http_options *options, int *port, struct err *err)
{
    char service[16];
    (void)snprintf(service, sizeof service, "%d", options->port);
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *info = NULL;
    int fd = -1, on = 1, code = getaddrinfo(options->address, service, &hints, &info);
    if (code != 0)
        return err_set(err, "listen address %s: %s", options->address, gai_strerror(code));
    fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        (options->shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) ||
        bind(fd, info->ai_addr, info->ai_addrlen) < 0 || (!options->shared && listen(fd, LISTEN_BACKLOG) < 0)) {
        (void)err_set(err,
                      errno == EADDRINUSE
                          ? "port %d on %s is taken by another program; choose another with --port or TB_PORT"
                          : "cannot listen on port %d of %s",
                      options->port, options->address);
        if (fd >= 0)
            (void)close(fd);
        freeaddrinfo(info);
        return -1;
    }
    freeaddrinfo(info);
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    tb_assert(getsockname(fd, (struct sockaddr *)&bound, &size) == 0);
    *port = ntohs(bound.ss_family == AF_INET ? ((struct sockaddr_in *)&bound)->sin_port
                                             : ((struct sockaddr_in6 *)&bound)->sin6_port);
    return fd;
}

struct http_server *http_server_new(struct loop *loop, const struct http_options *options,
                                    const struct http_handler *handler, void *arg, struct err *err)
{
    int port = 0;
    int fd = listen_on(options, &port, err);
    if (fd < 0)
        return NULL;
    struct http_server *server = tb_alloc_zero(1, sizeof *server);
    server->loop = loop;
    server->options = *options;
    server->handler = *handler;
    server->arg = arg;
    server->listen_fd = fd;
    server->addresses = address_count_new(options->connections_max);
    server->port = port;
    ids_random(server->random_state, sizeof server->random_state);
    server->random_state[0] |= 1;
    if (!options->shared)
        server->listen_io = loop_io_new(loop, fd, LOOP_READ, on_accept, server);
    server->prepare = loop_prepare_new(loop, on_prepare, server);
    server->sweep = loop_timer_new(loop, on_sweep, server);
    server->wake = loop_timer_new(loop, on_wake, server);
    server->quiet = loop_timer_new(loop, on_quiet, server);
    loop_timer_set(server->sweep, SWEEP_INTERVAL_US, SWEEP_INTERVAL_US);
    return server;
}

int http_server_listen(struct http_server *server, struct err *err)
{
    if (server->listen_io != NULL || server->draining)
        return 0;
    if (listen(server->listen_fd, LISTEN_BACKLOG) < 0)
        return err_set(err, "cannot listen on port %d of %s: %s", server->port, server->options.address,
                       strerror(errno));
    server->listen_io = loop_io_new(server->loop, server->listen_fd, LOOP_READ, on_accept, server);
    return 0;
}

static void stop_listening(struct http_server *server)
{
    loop_io_free(&server->listen_io);
    if (server->listen_fd >= 0)
        (void)close(server->listen_fd);
    server->listen_fd = -1;
}

void http_server_drain(struct http_server *server)
{
    if (server->draining)
        return;
    server->draining = true;
    if (server->listen_io != NULL)
        for (int i = 0; i < LISTEN_BACKLOG / ACCEPTS_PER_TURN; i++)
            on_accept(server, server->listen_fd, LOOP_READ); /* closing the queue would reset who is in it */
    stop_listening(server);
    loop_timer_set(server->quiet, HTTP_DRAIN_QUIET_US, 0);
}

bool http_server_is_drained(const struct http_server *server)
{
    return server->draining && (server->quiet_ended || server->connection_count == 0) &&
           http_server_unanswered(server) == 0;
}

void http_server_free(struct http_server **server)
{
    struct http_server *s = *server;
    if (s == NULL)
        return;
    *server = NULL;
    stop_listening(s);
    for (struct http_connection *c = s->dirty; c != NULL; c = c->dirty_next)
        c->dirty = false;
    while (s->connections != NULL)
        http_connection_close(s->connections);
    while (s->all != NULL)
        http_exchange_free(s->all);
    for (struct http_exchange *exchange = s->free, *next; exchange != NULL; exchange = next) {
        next = exchange->next;
        http_parse_release(&exchange->parse);
        text_release(&exchange->headers);
        free(exchange);
    }
    address_count_free(&s->addresses);
    loop_prepare_free(&s->prepare);
    loop_timer_free(&s->sweep);
    loop_timer_free(&s->wake);
    loop_timer_free(&s->quiet);
    free(s);
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

size_t http_server_unanswered(const struct http_server *server)
{
    size_t count = 0;
    for (const struct http_exchange *exchange = server->all; exchange != NULL; exchange = exchange->all_next)
        count += exchange->queued;
    return count;
}

uint64_t http_server_refused(const struct http_server *server)
{
    return server->refused_count;
}

size_t http_server_connections(const struct http_server *server)
{
    return server->connection_count;
}
