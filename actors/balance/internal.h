/* balance/internal: what the files of the balance core share; for nobody else. */
#ifndef TB_BALANCE_INTERNAL_H
#define TB_BALANCE_INTERNAL_H

#include "balances.pb-c.h"
#include "executions.pb-c.h"
#include "core.h"

/* --- intake.c: the outbox and ops, from messages and from rows --- */
void balance_intake_message(struct balance_core *core, const struct input *in);
void intake_ops(struct balance_core *core, const struct input *in);
void intake_rows(struct balance_core *core, const struct input *in, struct effects *fx);
/* Effect: asks for rows after the last one queued, when some are known or suspected and there is room for a full
 * answer. */
void balance_intake_fetch(struct balance_core *core, struct effects *fx);
/* Effect: the slow poll. */
void intake_poll(struct balance_core *core, struct effects *fx);
/* Return: the adjustment at position (0 = the head) of the queue. */
const struct balance_adjustment *intake_at(const struct balance_core *core, size_t position);
void intake_pop(struct balance_core *core, size_t count);

/* --- settle.c: the writes that move cash, and what happens when they fail --- */
void settle_apply(struct balance_core *core, struct effects *fx, int64_t now_us);
void settle_open(struct balance_core *core, struct effects *fx, int64_t now_us);
/* Effect: one more attempt of the dead letter at retry_index. */
void settle_retry(struct balance_core *core, struct effects *fx, int64_t now_us);
/* Effect: takes the outcome of OPEN, APPLY, FAIL or a RETRY. */
void settle_opened(struct balance_core *core, const struct input *in, struct effects *fx);
void settle_applied(struct balance_core *core, const struct input *in, struct effects *fx);
void settle_failed(struct balance_core *core, const struct input *in, struct effects *fx);
void settle_retried(struct balance_core *core, const struct input *in, struct effects *fx);
/* Effect: takes the dead letters that READ_RETRIES found: those that are due are tried, the first other one sets the
 * timer. */
void settle_retries_read(struct balance_core *core, const struct input *in, struct effects *fx);
/* Effect: sets the retry timer to due_us unless it comes earlier anyway. */
void settle_retry_at(struct balance_core *core, struct effects *fx, int64_t due_us);
/* Effect: no write until a while from now; each time twice as long. */
void settle_back_off(struct balance_core *core, const struct input *in, struct effects *fx, const char *what);
/* Return: whether a STORE_FAILED is not the data's fault (a missing right or function, say): its text begins with a
 * SQLSTATE, and that is of another class than data exception, integrity violation or raised exception. Then every
 * adjustment would fail: none is blamed. */
bool settle_error_is_environment(const char *error);

/* --- command.c --- */
void command_message(struct balance_core *core, const struct input *in, struct effects *fx);
/* Effect: sends the command at the head to the store. */
void command_start(struct balance_core *core, struct effects *fx, int64_t now_us);
/* Effect: takes its outcome (RESOLVE or REBUILD) and answers. */
void command_done(struct balance_core *core, const struct input *in, struct effects *fx);
/* Effect: answers every waiting command, but for the first `keep`, with STORE_UNAVAILABLE. */
void command_refuse_all(struct balance_core *core, struct effects *fx, size_t keep);

/* --- feed.c: records of the balances stream --- */
/* A message being built for balances-feed. */
struct feed {
    Tb__BalancesAppended message;
    uint64_t first_seq;
    int64_t at_us;
    struct effects *fx;
};
/* Effect: starts a message of at most count records, the first with seq first_seq. */
void feed_begin(struct feed *feed, struct effects *fx, uint64_t first_seq, size_t count, int64_t at_us);
void feed_updated(struct feed *feed, const struct balance_adjustment *adjustment, struct money resulting,
                  uint64_t version);
void feed_opened(struct feed *feed, const struct balance_opening *opening, struct money amount);
/* Effect: adds one of the dead-letter events. error NULL = none. */
void feed_event(struct feed *feed, Tb__BalanceRecord__Type type, const struct balance_adjustment *adjustment,
                uint32_t attempts, const char *error);
/* Effect: publishes it, unless it stayed empty. */
void feed_send(struct feed *feed);
/* Effect: what RESOLVE did, whichever way: one or two records. Return: how many seqs it used. */
uint64_t feed_resolved(struct effects *fx, uint64_t first_seq, enum balance_how how, uint64_t outbox_seq,
                       const struct balance_resolved *resolved, int64_t at_us);

/* --- core.c --- */
/* Effect: the write under way is over. */
void core_write_over(struct balance_core *core);
void core_gauge_dead(struct balance_core *core, struct effects *fx, int64_t change);

#endif
