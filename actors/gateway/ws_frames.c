/* ws_frames: wslay cuts frames, this puts messages together. */
#include "ws_frames.h"

#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "base.h"
#include "query.h"

enum { CONTROL_MAX = 125, REASON_MAX = 100 };

struct ws_frames {
    wslay_frame_context_ptr wslay;
    ws_message_handler *handler;
    void *arg;
    const char *bytes; /* being fed */
    size_t size;
    struct text *out;       /* being written */
    struct text message;    /* fragments so far */
    uint8_t message_opcode; /* 0 = no message has begun */
    uint8_t control[CONTROL_MAX];
    size_t control_length;
    uint64_t frame_left; /* of the frame being read */
    bool in_frame;
};

static ssize_t on_send(const uint8_t *data, size_t length, int flags, void *arg)
{
    struct ws_frames *frames = arg;
    (void)flags;
    text_append(frames->out, data, length);
    return (ssize_t)length;
}

static ssize_t on_receive(uint8_t *buffer, size_t length, int flags, void *arg)
{
    struct ws_frames *frames = arg;
    (void)flags;
    size_t size = frames->size < length ? frames->size : length;
    if (size == 0)
        return 0; /* for wslay: not now */
    memcpy(buffer, frames->bytes, size);
    frames->bytes += size;
    frames->size -= size;
    return (ssize_t)size;
}

struct ws_frames *ws_frames_new(ws_message_handler *handler, void *arg)
{
    static const struct wslay_frame_callbacks callbacks = {.send_callback = on_send, .recv_callback = on_receive};
    struct ws_frames *frames = tb_alloc_zero(1, sizeof *frames);
    frames->handler = handler;
    frames->arg = arg;
    tb_assert(wslay_frame_context_init(&frames->wslay, &callbacks, frames) == 0);
    return frames;
}

void ws_frames_free(struct ws_frames **frames)
{
    if (*frames == NULL)
        return;
    wslay_frame_context_free((*frames)->wslay);
    text_release(&(*frames)->message);
    free(*frames);
    *frames = NULL;
}

/* --- out --- */

static void send_frame(struct ws_frames *frames, uint8_t opcode, const void *payload, size_t length, struct text *out)
{
    struct wslay_frame_iocb frame = {
        .fin = 1, .opcode = opcode, .payload_length = length, .data = payload, .data_length = length};
    frames->out = out;
    tb_assert(wslay_frame_send(frames->wslay, &frame) == (ssize_t)length);
    frames->out = NULL;
}

void ws_frames_text(struct ws_frames *frames, const char *text, size_t length, struct text *out)
{
    send_frame(frames, WSLAY_TEXT_FRAME, text, length, out);
}

void ws_frames_ping(struct ws_frames *frames, struct text *out)
{
    send_frame(frames, WSLAY_PING, NULL, 0, out);
}

void ws_frames_close(struct ws_frames *frames, int code, const char *reason, struct text *out)
{
    uint8_t payload[2 + REASON_MAX] = {(uint8_t)(code >> 8), (uint8_t)(code & 0xff)};
    size_t length = strlen(reason);
    tb_assert(length <= REASON_MAX);
    memcpy(payload + 2, reason, length);
    send_frame(frames, WSLAY_CONNECTION_CLOSE, payload, 2 + length, out);
}

/* --- in --- */

/* Return: the code that answers the client's closing frame. */
static int judge_close(const struct ws_frames *frames)
{
    if (frames->control_length == 0)
        return WS_NORMAL;
    if (frames->control_length == 1)
        return WS_PROTOCOL_ERROR;
    int code = frames->control[0] << 8 | frames->control[1];
    bool may_be_sent =
        (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code < 5000);
    if (!may_be_sent)
        return WS_PROTOCOL_ERROR;
    return query_is_utf8((const char *)frames->control + 2, frames->control_length - 2) ? code : WS_BAD_TEXT;
}

/* Return: 0, or the code to close with: what can be said of a frame from its header. */
static int judge_frame(const struct ws_frames *frames, const struct wslay_frame_iocb *frame)
{
    bool goes_on = frame->opcode == WSLAY_CONTINUATION_FRAME;
    bool is_control = wslay_is_ctrl_frame(frame->opcode) != 0;
    if (frame->rsv != 0 || frame->mask == 0)
        return WS_PROTOCOL_ERROR;
    if (is_control)
        return frame->opcode <= WSLAY_PONG ? 0 : WS_PROTOCOL_ERROR;
    if (frame->opcode > WSLAY_BINARY_FRAME || goes_on != (frames->message_opcode != 0))
        return WS_PROTOCOL_ERROR;
    if (frame->payload_length > WS_MESSAGE_MAX || frames->message.length + frame->payload_length > WS_MESSAGE_MAX)
        return WS_TOO_BIG;
    return frame->opcode == WSLAY_BINARY_FRAME ? WS_UNSUPPORTED : 0;
}

static int end_control(struct ws_frames *frames, uint8_t opcode, struct text *out)
{
    if (opcode == WSLAY_CONNECTION_CLOSE)
        return judge_close(frames);
    if (opcode == WSLAY_PING)
        send_frame(frames, WSLAY_PONG, frames->control, frames->control_length, out);
    return 0;
}

static int end_message(struct ws_frames *frames)
{
    frames->message_opcode = 0;
    text_append(&frames->message, "", 0); /* the 0 at its end */
    int code = WS_BAD_TEXT;
    if (query_is_utf8(frames->message.bytes, frames->message.length))
        code = frames->handler(frames->arg, frames->message.bytes, frames->message.length);
    text_clear(&frames->message);
    return code;
}

/* Effect: takes a piece of a frame. Return: 0, or the code to close with. */
static int take_piece(struct ws_frames *frames, const struct wslay_frame_iocb *frame, struct text *out)
{
    bool is_control = wslay_is_ctrl_frame(frame->opcode) != 0;
    if (!frames->in_frame) {
        int code = judge_frame(frames, frame);
        if (code != 0)
            return code;
        frames->in_frame = true;
        frames->frame_left = frame->payload_length;
        frames->control_length = 0;
        if (!is_control && frame->opcode != WSLAY_CONTINUATION_FRAME)
            frames->message_opcode = frame->opcode;
    }
    if (is_control) {
        tb_assert(frames->control_length + frame->data_length <= CONTROL_MAX);
        if (frame->data_length > 0)
            memcpy(frames->control + frames->control_length, frame->data, frame->data_length);
        frames->control_length += frame->data_length;
    } else {
        text_append(&frames->message, frame->data, frame->data_length);
    }
    frames->frame_left -= frame->data_length;
    if (frames->frame_left > 0)
        return 0;
    frames->in_frame = false;
    if (is_control)
        return end_control(frames, frame->opcode, out);
    return frame->fin ? end_message(frames) : 0;
}

int ws_frames_feed(struct ws_frames *frames, const char *bytes, size_t size, struct text *out)
{
    frames->bytes = bytes;
    frames->size = size;
    for (;;) {
        struct wslay_frame_iocb frame = {0};
        ssize_t got = wslay_frame_recv(frames->wslay, &frame);
        if (got == WSLAY_ERR_WANT_READ && frames->size == 0)
            return 0;
        if (got == WSLAY_ERR_WANT_READ)
            continue; /* it took less than it was offered */
        if (got < 0)
            return WS_PROTOCOL_ERROR;
        int code = take_piece(frames, &frame, out);
        if (code != 0)
            return code;
    }
}

/* --- the handshake --- */

/* SHA-1 (RFC 3174), for the handshake alone: there it is a checksum, not a secret. */
static void sha1_block(uint32_t state[5], const uint8_t block[64])
{
    uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
               block[4 * i + 3];
    for (int i = 16; i < 80; i++) {
        uint32_t x = w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16];
        w[i] = x << 1 | x >> 31;
    }
    for (int i = 0; i < 80; i++) {
        uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                     : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                     : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                              : (b ^ c ^ d) + 0xca62c1d6;
        uint32_t next = (a << 5 | a >> 27) + f + e + w[i];
        e = d;
        d = c;
        c = b << 30 | b >> 2;
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

static void encode_base64(const uint8_t *bytes, size_t size, char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t have = size - i < 3 ? size - i : 3;
        uint32_t bits =
            (uint32_t)bytes[i] << 16 | (have > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (have > 2 ? bytes[i + 2] : 0U);
        *text++ = digits[bits >> 18 & 63];
        *text++ = digits[bits >> 12 & 63];
        *text++ = have > 1 ? digits[bits >> 6 & 63] : '=';
        *text++ = have > 2 ? digits[bits & 63] : '=';
    }
    *text = '\0';
}

bool ws_frames_accept(const char *key, char accept[static WS_ACCEPT_MAX])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    enum { KEY_LENGTH = 24, INPUT_LENGTH = KEY_LENGTH + sizeof guid - 1 };
    if (strlen(key) != KEY_LENGTH || strspn(key, digits) != KEY_LENGTH - 2 || strcmp(key + KEY_LENGTH - 2, "==") != 0)
        return false;
    uint8_t blocks[128] = {0}, digest[20];
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    memcpy(blocks, key, KEY_LENGTH);
    memcpy(blocks + KEY_LENGTH, guid, sizeof guid - 1);
    blocks[INPUT_LENGTH] = 0x80;
    blocks[126] = INPUT_LENGTH * 8 >> 8;
    blocks[127] = INPUT_LENGTH * 8 & 0xff;
    sha1_block(state, blocks);
    sha1_block(state, blocks + 64);
    for (int i = 0; i < 20; i++)
        digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
    encode_base64(digest, sizeof digest, accept);
    return true;
}
