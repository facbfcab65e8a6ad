#include "pulse.h"

#include <string.h>

#define SECOND_US 1000000

void pulse_begin(struct pulse *pulse, uint64_t seq)
{
    uint64_t generation = pulse->generation + 1;
    memset(pulse, 0, sizeof *pulse);
    pulse->generation = generation;
    pulse->snapshot_seq = seq;
}

void pulse_add(struct pulse *pulse, int64_t second, int64_t buys, int64_t sells, struct money price_sum)
{
    if (second <= 0)
        return;
    struct pulse_second *slot = &pulse->seconds[second % PULSE_SECONDS];
    if (slot->second > second)
        return; /* older than the window */
    if (slot->second != second)
        *slot = (struct pulse_second){.second = second};
    struct money sum;
    if (money_add(slot->price_sum, price_sum, &sum)) {
        slot->price_sum = sum;
        slot->buys += buys;
        slot->sells += sells;
    }
}

void pulse_take(struct pulse *pulse, const Tb__OrderRecord *record)
{
    if (record->kind != TB__ORDER_RECORD__KIND__KIND_ORDER || record->seq <= pulse->snapshot_seq)
        return;
    bool is_buy = record->side == TB__SIDE__SIDE_BUY;
    pulse_add(pulse, record->created_at_us / SECOND_US, is_buy ? 1 : 0, is_buy ? 0 : 1,
              money_cents(record->price_cents));
}

void pulse_write(const struct pulse *pulse, const char *last_price, int64_t now_us, struct json_out *out)
{
    int64_t present = now_us / SECOND_US, buys = 0, sells = 0;
    json_out_begin_array(out, "points");
    for (int64_t second = present - PULSE_SECONDS + 1; second <= present; second++) {
        const struct pulse_second *slot = &pulse->seconds[second % PULSE_SECONDS];
        int64_t orders = slot->buys + slot->sells;
        if (slot->second != second || orders == 0)
            continue;
        json_out_begin(out, NULL);
        json_out_time(out, "ts", second * SECOND_US);
        json_out_money(out, "avgPrice", money_average(slot->price_sum, orders));
        json_out_int(out, "buyOrders", slot->buys);
        json_out_int(out, "sellOrders", slot->sells);
        json_out_end(out);
        buys += slot->buys;
        sells += slot->sells;
    }
    json_out_end_array(out);
    json_out_begin(out, "stats");
    json_out_string(out, "lastPrice", last_price);
    double orders = buys + sells > 0 ? (double)(buys + sells) : 1;
    json_out_double(out, "buyShare", (double)buys / orders);
    json_out_double(out, "sellShare", (double)sells / orders);
    json_out_int(out, "ordersSampled", buys + sells);
    json_out_end(out);
}
