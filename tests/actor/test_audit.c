/* tulip-audit on a real PostgreSQL: a sound history passes; each invariant, broken once, is the one that is named. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "audit_history.h"
#include "base.h"
#include "check_main.h"
#include "testdb.h"

enum { OUTPUT_MAX = 16384, FILE_MAX = 65536, EXIT_HOLD = 0, EXIT_BROKEN = 1, EXIT_UNCHECKED = 2 };

static char output[OUTPUT_MAX];

/* Effect: runs tulip-audit; its output (errors included) is in `output`. Return: its exit code. */
static int run_audit(const char *url, const char *flags)
{
    char command[1024];
    const char *build = getenv("TB_BUILD_DIR");
    ck_assert_ptr_nonnull(build);
    snprintf(command, sizeof command, "'%s/bin/tulip-audit' --database-url '%s' --region nl-1 %s 2>&1", build, url,
             flags);
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    size_t size = fread(output, 1, sizeof output - 1, pipe);
    output[size] = 0;
    int status = pclose(pipe);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Effect: collects the ids of the lines that say BROKEN, as "I1 I3". */
static void broken_ids(char ids[static 128])
{
    size_t length = 0;
    ids[0] = 0;
    for (const char *line = output; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        char id[8], verdict[16];
        if (sscanf(line, "%7s %15s", id, verdict) == 2 && id[0] == 'I' && strcmp(verdict, "BROKEN") == 0)
            length += (size_t)snprintf(ids + length, 128 - length, "%s%s", length ? " " : "", id);
    }
}

static const struct corruption {
    const char *what, *expected;
    const char *sql;
} corruptions[] = {
    {"an accepted order has no ORDER_FILL entry", "I1 I2", "UPDATE ledger SET reason = 4 WHERE order_seq = 1"},
    {"an entry of an order that was cancelled", "I1 I2",
     "UPDATE ledger SET order_seq = 3 WHERE order_seq = 0 AND owner = 'clusius'; "
     "UPDATE ledger SET reason = 2 WHERE order_seq = 3"},
    {"an adjustment was passed over", "I1",
     "UPDATE cursors SET position = 4 WHERE consumer = 'balance' AND stream = 'outbox'"},
    {"a dead letter is gone", "I1", "DELETE FROM dead_letters"},
    {"a dead letter whose entry is there", "I1",
     "INSERT INTO dead_letters SELECT region, 1, 2, 5, NULL, first_failed_at, updated_at, last_error FROM "
     "dead_letters"},
    {"a fill was settled twice", "I1 I2",
     "DROP INDEX ix_once_ledger_nl_1; "
     "INSERT INTO ledger SELECT l.region, h.next_seq, l.order_seq, l.delta_cents, b.balance_cents + l.delta_cents, "
     "l.price_cents, "
     "b.version + 1, now(), l.quantity, l.reason, l.side, l.account, l.owner, NULL FROM ledger l JOIN balances b USING "
     "(account) "
     "JOIN stream_heads h ON h.stream = 'balances' WHERE l.order_seq = 1; "
     "UPDATE balances b SET balance_cents = l.resulting_cents, version = l.version FROM ledger l, stream_heads h "
     "WHERE h.stream = 'balances' AND l.seq = h.next_seq AND l.account = b.account; "
     "UPDATE stream_heads SET next_seq = next_seq + 1 WHERE stream = 'balances'"},
    {"a balance is a cent off", "I2",
     "UPDATE balances SET balance_cents = balance_cents + 1 WHERE account = 'clusius'"},
    {"a balance counts one entry too few", "I2", "UPDATE balances SET version = version - 1 WHERE account = '@market'"},
    {"an entry's resulting balance is wrong", "I2",
     "UPDATE ledger SET resulting_cents = 5 WHERE account = 'oosterwijck' AND order_seq = 0"},
    {"a balance is gone", "I2", "DELETE FROM balances WHERE account = 'oosterwijck'"},
    {"a position is one tulip off", "I2", "UPDATE positions SET quantity = quantity + 1 WHERE account = 'clusius'"},
    {"a position's cost is a cent off", "I2",
     "UPDATE positions SET cost_cents = cost_cents - 1 WHERE account = 'clusius'"},
    {"a position is gone", "I2", "DELETE FROM positions WHERE account = 'oosterwijck'"},
    {"a final record says more than its trades", "I3",
     "UPDATE executions SET quantity = 11 WHERE order_seq = 1 AND leg = 0"},
    {"a trade is not price times quantity", "I3",
     "UPDATE executions SET notional_cents = notional_cents + 1 WHERE order_seq = 2 AND leg = 1; "
     "UPDATE executions SET notional_cents = notional_cents - 1 WHERE order_seq = 2 AND leg = 2"},
    {"an adjustment is not what the trades say", "I3",
     "UPDATE outbox SET delta_cents = delta_cents + 1 WHERE order_seq = 8"},
    {"an event of a stream is gone", "I4", "DELETE FROM ops_events WHERE seq = 2"},
    {"a head is ahead of its stream", "I4", "UPDATE stream_heads SET next_seq = next_seq + 1 WHERE stream = 'orders'"},
    {"a head's total is wrong", "I4", "UPDATE stream_heads SET total = total + 1 WHERE stream = 'executions'"},
    {"a cursor is past its stream", "I4",
     "UPDATE cursors SET position = 99 WHERE consumer = 'balance' AND stream = 'ops'"},
    {"the order of a trade does not exist", "I5",
     "UPDATE executions SET order_seq = 999 WHERE order_seq = 1; UPDATE outbox SET order_seq = 999 WHERE order_seq = "
     "1; "
     "UPDATE ledger SET order_seq = 999 WHERE order_seq = 1; INSERT INTO parked_orders VALUES ('nl-1', 1, NULL)"},
    {"a final record is of another user", "I5", "UPDATE executions SET user_id = 'oosterwijck' WHERE order_seq = 3"},
    {"a key is used twice", "I6",
     "DROP INDEX ix_pair_orders_nl_1; UPDATE orders SET idempotency_key = 'k1' "
     "WHERE seq = 2"},
    {"trades are not as planned", "I7",
     "UPDATE executions SET quantity = quantity + d, notional_cents = notional_cents + d * price_cents "
     "FROM (VALUES (1, 1), (2, -1)) v (l, d) WHERE order_seq = 2 AND leg = l"},
    {"an order was cancelled without being asked", "I7",
     "UPDATE orders SET target_seq = 4, idempotency_key = 'cancel:4' WHERE seq = 7"},
    {"an order was lost", "I7", "DELETE FROM parked_orders"},
    {"an adjustment is stuck", "I8", "UPDATE outbox SET created_at = now() - interval '31 s' WHERE order_seq = 8"},
    {"a retry is overdue", "I8", "UPDATE dead_letters SET state = 1, next_attempt_at = now() - interval '31 s'"},
    {"the legs of a movement do not cancel", "I10",
     "UPDATE ledger SET delta_cents = delta_cents + 1 WHERE account = '@market' AND order_seq = 1; "
     "UPDATE ledger SET resulting_cents = resulting_cents + 1 WHERE account = '@market' "
     "AND seq >= (SELECT seq FROM ledger WHERE account = '@market' AND order_seq = 1); "
     "UPDATE balances SET balance_cents = balance_cents + 1 WHERE account = '@market'"},
};

/* What is broken by the checks that go slice by slice (all but I7 and I8), as "I1 I3". */
static const char sliced_function[] =
    "CREATE FUNCTION pg_temp.sliced(a_rows integer) RETURNS text LANGUAGE plpgsql AS $f$"
    " DECLARE i text; r record; found text[] := '{}'; steps integer;"
    " BEGIN"
    "  FOREACH i IN ARRAY ARRAY['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I10'] LOOP"
    "   SELECT * INTO r FROM audit_check_step('nl-1', i, NULL, a_rows);"
    "   steps := 1;"
    "   WHILE r.state IS NOT NULL LOOP"
    "    IF steps = 1000 THEN RAISE EXCEPTION '% does not end', i; END IF;"
    "    SELECT * INTO r FROM audit_check_step('nl-1', i, r.state, a_rows);"
    "    steps := steps + 1;"
    "   END LOOP;"
    "   IF NOT r.ok THEN found := found || i; END IF;"
    "  END LOOP;"
    "  RETURN array_to_string(found, ' ');"
    " END $f$;";

/* Effect: expects the same to be broken whatever the size of a slice. */
static void expect_sliced(const char *url, const char *what, const char *expected)
{
    if (strcmp(expected, "I7") == 0 || strcmp(expected, "I8") == 0)
        expected = "";
    for (int rows = 1; rows <= 4; rows++) {
        char *found = testdb_text(url, "%s SELECT pg_temp.sliced(%d)", sliced_function, rows);
        ck_assert_msg(strcmp(found, expected) == 0, "%s, by slices of %d: %s, not %s", what, rows, found, expected);
        free(found);
    }
}

START_TEST(a_sound_history_passes)
{
    const char *url = testdb_fresh();
    audit_history_write(url);
    int code = run_audit(url, "");
    ck_assert_msg(code == EXIT_HOLD, "exit %d\n%s", code, output);
    ck_assert_ptr_nonnull(strstr(output, "one region: nothing to compare"));
    expect_sliced(url, "a sound history", "");
    ck_assert_ptr_nonnull(strstr(output, "replayed 8 orders"));
    ck_assert_ptr_nonnull(strstr(output, "orders 8, open 2 (parked 1); adjustments waiting 1, retrying 0, dead 1"));
}
END_TEST

/* Gives a file below the project's directory as text for free(). */
static char *read_source(const char *name)
{
    char path[1024];
    char *text = tb_alloc_zero(1, FILE_MAX);
    const char *source = getenv("TB_SOURCE_DIR");
    ck_assert_ptr_nonnull(source);
    snprintf(path, sizeof path, "%s/%s", source, name);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    size_t size = fread(text, 1, FILE_MAX - 1, file);
    ck_assert_uint_lt(size, FILE_MAX - 1);
    fclose(file);
    return text;
}

/* What long histories are made with (tests/bench/history.sh): sound, also when it goes on from what is there. */
START_TEST(a_made_history_passes)
{
    const char *url = testdb_fresh();
    char *functions = read_source("tests/lib/history.sql");
    testdb_run(
        url,
        "BEGIN; %s; SELECT pg_temp.history_personas('nl-1', 10, pg_temp.history_begin('nl-1', 1500)); COMMIT; BEGIN; "
        "SELECT pg_temp.history_part('nl-1', 1000, pg_temp.history_begin('nl-1', 1500)); COMMIT; BEGIN; "
        "SELECT pg_temp.history_part('nl-1', 2000, pg_temp.history_begin('nl-1', 1500)); COMMIT",
        functions);
    free(functions);
    int code = run_audit(url, "");
    ck_assert_msg(code == EXIT_HOLD, "exit %d\n%s", code, output);
    ck_assert_ptr_nonnull(strstr(output, "replayed 2985 orders"));
    ck_assert_ptr_nonnull(strstr(output, "orders 2985, open 0 (parked 0); adjustments waiting 0, retrying 0, dead 0"));
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM executions WHERE type = 1 AND leg = 3"), 135);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM executions WHERE type = 3"), 30);
}
END_TEST

START_TEST(an_empty_region_passes)
{
    const char *url = testdb_fresh();
    int code = run_audit(url, "");
    ck_assert_msg(code == EXIT_HOLD, "exit %d\n%s", code, output);
    expect_sliced(url, "an empty region", "");
}
END_TEST

START_TEST(a_broken_invariant_is_the_one_named)
{
    const struct corruption *corruption = &corruptions[_i];
    const char *url = testdb_fresh();
    char ids[128];
    audit_history_write(url);
    testdb_run(url, "%s", corruption->sql);
    int code = run_audit(url, "");
    broken_ids(ids);
    ck_assert_msg(code == EXIT_BROKEN && strcmp(ids, corruption->expected) == 0,
                  "%s: expected %s, exit %d names: %s\n%s", corruption->what, corruption->expected, code, ids, output);
    expect_sliced(url, corruption->what, corruption->expected);
}
END_TEST

START_TEST(json_has_every_check)
{
    const char *url = testdb_fresh();
    audit_history_write(url);
    ck_assert_int_eq(run_audit(url, "--json"), EXIT_HOLD);
    ck_assert_int_eq(
        strncmp(output,
                "{\"ok\":true,\"region\":\"nl-1\",\"checks\":[{\"id\":\"I1\",\"ok\":true,\"count\":0,\"sample\":[]}",
                75),
        0);
    ck_assert_ptr_nonnull(strstr(output, "{\"id\":\"I10\",\"ok\":true"));
}
END_TEST

START_TEST(what_cannot_be_checked_is_said)
{
    ck_assert_int_eq(run_audit("host=/nonexistent dbname=none", "--patience-ms 300"), EXIT_UNCHECKED);
    ck_assert_ptr_nonnull(strstr(output, "could not check"));
    ck_assert_int_eq(run_audit(testdb_fresh_empty(), "--patience-ms 1000"), EXIT_UNCHECKED);
    ck_assert_ptr_nonnull(strstr(output, "could not check"));
    ck_assert_int_eq(run_audit("host=/nonexistent dbname=none", "--patience-ms soon"), EXIT_UNCHECKED);
    ck_assert_ptr_nonnull(strstr(output, "--patience-ms is 1 to"));
    ck_assert_int_eq(run_audit(testdb_fresh(), "--region xx-9"), EXIT_UNCHECKED);
    ck_assert_ptr_nonnull(strstr(output, "there is no region xx-9"));
    ck_assert_int_eq(run_audit(testdb_fresh(), "--bogus"), EXIT_UNCHECKED);
}
END_TEST

CHECK_MAIN("audit", tcase_set_timeout(cases, 120); tcase_add_test(cases, a_sound_history_passes);
           tcase_add_test(cases, a_made_history_passes); tcase_add_test(cases, an_empty_region_passes);
           tcase_add_loop_test(cases, a_broken_invariant_is_the_one_named, 0, (int)TB_ARRAY_SIZE(corruptions));
           tcase_add_test(cases, json_has_every_check); tcase_add_test(cases, what_cannot_be_checked_is_said);)
