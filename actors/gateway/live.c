/* live: rings and subscriptions. */
#include "live.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "ids.h"

void live_init(struct live *live)
{
    *live = (struct live){0};
}

static struct live_event *event_at(const struct live_ring *ring, uint64_t index)
{
    return &ring->events[(ring->first + index) & (LIVE_RING_EVENTS - 1)];
}

static void drop_oldest(struct live_ring *ring)
{
    struct live_event *oldest = event_at(ring, 0);
    ring->after = oldest->seq;
    ring->bytes -= oldest->length;
    free(oldest->envelope);
    oldest->envelope = NULL;
    ring->first++;
    ring->count--;
}

void live_restart(struct live *live, enum view_stream stream, uint64_t after)
{
    struct live_ring *ring = &live->rings[stream];
    while (ring->count > 0)
        drop_oldest(ring);
    ring->after = ring->covered = after;
}

void live_release(struct live *live)
{
    for (int stream = 0; stream < VIEW_STREAMS; stream++) {
        live_restart(live, (enum view_stream)stream, 0);
        free(live->rings[stream].events);
    }
    live_init(live);
}

static void add_event(struct live_ring *ring, const struct live_event *event)
{
    if (ring->events == NULL)
        ring->events = tb_alloc_zero(LIVE_RING_EVENTS, sizeof *ring->events);
    while (ring->count > 0 && (ring->count == LIVE_RING_EVENTS || ring->bytes + event->length > LIVE_RING_BYTES))
        drop_oldest(ring);
    struct live_event *place = event_at(ring, ring->count++);
    *place = *event;
    place->envelope = tb_realloc(NULL, event->length, 1);
    memcpy(place->envelope, event->envelope, event->length);
    ring->bytes += event->length;
    ring->covered = event->seq;
}

bool live_add(struct live *live, enum view_stream stream, struct live_batch *batch)
{
    struct live_ring *ring = &live->rings[stream];
    struct live_event event;
    int got;
    while ((got = live_batch_next(batch, &event)) > 0) {
        if (event.seq <= ring->covered)
            return false;
        add_event(ring, &event);
    }
    if (got < 0)
        return false;
    if (batch->next_after > ring->covered)
        ring->covered = batch->next_after;
    return true;
}

/* Return: the index of the first event behind seq. Streams are dense, so it is nearly always where it is looked for
 * first. */
static uint64_t index_behind(const struct live_ring *ring, uint64_t seq)
{
    uint64_t low = 0, high = ring->count;
    if (ring->count > 0 && seq >= event_at(ring, 0)->seq) {
        uint64_t guess = seq - event_at(ring, 0)->seq + 1;
        if (guess <= ring->count && event_at(ring, guess - 1)->seq == seq)
            return guess;
    }
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (event_at(ring, middle)->seq <= seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* --- subscriptions --- */

bool live_subscription_init(struct live_subscription *subscription, unsigned streams, const char *user_id)
{
    *subscription = (struct live_subscription){.streams = streams};
    if (user_id == NULL || user_id[0] == '\0')
        return true;
    subscription->user_hash = ids_hash(IDS_HASH_START, user_id, strlen(user_id)) | 1;
    return tb_copy_text(subscription->user_id, sizeof subscription->user_id, user_id);
}

void live_subscription_begin(struct live_subscription *subscription, const uint64_t heads[static VIEW_STREAMS])
{
    subscription->unproven = 0;
    for (int stream = 0; stream < VIEW_STREAMS; stream++)
        subscription->position[stream] = subscription->previous[stream] = heads[stream];
}

static bool fits(const struct live_subscription *subscription, const struct live_event *event)
{
    return subscription->user_hash == 0 ||
           (event->user_hash == subscription->user_hash && event->user_length < VIEW_USER_ID_MAX &&
            subscription->user_id[event->user_length] == '\0' &&
            memcmp(subscription->user_id, event->envelope + event->user_at, event->user_length) == 0);
}

static uint64_t deliver(struct live_subscription *subscription, enum view_stream stream, uint64_t seq)
{
    uint64_t previous = subscription->previous[stream];
    subscription->position[stream] = subscription->previous[stream] = seq;
    return previous;
}

/* Return: whether a happened before b. Both times are texts of the same shape (RFC 3339, UTC, milliseconds). */
static bool is_earlier(const struct live_event *a, const struct live_event *b)
{
    size_t common = a->time_length < b->time_length ? a->time_length : b->time_length;
    return memcmp(a->envelope + a->time_at, b->envelope + b->time_at, common) < 0;
}

/* Effect: looks for the stream's next event in its ring; what does not fit the filter is passed over for good. Return:
 * it, NULL when there is none now. */
static const struct live_event *next_in_ring(const struct live_ring *ring, struct live_subscription *subscription,
                                             int stream)
{
    if (subscription->position[stream] >= ring->covered)
        return NULL;
    for (uint64_t i = index_behind(ring, subscription->position[stream]); i < ring->count; i++) {
        const struct live_event *found = event_at(ring, i);
        if (fits(subscription, found)) {
            subscription->position[stream] = found->seq - 1;
            return found;
        }
    }
    subscription->position[stream] = ring->covered;
    return NULL;
}

enum live_next live_take(const struct live *live, struct live_subscription *subscription, unsigned except,
                         enum view_stream *stream, const struct live_event **event, uint64_t *previous)
{
    bool behind = false;
    enum view_stream stream_behind = 0;
    *event = NULL;
    for (int s = 0; s < VIEW_STREAMS; s++) {
        const struct live_ring *ring = &live->rings[s];
        if ((subscription->streams & ~except & 1U << s) == 0)
            continue;
        if (subscription->position[s] < ring->after || (subscription->unproven & 1U << s) != 0) {
            stream_behind = (enum view_stream)s;
            behind = true;
            continue;
        }
        const struct live_event *found = next_in_ring(ring, subscription, s);
        if (found != NULL && (*event == NULL || is_earlier(found, *event))) {
            *stream = (enum view_stream)s;
            *event = found;
        }
    }
    if (*event != NULL) {
        *previous = deliver(subscription, *stream, (*event)->seq);
        return LIVE_EVENT;
    }
    *stream = stream_behind;
    return behind ? LIVE_BEHIND : LIVE_CAUGHT_UP;
}

bool live_accept(struct live_subscription *subscription, enum view_stream stream, const struct live_event *event,
                 uint64_t *previous)
{
    if (event->seq <= subscription->position[stream] || !fits(subscription, event))
        return false;
    *previous = deliver(subscription, stream, event->seq);
    return true;
}

bool live_caught_up_to(struct live_subscription *subscription, enum view_stream stream, uint64_t next_after,
                       uint64_t last)
{
    subscription->unproven &= ~(1U << stream);
    if (subscription->position[stream] > last)
        return false;
    if (next_after > subscription->position[stream])
        subscription->position[stream] = next_after;
    return true;
}
