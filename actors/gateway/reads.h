/* reads: the statements of the read pool, each one SQL function of sql/0007_api that returns (status int, body text).
 */
#ifndef TB_GATEWAY_READS_H
#define TB_GATEWAY_READS_H

enum gateway_read {
    READ_ORDER, /* api_order(region text, seq bigint): the order in its present state, with trades[] and events[] */
    READ_ORDER_BY_KEY, /* api_order_by_key(region text, client_id text, key text): the same, or 404 */
};

#endif
