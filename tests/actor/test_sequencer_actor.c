/* The real tb-sequencer on a real PostgreSQL, with this test as its gateway, its simfill and its feeds' reader. */
#include <signal.h>
#include <string.h>

#include "actor_rig.h"
#include "base.h"
#include "check_main.h"
#include "executions.pb-c.h"
#include "fill_peer.h"
#include "testdb.h"

enum { READY_MS = 30000, MESSAGE_MS = 20000 };

static const char *url;
static struct rig *rig;
static struct rig_actor *sequencer;
static struct rig_link *gateway;

static void start_with(const char *const *settings)
{
    url = testdb_fresh();
    rig = rig_new(url);
    sequencer = rig_start(rig, "sequencer", "1", settings);
    ck_assert(rig_wait_state(sequencer, "READY", READY_MS));
    gateway = rig_open(rig, "gateway/1", "orders-command", BUS_DEALER, false);
}

static void start(void)
{
    start_with(NULL);
}

static void stop(void)
{
    rig_free(&rig);
}

static const Tb__OrderResult *submit(struct peer_order order)
{
    return peer_submit(gateway, &order, 1)[0];
}

/* Return: the next batch of orders on a link. A receiver may join late, and what the bus is given before that is
 * dropped, as it may: further orders must reach it. */
static const struct rig_message *next_appended(struct rig_link *link)
{
    const struct rig_message *batch = rig_receive(link, TB__MESSAGE_TYPE__ORDERS_APPENDED, 100);
    for (int i = 0; i < 100 && batch == NULL; i++) {
        submit((struct peer_order){0});
        batch = rig_receive(link, TB__MESSAGE_TYPE__ORDERS_APPENDED, 100);
    }
    ck_assert_ptr_nonnull(batch);
    return batch;
}

START_TEST(an_order_is_stored_when_its_answer_comes)
{
    start();
    struct rig_link *stage = rig_open(rig, "simfill/1", "orders-stage", BUS_PULL, false);
    struct rig_link *feed = rig_open(rig, "gateway/1", "orders-feed", BUS_SUB, false);
    const Tb__OrderResult *result = submit((struct peer_order){.key = "k1",
                                                               .user = "leeuwenhoek",
                                                               .client = "web-ui",
                                                               .side = TB__SIDE__SIDE_SELL,
                                                               .quantity = 7,
                                                               .price_cents = 99});
    ck_assert_int_eq(result->refusal, TB__REFUSAL__REFUSAL_NONE);
    ck_assert(!result->replayed);
    ck_assert_uint_eq(result->order->seq, 1);
    ck_assert_str_eq(result->order->simulation_seed, "88362c85d82b0006"); /* hash of web-ui, 0, k1: stable for ever */
    ck_assert_int_eq(
        testdb_integer(url,
                       "SELECT count(*) FROM orders WHERE region = 'nl-1' AND seq = 1 AND kind = 1 AND side = 2 "
                       "AND time_in_force = 1 AND quantity = 7 AND price_cents = 99 AND user_id = 'leeuwenhoek' "
                       "AND client_id = 'web-ui' AND idempotency_key = 'k1' AND simulation_seed = '88362c85d82b0006' "
                       "AND trace_id = '4bf92f35-77b3-4da6-a3ce-929d0e0e4736' AND NOT key_generated "
                       "AND possible_duplicate_of IS NULL"),
        1);
    ck_assert_int_eq(testdb_integer(url, "SELECT (extract(epoch FROM created_at) * 1000000)::bigint FROM orders"),
                     result->order->created_at_us);
    ck_assert_int_eq(testdb_integer(url, "SELECT total FROM stream_heads WHERE stream = 'orders' AND next_seq = 2"), 1);
    ck_assert(rig_log_has(sequencer, "order accepted"));

    const struct rig_message *staged = next_appended(stage);
    const Tb__OrderRecord *record = ((const Tb__OrdersAppended *)staged->payload)->records[0];
    ck_assert_uint_eq(record->seq, staged->first_seq);
    ck_assert_str_eq(record->user_id, staged->first_seq == 1 ? "leeuwenhoek" : "clusius");
    const struct rig_message *fed = next_appended(feed);
    ck_assert_int_eq(fed->stream, TB__STREAM__STREAM_ORDERS);
    stop();
}
END_TEST

START_TEST(one_key_gives_one_order_whatever_comes_with_it)
{
    start();
    struct peer_order orders[] = {{.key = "a"}, {.key = "a"}, {.key = "b"}, {.key = "a", .quantity = 11}, {.key = "a"}};
    const Tb__OrderResult *const *results = peer_submit(gateway, orders, 5);
    ck_assert_uint_eq(results[0]->order->seq, 1);
    ck_assert(!results[0]->replayed);
    ck_assert(results[1]->replayed);
    ck_assert_uint_eq(results[1]->order->seq, 1);
    ck_assert_uint_eq(results[2]->order->seq, 2);
    ck_assert_int_eq(results[3]->refusal, TB__REFUSAL__REFUSAL_KEY_REUSED);
    ck_assert_uint_eq(results[3]->order->seq, 1);
    ck_assert(results[4]->replayed);

    struct peer_order again[] = {{.key = "c"}, {.key = "b"}, {.key = "d"}, {.key = "a", .price_cents = 1},
                                 {.key = "a"}, {.key = "e"}};
    results = peer_submit(gateway, again, 6);
    ck_assert_uint_eq(results[0]->order->seq, 3); /* those that existed leave no hole */
    ck_assert(results[1]->replayed);
    ck_assert_uint_eq(results[1]->order->seq, 2);
    ck_assert_str_eq(results[1]->order->idempotency_key, "b");
    ck_assert_uint_eq(results[2]->order->seq, 4);
    ck_assert_int_eq(results[3]->refusal, TB__REFUSAL__REFUSAL_KEY_REUSED);
    ck_assert(results[4]->replayed);
    ck_assert_uint_eq(results[5]->order->seq, 5);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM orders"), 5);
    ck_assert_int_eq(testdb_integer(url, "SELECT next_seq FROM stream_heads WHERE stream = 'orders' AND total = 5"), 6);
    stop();
}
END_TEST

START_TEST(content_decides_between_replay_and_reuse)
{
    start();
    submit((struct peer_order){.key = "k", .seed = "s"});
    static const struct peer_order others[] = {{.key = "k", .seed = "t"},
                                               {.key = "k"}, /* the default seed is content too */
                                               {.key = "k", .seed = "s", .side = TB__SIDE__SIDE_SELL},
                                               {.key = "k", .seed = "s", .user = "oosterwijck", .client = "clusius"}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(others); i++)
        ck_assert_int_eq(submit(others[i])->refusal, TB__REFUSAL__REFUSAL_KEY_REUSED);
    ck_assert(submit((struct peer_order){.key = "k", .seed = "s"})->replayed);
    ck_assert_int_eq(submit((struct peer_order){.key = "k", .client = "@cancel"})->refusal,
                     TB__REFUSAL__REFUSAL_INVALID);
    ck_assert_int_eq(submit((struct peer_order){.key = "n", .quantity = 1000001})->refusal,
                     TB__REFUSAL__REFUSAL_INVALID);
    stop();
}
END_TEST

START_TEST(an_equal_order_without_key_is_pointed_at)
{
    start();
    struct peer_order orders[] = {{.key = "x"}, {0}, {.quantity = 11}, {0}};
    const Tb__OrderResult *const *results = peer_submit(gateway, orders, 4);
    ck_assert_uint_eq(results[0]->order->possible_duplicate_of, 0);
    ck_assert_uint_eq(results[1]->order->possible_duplicate_of, 1); /* within one batch */
    ck_assert_uint_eq(results[2]->order->possible_duplicate_of, 0);
    ck_assert_uint_eq(results[3]->order->possible_duplicate_of, 2);
    struct peer_order later[] = {{.key = "x"}, {.key = "y"}, {0}};
    results = peer_submit(gateway, later, 3); /* "x" is stored already, so "y" gets seq 5 and not 6 */
    ck_assert_uint_eq(results[1]->order->possible_duplicate_of, 0); /* it has a key of its own */
    ck_assert_uint_eq(results[2]->order->seq, 6);
    ck_assert_uint_eq(results[2]->order->possible_duplicate_of, 5);
    ck_assert_int_eq(
        testdb_integer(url,
                       "SELECT count(*) FROM orders WHERE (seq, possible_duplicate_of) IN ((2, 1), (4, 2), (6, 5))"),
        3);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(possible_duplicate_of) FROM orders"), 3);

    rig_kill(sequencer, SIGKILL);
    sequencer = rig_start(rig, "sequencer", "1", NULL);
    ck_assert(rig_wait_state(sequencer, "READY", READY_MS));
    ck_assert_uint_eq(submit((struct peer_order){0})->order->possible_duplicate_of,
                      6); /* remembered across a restart */
    testdb_run(url, "UPDATE orders SET created_at = created_at - interval '10 seconds'");
    rig_kill(sequencer, SIGKILL);
    sequencer = rig_start(rig, "sequencer", "1", NULL);
    ck_assert(rig_wait_state(sequencer, "READY", READY_MS));
    ck_assert_uint_eq(submit((struct peer_order){0})->order->possible_duplicate_of, 0);
    stop();
}
END_TEST

START_TEST(a_killed_sequencer_resumes_where_it_stood)
{
    start();
    struct peer_order orders[20] = {{.key = "first"}};
    for (int round = 0; round < 3; round++) {
        peer_submit(gateway, orders, 20);
        rig_kill(sequencer, SIGKILL);
        sequencer = rig_start(rig, "sequencer", "1", NULL);
        ck_assert(rig_wait_state(sequencer, "READY", READY_MS));
    }
    ck_assert(submit((struct peer_order){.key = "first"})->replayed);
    ck_assert_uint_eq(submit((struct peer_order){.key = "last"})->order->seq, 59);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM orders WHERE seq BETWEEN 1 AND 59"), 59);
    stop();
}
END_TEST

START_TEST(a_fenced_sequencer_stores_nothing_and_leaves)
{
    start();
    submit((struct peer_order){.key = "a"});
    testdb_run(url, "SELECT take_epoch('nl-1', 'orders')");
    struct peer_order order = {.key = "b"};
    peer_send(gateway, &order, 1); /* the answer may be lost with the process */
    ck_assert_int_eq(rig_wait_exit(sequencer, READY_MS), 75);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM orders"), 1);
    stop();
}
END_TEST

START_TEST(the_standby_takes_over)
{
    start();
    struct rig_actor *standby = rig_start(rig, "sequencer", "2", NULL);
    ck_assert(rig_wait_state(standby, "STANDBY", READY_MS));
    submit((struct peer_order){.key = "a"});
    rig_kill(sequencer, SIGKILL);
    ck_assert(rig_wait_state(standby, "READY", READY_MS));
    ck_assert(submit((struct peer_order){.key = "a"})->replayed);
    ck_assert_uint_eq(submit((struct peer_order){.key = "b"})->order->seq, 2);
    stop();
}
END_TEST

START_TEST(a_lost_database_means_unavailable_and_then_all_is_well)
{
    start();
    submit((struct peer_order){.key = "a"});
    testdb_crash();
    struct peer_order order = {.key = "b"};
    ck_assert_int_eq(peer_submit(gateway, &order, 1)[0]->refusal, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    testdb_restart();
    ck_assert(rig_wait_state(sequencer, "READY", READY_MS));
    ck_assert(submit((struct peer_order){.key = "a"})->replayed);
    ck_assert_uint_eq(submit(order)->order->seq, 2);
    stop();
}
END_TEST

START_TEST(one_order_that_cannot_be_stored_does_not_take_the_others_with_it)
{
    start();
    testdb_run(url, "ALTER TABLE orders ADD CHECK (quantity <> 666)");
    struct peer_order orders[33] = {{.key = NULL}};
    orders[17].quantity = 666;
    const Tb__OrderResult *const *results = peer_submit(gateway, orders, 33);
    for (unsigned i = 0; i < 33; i++)
        ck_assert_int_eq(results[i]->refusal, i == 17 ? TB__REFUSAL__REFUSAL_INVALID : TB__REFUSAL__REFUSAL_NONE);
    ck_assert_int_eq(testdb_integer(url, "SELECT max(seq) FROM orders HAVING count(*) = 32"), 32);
    stop();
}
END_TEST

/* Effect: waits for the cancel request of an order on the stage. Batches before it may have come or not: what the bus
 * is given before a receiver is connected is dropped, and that is allowed. */
static void expect_staged_cancel(struct rig_link *stage, uint64_t target_seq)
{
    for (;;) {
        const struct rig_message *staged = rig_receive(stage, TB__MESSAGE_TYPE__ORDERS_APPENDED, MESSAGE_MS);
        ck_assert_msg(staged != NULL, "no cancel request was staged");
        const Tb__OrdersAppended *batch = (const Tb__OrdersAppended *)staged->payload;
        for (size_t i = 0; i < batch->n_records; i++)
            if (batch->records[i]->kind == TB__ORDER_RECORD__KIND__KIND_CANCEL_REQUEST) {
                ck_assert_uint_eq(batch->records[i]->target_seq, target_seq);
                return;
            }
    }
}

START_TEST(a_cancel_is_requested_once)
{
    start();
    struct rig_link *stage = rig_open(rig, "simfill/1", "orders-stage", BUS_PULL, false);
    next_appended(stage);
    long orders = testdb_integer(url, "SELECT count(*) FROM orders");
    ck_assert_int_eq(peer_cancel(gateway, 99999, "")->refusal, TB__REFUSAL__REFUSAL_NOT_FOUND);
    for (int i = 0; i < 3; i++) {
        const Tb__CancelResult *result = peer_cancel(gateway, 1, "");
        ck_assert_int_eq(result->refusal, TB__REFUSAL__REFUSAL_NONE);
        ck_assert_uint_eq(result->n_order_seqs, 1);
        ck_assert_uint_eq(result->order_seqs[0], 1);
    }
    ck_assert_int_eq(testdb_integer(url, "SELECT seq FROM orders WHERE kind = 2 AND target_seq = 1 AND user_id = "
                                         "'clusius' AND client_id = '@cancel' AND idempotency_key = 'cancel:1'"),
                     orders + 1);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM orders"), orders + 1);
    ck_assert_int_eq(testdb_integer(url, "SELECT total FROM stream_heads WHERE stream = 'orders'"), orders);
    ck_assert_int_eq(peer_cancel(gateway, (uint64_t)orders + 1, "")->refusal,
                     TB__REFUSAL__REFUSAL_NOT_FOUND); /* the request is no order */
    expect_staged_cancel(stage, 1);

    testdb_run(url, "INSERT INTO executions VALUES ('nl-1', 1, 1, 2, 1, 0, 10, 12420, 124200, now(), 'clusius', 'a')");
    const Tb__CancelResult *late = peer_cancel(gateway, 1, "");
    ck_assert_int_eq(late->refusal, TB__REFUSAL__REFUSAL_TERMINAL);
    ck_assert_uint_eq(late->terminal_type, TB__EXECUTION_RECORD__TYPE__ORDER_ACCEPTED);
    stop();
}
END_TEST

START_TEST(cancel_all_takes_the_open_orders_of_one_user)
{
    start();
    struct peer_order orders[] = {{0}, {0}, {.user = "oosterwijck"}, {0}, {0}, {0}};
    peer_submit(gateway, orders, 6);
    testdb_run(url, "INSERT INTO executions VALUES ('nl-1', 1, 1, 2, 1, 0, 10, 12420, 124200, now(), 'clusius', 'a'),"
                    " ('nl-1', 2, 4, 3, 1, 0, 0, 0, 0, now(), 'clusius', 'a')");
    testdb_run(url, "UPDATE cursors SET position = 3 WHERE consumer = 'simfill'");
    testdb_run(url, "INSERT INTO parked_orders VALUES ('nl-1', 2, NULL)");
    peer_cancel(gateway, 5, "");
    const Tb__CancelResult *result = peer_cancel(gateway, 0, "clusius");
    ck_assert_int_eq(result->refusal, TB__REFUSAL__REFUSAL_NONE);
    ck_assert_uint_eq(result->n_order_seqs, 3);
    ck_assert_uint_eq(result->order_seqs[0], 2);
    ck_assert_uint_eq(result->order_seqs[1], 5);
    ck_assert_uint_eq(result->order_seqs[2], 6);
    ck_assert_int_eq(
        testdb_integer(url,
                       "SELECT count(*) FROM orders WHERE kind = 2 AND (seq, target_seq) IN ((7, 5), (8, 2), (9, 6))"),
        3);
    ck_assert_uint_eq(peer_cancel(gateway, 0, "leeuwenhoek")->n_order_seqs, 0);
    ck_assert_uint_eq(submit((struct peer_order){0})->order->seq, 10);
    stop();
}
END_TEST

START_TEST(a_backlog_is_refused_until_it_shrinks)
{
    static const char *const settings[] = {"TB_BACKLOG_MAX=3", NULL};
    start_with(settings);
    struct peer_order orders[4] = {{0}};
    peer_submit(gateway, orders, 4);
    ck_assert_int_eq(submit((struct peer_order){0})->refusal, TB__REFUSAL__REFUSAL_BACKPRESSURE);
    /* Nobody says so on the feed: the sequencer must look for itself. */
    testdb_run(url, "UPDATE stream_heads SET total = 4 WHERE stream = 'executions'");
    const Tb__OrderResult *result = NULL;
    for (int i = 0; i < 2000; i++) {
        result = submit((struct peer_order){0});
        if (result->refusal == TB__REFUSAL__REFUSAL_NONE)
            break;
    }
    ck_assert_int_eq(result->refusal, TB__REFUSAL__REFUSAL_NONE);
    stop();
}
END_TEST

CHECK_MAIN("sequencer_actor", tcase_set_timeout(cases, 60);
           tcase_add_test(cases, an_order_is_stored_when_its_answer_comes);
           tcase_add_test(cases, one_key_gives_one_order_whatever_comes_with_it);
           tcase_add_test(cases, content_decides_between_replay_and_reuse);
           tcase_add_test(cases, an_equal_order_without_key_is_pointed_at);
           tcase_add_test(cases, a_killed_sequencer_resumes_where_it_stood);
           tcase_add_test(cases, a_fenced_sequencer_stores_nothing_and_leaves);
           tcase_add_test(cases, the_standby_takes_over);
           tcase_add_test(cases, a_lost_database_means_unavailable_and_then_all_is_well);
           tcase_add_test(cases, one_order_that_cannot_be_stored_does_not_take_the_others_with_it);
           tcase_add_test(cases, a_cancel_is_requested_once);
           tcase_add_test(cases, cancel_all_takes_the_open_orders_of_one_user);
           tcase_add_test(cases, a_backlog_is_refused_until_it_shrinks);)
