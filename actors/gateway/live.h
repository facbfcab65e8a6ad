/* live: the pure part of the live feeds. A ring of each stream's latest events, in the very text that GET /api/events
 * gives; and subscriptions, each with a position in every stream it follows. Whoever delivers takes event after event
 * from the ring; a position that the ring has left behind is served from the store until it reaches the ring again.
 * Since both count in the stream's own sequence, nothing is lost or doubled where one hands over to the other.
 *
 *   while ((next = live_take(&live, &subscription, 0, &stream, &event, &previous)) == LIVE_EVENT)
 *       live_event_write(event, previous, text);
 *   if (next == LIVE_BEHIND) …read `stream` after subscription.position[stream]; live_accept() each event of the
 * answer, then live_caught_up_to()…
 *
 * Ownership: the ring owns its events; an event of a batch is borrowed from the batch's text. Threading: one thread. */
#ifndef TB_GATEWAY_LIVE_H
#define TB_GATEWAY_LIVE_H

#include "json_out.h"
#include "view.h"

enum {
    LIVE_RING_EVENTS = 8192, /* of one stream, a power of two */
    LIVE_RING_BYTES = 8 << 20,
    LIVE_REPLAY_MAX = 200000, /* events of one stream that a cursor may be behind: further back it has expired */
    LIVE_CURSOR_MAX = 144,    /* of a cursor's text, with its 0 */
};

/* One event in its envelope. */
struct live_event {
    uint64_t seq;
    uint64_t user_hash; /* 0 = no user */
    char *envelope;     /* not ended by 0 */
    uint32_t length;
    uint32_t previous_at, previous_end; /* where the digits of prevSeq stand */
    uint32_t type_at, type_length;
    uint32_t time_at, time_length;
    uint32_t user_at, user_length;
};

/* Effect: reads an envelope (borrowed). Return: false when it is none. */
bool live_event_read(struct live_event *event, char *envelope, size_t length);
/* Effect: appends the envelope, with previous as its prevSeq. */
void live_event_write(const struct live_event *event, uint64_t previous, struct text *text);

/* The answer of GET /api/events, event by event. */
struct live_batch {
    char *at, *end;
    uint64_t next_after; /* the whole stream up to here was looked at */
    uint64_t last;       /* the stream's last seq */
};
/* Effect: begins to read body (borrowed and changed: white space instead of line ends). Return: false when it is no
 * such answer. */
bool live_batch_open(struct live_batch *batch, char *body, size_t length);
/* Return: 1 with *event, 0 at the end, -1 when the answer is broken. */
int live_batch_next(struct live_batch *batch, struct live_event *event);

/* The latest events of one stream, without a gap. */
struct live_ring {
    struct live_event *events;
    uint64_t first, count; /* of places: the oldest's, and how many */
    size_t bytes;
    uint64_t after;   /* every event behind it … */
    uint64_t covered; /* … up to here is in the ring */
};
struct live {
    struct live_ring rings[VIEW_STREAMS];
};

void live_init(struct live *live);
void live_release(struct live *live);
/* Effect: empties a stream's ring; it goes on behind seq `after`. */
void live_restart(struct live *live, enum view_stream stream, uint64_t after);
/* Effect: adds what a read of the stream after `covered` brought (copied), the oldest go. Return: false when the answer
 * was broken or does not follow; the ring is then as far as it was understood. */
bool live_add(struct live *live, enum view_stream stream, struct live_batch *batch);

struct live_subscription {
    unsigned streams;  /* bits 1 << enum view_stream */
    unsigned unproven; /* of them: those whose position may be beyond the stream's end; the store must be asked */
    char user_id[VIEW_USER_ID_MAX]; /* "" = of everybody */
    uint64_t user_hash;
    uint64_t position[VIEW_STREAMS]; /* everything up to here was delivered or did not fit the filter */
    uint64_t previous[VIEW_STREAMS]; /* the last that was delivered; at first the position where it began */
};

/* Effect: filters only; begin or resume it next. Return: false when user_id is longer than a user id can be. */
bool live_subscription_init(struct live_subscription *subscription, unsigned streams, const char *user_id);
/* Effect: begins behind heads (the last seq of each stream). */
void live_subscription_begin(struct live_subscription *subscription, const uint64_t heads[static VIEW_STREAMS]);

enum live_resume { LIVE_RESUMED = 1, LIVE_UNKNOWN_CURSOR, LIVE_EXPIRED_CURSOR, LIVE_CURSOR_AHEAD };
/* Effect: begins where the cursor says. Return: RESUMED, or why that cannot be: the subscription then begins behind
 * heads, and its reader must be told (reset). */
enum live_resume live_subscription_resume(struct live_subscription *subscription, const char *cursor,
                                          const char *region, const uint64_t heads[static VIEW_STREAMS]);
/* Return: "UNKNOWN_CURSOR" and the like, for the reset. */
const char *live_resume_text(enum live_resume resume);
/* Effect: writes the cursor that stands for where the subscription is now. */
void live_cursor_write(const struct live_subscription *subscription, const char *region,
                       char text[static LIVE_CURSOR_MAX]);

enum live_next { LIVE_CAUGHT_UP, LIVE_EVENT, LIVE_BEHIND };
/* Effect: takes the next event for the subscription and moves its position: of those that the rings have the earliest,
 * at the same time an order before its execution before its balance; so a reader who comes back gets what it missed in
 * the order in which it happened. except: streams to leave out (they are being read from the store). Return: EVENT with
 * *stream, *event (borrowed until the ring changes) and its *previous; BEHIND with the *stream to be read from the
 * store; CAUGHT_UP when there is nothing more now. */
enum live_next live_take(const struct live *live, struct live_subscription *subscription, unsigned except,
                         enum view_stream *stream, const struct live_event **event, uint64_t *previous);
/* Effect: judges an event that the store gave, and moves the position when it is to be delivered. Return: whether it
 * is, with its *previous. */
bool live_accept(struct live_subscription *subscription, enum view_stream stream, const struct live_event *event,
                 uint64_t *previous);
/* Effect: the store was read up to next_after, and the stream ends at last. Return: false when the position is beyond
 * that end: the cursor was ahead, and the subscription must begin anew. */
bool live_caught_up_to(struct live_subscription *subscription, enum view_stream stream, uint64_t next_after,
                       uint64_t last);

#endif
