/* fill_peer: a scripted gateway for the sequencer's and simfill's actor tests. Messages are built in static memory: one
 * at a time. */
#ifndef TB_FILL_PEER_H
#define TB_FILL_PEER_H

#include "actor_rig.h"
#include "orders.pb-c.h"

/* An order to submit; what is left zero gets a default: user "clusius", client = user, BUY, 10 at 124.20, GTC. */
struct peer_order {
    const char *key; /* NULL: generated */
    const char *user, *client, *seed;
    uint32_t quantity;
    int64_t price_cents;
    Tb__Side side;
};

enum { PEER_ORDERS_MAX = 64 };

/* Effect: sends the orders in one message and waits for as many results. Return: the results by position in orders (not
 * of arrival); aborts the test when they do not come within 5 s. */
const Tb__OrderResult *const *peer_submit(struct rig_link *gateway, const struct peer_order *orders, size_t count);
/* Effect: sends the orders in one message and does not wait for an answer. */
void peer_send(struct rig_link *gateway, const struct peer_order *orders, size_t count);
/* peer_submit for one cancel: order_seq, or 0 and the user's all. */
const Tb__CancelResult *peer_cancel(struct rig_link *gateway, uint64_t order_seq, const char *user);

#endif
