/* api_fixture: a database with rows put there by hand, and the SQL read functions asked as the gateway asks them. */
#ifndef TB_API_FIXTURE_H
#define TB_API_FIXTURE_H

#include <check.h>
#include <jansson.h>
#include <stdint.h>

/* Return: the database of this test: region nl-1, the three seed personas, everything at 2026-11-22T09:00:00Z. */
const char *fixture_database(void);
/* Effect: an order (or several, one after the other from seq on). side 1 BUY, 2 SELL. created_at: 09:00:00 plus seq
 * milliseconds. */
void fixture_orders(int64_t seq, int64_t count, const char *user_id, const char *client_id, int side, int quantity,
                    int64_t price_cents);
/* Effect: a trade (leg > 0) or final record (leg 0) at executions' next seq, 50 ms after the order. type:
 * ExecutionRecord.Type. */
void fixture_execution(int64_t order_seq, int type, int leg, int quantity, int64_t price_cents);
/* Effect: a balance movement of 1 (BUY: out) or 2 (SELL: in) for an order, both legs and the balances, at balances'
 * next seq. */
void fixture_settle(int64_t order_seq, const char *user_id, int side, int quantity, int64_t price_cents);
/* Effect: the adjustment of an order in the outbox, at its next seq. */
void fixture_outbox(int64_t order_seq, const char *user_id, int side, int quantity, int64_t price_cents);
/* Effect: moves a consumer's cursor. */
void fixture_cursor(const char *consumer, const char *stream, int64_t position);

/* Effect: calls a function as tb_gateway; the status must be as expected. Gives the body's JSON for json_decref (NULL
 * without body). */
json_t *fixture_get(int status, const char *call, ...) __attribute__((format(printf, 2, 3)));
/* Gives the body as text for free(). */
char *fixture_text(const char *call, ...) __attribute__((format(printf, 1, 2)));

/* Effect: fails unless `json` equals the JSON text. */
void fixture_expect(const json_t *json, const char *expected);
/* Effect: fails unless object[key] is that string (NULL: null). */
void fixture_expect_string(const json_t *object, const char *key, const char *expected);
void fixture_expect_int(const json_t *object, const char *key, int64_t expected);

Suite *events_suite(void);

#endif
