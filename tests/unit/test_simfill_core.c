/* Simfill's core against a model of its tables: by scripts, and by random runs with a bus that loses and a store that
 * breaks. */
#include <stdio.h>

#include "base.h"
#include "check_main.h"
#include "executions.pb-c.h"
#include "gather.h"
#include "simfill_model.h"

static struct model model;

static void open_ready(uint32_t window_max)
{
    model_open(&model, 1, 0, window_max);
    model_start(&model);
    while (model.answers_count > 0)
        model_answer_one(&model);
    ck_assert(model.ready);
}

START_TEST(nothing_is_sent_before_the_commit)
{
    open_ready(1024);
    model_accept(&model, "slow:0", 10, 0);
    model_message(&model, 1, 1);
    ck_assert_uint_eq(model.answers_count, 0);
    model_flush(&model);
    ck_assert_uint_eq(model.answers_count, 1);
    ck_assert_uint_eq(recorder_count(&model.rec, EFFECT_SEND, SIMFILL_FEED), 0);
    model_answer_one(&model);
    const Tb__ExecutionsAppended *feed =
        (const Tb__ExecutionsAppended *)recorder_find(&model.rec, EFFECT_SEND, SIMFILL_FEED, 0)->message;
    ck_assert_uint_eq(feed->n_records, 2);
    ck_assert_uint_eq(feed->terminal_total, 1);
    ck_assert_str_eq(feed->records[0]->az, "a");
    recorder_find(&model.rec, EFFECT_SEND, SIMFILL_OUTBOX, 0);
    model_check(&model);
    model_close(&model);
}
END_TEST

START_TEST(an_order_waits_for_its_time)
{
    open_ready(1024);
    model_accept(&model, "slow:300", 10, 0);
    model_message(&model, 1, 1);
    model_flush(&model);
    model_pass(&model, 299999);
    model_flush(&model);
    ck_assert_uint_eq(model.executions_next, 1);
    model_pass(&model, 1);
    ck_assert_uint_eq(model.executions_next, 3);
    model_settle(&model, 1000000);
    model_check(&model);
    model_close(&model);
}
END_TEST

START_TEST(under_load_the_next_batch_gathers_and_one_alone_does_not_wait)
{
    enum { BURST = GATHER_LOAD_ROWS };
    open_ready(1024);
    for (int i = 0; i < BURST + 2; i++)
        model_accept(&model, "slow:0", 10, 0);
    model_message(&model, 1, 1);
    model_flush(&model);
    ck_assert_uint_eq(model.terminal_total, 1); /* alone: at once */
    model_answer_one(&model);
    model_message(&model, 2, BURST + 1);
    model_flush(&model);
    ck_assert_uint_eq(model.terminal_total, BURST + 1); /* the batch before was no load */
    model_answer_one(&model);
    model_message(&model, BURST + 2, BURST + 2);
    model_flush(&model);
    model_pass(&model, GATHER_US - 1);
    ck_assert_uint_eq(model.terminal_total, BURST + 1); /* this one was: gather */
    model_pass(&model, 1);
    ck_assert_uint_eq(model.terminal_total, BURST + 2);
    model_settle(&model, 100000);
    model_check(&model);
    model_close(&model);
}
END_TEST

START_TEST(a_lost_last_message_is_found_by_the_poll)
{
    open_ready(1024);
    for (int i = 0; i < 3; i++)
        model_accept(&model, "slow:0", 10, 0);
    model_message(&model, 1, 1);
    model_settle(&model, 600000);
    model_check(&model);
    ck_assert_uint_eq(model.terminal_total, 3);
    model_close(&model);
}
END_TEST

START_TEST(a_gap_is_read_and_repeats_are_dropped)
{
    open_ready(1024);
    for (int i = 0; i < 6; i++)
        model_accept(&model, "slow:0", 10, 0);
    model_message(&model, 4, 5);
    ck_assert_uint_eq(recorder_count(&model.rec, EFFECT_CALL, SIMFILL_READ_ORDERS), 1);
    model_message(&model, 1, 3);
    ck_assert_uint_eq(recorder_count(&model.rec, EFFECT_CALL, SIMFILL_READ_ORDERS), 0);
    model_answer_one(&model);
    model_message(&model, 2, 6);
    model_settle(&model, 100000);
    model_check(&model);
    model_close(&model);
}
END_TEST

START_TEST(dup_sends_its_adjustment_so_many_times)
{
    open_ready(1024);
    model_accept(&model, "dup:5", 10, 0);
    model_accept(&model, "x", 10, 0);
    model_settle(&model, 600000);
    ck_assert_uint_eq(model.published_adjustments, 6);
    ck_assert_uint_eq(model.outbox_next, 3);
    model_check(&model);
    model_close(&model);
}
END_TEST

START_TEST(a_cancel_ends_whatever_is_still_open)
{
    static const char *const seeds[] = {"hang", "slow:800", "slow:5000", "partial:4", "cancel"};
    open_ready(1024);
    model_accept(&model, seeds[_i / 2], 10, 0);
    if (_i % 2 == 1) /* the request comes after the order was parked or began to fill */
        model_settle(&model, 20000);
    model_accept(&model, NULL, 0, 1);
    model_settle(&model, 1000000);
    ck_assert_uint_ne(model.orders[1].final_type, 0);
    model_check(&model);
    model_close(&model);
}
END_TEST

START_TEST(a_full_window_makes_it_wait_not_lose)
{
    model_open(&model, 1, 0, 1024);
    for (int i = 0; i < MODEL_ORDERS_MAX; i++)
        model_accept(&model, "slow:900", 10, 0);
    model_start(&model);
    for (uint64_t first = 1; first + 199 <= MODEL_ORDERS_MAX; first += 200)
        model_message(&model, first, first + 199);
    model_settle(&model, 3000000);
    ck_assert_uint_le(model.waiting_max, 1024);
    model_check(&model);
    model_close(&model);
}
END_TEST

START_TEST(an_order_the_store_cannot_take_is_rejected_after_five_attempts)
{
    open_ready(1024);
    for (int i = 0; i < 100; i++)
        model_accept(&model, "slow:0", i == 40 ? MODEL_BAD_QUANTITY : 10, 0);
    model_message(&model, 1, 100);
    model_settle(&model, 300000);
    ck_assert_uint_eq(model.terminal_total, 99); /* the others do not wait for it */
    ck_assert_uint_eq(model.cursor, 40);
    model_settle(&model, 3000000);
    ck_assert_uint_eq(model.orders[41].final_type, TB__EXECUTION_RECORD__TYPE__ORDER_REJECTED);
    model_check(&model);
    model_close(&model);
}
END_TEST

START_TEST(a_fence_halts_at_once)
{
    open_ready(1024);
    model.epoch++;
    model_accept(&model, "slow:0", 10, 0);
    model_message(&model, 1, 1);
    model_flush(&model);
    model_answer_one(&model);
    ck_assert_int_eq(model.halts, 1);
    ck_assert_uint_eq(model.executions_next, 1);
    model_close(&model);
}
END_TEST

START_TEST(recovery_reads_what_is_open_and_no_history)
{
    open_ready(1024);
    for (int i = 0; i < 500; i++)
        model_accept(&model, i % 100 == 7 ? "hang" : "slow:0", 10, 0);
    model_settle(&model, 1000000);
    ck_assert_uint_eq(model.cursor, 500);
    recorder_kind(&model.rec, INPUT_STORE_LOST);
    model_start(&model);
    model_answer_one(&model);
    const struct simfill_read_orders_args *args = recorder_find(&model.rec, EFFECT_CALL, SIMFILL_READ_ORDERS, 0)->args;
    ck_assert_uint_eq(args->after_seq, 500);
    model_settle(&model, 100000);
    model_check(&model);
    model_close(&model);
}
END_TEST

START_TEST(a_request_for_a_final_order_moves_the_cursor_and_nothing_else)
{
    open_ready(1024);
    model_accept(&model, "slow:0", 10, 0);
    model_settle(&model, 300000); /* the poll finds them */
    model_accept(&model, NULL, 0, 1);
    model_message(&model, 2, 2);
    model_settle(&model, 600000);
    ck_assert_uint_eq(model.executions_next, 3);
    model_check(&model);
    model_close(&model);
}
END_TEST

START_TEST(parked_orders_come_back_after_a_restart)
{
    open_ready(1024);
    model_accept(&model, "slow:3000", 10, 0);
    model_accept(&model, "slow:0", 10, 0);
    model_settle(&model, 300000);
    ck_assert(model.orders[1].parked);
    ck_assert_uint_eq(model.cursor, 2);
    recorder_kind(&model.rec, INPUT_STORE_LOST);
    model_start(&model);
    model_settle(&model, 2600000);
    ck_assert_uint_eq(model.terminal_total, 1);
    model_settle(&model, 200000);
    ck_assert_uint_eq(model.terminal_total, 2);
    model_check(&model);
    model_close(&model);
}
END_TEST

START_TEST(more_parked_orders_than_the_window_holds_come_back_in_turns)
{
    open_ready(1024);
    for (int i = 0; i < MODEL_ORDERS_MAX; i++)
        model_accept(&model, "slow:2500", 10, 0);
    model_settle(&model, 1000000);
    ck_assert_uint_eq(model.cursor, MODEL_ORDERS_MAX);
    model_settle(&model, 4000000);
    ck_assert_uint_le(model.waiting_max, 1024);
    model_check(&model);
    model_close(&model);
}
END_TEST

static void accept_something(void)
{
    static const char *const seeds[] = {"x",        "y",         "cancel",    "partial:3", "partial:16",     "slow:0",
                                        "slow:700", "slow:1500", "slow:4000", "hang",      "poison-balance", "dup:2"};
    uint64_t target = model.orders_count > 0 ? 1 + model_random(&model, (uint32_t)model.orders_count) : 0;
    bool cancels = target > 0 && model_random(&model, 6) == 0 && model.orders[target].cancel_seq == 0 &&
                   model.orders[target].record.kind == TB__ORDER_RECORD__KIND__KIND_ORDER &&
                   model.orders[target].final_type == 0;
    if (cancels)
        model_accept(&model, NULL, 0, target);
    else
        model_accept(&model, seeds[model_random(&model, TB_ARRAY_SIZE(seeds))],
                     model_random(&model, 150) == 0 ? MODEL_BAD_QUANTITY : 1 + model_random(&model, 40), 0);
}

/* Rows in batches, each message perhaps lost, late or twice; answers and time as the seed has it. */
START_TEST(whatever_breaks_each_order_comes_to_what_its_plan_says)
{
    model_open(&model, (uint64_t)_i, _i % 4 * 15, 1024);
    model_start(&model);
    uint64_t late_first = 0, late_last = 0;
    while (model.orders_count + 40 < MODEL_ORDERS_MAX / 4) {
        uint64_t first = model.orders_count + 1;
        for (uint32_t n = 1 + model_random(&model, 30); n > 0; n--)
            accept_something();
        uint32_t fate = model_random(&model, 10);
        if (fate != 0 && fate != 1)
            model_message(&model, first, model.orders_count);
        if (fate == 2)
            model_message(&model, first, model.orders_count);
        if (late_last != 0)
            model_message(&model, late_first, late_last);
        late_first = late_last = 0;
        if (fate == 1) {
            late_first = first;
            late_last = model.orders_count;
        }
        if (model_random(&model, 3) > 0)
            model_flush(&model);
        for (uint32_t n = model_random(&model, 4); n > 0; n--)
            model_answer_one(&model);
        model_pass(&model, model_random(&model, 60000));
    }
    model_settle(&model, 12000000);
    model_check(&model);
    model_close(&model);
}
END_TEST

CHECK_MAIN("simfill_core", tcase_set_timeout(cases, 120); tcase_add_test(cases, nothing_is_sent_before_the_commit);
           tcase_add_test(cases, an_order_waits_for_its_time);
           tcase_add_test(cases, under_load_the_next_batch_gathers_and_one_alone_does_not_wait);
           tcase_add_test(cases, a_lost_last_message_is_found_by_the_poll);
           tcase_add_test(cases, a_gap_is_read_and_repeats_are_dropped);
           tcase_add_test(cases, dup_sends_its_adjustment_so_many_times);
           tcase_add_loop_test(cases, a_cancel_ends_whatever_is_still_open, 0, 10);
           tcase_add_test(cases, a_full_window_makes_it_wait_not_lose);
           tcase_add_test(cases, a_request_for_a_final_order_moves_the_cursor_and_nothing_else);
           tcase_add_test(cases, parked_orders_come_back_after_a_restart);
           tcase_add_test(cases, more_parked_orders_than_the_window_holds_come_back_in_turns);
           tcase_add_test(cases, an_order_the_store_cannot_take_is_rejected_after_five_attempts);
           tcase_add_test(cases, a_fence_halts_at_once);
           tcase_add_test(cases, recovery_reads_what_is_open_and_no_history);
           tcase_add_loop_test(cases, whatever_breaks_each_order_comes_to_what_its_plan_says, 0, 120);)
