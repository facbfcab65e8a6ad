/* live_ws: GET /ws, the WebSocket. A message is one JSON object:
 *
 *   {"op":"subscribe","id":"1","channels":["orders"],"userId":"clusius","after":"<cursor>"}
 *                                              → {"type":"subscribed","id":"1","cursor":"…"}, then envelopes with id
 * and cursor; {"type":"reset",…} before them when the cursor cannot be served
 *   {"op":"unsubscribe","id":"1"}              → {"type":"unsubscribed","id":"1"}
 *   {"op":"ping"}                              → {"type":"pong"}
 *
 * What it does not understand it answers with {"type":"error","code","message"} and goes on; what is no JSON ends it.
 *
 * Origin: a browser sends the page's own origin; its host must be the one that was asked (Host), else 403. Without
 * Origin it is no browser. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admission.h"
#include "base.h"
#include "json_in.h"
#include "live_hub.h"
#include "ws_frames.h"

enum { FEEDS_MAX = 16 };

struct ws_client {
    struct live_client client;
    struct ws_frames *frames;
    struct text message; /* being written */
};

static struct ws_client *ws_of(struct live_client *client)
{
    return (struct ws_client *)client;
}

static void send_message(struct ws_client *ws)
{
    ws_frames_text(ws->frames, ws->message.bytes, ws->message.length, http_stream_text(ws->client.stream));
    text_clear(&ws->message);
    http_stream_wake(ws->client.stream);
}

/* --- what the hub says --- */

/* Effect: "id" and "cursor" as an object's last members. */
static void add_place(struct live_client *client, struct live_feed *feed, struct text *text)
{
    char cursor[LIVE_CURSOR_MAX];
    struct json_out out = {.text = text, .comma = true};
    live_cursor_write(&feed->subscription, client->region, cursor);
    json_out_string(&out, "id", feed->id);
    json_out_string(&out, "cursor", cursor);
    json_out_end(&out);
}

static void write_event(struct live_client *client, struct live_feed *feed, const struct live_event *event,
                        uint64_t previous)
{
    struct text *text = &ws_of(client)->message;
    live_event_write(event, previous, text);
    text->length--; /* its brace: two members follow */
    add_place(client, feed, text);
    send_message(ws_of(client));
}

static void write_reset(struct live_client *client, struct live_feed *feed, const char *reason)
{
    struct text *text = &ws_of(client)->message;
    text_append_string(text, "{\"type\":\"reset\",\"reason\":\"");
    text_append_string(text, reason);
    text_append_string(text, "\"");
    add_place(client, feed, text);
    send_message(ws_of(client));
}

static void write_heartbeat(struct live_client *client)
{
    ws_frames_ping(ws_of(client)->frames, http_stream_text(client->stream));
    http_stream_wake(client->stream);
}

static void say_farewell(struct live_client *client, bool slow)
{
    ws_frames_close(ws_of(client)->frames, slow ? WS_SLOW_CONSUMER : WS_GOING_AWAY,
                    slow ? "SLOW_CONSUMER" : "The server ends; come back with your cursor.",
                    http_stream_text(client->stream));
}

static const struct live_protocol protocol = {write_event, write_reset, write_heartbeat, say_farewell};

/* --- what the client says --- */

static void send_simple(struct ws_client *ws, const char *type, const char *id)
{
    struct json_out out;
    json_out_init(&out, &ws->message);
    json_out_begin(&out, NULL);
    json_out_string(&out, "type", type);
    if (id != NULL)
        json_out_string(&out, "id", id);
    json_out_end(&out);
    send_message(ws);
}

static void send_error(struct ws_client *ws, const char *code, const char *id, const char *message)
{
    struct json_out out;
    json_out_init(&out, &ws->message);
    json_out_begin(&out, NULL);
    json_out_string(&out, "type", "error");
    json_out_string(&out, "code", code);
    if (id != NULL)
        json_out_string(&out, "id", id);
    json_out_string(&out, "message", message);
    json_out_end(&out);
    send_message(ws);
}

static struct live_feed *find_feed(struct ws_client *ws, const char *id)
{
    struct live_feed *feed = ws->client.feeds;
    while (feed != NULL && strcmp(feed->id, id) != 0)
        feed = feed->next;
    return feed;
}

/* Return: the channels of an array of names; 0 when there is another value in it. */
static unsigned read_channels(const struct json_in_field *field)
{
    unsigned channels = 0;
    for (size_t i = 0; i < json_in_elements(field); i++) {
        const char *name = json_in_element_text(field, i);
        unsigned channel = name == NULL ? 0 : live_channel(name, strlen(name));
        if (channel == 0)
            return 0;
        channels |= channel;
    }
    return channels;
}

static void subscribe(struct ws_client *ws, const struct json_in *in, const char *id)
{
    struct live_client *client = &ws->client;
    struct field_errors errors = {0};
    const struct json_in_field *field = json_in_find(in, "channels");
    unsigned channels = field == NULL ? LIVE_CHANNELS_ALL : field->kind == JSON_IN_ARRAY ? read_channels(field) : 0;
    const char *user_id = json_in_text(in, "userId", 1, VIEW_USER_ID_MAX - 1, false, &errors);
    const struct json_in_field *after = json_in_find(in, "after");
    if (channels == 0) {
        send_error(ws, "VALIDATION", id, "channels is an array of orders, executions, balances, ops, book.");
        return;
    }
    if (errors.count > 0 || (after != NULL && after->kind != JSON_IN_STRING)) {
        send_error(ws, "VALIDATION", id, "userId and after are strings; userId has 1 to 40 characters.");
        return;
    }
    if (find_feed(ws, id) != NULL) {
        send_error(ws, "DUPLICATE_ID", id, "There is a subscription with this id.");
        return;
    }
    if (client->feed_count == FEEDS_MAX) {
        send_error(ws, "TOO_MANY_SUBSCRIPTIONS", id, "A connection has at most 16 subscriptions.");
        return;
    }
    enum live_resume resume;
    struct live_feed *feed =
        live_hub_subscribe(client, channels & LIVE_CHANNELS_ALL, user_id, after == NULL ? NULL : after->text, &resume);
    if (feed == NULL) {
        send_error(ws, "VALIDATION", id, "userId is too long.");
        return;
    }
    (void)tb_copy_text(feed->id, sizeof feed->id, id);
    text_append_string(&ws->message, "{\"type\":\"subscribed\"");
    add_place(client, feed, &ws->message);
    send_message(ws);
    if (resume != LIVE_RESUMED)
        write_reset(client, feed, live_resume_text(resume));
    if ((channels & LIVE_CHANNEL_BOOK) != 0) {
        live_hub_write_book(client->hub, &ws->message);
        ws->message.length--;
        add_place(client, feed, &ws->message);
        send_message(ws);
    }
}

static void carry_out(struct ws_client *ws, const struct json_in *in)
{
    struct field_errors errors = {0};
    const struct json_in_field *op = json_in_find(in, "op");
    const char *id = json_in_text(in, "id", 1, 64, false, &errors);
    if (id != NULL && strlen(id) >= LIVE_FEED_ID_MAX)
        id = NULL;
    bool needs_id = false;
    if (op != NULL && op->kind == JSON_IN_STRING && strcmp(op->text, "ping") == 0) {
        send_simple(ws, "pong", id);
    } else if (op != NULL && op->kind == JSON_IN_STRING && strcmp(op->text, "subscribe") == 0) {
        needs_id = id == NULL;
        if (!needs_id)
            subscribe(ws, in, id);
    } else if (op != NULL && op->kind == JSON_IN_STRING && strcmp(op->text, "unsubscribe") == 0) {
        needs_id = id == NULL;
        struct live_feed *feed = needs_id ? NULL : find_feed(ws, id);
        if (feed != NULL) {
            live_hub_unsubscribe(&ws->client, feed);
            send_simple(ws, "unsubscribed", id);
        } else if (!needs_id) {
            send_error(ws, "UNKNOWN_ID", id, "There is no subscription with this id.");
        }
    } else {
        send_error(ws, "UNKNOWN_OP", id, "op is subscribe, unsubscribe or ping.");
    }
    if (needs_id)
        send_error(ws, "VALIDATION", NULL, "id is a string of 1 to 64 bytes.");
}

/* Return: whether the text is JSON, though no object. */
static bool is_other_json(const char *text, size_t length)
{
    struct text wrapped = {0};
    struct json_in in;
    struct err err;
    text_append_string(&wrapped, "{\"v\":");
    text_append(&wrapped, text, length);
    text_append_string(&wrapped, "}");
    bool is_json = json_in_parse(&in, wrapped.bytes, wrapped.length, &err) == 0 && in.count == 1;
    text_release(&wrapped);
    return is_json;
}

static int on_message(void *arg, const char *text, size_t length)
{
    struct ws_client *ws = arg;
    struct json_in in;
    struct err err;
    if (json_in_parse(&in, text, length, &err) == 0)
        carry_out(ws, &in);
    else if (is_other_json(text, length))
        send_error(ws, "VALIDATION", NULL, "A message is one JSON object.");
    else
        return WS_BAD_TEXT;
    return 0;
}

static void on_bytes(void *arg, const char *bytes, size_t size)
{
    struct ws_client *ws = arg;
    struct text *out = http_stream_text(ws->client.stream);
    if (ws->client.ended_us != 0)
        return;
    int code = ws_frames_feed(ws->frames, bytes, size, out);
    http_stream_wake(ws->client.stream);
    if (code != 0) {
        ws_frames_close(ws->frames, code, "", out);
        live_hub_end(&ws->client);
    } else if (http_stream_unsent(ws->client.stream) > 2 * LIVE_UNSENT_MAX) {
        http_stream_cut(ws->client.stream); /* asks and asks, and reads no answer */
    }
}

static bool on_room(void *arg)
{
    return live_hub_fill(arg);
}

static void on_closed(void *arg)
{
    struct ws_client *ws = arg;
    live_hub_remove(&ws->client);
    ws_frames_free(&ws->frames);
    text_release(&ws->message);
    free(ws);
}

static const struct http_stream_handler handler = {on_bytes, on_room, on_closed};

/* --- the handshake --- */

/* Return: whether a header's list of tokens has this one. */
static bool has_token(const struct http_request *request, const char *name, const char *token)
{
    size_t length = strlen(token);
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) != 0)
            continue;
        for (const char *at = request->headers[i].value; *at != '\0'; at += *at == ',') {
            at += strspn(at, " \t");
            size_t size = strcspn(at, ","), trimmed = size;
            while (trimmed > 0 && (at[trimmed - 1] == ' ' || at[trimmed - 1] == '\t'))
                trimmed--;
            if (trimmed == length && strncasecmp(at, token, length) == 0)
                return true;
            at += size;
        }
    }
    return false;
}

/* Effect: answers what is no handshake of ours. Return: whether it did. */
static bool refuse(struct gateway *gateway, struct http_request *request, char accept[WS_ACCEPT_MAX])
{
    const char *key = http_header(request, "Sec-WebSocket-Key"),
               *version = http_header(request, "Sec-WebSocket-Version");
    /* An upgrade in HTTP/1.0 is none (RFC 9110, 7.8). */
    bool wants = request->verb == VERB_GET && !request->is_http_1_0 && has_token(request, "Upgrade", "websocket") &&
                 has_token(request, "Connection", "upgrade");
    if (!wants || version == NULL || strcmp(version, "13") != 0) {
        http_add_header(request, "Upgrade", "websocket");
        http_add_header(request, "Sec-WebSocket-Version", "13");
        problem_respond(request, PROBLEM_UPGRADE_REQUIRED, NULL);
    } else if (http_header_count(request, "Sec-WebSocket-Version") != 1) {
        problem_respond(request, PROBLEM_BAD_REQUEST, "There is more than one Sec-WebSocket-Version.");
    } else if (key == NULL || http_header_count(request, "Sec-WebSocket-Key") != 1 || !ws_frames_accept(key, accept)) {
        problem_respond(request, PROBLEM_BAD_REQUEST, "Sec-WebSocket-Key must be 16 bytes in base64.");
    } else if (request->body_length > 0) {
        problem_respond(request, PROBLEM_BAD_REQUEST, "A handshake has no body.");
    } else if (!admission_is_own_origin(gateway->admission, request)) {
        problem_respond(request, PROBLEM_FORBIDDEN, "Pages of other origins may not read our streams.");
    } else if (!gateway_view(gateway)->ready) {
        problem_respond(request, PROBLEM_STORE_UNAVAILABLE, NULL);
    } else if (!live_hub_has_room(gateway->live)) {
        problem_respond(request, PROBLEM_BACKPRESSURE, "Too many event streams are open.");
    } else {
        return false;
    }
    return true;
}

void live_ws_get(struct gateway *gateway, struct http_request *request)
{
    char accept[WS_ACCEPT_MAX];
    if (refuse(gateway, request, accept))
        return;
    struct ws_client *ws = tb_alloc_zero(1, sizeof *ws);
    http_add_header(request, "Sec-WebSocket-Accept", accept);
    struct http_stream *stream = http_stream_begin(request, 101, NULL, &handler, ws);
    if (stream == NULL) {
        free(ws);
        problem_respond(request, PROBLEM_BAD_REQUEST, "A WebSocket needs a connection without requests before it.");
        return;
    }
    ws->client.stream = stream;
    ws->client.protocol = &protocol;
    ws->frames = ws_frames_new(on_message, ws);
    live_hub_add(gateway->live, &ws->client);
}

const struct route live_routes[] = {
    {VERB_GET, "/api/stream", live_sse_get, 0, 0}, {VERB_GET, "/ws", live_ws_get, 0, 0}, {0}};
