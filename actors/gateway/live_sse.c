/* live_sse: GET /api/stream, server-sent events. Each event's id is the cursor behind it; a reader that comes back with
 * it (Last-Event-ID, which a browser sends by itself, or ?lastEventId=) goes on there. */
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "live_hub.h"
#include "query.h"

enum { CHANNELS_BYTES_MAX = 128, USER_BYTES_MAX = 40 };

struct sse_client {
    struct live_client client;
    char cursor[LIVE_CURSOR_MAX]; /* the last that was sent */
};

static struct sse_client *sse_of(struct live_client *client)
{
    return (struct sse_client *)client;
}

static void write_id(struct live_client *client, struct live_feed *feed, struct text *text)
{
    char *cursor = sse_of(client)->cursor;
    live_cursor_write(&feed->subscription, client->region, cursor);
    text_append_string(text, "id: ");
    text_append_string(text, cursor);
    text_append(text, "\n", 1);
}

static void write_event(struct live_client *client, struct live_feed *feed, const struct live_event *event,
                        uint64_t previous)
{
    struct text *text = http_stream_text(client->stream);
    write_id(client, feed, text);
    text_append_string(text, "event: ");
    text_append(text, event->envelope + event->type_at, event->type_length);
    text_append_string(text, "\ndata: ");
    live_event_write(event, previous, text);
    text_append(text, "\n\n", 2);
}

static void write_reset(struct live_client *client, struct live_feed *feed, const char *reason)
{
    struct text *text = http_stream_text(client->stream);
    write_id(client, feed, text);
    text_append_string(text, "event: reset\ndata: {\"type\":\"reset\",\"reason\":\"");
    text_append_string(text, reason);
    text_append_string(text, "\",\"cursor\":\"");
    text_append_string(text, sse_of(client)->cursor);
    text_append_string(text, "\"}\n\n");
    http_stream_wake(client->stream);
}

/* A comment; with the cursor when that moved on over events that the filter hid, so that coming back stays cheap. */
static void write_heartbeat(struct live_client *client)
{
    struct text *text = http_stream_text(client->stream);
    char cursor[LIVE_CURSOR_MAX];
    text_append_string(text, ": heartbeat\n");
    live_cursor_write(&client->feeds->subscription, client->region, cursor);
    if (strcmp(cursor, sse_of(client)->cursor) != 0)
        write_id(client, client->feeds, text);
    text_append(text, "\n", 1);
    http_stream_wake(client->stream);
}

/* A slow reader is cut; it may come back with its last id. */
static void say_farewell(struct live_client *client, bool slow)
{
    if (slow)
        http_stream_cut(client->stream);
}

static const struct live_protocol protocol = {write_event, write_reset, write_heartbeat, say_farewell};

static bool on_room(void *arg)
{
    return live_hub_fill(arg);
}

static void on_closed(void *arg)
{
    live_hub_remove(arg);
    free(arg);
}

static const struct http_stream_handler handler = {.on_room = on_room, .on_closed = on_closed};

/* Return: the channels named, separated by commas; 0 with an error added. */
static unsigned read_channels(const char *text, struct field_errors *errors)
{
    unsigned channels = 0;
    if (text == NULL || text[0] == '\0')
        return LIVE_CHANNELS_ALL;
    for (;;) {
        size_t length = strcspn(text, ",");
        unsigned channel = live_channel(text, length);
        if (channel == 0) {
            field_error(errors, "channels", "UNKNOWN_VALUE",
                        "takes orders, executions, balances, ops and book, separated by commas");
            return 0;
        }
        channels |= channel;
        if (text[length] == '\0')
            return channels;
        text += length + 1;
    }
}

static void begin(struct gateway *gateway, struct http_request *request, unsigned channels, const char *user_id,
                  const char *cursor)
{
    /* The texts go with the request. */
    char user[USER_BYTES_MAX + 1] = "", from[LIVE_CURSOR_MAX + 1] = "";
    (void)tb_copy_text(user, sizeof user, user_id == NULL ? "" : user_id);
    bool resumes = cursor != NULL && cursor[0] != '\0';
    if (resumes)
        (void)tb_copy_text(from, sizeof from, cursor); /* one that is cut is none */
    struct sse_client *sse = tb_alloc_zero(1, sizeof *sse);
    http_add_header(request, "X-Accel-Buffering", "no");
    struct http_stream *stream = http_stream_begin(request, 200, "text/event-stream", &handler, sse);
    if (stream == NULL) {
        free(sse);
        problem_respond(request, PROBLEM_BAD_REQUEST, "An event stream needs a connection without requests before it.");
        return;
    }
    struct live_client *client = &sse->client;
    client->stream = stream;
    client->protocol = &protocol;
    live_hub_add(gateway->live, client);
    enum live_resume resume;
    struct live_feed *feed =
        live_hub_subscribe(client, channels & LIVE_CHANNELS_ALL, user, resumes ? from : NULL, &resume);
    tb_assert(feed != NULL);
    struct text *text = http_stream_text(stream);
    text_append_string(text, "retry: 1000\n");
    write_id(client, feed, text);
    text_append_string(text, "\n");
    if (resume != LIVE_RESUMED)
        write_reset(client, feed, live_resume_text(resume));
    if ((channels & LIVE_CHANNEL_BOOK) != 0) {
        write_id(client, feed, text);
        text_append_string(text, "event: BookSnapshot\ndata: ");
        live_hub_write_book(gateway->live, text);
        text_append_string(text, "\n\n");
    }
}

void live_sse_get(struct gateway *gateway, struct http_request *request)
{
    struct field_errors errors = {0};
    struct query *query = tb_alloc_zero(1, sizeof *query);
    request->context = query;
    query_parse(query, request->query, &errors);
    unsigned channels = read_channels(query_text(query, "channels", CHANNELS_BYTES_MAX, &errors), &errors);
    const char *user_id = query_text(query, "userId", USER_BYTES_MAX, &errors);
    const char *cursor = http_header(request, "Last-Event-ID");
    if (cursor == NULL)
        cursor = query_find(query, "lastEventId");
    if (errors.count > 0)
        problem_respond_fields(request, &errors);
    else if (request->verb == VERB_HEAD)
        http_respond(request, 200, "text/event-stream", "", 0);
    else if (!gateway_view(gateway)->ready)
        problem_respond(request, PROBLEM_STORE_UNAVAILABLE, NULL);
    else if (!live_hub_has_room(gateway->live))
        problem_respond(request, PROBLEM_BACKPRESSURE, "Too many event streams are open.");
    else
        begin(gateway, request, channels, user_id, cursor);
}
