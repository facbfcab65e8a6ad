/* The real tb-simfill on a real PostgreSQL. Orders are put into the tables by sequencer_append (what a sequencer's
 * batch does) or by a real sequencer; this test reads the feeds. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "actor_rig.h"
#include "base.h"
#include "check_main.h"
#include "executions.pb-c.h"
#include "fill_peer.h"
#include "simfill/plan.h"
#include "testdb.h"

enum { READY_MS = 30000, MESSAGE_MS = 20000, FILLED_MS = 20000, FIRST_MS = 500 };
enum { BUY = 1, SELL = 2, TRADE = 1, ACCEPTED = 2, CANCELLED = 3, REJECTED = 4 };

static const char *url;
static struct rig *rig;
static struct rig_actor *simfill;
static const char *const no_delay[] = {"TB_SIMFILL_DELAY_MS=0", "TB_AZ=nl-1b", NULL};

static void start_with(const char *const *settings)
{
    url = testdb_fresh();
    rig = rig_new(url);
    simfill = rig_start(rig, "simfill", "1", settings);
    ck_assert(rig_wait_state(simfill, "READY", READY_MS));
}

static void start(void)
{
    start_with(no_delay);
}

static void restart(void)
{
    rig_kill(simfill, SIGKILL);
    simfill = rig_start(rig, "simfill", "1", no_delay);
    ck_assert(rig_wait_state(simfill, "READY", READY_MS));
}

static void stop(void)
{
    rig_free(&rig);
}

/* Effect: `count` equal orders with one seed, as one batch of the orders stream. */
static void put_orders(int count, const char *seed, int side, int quantity, int price_cents)
{
    testdb_run(url,
               "SELECT sequencer_append('nl-1', h.epoch, h.next_seq, now(), array_fill('clusius'::text, ARRAY[n]), "
               "array_fill('t'::text, ARRAY[n]), "
               "ARRAY(SELECT gen_random_uuid()::text FROM generate_series(1, n)), array_fill('%s'::text, ARRAY[n]), "
               "array_fill(%d::smallint, ARRAY[n]), array_fill(1::smallint, ARRAY[n]), array_fill(%d, ARRAY[n]), "
               "array_fill(%d::bigint, ARRAY[n]), array_fill(false, ARRAY[n]), array_fill(0::bigint, ARRAY[n]), "
               "ARRAY(SELECT gen_random_uuid() FROM generate_series(1, n))) "
               "FROM stream_heads h, (SELECT %d AS n) x WHERE h.stream = 'orders'",
               seed, side, quantity, price_cents, count);
}

static void put_cancel(int target)
{
    testdb_run(url,
               "SELECT sequencer_cancel('nl-1', h.epoch, h.next_seq, now(), 100, ARRAY[%d]::bigint[], "
               "ARRAY['']::text[], ARRAY[NULL]::uuid[]) "
               "FROM stream_heads h WHERE h.stream = 'orders'",
               target);
}

static void wait_final(int count)
{
    ck_assert_msg(testdb_wait(url, count, FILLED_MS, "SELECT total FROM stream_heads WHERE stream = 'executions'"),
                  "not %d orders are final but %d", count,
                  (int)testdb_integer(url, "SELECT total FROM stream_heads WHERE stream = 'executions'"));
}

/* Effect: what must hold at any time: dense streams, heads, one adjustment per accepted order with the right sum,
 * parked orders open. */
static void check_books(void)
{
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM executions WHERE (SELECT next_seq FROM stream_heads "
                                         "WHERE stream = 'executions') <= seq"),
                     0);
    ck_assert_int_eq(testdb_integer(url, "SELECT coalesce(max(seq), 0) - count(*) FROM executions"), 0);
    ck_assert_int_eq(testdb_integer(url, "SELECT coalesce(max(seq), 0) + 1 - (SELECT next_seq FROM stream_heads WHERE "
                                         "stream = 'outbox') FROM outbox HAVING count(*) = coalesce(max(seq), 0)"),
                     0);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM executions WHERE leg = 0") -
                         testdb_integer(url, "SELECT total FROM stream_heads WHERE stream = 'executions'"),
                     0);
    ck_assert_int_eq(
        testdb_integer(
            url, "SELECT count(*) FROM (SELECT order_seq, type, quantity, notional_cents, side FROM executions WHERE "
                 "leg = 0) f "
                 "FULL JOIN outbox b USING (order_seq) WHERE (f.type = 2) IS DISTINCT FROM (b.seq IS NOT NULL) OR "
                 "(f.type = 2 AND (b.quantity <> f.quantity OR b.delta_cents <> CASE f.side WHEN 1 THEN "
                 "-f.notional_cents ELSE f.notional_cents END))"),
        0);
    ck_assert_int_eq(
        testdb_integer(
            url, "SELECT count(*) FROM executions f WHERE leg = 0 AND (quantity, notional_cents) <> (SELECT "
                 "coalesce(sum(t.quantity), 0), "
                 "coalesce(sum(t.notional_cents), 0) FROM executions t WHERE t.order_seq = f.order_seq AND t.leg > 0)"),
        0);
    ck_assert_int_eq(
        testdb_integer(
            url, "SELECT count(*) FROM parked_orders p JOIN executions x ON x.order_seq = p.order_seq AND x.leg = 0"),
        0);
    ck_assert_int_eq(testdb_integer(url,
                                    "SELECT count(*) FROM orders o, cursors c WHERE c.consumer = 'simfill' AND o.seq "
                                    "<= c.position AND o.kind = 1 "
                                    "AND NOT EXISTS (SELECT FROM executions x WHERE x.order_seq = o.seq AND x.leg = 0) "
                                    "AND NOT EXISTS (SELECT FROM parked_orders p WHERE p.order_seq = o.seq)"),
                     0);
    ck_assert_int_eq(
        testdb_integer(
            url, "SELECT count(*) FROM candles c FULL JOIN (SELECT date_bin('1 minute', created_at, 'epoch') AS at, "
                 "(array_agg(price_cents ORDER BY seq))[1] AS opened, max(price_cents) AS high, min(price_cents) AS "
                 "low, (array_agg(price_cents ORDER BY seq DESC))[1] AS closed, sum(quantity) AS quantity, "
                 "sum(notional_cents) AS notional, count(*) AS trades FROM executions WHERE type = 1 GROUP BY 1) t "
                 "ON t.at = c.start_at WHERE (c.open_cents, c.high_cents, c.low_cents, c.close_cents, c.quantity, "
                 "c.notional_cents, c.trades) IS DISTINCT FROM (t.opened, t.high, t.low, t.closed, t.quantity, "
                 "t.notional, t.trades)"),
        0);
}

/* Effect: waits until the cursor has come to the end of the orders stream. */
static void wait_cursor(void)
{
    ck_assert(testdb_wait(url, 1, FILLED_MS,
                          "SELECT count(*) FROM cursors c, stream_heads h WHERE c.consumer = 'simfill' AND h.stream = "
                          "'orders' AND h.next_seq = c.position + 1"));
}

START_TEST(an_order_is_filled_in_full_at_its_limit)
{
    start();
    struct rig_link *outbox = rig_open(rig, "balance/1", "outbox-stage", BUS_PULL, false);
    put_orders(1, "whatever", SELL, 10, 12420);
    wait_final(1);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM executions WHERE (seq, order_seq, type, side, leg, "
                                         "quantity, price_cents, notional_cents) "
                                         "IN ((1, 1, 1, 2, 1, 10, 12420, 124200), (2, 1, 2, 2, 0, 10, 12420, 124200)) "
                                         "AND az = 'nl-1b' AND user_id = 'clusius'"),
                     2);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM outbox b JOIN orders o ON o.seq = b.order_seq WHERE "
                                         "(b.seq, b.delta_cents, b.price_cents, "
                                         "b.quantity, b.side, b.fault) = (1, 124200, 12420, 10, 2, 0) AND "
                                         "b.order_created_at = o.created_at AND b.trace_id = o.trace_id"),
                     1);
    const struct rig_message *message = rig_receive(outbox, TB__MESSAGE_TYPE__ADJUSTMENTS_APPENDED, 100);
    for (int i = 0; i < 100 && message == NULL;
         i++) { /* the receiver may have joined late: further orders must reach it */
        put_orders(1, "whatever", SELL, 10, 12420);
        message = rig_receive(outbox, TB__MESSAGE_TYPE__ADJUSTMENTS_APPENDED, 100);
    }
    ck_assert_ptr_nonnull(message);
    ck_assert_int_eq(((const Tb__AdjustmentsAppended *)message->payload)->records[0]->delta_cents, 124200);
    wait_cursor();
    check_books();
    stop();
}
END_TEST

START_TEST(many_orders_are_each_filled_once)
{
    start();
    for (int i = 0; i < 10; i++)
        put_orders(500, "x", 1 + i % 2, 1 + i, 100);
    wait_final(5000);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM executions"), 10000);
    wait_cursor();
    check_books();
    stop();
}
END_TEST

/* Return: how often an order's adjustment came; waits for `wanted` of them, shortly for the first. */
static int times_delivered(struct rig_link *outbox, uint64_t order_seq, int wanted)
{
    int seen = 0;
    for (const struct rig_message *message;
         seen < wanted && (message = rig_receive(outbox, TB__MESSAGE_TYPE__ADJUSTMENTS_APPENDED,
                                                 seen == 0 ? FIRST_MS : MESSAGE_MS)) != NULL;) {
        const Tb__AdjustmentsAppended *batch = (const Tb__AdjustmentsAppended *)message->payload;
        for (size_t i = 0; i < batch->n_records; i++)
            seen += batch->records[i]->order_seq == order_seq;
    }
    return seen;
}

START_TEST(seeds_do_what_they_say)
{
    start();
    struct rig_link *outbox = rig_open(rig, "balance/1", "outbox-stage", BUS_PULL, false);
    put_orders(1, "cancel", BUY, 10, 100);
    put_orders(1, "partial:3", BUY, 10, 100);
    put_orders(1, "slow:300", BUY, 10, 100);
    put_orders(1, "poison-balance", BUY, 10, 100);
    put_orders(1, "dup:3", BUY, 10, 100);
    wait_final(5);
    ck_assert_int_eq(
        testdb_integer(
            url,
            "SELECT count(*) FROM executions WHERE order_seq = 1 AND type = 3 AND quantity = 0 AND price_cents = 0"),
        1);
    ck_assert_int_eq(
        testdb_integer(url, "SELECT count(*) FROM executions WHERE order_seq = 2 AND type = 1 AND quantity IN (3, 4)"),
        3);
    ck_assert_int_eq(
        testdb_integer(url,
                       "SELECT count(*) FROM executions x JOIN orders o ON o.seq = x.order_seq WHERE o.seq = 3 AND "
                       "x.created_at - o.created_at BETWEEN interval '299 ms' AND interval '15 s'"),
        2);
    ck_assert_int_eq(testdb_integer(url, "SELECT order_seq FROM outbox WHERE fault = 1"), 4);
    uint64_t tripled = 5;
    int seen = times_delivered(outbox, tripled, 3);
    for (; seen == 0 && tripled < 25; seen = times_delivered(outbox, tripled, 3)) { /* it may have joined late */
        put_orders(1, "dup:3", BUY, 10, 100);
        tripled++;
    }
    ck_assert_int_eq(seen, 3);
    check_books();
    stop();
}
END_TEST

START_TEST(an_order_that_hangs_waits_for_its_cancel_in_the_tables)
{
    start();
    put_orders(2, "hang", BUY, 10, 100);
    put_orders(1, "x", BUY, 10, 100);
    wait_final(1);
    ck_assert(testdb_wait(url, 2, FILLED_MS, "SELECT count(*) FROM parked_orders WHERE due_at IS NULL"));
    wait_cursor(); /* they do not hold the cursor up */
    restart();
    put_cancel(2);
    put_cancel(3); /* final long since: nothing happens */
    wait_final(2);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM executions WHERE order_seq = 2 AND type = 3"), 1);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM parked_orders WHERE order_seq = 1"), 1);
    wait_cursor();
    check_books();
    stop();
}
END_TEST

START_TEST(a_slow_order_is_parked_and_comes_back_in_time)
{
    start();
    put_orders(3, "slow:2500", BUY, 10, 100);
    put_orders(1, "slow:3600000", BUY, 10, 100);
    ck_assert(testdb_wait(url, 4, FILLED_MS, "SELECT count(*) FROM parked_orders"));
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM parked_orders p JOIN orders o ON o.seq = p.order_seq "
                                         "WHERE p.due_at - o.created_at IN ('2500 ms', '1 hour')"),
                     4);
    restart();
    wait_final(3);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM executions x JOIN orders o ON o.seq = x.order_seq WHERE "
                                         "x.created_at - o.created_at BETWEEN interval '2499 ms' AND interval '4 s'"),
                     6);
    ck_assert_int_eq(testdb_integer(url, "SELECT order_seq FROM parked_orders"), 4);
    check_books();
    stop();
}
END_TEST

/* Return: a price at which partial:4 with delays up to 60 s has its first trade within 0.8 s and 200 to 700 ms between
 * trades. */
static int price_for_slow_legs(void)
{
    for (int price = 100; price < 1000000; price++) {
        struct simfill_plan plan = simfill_plan("partial:4", BUY, 10, money_cents(price), 60000000);
        if (plan.delay_us > 2800000 && plan.delay_us < 3200000)
            return price;
    }
    ck_abort_msg("no price gives a fitting delay");
    return 0;
}

START_TEST(a_half_filled_order_that_is_cancelled_keeps_what_it_has)
{
    static const char *const slow[] = {"TB_SIMFILL_DELAY_MS=60000", NULL};
    start_with(slow);
    put_orders(1, "partial:4", BUY, 10, price_for_slow_legs());
    ck_assert(testdb_wait(url, 2, FILLED_MS, "SELECT count(*) FROM executions"));
    put_cancel(1);
    wait_final(1);
    ck_assert_int_eq(
        testdb_integer(url, "SELECT count(*) FROM executions WHERE type = 2 AND leg = 0 AND quantity BETWEEN 4 AND 8"),
        1);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM outbox"), 1);
    wait_cursor();
    check_books();
    stop();
}
END_TEST

START_TEST(killed_again_and_again_it_fills_each_order_once)
{
    start();
    static const char *const seeds[] = {"x", "partial:7", "cancel", "slow:400", "slow:1200", "hang", "dup:2"};
    int total = 0;
    for (int round = 0; round < 6; round++) {
        for (size_t i = 0; i < TB_ARRAY_SIZE(seeds); i++)
            put_orders(60, seeds[i], BUY, 10, 100);
        total += 60 * (int)TB_ARRAY_SIZE(seeds);
        rig_wait_state(simfill, "never", 30 + 17 * round); /* let it run for a moment that differs */
        restart();
    }
    wait_final(total / (int)TB_ARRAY_SIZE(seeds) * ((int)TB_ARRAY_SIZE(seeds) - 1));
    wait_cursor();
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM parked_orders WHERE due_at IS NULL"), 360);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM executions WHERE leg > 0"), 360 * (1 + 7 + 1 + 1 + 1));
    check_books();
    stop();
}
END_TEST

START_TEST(a_fenced_simfill_stores_nothing_and_leaves)
{
    start();
    testdb_run(url, "SELECT take_epoch('nl-1', 'executions')");
    put_orders(1, "x", BUY, 10, 100);
    ck_assert_int_eq(rig_wait_exit(simfill, READY_MS), 75);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM executions"), 0);
    stop();
}
END_TEST

START_TEST(a_lost_database_is_waited_for)
{
    start();
    put_orders(10, "x", BUY, 10, 100);
    wait_final(10);
    testdb_crash();
    ck_assert(rig_wait_state(simfill, "DEGRADED", READY_MS));
    testdb_restart();
    ck_assert(rig_wait_state(simfill, "READY", READY_MS));
    put_orders(10, "x", BUY, 10, 100);
    wait_final(20);
    check_books();
    stop();
}
END_TEST

START_TEST(an_order_that_cannot_be_filled_is_rejected_and_stops_no_other)
{
    start();
    testdb_run(url, "ALTER TABLE executions ADD CHECK (type <> 1 OR quantity <> 666)");
    put_orders(20, "x", BUY, 10, 100);
    put_orders(1, "x", BUY, 666, 100);
    put_orders(20, "x", BUY, 10, 100);
    wait_final(40); /* the others, at once */
    ck_assert(
        testdb_wait(url, 21, 15000, "SELECT order_seq FROM executions WHERE type = 4 AND leg = 0 AND quantity = 0"));
    ck_assert(rig_log_has(simfill, "rejecting the order"));
    wait_cursor();
    check_books();
    stop();
}
END_TEST

START_TEST(a_sequencer_and_a_simfill_work_together)
{
    start();
    struct rig_actor *sequencer = rig_start(rig, "sequencer", "1", NULL);
    ck_assert(rig_wait_state(sequencer, "READY", READY_MS));
    struct rig_link *gateway = rig_open(rig, "gateway/1", "orders-command", BUS_DEALER, false);
    struct rig_link *feed = rig_open(rig, "gateway/1", "executions-feed", BUS_SUB, false);
    struct peer_order orders[50] = {{0}};
    orders[49].seed = "hang";
    uint64_t expected = 0;
    for (int round = 0; round < 20; round++)
        peer_submit(gateway, orders, 50);
    wait_final(20 * 49);
    const Tb__CancelResult *cancelled = peer_cancel(gateway, 0, "clusius");
    ck_assert_uint_eq(cancelled->n_order_seqs, 20);
    wait_final(20 * 50);
    wait_cursor();
    check_books();
    const uint64_t end = 20 * 49 * 2 + 20 + 1;
    while (expected != end) { /* the feed is dense from wherever we joined it */
        const struct rig_message *message = rig_receive(feed, TB__MESSAGE_TYPE__EXECUTIONS_APPENDED, MESSAGE_MS);
        ck_assert_msg(message != NULL, "the feed stands at %llu of %llu", (unsigned long long)expected,
                      (unsigned long long)end);
        const Tb__ExecutionsAppended *batch = (const Tb__ExecutionsAppended *)message->payload;
        ck_assert(expected == 0 || message->first_seq == expected);
        for (size_t i = 0; i < batch->n_records; i++)
            ck_assert_uint_eq(batch->records[i]->seq, message->first_seq + i);
        expected = message->first_seq + batch->n_records;
    }
    stop();
}
END_TEST

CHECK_MAIN("simfill_actor", tcase_set_timeout(cases, 90);
           tcase_add_test(cases, an_order_is_filled_in_full_at_its_limit);
           tcase_add_test(cases, many_orders_are_each_filled_once); tcase_add_test(cases, seeds_do_what_they_say);
           tcase_add_test(cases, an_order_that_hangs_waits_for_its_cancel_in_the_tables);
           tcase_add_test(cases, a_slow_order_is_parked_and_comes_back_in_time);
           tcase_add_test(cases, a_half_filled_order_that_is_cancelled_keeps_what_it_has);
           tcase_add_test(cases, killed_again_and_again_it_fills_each_order_once);
           tcase_add_test(cases, a_fenced_simfill_stores_nothing_and_leaves);
           tcase_add_test(cases, a_lost_database_is_waited_for);
           tcase_add_test(cases, an_order_that_cannot_be_filled_is_rejected_and_stops_no_other);
           tcase_add_test(cases, a_sequencer_and_a_simfill_work_together);)
