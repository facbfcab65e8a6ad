#include <stdio.h>
#include <string.h>

#include "base.h"
#include "check_main.h"
#include "simfill/plan.h"

enum { BUY = 1, SELL = 2 };

/* Written down once and for ever: a change here changes what stored orders should have come to (I7). */
static const struct {
    const char *seed;
    uint32_t side, quantity;
    int64_t price_cents;
    enum simfill_kind kind;
    int64_t delay_us;
    uint32_t legs, first, last, deliveries;
    bool poison;
} golden[] = {
    {"", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 1, false},
    {"whatever", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 1, false},
    {"cancel", BUY, 10, 12420, SIMFILL_CANCEL, -1, 0, 0, 0, 1, false},
    {"hang", SELL, 10, 12420, SIMFILL_HANG, 0, 0, 0, 0, 1, false},
    {"poison-balance", SELL, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 1, true},
    {"slow:0", BUY, 10, 12420, SIMFILL_FILL, 0, 1, 10, 10, 1, false},
    {"slow:5000", BUY, 10, 12420, SIMFILL_FILL, 5000000, 1, 10, 10, 1, false},
    {"slow:3600000", BUY, 10, 12420, SIMFILL_FILL, 3600000000, 1, 10, 10, 1, false},
    {"partial:1", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 1, false},
    {"partial:2", BUY, 10, 12420, SIMFILL_FILL, -1, 2, 5, 5, 1, false},
    {"partial:16", BUY, 16, 12420, SIMFILL_FILL, -1, 16, 1, 1, 1, false},
    {"dup:3", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 3, false},
    {"dup:100", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 100, false},
    /* Out of range or malformed: an ordinary seed. */
    {"slow:3600001", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 1, false},
    {"slow:05", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 1, false},
    {"slow:-1", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 1, false},
    {"slow:18446744073709551617", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 1, false},
    {"partial:0", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 1, false},
    {"partial:17", BUY, 100, 12420, SIMFILL_FILL, -1, 1, 100, 100, 1, false},
    {"partial:11", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 1, false},
    {"partial:", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 1, false},
    {"partial:3x", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 1, false},
    {"partial", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 1, false},
    {"dup:0", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 1, false},
    {"dup:101", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 1, false},
    {"cancel ", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 1, false},
    {"Hang", BUY, 10, 12420, SIMFILL_FILL, -1, 1, 10, 10, 1, false},
};

START_TEST(a_seed_gives_the_documented_plan)
{
    struct simfill_plan plan = simfill_plan(golden[_i].seed, golden[_i].side, golden[_i].quantity,
                                            money_cents(golden[_i].price_cents), 120000);
    ck_assert_int_eq(plan.kind, golden[_i].kind);
    ck_assert_uint_eq(plan.leg_count, golden[_i].legs);
    ck_assert_uint_eq(plan.deliveries, golden[_i].deliveries);
    ck_assert_int_eq(plan.poison, golden[_i].poison);
    if (golden[_i].delay_us >= 0) {
        ck_assert_int_eq(plan.delay_us, golden[_i].delay_us);
    } else {
        ck_assert_int_ge(plan.delay_us, 0);
        ck_assert_int_le(plan.delay_us, 120000);
    }
    if (plan.leg_count > 0) {
        ck_assert_uint_eq(plan.quantities[0], golden[_i].first);
        ck_assert_uint_eq(plan.quantities[plan.leg_count - 1], golden[_i].last);
        ck_assert_int_eq(simfill_plan_leg_us(&plan, plan.leg_count), plan.delay_us);
    }
}
END_TEST

START_TEST(the_hash_never_changes)
{
    ck_assert_int_eq(simfill_plan("golden", BUY, 10, money_cents(12420), INT64_MAX - 1).delay_us, 291485548637712960);
    ck_assert_int_eq(simfill_plan("golden", SELL, 10, money_cents(12420), INT64_MAX - 1).delay_us, 2540345509345618619);
    ck_assert_int_eq(simfill_plan(NULL, BUY, 10, money_cents(12420), 1000).delay_us,
                     simfill_plan("", BUY, 10, money_cents(12420), 1000).delay_us);
}
END_TEST

START_TEST(parts_differ_by_one_at_most_and_add_up)
{
    for (uint32_t quantity = 1; quantity <= 200; quantity++) {
        for (uint32_t legs = 1; legs <= SIMFILL_LEGS_MAX && legs <= quantity; legs++) {
            char seed[16];
            snprintf(seed, sizeof seed, "partial:%u", legs);
            struct simfill_plan plan = simfill_plan(seed, BUY, quantity, money_cents(1), 120000);
            check_quick(plan.leg_count == legs);
            uint32_t sum = 0;
            int64_t before_us = -1;
            for (uint32_t i = 0; i < legs; i++) {
                sum += plan.quantities[i];
                check_quick(plan.quantities[i] == quantity / legs || plan.quantities[i] == quantity / legs + 1);
                check_quick(simfill_plan_leg_us(&plan, i + 1) >= before_us);
                before_us = simfill_plan_leg_us(&plan, i + 1);
            }
            check_quick(sum == quantity);
        }
    }
}
END_TEST

START_TEST(the_delay_setting_changes_nothing_but_the_delay)
{
    for (uint32_t quantity = 3; quantity < 500; quantity++) {
        struct simfill_plan fast = simfill_plan("partial:3", SELL, quantity, money_cents(99), 0);
        struct simfill_plan slow = simfill_plan("partial:3", SELL, quantity, money_cents(99), 60000000);
        check_quick(fast.delay_us == 0);
        check_quick(memcmp(fast.quantities, slow.quantities, sizeof fast.quantities) == 0);
    }
}
END_TEST

START_TEST(delays_spread_over_the_whole_range)
{
    unsigned tenths[10] = {0};
    for (int i = 0; i < 10000; i++) {
        char seed[16];
        snprintf(seed, sizeof seed, "%d", i);
        tenths[simfill_plan(seed, BUY, 10, money_cents(12420), 119999).delay_us / 12000]++;
    }
    for (unsigned i = 0; i < 10; i++)
        ck_assert_msg(tenths[i] > 800 && tenths[i] < 1200, "tenth %u has %u of 10000", i, tenths[i]);
}
END_TEST

CHECK_MAIN("simfill_plan", tcase_add_loop_test(cases, a_seed_gives_the_documented_plan, 0, (int)TB_ARRAY_SIZE(golden));
           tcase_add_test(cases, the_hash_never_changes); tcase_add_test(cases, parts_differ_by_one_at_most_and_add_up);
           tcase_add_test(cases, the_delay_setting_changes_nothing_but_the_delay);
           tcase_add_test(cases, delays_spread_over_the_whole_range);)
