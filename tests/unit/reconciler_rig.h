/* reconciler_rig: the reconciler's core with a clock that is turned by hand, and what its tests ask of it again and
 * again. One core at a time. Threading: one thread. */
#ifndef TB_TEST_RECONCILER_RIG_H
#define TB_TEST_RECONCILER_RIG_H

#include "reconciler.pb-c.h"
#include "reconciler/core.h"

extern struct reconciler_core core;
extern struct arena arena; /* of the last step */
extern struct effects fx;  /* of the last step */
extern int64_t now_us;
extern const struct peer gateway;

/* Effect: one step, a millisecond after the last. */
void step(struct input in);
/* Return: the n-th effect of this kind, NULL = there are not as many. */
const struct effect *effect_of(enum effect_kind kind, size_t n);
/* Return: the call of this procedure, NULL = none. */
const struct effect *call_of(enum reconciler_proc proc);
/* Effect: the store answers a call; has failed. */
void answer(enum reconciler_proc proc, const void *result);
void answer_failed(enum reconciler_proc proc);
/* Return: what a probe finds when all is well. */
struct reconciler_probed calm(void);
/* Effect: the time for a probe comes, and this is its result. */
void probe(struct reconciler_probed probed);
/* Effect: an alarm was written as this event; 0 = nothing had changed. */
void alarmed(uint64_t ops_seq);
/* Effect: a core that is READY and knows that no alarm is active; its end. */
void open_core(void);
void close_core(void);
/* Effect: the gateway demands a check; a replay. */
void ask_check(uint64_t request_id);
void ask_replay(uint64_t request_id, uint64_t from_seq, uint64_t to_seq);
void flush(void);

#endif
