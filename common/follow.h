/* follow: the reader's side of a dense stream (rule 2: the bus may lose, the log may not).
 *
 * Messages bring records with their sequence; the follower says which of them are new, drops what was seen, and notices
 * a gap, which the reader fills by reading rows after the cursor from the store. Pure; no memory of its own.
 *
 *   size_t skip;
 *   switch (follow_offer(&f, first, count, &skip)) {
 *   case FOLLOW_TAKE: handle(records + skip, count - skip); break;
 *   case FOLLOW_DROP: break;                                          // seen already
 *   case FOLLOW_GAP:  read_on(fx); break;
 *   }
 *   read_on:     if (follow_fetch(&f)) effects_call(fx, READ_AFTER, {after = f.next - 1});
 *   its answer:  handle(rows); if (follow_fetched(&f, rows, limit)) read_on(fx);
 *   a slow poll: read_on(fx), for the last message may be the lost one.
 */
#ifndef TB_FOLLOW_H
#define TB_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct follow {
    uint64_t next;        /* the sequence we want next */
    uint64_t seen_max;    /* highest sequence we know to exist */
    uint64_t fetch_known; /* seen_max when the fetch under way began */
    bool fetching;        /* a read of rows is under way: offers are dropped until it is done */
};

enum follow_verdict { FOLLOW_TAKE, FOLLOW_DROP, FOLLOW_GAP };

/* Effect: starts after cursor (every seq <= cursor is handled). */
void follow_init(struct follow *f, uint64_t cursor);

/* Effect: judges records first … first+count-1. Return: TAKE with *skip = how many at the front were seen before; the
 * reader is taken to handle the rest (next moves). While fetching, everything is a DROP (the fetch loop will find it),
 * but remembered in seen_max. count 0 only says that everything below first exists: DROP, or GAP when that is more than
 * we handled. */
enum follow_verdict follow_offer(struct follow *f, uint64_t first, size_t count, size_t *skip);

/* Effect: marks a fetch as under way. Return: false when one was already (start no second). */
bool follow_fetch(struct follow *f);

/* Effect: the fetch is over and brought rows next … next+count-1 (count may be 0) of at most limit; the reader handles
 * them. Return: true when another fetch is worthwhile (it was full, or more is known): call follow_fetch again. */
bool follow_fetched(struct follow *f, size_t count, size_t limit);

/* Effect: the fetch failed; the reader may start another. */
void follow_fetch_failed(struct follow *f);

/* Return: records known to exist and not yet handed to the reader. */
uint64_t follow_lag(const struct follow *f);

#endif
