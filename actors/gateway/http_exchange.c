/* http_exchange: one request's life and identity, and the writing of its answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base.h"
#include "client_address.h"
#include "clock.h"
#include "http_internal.h"
#include "ids.h"

struct http_exchange *http_exchange_new(struct http_server *server, struct http_connection *connection)
{
    struct http_exchange *exchange = server->free;
    if (exchange != NULL) {
        server->free = exchange->next;
        server->free_count--;
    } else {
        exchange = tb_alloc_zero(1, sizeof *exchange);
    }
    exchange->server = server;
    exchange->connection = connection;
    exchange->queued = exchange->answered = false;
    exchange->next = NULL;
    exchange->all_previous = NULL;
    exchange->all_next = server->all;
    if (server->all != NULL)
        server->all->all_previous = exchange;
    server->all = exchange;
    return exchange;
}

void http_exchange_free(struct http_exchange *exchange)
{
    struct http_server *server = exchange->server;
    free(exchange->request.context);
    server->large_bodies -= exchange->large;
    exchange->large = false;
    memset(&exchange->request, 0, sizeof exchange->request);
    if (exchange->all_next != NULL)
        exchange->all_next->all_previous = exchange->all_previous;
    if (exchange->all_previous != NULL)
        exchange->all_previous->all_next = exchange->all_next;
    else
        server->all = exchange->all_next;
    text_clear(&exchange->headers);
    text_release(&exchange->answer);
    exchange->kept_used = 0;
    if (server->free_count < EXCHANGES_KEPT_MAX) {
        http_parse_reset(&exchange->parse);
        exchange->next = server->free;
        server->free = exchange;
        server->free_count++;
        return;
    }
    http_parse_release(&exchange->parse);
    text_release(&exchange->headers);
    free(exchange);
}

static bool is_request_id(const char *text)
{
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return length >= 1 && length <= 64 && text[length] == '\0';
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++)
        any |= bytes[i];
    return any == 0;
}

/* Effect: reads a W3C traceparent. Return: false when it is none. */
static bool read_traceparent(const char *text, uint8_t trace_id[16], uint64_t *parent_span, uint8_t *flags)
{
    uint8_t version, parent[8];
    char part[33];
    size_t length = strlen(text);
    if (length < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-')
        return false;
    memcpy(part, text, 2);
    part[2] = '\0';
    if (!ids_unhex(part, &version, 1) || version == 0xff || (version == 0 && length != 55) ||
        (length > 55 && text[55] != '-'))
        return false;
    memcpy(part, text + 53, 2);
    if (!ids_unhex(part, flags, 1))
        return false;
    memcpy(part, text + 36, 16);
    part[16] = '\0';
    if (!ids_unhex(part, parent, 8) || all_zero(parent, 8))
        return false;
    memcpy(part, text + 3, 32);
    part[32] = '\0';
    if (!ids_unhex(part, trace_id, 16) || all_zero(trace_id, 16))
        return false;
    *parent_span = 0;
    for (size_t i = 0; i < sizeof parent; i++)
        *parent_span = *parent_span << 8 | parent[i];
    return true;
}

static void put_random(struct http_server *server, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64_t value = http_random(server->random_state) | 1; /* never all zero */
        memcpy(bytes + i, &value, 8);
    }
}

/* Effect: a new trace id: milliseconds, then 80 random bits. It rises with time, so that orders are neighbours in the
 * index of traces (docs/decisions/0012-traces-from-rows.md). */
static void put_rising(struct http_server *server, uint8_t trace_id[16])
{
    enum { TIME_BYTES = 6 };
    int64_t milliseconds = clock_now_us() / 1000;
    put_random(server, trace_id, 16);
    for (int i = TIME_BYTES; i-- > 0; milliseconds /= 256)
        trace_id[i] = (uint8_t)(milliseconds % 256);
}

/* Effect: of a trusted proxy's request, takes the client to be whom the proxy names last; where it names nobody, the
 * proxy itself. */
static void identify_client(struct http_exchange *exchange)
{
    struct http_request *request = &exchange->request;
    const char *forwarded = NULL;
    struct in6_addr client;
    request->client_address = exchange->connection->address;
    request->client_is_loopback = exchange->connection->loopback;
    if (!exchange->connection->proxy)
        return;
    for (size_t i = 0; i < request->header_count; i++)
        if (strcasecmp(request->headers[i].name, "X-Forwarded-For") == 0)
            forwarded = request->headers[i].value;
    if (forwarded == NULL || !client_address_forwarded(forwarded, &client))
        return;
    request->client_is_loopback = client_address_describe(&client, exchange->client, sizeof exchange->client);
    request->client_address = exchange->client;
}

void http_exchange_identify(struct http_exchange *exchange)
{
    struct http_request *request = &exchange->request;
    const struct http_parse *parse = &exchange->parse;
    request->verb = parse->verb;
    request->method = parse->method == NULL ? "" : parse->method;
    request->path = parse->path == NULL ? "" : parse->path;
    request->query = parse->query == NULL ? "" : parse->query;
    request->headers = parse->headers;
    request->header_count = parse->path == NULL ? 0 : parse->header_count;
    request->body = parse->body == NULL ? "" : parse->body;
    request->body_length = parse->body_length;
    request->is_http_1_0 = parse->is_http_1_0;
    identify_client(exchange);
    request->received_us = clock_monotonic_us();
    const char *id = http_header(request, "X-Request-Id");
    if (id != NULL && is_request_id(id)) {
        (void)tb_copy_text(request->request_id, sizeof request->request_id, id);
    } else {
        uint8_t bytes[8];
        put_random(exchange->server, bytes, sizeof bytes);
        ids_hex(bytes, sizeof bytes, request->request_id);
    }
    const char *parent = http_header(request, "traceparent");
    exchange->trace_flags = 1;
    if (parent == NULL || http_header_count(request, "traceparent") != 1 ||
        !read_traceparent(parent, request->trace_id, &request->parent_span, &exchange->trace_flags)) {
        request->parent_span = 0;
        exchange->trace_flags = 1;
        put_rising(exchange->server, request->trace_id);
    }
    put_random(exchange->server, request->span_id, sizeof request->span_id);
}

/* --- the answer --- */

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {{101, "Switching Protocols"},
                   {200, "OK"},
                   {201, "Created"},
                   {202, "Accepted"},
                   {204, "No Content"},
                   {301, "Moved Permanently"},
                   {304, "Not Modified"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {409, "Conflict"},
                   {413, "Content Too Large"},
                   {415, "Unsupported Media Type"},
                   {422, "Unprocessable Content"},
                   {426, "Upgrade Required"},
                   {429, "Too Many Requests"},
                   {431, "Request Header Fields Too Large"},
                   {500, "Internal Server Error"},
                   {503, "Service Unavailable"},
                   {505, "HTTP Version Not Supported"}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Status";
}

/* "Sun, 22 Nov 2026 09:21:16 GMT", made once a second. */
static const char *date_text(struct http_server *server)
{
    int64_t second = clock_now_us() / 1000000;
    if (second != server->date_second) {
        struct tm parts;
        time_t seconds = (time_t)second;
        tb_assert(gmtime_r(&seconds, &parts) != NULL);
        tb_assert(strftime(server->date, sizeof server->date, "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0);
        server->date_second = second;
    }
    return server->date;
}

static void add_line(struct text *text, const char *name, const char *value)
{
    size_t name_length = strlen(name), value_length = strlen(value);
    char *to = text_reserve(text, name_length + value_length + 4);
    memcpy(to, name, name_length);
    memcpy(to + name_length, ": ", 2);
    memcpy(to + name_length + 2, value, value_length);
    memcpy(to + name_length + 2 + value_length, "\r\n", 3);
    text->length += name_length + value_length + 4;
}

static void add_traceparent(struct text *text, const struct http_exchange *exchange)
{
    char value[56] = "00-";
    ids_hex(exchange->request.trace_id, 16, value + 3);
    value[35] = '-';
    ids_hex(exchange->request.span_id, 8, value + 36);
    value[52] = '-';
    ids_hex(&exchange->trace_flags, 1, value + 53);
    add_line(text, "traceparent", value);
}

/* What a head says of the connection and the body's length. */
enum framing { FRAMING_LENGTH, FRAMING_LENGTH_THEN_CLOSE, FRAMING_UNTIL_CLOSE, FRAMING_UPGRADE };

static void add_head(struct text *text, struct http_exchange *exchange, int status, const char *content_type,
                     size_t length, enum framing framing)
{
    const struct http_request *request = &exchange->request;
    text_append_string(text, "HTTP/1.1 ");
    text_append_int(text, status);
    text_append(text, " ", 1);
    text_append_string(text, reason_of(status));
    text_append(text, "\r\n", 2);
    add_line(text, "Date", date_text(exchange->server));
    if (content_type != NULL)
        add_line(text, "Content-Type", content_type);
    bool made_as_it_goes = request->verb == VERB_HEAD && content_type != NULL && length == 0;
    if (status != 204 && status != 304 && framing <= FRAMING_LENGTH_THEN_CLOSE && !made_as_it_goes) {
        text_append_string(text, "Content-Length: ");
        text_append_uint(text, length);
        text_append(text, "\r\n", 2);
    }
    add_line(text, "X-Request-Id", request->request_id);
    add_line(text, "X-TB-Region", exchange->server->options.region);
    add_traceparent(text, exchange);
    http_security_headers(text, request->path);
    if (status >= 400 || strncmp(request->path, "/api", 4) == 0)
        add_line(text, "Cache-Control", "no-store");
    if (framing == FRAMING_UPGRADE)
        text_append_string(text, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    else if (framing != FRAMING_LENGTH)
        add_line(text, "Connection", "close");
    else if (exchange->parse.is_http_1_0)
        add_line(text, "Connection", "keep-alive");
    text_append(text, exchange->headers.bytes, exchange->headers.length);
    text_append(text, "\r\n", 2);
}

void http_exchange_head_of_stream(struct http_exchange *exchange, struct text *text, int status,
                                  const char *content_type)
{
    add_head(text, exchange, status, content_type, 0, status == 101 ? FRAMING_UPGRADE : FRAMING_UNTIL_CLOSE);
}

void http_add_header(struct http_request *request, const char *name, const char *value)
{
    struct http_exchange *exchange = (struct http_exchange *)request;
    for (const char *c = value; *c != '\0'; c++)
        tb_assert((unsigned char)*c >= 0x20 && *c != 0x7f);
    add_line(&exchange->headers, name, value);
}

const char *http_keep(struct http_request *request, const char *text)
{
    struct http_exchange *exchange = (struct http_exchange *)request;
    size_t size = strlen(text) + 1;
    tb_assert(size <= KEPT_MAX - exchange->kept_used);
    char *copy = exchange->kept + exchange->kept_used;
    memcpy(copy, text, size);
    exchange->kept_used += size;
    return copy;
}

void http_respond(struct http_request *request, int status, const char *content_type, const char *body, size_t length)
{
    struct http_exchange *exchange = (struct http_exchange *)request;
    struct http_connection *connection = exchange->connection;
    struct http_server *server = exchange->server;
    tb_assert(!exchange->answered);
    exchange->answered = true;
    if (connection == NULL) {
        http_exchange_free(exchange);
        return;
    }
    bool last = exchange->next == NULL && (server->draining || connection->saw_eof);
    bool closes = !exchange->parse.keep_alive || exchange->parse.state != HTTP_PARSE_DONE || last;
    struct text *text = connection->queue_first == exchange ? &connection->out : &exchange->answer;
    if (content_type == NULL || status == 204 || status == 304)
        length = 0;
    add_head(text, exchange, status, content_type, length, closes ? FRAMING_LENGTH_THEN_CLOSE : FRAMING_LENGTH);
    if (request->verb != VERB_HEAD && length > 0)
        text_append(text, body, length);
    if (closes)
        connection->ended = true;
    if (server->handler.on_response != NULL)
        server->handler.on_response(server->arg, request, status, clock_monotonic_us() - request->received_us);
    if (connection->queue_first == exchange)
        http_connection_advance(connection);
    http_connection_mark(connection);
}

void http_respond_json(struct http_request *request, int status, const char *body, size_t length)
{
    http_respond(request, status, "application/json", body, length);
}

const char *http_header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    }
    return NULL;
}

size_t http_header_count(const struct http_request *request, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < request->header_count; i++)
        count += strcasecmp(request->headers[i].name, name) == 0;
    return count;
}

bool http_client_is_gone(const struct http_request *request)
{
    return ((const struct http_exchange *)request)->connection == NULL;
}
