/* sim: the real cores of sequencer, simfill and balance in one process, on a virtual clock, a bus that loses, repeats
 * and delays, and a store in memory that fails the way a database does. One seed decides everything: the same seed
 * gives the same run, to the trace hash.
 *
 * A run has two halves: trouble (crashes, broken connections, stolen leadership, lost messages), then peace, in which
 * everything must come to rest; then the oracle reads the tables. The first thing found wrong ends the run.
 *
 *   struct sim_options options = {.seed = 7, .orders = 120};
 *   struct sim *sim = sim_new(&options);
 *   bool ok = sim_run(sim);   // else sim_failure(sim) says what
 *   sim_free(&sim); */
#ifndef TB_SIM_H
#define TB_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../common/core.h"

/* Mistakes that the store, or the driver, makes on request: each must be found by some seed (the test of the test). */
enum sim_bug {
    SIM_BUG_NONE = 0,
    SIM_BUG_CURSOR_NOT_IN_TX, /* simfill's and balance's cursor moves in a transaction of its own, before the effects */
    SIM_BUG_NO_FENCE,         /* epoch and next_seq are not compared */
    SIM_BUG_REPLY_BEFORE_COMMIT, /* a write is answered before it is committed */
    SIM_BUG_NO_UNIQUE,           /* no unique (client_id, idempotency_key), and no look at what is stored */
    SIM_BUG_CURSOR_BEHIND,       /* the cursor moves in a transaction of its own, after the effects */
    SIM_BUG_LATE_COMMIT,         /* take_epoch does not fence a transaction in doubt: it commits later all the same */
    SIM_BUG_LOSE_PARKED,         /* simfill's parks are not stored */
    SIM_BUG_STALE_POLL,          /* reads find nothing: what the bus lost stays lost */
    SIM_BUG_DEDUPE_IN_MEMORY,    /* a key is known only as long as the sequencer that took it leads */
    SIM_BUG_GAP_NOT_FILLED,      /* a message beyond a gap is taken as if nothing were missing (--wrap=follow_offer) */
    SIM_BUG_FEED_BEFORE_COMMIT,  /* simfill speaks of trades before they are committed */
    SIM_BUG_OUTBOX_NOT_IN_TX,    /* the adjustments of a fill have a transaction of their own, which may be lost */
    SIM_BUG_LOSE_DEAD_LETTER,    /* balance's cursor passes a failed adjustment that is kept nowhere */
    SIM_BUG_REDRIVE_TWICE,       /* a dead letter is settled as often as somebody presses, and no key stands behind */
    SIM_BUG_COUNT,
};
/* Return: its name on the command line; "none" for 0. */
const char *sim_bug_name(enum sim_bug bug);

struct sim_options {
    uint64_t seed;
    unsigned orders;    /* that the clients want to place, each under its own key */
    int64_t trouble_us; /* how long the first half lasts; 0 = chosen by the seed, 5 to 15 s */
    enum sim_bug bug;
    bool trace; /* print each event on stdout */
};

struct sim_counts {
    uint64_t events, messages, lost, repeated, calls, crashes, broken, stolen, late, refused;
    uint64_t orders, cancels, dead_letters;
};

struct sim;
/* Gives a run for sim_free; options are copied. */
struct sim *sim_new(const struct sim_options *options);
void sim_free(struct sim **sim);
/* Effect: runs to the end. Return: whether nothing was wrong. */
bool sim_run(struct sim *sim);
/* Return: what was wrong first, with virtual time; "" = nothing. Borrowed. */
const char *sim_failure(const struct sim *sim);
/* Return: a hash over every event of the run. */
uint64_t sim_trace_hash(const struct sim *sim);
struct sim_counts sim_counts(const struct sim *sim);

#endif
