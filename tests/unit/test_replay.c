#include <string.h>

#include "base.h"
#include "check_main.h"
#include "reconciler/replay.h"

enum { BUY = 1, SELL = 2, OPEN = 0, ACCEPTED = 2, CANCELLED = 3, REJECTED = 4 };

/* An order of 6 at 100.00, and what is stored of it. */
static const struct {
    const char *what, *seed;
    bool cancel_requested, lost;
    uint32_t type, filled, trades;
    uint32_t quantities[4];
    bool ok;
} orders[] = {
    {"a full fill", "any", false, false, ACCEPTED, 6, 1, {6}, true},
    {"a full fill is no cancel's business", "any", true, false, ACCEPTED, 6, 1, {6}, true},
    {"three trades", "partial:3", false, false, ACCEPTED, 6, 3, {2, 2, 2}, true},
    {"cut short by a cancel request", "partial:3", true, false, ACCEPTED, 4, 2, {2, 2}, true},
    {"cut short by nobody", "partial:3", false, false, ACCEPTED, 4, 2, {2, 2}, false},
    {"split otherwise", "partial:3", false, false, ACCEPTED, 6, 3, {3, 2, 1}, false},
    {"split, though one trade is planned", "any", false, false, ACCEPTED, 6, 2, {3, 3}, false},
    {"cut short in the wrong place", "partial:3", true, false, ACCEPTED, 3, 2, {2, 1}, false},
    {"cancelled by its seed", "cancel", false, false, CANCELLED, 0, 0, {0}, true},
    {"filled though its seed cancels", "cancel", false, false, ACCEPTED, 6, 1, {6}, false},
    {"cancelled on request", "any", true, false, CANCELLED, 0, 0, {0}, true},
    {"cancelled by nobody", "any", false, false, CANCELLED, 0, 0, {0}, false},
    {"cancelled with a trade", "partial:3", true, false, CANCELLED, 2, 1, {2}, false},
    {"hangs", "hang", false, false, OPEN, 0, 0, {0}, true},
    {"hung, cancelled on request", "hang", true, false, CANCELLED, 0, 0, {0}, true},
    {"hung, filled all the same", "hang", false, false, ACCEPTED, 6, 1, {6}, false},
    {"open", "slow:5000", false, false, OPEN, 0, 0, {0}, true},
    {"open between its trades", "partial:3", false, false, OPEN, 0, 2, {2, 2}, true},
    {"open after its last trade", "partial:3", false, false, OPEN, 0, 3, {2, 2, 2}, false},
    {"lost", "any", false, true, OPEN, 0, 0, {0}, false},
    {"lost, though it only hangs", "hang", false, true, OPEN, 0, 0, {0}, false},
    {"rejected", "any", false, false, REJECTED, 0, 0, {0}, false},
};

static struct replay_order make(size_t row, uint64_t seq)
{
    struct replay_order order = {.seq = seq,
                                 .simulation_seed = orders[row].seed,
                                 .side = BUY,
                                 .quantity = 6,
                                 .price = money_cents(10000),
                                 .cancel_requested = orders[row].cancel_requested,
                                 .lost = orders[row].lost,
                                 .final_type = orders[row].type,
                                 .final_quantity = orders[row].filled,
                                 .trade_count = orders[row].trades};
    for (uint32_t i = 0; i < orders[row].trades; i++)
        order.trades[i] =
            (struct replay_trade){.leg = i + 1, .quantity = orders[row].quantities[i], .price = money_cents(10000)};
    return order;
}

START_TEST(an_order_is_compared_with_its_plan)
{
    struct replay replay;
    struct replay_order order = make((size_t)_i, 42);
    replay_init(&replay);
    ck_assert_msg(replay_add(&replay, &order) == orders[_i].ok, "%s", orders[_i].what);
    ck_assert_msg((replay.live_hash == replay.replay_hash) == orders[_i].ok, "%s: hashes", orders[_i].what);
    ck_assert_uint_eq(replay.first_divergence, orders[_i].ok ? 0 : 42);
    ck_assert_uint_eq(replay.orders, 1);
}
END_TEST

START_TEST(another_price_or_leg_diverges)
{
    struct replay replay;
    struct replay_order order = make(2, 1);
    replay_init(&replay);
    order.trades[1].price = money_cents(10001);
    ck_assert(!replay_add(&replay, &order));
    order = make(2, 2);
    order.trades[2].leg = 4;
    ck_assert(!replay_add(&replay, &order));
    ck_assert_uint_eq(replay.divergences, 2);
    ck_assert_uint_eq(replay.first_divergence, 1);
}
END_TEST

START_TEST(more_trades_than_any_plan_has_diverge)
{
    struct replay replay;
    struct replay_order order = make(0, 1);
    replay_init(&replay);
    order.trade_count = 1000;
    for (uint32_t i = 0; i < REPLAY_TRADES_MAX; i++)
        order.trades[i] = (struct replay_trade){.leg = i + 1, .quantity = 1, .price = order.price};
    ck_assert(!replay_add(&replay, &order));
}
END_TEST

START_TEST(the_hash_depends_on_order_and_outcome)
{
    struct replay forward, backward;
    struct replay_order first = make(0, 1), second = make(2, 2);
    replay_init(&forward);
    replay_init(&backward);
    ck_assert(replay_add(&forward, &first) && replay_add(&forward, &second));
    ck_assert(replay_add(&backward, &second) && replay_add(&backward, &first));
    ck_assert_uint_ne(forward.live_hash, backward.live_hash);
    /* Written down once and for ever: two machines must come to one hash. */
    ck_assert_uint_eq(forward.live_hash, 18059807462777232705ULL);
}
END_TEST

CHECK_MAIN("replay", tcase_add_loop_test(cases, an_order_is_compared_with_its_plan, 0, (int)TB_ARRAY_SIZE(orders));
           tcase_add_test(cases, another_price_or_leg_diverges);
           tcase_add_test(cases, more_trades_than_any_plan_has_diverge);
           tcase_add_test(cases, the_hash_depends_on_order_and_outcome);)
