/* money_books: outbox rows for balance to settle, and whether the books are right. Region nl-1. */
#ifndef TB_MONEY_BOOKS_H
#define TB_MONEY_BOOKS_H

#include <stddef.h>
#include <stdint.h>

#include "actor_rig.h"

/* Effect: inserts outbox rows first … first + count - 1 as simfill would: row n belongs to order 1000 + n, to one of
 * three personas in turn, bought (odd) or sold (even) for n cents a piece, quantity 2. poison_every: each so-many-th
 * row (n % poison_every == 0) is poisoned; 0 = none. */
void books_add(const char *url, uint64_t first, uint64_t count, unsigned poison_every);

/* Effect: sends those rows on the stage link as one message. */
void books_send(struct rig_link *stage, uint64_t first, size_t count);

/* Effect: waits until the outbox cursor is at position, 30 s at most; asserts that it came there. */
void books_wait_cursor(const char *url, uint64_t position);

/* Effect: asserts: both legs of each movement cancel out; every balance is the sum of its ledger with as many versions;
 * each entry's resulting balance and version are those of the entries up to it; the balances stream is dense up to its
 * head; every outbox row up to the cursor has one entry, or a dead letter in state 1, 2 or 4 and none; none after the
 * cursor has one. */
void books_check(const char *url);

#endif
