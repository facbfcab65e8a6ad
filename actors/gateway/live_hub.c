/* live_hub: fetches for the rings, passes over the clients, and one client's way back to the ring. */
#include "live_hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "clock.h"
#include "log.h"
#include "reads.h"

enum {
    FETCH_ROWS = 1000,
    CATCH_UP_ROWS = 500,
    CATCH_UPS_MAX = 2,          /* queries for single clients at a time: other reads come first */
    CATCH_UP_ROOM = 256 * 1024, /* unsent bytes up to which a client is given more of the past */
    FILL_BYTES = 64 * 1024,     /* written for one client before others have their turn */
    WAKES_PER_TURN = 32,
    PREFILL = 2048, /* events from before the first client came: for those that resume */
    CLIENTS_PER_PACE_MS = 10,
};
#define PACE_MIN_US   (2 * 1000LL)
#define PACE_MAX_US   (100 * 1000LL)
#define TICK_US       (250 * 1000LL)
#define RETRY_US      (250 * 1000LL)
#define LAST_WORDS_US (30 * 1000000LL)

static const char *const names[] = {"orders", "executions", "balances", "ops"};

struct fetch {
    struct live_hub *hub;
    enum view_stream stream;
    bool under_way;
    int64_t not_before_us;
};

struct live_hub {
    struct gateway *gateway;
    struct live live;
    struct fetch fetches[VIEW_STREAMS];
    struct live_client *clients;
    size_t client_count;
    struct loop_timer *look_timer; /* a fetch that had to wait for its pace */
    struct loop_timer *pass_timer;
    struct loop_timer *tick;
    struct live_client *pass_at; /* next to be woken */
    size_t pass_left;
    int64_t pass_not_before_us;
    struct live_catch_up *waiting_first, *waiting_last;
    size_t catching_up;
    bool starting; /* start_catch_ups runs: a read that fails at once must not start it again */
    int64_t catch_up_not_before_us;
    size_t unsent_max; /* of one client, as things are */
    uint64_t slow;     /* readers cut so far */
};

/* A feed that the ring cannot serve: read from the store. */
struct live_catch_up {
    struct live_hub *hub;
    struct live_client *client;
    struct live_feed *feed; /* NULL: it is gone */
    enum view_stream stream;
    struct live_catch_up *next;
};

/* --- passes over the clients --- */

static int64_t pace_us(const struct live_hub *hub)
{
    int64_t pace = (int64_t)(hub->client_count / CLIENTS_PER_PACE_MS) * 1000;
    return pace < PACE_MIN_US ? PACE_MIN_US : pace > PACE_MAX_US ? PACE_MAX_US : pace;
}

/* Effect: wakes a few clients a turn, so that orders do not wait for a thousand writes. */
static void on_pass(void *arg)
{
    struct live_hub *hub = arg;
    for (int i = 0; i < WAKES_PER_TURN && hub->pass_left > 0 && hub->clients != NULL; i++) {
        struct live_client *client = hub->pass_at == NULL ? hub->clients : hub->pass_at;
        hub->pass_at = client->next;
        hub->pass_left--;
        http_stream_wake(client->stream);
    }
    if (hub->pass_left > 0 && hub->clients != NULL)
        loop_timer_set(hub->pass_timer, 0, 0);
}

/* Effect: soon every client is woken, not more often than the pace: what the streams bring meanwhile goes out in one
 * write. */
static void begin_pass(struct live_hub *hub)
{
    bool idle = hub->pass_left == 0;
    hub->pass_left = hub->client_count;
    if (!idle || hub->pass_left == 0)
        return;
    int64_t now = clock_monotonic_us();
    int64_t wait_us = hub->pass_not_before_us > now ? hub->pass_not_before_us - now : 0;
    hub->pass_not_before_us = now + wait_us + pace_us(hub);
    loop_timer_set(hub->pass_timer, wait_us, 0);
}

/* --- the rings --- */

static void read_events(struct live_hub *hub, enum view_stream stream, uint64_t after, int32_t limit,
                        const char *user_id, read_handler *handler, void *arg)
{
    struct arena arena;
    struct db_params params;
    arena_init(&arena, 1 << 16); /* not the scratch arena: this runs outside of a request's dispatch */
    db_params_init(&params, &arena);
    db_add_text(&params, hub->gateway->region);
    db_add_text(&params, names[stream]);
    db_add_int8(&params, (int64_t)after);
    db_add_int4(&params, limit);
    db_add_text(&params, NULL);
    db_add_text(&params, user_id);
    db_add_null(&params);
    read_pool_call(hub->gateway->reads, READ_EVENTS, &params, handler, arg);
    arena_release(&arena);
}

/* Effect: opens the answer of a read; its body is copied into *copy, for free(). Return: whether there is one. */
static bool open_result(const struct read_result *result, char **copy, struct live_batch *batch)
{
    *copy = NULL;
    if (result->status != 200 || result->length == 0)
        return false;
    *copy = tb_realloc(NULL, result->length, 1);
    memcpy(*copy, result->body, result->length);
    if (live_batch_open(batch, *copy, result->length))
        return true;
    log_error("live: events in a shape that is not understood");
    return false;
}

static void on_fetched(void *arg, const struct read_result *result)
{
    struct fetch *fetch = arg;
    struct live_hub *hub = fetch->hub;
    struct live_ring *ring = &hub->live.rings[fetch->stream];
    uint64_t before = ring->covered;
    struct live_batch batch;
    char *copy;
    fetch->under_way = false;
    if (!open_result(result, &copy, &batch) || !live_add(&hub->live, fetch->stream, &batch))
        fetch->not_before_us = clock_monotonic_us() + RETRY_US;
    else if (ring->covered >= before + FETCH_ROWS)
        fetch->not_before_us = 0; /* there is more */
    free(copy);
    if (ring->covered > before)
        begin_pass(hub);
    live_hub_look(hub);
}

void live_hub_look(struct live_hub *hub)
{
    const struct view *view = gateway_view(hub->gateway);
    if (hub->client_count == 0 || !view->ready)
        return;
    int64_t now = clock_monotonic_us(), soonest = INT64_MAX;
    for (int s = 0; s < VIEW_STREAMS; s++) {
        struct fetch *fetch = &hub->fetches[s];
        if (fetch->under_way || view_stream_last(view, fetch->stream) <= hub->live.rings[s].covered)
            continue;
        if (now < fetch->not_before_us) {
            soonest = fetch->not_before_us < soonest ? fetch->not_before_us : soonest;
            continue;
        }
        fetch->under_way = true;
        fetch->not_before_us = now + pace_us(hub);
        read_events(hub, fetch->stream, hub->live.rings[s].covered, FETCH_ROWS, NULL, on_fetched, fetch);
    }
    if (soonest != INT64_MAX)
        loop_timer_set(hub->look_timer, soonest - now, 0);
}

static void on_look(void *arg)
{
    live_hub_look(arg);
}

/* Effect: the first client comes after a while without any: rings that stand far back begin anew, close to the
 * present. */
static void freshen_rings(struct live_hub *hub)
{
    const struct view *view = gateway_view(hub->gateway);
    for (int s = 0; s < VIEW_STREAMS; s++) {
        uint64_t head = view_stream_last(view, (enum view_stream)s);
        if (!hub->fetches[s].under_way && head > hub->live.rings[s].covered + PREFILL)
            live_restart(&hub->live, (enum view_stream)s, head - PREFILL);
    }
}

/* --- catching up --- */

static void start_catch_ups(struct live_hub *hub);

static void heads_now(const struct live_hub *hub, uint64_t heads[VIEW_STREAMS])
{
    for (int s = 0; s < VIEW_STREAMS; s++)
        heads[s] = view_stream_last(gateway_view(hub->gateway), (enum view_stream)s);
}

/* Effect: hands over what the store gave; a cursor ahead of the stream begins anew. */
static void deliver_batch(struct live_catch_up *catch_up, struct live_batch *batch)
{
    struct live_client *client = catch_up->client;
    struct live_feed *feed = catch_up->feed;
    struct live_event event;
    uint64_t previous;
    int got;
    if (!live_caught_up_to(&feed->subscription, catch_up->stream, 0, batch->last)) {
        uint64_t heads[VIEW_STREAMS];
        heads_now(catch_up->hub, heads);
        live_subscription_begin(&feed->subscription, heads);
        client->protocol->reset(client, feed, live_resume_text(LIVE_CURSOR_AHEAD));
        return;
    }
    while ((got = live_batch_next(batch, &event)) > 0) {
        if (live_accept(&feed->subscription, catch_up->stream, &event, &previous))
            client->protocol->event(client, feed, &event, previous);
    }
    if (got == 0)
        (void)live_caught_up_to(&feed->subscription, catch_up->stream, batch->next_after, batch->last);
    else
        catch_up->hub->catch_up_not_before_us = clock_monotonic_us() + RETRY_US;
}

static void on_caught_up(void *arg, const struct read_result *result)
{
    struct live_catch_up *catch_up = arg;
    struct live_hub *hub = catch_up->hub;
    struct live_feed *feed = catch_up->feed;
    struct live_batch batch;
    char *copy = NULL;
    hub->catching_up--;
    if (feed != NULL) {
        feed->catch_up = NULL;
        if (catch_up->client->ended_us == 0 && open_result(result, &copy, &batch))
            deliver_batch(catch_up, &batch);
        else
            hub->catch_up_not_before_us = clock_monotonic_us() + RETRY_US; /* the tick tries again */
        http_stream_wake(catch_up->client->stream);
        free(copy);
    }
    free(catch_up);
    start_catch_ups(hub);
}

static void start_catch_ups(struct live_hub *hub)
{
    if (hub->starting)
        return;
    hub->starting = true;
    while (hub->catching_up < CATCH_UPS_MAX && hub->waiting_first != NULL) {
        struct live_catch_up *catch_up = hub->waiting_first;
        hub->waiting_first = catch_up->next;
        if (hub->waiting_first == NULL)
            hub->waiting_last = NULL;
        if (catch_up->feed == NULL) {
            free(catch_up);
            continue;
        }
        const struct live_subscription *subscription = &catch_up->feed->subscription;
        hub->catching_up++;
        read_events(hub, catch_up->stream, subscription->position[catch_up->stream], CATCH_UP_ROWS,
                    subscription->user_id[0] == '\0' ? NULL : subscription->user_id, on_caught_up, catch_up);
    }
    hub->starting = false;
}

static void ask_catch_up(struct live_client *client, struct live_feed *feed, enum view_stream stream)
{
    struct live_hub *hub = client->hub;
    if (clock_monotonic_us() < hub->catch_up_not_before_us)
        return;
    struct live_catch_up *catch_up = tb_alloc_zero(1, sizeof *catch_up);
    *catch_up = (struct live_catch_up){.hub = hub, .client = client, .feed = feed, .stream = stream};
    feed->catch_up = catch_up;
    if (hub->waiting_last != NULL)
        hub->waiting_last->next = catch_up;
    else
        hub->waiting_first = catch_up;
    hub->waiting_last = catch_up;
    start_catch_ups(hub);
}

/* --- one client --- */

/* Effect: writes what the feed has not seen, within bounds. Return: whether there is more. */
static bool fill_feed(struct live_client *client, struct live_feed *feed, size_t *budget)
{
    for (;;) {
        enum view_stream stream;
        const struct live_event *event;
        uint64_t previous;
        size_t unsent = http_stream_unsent(client->stream);
        if (*budget == 0 || unsent > client->hub->unsent_max)
            return true;
        unsigned except = feed->catch_up == NULL ? 0 : 1U << feed->catch_up->stream;
        switch (live_take(&client->hub->live, &feed->subscription, except, &stream, &event, &previous)) {
        case LIVE_EVENT:
            client->protocol->event(client, feed, event, previous);
            size_t written = http_stream_unsent(client->stream) - unsent;
            *budget -= written < *budget ? written : *budget;
            break;
        case LIVE_BEHIND:
            if (feed->catch_up == NULL && unsent >= CATCH_UP_ROOM)
                return true;
            if (feed->catch_up == NULL)
                ask_catch_up(client, feed, stream);
            return false; /* its outcome wakes us */
        case LIVE_CAUGHT_UP:
        default:
            return false;
        }
    }
}

bool live_hub_fill(struct live_client *client)
{
    bool more = false;
    size_t budget = FILL_BYTES;
    if (client->ended_us != 0)
        return false;
    for (struct live_feed *feed = client->feeds; feed != NULL; feed = feed->next)
        more = fill_feed(client, feed, &budget) || more;
    return more;
}

struct live_feed *live_hub_subscribe(struct live_client *client, unsigned streams, const char *user_id,
                                     const char *cursor, enum live_resume *resume)
{
    struct live_feed *feed = tb_alloc_zero(1, sizeof *feed);
    uint64_t heads[VIEW_STREAMS];
    *resume = LIVE_RESUMED;
    if (!live_subscription_init(&feed->subscription, streams, user_id)) {
        free(feed);
        return NULL;
    }
    heads_now(client->hub, heads);
    if (cursor != NULL)
        *resume = live_subscription_resume(&feed->subscription, cursor, client->hub->gateway->region, heads);
    else
        live_subscription_begin(&feed->subscription, heads);
    feed->next = client->feeds;
    client->feeds = feed;
    client->feed_count++;
    http_stream_wake(client->stream);
    return feed;
}

void live_hub_unsubscribe(struct live_client *client, struct live_feed *feed)
{
    struct live_feed **place = &client->feeds;
    while (*place != feed)
        place = &(*place)->next;
    *place = feed->next;
    client->feed_count--;
    if (feed->catch_up != NULL)
        feed->catch_up->feed = NULL;
    free(feed);
}

void live_hub_end(struct live_client *client)
{
    if (client->ended_us == 0)
        client->ended_us = clock_monotonic_us();
    http_stream_end(client->stream);
}

/* --- all clients --- */

void live_hub_add(struct live_hub *hub, struct live_client *client)
{
    if (hub->client_count == 0) {
        freshen_rings(hub);
        loop_timer_set(hub->tick, TICK_US, TICK_US);
    }
    client->hub = hub;
    client->region = hub->gateway->region;
    client->heartbeat_us = clock_monotonic_us();
    client->previous = NULL;
    client->next = hub->clients;
    if (hub->clients != NULL)
        hub->clients->previous = client;
    hub->clients = client;
    hub->client_count++;
    live_hub_look(hub);
}

void live_hub_remove(struct live_client *client)
{
    struct live_hub *hub = client->hub;
    while (client->feeds != NULL)
        live_hub_unsubscribe(client, client->feeds);
    if (hub->pass_at == client)
        hub->pass_at = client->next;
    if (client->next != NULL)
        client->next->previous = client->previous;
    if (client->previous != NULL)
        client->previous->next = client->next;
    else
        hub->clients = client->next;
    if (--hub->client_count == 0)
        loop_timer_clear(hub->tick);
}

static void judge_client(struct live_hub *hub, struct live_client *client, int64_t now)
{
    if (client->ended_us != 0) {
        if (now - client->ended_us > LAST_WORDS_US)
            http_stream_cut(client->stream);
        return;
    }
    if (http_stream_unsent(client->stream) <= hub->unsent_max)
        client->slow_since_us = 0;
    else if (client->slow_since_us == 0)
        client->slow_since_us = now;
    if (client->slow_since_us != 0 && now - client->slow_since_us >= LIVE_SLOW_US) {
        hub->slow++;
        client->protocol->farewell(client, true);
        live_hub_end(client);
    } else if (now - client->heartbeat_us >= LIVE_HEARTBEAT_US) {
        client->heartbeat_us = now;
        client->protocol->heartbeat(client);
    }
}

static void on_tick(void *arg)
{
    struct live_hub *hub = arg;
    int64_t now = clock_monotonic_us();
    size_t unsent = 0;
    for (struct live_client *client = hub->clients; client != NULL; client = client->next) {
        unsent += http_stream_unsent(client->stream);
        judge_client(hub, client, now);
    }
    hub->unsent_max = unsent > LIVE_UNSENT_TOTAL_MAX ? LIVE_UNSENT_TIGHT : LIVE_UNSENT_MAX;
    begin_pass(hub); /* also those that wait to try the store again */
    live_hub_look(hub);
}

void live_hub_drain(struct live_hub *hub)
{
    for (struct live_client *client = hub->clients; client != NULL; client = client->next) {
        if (client->ended_us != 0)
            continue;
        client->protocol->farewell(client, false);
        live_hub_end(client);
    }
}

bool live_hub_has_room(const struct live_hub *hub)
{
    return hub->client_count < LIVE_CLIENTS_MAX;
}

size_t live_hub_clients(const struct live_hub *hub)
{
    return hub->client_count;
}

uint64_t live_hub_slow(const struct live_hub *hub)
{
    return hub->slow;
}

struct live_hub *live_hub_new(struct gateway *gateway, struct loop *loop)
{
    struct live_hub *hub = tb_alloc_zero(1, sizeof *hub);
    hub->gateway = gateway;
    hub->unsent_max = LIVE_UNSENT_MAX;
    live_init(&hub->live);
    for (int s = 0; s < VIEW_STREAMS; s++)
        hub->fetches[s] = (struct fetch){.hub = hub, .stream = (enum view_stream)s};
    hub->look_timer = loop_timer_new(loop, on_look, hub);
    hub->pass_timer = loop_timer_new(loop, on_pass, hub);
    hub->tick = loop_timer_new(loop, on_tick, hub);
    return hub;
}

void live_hub_free(struct live_hub **hub)
{
    struct live_hub *h = *hub;
    if (h == NULL)
        return;
    *hub = NULL;
    tb_assert(h->clients == NULL);
    while (h->waiting_first != NULL) {
        struct live_catch_up *next = h->waiting_first->next;
        free(h->waiting_first);
        h->waiting_first = next;
    }
    loop_timer_free(&h->look_timer);
    loop_timer_free(&h->pass_timer);
    loop_timer_free(&h->tick);
    live_release(&h->live);
    free(h);
}

/* --- channels --- */

unsigned live_channel(const char *name, size_t length)
{
    for (unsigned i = 0; i < TB_ARRAY_SIZE(names); i++) {
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
            return 1U << i;
    }
    return length == 4 && memcmp(name, "book", 4) == 0 ? LIVE_CHANNEL_BOOK : 0;
}

void live_hub_write_book(struct live_hub *hub, struct text *text)
{
    struct json_out out;
    int64_t now = gateway_now_us(hub->gateway);
    char at[CLOCK_TEXT_MAX], event_id[CLOCK_TEXT_MAX + 80];
    (void)snprintf(event_id, sizeof event_id, "EVT#%s#%.60s.boo.0", clock_format(now, at), hub->gateway->region);
    json_out_init(&out, text);
    json_out_begin(&out, NULL);
    json_out_string(&out, "stream", "book");
    json_out_uint(&out, "seq", 0);
    json_out_uint(&out, "prevSeq", 0);
    json_out_string(&out, "eventId", event_id);
    json_out_string(&out, "type", "BookSnapshot");
    json_out_string(&out, "region", hub->gateway->region);
    json_out_time(&out, "ts", now);
    json_out_null(&out, "orderId");
    json_out_null(&out, "userId");
    json_out_null(&out, "traceId");
    json_out_begin(&out, "payload");
    json_out_string(&out, "market", "TULIP");
    json_out_uint(&out, "seq", 0);
    json_out_int(&out, "checksum", 0);
    json_out_begin_array(&out, "bids");
    json_out_end_array(&out);
    json_out_begin_array(&out, "asks");
    json_out_end_array(&out);
    json_out_time(&out, "asOf", now);
    json_out_bool(&out, "stale", false);
    json_out_end(&out);
    json_out_end(&out);
}
