/* http_stream: a request whose answer does not end: server-sent events, and connections that leave HTTP by an upgrade.
 * The stream takes the connection over; what is written goes out once a loop turn, like every answer.
 *
 *   static const struct http_stream_handler handler = {on_bytes, on_room, on_closed};
 *   http_add_header(request, "X-Extra", "yes");
 *   struct http_stream *stream = http_stream_begin(request, 200, "text/event-stream", &handler, arg);
 *   if (stream != NULL) http_stream_write(stream, "retry: 1000\n\n", 13);
 *
 * Ownership: the stream is the server's; it ends with on_closed, after which it must not be used. Threading: the loop's
 * thread. */
#ifndef TB_GATEWAY_HTTP_STREAM_H
#define TB_GATEWAY_HTTP_STREAM_H

#include "http.h"

struct http_stream;

/* None of them may end another stream or answer a request. */
struct http_stream_handler {
    /* Called with what the client sends. NULL: it is thrown away. */
    void (*on_bytes)(void *arg, const char *bytes, size_t size);
    /* Called before the connection is written, after http_stream_wake and when something was sent: the place to write
     * more. Return: whether it would have more to say if there were more room. */
    bool (*on_room)(void *arg);
    /* Called once, when the connection is gone for whatever reason. */
    void (*on_closed)(void *arg);
};

enum {
    HTTP_STREAM_SEND_BUFFER = 128 * 1024, /* of the kernel: a slow reader shows soon */
    HTTP_STREAM_PEER_TIMEOUT_MS = 30000,  /* a peer that acknowledges nothing for that long is gone */
    HTTP_STREAM_ROUNDS_PER_TURN = 4,      /* of filling and sending, so that one stream does not hold up the others */
};

/* Effect: writes the head and takes the request (it is over, as after http_respond). 101: Connection: Upgrade and the
 * Upgrade header "websocket", then whatever is written; else an answer that ends with the connection. Return: the
 * stream; NULL when earlier requests of the connection still wait or the client is gone: the request is then still to
 * be answered. handler and arg are borrowed until on_closed. */
struct http_stream *http_stream_begin(struct http_request *request, int status, const char *content_type,
                                      const struct http_stream_handler *handler, void *arg);
/* Effect: adds bytes to what goes out at the end of the turn. */
void http_stream_write(struct http_stream *stream, const void *bytes, size_t size);
/* Return: where a writer may append by itself (text_…): bytes already sent are in it too. Call http_stream_wake. */
struct text *http_stream_text(struct http_stream *stream);
/* Return: bytes written and not yet taken by the kernel. */
size_t http_stream_unsent(const struct http_stream *stream);
/* Effect: on_room will be called at the end of this turn, and what is unsent goes out. */
void http_stream_wake(struct http_stream *stream);
/* Effect: sends what is written, then closes; nothing more is taken from the client. */
void http_stream_end(struct http_stream *stream);
/* Effect: closes at the end of the turn; what the kernel does not take at once is thrown away. */
void http_stream_cut(struct http_stream *stream);

#endif
