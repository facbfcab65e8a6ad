/* The sequencer's core by scripts: this test is its gateway and its store. */
#include <stdio.h>
#include <string.h>

#include "base.h"
#include "check_main.h"
#include "executions.pb-c.h"
#include "fill_recorder.h"
#include "sequencer/core.h"
#include "sequencer/store.h"

enum { ORDERS_MAX = 2048 };

static struct sequencer *core;
static struct recorder rec;
static const struct sequencer_append_result nothing_existed;

static void step(void *state, const struct input *in, struct effects *fx)
{
    sequencer_step(state, in, fx);
}

static void open_core(uint32_t queue_max, uint64_t backlog_max)
{
    core = sequencer_new(
        &(struct sequencer_options){.region = "nl-1", .backlog_max = backlog_max, .queue_max = queue_max});
    recorder_init(&rec, step, core);
}

static void recover(uint64_t next_seq)
{
    recorder_kind(&rec, INPUT_START);
    recorder_find(&rec, EFFECT_CALL, SEQUENCER_TAKE_EPOCH, 0);
    struct sequencer_take_epoch_result head = {.epoch = 7, .next_seq = next_seq, .orders_total = next_seq - 1};
    head.terminal_total = head.orders_total;
    recorder_store(&rec, SEQUENCER_TAKE_EPOCH, STORE_DONE, &head, NULL);
    recorder_find(&rec, EFFECT_CALL, SEQUENCER_READ_RECENT, 0);
    ck_assert_uint_eq(recorder_count(&rec, EFFECT_READY, 0), 0);
    recorder_store(&rec, SEQUENCER_READ_RECENT, STORE_DONE, &(struct sequencer_read_recent_result){0}, NULL);
    recorder_find(&rec, EFFECT_READY, 0, 0);
}

static void close_core(void)
{
    sequencer_free(&core);
    recorder_release(&rec);
}

static Tb__SubmitOrder order_of(uint64_t request_id, const char *key, uint32_t quantity)
{
    Tb__SubmitOrder order = TB__SUBMIT_ORDER__INIT;
    order.request_id = request_id;
    order.user_id = order.client_id = (char *)"clusius";
    order.idempotency_key = (char *)key;
    order.side = TB__SIDE__SIDE_BUY;
    order.quantity = quantity;
    order.price_cents = 12420;
    order.time_in_force = TB__TIME_IN_FORCE__TIME_IN_FORCE_GTC;
    return order;
}

static void submit_all(const char *peer, Tb__SubmitOrder *orders, size_t count)
{
    static Tb__SubmitOrder *pointers[ORDERS_MAX];
    for (size_t i = 0; i < count; i++)
        pointers[i] = &orders[i];
    Tb__SubmitOrders message = TB__SUBMIT_ORDERS__INIT;
    message.orders = pointers;
    message.n_orders = count;
    recorder_message(&rec, SEQUENCER_COMMAND, peer, TB__MESSAGE_TYPE__SUBMIT_ORDERS, &message.base, 0);
}

/* Effect: submits request ids first … first+count-1 with keys of their own. */
static void submit(const char *peer, uint64_t first, size_t count)
{
    static Tb__SubmitOrder orders[ORDERS_MAX];
    static char keys[ORDERS_MAX][24];
    for (size_t i = 0; i < count; i++) {
        snprintf(keys[i], sizeof keys[i], "key-%llu", (unsigned long long)(first + i));
        orders[i] = order_of(first + i, keys[i], 10);
    }
    submit_all(peer, orders, count);
}

static const struct sequencer_append_args *append_under_way(void)
{
    ck_assert_uint_eq(recorder_count(&rec, EFFECT_CALL, SEQUENCER_APPEND), 1);
    return recorder_find(&rec, EFFECT_CALL, SEQUENCER_APPEND, 0)->args;
}

/* Return: how many answers of this refusal the last step sent. */
static size_t answered(Tb__Refusal refusal)
{
    size_t count = 0;
    for (size_t i = 0; i < rec.fx.count; i++) {
        const struct effect *effect = &rec.fx.items[i];
        if (effect->kind != EFFECT_SEND || effect->type != TB__MESSAGE_TYPE__ORDER_RESULTS)
            continue;
        const Tb__OrderResults *results = (const Tb__OrderResults *)effect->message;
        for (size_t j = 0; j < results->n_results; j++)
            count += results->results[j]->refusal == refusal;
    }
    return count;
}

static const Tb__OrderResult *result_of(uint64_t request_id)
{
    for (size_t i = 0; i < rec.fx.count; i++) {
        const struct effect *effect = &rec.fx.items[i];
        if (effect->kind != EFFECT_SEND || effect->type != TB__MESSAGE_TYPE__ORDER_RESULTS)
            continue;
        const Tb__OrderResults *results = (const Tb__OrderResults *)effect->message;
        for (size_t j = 0; j < results->n_results; j++)
            if (results->results[j]->request_id == request_id)
                return results->results[j];
    }
    ck_abort_msg("no answer to request %llu", (unsigned long long)request_id);
    return NULL;
}

static void append_done(void)
{
    recorder_store(&rec, SEQUENCER_APPEND, STORE_DONE, &nothing_existed, NULL);
}

static void append_failed(const char *error)
{
    recorder_store(&rec, SEQUENCER_APPEND, STORE_FAILED, NULL, error);
}

START_TEST(nothing_is_accepted_before_recovery)
{
    open_core(0, 0);
    submit("g", 1, 3);
    ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE), 3);
    recorder_kind(&rec, INPUT_START);
    submit("g", 4, 1);
    ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE), 1);
    recorder_store(&rec, SEQUENCER_TAKE_EPOCH, STORE_FAILED, NULL, "57014: timeout");
    recorder_find(&rec, EFFECT_TIMER_SET, SEQUENCER_TIMER_RETRY, 0);
    recorder_input(&rec, (struct input){.kind = INPUT_TIMER, .timer = SEQUENCER_TIMER_RETRY});
    recorder_find(&rec, EFFECT_CALL, SEQUENCER_TAKE_EPOCH, 0);
    close_core();
}
END_TEST

START_TEST(answers_and_messages_come_after_the_commit_only)
{
    open_core(0, 0);
    recover(41);
    submit("g", 1, 2);
    ck_assert_uint_eq(rec.fx.count, 0);
    recorder_kind(&rec, INPUT_FLUSH);
    const struct sequencer_append_args *args = append_under_way();
    ck_assert_int_eq(args->epoch, 7);
    ck_assert_uint_eq(args->expected_next_seq, 41);
    ck_assert_uint_eq(args->count, 2);
    ck_assert_str_eq(args->idempotency_keys[1], "key-2");
    for (size_t i = 0; i < rec.fx.count; i++)
        ck_assert_int_ne(rec.fx.items[i].kind, EFFECT_SEND);
    append_done();
    ck_assert_uint_eq(result_of(1)->order->seq, 41);
    ck_assert_uint_eq(result_of(2)->order->seq, 42);
    for (unsigned link = SEQUENCER_STAGE; link <= SEQUENCER_FEED; link++) {
        const struct effect *send = recorder_find(&rec, EFFECT_SEND, link, 0);
        ck_assert_uint_eq(send->first_seq, 41);
        ck_assert_uint_eq(((const Tb__OrdersAppended *)send->message)->n_records, 2);
        ck_assert_uint_eq(((const Tb__OrdersAppended *)send->message)->orders_total, 42);
    }
    close_core();
}
END_TEST

START_TEST(one_append_is_under_way_and_the_next_takes_what_came_meanwhile)
{
    open_core(0, 0);
    recover(1);
    submit("g", 1, 1);
    recorder_kind(&rec, INPUT_FLUSH);
    ck_assert_uint_eq(append_under_way()->count, 1);
    submit("g", 2, 1500);
    recorder_kind(&rec, INPUT_FLUSH);
    ck_assert_uint_eq(recorder_count(&rec, EFFECT_CALL, SEQUENCER_APPEND), 0);
    append_done();
    ck_assert_uint_eq(append_under_way()->count, 1024);
    ck_assert_uint_eq(append_under_way()->expected_next_seq, 2);
    append_done();
    ck_assert_uint_eq(append_under_way()->count, 476);
    for (size_t i = 0; i < rec.fx.count; i++) /* frames stay small */
        if (rec.fx.items[i].kind == EFFECT_SEND && rec.fx.items[i].type == TB__MESSAGE_TYPE__ORDERS_APPENDED)
            ck_assert_uint_le(((const Tb__OrdersAppended *)rec.fx.items[i].message)->n_records, 256);
    append_done();
    ck_assert_uint_eq(recorder_count(&rec, EFFECT_CALL, SEQUENCER_APPEND), 0);
    ck_assert_uint_eq(result_of(1501)->order->seq, 1501);
    close_core();
}
END_TEST

START_TEST(what_does_not_fit_the_queue_is_refused_and_nothing_else)
{
    open_core(100, 0);
    recover(1);
    submit("g", 1, 1);
    recorder_kind(&rec, INPUT_FLUSH);
    submit("g", 2, 130);
    ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_BACKPRESSURE), 30);
    ck_assert_int_eq(result_of(102)->refusal, TB__REFUSAL__REFUSAL_BACKPRESSURE);
    append_done();
    ck_assert_uint_eq(append_under_way()->count, 100);
    append_done();
    ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_NONE), 100);
    close_core();
}
END_TEST

START_TEST(when_the_store_is_lost_everyone_hears_it_once)
{
    open_core(0, 0);
    recover(1);
    submit("g", 1, 3);
    recorder_kind(&rec, INPUT_FLUSH);
    submit("h", 4, 4);
    recorder_store(&rec, SEQUENCER_APPEND, STORE_UNKNOWN, NULL, "gone");
    ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE), 7);
    recorder_kind(&rec, INPUT_STORE_LOST);
    ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE), 0);
    submit("g", 8, 1);
    ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE), 1);
    recover(4);
    submit("g", 9, 1);
    recorder_kind(&rec, INPUT_FLUSH);
    ck_assert_uint_eq(append_under_way()->expected_next_seq, 4);
    close_core();
}
END_TEST

START_TEST(a_fence_halts_at_once)
{
    open_core(0, 0);
    recover(1);
    submit("g", 1, 1);
    recorder_kind(&rec, INPUT_FLUSH);
    recorder_store(&rec, SEQUENCER_APPEND, STORE_REFUSED, NULL, NULL);
    recorder_find(&rec, EFFECT_HALT, 0, 0);
    ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_NONE), 0);
    close_core();
}
END_TEST

/* Effect: answers appends as a store that cannot take order key-<bad>. Return: how many calls it took. */
static int store_without(const char *bad)
{
    int calls = 0;
    while (recorder_count(&rec, EFFECT_CALL, SEQUENCER_APPEND) > 0) {
        const struct sequencer_append_args *args = append_under_way();
        bool has_bad = false;
        for (size_t i = 0; i < args->count; i++)
            has_bad |= strcmp(args->idempotency_keys[i], bad) == 0;
        calls++;
        if (has_bad)
            append_failed("23514: check violated");
        else
            append_done();
        ck_assert_int_lt(calls, 100);
    }
    return calls;
}

START_TEST(a_bad_order_is_found_by_halving)
{
    static const char *const bad[] = {"key-1", "key-2", "key-500", "key-777", "key-1024"};
    open_core(0, 0);
    recover(1);
    submit("g", 1, 1024);
    recorder_kind(&rec, INPUT_FLUSH);
    int calls = store_without(bad[_i]);
    ck_assert_int_le(calls, 13); /* the batch, its halves, the rest */
    submit("g", 2000, 1);
    recorder_kind(&rec, INPUT_FLUSH);
    ck_assert_uint_eq(append_under_way()->expected_next_seq, 1024); /* 1023 of them were stored */
    close_core();
}
END_TEST

START_TEST(a_bad_order_alone_is_invalid_but_a_failing_store_is_unavailable)
{
    open_core(0, 0);
    recover(1);
    submit("g", 1, 1);
    recorder_kind(&rec, INPUT_FLUSH);
    append_failed("22P05: no such character");
    ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_INVALID), 1);
    submit("g", 2, 5);
    recorder_kind(&rec, INPUT_FLUSH);
    append_failed("53100: disk full");
    ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE), 5);
    submit("g", 7, 1);
    recorder_kind(&rec, INPUT_FLUSH);
    append_done();
    ck_assert_uint_eq(result_of(7)->order->seq, 1);
    close_core();
}
END_TEST

START_TEST(each_pair_goes_to_the_store_once_and_each_asker_gets_an_answer)
{
    open_core(0, 0);
    recover(1);
    Tb__SubmitOrder orders[] = {order_of(1, "a", 10), order_of(2, "b", 10), order_of(3, "a", 11),
                                order_of(4, "b", 10), order_of(5, "c", 10), order_of(6, "a", 10)};
    submit_all("g", orders, 6);
    recorder_kind(&rec, INPUT_FLUSH);
    const struct sequencer_append_args *args = append_under_way();
    ck_assert_uint_eq(args->count, 3);
    ck_assert_str_eq(args->idempotency_keys[2], "c");
    ck_assert_uint_eq(strlen(args->simulation_seeds[0]), 16);

    /* "a" is stored already, with the content of request 3: what the first asker wanted does not count. */
    Tb__OrderRecord stored = TB__ORDER_RECORD__INIT;
    static char seed[32];
    snprintf(seed, sizeof seed, "%s", args->simulation_seeds[0]);
    stored.seq = 77;
    stored.user_id = (char *)"clusius";
    stored.side = TB__SIDE__SIDE_BUY;
    stored.quantity = 11;
    stored.price_cents = 12420;
    stored.time_in_force = TB__TIME_IN_FORCE__TIME_IN_FORCE_GTC;
    stored.simulation_seed = seed;
    struct sequencer_existing_row row = {.entry = 0, .record = &stored};
    recorder_store(&rec, SEQUENCER_APPEND, STORE_DONE,
                   &(struct sequencer_append_result){.existing_count = 1, .existing = &row}, NULL);
    ck_assert_int_eq(result_of(1)->refusal, TB__REFUSAL__REFUSAL_KEY_REUSED);
    ck_assert_uint_eq(result_of(1)->order->seq, 77);
    ck_assert(result_of(3)->replayed);
    ck_assert_int_eq(result_of(6)->refusal, TB__REFUSAL__REFUSAL_KEY_REUSED);
    ck_assert(!result_of(2)->replayed);
    ck_assert_uint_eq(result_of(2)->order->seq, 1);
    ck_assert(result_of(4)->replayed);
    ck_assert_uint_eq(result_of(5)->order->seq, 2);
    const Tb__OrdersAppended *feed =
        (const Tb__OrdersAppended *)recorder_find(&rec, EFFECT_SEND, SEQUENCER_FEED, 0)->message;
    ck_assert_uint_eq(feed->n_records, 2); /* no event for a replay */
    submit("g", 100, 1);
    recorder_kind(&rec, INPUT_FLUSH);
    ck_assert_uint_eq(append_under_way()->expected_next_seq, 3); /* and no seq */
    close_core();
}
END_TEST

START_TEST(each_peer_gets_its_own_answers)
{
    open_core(0, 0);
    recover(1);
    submit("gateway-a", 1, 2);
    submit("gateway-b", 10, 1);
    submit("gateway-a", 3, 1);
    recorder_kind(&rec, INPUT_FLUSH);
    append_done();
    ck_assert_uint_eq(recorder_count(&rec, EFFECT_SEND, SEQUENCER_COMMAND), 2);
    const struct effect *first = recorder_find(&rec, EFFECT_SEND, SEQUENCER_COMMAND, 0);
    const struct effect *second = recorder_find(&rec, EFFECT_SEND, SEQUENCER_COMMAND, 1);
    ck_assert_mem_eq(first->to.bytes, "gateway-a", 9);
    ck_assert_uint_eq(((const Tb__OrderResults *)first->message)->n_results, 3);
    ck_assert_mem_eq(second->to.bytes, "gateway-b", 9);
    ck_assert_uint_eq(((const Tb__OrderResults *)second->message)->results[0]->request_id, 10);
    close_core();
}
END_TEST

static void cancel(uint64_t request_id, uint64_t order_seq)
{
    Tb__CancelOrder one = TB__CANCEL_ORDER__INIT;
    Tb__CancelOrder *pointer = &one;
    one.request_id = request_id;
    one.order_seq = order_seq;
    Tb__CancelOrders message = TB__CANCEL_ORDERS__INIT;
    message.cancels = &pointer;
    message.n_cancels = 1;
    recorder_message(&rec, SEQUENCER_COMMAND, "g", TB__MESSAGE_TYPE__CANCEL_ORDERS, &message.base, 0);
}

START_TEST(orders_and_cancels_take_turns_on_one_sequence)
{
    open_core(0, 0);
    recover(1);
    submit("g", 1, 1);
    recorder_kind(&rec, INPUT_FLUSH);
    submit("g", 2, 1);
    cancel(3, 1);
    append_done();
    const struct sequencer_cancel_args *args = recorder_find(&rec, EFFECT_CALL, SEQUENCER_CANCEL, 0)->args;
    ck_assert_uint_eq(recorder_count(&rec, EFFECT_CALL, SEQUENCER_APPEND), 0);
    ck_assert_uint_eq(args->expected_next_seq, 2);
    ck_assert_int_eq(args->order_seqs[0], 1);
    recorder_kind(&rec, INPUT_FLUSH);
    ck_assert_uint_eq(recorder_count(&rec, EFFECT_CALL, SEQUENCER_APPEND), 0); /* one write at a time, of either kind */
    Tb__OrderRecord request = TB__ORDER_RECORD__INIT;
    request.seq = 2;
    request.kind = TB__ORDER_RECORD__KIND__KIND_CANCEL_REQUEST;
    request.target_seq = 1;
    struct sequencer_cancel_row row = {.target_seq = 1, .record = &request};
    recorder_store(&rec, SEQUENCER_CANCEL, STORE_DONE, &(struct sequencer_cancel_result){.count = 1, .rows = &row},
                   NULL);
    const Tb__CancelResults *answers =
        (const Tb__CancelResults *)recorder_find(&rec, EFFECT_SEND, SEQUENCER_COMMAND, 0)->message;
    ck_assert_uint_eq(answers->results[0]->order_seqs[0], 1);
    const struct effect *staged = recorder_find(&rec, EFFECT_SEND, SEQUENCER_STAGE, 0);
    ck_assert_uint_eq(staged->first_seq, 2);
    ck_assert_uint_eq(((const Tb__OrdersAppended *)staged->message)->orders_total, 1); /* a request is no order */
    ck_assert_uint_eq(append_under_way()->expected_next_seq, 3);
    close_core();
}
END_TEST

static size_t cancels_answered(Tb__Refusal refusal)
{
    size_t count = 0;
    for (size_t i = 0; i < rec.fx.count; i++) {
        const struct effect *effect = &rec.fx.items[i];
        if (effect->kind != EFFECT_SEND || effect->type != TB__MESSAGE_TYPE__CANCEL_RESULTS)
            continue;
        const Tb__CancelResults *results = (const Tb__CancelResults *)effect->message;
        for (size_t j = 0; j < results->n_results; j++)
            count += results->results[j]->refusal == refusal;
    }
    return count;
}

START_TEST(cancel_requests_are_refused_once_when_the_store_fails_or_goes)
{
    open_core(0, 0);
    cancel(1, 5);
    ck_assert_uint_eq(cancels_answered(TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE), 1);
    recover(10);
    cancel(2, 0); /* neither an order nor a user */
    ck_assert_uint_eq(cancels_answered(TB__REFUSAL__REFUSAL_INVALID), 1);
    cancel(3, 5);
    recorder_kind(&rec, INPUT_FLUSH);
    recorder_store(&rec, SEQUENCER_CANCEL, STORE_FAILED, NULL, "57014: timeout");
    ck_assert_uint_eq(cancels_answered(TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE), 1);
    cancel(4, 5);
    recorder_kind(&rec, INPUT_FLUSH);
    cancel(5, 6);
    recorder_store(&rec, SEQUENCER_CANCEL, STORE_UNKNOWN, NULL, "gone");
    ck_assert_uint_eq(cancels_answered(TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE), 2);
    recorder_kind(&rec, INPUT_STORE_LOST);
    ck_assert_uint_eq(cancels_answered(TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE), 0);
    close_core();
}
END_TEST

START_TEST(answered_orders_make_room_for_others)
{
    open_core(100, 0);
    recover(1);
    for (uint64_t round = 0; round < 50; round++) {
        submit("g", 1 + round * 100, 100);
        recorder_kind(&rec, INPUT_FLUSH);
        append_done();
        ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_NONE), 100);
    }
    close_core();
}
END_TEST

START_TEST(a_full_backlog_refuses_until_the_feed_or_the_store_says_otherwise)
{
    open_core(0, 2);
    recover(1);
    submit("g", 1, 3);
    recorder_kind(&rec, INPUT_FLUSH);
    append_done();
    rec.now_us += 1000000;
    submit("g", 4, 2);
    ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_BACKPRESSURE), 2);
    recorder_find(&rec, EFFECT_CALL, SEQUENCER_READ_BACKLOG, 0);
    submit("g", 6, 1);
    ck_assert_uint_eq(recorder_count(&rec, EFFECT_CALL, SEQUENCER_READ_BACKLOG), 0); /* asked already */
    recorder_store(&rec, SEQUENCER_READ_BACKLOG, STORE_DONE, &(struct sequencer_read_backlog_result){1}, NULL);
    submit("g", 7, 1);
    ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_BACKPRESSURE), 0);
    recorder_kind(&rec, INPUT_FLUSH);
    append_done();
    submit("g", 8, 1);
    ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_BACKPRESSURE), 1);
    Tb__ExecutionsAppended executions = TB__EXECUTIONS_APPENDED__INIT;
    executions.terminal_total = 4;
    recorder_message(&rec, SEQUENCER_EXECUTIONS, "", TB__MESSAGE_TYPE__EXECUTIONS_APPENDED, &executions.base, 1);
    submit("g", 9, 1);
    ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_BACKPRESSURE), 0);
    close_core();
}
END_TEST

START_TEST(a_stopping_sequencer_finishes_what_is_under_way_and_refuses_the_rest)
{
    open_core(0, 0);
    recover(1);
    submit("g", 1, 1);
    recorder_kind(&rec, INPUT_FLUSH);
    submit("g", 2, 2);
    recorder_kind(&rec, INPUT_STOP);
    ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE), 2);
    append_done();
    ck_assert_uint_eq(result_of(1)->order->seq, 1);
    submit("g", 4, 1);
    ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE), 1);
    close_core();
}
END_TEST

static Tb__SubmitOrder broken_order(int how)
{
    static char long_text[300];
    memset(long_text, 'x', sizeof long_text - 1);
    Tb__SubmitOrder order = order_of(1, "k", 10);
    switch (how) {
    case 0:
        order.user_id = (char *)"";
        break;
    case 1:
        order.user_id = long_text;
        break;
    case 2:
        order.client_id = (char *)"@cancel";
        break;
    case 3:
        order.client_id = long_text;
        break;
    case 4:
        order.idempotency_key = (char *)"";
        break;
    case 5:
        order.idempotency_key = long_text;
        break;
    case 6:
        order.simulation_seed = long_text;
        break;
    case 7:
        order.side = TB__SIDE__SIDE_UNSPECIFIED;
        break;
    case 8:
        order.time_in_force = (Tb__TimeInForce)4;
        break;
    case 9:
        order.quantity = 0;
        break;
    case 10:
        order.quantity = 1000001;
        break;
    case 11:
        order.price_cents = 0;
        break;
    case 12:
        order.price_cents = 1000000001;
        break;
    default:
        order.trace_id.len = 15;
        break;
    }
    return order;
}

START_TEST(what_no_gateway_lets_through_is_refused_here_too)
{
    open_core(0, 0);
    recover(1);
    Tb__SubmitOrder order = broken_order(_i);
    submit_all("g", &order, 1);
    ck_assert_uint_eq(answered(TB__REFUSAL__REFUSAL_INVALID), 1);
    close_core();
}
END_TEST

CHECK_MAIN("sequencer_core", tcase_add_test(cases, nothing_is_accepted_before_recovery);
           tcase_add_test(cases, answers_and_messages_come_after_the_commit_only);
           tcase_add_test(cases, one_append_is_under_way_and_the_next_takes_what_came_meanwhile);
           tcase_add_test(cases, what_does_not_fit_the_queue_is_refused_and_nothing_else);
           tcase_add_test(cases, when_the_store_is_lost_everyone_hears_it_once);
           tcase_add_test(cases, a_fence_halts_at_once);
           tcase_add_loop_test(cases, a_bad_order_is_found_by_halving, 0, 5);
           tcase_add_test(cases, a_bad_order_alone_is_invalid_but_a_failing_store_is_unavailable);
           tcase_add_test(cases, each_pair_goes_to_the_store_once_and_each_asker_gets_an_answer);
           tcase_add_test(cases, each_peer_gets_its_own_answers);
           tcase_add_test(cases, orders_and_cancels_take_turns_on_one_sequence);
           tcase_add_test(cases, cancel_requests_are_refused_once_when_the_store_fails_or_goes);
           tcase_add_test(cases, answered_orders_make_room_for_others);
           tcase_add_test(cases, a_full_backlog_refuses_until_the_feed_or_the_store_says_otherwise);
           tcase_add_test(cases, a_stopping_sequencer_finishes_what_is_under_way_and_refuses_the_rest);
           tcase_add_loop_test(cases, what_no_gateway_lets_through_is_refused_here_too, 0, 14);)
