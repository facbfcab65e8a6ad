#include <string.h>

#include "balance_bench.h"
#include "base.h"
#include "check_main.h"

enum {
    UPDATED = TB__BALANCE_RECORD__TYPE__BALANCE_UPDATED,
    FAILED = TB__BALANCE_RECORD__TYPE__BALANCE_ADJUSTMENT_FAILED,
    LETTERED = TB__BALANCE_RECORD__TYPE__DEAD_LETTERED,
    REDRIVEN = TB__BALANCE_RECORD__TYPE__DEAD_LETTER_REDRIVEN,
    DISCARDED = TB__BALANCE_RECORD__TYPE__DEAD_LETTER_DISCARDED,
    REDRIVE = TB__BALANCE_COMMAND__KIND__REDRIVE,
    DISCARD = TB__BALANCE_COMMAND__KIND__DISCARD,
    REBUILD = TB__BALANCE_COMMAND__KIND__REBUILD,
    DONE = TB__REFUSAL__REFUSAL_NONE,
    UNAVAILABLE = TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE,
};

static struct bench bench;

/* --- the outbox --- */

START_TEST(under_load_the_next_batch_gathers_and_one_alone_does_not_wait)
{
    bench_open(&bench, 100, 5);
    bench.rows_count = 0; /* nothing is there yet */
    bench_start(&bench);
    bench.rows_count = 100;
    bench_offer(&bench, 1, 1);
    bench_step(&bench, (struct input){.kind = INPUT_FLUSH});
    ck_assert_uint_eq(bench.calls_count, 1); /* at once */
    bench_settle(&bench);
    bench_offer(&bench, 2, GATHER_LOAD_ROWS);
    bench_step(&bench, (struct input){.kind = INPUT_FLUSH});
    ck_assert_uint_eq(bench.calls_count, 1); /* the one before was no load */
    bench_answer(&bench, STORE_DONE);
    bench_offer(&bench, 2 + GATHER_LOAD_ROWS, 5);
    bench_step(&bench, (struct input){.kind = INPUT_FLUSH});
    ck_assert_uint_eq(bench.calls_count, 0); /* this one was: gather */
    ck_assert_int_gt(bench.timers[BALANCE_TIMER_GATHER], bench.now_us);
    bench_offer(&bench, 7 + GATHER_LOAD_ROWS, 94 - GATHER_LOAD_ROWS);
    bench_settle(&bench);
    bench_check(&bench);
    bench_close(&bench);
}
END_TEST

START_TEST(recovery_reads_what_is_after_the_cursor_and_settles_it)
{
    bench_open(&bench, 3000, 5); /* more than one read */
    bench.cursor = 10;
    bench.next_seq = 11;
    for (uint64_t i = 1; i <= 10; i++)
        bench.rows[i].settled = 1;
    bench_start(&bench);
    ck_assert_int_eq(bench.ready, 1);
    ck_assert_uint_eq(bench.cursor, 3000);
    ck_assert_uint_eq(bench.records[0].seq, 11);
    ck_assert_uint_eq(bench.records_count, 2990);
    for (uint64_t i = 1; i <= 3000; i++)
        ck_assert_int_eq(bench.rows[i].settled, 1);
    bench_close(&bench);
}
END_TEST

START_TEST(a_message_is_settled_at_flush_as_one_batch_and_published_after_its_commit)
{
    bench_open(&bench, 0, 5);
    bench_start(&bench);
    bench.rows_count = 7;
    size_t before = bench.applies;
    bench_offer(&bench, 1, 4);
    bench_offer(&bench, 5, 3);
    ck_assert_uint_eq(bench.calls_count, 0);
    bench_flush(&bench);
    ck_assert_uint_eq(bench.calls_count, 1);
    ck_assert_uint_eq(bench.records_count, 0); /* commit, then speak */
    bench_settle(&bench);
    ck_assert_uint_eq(bench.applies, before + 1);
    ck_assert_uint_eq(bench_count(&bench, UPDATED), 7);
    ck_assert_int_eq(bench.records[6].resulting_cents, -(1 + 2 + 3 + 4 + 5 + 6 + 7));
    bench_check(&bench);
    bench_close(&bench);
}
END_TEST

START_TEST(duplicates_overlaps_and_reordered_messages_settle_each_row_once)
{
    bench_open(&bench, 0, 5);
    bench_start(&bench);
    bench.rows_count = 12;
    bench_offer(&bench, 1, 4);
    bench_offer(&bench, 1, 4);
    bench_offer(&bench, 3, 4); /* overlaps: 5 and 6 are new */
    bench_flush(&bench);
    bench_offer(&bench, 2, 3);
    bench_offer(&bench, 11, 2); /* a gap: 7 … 10 were lost */
    bench_flush(&bench);
    bench_settle(&bench);
    bench_offer(&bench, 7, 4); /* late */
    bench_flush(&bench);
    bench_settle(&bench);
    bench_check(&bench);
    bench_close(&bench);
}
END_TEST

START_TEST(a_lost_last_message_is_found_by_the_slow_poll)
{
    bench_open(&bench, 5, 5);
    bench_start(&bench);
    bench.rows_count = 9; /* nobody says so */
    int64_t lost_at_us = bench.now_us;
    bench_timer(&bench, BALANCE_TIMER_POLL);
    bench_timer(&bench, BALANCE_TIMER_POLL);
    ck_assert_int_le(bench.now_us, lost_at_us + 250000);
    bench_check(&bench);
    ck_assert_int_gt(bench.timers[BALANCE_TIMER_POLL], bench.now_us);
    bench_close(&bench);
}
END_TEST

START_TEST(what_does_not_fit_the_queue_is_read_later_and_nothing_is_lost)
{
    bench_open(&bench, 0, 5);
    bench_start(&bench);
    bench_step(&bench, (struct input){.kind = INPUT_FLUSH});
    bench.rows_count = BENCH_ROWS_MAX;
    bench_offer(&bench, 1, 1);
    bench_flush(&bench); /* a batch is under way and stays so: everything else piles up */
    for (uint64_t first = 2; first <= BENCH_ROWS_MAX; first += 63)
        bench_offer(&bench, first, 63);
    ck_assert_uint_le(bench.core.queue_count, BALANCE_QUEUE_MAX);
    bench_settle(&bench);
    bench_check(&bench);
    bench_close(&bench);
}
END_TEST

START_TEST(a_full_queue_refuses_to_grow)
{
    bench_open(&bench, 0, 5);
    bench_start(&bench);
    for (uint64_t round = 0; round < 4; round++)
        bench_offer(&bench, 1 + round * 4000, 4000);
    ck_assert_uint_eq(bench.core.queue_count, 8000);
    bench_flush(&bench);
    ck_assert_int_eq(bench.lag, 16000);
    for (size_t i = 0; i < bench.calls_count; i++)
        ck_assert_uint_ne(bench.calls[i].proc, BALANCE_PROC_READ_OUTBOX); /* no room for its answer */
    bench_close(&bench);
}
END_TEST

/* --- failures --- */

static const struct {
    uint64_t rows;
    uint64_t poisoned[8];
    size_t applies_failed_max;
} bisections[] = {
    {1, {1}, 1},
    {2, {1}, 2},
    {2, {2}, 2},
    {256, {77}, 9},
    {256, {1}, 9},
    {256, {256}, 9},
    {1000, {1, 2, 3}, 33},
    {1024, {5, 100, 101, 777, 1024}, 55},
    {7, {1, 2, 3, 4, 5, 6, 7}, 21},
};

START_TEST(a_failing_adjustment_is_found_by_halving_and_the_others_go_on)
{
    size_t poisoned = 0;
    bench_open(&bench, bisections[_i].rows, 5);
    for (; poisoned < 8 && bisections[_i].poisoned[poisoned]; poisoned++)
        bench.rows[bisections[_i].poisoned[poisoned]].poisoned = true;
    bench_start(&bench);
    bench_check(&bench);
    ck_assert_uint_eq(bench_count(&bench, FAILED), poisoned);
    ck_assert_uint_eq(bench_count(&bench, UPDATED), bisections[_i].rows - poisoned);
    ck_assert_uint_le(bench.applies_failed, bisections[_i].applies_failed_max);
    for (size_t i = 0; i < poisoned; i++) {
        ck_assert_int_eq(bench.rows[bisections[_i].poisoned[i]].letter, 1);
        ck_assert_uint_eq(bench.rows[bisections[_i].poisoned[i]].attempts, 1);
    }
    bench_close(&bench);
}
END_TEST

START_TEST(retries_wait_longer_each_time_and_end_in_the_dead_letter_queue)
{
    bench_open(&bench, 3, 5);
    bench.rows[2].poisoned = true;
    bench_start(&bench);
    int64_t wait = 100000;
    for (uint32_t attempts = 1; attempts < 5; attempts++, wait *= 2) {
        int64_t due = bench.timers[BALANCE_TIMER_RETRY] - bench.now_us;
        ck_assert_uint_eq(bench.rows[2].attempts, attempts);
        ck_assert_int_ge(due, wait * 8 / 10);
        ck_assert_int_le(due, wait * 12 / 10);
        bench_timer(&bench, BALANCE_TIMER_RETRY);
    }
    ck_assert_uint_eq(bench.rows[2].attempts, 5);
    ck_assert_int_eq(bench.rows[2].letter, 2);
    ck_assert_int_eq(bench.timers[BALANCE_TIMER_RETRY], 0);
    ck_assert_uint_eq(bench_count(&bench, FAILED), 5);
    ck_assert_uint_eq(bench_count(&bench, LETTERED), 1);
    ck_assert_int_eq(bench.dead_gauge, 1);
    bench_check(&bench);
    bench_close(&bench);
}
END_TEST

START_TEST(a_retry_that_succeeds_settles_the_adjustment_once)
{
    bench_open(&bench, 3, 5);
    bench.rows[2].poisoned = true;
    bench_start(&bench);
    bench.rows[2].poisoned = false; /* cured */
    bench_timer(&bench, BALANCE_TIMER_RETRY);
    bench_timer(&bench, BALANCE_TIMER_POLL);
    ck_assert_int_eq(bench.rows[2].letter, 3);
    ck_assert_uint_eq(bench_count(&bench, UPDATED), 3);
    ck_assert_uint_eq(bench_count(&bench, LETTERED) + bench_count(&bench, REDRIVEN), 0);
    bench_check(&bench);
    bench_close(&bench);
}
END_TEST

START_TEST(more_dead_letters_than_one_read_are_all_retried)
{
    bench_open(&bench, 200, 2);
    for (uint64_t i = 1; i <= 200; i++)
        bench.rows[i].poisoned = true;
    bench_start(&bench);
    for (int i = 0; i < 400 && bench.timers[BALANCE_TIMER_RETRY]; i++)
        bench_timer(&bench, BALANCE_TIMER_RETRY);
    for (uint64_t i = 1; i <= 200; i++)
        ck_assert_int_eq(bench.rows[i].letter, 2);
    ck_assert_int_eq(bench.dead_gauge, 200);
    bench_check(&bench);
    bench_close(&bench);
}
END_TEST

START_TEST(a_restart_takes_up_the_retries_that_are_due)
{
    bench_open(&bench, 3, 3);
    bench.rows[2].poisoned = true;
    bench_start(&bench);
    balance_core_release(&bench.core); /* a new process: memory is gone, the tables stay */
    balance_core_init(&bench.core, &(struct balance_options){"nl-1", money_cents(1), 3, 100000});
    memset(bench.timers, 0, sizeof bench.timers);
    bench.now_us += 10000000;
    bench_start(&bench);
    ck_assert_uint_eq(bench.rows[2].attempts, 2);
    bench_timer(&bench, BALANCE_TIMER_RETRY);
    ck_assert_int_eq(bench.rows[2].letter, 2);
    bench_check(&bench);
    bench_close(&bench);
}
END_TEST

START_TEST(a_failure_that_cannot_be_recorded_blocks_nobody_for_ever)
{
    bench_open(&bench, 5, 5);
    bench.rows[2].poisoned = true;
    bench.fail_next_record = true;
    bench_start(&bench);
    ck_assert_uint_eq(bench.cursor, 1);
    bench_timer(&bench, BALANCE_TIMER_BACKOFF);
    bench_check(&bench);
    ck_assert_uint_eq(bench.rows[2].attempts, 1);
    bench_close(&bench);
}
END_TEST

START_TEST(an_error_that_is_not_the_datas_fault_makes_no_dead_letter)
{
    bench_open(&bench, 0, 5);
    bench_start(&bench);
    bench.rows_count = 4;
    bench_offer(&bench, 1, 4);
    bench_flush(&bench);
    int64_t waited = 0;
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(bench.calls_count, 1);
        bench.calls_count = 0;
        bench_step(&bench, (struct input){.kind = INPUT_STORE,
                                          .proc = BALANCE_PROC_APPLY,
                                          .status = STORE_FAILED,
                                          .error = "42501: permission denied for table ledger"});
        ck_assert_uint_eq(bench.calls_count, 0);
        int64_t wait = bench.timers[BALANCE_TIMER_BACKOFF] - bench.now_us;
        ck_assert_int_gt(wait, waited);
        waited = wait;
        bench.now_us += wait;
        bench_step(&bench, (struct input){.kind = INPUT_TIMER, .timer = BALANCE_TIMER_BACKOFF});
    }
    bench_settle(&bench);
    ck_assert_uint_eq(bench_count(&bench, FAILED), 0);
    bench_check(&bench);
    bench_close(&bench);
}
END_TEST

static const struct {
    const char *error;
    bool environment;
} errors[] = {
    {"22003: bigint out of range", false},
    {"23505: duplicate key", false},
    {"TB010: adjustment 7 is poisoned", false},
    {"P0001: raised", false},
    {"42501: permission denied", true},
    {"42883: no function", true},
    {"57014: canceling statement due to statement timeout", true},
    {"no code at all", false},
    {"", false},
    {"42:", false},
    {NULL, false},
};

bool settle_error_is_environment(const char *error); /* balance/internal.h */

START_TEST(errors_are_blamed_on_data_or_environment)
{
    ck_assert_int_eq(settle_error_is_environment(errors[_i].error), errors[_i].environment);
}
END_TEST

START_TEST(backoff_is_deterministic_doubles_and_stays_within_its_jitter)
{
    bool differs = false;
    for (uint64_t seq = 1; seq < 200; seq++)
        for (uint32_t attempts = 1; attempts < 40; attempts++) {
            int64_t wait = balance_backoff_us(100000, seq, attempts);
            int64_t middle = attempts > 16 ? INT64_C(3600000000) : INT64_C(100000) << (attempts - 1);
            check_quick(wait == balance_backoff_us(100000, seq, attempts));
            check_quick(wait >= middle / 100 * 80 && wait <= middle / 100 * 120);
            differs = differs || wait != middle;
        }
    ck_assert(differs);
}
END_TEST

/* --- commands --- */

static void make_dead_letter(int letter)
{
    bench_open(&bench, 3, letter == 2 ? 1 : 5);
    bench.rows[2].poisoned = true;
    bench_start(&bench);
    ck_assert_int_eq(bench.rows[2].letter, letter);
}

START_TEST(a_redrive_takes_effect_once_however_often_pressed)
{
    make_dead_letter(_i); /* retrying or dead */
    for (uint64_t i = 1; i <= 100; i++)
        bench_command(&bench, i, REDRIVE, 2, "");
    bench_flush(&bench);
    bench_settle(&bench);
    ck_assert_uint_eq(bench.answers_count, 100);
    for (size_t i = 0; i < 100; i++) {
        ck_assert_uint_eq(bench.answers[i].request_id, i + 1);
        ck_assert_int_eq(bench.answers[i].refusal, DONE);
    }
    ck_assert_uint_eq(bench_count(&bench, REDRIVEN), 1);
    ck_assert_uint_eq(bench_count(&bench, UPDATED), 3);
    ck_assert_int_eq(bench.dead_gauge, 0);
    if (bench.timers[BALANCE_TIMER_RETRY])
        bench_timer(&bench, BALANCE_TIMER_RETRY); /* the retry that was planned finds nothing to do */
    ck_assert_uint_eq(bench_count(&bench, UPDATED), 3);
    bench_check(&bench);
    bench_close(&bench);
}
END_TEST

static const struct {
    int first, second, refusal;
} conflicts[] = {{DISCARD, DISCARD, DONE},
                 {DISCARD, REDRIVE, TB__REFUSAL__REFUSAL_TERMINAL},
                 {REDRIVE, DISCARD, TB__REFUSAL__REFUSAL_TERMINAL}};

START_TEST(the_first_end_of_a_dead_letter_stays)
{
    make_dead_letter(2);
    bench_command(&bench, 1, conflicts[_i].first, 2, "");
    bench_command(&bench, 2, conflicts[_i].second, 2, "");
    bench_flush(&bench);
    bench_settle(&bench);
    ck_assert_int_eq(bench.answers[0].refusal, DONE);
    ck_assert_int_eq(bench.answers[1].refusal, conflicts[_i].refusal);
    ck_assert_uint_eq(bench_count(&bench, DISCARDED) + bench_count(&bench, REDRIVEN), 1);
    bench_check(&bench);
    bench_close(&bench);
}
END_TEST

static const struct {
    int kind;
    uint64_t outbox_seq;
    const char *user_id;
    int refusal;
} commands[] = {
    {REDRIVE, 1, "", TB__REFUSAL__REFUSAL_NOT_FOUND},  {REDRIVE, 0, "", TB__REFUSAL__REFUSAL_NOT_FOUND},
    {REDRIVE, 99, "", TB__REFUSAL__REFUSAL_NOT_FOUND}, {REDRIVE, UINT64_MAX, "", TB__REFUSAL__REFUSAL_NOT_FOUND},
    {DISCARD, 3, "", TB__REFUSAL__REFUSAL_NOT_FOUND},  {REBUILD, 0, "nobody", TB__REFUSAL__REFUSAL_NOT_FOUND},
    {REBUILD, 0, "", TB__REFUSAL__REFUSAL_NOT_FOUND},  {REBUILD, 0, "clusius", DONE},
    {0, 2, "clusius", TB__REFUSAL__REFUSAL_NOT_FOUND},
};

START_TEST(commands_are_answered)
{
    make_dead_letter(2);
    bench_command(&bench, 9, commands[_i].kind, commands[_i].outbox_seq, commands[_i].user_id);
    bench_flush(&bench);
    bench_settle(&bench);
    ck_assert_uint_eq(bench.answers_count, 1);
    ck_assert_uint_eq(bench.answers[0].request_id, 9);
    ck_assert_int_eq(bench.answers[0].refusal, commands[_i].refusal);
    ck_assert_int_eq(bench.answers[0].after, (commands[_i].refusal == DONE ? 7 : 0));
    bench_close(&bench);
}
END_TEST

START_TEST(too_many_commands_are_refused_and_batches_take_their_turn_between_them)
{
    bench_open(&bench, 0, 5);
    bench_start(&bench);
    bench.rows_count = 3;
    for (uint64_t i = 1; i <= BALANCE_COMMANDS_MAX + 3; i++)
        bench_command(&bench, i, REBUILD, 0, "clusius");
    ck_assert_uint_eq(bench.answers_count, 3);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(bench.answers[i].refusal, TB__REFUSAL__REFUSAL_BACKPRESSURE);
    bench_offer(&bench, 1, 3);
    bench_flush(&bench);
    for (int i = 0; i < 4; i++)
        bench_answer(&bench, STORE_DONE);
    ck_assert_uint_eq(bench_count(&bench, UPDATED), 3); /* long before the last command */
    bench_settle(&bench);
    ck_assert_uint_eq(bench.answers_count, BALANCE_COMMANDS_MAX + 3);
    bench_close(&bench);
}
END_TEST

/* --- the store goes --- */

START_TEST(a_fenced_writer_halts)
{
    bench_open(&bench, 0, 5);
    bench_start(&bench);
    bench.rows_count = 3;
    bench_offer(&bench, 1, 3);
    bench_flush(&bench);
    bench_answer(&bench, STORE_REFUSED);
    ck_assert_int_eq(bench.halted, 1);
    ck_assert_uint_eq(bench.records_count, 0);
    bench_close(&bench);
}
END_TEST

START_TEST(a_batch_in_doubt_is_settled_once_whether_it_was_committed_or_not)
{
    bench_open(&bench, 0, 5);
    bench_start(&bench);
    bench.rows_count = 6;
    bench_offer(&bench, 1, 3);
    bench_flush(&bench);
    bench_command(&bench, 5, REDRIVE, 2, "");
    if (_i == 1) { /* it was committed, only the answer is lost */
        for (uint64_t i = 1; i <= 3; i++)
            bench.rows[i].settled++;
        bench.cursor = 3;
        bench.next_seq = 4;
    }
    bench_answer(&bench, STORE_UNKNOWN);
    bench_step(&bench, (struct input){.kind = INPUT_STORE_LOST});
    ck_assert_uint_eq(bench.answers_count, 1);
    ck_assert_int_eq(bench.answers[0].refusal, UNAVAILABLE);
    for (unsigned timer = 0; timer < CORE_TIMERS_MAX; timer++)
        ck_assert_int_eq(bench.timers[timer], 0);
    bench_offer(&bench, 4, 2); /* while down: recovery will read them */
    bench_command(&bench, 6, REDRIVE, 2, "");
    ck_assert_int_eq(bench.answers[1].refusal, UNAVAILABLE);
    bench_flush(&bench);
    ck_assert_uint_eq(bench.calls_count, 0);
    bench_start(&bench);
    for (uint64_t i = 1; i <= 6; i++)
        ck_assert_int_eq(bench.rows[i].settled, 1);
    ck_assert_uint_eq(bench.cursor, 6);
    bench_close(&bench);
}
END_TEST

START_TEST(the_store_lost_in_the_midst_of_halving_loses_nothing)
{
    for (int stop = 1; stop < 14; stop++) {
        bench_open(&bench, 64, 5);
        bench.rows[23].poisoned = true;
        bench_step(&bench, (struct input){.kind = INPUT_START});
        for (int i = 0; i < stop; i++)
            bench_answer(&bench, STORE_DONE);
        while (bench.calls_count > 0)
            bench_answer(&bench, STORE_UNKNOWN);
        bench_step(&bench, (struct input){.kind = INPUT_STORE_LOST});
        bench_start(&bench);
        bench_check(&bench);
        ck_assert_uint_eq(bench.rows[23].attempts, 1);
        bench_close(&bench);
    }
}
END_TEST

START_TEST(stop_finishes_what_is_under_way_and_starts_nothing)
{
    bench_open(&bench, 0, 5);
    bench_start(&bench);
    bench.rows_count = 6;
    bench_offer(&bench, 1, 3);
    bench_flush(&bench);
    bench_offer(&bench, 4, 3);
    bench_command(&bench, 1, REDRIVE, 2, "");
    bench_step(&bench, (struct input){.kind = INPUT_STOP});
    ck_assert_int_eq(bench.answers[0].refusal, UNAVAILABLE);
    bench_settle(&bench);
    bench_flush(&bench);
    ck_assert_uint_eq(bench.calls_count, 0);
    ck_assert_uint_eq(bench_count(&bench, UPDATED), 3);
    ck_assert_uint_eq(bench.cursor, 3);
    bench_close(&bench);
}
END_TEST

/* --- accounts --- */

START_TEST(accounts_are_opened_before_anything_is_settled_and_once)
{
    bench_open(&bench, 3, 5);
    bench.persona_events = 2;
    bench_start(&bench);
    ck_assert_uint_eq(bench_count(&bench, UPDATED), 5);
    ck_assert_uint_eq(bench.records[0].outbox_seq, 0);
    ck_assert_uint_eq(bench.records[1].outbox_seq, 0);
    ck_assert_int_eq(bench.records[1].resulting_cents, 2000000);
    ck_assert_int_eq(bench.records[4].resulting_cents, 2000000 - 6);
    bench.persona_events = 3; /* found by the poll */
    bench_timer(&bench, BALANCE_TIMER_POLL);
    bench_timer(&bench, BALANCE_TIMER_POLL);
    ck_assert_uint_eq(bench_count(&bench, UPDATED), 6);
    bench_check(&bench);
    bench_close(&bench);
}
END_TEST

CHECK_MAIN("balance_core", tcase_add_test(cases, under_load_the_next_batch_gathers_and_one_alone_does_not_wait);
           tcase_add_test(cases, recovery_reads_what_is_after_the_cursor_and_settles_it);
           tcase_add_test(cases, a_message_is_settled_at_flush_as_one_batch_and_published_after_its_commit);
           tcase_add_test(cases, duplicates_overlaps_and_reordered_messages_settle_each_row_once);
           tcase_add_test(cases, a_lost_last_message_is_found_by_the_slow_poll);
           tcase_add_test(cases, what_does_not_fit_the_queue_is_read_later_and_nothing_is_lost);
           tcase_add_test(cases, a_full_queue_refuses_to_grow);
           tcase_add_loop_test(cases, a_failing_adjustment_is_found_by_halving_and_the_others_go_on, 0,
                               (int)TB_ARRAY_SIZE(bisections));
           tcase_add_test(cases, retries_wait_longer_each_time_and_end_in_the_dead_letter_queue);
           tcase_add_test(cases, a_retry_that_succeeds_settles_the_adjustment_once);
           tcase_add_test(cases, more_dead_letters_than_one_read_are_all_retried);
           tcase_add_test(cases, a_restart_takes_up_the_retries_that_are_due);
           tcase_add_test(cases, a_failure_that_cannot_be_recorded_blocks_nobody_for_ever);
           tcase_add_test(cases, an_error_that_is_not_the_datas_fault_makes_no_dead_letter);
           tcase_add_loop_test(cases, errors_are_blamed_on_data_or_environment, 0, (int)TB_ARRAY_SIZE(errors));
           tcase_add_test(cases, backoff_is_deterministic_doubles_and_stays_within_its_jitter);
           tcase_add_loop_test(cases, a_redrive_takes_effect_once_however_often_pressed, 1, 3);
           tcase_add_loop_test(cases, the_first_end_of_a_dead_letter_stays, 0, (int)TB_ARRAY_SIZE(conflicts));
           tcase_add_loop_test(cases, commands_are_answered, 0, (int)TB_ARRAY_SIZE(commands));
           tcase_add_test(cases, too_many_commands_are_refused_and_batches_take_their_turn_between_them);
           tcase_add_test(cases, a_fenced_writer_halts);
           tcase_add_loop_test(cases, a_batch_in_doubt_is_settled_once_whether_it_was_committed_or_not, 0, 2);
           tcase_add_test(cases, the_store_lost_in_the_midst_of_halving_loses_nothing);
           tcase_add_test(cases, stop_finishes_what_is_under_way_and_starts_nothing);
           tcase_add_test(cases, accounts_are_opened_before_anything_is_settled_and_once);)
