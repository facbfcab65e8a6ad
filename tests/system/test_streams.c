/* The live feeds from outside: what is missed comes exactly once and in order, whoever dies meanwhile; filters keep an
 * unbroken chain; a cursor that means nothing is told so; slow readers are cut alone; WebSocket is RFC 6455. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api.h"
#include "base.h"
#include "cluster.h"
#include "live_reader.h"

/* A deadline is there to end a test that has failed: generous, for a busy machine must not reach it. */
enum { STREAMS = 4, WAIT_MS = 30000, SETTLED_S = 90, READ_S = 120 };
static const char *const streams[STREAMS] = {"orders", "executions", "balances", "ops"};
static const char *const users[] = {"clusius", "oosterwijck", "leeuwenhoek"};
static struct cluster cluster;

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Return: the second at which to give up. */
static time_t in_seconds(time_t seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + seconds;
}

static bool is_over(time_t deadline)
{
    return in_seconds(0) > deadline;
}

/* Effect: places one order, again and again with its key until it is taken. */
static void place_order(const char *user, unsigned number, const char *series)
{
    char body[256];
    snprintf(body, sizeof body,
             "{\"userId\":\"%s\",\"side\":\"%s\",\"quantity\":%u,\"price\":\"1.50\",\"clientId\":\"streams\","
             "\"idempotencyKey\":\"%s-%d-%u\"}",
             user, number % 2 ? "BUY" : "SELL", number % 9 + 1, series, (int)getpid(), number);
    for (time_t deadline = in_seconds(WAIT_MS / 1000); !is_over(deadline);) {
        struct api_answer *answer = api_call(cluster.port, "POST", "/api/orders", body, NULL);
        int status = answer->status;
        api_free(&answer);
        if (status == 200 || status == 201)
            return;
        ck_assert_msg(status == 0 || status == 503, "an order was answered %d", status);
        pause_ms(50); /* the pace of retries, not a wait for a condition */
    }
    ck_abort_msg("an order was never taken");
}

/* Return: the last seq of a stream. */
static long last_seq(const char *stream)
{
    char path[128];
    snprintf(path, sizeof path, "/api/events?stream=%s&limit=1", stream);
    for (time_t deadline = in_seconds(WAIT_MS / 1000); !is_over(deadline);) {
        struct api_answer *answer = api_call(cluster.port, "GET", path, NULL, NULL);
        long last = answer->status == 200 ? api_int(answer, "lastSeq") : -1;
        api_free(&answer);
        if (last >= 0)
            return last;
        pause_ms(50);
    }
    ck_abort_msg("no events to be read");
}

/* Effect: waits until every order is settled: executions and balances stand still and agree. */
static void wait_until_settled(void)
{
    for (time_t deadline = in_seconds(SETTLED_S); !is_over(deadline);) {
        struct api_answer *answer = api_call(cluster.port, "GET", "/api/orders?status=PENDING&limit=1", NULL, NULL);
        bool none = answer->status == 200 && json_array_size(api_at(answer, "items")) == 0;
        api_free(&answer);
        answer = api_call(cluster.port, "GET", "/api/balances", NULL, NULL);
        json_t *items = api_at(answer, "items"), *item;
        size_t i;
        bool settled = answer->status == 200 && json_array_size(items) > 0;
        json_array_foreach(items, i, item)
        {
            const char *pending = json_string_value(json_object_get(item, "pendingDelta"));
            settled = settled && pending && strcmp(pending, "0.00") == 0;
        }
        api_free(&answer);
        if (none && settled)
            return;
        pause_ms(50);
    }
    ck_abort_msg("the orders were never settled");
}

/* What a reader was given, checked against the log at the end. */
struct tally {
    long start[STREAMS], last[STREAMS], count[STREAMS];
    bool started;
    json_t *events[STREAMS]; /* arrays */
};

static int stream_index(const json_t *event)
{
    const char *name = json_string_value(json_object_get(event, "stream"));
    for (int s = 0; s < STREAMS; s++) {
        if (name && strcmp(name, streams[s]) == 0)
            return s;
    }
    return -1;
}

/* Effect: notes an event; without a filter its chain is the stream itself. */
static void tally_event(struct tally *tally, json_t *event, bool dense)
{
    int s = stream_index(event);
    ck_assert_int_ge(s, 0);
    long seq = (long)json_integer_value(json_object_get(event, "seq"));
    long previous = (long)json_integer_value(json_object_get(event, "prevSeq"));
    if (!tally->events[s])
        tally->events[s] = json_array();
    if (tally->count[s] == 0)
        tally->start[s] = tally->last[s] = previous;
    ck_assert_msg(previous == tally->last[s], "%s %ld follows %ld, not %ld", streams[s], seq, previous, tally->last[s]);
    ck_assert_msg(seq > previous && (!dense || seq == previous + 1), "%s %ld after %ld", streams[s], seq, previous);
    tally->last[s] = seq;
    tally->count[s]++;
    json_array_append(tally->events[s], event);
}

static void free_tally(struct tally *tally)
{
    for (int s = 0; s < STREAMS; s++)
        json_decref(tally->events[s]);
}

/* Effect: holds what was delivered equal to GET /api/events, event for event. user: the filter, or NULL. */
static void check_against_the_log(const struct tally *tally, int s, const char *user)
{
    size_t at = 0;
    long after = tally->start[s], end = last_seq(streams[s]);
    while (after < end) {
        char path[256];
        snprintf(path, sizeof path, "/api/events?stream=%s&afterSeq=%ld&limit=1000%s%s", streams[s], after,
                 user ? "&userId=" : "", user ? user : "");
        struct api_answer *answer = api_call(cluster.port, "GET", path, NULL, NULL);
        ck_assert_int_eq(answer->status, 200);
        json_t *items = api_at(answer, "items"), *item;
        size_t i;
        json_array_foreach(items, i, item)
        {
            json_t *delivered = json_array_get(tally->events[s], at++);
            ck_assert_msg(delivered != NULL, "%s: event %zu was not delivered", streams[s], at - 1);
            if (user) /* the first of a page has another predecessor there */
                json_object_set(item, "prevSeq", json_object_get(delivered, "prevSeq"));
            char *want = json_dumps(item, 0), *got = json_dumps(delivered, 0);
            ck_assert_str_eq(got, want);
            free(want);
            free(got);
        }
        after = api_int(answer, "nextAfterSeq");
        api_free(&answer);
    }
    ck_assert_uint_eq(at, json_array_size(tally->events[s]));
}

/* --- an endless flow of orders --- */

struct flow {
    pthread_t thread;
    atomic_bool stop;
    unsigned placed;
    const char *series;
};

static void *flow_on(void *arg)
{
    struct flow *flow = arg;
    while (!atomic_load(&flow->stop))
        place_order(users[flow->placed % 3], flow->placed, flow->series), flow->placed++;
    return NULL;
}

static void start_flow(struct flow *flow, const char *series)
{
    *flow = (struct flow){.series = series};
    ck_assert_int_eq(pthread_create(&flow->thread, NULL, flow_on, flow), 0);
}

static void end_flow(struct flow *flow)
{
    atomic_store(&flow->stop, true);
    pthread_join(flow->thread, NULL);
}

/* Effect: reads on until the tally has reached `ends` (NULL: until `events` more came); connects anew with the last id
 * whenever the connection ends. */
static void read_sse(struct live_reader **reader, const char *target, char id[256], struct tally *tally,
                     const long *ends, long events, bool dense)
{
    struct live_message message;
    time_t deadline = in_seconds(READ_S);
    for (;;) {
        bool done = ends ? true : events <= 0;
        for (int s = 0; ends && s < STREAMS; s++)
            done = done && (tally->last[s] >= ends[s] || ends[s] < 0);
        if (done)
            return;
        ck_assert_msg(!is_over(deadline), "events are missing after %d s", READ_S);
        enum live_outcome outcome = live_next(*reader, 1000, &message);
        if (outcome == LIVE_ENDED) {
            live_close(reader);
            pause_ms(20);
            *reader = live_open_sse(cluster.port, target, id[0] ? id : NULL, 0);
        } else if (outcome == LIVE_MESSAGE) {
            snprintf(id, 256, "%s", message.id);
            ck_assert_str_ne(message.event, "reset");
            if (message.json)
                tally_event(tally, message.json, dense), events--;
        }
    }
}

/* Effect: the next message with an event in it; heartbeats may come between. */
static void next_event(struct live_reader *reader, struct live_message *message)
{
    time_t deadline = in_seconds(WAIT_MS / 1000);
    do {
        ck_assert_msg(!is_over(deadline), "nothing but heartbeats");
        ck_assert_int_eq(live_next(reader, WAIT_MS, message), LIVE_MESSAGE);
    } while (message->event[0] == '\0');
}

START_TEST(what_was_missed_comes_exactly_once_and_then_live_whoever_is_killed)
{
    static const char target[] = "/api/stream?channels=orders,executions,balances,ops";
    static const char *const victims[] = {"simfill", "gateway", "sequencer", "balance", "gateway"};
    struct tally tally = {0};
    struct flow flow;
    char id[256] = "";
    struct live_message message;
    struct live_reader *reader = live_open_sse(cluster.port, target, NULL, 0);
    ck_assert_int_eq(live_next(reader, WAIT_MS, &message), LIVE_MESSAGE);
    snprintf(id, sizeof id, "%s", message.id);
    ck_assert_str_ne(id, ""); /* who is cut before the first event can resume too */
    ck_assert_ptr_nonnull(strstr(live_head(reader), "Content-Type: text/event-stream"));
    ck_assert_ptr_nonnull(strstr(live_head(reader), "Cache-Control: no-store"));
    start_flow(&flow, "kills");
    for (size_t i = 0; i < TB_ARRAY_SIZE(victims); i++) {
        char command[64];
        read_sse(&reader, target, id, &tally, NULL, 60, true);
        snprintf(command, sizeof command, "kill %s", victims[i]);
        ck_assert_int_eq(cluster_tulip(&cluster, command), 0);
        read_sse(&reader, target, id, &tally, NULL, 60, true);
        live_close(&reader); /* away for a while, in the middle of the flow */
        unsigned placed = flow.placed;
        for (time_t deadline = in_seconds(READ_S); flow.placed < placed + 10; pause_ms(20))
            ck_assert_msg(!is_over(deadline), "the flow of orders stands still");
        reader = live_open_sse(cluster.port, target, id, 0);
    }
    end_flow(&flow);
    wait_until_settled();
    long ends[STREAMS];
    for (int s = 0; s < STREAMS; s++)
        ends[s] = s == 3 ? -1 : last_seq(streams[s]);
    read_sse(&reader, target, id, &tally, ends, 0, true);
    for (int s = 0; s < 3; s++)
        check_against_the_log(&tally, s, NULL);
    live_close(&reader);
    free_tally(&tally);
}
END_TEST

START_TEST(a_filtered_subscription_is_a_chain_of_its_own)
{
    static const char target[] = "/api/stream?channels=orders,executions,balances&userId=clusius";
    struct tally tally = {0};
    char id[256] = "";
    struct live_message message;
    wait_until_settled();
    struct live_reader *reader = live_open_sse(cluster.port, target, NULL, 0);
    ck_assert_int_eq(live_next(reader, WAIT_MS, &message), LIVE_MESSAGE);
    for (unsigned i = 0; i < 15; i++)
        place_order(users[i % 3], i, "filter");
    read_sse(&reader, target, id, &tally, NULL, 8, false);
    live_close(&reader);
    for (unsigned i = 15; i < 30; i++)
        place_order(users[i % 3], i, "filter");
    reader = live_open_sse(cluster.port, target, id, 0);
    read_sse(&reader, target, id, &tally, NULL, 10 * 4 - 8, false); /* received, traded, accepted, settled */
    for (int s = 0; s < 3; s++) {
        size_t i;
        json_t *event;
        json_array_foreach(tally.events[s], i, event)
            ck_assert_str_eq(json_string_value(json_object_get(event, "userId")), "clusius");
        check_against_the_log(&tally, s, "clusius");
    }
    live_close(&reader);
    free_tally(&tally);
}
END_TEST

START_TEST(a_cursor_that_means_nothing_gets_a_reset_first)
{
    struct live_message message;
    static const char *const cursors[] = {"nonsense", "AQ8AAAAAAwADACGqVE9", "bzE6MTg0Mg", "%00"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(cursors); i++) {
        struct live_reader *reader = live_open_sse(cluster.port, "/api/stream?channels=orders", cursors[i], 0);
        next_event(reader, &message);
        ck_assert_str_eq(message.event, "reset");
        ck_assert_str_eq(json_string_value(json_object_get(message.json, "reason")), "UNKNOWN_CURSOR");
        live_close(&reader);
    }
    struct live_reader *reader = live_open_sse(cluster.port, "/api/stream?channels=orders&lastEventId=x", NULL, 0);
    next_event(reader, &message);
    ck_assert_str_eq(message.event, "reset");
    place_order("clusius", 0, "reset"); /* and from there on live */
    next_event(reader, &message);
    ck_assert_str_eq(message.event, "OrderReceived");
    live_close(&reader);
    struct api_answer *answer = api_call(cluster.port, "GET", "/api/stream?channels=orders,tulips", NULL, NULL);
    ck_assert_int_eq(answer->status, 400);
    ck_assert_str_eq(api_text(answer, "errors.0.field"), "channels");
    api_free(&answer);
}
END_TEST

START_TEST(a_quiet_stream_breathes)
{
    struct live_message message;
    struct live_reader *sse =
        live_open_sse(cluster.port, "/api/stream?channels=ops,book&userId=nobody-at-all", NULL, 0);
    struct live_reader *ws = live_open_ws(cluster.port, 0);
    next_event(sse, &message);
    ck_assert_str_eq(message.event, "BookSnapshot");
    ck_assert_int_eq((int)json_array_size(json_object_get(json_object_get(message.json, "payload"), "bids")), 0);
    ck_assert(json_is_integer(json_object_get(json_object_get(message.json, "payload"), "checksum")));
    ck_assert_int_eq(live_next(sse, WAIT_MS, &message), LIVE_MESSAGE);
    ck_assert_str_eq(message.event, ""); /* a comment */
    ck_assert_int_eq(live_next(ws, WAIT_MS, &message), LIVE_MESSAGE);
    ck_assert_str_eq(message.event, "ping");
    live_close(&sse);
    live_close(&ws);
}
END_TEST

/* Return: the next message that is no ping. */
static const struct live_message *ws_next(struct live_reader *reader)
{
    static struct live_message message;
    time_t deadline = in_seconds(WAIT_MS / 1000);
    do {
        ck_assert_msg(!is_over(deadline), "nothing but pings");
        ck_assert_int_eq(live_next(reader, WAIT_MS, &message), LIVE_MESSAGE);
    } while (strcmp(message.event, "ping") == 0);
    return &message;
}

/* Effect: as many orders as a few seconds bring, over many connections: megabytes of events. */
static void flood(void)
{
    char command[512];
    snprintf(command, sizeof command,
             "%s/bin/tb-bench --port %d --connections 32 --seconds 4 --warmup 0 >/dev/null 2>&1",
             getenv("TB_BUILD_DIR"), cluster.port);
    ck_assert_int_eq(system(command), 0);
}

/* Return: how many readers the gateway has cut for being slow. */
static long cut_so_far(void)
{
    struct api_answer *answer = api_call(cluster.port, "GET", "/metrics", NULL, NULL);
    const char *counter = strstr(answer->body, "\ntb_live_slow_total");
    long cut = counter ? strtol(strchr(counter + 1, ' '), NULL, 10) : -1;
    api_free(&answer);
    return cut;
}

/* Effect: floods until the gateway has lost patience with `count` readers. A slow machine makes fewer events in the
 * same time, and the kernel keeps some megabytes of them: so it takes as many floods as it takes. */
static void flood_until_cut(long count)
{
    long before = cut_so_far();
    ck_assert_msg(before >= 0, "/metrics has no tb_live_slow_total");
    for (time_t deadline = in_seconds(READ_S); cut_so_far() < before + count;) {
        ck_assert_msg(!is_over(deadline), "%ld of %ld slow readers were cut within %d s", cut_so_far() - before, count,
                      READ_S);
        flood();
        for (time_t patience = in_seconds(8); cut_so_far() < before + count && !is_over(patience);)
            pause_ms(50);
    }
}

/* A reader that keeps up, on a thread of its own. */
struct healthy {
    pthread_t thread;
    struct live_reader *reader;
    struct tally tally;
    long ends[STREAMS]; /* where it may stop, once known */
    atomic_bool ends_known;
    bool cut;
};

static void *read_healthily(void *arg)
{
    struct healthy *healthy = arg;
    struct live_message message;
    for (time_t deadline = in_seconds(3 * READ_S); !is_over(deadline) && !healthy->cut;) {
        const long *last = healthy->tally.last;
        if (atomic_load(&healthy->ends_known) && last[0] >= healthy->ends[0] && last[1] >= healthy->ends[1])
            break;
        enum live_outcome outcome = live_next(healthy->reader, 200, &message);
        healthy->cut = outcome == LIVE_ENDED;
        if (outcome == LIVE_MESSAGE && message.json)
            tally_event(&healthy->tally, message.json, true);
    }
    return NULL;
}

START_TEST(slow_readers_are_cut_alone_and_can_resume)
{
    static const char target[] = "/api/stream?channels=orders,executions";
    struct healthy healthy = {.reader = live_open_sse(cluster.port, target, NULL, 0)};
    struct tally slow_tally = {0};
    char slow_id[256] = "";
    struct live_message message;
    struct live_reader *slow = live_open_sse(cluster.port, target, NULL, 4096);
    struct live_reader *slow_ws = live_open_ws(cluster.port, 4096);
    ck_assert_int_eq(live_next(healthy.reader, WAIT_MS, &message), LIVE_MESSAGE);
    ck_assert_int_eq(live_next(slow, WAIT_MS, &message), LIVE_MESSAGE);
    snprintf(slow_id, sizeof slow_id, "%s", message.id);
    live_send_text(slow_ws, "{\"op\":\"subscribe\",\"id\":\"s\",\"channels\":[\"orders\",\"executions\"]}");
    ck_assert_str_eq(json_string_value(json_object_get(ws_next(slow_ws)->json, "type")), "subscribed");
    ck_assert_int_eq(pthread_create(&healthy.thread, NULL, read_healthily, &healthy), 0);
    flood_until_cut(2);
    time_t deadline = in_seconds(READ_S);
    do { /* the WebSocket's last word says why */
        ck_assert_msg(!is_over(deadline), "a slow WebSocket was not closed within %d s", READ_S);
        ck_assert_int_eq(live_next(slow_ws, WAIT_MS, &message), LIVE_MESSAGE);
    } while (strcmp(message.event, "close") != 0);
    ck_assert_int_eq(message.code, 4008);
    ck_assert_str_eq(message.data + 2, "SLOW_CONSUMER");
    deadline = in_seconds(READ_S);
    for (bool ended = false; !ended;) { /* what was on its way still comes, then the end */
        ck_assert_msg(!is_over(deadline), "a slow event stream was not ended within %d s", READ_S);
        enum live_outcome outcome = live_next(slow, WAIT_MS, &message);
        ck_assert_int_ne(outcome, LIVE_TIMEOUT);
        ended = outcome == LIVE_ENDED;
        if (!ended) {
            snprintf(slow_id, sizeof slow_id, "%s", message.id);
            if (message.json)
                tally_event(&slow_tally, message.json, true);
        }
    }
    wait_until_settled();
    long ends[STREAMS] = {last_seq("orders"), last_seq("executions"), -1, -1};
    ck_assert_int_lt(slow_tally.last[1], ends[1]);
    memcpy(healthy.ends, ends, sizeof ends);
    atomic_store(&healthy.ends_known, true);
    pthread_join(healthy.thread, NULL);
    ck_assert(!healthy.cut); /* undisturbed by the others */
    live_close(&slow);
    slow = live_open_sse(cluster.port, target, slow_id, 0);
    read_sse(&slow, target, slow_id, &slow_tally, ends, 0, true);
    for (int s = 0; s < 2; s++) {
        ck_assert_int_eq(slow_tally.count[s], healthy.tally.count[s]);
        check_against_the_log(&healthy.tally, s, NULL);
    }
    live_close(&healthy.reader);
    live_close(&slow);
    live_close(&slow_ws);
    free_tally(&healthy.tally);
    free_tally(&slow_tally);
}
END_TEST

/* --- WebSocket --- */

static const char *member(const struct live_message *message, const char *name)
{
    const char *text = json_string_value(json_object_get(message->json, name));
    return text ? text : "";
}

START_TEST(a_handshake_that_is_none_is_refused)
{
    static const struct {
        const char *headers;
        int status;
    } cases[] = {
        {"", 426},
        {"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
         426},
        {"Connection: close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
         426},
        {"Connection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
         426},
        {"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", 400},
        {"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
         400},
        {"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
         400},
        {"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 2\r\n\r\nhi",
         400},
        {"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n", 400},
        {"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://evil.example\r\n",
         403},
    };
    for (size_t i = 0; i < TB_ARRAY_SIZE(cases); i++) {
        char request[1024];
        int size = snprintf(request, sizeof request, "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n", cluster.port,
                            cases[i].headers);
        struct api_answer *answer = api_raw(cluster.port, request, (size_t)size);
        ck_assert_msg(answer->status == cases[i].status, "case %zu: %d", i, answer->status);
        api_free(&answer);
    }
    static const char old[] = "GET /ws HTTP/1.0\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct api_answer *answer = api_raw(cluster.port, old, sizeof old - 1);
    ck_assert_int_eq(answer->status, 426); /* HTTP/1.0 knows no upgrade */
    api_free(&answer);
    static const char packed[] = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                 "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
                                 "Sec-WebSocket-Protocol: chat, superchat\r\n\r\n";
    answer = api_raw_for(cluster.port, packed, sizeof packed - 1, 1);
    ck_assert_int_eq(answer->status, 101); /* what is offered and not taken is not named */
    ck_assert_ptr_null(api_header(answer, "Sec-WebSocket-Extensions"));
    ck_assert_ptr_null(api_header(answer, "Sec-WebSocket-Protocol"));
    api_free(&answer);
    struct live_reader *reader = live_open_ws(cluster.port, 0);
    live_send_text(reader, "{\"op\":\"ping\"}");
    ck_assert_str_eq(member(ws_next(reader), "type"), "pong");
    ck_assert_int_eq(live_status(reader), 101);
    ck_assert_ptr_nonnull(strstr(live_head(reader), "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    live_close(&reader);
}
END_TEST

START_TEST(what_is_no_message_is_answered_or_ends_the_connection)
{
    static const struct {
        const char *text, *code; /* code NULL: the connection is closed */
        int close;
    } cases[] = {
        {"{\"op\":\"dance\"}", "UNKNOWN_OP", 0},
        {"{}", "UNKNOWN_OP", 0},
        {"[1,2]", "VALIDATION", 0},
        {"5", "VALIDATION", 0},
        {"{\"op\":\"subscribe\"}", "VALIDATION", 0},
        {"{\"op\":\"subscribe\",\"id\":5}", "VALIDATION", 0},
        {"{\"op\":\"subscribe\",\"id\":\"1\",\"channels\":[\"tulips\"]}", "VALIDATION", 0},
        {"{\"op\":\"subscribe\",\"id\":\"1\",\"channels\":[]}", "VALIDATION", 0},
        {"{\"op\":\"subscribe\",\"id\":\"1\",\"channels\":\"orders\"}", "VALIDATION", 0},
        {"{\"op\":\"subscribe\",\"id\":\"1\",\"userId\":7}", "VALIDATION", 0},
        {"{\"op\":\"unsubscribe\",\"id\":\"1\"}", "UNKNOWN_ID", 0},
        {"{\"op\":\"ping\"", NULL, 1007},
        {"", NULL, 1007},
        {"not json", NULL, 1007},
        {"{\"op\":\"ping\",\"op\":\"ping\"}", NULL, 1007},
        {"\xff\xfe", NULL, 1007},
    };
    for (size_t i = 0; i < TB_ARRAY_SIZE(cases); i++) {
        struct live_reader *reader = live_open_ws(cluster.port, 0);
        live_send_text(reader, cases[i].text);
        const struct live_message *message = ws_next(reader);
        if (cases[i].code) {
            ck_assert_str_eq(member(message, "type"), "error");
            ck_assert_str_eq(member(message, "code"), cases[i].code);
            live_send_text(reader, "{\"op\":\"ping\",\"id\":\"after\"}"); /* and it goes on */
            ck_assert_str_eq(member(ws_next(reader), "type"), "pong");
        } else {
            ck_assert_str_eq(message->event, "close");
            ck_assert_msg(message->code == cases[i].close, "case %zu: %d", i, message->code);
        }
        live_close(&reader);
    }
}
END_TEST

START_TEST(frames_against_the_protocol_end_it_with_their_code)
{
    static char large[64 * 1024 + 1];
    memset(large, ' ', sizeof large);
    static const struct {
        unsigned first;
        const char *payload;
        size_t size;
        bool unmasked;
        int code;
    } cases[] = {
        {0x81, "{\"op\":\"ping\"}", 13, true, 1002},
        {0x81, large, sizeof large, false, 1009},
        {0x82, "x", 1, false, 1003},
        {0x80, "x", 1, false, 1002},
        {0xc1, "x", 1, false, 1002},
        {0xa1, "x", 1, false, 1002},
        {0x91, "x", 1, false, 1002},
        {0xc9, "", 0, false, 1002},
        {0x83, "x", 1, false, 1002},
        {0x8f, "x", 1, false, 1002},
        {0x09, "x", 1, false, 1002}, /* a ping in pieces */
        {0x08, "", 0, false, 1002},
        {0x89, large, 126, false, 1002},
        {0x89, "x", 1, true, 1002},
        {0x81, "{\"op\":\"\xc0\xaf\"}", 11, false, 1007},
        {0x81, "{\"op\":\"\xed\xa0\x80\"}", 12, false, 1007},
        {0x88, "\x03", 1, false, 1002},
        {0x88, "\x03\xed", 2, false, 1002}, /* 1005 is never sent */
        {0x88, "\x03\xee", 2, false, 1002},
        {0x88, "\x0b\xb7", 2, false, 1002},
        {0x88, "\x13\x88", 2, false, 1002},
        {0x88, "\x03\xe8\xff\xfe", 4, false, 1007},
        {0x88, "\x03\xe8", 2, false, 1000},
        {0x88, "", 0, false, 1000},
        {0x88, "\x0f\xa0", 2, false, 4000},
    };
    for (size_t i = 0; i < TB_ARRAY_SIZE(cases); i++) {
        struct live_message message;
        struct live_reader *reader = live_open_ws(cluster.port, 0);
        live_send(reader, cases[i].first, cases[i].payload, cases[i].size, !cases[i].unmasked);
        const struct live_message *last = ws_next(reader);
        ck_assert_str_eq(last->event, "close");
        ck_assert_msg(last->code == cases[i].code, "case %zu: %d", i, last->code);
        ck_assert_int_eq(live_next(reader, WAIT_MS, &message), LIVE_ENDED);
        live_close(&reader);
    }
    struct live_reader *reader = live_open_ws(cluster.port, 0);
    live_send(reader, 0x01, "{\"op\":", 6, true);
    live_send(reader, 0x89, "now", 3, true);
    live_send(reader, 0x80, "\"ping\"}", 7, true);
    const struct live_message *message = ws_next(reader);
    ck_assert_str_eq(message->event, "pong");
    ck_assert_str_eq(message->data, "now");
    ck_assert_str_eq(member(ws_next(reader), "type"), "pong");
    live_close(&reader);
}
END_TEST

START_TEST(a_websocket_carries_several_subscriptions_and_resumes_them)
{
    struct live_reader *reader = live_open_ws(cluster.port, 0);
    char text[512], cursor[256];
    for (int i = 0; i < 16; i++) {
        snprintf(text, sizeof text, "{\"op\":\"subscribe\",\"id\":\"%d\",\"channels\":[\"%s\"],\"userId\":\"%s\"}", i,
                 i == 1 ? "executions" : "orders", i < 2 ? "clusius" : "nobody");
        live_send_text(reader, text);
        ck_assert_str_eq(member(ws_next(reader), "type"), "subscribed");
    }
    live_send_text(reader, "{\"op\":\"unsubscribe\",\"id\":\"14\"}");
    ck_assert_str_eq(member(ws_next(reader), "type"), "unsubscribed");
    live_send_text(reader,
                   "{\"op\":\"subscribe\",\"id\":\"14\",\"channels\":[\"\\u006frders\"],\"userId\":\"nobody\"}");
    ck_assert_str_eq(member(ws_next(reader), "type"), "subscribed"); /* the same name, written another way */
    live_send_text(reader, "{\"op\":\"subscribe\",\"id\":\"more\",\"channels\":[\"orders\"]}");
    ck_assert_str_eq(member(ws_next(reader), "code"), "TOO_MANY_SUBSCRIPTIONS");
    live_send_text(reader, "{\"op\":\"unsubscribe\",\"id\":\"15\"}");
    ck_assert_str_eq(member(ws_next(reader), "type"), "unsubscribed");
    live_send_text(reader, "{\"op\":\"subscribe\",\"id\":\"0\",\"channels\":[\"orders\"]}");
    ck_assert_str_eq(member(ws_next(reader), "code"), "DUPLICATE_ID");
    place_order("clusius", 1, "ws");
    int received = 0, executed = 0;
    cursor[0] = 0;
    for (time_t deadline = in_seconds(READ_S); received < 1 || executed < 2;) {
        ck_assert_msg(!is_over(deadline), "%d orders and %d executions came of 1 and 2", received, executed);
        const struct live_message *message = ws_next(reader);
        bool is_order = strcmp(member(message, "id"), "0") == 0;
        ck_assert_str_eq(member(message, "stream"), is_order ? "orders" : "executions");
        ck_assert_str_eq(member(message, "userId"), "clusius");
        received += is_order;
        executed += !is_order;
        if (is_order)
            snprintf(cursor, sizeof cursor, "%s", member(message, "cursor"));
    }
    live_close(&reader);
    for (unsigned i = 2; i < 6; i++)
        place_order("clusius", i, "ws");
    reader = live_open_ws(cluster.port, 0);
    snprintf(
        text, sizeof text,
        "{\"op\":\"subscribe\",\"id\":\"again\",\"channels\":[\"orders\"],\"userId\":\"clusius\",\"after\":\"%s\"}",
        cursor);
    live_send_text(reader, text);
    ck_assert_str_eq(member(ws_next(reader), "type"), "subscribed");
    for (unsigned i = 2; i < 6; i++) {
        char key[64];
        snprintf(key, sizeof key, "ws-%d-%u", (int)getpid(), i);
        const struct live_message *message = ws_next(reader);
        ck_assert_str_eq(
            json_string_value(json_object_get(json_object_get(message->json, "payload"), "idempotencyKey")), key);
    }
    live_send_text(reader, "{\"op\":\"subscribe\",\"id\":\"lost\",\"channels\":[\"orders\"],\"after\":\"nonsense\"}");
    ck_assert_str_eq(member(ws_next(reader), "type"), "subscribed");
    const struct live_message *message = ws_next(reader);
    ck_assert_str_eq(member(message, "type"), "reset");
    ck_assert_str_eq(member(message, "id"), "lost");
    live_close(&reader);
}
END_TEST

int main(void)
{
    cluster_start(&cluster, "");
    Suite *suite = suite_create("streams");
    TCase *cases = tcase_create("streams");
    tcase_set_timeout(cases, 3 * READ_S);
    tcase_add_test(cases, a_handshake_that_is_none_is_refused);
    tcase_add_test(cases, what_is_no_message_is_answered_or_ends_the_connection);
    tcase_add_test(cases, frames_against_the_protocol_end_it_with_their_code);
    tcase_add_test(cases, a_websocket_carries_several_subscriptions_and_resumes_them);
    tcase_add_test(cases, a_cursor_that_means_nothing_gets_a_reset_first);
    tcase_add_test(cases, a_filtered_subscription_is_a_chain_of_its_own);
    tcase_add_test(cases, a_quiet_stream_breathes);
    tcase_add_test(cases, slow_readers_are_cut_alone_and_can_resume);
    tcase_add_test(cases, what_was_missed_comes_exactly_once_and_then_live_whoever_is_killed);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    int audit = cluster_stop(&cluster);
    return failed == 0 && audit == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
