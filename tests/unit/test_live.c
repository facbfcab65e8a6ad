/* Rings and subscriptions against a log in memory: whatever the ring still has, whatever must come from the store and
 * wherever a reader breaks off, it gets each event that is for it exactly once, in order, in an unbroken chain. */
#include "live.h"

#include <stdio.h>
#include <string.h>

#include "base.h"
#include "check_main.h"

enum { LOG_MAX = 3000, USERS = 3 };
static const char *const users[USERS] = {"clusius", "oosterwijck", NULL};
static const char *const stream_names[] = {"orders", "executions", "balances", "ops"};
static uint64_t random_state = 88172645463325252ULL;

static uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % limit;
}

/* Who an event of the log is for: a rule, so that the log needs no memory. */
static const char *user_of(int stream, uint64_t seq)
{
    return users[(seq * 7 + (uint64_t)stream * 5 + seq / 11) % USERS];
}

static void append_event(struct text *text, int stream, uint64_t seq, uint64_t previous)
{
    const char *user = user_of(stream, seq);
    text_append_format(text,
                       "{\"stream\":\"%s\",\"seq\":%llu,\"prevSeq\":%llu,\"eventId\":\"EVT#x#%llu\",\"type\":\"T%d\","
                       "\"region\":\"nl-1\",\"ts\":\"2026-11-22T09:21:%02u.%03uZ\",\"orderId\":null,\"userId\":",
                       stream_names[stream], (unsigned long long)seq, (unsigned long long)previous,
                       (unsigned long long)seq, stream, (unsigned)(seq / 1000 % 60), (unsigned)(seq % 1000));
    if (user == NULL)
        text_append_string(text, "null");
    else
        text_append_format(text, "\"%s\"", user);
    text_append_string(text, ",\"traceId\":null,\"payload\":{\"a\":\"}],[\\\"{\",\"b\":{\"c\":[1,2]}}}");
}

/* What GET /api/events answers: up to limit events that fit, of those up to head. */
static void answer(struct text *text, int stream, uint64_t after, uint64_t limit, const char *user, uint64_t head)
{
    uint64_t count = 0, previous = after, seq = after;
    text_clear(text);
    text_append_string(text, "{\"items\":[");
    while (seq < head && count < limit) {
        seq++;
        if (user != NULL && (user_of(stream, seq) == NULL || strcmp(user_of(stream, seq), user) != 0))
            continue;
        if (count++ > 0)
            text_append_string(text, ",");
        append_event(text, stream, seq, previous);
        previous = seq;
    }
    text_append_format(text, "],\"nextAfterSeq\":%llu,\"lastSeq\":%llu}", (unsigned long long)seq,
                       (unsigned long long)head);
}

static void grow_ring(struct live *live, int stream, uint64_t limit, uint64_t head)
{
    struct text text = {0};
    struct live_batch batch;
    answer(&text, stream, live->rings[stream].covered, limit, NULL, head);
    ck_assert(live_batch_open(&batch, text.bytes, text.length));
    ck_assert(live_add(live, (enum view_stream)stream, &batch));
    text_release(&text);
}

/* A reader, with what it has been given. */
struct reader {
    struct live_subscription subscription;
    uint64_t start[VIEW_STREAMS], last[VIEW_STREAMS], delivered;
};

static void check_delivery(struct reader *reader, int stream, const struct live_event *event, uint64_t previous)
{
    const char *user = reader->subscription.user_id;
    uint64_t expected = reader->last[stream] + 1;
    while (user[0] != '\0' && (user_of(stream, expected) == NULL || strcmp(user_of(stream, expected), user) != 0))
        expected++;
    ck_assert_uint_eq(event->seq, expected);
    ck_assert_uint_eq(previous, reader->last[stream]);
    struct text written = {0}, wanted = {0};
    live_event_write(event, previous, &written);
    append_event(&wanted, stream, event->seq, previous);
    ck_assert_str_eq(written.bytes, wanted.bytes);
    text_release(&written);
    text_release(&wanted);
    reader->last[stream] = event->seq;
    reader->delivered++;
}

static void catch_up(struct reader *reader, int stream, uint64_t limit, uint64_t head)
{
    struct live_subscription *subscription = &reader->subscription;
    struct text text = {0};
    struct live_batch batch;
    struct live_event event;
    uint64_t previous;
    answer(&text, stream, subscription->position[stream], limit,
           subscription->user_id[0] == '\0' ? NULL : subscription->user_id, head);
    ck_assert(live_batch_open(&batch, text.bytes, text.length));
    while (live_batch_next(&batch, &event) > 0) {
        if (live_accept(subscription, (enum view_stream)stream, &event, &previous))
            check_delivery(reader, stream, &event, previous);
    }
    ck_assert(live_caught_up_to(subscription, (enum view_stream)stream, batch.next_after, batch.last));
    text_release(&text);
}

static void begin_reader(struct reader *reader, unsigned streams, const char *user, const uint64_t heads[VIEW_STREAMS])
{
    *reader = (struct reader){0};
    ck_assert(live_subscription_init(&reader->subscription, streams, user));
    live_subscription_begin(&reader->subscription, heads);
    memcpy(reader->start, heads, sizeof reader->start);
    memcpy(reader->last, heads, sizeof reader->last);
}

/* Breaks off and comes back with the cursor. */
static void resume_reader(struct reader *reader, const uint64_t heads[VIEW_STREAMS])
{
    char cursor[LIVE_CURSOR_MAX], user[VIEW_USER_ID_MAX];
    unsigned streams = reader->subscription.streams;
    live_cursor_write(&reader->subscription, "nl-1", cursor);
    (void)tb_copy_text(user, sizeof user, reader->subscription.user_id);
    ck_assert(live_subscription_init(&reader->subscription, streams, user));
    ck_assert_int_eq(live_subscription_resume(&reader->subscription, cursor, "nl-1", heads), LIVE_RESUMED);
}

/* Takes what there is, now and then from the store only; may stop in the middle. */
static void read_on(struct live *live, struct reader *reader, const uint64_t heads[VIEW_STREAMS], bool to_the_end)
{
    enum view_stream stream;
    const struct live_event *event;
    uint64_t previous;
    for (int i = 0; to_the_end || i < 40; i++) {
        switch (live_take(live, &reader->subscription, 0, &stream, &event, &previous)) {
        case LIVE_EVENT:
            check_delivery(reader, (int)stream, event, previous);
            break;
        case LIVE_BEHIND:
            catch_up(reader, (int)stream, 1 + random_below(60), heads[stream]);
            break;
        case LIVE_CAUGHT_UP:
        default:
            return;
        }
    }
}

START_TEST(every_reader_gets_its_events_once_in_an_unbroken_chain_wherever_ring_and_store_meet)
{
    enum { READERS = 12 };
    struct live live;
    struct reader readers[READERS];
    uint64_t heads[VIEW_STREAMS] = {500, 700, 600, 40};
    random_state += (uint64_t)_i * 7919 + 1;
    live_init(&live);
    for (int s = 0; s < VIEW_STREAMS; s++)
        live_restart(&live, (enum view_stream)s, heads[s] - random_below(40));
    for (int i = 0; i < READERS; i++)
        begin_reader(&readers[i], 1 + (unsigned)random_below(15), users[i % USERS], heads);
    for (int step = 0; step < 400; step++) {
        int s = (int)random_below(VIEW_STREAMS);
        if (heads[s] < LOG_MAX)
            heads[s] += random_below(20);
        if (random_below(3) == 0)
            grow_ring(&live, s, 1 + random_below(50), heads[s]);
        if (random_below(25) == 0) { /* the ring forgets: all behind it must be read from the store */
            uint64_t covered = live.rings[s].covered;
            live_restart(&live, (enum view_stream)s, covered + random_below(heads[s] - covered + 1));
        }
        struct reader *reader = &readers[random_below(READERS)];
        if (random_below(8) == 0)
            resume_reader(reader, heads);
        read_on(&live, reader, heads, false);
    }
    for (int s = 0; s < VIEW_STREAMS; s++) {
        while (live.rings[s].covered < heads[s])
            grow_ring(&live, s, 1000, heads[s]);
    }
    for (int i = 0; i < READERS; i++) {
        read_on(&live, &readers[i], heads, true);
        for (int s = 0; s < VIEW_STREAMS; s++) {
            if ((readers[i].subscription.streams & 1U << s) == 0)
                continue;
            ck_assert_uint_eq(readers[i].subscription.position[s], heads[s]);
            for (uint64_t seq = readers[i].last[s] + 1; seq <= heads[s]; seq++) /* what is left is for others */
                ck_assert(users[i % USERS] != NULL &&
                          (user_of(s, seq) == NULL || strcmp(user_of(s, seq), users[i % USERS]) != 0));
        }
        ck_assert_uint_gt(readers[i].delivered, 0);
    }
    live_release(&live);
}
END_TEST

START_TEST(a_ring_keeps_the_latest_and_sends_the_others_to_the_store)
{
    struct live live;
    uint64_t heads[VIEW_STREAMS] = {0};
    struct reader reader;
    enum view_stream stream;
    const struct live_event *event;
    uint64_t previous;
    live_init(&live);
    begin_reader(&reader, 1, NULL, heads);
    for (uint64_t head = 1000; head <= 2 * LIVE_RING_EVENTS; head += 1000)
        grow_ring(&live, 0, 1000, head);
    ck_assert_uint_eq(live.rings[0].count, LIVE_RING_EVENTS);
    ck_assert_uint_eq(live.rings[0].covered - live.rings[0].after, LIVE_RING_EVENTS);
    ck_assert_uint_le(live.rings[0].bytes, LIVE_RING_BYTES);
    ck_assert_int_eq(live_take(&live, &reader.subscription, 0, &stream, &event, &previous), LIVE_BEHIND);
    ck_assert_int_eq(live_take(&live, &reader.subscription, 1, &stream, &event, &previous), LIVE_CAUGHT_UP);
    reader.subscription.position[0] = live.rings[0].after;
    ck_assert_int_eq(live_take(&live, &reader.subscription, 0, &stream, &event, &previous), LIVE_EVENT);
    ck_assert_uint_eq(event->seq, live.rings[0].after + 1);
    live_release(&live);
}
END_TEST

/* In the log above event n of each stream happened in millisecond n. */
START_TEST(a_reader_who_comes_back_gets_the_streams_in_the_order_of_their_times)
{
    enum { EVENTS = 60 };
    struct live live;
    uint64_t heads[VIEW_STREAMS] = {0}, previous, taken = 0;
    enum view_stream stream;
    const struct live_event *event;
    struct reader all, one;
    live_init(&live);
    begin_reader(&all, 15, NULL, heads);
    begin_reader(&one, 15, users[0], heads);
    for (int s = 0; s < VIEW_STREAMS; s++)
        grow_ring(&live, s, EVENTS, EVENTS);
    for (; live_take(&live, &all.subscription, 0, &stream, &event, &previous) == LIVE_EVENT; taken++) {
        ck_assert_uint_eq(event->seq, 1 + taken / VIEW_STREAMS);
        ck_assert_uint_eq(stream, taken % VIEW_STREAMS); /* at the same time: orders, executions, balances, ops */
        check_delivery(&all, (int)stream, event, previous);
    }
    ck_assert_uint_eq(taken, EVENTS * VIEW_STREAMS);
    uint64_t latest = 0;
    while (live_take(&live, &one.subscription, 0, &stream, &event, &previous) == LIVE_EVENT) {
        ck_assert_uint_ge(event->seq, latest);
        latest = event->seq;
        check_delivery(&one, (int)stream, event, previous);
    }
    for (int s = 0; s < VIEW_STREAMS; s++)
        ck_assert_uint_eq(one.subscription.position[s], EVENTS);
    ck_assert_uint_gt(one.delivered, EVENTS);
    live_release(&live);
}
END_TEST

START_TEST(a_batch_that_does_not_follow_is_refused)
{
    struct live live;
    struct text text = {0};
    struct live_batch batch;
    live_init(&live);
    grow_ring(&live, 0, 10, 10);
    answer(&text, 0, 5, 10, NULL, 20);
    ck_assert(live_batch_open(&batch, text.bytes, text.length));
    ck_assert(!live_add(&live, VIEW_ORDERS, &batch));
    ck_assert_uint_eq(live.rings[0].covered, 10);
    text_release(&text);
    live_release(&live);
}
END_TEST

START_TEST(only_an_answer_in_the_known_shape_is_read)
{
    static const char *const broken[] = {
        "",
        "{}",
        "{\"items\":[",
        "{\"items\":[],\"nextAfterSeq\":1}",
        "{\"items\":[],\"nextAfterSeq\":1,\"lastSeq\":2}x",
        "{\"items\":[],\"nextAfterSeq\":,\"lastSeq\":2}",
        "{\"items\":[],\"nextAfterSeq\":-1,\"lastSeq\":2}",
        "{\"status\":503}",
    };
    static const char *const broken_items[] = {
        "{\"items\":[{}],\"nextAfterSeq\":1,\"lastSeq\":2}",
        "{\"items\":[5],\"nextAfterSeq\":1,\"lastSeq\":2}",
        "{\"items\":[{\"stream\":\"orders\",\"seq\":x],\"nextAfterSeq\":1,\"lastSeq\":2}",
        "{\"items\":[{\"stream\":\"orders\",\"seq\":1,\"prevSeq\":0}],\"nextAfterSeq\":1,\"lastSeq\":2}",
        "{\"items\":[{\"stream\":\"orders\\],\"nextAfterSeq\":1,\"lastSeq\":2}",
    };
    char copy[256];
    struct live_batch batch;
    struct live_event event;
    for (size_t i = 0; i < TB_ARRAY_SIZE(broken); i++) {
        ck_assert(tb_copy_text(copy, sizeof copy, broken[i]));
        ck_assert_msg(!live_batch_open(&batch, copy, strlen(copy)), "%s", broken[i]);
    }
    for (size_t i = 0; i < TB_ARRAY_SIZE(broken_items); i++) {
        ck_assert(tb_copy_text(copy, sizeof copy, broken_items[i]));
        ck_assert_msg(live_batch_open(&batch, copy, strlen(copy)), "%s", broken_items[i]);
        ck_assert_msg(live_batch_next(&batch, &event) < 0, "%s", broken_items[i]);
    }
    struct text text = {0};
    answer(&text, 1, 0, 1, NULL, 1);
    *strchr(text.bytes + 20, ',') = '\n'; /* cut at every byte: never more than refused */
    for (size_t length = 0; length < text.length; length++) {
        char *part = tb_realloc(NULL, length + 1, 1);
        memcpy(part, text.bytes, length);
        if (live_batch_open(&batch, part, length))
            ck_assert_int_lt(live_batch_next(&batch, &event), 1);
        free(part);
    }
    text_release(&text);
}
END_TEST

START_TEST(a_cursor_that_cannot_be_served_begins_anew_and_says_why)
{
    uint64_t heads[VIEW_STREAMS] = {300000, 10, 20, 30}, early[VIEW_STREAMS] = {99999, 1, 2, 3};
    struct live_subscription subscription, other;
    char cursor[LIVE_CURSOR_MAX], changed[LIVE_CURSOR_MAX];
    ck_assert(live_subscription_init(&subscription, 3, "clusius"));
    live_subscription_begin(&subscription, early);
    live_cursor_write(&subscription, "nl-1", cursor);
    ck_assert(live_subscription_init(&other, 3, "clusius"));
    ck_assert_int_eq(live_subscription_resume(&other, cursor, "nl-1", heads), LIVE_EXPIRED_CURSOR);
    ck_assert_uint_eq(other.position[0], heads[0]);
    early[0]++; /* just within reach */
    live_subscription_begin(&subscription, early);
    live_cursor_write(&subscription, "nl-1", cursor);
    ck_assert_int_eq(live_subscription_resume(&other, cursor, "nl-1", heads), LIVE_RESUMED);
    ck_assert_uint_eq(other.position[0], early[0]);
    ck_assert_int_eq(live_subscription_resume(&other, cursor, "de-1", heads), LIVE_UNKNOWN_CURSOR);
    ck_assert_int_eq(live_subscription_resume(&other, "", "nl-1", heads), LIVE_UNKNOWN_CURSOR);
    ck_assert_int_eq(live_subscription_resume(&other, "bzE6MTg0Mg", "nl-1", heads), LIVE_UNKNOWN_CURSOR);
    for (size_t i = 0; cursor[i] != '\0'; i++) { /* no digit of it may be another */
        (void)tb_copy_text(changed, sizeof changed, cursor);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        ck_assert_int_eq(live_subscription_resume(&other, changed, "nl-1", heads), LIVE_UNKNOWN_CURSOR);
        ck_assert_uint_eq(other.position[0], heads[0]);
        (void)tb_copy_text(changed, sizeof changed, cursor);
        changed[i] = '\0';
        ck_assert_int_eq(live_subscription_resume(&other, changed, "nl-1", heads), LIVE_UNKNOWN_CURSOR);
    }
    /* A cursor of more streams serves fewer, not the other way round. */
    ck_assert(live_subscription_init(&other, 1, ""));
    ck_assert_int_eq(live_subscription_resume(&other, cursor, "nl-1", heads), LIVE_RESUMED);
    ck_assert(live_subscription_init(&other, 7, ""));
    ck_assert_int_eq(live_subscription_resume(&other, cursor, "nl-1", heads), LIVE_UNKNOWN_CURSOR);
    ck_assert_str_eq(live_resume_text(LIVE_UNKNOWN_CURSOR), "UNKNOWN_CURSOR");
}
END_TEST

START_TEST(a_cursor_beyond_the_stream_is_proven_by_the_store)
{
    uint64_t ahead[VIEW_STREAMS] = {50, 0, 0, 0}, heads[VIEW_STREAMS] = {40, 0, 0, 0};
    struct live live;
    struct live_subscription subscription, resumed;
    enum view_stream stream;
    const struct live_event *event;
    uint64_t previous;
    char cursor[LIVE_CURSOR_MAX];
    live_init(&live);
    live_restart(&live, VIEW_ORDERS, 30);
    ck_assert(live_subscription_init(&subscription, 1, ""));
    live_subscription_begin(&subscription, ahead);
    live_cursor_write(&subscription, "nl-1", cursor);
    ck_assert(live_subscription_init(&resumed, 1, ""));
    ck_assert_int_eq(live_subscription_resume(&resumed, cursor, "nl-1", heads), LIVE_RESUMED);
    ck_assert_int_eq(live_take(&live, &resumed, 0, &stream, &event, &previous), LIVE_BEHIND);
    struct live_subscription wrong = resumed;
    ck_assert(!live_caught_up_to(&wrong, VIEW_ORDERS, 50, 45));  /* the stream ends before it */
    ck_assert(live_caught_up_to(&resumed, VIEW_ORDERS, 50, 50)); /* our own view was late */
    ck_assert_int_eq(live_take(&live, &resumed, 0, &stream, &event, &previous), LIVE_CAUGHT_UP);
    live_release(&live);
}
END_TEST

START_TEST(user_ids_are_compared_whole)
{
    struct live_subscription subscription;
    ck_assert(!live_subscription_init(&subscription, 1, "a23456789012345678901234567890123456789012345"));
    ck_assert(live_subscription_init(&subscription, 1, "clusiu"));
    struct text text = {0};
    struct live_event event;
    uint64_t seq = 1, previous;
    while (user_of(0, seq) == NULL || strcmp(user_of(0, seq), "clusius") != 0)
        seq++;
    append_event(&text, 0, seq, 0);
    ck_assert(live_event_read(&event, text.bytes, text.length));
    ck_assert(!live_accept(&subscription, VIEW_ORDERS, &event, &previous));
    event.user_hash = subscription.user_hash; /* two names with one hash */
    ck_assert(!live_accept(&subscription, VIEW_ORDERS, &event, &previous));
    text_release(&text);
}
END_TEST

CHECK_MAIN("live",
           tcase_add_loop_test(cases,
                               every_reader_gets_its_events_once_in_an_unbroken_chain_wherever_ring_and_store_meet, 0,
                               20);
           tcase_add_test(cases, a_ring_keeps_the_latest_and_sends_the_others_to_the_store);
           tcase_add_test(cases, a_reader_who_comes_back_gets_the_streams_in_the_order_of_their_times);
           tcase_add_test(cases, a_batch_that_does_not_follow_is_refused);
           tcase_add_test(cases, only_an_answer_in_the_known_shape_is_read);
           tcase_add_test(cases, a_cursor_that_cannot_be_served_begins_anew_and_says_why);
           tcase_add_test(cases, a_cursor_beyond_the_stream_is_proven_by_the_store);
           tcase_add_test(cases, user_ids_are_compared_whole);)
