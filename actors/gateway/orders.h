/* orders: POST /api/orders, cancel and cancel-all; what the core answers becomes HTTP here. */
#ifndef TB_GATEWAY_ORDERS_H
#define TB_GATEWAY_ORDERS_H

#include "gateway.h"
#include "gateway_core.h"

/* This part's own statements of the read pool, behind those of reads.c. */
enum order_read {
    ORDER_READ_CANCELLED, /* (region, seq): 200 with the order when a cancel ended it, 409 when not, 503 while it is
                             open */
    ORDER_READ_CANCELLED_COUNT, /* (region, seqs): 200 with the number of them that a cancel ended */
    ORDER_READS,
};
extern const struct db_statement order_read_statements[ORDER_READS];

/* Effect: turns one answer of the core into the HTTP answer of its request. */
void orders_answer(struct gateway *gateway, const struct gateway_answer *answer);

#endif
