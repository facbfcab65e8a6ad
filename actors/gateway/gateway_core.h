/* gateway_core: the pure part of the gateway: the view kept from the feeds (snapshot, gaps, slow poll), orders and
 * cancels under way. step() is called by the driver through gateway.c; HTTP handlers add orders and cancels between
 * steps, and the INPUT_EXTERNAL of a loop turn (its external is NULL) sends what was added. */
#ifndef TB_GATEWAY_CORE_H
#define TB_GATEWAY_CORE_H

#include "cancels.h"
#include "core.h"
#include "flights.h"
#include "pulse.h"
#include "view.h"

struct gateway_core {
    const char *region; /* borrowed */
    struct view view;
    struct pulse pulse; /* of the orders that view has seen */
    struct flights *flights;
    struct cancels *cancels;
    bool stopping;
    bool snapshot_under_way;
    uint64_t polled_next[VIEW_STREAMS]; /* where each follow stood at the last poll */
};

/* An EFFECT_EXTERNAL of the core, for orders.c to turn into an HTTP answer. */
struct gateway_answer {
    enum { ANSWER_FLIGHT = 1, ANSWER_CANCEL } kind;
    union {
        struct flight_answer flight;
        struct cancel_answer cancel;
    };
};

void gateway_core_init(struct gateway_core *core, const char *region);
void gateway_core_release(struct gateway_core *core);
/* Effect: one step of the machine (common/core.h). */
void gateway_core_step(struct gateway_core *core, const struct input *in, struct effects *fx);
/* Return: whether a turn has something to send. */
bool gateway_core_has_unsent(const struct gateway_core *core);
/* Return: whether the view stands on a snapshot and follows every feed without a known gap of age. */
bool gateway_core_in_sync(const struct gateway_core *core);

#endif
