/* cancels: cancellations on their way: asked of the sequencer, durably requested, and then watched until the executions
 * stream has ended every order concerned. Pure. A cancel may be carried out twice without harm, so silence is answered
 * by asking again. Bounded: CANCELS_MAX; beyond, BACKPRESSURE. */
#ifndef TB_GATEWAY_CANCELS_H
#define TB_GATEWAY_CANCELS_H

#include "core.h"
#include "orders.pb-c.h"
#include "view.h"

enum { CANCELS_MAX = 1024, CANCELS_PER_MESSAGE = 256 };
#define CANCELS_RESEND_US   (500 * 1000LL)
#define CANCELS_DEADLINE_US (5 * 1000000LL)

enum cancel_answer_kind {
    CANCEL_ENDED = 1, /* every order concerned is final: what became of them is to be read */
    CANCEL_REFUSED,   /* refusal says why; terminal_type with REFUSAL_TERMINAL */
};

struct cancel_answer {
    enum cancel_answer_kind kind;
    void *ticket;
    Tb__Refusal refusal;
    uint32_t terminal_type;
    const int64_t *order_seqs; /* ENDED; borrowed until the effects are carried out */
    size_t count;
};

struct cancels;
struct cancels *cancels_new(void);
void cancels_free(struct cancels **cancels);
/* Return: how many are under way. */
size_t cancels_count(const struct cancels *cancels);
/* Return: whether something waits to be sent. */
bool cancels_have_unsent(const struct cancels *cancels);

/* Effect: takes in the cancel of one order (order_seq), or of all open ones of user_id (order_seq 0). Return: false
 * when there is no room. */
bool cancels_add(struct cancels *cancels, uint64_t order_seq, const char *user_id, const uint8_t *trace_id,
                 void *ticket, int64_t now_us);
void cancels_send(struct cancels *cancels, unsigned link, int64_t now_us, struct effects *fx);
typedef void cancel_answered(struct effects *fx, const struct cancel_answer *answer);
void cancels_results(struct cancels *cancels, const Tb__CancelResults *results, const struct view *view,
                     struct effects *fx, cancel_answered *answered);
/* Effect: answers those whose orders are all final now. */
void cancels_check(struct cancels *cancels, const struct view *view, struct effects *fx, cancel_answered *answered);
void cancels_tick(struct cancels *cancels, int64_t now_us, struct effects *fx, cancel_answered *answered);

#endif
