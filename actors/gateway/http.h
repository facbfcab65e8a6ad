/* http: a strict HTTP/1.1 server on the loop. It reads requests, hands each complete one to its handler, and writes the
 * answers of one connection in the order of their requests, one write per connection and loop turn. Nothing blocks.
 *
 * A request is the handler's until it calls http_respond: exactly once, at once or any time later, also when
 * the client is gone (then nothing is written). Everything in struct http_request stays valid until then. http_respond
 * ends it.
 *
 *   static void on_request(void *arg, struct http_request *request) { http_respond(request, 200, "text/plain",
 * "hello\n", 6); } struct http_server *server = http_server_new(loop, &options, &handler, arg, &err);
 *
 * Refused here, with a problem document and the end of the connection: whatever http_parse.h refuses, bodies above the
 * route's limit (413), heads and bodies that do not come in time (408). Only http_parse.c includes http_parser.h.
 * Threading: the loop's thread. */
#ifndef TB_GATEWAY_HTTP_H
#define TB_GATEWAY_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "http_parse.h"
#include "loop.h"

struct http_server;
struct proxies; /* client_address.h */

#define HTTP_DRAIN_QUIET_US 300000

struct http_request {
    enum http_verb verb;
    const char *method; /* the token as it came: "GET" */
    const char *
        path; /* still percent-encoded (valid encoding, no NUL inside), without the query; begins with '/', or is "*" */
    const char *query; /* still encoded, without '?'; "" = none */
    const struct http_header *headers;
    size_t header_count;
    const char *body; /* body[body_length] is 0 */
    size_t body_length;
    /* "127.0.0.1"; of IPv6 the first 64 bits, "2001:db8:1:2::"; behind a trusted proxy what that says */
    const char *client_address;
    bool client_is_loopback;
    char request_id[68];  /* what X-Request-Id answers */
    uint8_t trace_id[16]; /* the caller's, or a new one */
    uint8_t span_id[8];   /* ours */
    bool is_http_1_0;     /* knows no upgrade */
    uint64_t parent_span; /* of the caller's traceparent, big-endian; 0 = none */
    int64_t received_us;  /* clock_monotonic_us when the request was complete */
    /* For handlers. */
    const char *params[4]; /* of the route's {…}, decoded; set by the router */
    void *context;         /* the handler's; free()d with the request */
};

/* Return: the first header of that name (any case), or NULL. */
const char *http_header(const struct http_request *request, const char *name);
/* Return: how many headers of that name there are. */
size_t http_header_count(const struct http_request *request, const char *name);

/* Effect: copies text; the copy lives as long as the request. Together at most 1024 bytes (asserted): for path
 * parameters. */
const char *http_keep(struct http_request *request, const char *text);

/* Effect: adds a header to the coming answer. value must not hold control characters (asserted). */
void http_add_header(struct http_request *request, const char *name, const char *value);

/* Effect: answers and ends the request. body is copied; content_type NULL = no body at all (204). Content-Length, Date,
 * X-Request-Id, X-TB-Region, traceparent, the headers of http_security.c and, under /api, Cache-Control are added
 * here; HEAD sends no body, and no length when that is 0 with a content_type: the body is made as it goes. */
void http_respond(struct http_request *request, int status, const char *content_type, const char *body, size_t length);
/* The same with Content-Type application/json. */
void http_respond_json(struct http_request *request, int status, const char *body, size_t length);

/* Return: whether the client went away meanwhile (the answer is still owed to the server). */
bool http_client_is_gone(const struct http_request *request);

struct http_handler {
    /* Effect: takes over one complete request. */
    void (*on_request)(void *arg, struct http_request *request);
    /* Return: how many bytes of body this request may have. */
    size_t (*body_limit)(void *arg, enum http_verb verb, const char *path);
    /* Called before the loop sleeps, before answers are written: the place to send what a turn has gathered. May be
     * NULL. */
    void (*on_turn)(void *arg);
    /* Called for each answer. duration_us: request complete to answer written into the connection's buffer. May be
     * NULL. */
    void (*on_response)(void *arg, const struct http_request *request, int status, int64_t duration_us);
};

struct http_options {
    const char *address; /* "127.0.0.1" */
    int port;            /* 0 = any free one (tests) */
    bool shared;         /* other servers may have the same port (SO_REUSEPORT); http_server_listen begins */
    const char *region;  /* X-TB-Region; borrowed */
    size_t connections_max;
    size_t connections_per_address_max; /* of clients elsewhere; 0 = no limit of its own */
    size_t connections_loopback_max;    /* of each loopback address and trusted proxy; 0 = no limit of its own */
    const struct proxies *proxies;      /* whose X-Forwarded-For we believe; borrowed; NULL = nobody's */
    int64_t head_timeout_us;            /* first byte to end of head */
    int64_t body_timeout_us;            /* end of head to end of body */
    int64_t idle_timeout_us;            /* keep-alive */
};

/* Effect: takes the port, and listens unless it is shared. Gives a server for http_server_free, or NULL with err set
 * (the port is taken, …). */
struct http_server *http_server_new(struct loop *loop, const struct http_options *options,
                                    const struct http_handler *handler, void *arg, struct err *err);
/* Effect: begins to listen; nothing when it does already or drains. Return: 0, or -1 with err set. */
int http_server_listen(struct http_server *server, struct err *err);
/* Effect: closes everything. Requests still with their handler are dropped: http_respond must not be called any more.
 */
void http_server_free(struct http_server **server);
/* Effect: takes in whoever has connected already, stops listening, ends each connection after the next answer, and
 * those that ask nothing after HTTP_DRAIN_QUIET_US: a request on its way when we began is still answered. */
void http_server_drain(struct http_server *server);
/* Return: whether everybody was answered and the quiet ones are gone. */
bool http_server_is_drained(const struct http_server *server);
int http_server_port(const struct http_server *server);
size_t http_server_connections(const struct http_server *server);
/* Return: how many connections were closed at once because there were too many. */
uint64_t http_server_refused(const struct http_server *server);
/* Return: requests that handlers still hold. */
size_t http_server_unanswered(const struct http_server *server);

#endif
