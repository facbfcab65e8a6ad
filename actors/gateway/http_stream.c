/* http_stream: the stream is the connection itself, under another name. */
#include "http_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base.h"
#include "clock.h"
#include "http_internal.h"

static struct http_connection *connection_of(const struct http_stream *stream)
{
    return (struct http_connection *)(uintptr_t)stream;
}

struct http_stream *http_stream_begin(struct http_request *request, int status, const char *content_type,
                                      const struct http_stream_handler *handler, void *arg)
{
    struct http_exchange *exchange = (struct http_exchange *)request;
    struct http_connection *connection = exchange->connection;
    tb_assert(exchange->queued && !exchange->answered);
    if (connection == NULL || connection->queue_first != exchange || exchange->next != NULL || connection->saw_eof ||
        exchange->server->draining)
        return NULL;
    const int buffer = HTTP_STREAM_SEND_BUFFER, patience_ms = HTTP_STREAM_PEER_TIMEOUT_MS;
    (void)setsockopt(connection->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof patience_ms);
    http_exchange_head_of_stream(exchange, &connection->out, status, content_type);
    connection->stream = handler;
    connection->stream_arg = arg;
    connection->ended = false; /* also after Connection: close: the stream itself ends the connection */
    struct http_server *server = exchange->server;
    if (server->handler.on_response != NULL)
        server->handler.on_response(server->arg, request, status, clock_monotonic_us() - request->received_us);
    connection->queue_first = connection->queue_last = NULL;
    connection->queue_count = 0;
    http_exchange_free(exchange);
    http_connection_mark(connection);
    return (struct http_stream *)connection;
}

void http_stream_write(struct http_stream *stream, const void *bytes, size_t size)
{
    text_append(&connection_of(stream)->out, bytes, size);
    http_connection_mark(connection_of(stream));
}

struct text *http_stream_text(struct http_stream *stream)
{
    return &connection_of(stream)->out;
}

size_t http_stream_unsent(const struct http_stream *stream)
{
    return connection_of(stream)->out.length - connection_of(stream)->out_sent;
}

void http_stream_wake(struct http_stream *stream)
{
    http_connection_mark(connection_of(stream));
}

void http_stream_end(struct http_stream *stream)
{
    connection_of(stream)->ended = true;
    http_connection_mark(connection_of(stream));
}

void http_stream_cut(struct http_stream *stream)
{
    connection_of(stream)->cut = true;
    http_connection_mark(connection_of(stream));
}
