/* ws_frames: WebSocket frames (RFC 6455) in and out, the server's side; the only file that includes wslay. Fragments
 * are put together, pings answered, closing codes judged; what breaks the protocol ends with the close code that says
 * why. Pure: bytes in, bytes out, no socket.
 *
 *   struct ws_frames *frames = ws_frames_new(on_message, arg);
 *   int code = ws_frames_feed(frames, bytes, size, &out);   // 0: go on
 *   if (code != 0) { ws_frames_close(frames, code, "…", &out); …send out, then close… }
 *
 * Threading: one thread. */
#ifndef TB_GATEWAY_WS_FRAMES_H
#define TB_GATEWAY_WS_FRAMES_H

#include "json_out.h"

enum { WS_MESSAGE_MAX = 64 * 1024 };

enum ws_code {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL_ERROR = 1002,
    WS_UNSUPPORTED = 1003,
    WS_BAD_TEXT = 1007, /* no UTF-8, or no JSON */
    WS_TOO_BIG = 1009,
    WS_SLOW_CONSUMER = 4008,
};

struct ws_frames;
/* A whole text message (borrowed; ended by 0, which is not counted). Return: 0, or the code to close with. */
typedef int ws_message_handler(void *arg, const char *text, size_t length);

struct ws_frames *ws_frames_new(ws_message_handler *handler, void *arg);
void ws_frames_free(struct ws_frames **frames);

/* Effect: takes what the client sent; pongs go to out. Return: 0; else the code to close with, and nothing more is to
 * be fed. The client's own closing is answered with its own code (WS_NORMAL when it gave none). */
int ws_frames_feed(struct ws_frames *frames, const char *bytes, size_t size, struct text *out);
/* Effect: one text message, unfragmented. */
void ws_frames_text(struct ws_frames *frames, const char *text, size_t length, struct text *out);
void ws_frames_ping(struct ws_frames *frames, struct text *out); /* Effect: an empty ping. */
/* Effect: the closing frame; reason at most 100 bytes. */
void ws_frames_close(struct ws_frames *frames, int code, const char *reason, struct text *out);

enum { WS_ACCEPT_MAX = 32 };
/* Effect: reads a handshake's Sec-WebSocket-Key (16 bytes in base64). Return: false when it is none; else accept is
 * what Sec-WebSocket-Accept answers. */
bool ws_frames_accept(const char *key, char accept[static WS_ACCEPT_MAX]);

#endif
