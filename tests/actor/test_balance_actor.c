#include <signal.h>
#include <stdlib.h>

#include "balances.pb-c.h"
#include "base.h"
#include "check_main.h"
#include "money_books.h"
#include "testdb.h"

enum { READY_MS = 30000, ANSWER_MS = 20000 };

static const char *const quick[] = {"TB_BALANCE_RETRY_MS=5", "TB_BALANCE_ATTEMPTS_MAX=3", NULL};
static const char *url;
static struct rig *rig;
static struct rig_actor *balance;
static struct rig_link *stage, *feed;

static void open_rig(const char *const *settings)
{
    url = testdb_fresh();
    rig = rig_new(url);
    stage = rig_open(rig, "simfill/1", "outbox-stage", BUS_PUSH, true);
    feed = rig_open(rig, "gateway/1", "balances-feed", BUS_SUB, false);
    balance = rig_start(rig, "balance", "1", settings);
    ck_assert(rig_wait_state(balance, "READY", READY_MS));
}

static void restart(const char *const *settings)
{
    balance = rig_start(rig, "balance", "1", settings);
    ck_assert(rig_wait_state(balance, "READY", READY_MS));
}

/* Effect: ends with right books. */
static void close_rig(void)
{
    rig_free(&rig);
    books_check(url);
}

static int64_t cents(const char *account)
{
    return testdb_integer(url, "SELECT balance_cents FROM balances WHERE account = '%s'", account);
}

static Tb__BalanceResult ask(struct rig_link *gateway, Tb__BalanceCommand__Kind kind, uint64_t outbox_seq,
                             char *user_id)
{
    static uint64_t request_id;
    static char actor[] = "operator";
    Tb__BalanceCommand command = TB__BALANCE_COMMAND__INIT;
    command.request_id = ++request_id;
    command.kind = kind;
    command.outbox_seq = outbox_seq;
    if (user_id)
        command.user_id = user_id;
    command.actor = actor;
    ck_assert(rig_send(gateway, NULL, TB__MESSAGE_TYPE__BALANCE_COMMAND, &command.base, 0, 0, ANSWER_MS));
    const struct rig_message *answer = rig_receive(gateway, TB__MESSAGE_TYPE__BALANCE_RESULT, ANSWER_MS);
    ck_assert_ptr_nonnull(answer);
    const Tb__BalanceResult *result = (const Tb__BalanceResult *)answer->payload;
    ck_assert_uint_eq(result->request_id, command.request_id);
    return *result;
}

/* --- settling --- */

START_TEST(accounts_are_opened_and_adjustments_settled_to_the_cent)
{
    const char *const settings[] = {"TB_OPENING_BALANCE=500.00", NULL};
    open_rig(settings);
    ck_assert(testdb_wait(url, 3, READY_MS, "SELECT count(*) FROM ledger WHERE reason = 1 AND account <> '@market'"));
    books_add(url, 1, 100, 0);
    books_send(stage, 1, 100);
    books_wait_cursor(url, 100);
    for (int i = 0; i < 3; i++) {
        static const char *const users[] = {"clusius", "oosterwijck", "leeuwenhoek"};
        ck_assert_int_eq(cents(users[i]),
                         50000 +
                             testdb_integer(url, "SELECT sum(delta_cents) FROM outbox WHERE user_id = '%s'", users[i]));
    }
    ck_assert_int_eq(testdb_integer(url, "SELECT sum(balance_cents) FROM balances"), 0);
    close_rig();
}
END_TEST

START_TEST(rows_nobody_announced_are_found_by_the_poll)
{
    open_rig(NULL);
    books_add(url, 1, 2500, 0);
    books_wait_cursor(url, 2500);
    close_rig();
}
END_TEST

START_TEST(duplicates_gaps_and_disorder_on_the_bus_are_harmless)
{
    open_rig(NULL);
    books_add(url, 1, 60, 0);
    books_send(stage, 1, 10);
    books_send(stage, 1, 10);
    books_send(stage, 41, 10);
    books_send(stage, 21, 20);
    books_send(stage, 5, 30);
    books_send(stage, 51, 10);
    books_send(stage, 1, 60);
    books_wait_cursor(url, 60);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM ledger WHERE reason = 2"), 120);
    close_rig();
}
END_TEST

/* Effect: settles `count` adjustments, again and again until the feed has heard of some: it may join late, and what the
 * bus is given before that is dropped, as it may. Return: the first message heard. */
static const struct rig_message *settle_until_heard(uint64_t *settled, uint64_t count)
{
    for (int tries = 0; tries < 50; tries++) {
        books_add(url, *settled + 1, count, 0);
        books_wait_cursor(url, *settled += count);
        const struct rig_message *message = rig_receive(feed, TB__MESSAGE_TYPE__BALANCES_APPENDED, 500);
        if (message != NULL)
            return message;
    }
    ck_abort_msg("the feed hears nothing");
    return NULL;
}

START_TEST(the_feed_is_dense_and_says_what_the_ledger_says)
{
    open_rig(NULL);
    uint64_t settled = 0;
    const struct rig_message *message = settle_until_heard(&settled, 20);
    books_add(url, settled + 1, 500, 0);
    books_send(stage, settled + 1, 250);
    books_send(stage, settled + 251, 250);
    books_wait_cursor(url, settled + 500);
    uint64_t next = message->first_seq, /* who subscribes late misses the beginning */
        last = (uint64_t)testdb_integer(url, "SELECT next_seq - 1 FROM stream_heads WHERE stream = 'balances'");
    while (next <= last) {
        ck_assert_msg(message != NULL, "the feed ends before %llu of %llu", (unsigned long long)next,
                      (unsigned long long)last);
        ck_assert_int_eq((int)message->stream, TB__STREAM__STREAM_BALANCES);
        const Tb__BalancesAppended *appended = (const Tb__BalancesAppended *)message->payload;
        ck_assert_uint_eq(message->first_seq, next);
        for (size_t i = 0; i < appended->n_records; i++, next++) {
            const Tb__BalanceRecord *record = appended->records[i];
            ck_assert_uint_eq(record->seq, next);
            if (i % 50 == 0)
                ck_assert_int_eq(
                    testdb_integer(url,
                                   "SELECT count(*) FROM ledger WHERE seq = %llu AND account = '%s' AND delta_cents = "
                                   "%lld AND resulting_cents = %lld "
                                   "AND version = %llu AND order_seq = %llu AND (extract(epoch FROM created_at) * "
                                   "1000000)::bigint = %lld",
                                   (unsigned long long)record->seq, record->user_id, (long long)record->delta_cents,
                                   (long long)record->resulting_cents, (unsigned long long)record->version,
                                   (unsigned long long)record->order_seq, (long long)record->created_at_us),
                    1);
        }
        if (next <= last)
            message = rig_receive(feed, TB__MESSAGE_TYPE__BALANCES_APPENDED, ANSWER_MS);
    }
    close_rig();
}
END_TEST

/* --- failures --- */

START_TEST(a_poisoned_adjustment_is_retried_lettered_and_redriven_once_while_the_others_go_on)
{
    open_rig(quick);
    struct rig_link *gateway = rig_open(rig, "gateway/1", "balance-command", BUS_DEALER, false);
    books_add(url, 1, 300, 100); /* 100, 200 and 300 are poisoned */
    books_send(stage, 1, 300);
    books_wait_cursor(url, 300);
    ck_assert(testdb_wait(url, 3, READY_MS,
                          "SELECT count(*) FROM dead_letters WHERE state = 2 AND attempts = 3 AND NOT redriven AND "
                          "last_error LIKE '%%poisoned%%'"));
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM ledger WHERE reason = 2 AND account <> '@market'"), 297);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM balance_events WHERE type = 2"), 9);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM balance_events WHERE type = 3"), 3);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq((int)ask(gateway, TB__BALANCE_COMMAND__KIND__REDRIVE, 200, NULL).refusal,
                         TB__REFUSAL__REFUSAL_NONE);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM ledger WHERE order_seq = 1200"), 2);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM balance_events WHERE type = 4"), 1);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM admin_actions WHERE action = 'redrive' AND target = "
                                         "'nl-1.200' AND actor = 'operator'"),
                     1);
    ck_assert_int_eq((int)ask(gateway, TB__BALANCE_COMMAND__KIND__DISCARD, 100, NULL).refusal,
                     TB__REFUSAL__REFUSAL_NONE);
    ck_assert_int_eq((int)ask(gateway, TB__BALANCE_COMMAND__KIND__REDRIVE, 100, NULL).refusal,
                     TB__REFUSAL__REFUSAL_TERMINAL);
    ck_assert_int_eq((int)ask(gateway, TB__BALANCE_COMMAND__KIND__REDRIVE, 7, NULL).refusal,
                     TB__REFUSAL__REFUSAL_NOT_FOUND);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM dead_letters WHERE state = 2"), 1);
    close_rig();
}
END_TEST

START_TEST(a_letter_that_still_retries_can_be_redriven_and_a_restart_takes_retries_up)
{
    const char *const slow[] = {"TB_BALANCE_RETRY_MS=3600000", NULL};
    open_rig(slow);
    struct rig_link *gateway = rig_open(rig, "gateway/1", "balance-command", BUS_DEALER, false);
    books_add(url, 1, 4, 2);
    books_wait_cursor(url, 4);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM dead_letters WHERE state = 1"), 2);
    ck_assert_int_eq((int)ask(gateway, TB__BALANCE_COMMAND__KIND__REDRIVE, 2, NULL).refusal, TB__REFUSAL__REFUSAL_NONE);
    rig_kill(balance, SIGKILL);
    testdb_run(url, "UPDATE dead_letters SET next_attempt_at = now() - interval '1 minute' WHERE state = 1");
    restart(quick);
    ck_assert(testdb_wait(url, 1, READY_MS,
                          "SELECT count(*) FROM dead_letters WHERE outbox_seq = 4 AND state = 2 AND attempts = 3"));
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM ledger WHERE order_seq = 1002 AND account <> '@market'"),
                     1);
    close_rig();
}
END_TEST

START_TEST(rebuild_repairs_a_balance_and_says_what_it_was)
{
    open_rig(NULL);
    struct rig_link *gateway = rig_open(rig, "gateway/1", "balance-command", BUS_DEALER, false);
    char user[] = "clusius", nobody[] = "nobody";
    books_add(url, 1, 30, 0);
    books_wait_cursor(url, 30);
    int64_t right = cents("clusius");
    testdb_run(url, "UPDATE balances SET balance_cents = balance_cents + 77 WHERE account = 'clusius'");
    Tb__BalanceResult result = ask(gateway, TB__BALANCE_COMMAND__KIND__REBUILD, 0, user);
    ck_assert_int_eq((int)result.refusal, TB__REFUSAL__REFUSAL_NONE);
    ck_assert_int_eq(result.before_cents, right + 77);
    ck_assert_int_eq(result.after_cents, right);
    ck_assert_int_eq((int)ask(gateway, TB__BALANCE_COMMAND__KIND__REBUILD, 0, nobody).refusal,
                     TB__REFUSAL__REFUSAL_NOT_FOUND);
    close_rig();
}
END_TEST

/* --- dying --- */

static const char *const deaths[] = {
    "TB_FAULT=balance.before_commit:kill:6", "TB_FAULT=balance.after_commit:kill:5",
    "TB_FAULT=balance.before_send:kill:2",   "TB_FAULT=balance.after_send:kill:2",
    "TB_FAULT=balance.before_commit:kill:9", "TB_FAULT=balance.after_commit:kill:8",
};

START_TEST(a_death_at_any_point_loses_and_doubles_nothing)
{
    const char *const settings[] = {deaths[_i], "TB_BALANCE_RETRY_MS=5", NULL};
    url = testdb_fresh();
    rig = rig_new(url);
    stage = rig_open(rig, "simfill/1", "outbox-stage", BUS_PUSH, true);
    books_add(url, 1, 200, 70);
    for (int life = 0; life < 3; life++) {
        balance = rig_start(rig, "balance", "1", settings);
        ck_assert_int_eq(rig_wait_exit(balance, READY_MS), 128 + SIGKILL);
    }
    restart(quick);
    books_wait_cursor(url, 200);
    ck_assert(testdb_wait(url, 2, READY_MS, "SELECT count(*) FROM dead_letters WHERE state = 2"));
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM ledger WHERE reason = 2 AND account <> '@market'"), 198);
    close_rig();
}
END_TEST

START_TEST(a_fenced_balance_leaves_with_75_and_the_next_one_goes_on)
{
    open_rig(NULL);
    books_add(url, 1, 10, 0);
    books_wait_cursor(url, 10);
    testdb_run(url, "SELECT take_epoch('nl-1', 'balances')");
    books_add(url, 11, 10, 0);
    ck_assert_int_eq(rig_wait_exit(balance, READY_MS), 75);
    restart(NULL);
    books_wait_cursor(url, 20);
    close_rig();
}
END_TEST

START_TEST(a_standby_takes_over_within_a_second)
{
    open_rig(NULL);
    struct rig_actor *second = rig_start(rig, "balance", "2", NULL);
    ck_assert(rig_wait_state(second, "STANDBY", READY_MS));
    books_add(url, 1, 50, 0);
    books_wait_cursor(url, 50);
    books_add(url, 51, 50, 0);
    rig_kill(balance, SIGKILL);
    ck_assert(rig_wait_state(second, "READY", READY_MS));
    books_wait_cursor(url, 100);
    close_rig();
}
END_TEST

START_TEST(the_database_dies_and_comes_back_and_nothing_is_lost)
{
    open_rig(NULL);
    books_add(url, 1, 1000, 0);
    testdb_crash();
    ck_assert(rig_wait_state(balance, "DEGRADED", READY_MS));
    testdb_restart();
    ck_assert(rig_wait_state(balance, "READY", READY_MS));
    books_add(url, 1001, 100, 0);
    books_send(stage, 1001, 100);
    books_wait_cursor(url, 1100);
    close_rig();
}
END_TEST

START_TEST(sigterm_ends_it_cleanly)
{
    open_rig(NULL);
    books_add(url, 1, 100, 0);
    books_wait_cursor(url, 100);
    rig_kill(balance, SIGTERM);
    ck_assert_int_eq(rig_wait_exit(balance, READY_MS), 0);
    close_rig();
}
END_TEST

CHECK_MAIN("balance_actor", tcase_set_timeout(cases, 180);
           tcase_add_test(cases, accounts_are_opened_and_adjustments_settled_to_the_cent);
           tcase_add_test(cases, rows_nobody_announced_are_found_by_the_poll);
           tcase_add_test(cases, duplicates_gaps_and_disorder_on_the_bus_are_harmless);
           tcase_add_test(cases, the_feed_is_dense_and_says_what_the_ledger_says);
           tcase_add_test(cases, a_poisoned_adjustment_is_retried_lettered_and_redriven_once_while_the_others_go_on);
           tcase_add_test(cases, a_letter_that_still_retries_can_be_redriven_and_a_restart_takes_retries_up);
           tcase_add_test(cases, rebuild_repairs_a_balance_and_says_what_it_was);
           tcase_add_loop_test(cases, a_death_at_any_point_loses_and_doubles_nothing, 0, (int)TB_ARRAY_SIZE(deaths));
           tcase_add_test(cases, a_fenced_balance_leaves_with_75_and_the_next_one_goes_on);
           tcase_add_test(cases, a_standby_takes_over_within_a_second);
           tcase_add_test(cases, the_database_dies_and_comes_back_and_nothing_is_lost);
           tcase_add_test(cases, sigterm_ends_it_cleanly);)
