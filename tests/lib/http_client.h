/* http_client: speaks HTTP/1.1 to a server under test, over connections that stay open. Two faces over one reader of
 * answers: http_client (one connection, calls wait) and http_swarm (many connections on one epoll, nothing waits). It
 * believes nothing the server says without a limit: heads up to 64 KiB, bodies up to 64 MiB. Redirects, TLS and
 * pipelining are not its business. Threading: none shared. Time-outs use the monotonic clock.
 *
 *   struct http_client *client = http_client_new("127.0.0.1", port, 5000);
 *   struct http_response response;
 *   if (http_client_call(client, "GET", "/health/live", NULL, NULL, 0, &response, &err) == 0)
 *       ck_assert_int_eq(response.status, 200);
 *   http_client_free(&client); */
#ifndef TB_TEST_HTTP_CLIENT_H
#define TB_TEST_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

/* One whole answer. Everything is borrowed from the connection until its next request. */
struct http_response {
    int status;
    const char *head; /* status line and header lines, ends with 0 */
    const char *body; /* ends with a 0 beyond its size */
    size_t body_size;
    bool keep_alive; /* the connection can be used again */
};

/* Effect: copies the value of the first header of that name (any case) into value, cut at size. Return: value, or NULL
 * when there is none. */
const char *http_response_header(const struct http_response *response, const char *name, char *value, size_t size);

/* ---- the reader of answers ---- */

enum http_progress { HTTP_MORE, HTTP_DONE, HTTP_BROKEN };

struct http_reader {
    char *bytes; /* what came, and behind the head the body with its chunk framing taken out */
    size_t size, capacity;
    size_t head_size; /* 0 = the head is not complete */
    size_t body_size; /* decoded so far */
    size_t at;        /* first byte not yet looked at */
    uint64_t left;    /* of the body, or of the chunk */
    int phase;
    bool no_body; /* the request was a HEAD */
    struct http_response response;
};

/* Effect: makes ready for the next answer; memory is kept. no_body: it answers a HEAD. */
void http_reader_start(struct http_reader *reader, bool no_body);
/* Effect: takes bytes; at_end: the peer closed (size may be 0). Return: DONE when reader->response is whole, BROKEN
 * when it is not HTTP or too large. */
enum http_progress http_reader_feed(struct http_reader *reader, const char *bytes, size_t size, bool at_end);
void http_reader_release(struct http_reader *reader);

/* ---- one connection, waiting ---- */

struct http_client;

/* Gives a client for http_client_free; it connects at its first call. host: an IPv4 address. timeout_ms: of one call,
 * from its start. */
struct http_client *http_client_new(const char *host, int port, int timeout_ms);
void http_client_free(struct http_client **client);

/* Effect: one request. headers: more lines, each with its CRLF, or NULL; Host and, with a body, Content-Length are
 * added. Connects anew when the last answer closed the connection, or the peer has closed it while it was idle. Return:
 * 0 with *response filled, or -1 with err. */
int http_client_call(struct http_client *client, const char *method, const char *path, const char *headers,
                     const char *body, size_t body_size, struct http_response *response, struct err *err);

/* ---- many connections ---- */

struct http_swarm;

/* response NULL: the connection broke before a whole answer; whether the request was carried out is unknown. The slot
 * is free again. */
typedef void http_swarm_handler(void *arg, size_t slot, const struct http_response *response);

/* Gives a swarm of `slots` connections, none of them open yet, or NULL with err set. */
struct http_swarm *http_swarm_new(const char *host, int port, size_t slots, http_swarm_handler *handler, void *arg,
                                  struct err *err);
void http_swarm_free(struct http_swarm **swarm);

/* Effect: sends request (whole, copied) on a slot that waits for no answer, connecting first if need be. The handler
 * hears the outcome, also a refused connection, always from http_swarm_wait. */
void http_swarm_send(struct http_swarm *swarm, size_t slot, const char *request, size_t size);
/* Effect: gives the slot's connection up; its handler hears NULL at the next http_swarm_wait. */
void http_swarm_abandon(struct http_swarm *swarm, size_t slot);
/* Effect: waits at most timeout_us for anything to happen and handles all that has. */
void http_swarm_wait(struct http_swarm *swarm, int64_t timeout_us);

#endif
