/* live_reader: reads event streams from outside, the way a program of a user would: SSE and WebSocket, one connection
 * each, with a deadline for every message. Threading: each reader belongs to one thread.
 *
 *   struct live_reader *reader = live_open_sse(port, "/api/stream?channels=orders", NULL);
 *   struct live_message message;
 *   while (live_next(reader, 5000, &message) == LIVE_MESSAGE) …message.json…
 *   live_close(&reader); */
#ifndef TB_TEST_LIVE_READER_H
#define TB_TEST_LIVE_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct live_reader;

enum live_outcome { LIVE_MESSAGE = 1, LIVE_TIMEOUT, LIVE_ENDED };

struct live_message {
    const char *event; /* SSE: event; "" = only an id or a comment. WS: "text", "ping", "pong", "close" */
    const char *id;    /* SSE: the last id so far ("" = none) */
    const char *data;  /* ends with 0 */
    size_t size;
    int code;     /* WS: of a close */
    json_t *json; /* of data, NULL when it is none */
    /* All borrowed until the next live_next. */
};

/* Effect: connects and asks. last_event_id NULL: no such header. Gives a reader for live_close; aborts when it cannot
 * connect. receive_buffer: of the kernel, 0 = its own choice. */
struct live_reader *live_open_sse(int port, const char *target, const char *last_event_id, int receive_buffer);
/* The same for /ws; the handshake is done when it returns (status below tells how it went). */
struct live_reader *live_open_ws(int port, int receive_buffer);
void live_close(struct live_reader **reader);
/* Return: the answer's status, 0 while there is none. */
int live_status(const struct live_reader *reader);
/* Return: the head of the answer. */
const char *live_head(const struct live_reader *reader);

/* Effect: waits for one message (comments and ids of SSE count). Return: how it went. */
enum live_outcome live_next(struct live_reader *reader, int timeout_ms, struct live_message *message);
/* Effect: sends one WebSocket frame; first: FIN, RSV and opcode (0x81 = a text). */
void live_send(struct live_reader *reader, unsigned first, const char *payload, size_t size, bool masked);
void live_send_text(struct live_reader *reader, const char *text); /* Effect: one masked text message. */

#endif
