/* What a list read or a probe touches does not grow with history: by PostgreSQL's own counters, none scans a table
 * from end to end, and none looks at more rows than a bound that has nothing to do with how many there are.
 * TB_TEST_ROWS sets how many orders there are (some millions by hand; see docs/TESTING.md). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_fixture.h"
#include "base.h"
#include "check_main.h"
#include "testdb.h"

enum { ROWS_DEFAULT = 60000 }; /* well above what any read may look at */

static const char *url;
static long rows;

static void make_history(void)
{
    const char *given = getenv("TB_TEST_ROWS");
    rows = given != NULL ? strtol(given, NULL, 10) : ROWS_DEFAULT;
    url = fixture_database();
    testdb_run(url, "DO $$ DECLARE t text; BEGIN FOR t IN SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND "
                    "relnamespace = 'public'::regnamespace LOOP EXECUTE format('ALTER TABLE %%s SET "
                    "(autovacuum_enabled = off)', t); END LOOP; END $$");
    testdb_run(
        url,
        "SET synchronous_commit = off;"
        "INSERT INTO orders (region, seq, kind, side, time_in_force, quantity, price_cents, created_at, trace_id, "
        "user_id, client_id, idempotency_key, simulation_seed) SELECT 'nl-1', s, 1, 1 + s %% 2, 1, 10, 12000 + s "
        "%% 100, timestamptz '2026-11-01' + s * interval '0.3 s', md5(s::text)::uuid, CASE s %% 3 WHEN 0 THEN "
        "'clusius' ELSE 'oosterwijck' END, 'web', 'key-' || s, 'any' FROM generate_series(1, %ld) s;"
        "INSERT INTO executions SELECT 'nl-1', 2 * s - 1 + f, s, CASE WHEN f = 0 THEN 1 WHEN s %% 16 = 0 THEN 3 "
        "ELSE 2 END, 1 + s %% 2, 1 - f, 10, 12000, 120000, timestamptz '2026-11-01' + s * interval '0.3 s', "
        "CASE s %% 3 WHEN 0 THEN 'clusius' ELSE 'oosterwijck' END, 'a' FROM generate_series(1, %ld) s, "
        "generate_series(0, 1) f;",
        rows, rows);
    testdb_run(url,
               "SET synchronous_commit = off;"
               "INSERT INTO ledger SELECT 'nl-1', s, s, d, d, 12000, s, timestamptz '2026-11-01' + s * interval '0.3 "
               "s', 10, 2, 1 + s %% 2, CASE WHEN d < 0 THEN '@market' ELSE u END, u, NULL FROM generate_series(1, %ld) "
               "s, (VALUES (-120000), (120000)) v (d), LATERAL (SELECT CASE s %% 3 WHEN 0 THEN 'clusius' ELSE "
               "'oosterwijck' END AS u) x;"
               "INSERT INTO candles SELECT 'nl-1', timestamptz '2026-11-01' + m * interval '1 min', 1, 1, 1, 12000, 1, "
               "1, 1 FROM generate_series(1, greatest(20000, %ld / 10)) m;"
               "INSERT INTO dead_letters SELECT 'nl-1', s, 4, 5, NULL, now(), now(), 'e' FROM generate_series(1, %ld / "
               "10) s;"
               "INSERT INTO balances VALUES ('nl-1', 'clusius', 1, 1, NULL, now());"
               "INSERT INTO positions VALUES ('nl-1', 'clusius', 5, 600, now());"
               "UPDATE stream_heads SET next_seq = %ld + 1 WHERE stream IN ('orders', 'balances', 'outbox');"
               "UPDATE stream_heads SET next_seq = 2 * %ld + 1 WHERE stream = 'executions';"
               "UPDATE cursors SET position = %ld WHERE stream <> 'ops'",
               rows, rows, rows, rows, rows, rows);
}

#define NEWEST "9223372036854775807"
struct read {
    const char *call;
    int64_t touched_max; /* rows looked at */
};
static const struct read reads[] = {
    {"api_orders('nl-1', NULL, NULL, NULL, NULL, " NEWEST ", 50)", 400},
    {"api_orders('nl-1', 'clusius', NULL, NULL, NULL, " NEWEST ", 50)", 600},
    {"api_orders('nl-1', 'clusius', 2, 1, NULL, " NEWEST ", 50)", 3000},
    {"api_orders('nl-1', NULL, 1, NULL, NULL, " NEWEST ", 50)", 400},
    {"api_orders('nl-1', NULL, 3, NULL, NULL, " NEWEST ", 50)", 3000},
    {"api_orders('nl-1', 'nobody', NULL, NULL, NULL, " NEWEST ", 50)", 100},
    {"api_orders('nl-1', NULL, NULL, NULL, 'no-such-client', " NEWEST ", 50)", 21000},
    {"api_orders('nl-1', NULL, NULL, NULL, NULL, 10000, 50)", 400},
    {"api_orders_csv('nl-1', NULL, NULL, NULL, NULL, " NEWEST ", 200)", 1500},
    {"api_order('nl-1', 777)", 100},
    {"api_order_by_key('nl-1', 'web', 'key-777')", 100},
    {"api_trades('nl-1', NULL, NULL, " NEWEST ", 50)", 400},
    {"api_trades('nl-1', 'clusius', NULL, " NEWEST ", 50)", 400},
    {"api_trades('nl-1', NULL, 777, " NEWEST ", 50)", 100},
    {"api_trades('nl-1', 'nobody', NULL, " NEWEST ", 50)", 100},
    {"api_ledger('nl-1', 'nobody', " NEWEST ", 50, NULL)", 100},
    {"api_ledger('nl-1', 'leeuwenhoek', " NEWEST ", 50, NULL)", 100},
    {"api_balance('nl-1', 'clusius', 10, NULL)", 100},
    {"api_balance('nl-1', 'clusius', 10, '2026-11-01T00:30:00Z')", 300},
    {"api_ledger('nl-1', 'clusius', " NEWEST ", 50, NULL)", 300},
    {"api_balances('nl-1', '', 50, NULL)", 300},
    {"api_events('nl-1', 'orders', 500, 100, NULL, NULL, NULL)", 500},
    {"api_events('nl-1', 'executions', 500, 100, NULL, NULL, NULL)", 800},
    {"api_events('nl-1', 'balances', 500, 100, NULL, NULL, NULL)", 800},
    {"api_events('nl-1', 'executions', 0, 100, NULL, 'nobody', NULL)", 21000},
    {"api_dlq('nl-1', " NEWEST ", 50)", 100},
    {"api_market('nl-1')", 10},
    {"api_candles('nl-1', '1m', 1, 200)", 300},
    {"api_candles('nl-1', '1h', 60, 200)", 13000},
    {"api_portfolio('nl-1', 'clusius')", 20},
    {"api_pulse('nl-1')", 20},
    {"api_pulse_history('nl-1', 9000000, '2026-11-01T00:00:00Z')", 21000},
    {"api_trace('nl-1', md5('777')::uuid)", 30},
};

/* What the reconciler asks all the time. */
static const struct read probes[] = {
    {"reconciler_probe('nl-1', now(), '', 2000)", 100},
    {"reconciler_audit_step('nl-1', now(), 200)", 4000},
};

/* Effect: carries out a read as the actor's role. Return: whether it looked at no more rows than it may, by index. */
static bool costs_little(const char *role, const struct read *read, const char *statistics)
{
    const char *call = read->call;
    int64_t touched_max = read->touched_max;
    char *counters =
        testdb_text(url,
                    "SET ROLE %s; SELECT * FROM %s; SELECT set_config('tb.begin', clock_timestamp()::text, "
                    "false); SELECT * FROM %s; "
                    "SELECT coalesce(sum(seq_tup_read), 0) / 2 || ' ' || coalesce(sum(coalesce(idx_tup_fetch, 0)), 0) "
                    "/ 2 || ' ' || extract(epoch FROM clock_timestamp() - current_setting('tb.begin')::timestamptz) * "
                    "1000 FROM pg_stat_xact_user_tables "
                    "WHERE relname ~ '^(orders|executions|ledger|outbox|candles|dead_letters|balance_events|ops_)'",
                    role, call, call);
    double scanned = 0, fetched = 0, milliseconds = 0;
    ck_assert_int_eq(sscanf(counters, "%lf %lf %lf", &scanned, &fetched, &milliseconds), 3);
    free(counters);
    if (getenv("TB_TEST_ROWS") != NULL)
        printf("%-90s %8.0f rows of %ld, %8.2f ms, %s\n", call, fetched, rows, milliseconds, statistics);
    if (scanned > 0)
        fprintf(stderr, "%s, %s: reads %.0f rows by sequential scans\n", call, statistics, scanned);
    if (fetched > (double)touched_max)
        fprintf(stderr, "%s, %s: looks at %.0f rows, more than %" PRId64 "\n", call, statistics, fetched, touched_max);
    return scanned <= 0 && fetched <= (double)touched_max;
}

/* Return: how many of them cost too much. */
static int costly(const char *statistics)
{
    int wrong = 0;
    for (size_t i = 0; i < TB_ARRAY_SIZE(reads); i++)
        wrong += costs_little("tb_gateway", &reads[i], statistics) ? 0 : 1;
    for (size_t i = 0; i < TB_ARRAY_SIZE(probes); i++)
        wrong += costs_little("tb_reconciler", &probes[i], statistics) ? 0 : 1;
    return wrong;
}

START_TEST(no_page_costs_more_when_history_grows)
{
    int wrong = 0;
    make_history();
    /* A new database: nothing has ever been analyzed, and statements are planned from guesses. */
    wrong += costly("never analyzed");
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM pg_statistic s JOIN pg_class c ON c.oid = s.starelid "
                                         "WHERE c.relname ~ '^(orders|executions|ledger|candles)'"),
                     0);        /* autovacuum was not faster */
    testdb_run(url, "ANALYZE"); /* as autovacuum does in its time */
    wrong += costly("analyzed");
    ck_assert_int_eq(wrong, 0);
}
END_TEST

CHECK_MAIN("plans", tcase_set_timeout(cases, getenv("TB_TEST_ROWS") != NULL ? 7200 : 240);
           tcase_add_test(cases, no_page_costs_more_when_history_grows);)
