#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"
#include "check_main.h"
#include "money_books.h"
#include "testdb.h"

static const char *url;

static void open_books(void)
{
    url = testdb_fresh();
    testdb_run(url, "SELECT balance_start('nl-1')"); /* epoch 1 */
    testdb_run(url, "SELECT balance_open('nl-1', 1, 1, 256, 1000000, now())");
}

static int64_t next_seq(void)
{
    return testdb_integer(url, "SELECT next_seq FROM stream_heads WHERE stream = 'balances'");
}

static void apply(int64_t first, int count)
{
    testdb_run(url, "SELECT balance_apply('nl-1', 1, %lld, %lld, %d, now())", (long long)next_seq(), (long long)first,
               count);
}

/* Return: whether the call raises this SQLSTATE. Nothing of it stays either way. */
static bool raises(const char *sqlstate, const char *call)
{
    testdb_run(url,
               "CREATE OR REPLACE FUNCTION pg_temp.state_of(call text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN "
               "EXECUTE call; "
               "RAISE EXCEPTION 'fine' USING ERRCODE = 'TB999'; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$; "
               "CREATE TABLE IF NOT EXISTS raised (state text); DELETE FROM raised; "
               "INSERT INTO raised SELECT pg_temp.state_of($call$%s$call$)",
               call);
    char *state = testdb_text(url, "SELECT state FROM raised");
    bool same = strcmp(state, sqlstate) == 0;
    if (!same)
        fprintf(stderr, "%s raised %s, not %s\n", call, state, sqlstate);
    free(state);
    return same;
}

/* --- balance --- */

START_TEST(seeds_are_opened_once_with_their_opening_balance)
{
    open_books();
    ck_assert_int_eq(
        testdb_integer(
            url, "SELECT count(*) FROM ledger WHERE reason = 1 AND account <> '@market' AND delta_cents = 1000000"),
        3);
    ck_assert_int_eq(testdb_integer(url, "SELECT balance_cents FROM balances WHERE account = '@market'"), -3000000);
    ck_assert_int_eq(next_seq(), 4);
    testdb_run(url, "UPDATE cursors SET position = 0 WHERE consumer = 'balance' AND stream = 'ops'"); /* as if lost */
    testdb_run(url, "SELECT balance_open('nl-1', 1, 4, 256, 1000000, now())");
    ck_assert_int_eq(next_seq(), 4);
    ck_assert_int_eq(testdb_integer(url, "SELECT balance_cents FROM balances WHERE account = 'clusius'"), 1000000);
    books_check(url);
}
END_TEST

START_TEST(batches_of_any_size_give_the_same_books)
{
    static const int sizes[] = {1, 2, 7, 64, 200};
    open_books();
    int64_t first = 1;
    for (size_t i = 0; i < TB_ARRAY_SIZE(sizes); i++) {
        books_add(url, (uint64_t)first, (uint64_t)sizes[i], 0);
        apply(first, sizes[i]);
        first += sizes[i];
        books_check(url);
    }
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM ledger WHERE reason = 2"), 2 * (first - 1));
    ck_assert_int_eq(testdb_integer(url, "SELECT last_order_seq FROM balances WHERE account = '@market'"),
                     1000 + first - 1);
}
END_TEST

START_TEST(an_account_whose_opening_comes_late_loses_nothing)
{
    url = testdb_fresh();
    testdb_run(url, "SELECT balance_start('nl-1')");
    books_add(url, 1, 6, 0);
    apply(1, 6); /* before the ops stream was read */
    testdb_run(url, "SELECT balance_open('nl-1', 1, 7, 256, 1000000, now())");
    books_check(url);
    ck_assert_int_eq(testdb_integer(url, "SELECT sum(balance_cents) FROM balances WHERE account <> '@market'"),
                     3000000 + testdb_integer(url, "SELECT sum(delta_cents) FROM outbox"));
}
END_TEST

static const struct {
    const char *call;
    const char *sqlstate;
} refused[] = {
    {"SELECT balance_apply('nl-1', 0, 4, 1, 2, now())", "TB001"}, /* another epoch */
    {"SELECT balance_apply('nl-1', 1, 5, 1, 2, now())", "TB001"}, /* another head */
    {"SELECT balance_apply('nl-1', 1, 3, 1, 2, now())", "TB001"},
    {"SELECT balance_apply('nl-1', 1, 4, 2, 2, now())", "TB001"}, /* not the row after the cursor */
    {"SELECT balance_apply('xx', 1, 4, 1, 2, now())", "TB001"},
    {"SELECT balance_apply('nl-1', 1, 4, 1, 10, now())", "TB010"}, /* the tenth is poisoned */
    {"SELECT balance_fail('nl-1', 2, 4, 1, 1, false, now(), now(), 'x')", "TB001"},
    {"SELECT balance_fail('nl-1', 1, 4, 2, 1, false, now(), now(), 'x')", "TB001"}, /* would skip row 1 */
    {"SELECT balance_resolve('nl-1', 1, 9, 1, 2::smallint, 'x', now())", "TB001"},
    {"SELECT balance_rebuild('nl-1', 1, 9, 'clusius', 'x', now())", "TB001"},
};

START_TEST(whatever_does_not_fit_is_refused_and_leaves_no_trace)
{
    open_books();
    books_add(url, 1, 20, 10);
    for (size_t i = 0; i < TB_ARRAY_SIZE(refused); i++) {
        ck_assert(raises(refused[i].sqlstate, refused[i].call));
        ck_assert_int_eq(next_seq(), 4);
        ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM ledger"), 6);
    }
    books_check(url);
}
END_TEST

START_TEST(rows_that_are_not_there_are_no_batch)
{
    open_books();
    books_add(url, 1, 5, 0);
    ck_assert(raises("TB001", "SELECT balance_apply('nl-1', 1, 4, 1, 6, now())"));
    testdb_run(url, "DELETE FROM outbox WHERE seq = 3");
    ck_assert(raises("TB001", "SELECT balance_apply('nl-1', 1, 4, 1, 5, now())"));
    ck_assert_int_eq(next_seq(), 4);
}
END_TEST

START_TEST(a_former_writer_is_fenced_off)
{
    open_books();
    books_add(url, 1, 2, 0);
    testdb_run(url, "SELECT balance_start('nl-1')"); /* epoch 2 */
    ck_assert(raises("TB001", "SELECT balance_apply('nl-1', 1, 4, 1, 2, now())"));
    testdb_run(url, "SELECT balance_apply('nl-1', 2, 4, 1, 2, now())");
    books_check(url);
}
END_TEST

START_TEST(an_overflow_is_an_error_and_an_order_is_settled_at_most_once)
{
    open_books();
    books_add(url, 1, 2, 0);
    testdb_run(url, "UPDATE outbox SET delta_cents = 9223372036854775807 WHERE seq = 1");
    ck_assert(raises("22003", "SELECT balance_apply('nl-1', 1, 4, 1, 2, now())"));
    testdb_run(url, "UPDATE outbox SET delta_cents = 5, order_seq = 1001 WHERE seq IN (1, 2); "
                    "UPDATE outbox SET user_id = 'clusius'");
    ck_assert(raises("23505", "SELECT balance_apply('nl-1', 1, 4, 1, 2, now())"));
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM ledger WHERE reason = 2"), 0);
}
END_TEST

START_TEST(rebuild_sets_what_the_ledger_says)
{
    open_books();
    books_add(url, 1, 9, 0);
    apply(1, 9);
    int64_t right = testdb_integer(url, "SELECT balance_cents FROM balances WHERE account = 'clusius'");
    testdb_run(url, "UPDATE balances SET balance_cents = 5, version = 1 WHERE account = 'clusius'");
    ck_assert_int_eq(
        testdb_integer(url,
                       "SELECT r_after FROM balance_rebuild('nl-1', 1, 13, 'clusius', 'me', now()) WHERE r_before = 5"),
        right);
    books_check(url);
    ck_assert_int_eq(
        testdb_integer(
            url, "SELECT count(*) FROM admin_actions WHERE action = 'rebuild' AND target = 'clusius' AND actor = 'me'"),
        1);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM balance_rebuild('nl-1', 1, 13, 'nobody', 'me', now())"),
                     0);
}
END_TEST

/* Small and large, held and short, added to, reduced, closed and turned: the two rules for a position's cost are one.
 */
START_TEST(the_cost_of_a_position_is_the_same_by_batch_and_one_by_one)
{
    url = testdb_fresh();
    ck_assert_int_eq(
        testdb_integer(
            url,
            "SELECT count(*) FROM (SELECT (hashint4(i) %% (CASE i %% 3 WHEN 0 THEN 5 ELSE 1000000 END))::bigint AS "
            "held, (hashint4(-i) %% 2000000000)::bigint * (CASE i %% 2 WHEN 0 THEN 1 ELSE 1000000 END) AS cost, "
            "(abs(hashint4(i * 7) %% (CASE i %% 4 WHEN 0 THEN 1000000 ELSE 10 END)) + 1) AS filled, "
            "(1 + i %% 2)::smallint AS side, (hashint4(i * 11) %% 100000000)::bigint AS delta "
            "FROM generate_series(1, 50000) i) f "
            "WHERE position_cost(cost, 0, held, CASE side WHEN 1 THEN filled ELSE -filled END, delta) <> "
            "(position_take(ARRAY[held, cost], NULL, NULL, side, filled, delta))[2]"),
        0);
}
END_TEST

START_TEST(a_compensation_gives_back_the_tulips_too)
{
    open_books();
    testdb_run(url,
               "SELECT balance_move('nl-1', 4, 'clusius', -1000, 2::smallint, 901, 1::smallint, 10, 100, NULL, now());"
               "SELECT balance_move('nl-1', 5, 'clusius', -600, 2::smallint, 902, 1::smallint, 5, 120, NULL, now());"
               "UPDATE stream_heads SET next_seq = 6 WHERE stream = 'balances'");
    ck_assert_int_eq(testdb_integer(url, "SELECT quantity FROM positions WHERE account = 'clusius'"), 15);
    int64_t cash = testdb_integer(url, "SELECT balance_cents FROM balances WHERE account = 'clusius'");
    /* The second purchase is undone: side and quantity of the opposite. */
    testdb_run(url,
               "SELECT balance_move('nl-1', 6, 'clusius', 600, 3::smallint, 902, 2::smallint, 5, 120, NULL, now());"
               "UPDATE stream_heads SET next_seq = 7 WHERE stream = 'balances'");
    ck_assert_int_eq(testdb_integer(url, "SELECT quantity FROM positions WHERE account = 'clusius'"), 10);
    ck_assert_int_eq(testdb_integer(url, "SELECT balance_cents FROM balances WHERE account = 'clusius'"), cash + 600);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM audit_balances('nl-1')"), 0);
    /* What the ledger says of the position is the same, whoever adds it up. */
    testdb_run(url, "UPDATE positions SET quantity = 15 WHERE account = 'clusius'");
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM audit_balances('nl-1')"), 1);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM balance_rebuild('nl-1', 1, 7, 'clusius', 'me', now())"),
                     1);
    ck_assert_int_eq(testdb_integer(url, "SELECT quantity FROM positions WHERE account = 'clusius'"), 10);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM audit_balances('nl-1')"), 0);
}
END_TEST

/* --- persona --- */

static int64_t outcome(const char *call)
{
    return testdb_integer(url, "SELECT r_outcome FROM %s", call);
}

START_TEST(personas_are_created_changed_deleted_and_restored_with_one_event_each)
{
    url = testdb_fresh();
    int64_t before = testdb_integer(url, "SELECT count(*) FROM ops_events");
    ck_assert_int_eq(outcome("persona_create('nl-1', 'bob', 'Bob', '', NULL, now())"), 0);
    ck_assert_int_eq(outcome("persona_create('nl-1', 'bob', 'Bob', '', NULL, now())"), 1);
    ck_assert_int_eq(outcome("persona_update('nl-1', 'bob', 'Bob II', NULL, NULL, now())"), 0);
    ck_assert_int_eq(outcome("persona_update('nl-1', 'bob', 'Bob II', NULL, NULL, now())"), 0); /* changes nothing */
    ck_assert_int_eq(outcome("persona_update('nl-1', 'eve', 'Eve', NULL, NULL, now())"), 2);
    ck_assert_int_eq(outcome("persona_delete('nl-1', 'bob', NULL, now())"), 0);
    ck_assert_int_eq(outcome("persona_delete('nl-1', 'bob', NULL, now())"), 2);
    ck_assert_int_eq(outcome("persona_update('nl-1', 'bob', 'Bob III', NULL, NULL, now())"), 2);
    ck_assert_int_eq(outcome("persona_create('nl-1', 'bob', 'Bob', '', NULL, now())"), 1); /* the id stays taken */
    ck_assert_int_eq(outcome("persona_restore('nl-1', 'bob', NULL, now())"), 0);
    ck_assert_int_eq(outcome("persona_restore('nl-1', 'bob', NULL, now())"), 0);
    ck_assert_int_eq(outcome("persona_restore('nl-1', 'eve', NULL, now())"), 2);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM ops_events") - before, 4);
    ck_assert_int_eq(
        testdb_integer(
            url, "SELECT version FROM personas WHERE user_id = 'bob' AND display_name = 'Bob II' AND NOT deleted"),
        4);
    char *types =
        testdb_text(url, "SELECT string_agg(type::text, ',' ORDER BY seq) FROM ops_events WHERE user_id = 'bob'");
    ck_assert_str_eq(types, "1,2,3,2");
    free(types);
    ck_assert_int_eq(testdb_integer(url, "SELECT (payload ->> 'version')::int FROM ops_events WHERE user_id = 'bob' "
                                         "AND payload ->> 'displayName' = 'Bob II' "
                                         "AND payload ->> 'deleted' = 'true'"),
                     3);
}
END_TEST

START_TEST(seeding_again_changes_nothing)
{
    url = testdb_fresh();
    testdb_run(url, "SELECT persona_delete('nl-1', 'clusius', NULL, now())");
    int64_t events = testdb_integer(url, "SELECT count(*) FROM ops_events");
    testdb_run(url, "SELECT persona_seed('nl-1')");
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM ops_events"), events);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM personas WHERE seed"), 3);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM personas WHERE deleted"), 1);
}
END_TEST

START_TEST(concurrent_deletes_leave_one_persona)
{
    static const char *const everyone[] = {"clusius", "oosterwijck", "leeuwenhoek"};
    for (int round = 0; round < 5; round++) {
        url = testdb_fresh();
        for (size_t i = 0; i < TB_ARRAY_SIZE(everyone); i++)
            if (fork() == 0) {
                testdb_run(url, "SELECT persona_delete('nl-1', '%s', NULL, now())", everyone[i]);
                _exit(0);
            }
        for (size_t i = 0; i < TB_ARRAY_SIZE(everyone); i++) {
            int status = 0;
            ck_assert(wait(&status) > 0);
            ck_assert_int_eq(status, 0);
        }
        ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM personas WHERE NOT deleted"), 1);
    }
}
END_TEST

CHECK_MAIN("money_sql", tcase_set_timeout(cases, 120);
           tcase_add_test(cases, seeds_are_opened_once_with_their_opening_balance);
           tcase_add_test(cases, batches_of_any_size_give_the_same_books);
           tcase_add_test(cases, an_account_whose_opening_comes_late_loses_nothing);
           tcase_add_test(cases, whatever_does_not_fit_is_refused_and_leaves_no_trace);
           tcase_add_test(cases, rows_that_are_not_there_are_no_batch);
           tcase_add_test(cases, a_former_writer_is_fenced_off);
           tcase_add_test(cases, an_overflow_is_an_error_and_an_order_is_settled_at_most_once);
           tcase_add_test(cases, the_cost_of_a_position_is_the_same_by_batch_and_one_by_one);
           tcase_add_test(cases, rebuild_sets_what_the_ledger_says);
           tcase_add_test(cases, a_compensation_gives_back_the_tulips_too);
           tcase_add_test(cases, personas_are_created_changed_deleted_and_restored_with_one_event_each);
           tcase_add_test(cases, seeding_again_changes_nothing);
           tcase_add_test(cases, concurrent_deletes_leave_one_persona);)
