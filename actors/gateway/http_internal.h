/* http_internal: what the three files of the server share. Not for others. */
#ifndef TB_GATEWAY_HTTP_INTERNAL_H
#define TB_GATEWAY_HTTP_INTERNAL_H

#include "address_count.h"
#include "http.h"
#include "http_parse.h"
#include "http_stream.h"
#include "json_out.h"

enum {
    QUEUE_MAX = 32,           /* requests of one connection without an answer; then reading pauses */
    OUT_MAX = 1024 * 1024,    /* unsent bytes of one connection; then reading pauses */
    OUT_KEPT_MAX = 16 * 1024, /* a larger buffer is given back when it is empty */
    READ_SIZE = 64 * 1024,
    EXCHANGES_KEPT_MAX = 512,
    LARGE_BODIES_MAX = 64, /* bodies beyond HTTP_BODY_MAX, where a route takes them, at once in all */
    KEPT_MAX = 4 * 256,    /* four path parameters */
};
#define LINGER_TIMEOUT_US (2 * 1000000LL)
#define WRITE_TIMEOUT_US  (30 * 1000000LL)
#define SWEEP_INTERVAL_US (250 * 1000LL)

/* One request and its answer. Lives from the request's first byte until http_respond. */
struct http_exchange {
    struct http_request request; /* first: handlers hold this */
    struct http_server *server;
    struct http_connection *connection; /* NULL: the client is gone */
    struct http_parse parse;
    struct text headers;           /* added by the handler, rendered */
    char client[ADDRESS_TEXT_MAX]; /* behind a trusted proxy */
    char kept[KEPT_MAX];           /* http_keep's */
    size_t kept_used;
    struct text answer; /* rendered while earlier requests of the connection wait */
    uint8_t trace_flags;
    bool queued, answered;
    bool large;                 /* one of the server's large_bodies */
    struct http_exchange *next; /* in the connection's queue, or in the free list */
    struct http_exchange *all_next, *all_previous;
};

struct http_connection {
    struct http_server *server;
    struct http_connection *next, *previous;
    struct http_connection *dirty_next;
    struct loop_io *io;
    int fd;
    int events;
    char address[ADDRESS_TEXT_MAX];
    bool loopback;
    bool proxy;  /* one whose X-Forwarded-For we believe */
    bool dirty;  /* in the server's list for this turn */
    bool paused; /* too much is waiting: not reading */
    bool ended;  /* no further request is taken: the client ended its side, asked to close, or was refused */
    bool saw_eof;
    bool lingering;      /* our side is shut; what still comes is thrown away, so that the client reads our answer */
    bool broken;         /* to be closed at the end of the turn */
    int64_t deadline_us; /* of what it is doing now, monotonic */
    int64_t write_deadline_us; /* 0 = nothing unsent */
    struct http_exchange *reading;
    struct http_exchange *queue_first, *queue_last;
    size_t queue_count;
    struct text pending; /* read, but not looked at while paused */
    struct text out;
    size_t out_sent;
    const struct http_stream_handler *stream; /* NULL: requests and answers */
    void *stream_arg;
    bool cut; /* the stream is to be closed after one attempt to write */
};

struct http_server {
    struct loop *loop;
    struct http_options options;
    struct http_handler handler;
    void *arg;
    int listen_fd;
    int port;
    struct loop_io *listen_io;
    struct loop_prepare *prepare;
    struct loop_timer *sweep;
    struct loop_timer *wake; /* another turn is needed at once */
    struct http_connection *connections;
    size_t connection_count;
    struct address_count *addresses; /* of the connections */
    uint64_t refused_count;          /* connections closed at once */
    size_t large_bodies;
    struct http_connection *dirty;
    struct http_exchange *all, *free;
    size_t free_count;
    uint64_t random_state[2];
    bool draining;
    bool quiet_ended; /* while draining: idle connections were closed */
    struct loop_timer *quiet;
    char date[40];
    int64_t date_second;
    char read_buffer[READ_SIZE];
};

/* http_connection.c */
void http_connection_accept(struct http_server *server, int fd, const char *address, bool loopback, bool proxy);
void http_connection_close(struct http_connection *connection);
void http_connection_mark(struct http_connection *connection); /* has something to do at the end of this turn */
/* Effect: answers what is being read with its parse.status and reason, and takes nothing more. */
void http_connection_refuse(struct http_connection *connection, struct http_exchange *exchange);
/* Effect: reads on where a pause ended. */
void http_connection_resume(struct http_connection *connection);
/* Effect: writes, closes. Return: whether the connection could resume now (it was not closed then). */
bool http_connection_finish_turn(struct http_connection *connection);
bool http_connection_can_resume(const struct http_connection *connection);
/* Effect: moves answers that are complete and first in the queue to the connection's buffer. */
void http_connection_advance(struct http_connection *connection);

/* http_exchange.c: life and identity of exchanges. */
struct http_exchange *http_exchange_new(struct http_server *server, struct http_connection *connection);
void http_exchange_free(struct http_exchange *exchange);
/* Effect: fills request from the parsed head: ids, trace, texts. */
void http_exchange_identify(struct http_exchange *exchange);
/* Effect: writes the head of an answer without length: 101 with its upgrade, or one that the connection's end ends. */
void http_exchange_head_of_stream(struct http_exchange *exchange, struct text *text, int status,
                                  const char *content_type);

/* http_security.c. Effect: adds the headers for browsers that fit what stands at path. */
void http_security_headers(struct text *text, const char *path);

/* http.c: xoroshiro128+, seeded from the kernel: for ids that must be unique, not secret. */
uint64_t http_random(uint64_t state[2]);

#endif
