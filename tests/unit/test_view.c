/* The view's sums, from records in any order between the feeds. */
#include "view.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "check_main.h"

static char clusius[] = "clusius", other[] = "oosterwijck";

static Tb__OrderRecord order_of(uint64_t seq, char *user, Tb__Side side, uint32_t quantity, int64_t price)
{
    Tb__OrderRecord record = TB__ORDER_RECORD__INIT;
    record.seq = seq;
    record.kind = TB__ORDER_RECORD__KIND__KIND_ORDER;
    record.user_id = user;
    record.side = side;
    record.quantity = quantity;
    record.price_cents = price;
    return record;
}

static Tb__ExecutionRecord final_of(uint64_t order_seq, char *user, Tb__Side side, Tb__ExecutionRecord__Type type,
                                    int64_t notional)
{
    Tb__ExecutionRecord record = TB__EXECUTION_RECORD__INIT;
    record.order_seq = order_seq;
    record.user_id = user;
    record.side = side;
    record.type = type;
    record.notional_cents = notional;
    return record;
}

static Tb__BalanceRecord fill_of(uint64_t order_seq, char *user, int64_t resulting, uint64_t version)
{
    Tb__BalanceRecord record = TB__BALANCE_RECORD__INIT;
    record.type = TB__BALANCE_RECORD__TYPE__BALANCE_UPDATED;
    record.reason = TB__BALANCE_RECORD__REASON__ORDER_FILL;
    record.order_seq = order_seq;
    record.user_id = user;
    record.resulting_cents = resulting;
    record.version = version;
    record.created_at_us = 1000 + (int64_t)version;
    return record;
}

static int64_t pending(const struct view *view, const char *user)
{
    const struct view_user *found = view_find(view, user);
    return found == NULL ? 0 : found->pending.cents;
}

#define BUY       TB__SIDE__SIDE_BUY
#define SELL      TB__SIDE__SIDE_SELL
#define ACCEPTED  TB__EXECUTION_RECORD__TYPE__ORDER_ACCEPTED
#define CANCELLED TB__EXECUTION_RECORD__TYPE__ORDER_CANCELLED

START_TEST(an_order_pends_until_it_is_settled)
{
    struct view view;
    view_init(&view);
    Tb__OrderRecord order = order_of(1, clusius, BUY, 10, 12420);
    Tb__ExecutionRecord final = final_of(1, clusius, BUY, ACCEPTED, 124000);
    Tb__BalanceRecord fill = fill_of(1, clusius, 876000, 2);
    view_apply_order(&view, &order);
    ck_assert_int_eq(pending(&view, "clusius"), -124200);
    ck_assert(view_order_is_open(&view, 1));
    view_apply_execution(&view, &final);
    ck_assert_int_eq(pending(&view, "clusius"), -124000);
    ck_assert(!view_order_is_open(&view, 1));
    view_apply_balance(&view, &fill);
    ck_assert_int_eq(pending(&view, "clusius"), 0);
    ck_assert_int_eq(view_find(&view, "clusius")->balance.cents, 876000);
    ck_assert_int_eq(view_find(&view, "clusius")->balance_updated_at_us, 1002);
    ck_assert_uint_eq(view.order_count, 0);
    view_release(&view);
}
END_TEST

START_TEST(a_sale_counts_up_and_a_cancelled_order_not_at_all)
{
    struct view view;
    view_init(&view);
    Tb__OrderRecord sale = order_of(1, clusius, SELL, 2, 500), bought = order_of(2, other, BUY, 1, 300);
    Tb__ExecutionRecord trade = final_of(1, clusius, SELL, TB__EXECUTION_RECORD__TYPE__TRADE_EXECUTED, 500);
    Tb__ExecutionRecord end = final_of(1, clusius, SELL, CANCELLED, 0);
    view_apply_order(&view, &sale);
    view_apply_order(&view, &bought);
    ck_assert_int_eq(pending(&view, "clusius"), 1000);
    ck_assert_int_eq(pending(&view, "oosterwijck"), -300);
    view_apply_execution(&view, &trade); /* a part of it: the order stays open */
    ck_assert_int_eq(pending(&view, "clusius"), 1000);
    view_apply_execution(&view, &end);
    ck_assert_int_eq(pending(&view, "clusius"), 0);
    ck_assert_uint_eq(view.order_count, 1);
    view_release(&view);
}
END_TEST

/* The three records of one order, and the sequencer's answer before its feed, in every order that can happen. */
START_TEST(in_whatever_order_the_feeds_come_the_sum_ends_at_zero)
{
    static const char *const orders[] = {"OEB",  "OBE",  "EOB",  "EBO",  "BOE",  "BEO", "AOEB",
                                         "AEBO", "AEOB", "AOBE", "EAOB", "EBAO", "BAEO"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(orders); i++) {
        struct view view;
        view_init(&view);
        follow_init(&view.follow[VIEW_ORDERS], 0);
        Tb__OrderRecord order = order_of(1, clusius, BUY, 10, 100);
        Tb__ExecutionRecord final = final_of(1, clusius, BUY, ACCEPTED, 900);
        Tb__BalanceRecord fill = fill_of(1, clusius, 5000, 2);
        bool final_seen = false, settled = false, known = false;
        for (const char *c = orders[i]; *c != '\0'; c++) {
            known = known || *c != 'B';
            final_seen = final_seen || *c == 'E';
            settled = settled || *c == 'B';
            if (*c == 'A')
                view_apply_answer(&view, &order);
            else if (*c == 'E')
                view_apply_execution(&view, &final);
            else if (*c == 'B')
                view_apply_balance(&view, &fill);
            else {
                size_t skip;
                ck_assert_int_eq(follow_offer(&view.follow[VIEW_ORDERS], 1, 1, &skip), FOLLOW_TAKE);
                view_apply_order(&view, &order);
            }
            int64_t expected = settled || !known ? 0 : final_seen ? -900 : -1000;
            ck_assert_msg(pending(&view, "clusius") == expected, "%s at %c: %lld", orders[i], *c,
                          (long long)pending(&view, "clusius"));
        }
        ck_assert_msg(view.order_count == 0, "%s leaves an entry", orders[i]);
        view_apply_answer(&view, &order); /* later than all feeds */
        ck_assert_uint_eq(view.order_count, 0);
        view_release(&view);
    }
}
END_TEST

START_TEST(many_orders_come_and_go_without_a_trace)
{
    enum { ORDERS = 20000 };
    struct view view;
    unsigned random = 1;
    view_init(&view);
    uint8_t *stage = tb_alloc_zero(ORDERS + 1, 1);
    size_t left = ORDERS * 3;
    int64_t expected = 0;
    for (uint64_t window = 1; left > 0;) {
        random = random * 1103515245U + 12345U;
        uint64_t seq = window + (random >> 16) % 500;
        if (seq > ORDERS || stage[seq] == 3) {
            while (window <= ORDERS && stage[window] == 3)
                window++;
            if (seq > ORDERS)
                continue;
        }
        if (stage[seq] == 3)
            continue;
        Tb__OrderRecord order = order_of(seq, seq % 2 == 0 ? clusius : other, BUY, 1, (int64_t)seq);
        Tb__ExecutionRecord final = final_of(seq, order.user_id, BUY, ACCEPTED, (int64_t)seq);
        Tb__BalanceRecord fill = fill_of(seq, order.user_id, 0, seq);
        int64_t part = seq % 2 == 0 ? (int64_t)seq : 0;
        if (stage[seq] == 0) {
            view_apply_order(&view, &order);
            expected -= part;
        } else if (stage[seq] == 1) {
            view_apply_execution(&view, &final);
        } else {
            view_apply_balance(&view, &fill);
            expected += part;
        }
        stage[seq]++;
        left--;
        check_quick(pending(&view, "clusius") == expected);
    }
    ck_assert_uint_eq(view.order_count, 0);
    ck_assert_int_eq(pending(&view, "oosterwijck"), 0);
    ck_assert_uint_le(view.order_capacity, 8192); /* it shrinks again */
    free(stage);
    view_release(&view);
}
END_TEST

START_TEST(a_discarded_adjustment_no_longer_pends)
{
    struct view view;
    view_init(&view);
    view_set_unsettled(&view, 7, "clusius", money_cents(-500));
    ck_assert_int_eq(pending(&view, "clusius"), -500);
    Tb__BalanceRecord event = fill_of(7, clusius, 0, 0);
    event.type = TB__BALANCE_RECORD__TYPE__DEAD_LETTERED;
    view_apply_balance(&view, &event);
    ck_assert_int_eq(pending(&view, "clusius"), -500);
    event.type = TB__BALANCE_RECORD__TYPE__DEAD_LETTER_DISCARDED;
    view_apply_balance(&view, &event);
    ck_assert_int_eq(pending(&view, "clusius"), 0);
    ck_assert_uint_eq(view.order_count, 0);
    view_release(&view);
}
END_TEST

START_TEST(a_compensation_settles_nothing)
{
    struct view view;
    view_init(&view);
    view_set_unsettled(&view, 7, "clusius", money_cents(-500));
    Tb__BalanceRecord event = fill_of(7, clusius, 99, 5);
    event.reason = TB__BALANCE_RECORD__REASON__COMPENSATION;
    view_apply_balance(&view, &event);
    ck_assert_int_eq(pending(&view, "clusius"), -500);
    ck_assert_int_eq(view_find(&view, "clusius")->balance.cents, 99);
    view_release(&view);
}
END_TEST

START_TEST(sums_beyond_64_bits_are_held_and_come_back)
{
    struct view view;
    view_init(&view);
    enum { ORDERS = 20000 };
    for (uint64_t seq = 1; seq <= ORDERS; seq++) {
        Tb__OrderRecord order = order_of(seq, clusius, BUY, 1000000, 1000000000);
        view_apply_order(&view, &order);
    }
    ck_assert(pending(&view, "clusius") == INT64_MIN);
    for (uint64_t seq = 2; seq <= ORDERS; seq++) {
        Tb__ExecutionRecord end = final_of(seq, clusius, BUY, CANCELLED, 0);
        view_apply_execution(&view, &end);
    }
    ck_assert_int_eq(pending(&view, "clusius"), -1000000000000000);
    view_release(&view);
}
END_TEST

START_TEST(an_older_version_changes_nothing)
{
    struct view view;
    view_init(&view);
    char name[] = "Carolus", renamed[] = "Charles", bio[] = "b";
    Tb__Persona persona = TB__PERSONA__INIT;
    persona.user_id = clusius;
    persona.display_name = renamed;
    persona.bio = bio;
    persona.version = 5;
    view_set_persona(&view, &persona);
    ck_assert(view_user_may_trade(&view, "clusius"));
    ck_assert_ptr_null(view_find(&view, "clusius")->avatar_url);
    persona.version = 4;
    persona.display_name = name;
    persona.deleted = true;
    view_set_persona(&view, &persona);
    ck_assert_str_eq(view_find(&view, "clusius")->display_name, "Charles");
    ck_assert(view_user_may_trade(&view, "clusius"));
    persona.version = 6;
    view_set_persona(&view, &persona);
    ck_assert(!view_user_may_trade(&view, "clusius"));
    ck_assert_str_eq(view_find(&view, "clusius")->display_name, "Carolus");
    view_set_balance(&view, "clusius", money_cents(5), 3, 33);
    view_set_balance(&view, "clusius", money_cents(9), 2, 22);
    ck_assert_int_eq(view_find(&view, "clusius")->balance.cents, 5);
    ck_assert(!view_user_may_trade(&view, "nobody"));
    view_set_balance(&view, "only-balance", money_cents(1), 1, 1);
    ck_assert(!view_user_may_trade(&view, "only-balance"));
    view_release(&view);
}
END_TEST

START_TEST(an_order_not_told_of_counts_as_open)
{
    struct view view;
    view_init(&view);
    follow_init(&view.follow[VIEW_ORDERS], 10);
    ck_assert(!view_order_is_open(&view, 10)); /* known, and no entry: settled long ago */
    ck_assert(view_order_is_open(&view, 11));
    view_release(&view);
}
END_TEST

CHECK_MAIN("view", tcase_add_test(cases, an_order_pends_until_it_is_settled);
           tcase_add_test(cases, a_sale_counts_up_and_a_cancelled_order_not_at_all);
           tcase_add_test(cases, in_whatever_order_the_feeds_come_the_sum_ends_at_zero);
           tcase_add_test(cases, many_orders_come_and_go_without_a_trace);
           tcase_add_test(cases, a_discarded_adjustment_no_longer_pends);
           tcase_add_test(cases, a_compensation_settles_nothing);
           tcase_add_test(cases, sums_beyond_64_bits_are_held_and_come_back);
           tcase_add_test(cases, an_older_version_changes_nothing);
           tcase_add_test(cases, an_order_not_told_of_counts_as_open);)
