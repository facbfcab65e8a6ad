#include "live_reader.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base.h"

struct live_reader {
    int fd;
    bool websocket;
    char *bytes; /* what came and is not consumed */
    size_t size, capacity;
    size_t consumed; /* by the last message */
    char head[4096];
    bool has_head;
    char event[64], id[256];
    char *data;
    json_t *json;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct live_reader *dial(int port, int receive_buffer)
{
    struct live_reader *reader = tb_alloc_zero(1, sizeof *reader);
    reader->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    tb_assert(reader->fd >= 0);
    if (receive_buffer > 0)
        (void)setsockopt(reader->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(reader->fd, (struct sockaddr *)&address, sizeof address) < 0) {
        close(reader->fd);
        reader->fd = -1; /* every live_next says ENDED */
    }
    return reader;
}

static void send_all(struct live_reader *reader, const void *bytes, size_t size)
{
    if (reader->fd >= 0)
        (void)send(reader->fd, bytes, size, MSG_NOSIGNAL); /* the tests send little: it fits */
}

struct live_reader *live_open_sse(int port, const char *target, const char *last_event_id, int receive_buffer)
{
    struct live_reader *reader = dial(port, receive_buffer);
    char request[1024];
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n%s%s%s\r\n", target,
                        port, last_event_id ? "Last-Event-ID: " : "", last_event_id ? last_event_id : "",
                        last_event_id ? "\r\n" : "");
    send_all(reader, request, (size_t)size);
    return reader;
}

struct live_reader *live_open_ws(int port, int receive_buffer)
{
    struct live_reader *reader = dial(port, receive_buffer);
    char request[512];
    int size = snprintf(request, sizeof request,
                        "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: keep-alive, Upgrade\r\n"
                        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                        port);
    send_all(reader, request, (size_t)size);
    reader->websocket = true;
    return reader;
}

void live_close(struct live_reader **reader)
{
    if (!*reader)
        return;
    if ((*reader)->fd >= 0)
        close((*reader)->fd);
    json_decref((*reader)->json);
    free((*reader)->data);
    free((*reader)->bytes);
    free(*reader);
    *reader = NULL;
}

int live_status(const struct live_reader *reader)
{
    int status = 0;
    return reader->has_head && sscanf(reader->head, "HTTP/1.1 %d", &status) == 1 ? status : 0;
}

const char *live_head(const struct live_reader *reader)
{
    return reader->head;
}

static void consume(struct live_reader *reader, size_t size)
{
    memmove(reader->bytes, reader->bytes + size, reader->size - size);
    reader->size -= size;
}

static bool take_head(struct live_reader *reader)
{
    char *end = reader->size > 0 ? memmem(reader->bytes, reader->size, "\r\n\r\n", 4) : NULL;
    if (!end)
        return false;
    size_t length = (size_t)(end - reader->bytes);
    tb_assert(length < sizeof reader->head);
    memcpy(reader->head, reader->bytes, length);
    reader->head[length] = 0;
    reader->has_head = true;
    consume(reader, length + 4);
    return true;
}

static void fill_message(struct live_reader *reader, struct live_message *message, const char *data, size_t size)
{
    free(reader->data);
    reader->data = tb_alloc_zero(1, size + 1);
    if (size > 0)
        memcpy(reader->data, data, size);
    json_decref(reader->json);
    reader->json = size > 0 ? json_loadb(reader->data, size, JSON_REJECT_DUPLICATES, NULL) : NULL;
    *message = (struct live_message){
        .event = reader->event, .id = reader->id, .data = reader->data, .size = size, .json = reader->json};
}

static bool take_sse(struct live_reader *reader, struct live_message *message)
{
    char *end = reader->size > 0 ? memmem(reader->bytes, reader->size, "\n\n", 2) : NULL;
    if (!end)
        return false;
    const char *data = "";
    size_t size = 0;
    reader->event[0] = 0;
    for (char *line = reader->bytes; line <= end;) {
        char *line_end = memchr(line, '\n', (size_t)(end + 1 - line));
        size_t length = (size_t)(line_end - line);
        if (length > 4 && memcmp(line, "id: ", 4) == 0)
            snprintf(reader->id, sizeof reader->id, "%.*s", (int)length - 4, line + 4);
        else if (length > 7 && memcmp(line, "event: ", 7) == 0)
            snprintf(reader->event, sizeof reader->event, "%.*s", (int)length - 7, line + 7);
        else if (length > 6 && memcmp(line, "data: ", 6) == 0)
            data = line + 6, size = length - 6;
        line = line_end + 1;
    }
    fill_message(reader, message, data, size);
    consume(reader, (size_t)(end + 2 - reader->bytes));
    return true;
}

static bool take_frame(struct live_reader *reader, struct live_message *message)
{
    const unsigned char *b = (const unsigned char *)reader->bytes;
    size_t head = 2;
    uint64_t length;
    if (reader->size < 2)
        return false;
    tb_assert((b[0] & 0xf0) == 0x80 && (b[1] & 0x80) == 0); /* whole messages, never masked */
    length = b[1];
    if (length >= 126) {
        size_t more = length == 126 ? 2 : 8;
        if (reader->size < 2 + more)
            return false;
        length = 0;
        for (size_t i = 0; i < more; i++)
            length = length << 8 | b[2 + i];
        head += more;
    }
    if (reader->size < head + length)
        return false;
    unsigned opcode = b[0] & 0x0f;
    const char *name = opcode == 1 ? "text" : opcode == 9 ? "ping" : opcode == 10 ? "pong" : "close";
    (void)tb_copy_text(reader->event, sizeof reader->event, name);
    fill_message(reader, message, reader->bytes + head, length);
    if (opcode == 8 && length >= 2)
        message->code = (unsigned char)reader->data[0] << 8 | (unsigned char)reader->data[1];
    consume(reader, head + length);
    return true;
}

enum live_outcome live_next(struct live_reader *reader, int timeout_ms, struct live_message *message)
{
    int64_t deadline = now_ms() + timeout_ms;
    for (;;) {
        if ((reader->has_head || take_head(reader)) && live_status(reader) < 300 &&
            (reader->websocket ? take_frame(reader, message) : take_sse(reader, message)))
            return LIVE_MESSAGE;
        int64_t left = deadline - now_ms();
        if (reader->fd < 0)
            return LIVE_ENDED;
        struct pollfd wait = {.fd = reader->fd, .events = POLLIN};
        if (left <= 0 || poll(&wait, 1, (int)left) <= 0)
            return LIVE_TIMEOUT;
        if (reader->capacity - reader->size < 65536) {
            reader->capacity = reader->capacity * 2 + 131072;
            reader->bytes = tb_realloc(reader->bytes, reader->capacity, 1);
        }
        ssize_t got = recv(reader->fd, reader->bytes + reader->size, 65536, 0);
        if (got <= 0)
            return LIVE_ENDED;
        reader->size += (size_t)got;
    }
}

void live_send(struct live_reader *reader, unsigned first, const char *payload, size_t size, bool masked)
{
    static const unsigned char mask[4] = {1, 2, 3, 4};
    unsigned char *frame = tb_alloc_zero(1, size + 14);
    size_t head = 2;
    frame[0] = (unsigned char)first;
    if (size < 126) {
        frame[1] = (unsigned char)size;
    } else {
        frame[1] = 127;
        for (int i = 0; i < 8; i++)
            frame[2 + i] = (unsigned char)((uint64_t)size >> (56 - 8 * i));
        if (size < 65536) {
            frame[1] = 126;
            frame[2] = (unsigned char)(size >> 8);
            frame[3] = (unsigned char)size;
        }
        head = size < 65536 ? 4 : 10;
    }
    if (masked) {
        frame[1] |= 0x80;
        memcpy(frame + head, mask, 4);
        head += 4;
    }
    for (size_t i = 0; i < size; i++)
        frame[head + i] = (unsigned char)(payload[i] ^ (masked ? mask[i % 4] : 0));
    send_all(reader, frame, head + size);
    free(frame);
}

void live_send_text(struct live_reader *reader, const char *text)
{
    live_send(reader, 0x81, text, strlen(text), true);
}
