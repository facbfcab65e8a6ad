/* http_connection: one client. Reads, lets http_parse cut requests out of the bytes, keeps answers in order, writes
 * once a turn. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"
#include "clock.h"
#include "http_internal.h"
#include "problem.h"

static void on_io(void *arg, int fd, int events);

static void watch(struct http_connection *connection, int events)
{
    if (connection->events == events)
        return;
    connection->events = events;
    loop_io_change(connection->io, events);
}

static bool is_sending(const struct http_connection *connection)
{
    return connection->out_sent < connection->out.length;
}

static void set_deadline(struct http_connection *connection, int64_t timeout_us)
{
    connection->deadline_us = clock_monotonic_us() + timeout_us;
}

void http_connection_accept(struct http_server *server, int fd, const char *address, bool loopback, bool proxy)
{
    int on = 1;
    struct http_connection *connection = tb_alloc_zero(1, sizeof *connection);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->server = server;
    connection->fd = fd;
    connection->loopback = loopback;
    connection->proxy = proxy;
    (void)tb_copy_text(connection->address, sizeof connection->address, address);
    connection->events = LOOP_READ;
    connection->io = loop_io_new(server->loop, fd, LOOP_READ, on_io, connection);
    connection->next = server->connections;
    if (server->connections != NULL)
        server->connections->previous = connection;
    server->connections = connection;
    server->connection_count++;
    (void)address_count_add(server->addresses, connection->address);
    set_deadline(connection, server->options.head_timeout_us);
}

void http_connection_mark(struct http_connection *connection)
{
    if (connection->dirty)
        return;
    /* Answers may come after this turn's on_prepare has run (another prepare watcher's): then the loop must not sleep.
     */
    if (connection->server->dirty == NULL)
        loop_timer_set(connection->server->wake, 0, 0);
    connection->dirty = true;
    connection->dirty_next = connection->server->dirty;
    connection->server->dirty = connection;
}

/* Effect: lets go of the client; requests still with their handlers become orphans. */
void http_connection_close(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    tb_assert(!connection->dirty);
    if (connection->reading != NULL)
        http_exchange_free(connection->reading);
    for (struct http_exchange *exchange = connection->queue_first, *next; exchange != NULL; exchange = next) {
        next = exchange->next;
        exchange->next = NULL;
        exchange->connection = NULL;
        exchange->request.client_address = "";
        if (exchange->answered)
            http_exchange_free(exchange);
    }
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        server->connections = connection->next;
    server->connection_count--;
    address_count_remove(server->addresses, connection->address);
    loop_io_free(&connection->io);
    (void)close(connection->fd);
    if (connection->stream != NULL)
        connection->stream->on_closed(connection->stream_arg);
    text_release(&connection->pending);
    text_release(&connection->out);
    free(connection);
}

/* --- requests --- */

static void enqueue(struct http_connection *connection, struct http_exchange *exchange)
{
    exchange->queued = true;
    if (connection->queue_last != NULL)
        connection->queue_last->next = exchange;
    else
        connection->queue_first = exchange;
    connection->queue_last = exchange;
    connection->queue_count++;
}

void http_connection_advance(struct http_connection *connection)
{
    for (struct http_exchange *exchange; (exchange = connection->queue_first) != NULL && exchange->answered;) {
        text_append(&connection->out, exchange->answer.bytes, exchange->answer.length);
        connection->queue_first = exchange->next;
        if (connection->queue_first == NULL)
            connection->queue_last = NULL;
        connection->queue_count--;
        http_exchange_free(exchange);
    }
    if (connection->queue_count == 0)
        set_deadline(connection, connection->server->options.idle_timeout_us);
}

void http_connection_refuse(struct http_connection *connection, struct http_exchange *exchange)
{
    int status = exchange->parse.status;
    enum problem_code code = status == 503 ? PROBLEM_BACKPRESSURE : problem_code_for_status(status);
    const char *reason = exchange->parse.reason;
    connection->ended = true;
    connection->reading = NULL;
    http_exchange_identify(exchange);
    enqueue(connection, exchange);
    problem_respond(&exchange->request, code, reason);
}

static void deliver(struct http_connection *connection, struct http_exchange *exchange)
{
    struct http_server *server = connection->server;
    connection->reading = NULL;
    if (!exchange->parse.keep_alive)
        connection->ended = true;
    http_exchange_identify(exchange);
    enqueue(connection, exchange);
    server->handler.on_request(server->arg, &exchange->request);
}

/* Effect: a body that may become larger than usual is one of a few: memory for them is bounded whoever connects. */
static void count_large(struct http_server *server, struct http_exchange *exchange)
{
    struct http_parse *parse = &exchange->parse;
    if (parse->body_max <= HTTP_BODY_MAX || parse->content_length > parse->body_max ||
        (!parse->chunked && parse->content_length <= HTTP_BODY_MAX))
        return;
    if (server->large_bodies == LARGE_BODIES_MAX) {
        http_parse_refuse(parse, 503, "Too many large bodies are under way; try again in a moment.");
        return;
    }
    server->large_bodies++;
    exchange->large = true;
}

/* Effect: the head is there: how large may the body be, and does the client wait for our word? */
static void on_head(struct http_connection *connection, struct http_exchange *exchange, bool more_bytes)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct http_server *server = connection->server;
    struct http_parse *parse = &exchange->parse;
    parse->body_max = server->handler.body_limit(server->arg, parse->verb, parse->path);
    count_large(server, exchange);
    if (parse->state == HTTP_PARSE_REFUSED)
        return;
    bool fits = parse->chunked || (parse->content_length > 0 && parse->content_length <= parse->body_max);
    if (parse->expects_continue && fits && !more_bytes && connection->queue_count == 0) {
        text_append(&connection->out, go_on, sizeof go_on - 1);
        http_connection_mark(connection);
    }
    set_deadline(connection, server->options.body_timeout_us);
}

static bool must_pause(const struct http_connection *connection)
{
    return connection->queue_count >= QUEUE_MAX || connection->out.length - connection->out_sent > OUT_MAX;
}

/* Effect: cuts requests out of bytes and hands them over; what a pause leaves goes to pending. */
static void take_bytes(struct http_connection *connection, const char *bytes, size_t size)
{
    size_t used = 0;
    while (used < size && !connection->ended) {
        if (connection->stream != NULL) {
            if (connection->stream->on_bytes != NULL)
                connection->stream->on_bytes(connection->stream_arg, bytes + used, size - used);
            return;
        }
        if (must_pause(connection)) {
            connection->paused = true;
            text_append(&connection->pending, bytes + used, size - used);
            http_connection_mark(connection);
            return;
        }
        struct http_exchange *exchange = connection->reading;
        if (exchange == NULL) {
            exchange = connection->reading = http_exchange_new(connection->server, connection);
            set_deadline(connection, connection->server->options.head_timeout_us);
        }
        used += http_parse_feed(&exchange->parse, bytes + used, size - used);
        if (exchange->parse.state == HTTP_PARSE_HEAD) {
            on_head(connection, exchange, used < size);
            used += http_parse_feed(&exchange->parse, bytes + used, size - used);
        }
        if (exchange->parse.state == HTTP_PARSE_REFUSED)
            http_connection_refuse(connection, exchange);
        else if (exchange->parse.state == HTTP_PARSE_DONE)
            deliver(connection, exchange);
    }
}

/* --- the socket --- */

static void on_end_of_input(struct http_connection *connection)
{
    connection->saw_eof = true;
    if (connection->stream != NULL && !connection->ended)
        connection->broken = true; /* the reader of a stream is gone; one that we end still gets our last words */
    connection->ended = true;
    if (connection->reading != NULL) {
        http_exchange_free(connection->reading);
        connection->reading = NULL;
    }
    http_connection_mark(connection);
}

static void read_some(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    ssize_t size = recv(connection->fd, server->read_buffer, sizeof server->read_buffer, 0);
    if (size > 0) {
        if (!connection->ended)
            take_bytes(connection, server->read_buffer, (size_t)size);
    } else if (size == 0) {
        on_end_of_input(connection);
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        connection->broken = true;
        http_connection_mark(connection);
    }
}

static void on_io(void *arg, int fd, int events)
{
    struct http_connection *connection = arg;
    (void)fd;
    if ((events & LOOP_READ) != 0)
        read_some(connection);
    if ((events & LOOP_WRITE) != 0)
        http_connection_mark(connection);
}

static void write_out(struct http_connection *connection)
{
    struct text *out = &connection->out;
    while (is_sending(connection)) {
        ssize_t size =
            send(connection->fd, out->bytes + connection->out_sent, out->length - connection->out_sent, MSG_NOSIGNAL);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
            connection->broken = true;
            return;
        }
        if (size <= 0)
            break;
        connection->out_sent += (size_t)size;
        connection->write_deadline_us = 0;
    }
    if (is_sending(connection)) {
        if (connection->write_deadline_us == 0)
            connection->write_deadline_us = clock_monotonic_us() + WRITE_TIMEOUT_US;
        if (connection->out_sent > out->length / 2) { /* a stream's buffer may never be empty: give back what is sent */
            out->length -= connection->out_sent;
            memmove(out->bytes, out->bytes + connection->out_sent, out->length + 1);
            connection->out_sent = 0;
        }
        return;
    }
    connection->write_deadline_us = 0;
    connection->out_sent = 0;
    text_clear(out);
    if (out->capacity > OUT_KEPT_MAX)
        text_release(out);
}

bool http_connection_can_resume(const struct http_connection *connection)
{
    return connection->paused && !must_pause(connection) && !connection->broken;
}

void http_connection_resume(struct http_connection *connection)
{
    struct text pending = connection->pending;
    connection->pending = (struct text){0};
    connection->paused = false;
    if (!connection->ended)
        take_bytes(connection, pending.bytes, pending.length);
    text_release(&pending);
}

/* Effect: all answers are given and sent and nothing more is taken: shuts our side and waits for the client to read and
 * close, because closing with unread input would reset the connection and could eat our answer. */
static void end(struct http_connection *connection)
{
    if (connection->saw_eof || shutdown(connection->fd, SHUT_WR) < 0) {
        connection->broken = true;
        return;
    }
    connection->lingering = true;
    set_deadline(connection, LINGER_TIMEOUT_US);
}

/* Effect: lets the stream fill what the kernel takes. Return: whether it has more to say and the kernel takes more. */
static bool write_stream(struct http_connection *connection)
{
    bool has_more = true;
    connection->dirty = true; /* what it writes now goes out now: no second turn for that */
    for (int round = 0; has_more && round < HTTP_STREAM_ROUNDS_PER_TURN; round++) {
        bool more = !connection->ended && !connection->cut && connection->stream->on_room(connection->stream_arg);
        write_out(connection);
        if (connection->cut)
            connection->broken = true;
        has_more = more && !connection->broken && !connection->ended && !is_sending(connection);
    }
    connection->dirty = false;
    return has_more;
}

bool http_connection_finish_turn(struct http_connection *connection)
{
    bool has_more = false;
    if (!connection->broken && connection->stream != NULL)
        has_more = write_stream(connection);
    else if (!connection->broken)
        write_out(connection);
    if (connection->ended && connection->queue_count == 0 && !is_sending(connection) && !connection->lingering)
        end(connection);
    if (connection->broken || (connection->lingering && connection->saw_eof)) {
        http_connection_close(connection);
        return false;
    }
    bool reads = !connection->saw_eof && (!connection->paused || connection->lingering);
    watch(connection, (reads ? LOOP_READ : 0) | (is_sending(connection) ? LOOP_WRITE : 0));
    return has_more || http_connection_can_resume(connection);
}
