#include "api_fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testdb.h"

static const char *url;

const char *fixture_database(void)
{
    url = testdb_fresh();
    testdb_run(url, "UPDATE personas SET display_name = 'Carolus Clusius', bio = 'Botanist', avatar_url = "
                    "'/avatars/seed/clusius.png' "
                    "WHERE user_id = 'clusius'");
    return url;
}

void fixture_orders(int64_t seq, int64_t count, const char *user_id, const char *client_id, int side, int quantity,
                    int64_t price_cents)
{
    testdb_run(
        url,
        "INSERT INTO orders (region, seq, kind, side, time_in_force, quantity, price_cents, created_at, trace_id, "
        "user_id, client_id, "
        "idempotency_key, simulation_seed) SELECT 'nl-1', s, 1, %d, 1, %d, %lld, timestamptz '2026-11-22T09:00:00Z' + "
        "s * interval '1 ms',"
        " '0af7651916cd43dd8448eb211c80319c', '%s', '%s', 'key-' || s, 'seed' FROM generate_series(%lld, %lld) s",
        side, quantity, (long long)price_cents, user_id, client_id, (long long)seq, (long long)(seq + count - 1));
    testdb_run(url, "UPDATE stream_heads SET next_seq = greatest(next_seq, %lld) WHERE stream = 'orders'",
               (long long)(seq + count));
}

enum { TRADE = 1 }; /* ExecutionRecord.Type */

void fixture_execution(int64_t order_seq, int type, int leg, int quantity, int64_t price_cents)
{
    testdb_run(url,
               "INSERT INTO executions SELECT 'nl-1', h.next_seq, o.seq, %d, o.side, %d, %d, %lld, %lld, o.created_at "
               "+ interval '50.9 ms', "
               "o.user_id, 'nl-1a' FROM orders o, stream_heads h WHERE o.seq = %lld AND h.stream = 'executions'",
               type, leg, quantity, (long long)price_cents, (long long)(price_cents * quantity), (long long)order_seq);
    testdb_run(url, "UPDATE stream_heads SET next_seq = next_seq + 1 WHERE stream = 'executions'");
    if (type == TRADE) /* a trade and its candle are one transaction of simfill's */
        testdb_run(url,
                   "INSERT INTO candles SELECT 'nl-1', date_trunc('minute', o.created_at), %lld, %lld, %lld, %lld, %d, "
                   "%lld, 1 "
                   "FROM orders o WHERE o.seq = %lld ON CONFLICT (region, start_at) DO UPDATE SET close_cents = "
                   "excluded.close_cents",
                   (long long)price_cents, (long long)price_cents, (long long)price_cents, (long long)price_cents,
                   quantity, (long long)(price_cents * quantity), (long long)order_seq);
}

void fixture_settle(int64_t order_seq, const char *user_id, int side, int quantity, int64_t price_cents)
{
    long long delta = (side == 1 ? -1 : 1) * price_cents * quantity;
    testdb_run(
        url,
        "INSERT INTO balances VALUES ('nl-1', '%s', 0, 0, NULL, now()), ('nl-1', '@market', 0, 0, NULL, now()) ON "
        "CONFLICT DO NOTHING;"
        "UPDATE balances SET balance_cents = balance_cents + CASE account WHEN '@market' THEN %lld ELSE %lld END, "
        "version = version + 1,"
        " last_order_seq = nullif(%lld, 0), updated_at = timestamptz '2026-11-22T09:00:00Z' + %lld * interval '1 s'"
        " WHERE account IN ('%s', '@market');"
        "INSERT INTO ledger SELECT 'nl-1', h.next_seq, %lld, CASE b.account WHEN '@market' THEN %lld ELSE %lld END, "
        "b.balance_cents, %lld,"
        " b.version, b.updated_at, %d, CASE WHEN %lld = 0 THEN 1 ELSE 2 END, %d, b.account, '%s', NULL"
        " FROM balances b, stream_heads h WHERE b.account IN ('%s', '@market') AND h.stream = 'balances'",
        user_id, -delta, delta, (long long)order_seq, (long long)order_seq, user_id, (long long)order_seq, -delta,
        delta, (long long)price_cents, quantity, (long long)order_seq, side, user_id, user_id);
    testdb_run(url, "UPDATE stream_heads SET next_seq = next_seq + 1 WHERE stream = 'balances'");
}

void fixture_outbox(int64_t order_seq, const char *user_id, int side, int quantity, int64_t price_cents)
{
    testdb_run(url,
               "INSERT INTO outbox SELECT 'nl-1', h.next_seq, %lld, %lld, %lld, %d, %d, 0, now(), now(), NULL, '%s' "
               "FROM stream_heads h "
               "WHERE h.stream = 'outbox'",
               (long long)order_seq, (long long)((side == 1 ? -1 : 1) * price_cents * quantity), (long long)price_cents,
               quantity, side, user_id);
    testdb_run(url, "UPDATE stream_heads SET next_seq = next_seq + 1 WHERE stream = 'outbox'");
}

void fixture_cursor(const char *consumer, const char *stream, int64_t position)
{
    testdb_run(url, "UPDATE cursors SET position = %lld WHERE consumer = '%s' AND stream = '%s'", (long long)position,
               consumer, stream);
}

static char *call_text(const char *format, va_list args)
{
    char call[1024];
    int length = vsnprintf(call, sizeof(call), format, args);
    ck_assert_int_lt(length, (int)sizeof(call));
    return testdb_text(url, "SET ROLE tb_gateway; SELECT status || ' ' || coalesce(body, '') FROM %s", call);
}

json_t *fixture_get(int status, const char *call, ...)
{
    va_list args;
    va_start(args, call);
    char *text = call_text(call, args);
    va_end(args);
    char *body;
    ck_assert_int_eq(strtol(text, &body, 10), status);
    body += 1;
    json_error_t error = {0};
    json_t *json = *body != '\0' ? json_loads(body, JSON_REJECT_DUPLICATES, &error) : NULL;
    ck_assert_msg(*body == '\0' || json != NULL, "%s in %s", error.text, body);
    free(text);
    return json;
}

char *fixture_text(const char *call, ...)
{
    va_list args;
    va_start(args, call);
    char *text = call_text(call, args);
    va_end(args);
    memmove(text, strchr(text, ' ') + 1, strlen(strchr(text, ' ')));
    return text;
}

void fixture_expect(const json_t *json, const char *expected)
{
    json_error_t error;
    json_t *wanted = json_loads(expected, JSON_DECODE_ANY, &error);
    ck_assert_msg(wanted != NULL, "the test's own JSON: %s", error.text);
    char *text = json_dumps(json, JSON_INDENT(1) | JSON_ENCODE_ANY);
    ck_assert_msg(json_equal(json, wanted), "got %s\nexpected %s", text, expected);
    free(text);
    json_decref(wanted);
}

void fixture_expect_string(const json_t *object, const char *key, const char *expected)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(value != NULL, "%s is missing", key);
    if (expected == NULL) {
        ck_assert_msg(json_is_null(value), "%s is not null", key);
    } else {
        ck_assert_msg(json_is_string(value), "%s is no string", key);
        ck_assert_str_eq(json_string_value(value), expected);
    }
}

void fixture_expect_int(const json_t *object, const char *key, int64_t expected)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_integer(value), "%s is no integer", key);
    ck_assert_int_eq(json_integer_value(value), expected);
}
