/* answers: what one step says to its clients, gathered and sent as few messages as there are peers (in pieces, to keep
 * frames below a megabyte). Lives in the step's arena. Threading: one thread.
 *
 *   struct answers answers = answers_start(fx);
 *   answers_add_order(&answers, &peer, result);
 *   answers_send(&answers); */
#ifndef TB_SEQUENCER_ANSWERS_H
#define TB_SEQUENCER_ANSWERS_H

#include "../../common/core.h"
#include "orders.pb-c.h"

struct answer;
struct answers {
    struct effects *fx;
    struct answer *orders;
    size_t order_count, order_capacity;
    struct answer *cancels;
    size_t cancel_count, cancel_capacity;
};

/* Return: an empty collection whose memory comes from fx (borrowed), so for this step alone. */
struct answers answers_start(struct effects *fx);

/* Effect: keeps a result (borrowed, in the step's arena) for peer (copied). */
void answers_add_order(struct answers *answers, const struct peer *peer, Tb__OrderResult *result);
void answers_add_cancel(struct answers *answers, const struct peer *peer, Tb__CancelResult *result);
/* The same for a refusal. */
void answers_refuse_order(struct answers *answers, const struct peer *peer, uint64_t request_id, Tb__Refusal refusal);
void answers_refuse_cancel(struct answers *answers, const struct peer *peer, uint64_t request_id, Tb__Refusal refusal);

/* Effect: puts the messages into the step's effects. */
void answers_send(struct answers *answers);

#endif
