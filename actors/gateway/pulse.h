/* pulse: the orders of the last minutes by second, kept from the orders feed so that a chart that is asked for every
 * second costs no query. It begins at a snapshot; what came before is read from the store once (pulse_add). Pure; times
 * are wall clock, microseconds. Bounded: PULSE_SECONDS seconds. */
#ifndef TB_GATEWAY_PULSE_H
#define TB_GATEWAY_PULSE_H

#include <stdbool.h>
#include <stdint.h>

#include "json_out.h"
#include "money.h"
#include "orders.pb-c.h"

enum { PULSE_SECONDS = 300 };

struct pulse_second {
    int64_t second; /* since the epoch; 0 = empty */
    int64_t buys, sells;
    struct money price_sum; /* of their prices; stays where it is rather than overflow */
};

struct pulse {
    uint64_t snapshot_seq; /* orders up to this one come by pulse_add, those after it by pulse_take */
    uint64_t generation;   /* of the snapshot: what was read for an earlier one does not belong here */
    bool has_history;
    struct pulse_second seconds[PULSE_SECONDS];
};

/* Effect: forgets everything; begins after seq. */
void pulse_begin(struct pulse *pulse, uint64_t seq);
/* Effect: counts an order; cancel requests and what is older than the window are ignored. */
void pulse_take(struct pulse *pulse, const Tb__OrderRecord *record);
/* Effect: adds orders of one second, from the store. */
void pulse_add(struct pulse *pulse, int64_t second, int64_t buys, int64_t sells, struct money price_sum);
/* Effect: writes "points":[{ts,avgPrice,buyOrders,sellOrders}], oldest first, seconds with orders only, and
 * "stats":{lastPrice,buyShare,sellShare,ordersSampled}: shares of the orders, 0 to 1, both 0 without any. last_price:
 * text or NULL. */
void pulse_write(const struct pulse *pulse, const char *last_price, int64_t now_us, struct json_out *out);

#endif
