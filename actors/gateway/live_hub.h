/* live_hub: keeps the rings (live.h) up to date while somebody follows them, and brings each client what it has not
 * seen. One query per burst and stream, whoever and however many follow; none while nobody does. What the ring no
 * longer has is read from the store for the one client that needs it, a few at a time.
 *
 * live_sse.c and live_ws.c speak for it: a client embeds struct live_client first and gives its protocol.
 *
 * Bounds: LIVE_CLIENTS_MAX clients, LIVE_UNSENT_MAX unsent bytes each and LIVE_UNSENT_TOTAL_MAX all together (past it
 * each may have LIVE_UNSENT_TIGHT). A client over its bound for LIVE_SLOW_US is cut. Threading: the loop's thread. */
#ifndef TB_GATEWAY_LIVE_HUB_H
#define TB_GATEWAY_LIVE_HUB_H

#include "gateway.h"
#include "http_stream.h"
#include "live.h"

enum {
    LIVE_CLIENTS_MAX = 4096,
    LIVE_UNSENT_MAX = 1 << 20,
    LIVE_UNSENT_TOTAL_MAX = 64 << 20,
    LIVE_UNSENT_TIGHT = 64 * 1024,
    LIVE_FEED_ID_MAX = 65,
};
#define LIVE_SLOW_US      (5 * 1000000LL)
#define LIVE_HEARTBEAT_US (5 * 1000000LL)

struct live_hub;
struct live_client;
struct live_catch_up;

/* One subscription of a client. */
struct live_feed {
    struct live_feed *next;
    struct live_subscription subscription;
    struct live_catch_up *catch_up; /* waiting for the store, or being served; NULL = not */
    char id[LIVE_FEED_ID_MAX];      /* the client's name for it */
};

/* How a client is spoken to. */
struct live_protocol {
    /* Called with an event to write; feed's subscription stands behind it. */
    void (*event)(struct live_client *client, struct live_feed *feed, const struct live_event *event,
                  uint64_t previous);
    /* The feed began anew: its reader must fetch afresh what it keeps. */
    void (*reset)(struct live_client *client, struct live_feed *feed, const char *reason);
    void (*heartbeat)(struct live_client *client);
    /* The client is too slow, or the server goes away (slow false): last words. The stream is ended afterwards. */
    void (*farewell)(struct live_client *client, bool slow);
};

struct live_client {
    struct live_client *next, *previous;
    struct live_hub *hub;
    const char *region; /* of the gateway: for cursors */
    struct http_stream *stream;
    const struct live_protocol *protocol;
    struct live_feed *feeds;
    size_t feed_count;
    int64_t slow_since_us; /* 0 = it is not */
    int64_t heartbeat_us;  /* the last */
    int64_t ended_us;      /* 0 = it goes on */
};

struct live_hub *live_hub_new(struct gateway *gateway, struct loop *loop);
void live_hub_free(struct live_hub **hub); /* Effect: after the server, whose end has removed every client. */
/* Return: whether one more client may come. */
bool live_hub_has_room(const struct live_hub *hub);
size_t live_hub_clients(const struct live_hub *hub); /* Return: how many there are. */
uint64_t live_hub_slow(const struct live_hub *hub);  /* Return: how many readers were cut for being slow, ever. */

/* Effect: client (owned by its protocol) takes part from now on; stream and protocol are set. */
void live_hub_add(struct live_hub *hub, struct live_client *client);
/* Effect: forgets client and frees its feeds; for on_closed. */
void live_hub_remove(struct live_client *client);
/* Effect: a new feed that begins behind the present, or where cursor says (NULL = none). *resume tells how that went.
 * Return: the feed (the client's), NULL when user_id is none. */
struct live_feed *live_hub_subscribe(struct live_client *client, unsigned streams, const char *user_id,
                                     const char *cursor, enum live_resume *resume);
/* Effect: ends and frees a feed. */
void live_hub_unsubscribe(struct live_client *client, struct live_feed *feed);
/* Effect: the stream ends when all is sent, or a while later; nothing more is delivered. */
void live_hub_end(struct live_client *client);

/* The on_room of every client's stream. */
bool live_hub_fill(struct live_client *client);
/* Effect: looks whether the feeds brought something; after every burst. */
void live_hub_look(struct live_hub *hub);
/* Effect: says farewell to everybody; the process is about to end. */
void live_hub_drain(struct live_hub *hub);

/* Effect: appends the empty book of a market without matching (mode SIMFILL) in an envelope. */
void live_hub_write_book(struct live_hub *hub, struct text *text);
/* Return: the channel's bit (1 << enum view_stream, LIVE_CHANNEL_BOOK), 0 for a name that is none. */
unsigned live_channel(const char *name, size_t length);
enum { LIVE_CHANNEL_BOOK = 1 << VIEW_STREAMS, LIVE_CHANNELS_ALL = (1 << VIEW_STREAMS) - 1 };

extern const struct route live_routes[]; /* live_sse.c, live_ws.c */

/* The two ways in. */
void live_sse_get(struct gateway *gateway, struct http_request *request);
void live_ws_get(struct gateway *gateway, struct http_request *request);

#endif
