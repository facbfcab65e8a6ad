/* audit_history: a small history of region nl-1, written by the actors' own SQL functions, in which every invariant
 * holds. For the tests that break one. */
#ifndef TB_AUDIT_HISTORY_H
#define TB_AUDIT_HISTORY_H

/* Effect: into a fresh database: order 1 BUY 10 filled in one trade and settled; 2 SELL 6 in three trades, settled; 3
 * cancelled by its seed; 4 hangs, parked; 5 a poisoned adjustment, dead; 6 hung, cancelled by the request at seq 7; 8
 * filled, its adjustment still in the outbox; 9 not taken by simfill yet. */
void audit_history_write(const char *url);

#endif
